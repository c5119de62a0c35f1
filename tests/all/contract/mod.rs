//! The contract every kind of source keeps: whatever its server answers, nobody is called absent who is there, and when the
//! server is well again, everybody is known again.
//!
//! ```text
//! kinds   every kind of source, with its scope and its server's character: one place to add one
//! rig     a server, a source and a state file; one round is pull, store, ask
//! cases   what servers do on good and on bad days
//! ```
//!
//! Every case runs over every kind, each as a test of its own (`contract::okta_groups::html_with_200`); `scripts/contract`
//! prints them as a table.

mod cases;
pub(crate) mod kinds;
pub(crate) mod rig;

macro_rules! contract {
    ($($kind:ident)*) => { $( contract!(@kind $kind;
        pages_of_every_size
        a_second_round_changes_nothing
        joiner_mover_leaver_returner
        an_empty_first_page
        an_empty_page_in_the_middle
        nothing_but_empty_pages
        a_looping_link
        a_foreign_link
        a_redirect
        a_truncated_body
        html_with_200
        nulls_for_missing_permissions
        one_error_in_the_middle
        errors_without_end
        one_throttle_in_the_middle
        throttles_without_end
        one_lost_reply
        credentials_refused_once_in_the_middle
        credentials_refused_for_good
        forbidden
        not_found
        a_malformed_record
        one_person_then_nobody
        very_many_people
    ); )* };
    (@kind $kind:ident; $($case:ident)*) => {
        mod $kind {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    super::cases::$case(&super::kinds::$kind()).await;
                }
            )*
        }
    };
}

kinds::kinds_that_read_absence! { contract;
    scim_cursor_only
    scim_filter_ignoring
    scim_case_mangling
    scim_no_discovery
    scim_odd_ids
    scim_text_dates
}
