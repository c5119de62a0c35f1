//! The one disease of this whole class of software is mass loss: a shift of agents is deleted because a directory answered
//! with an empty page. Here every way in which that has happened to somebody happens to every kind of source.
//!
//! ```text
//! subjects   the kinds of source, and several sources at once
//! site       a contact centre over one of them: whole runs on the most dangerous policy there is
//! answers    scenarios of what a server answers       upstream   scenarios of what was done to the directory
//! ours       scenarios of what was done to rollcall   guarded    true mass removals, which the guard holds
//! ```
//!
//! Leavers are deleted at once, without grace, and the guard lets everything through: what saves the people must be that
//! absence is proven, nothing else.
//!
//! Invariant: after every run of every cell nobody has lost access, by the journal of Connect itself.
//! Invariant: every cell ends with a message that says what happened and what to do, and, when the trouble is over, with
//! everybody as before and a run that does nothing.
//! Invariant: where a scenario has no meaning for a kind, [`NO_MEANING`] says why, and it is proved to be so.
//!
//! Each cell is a test of its own (`mass_loss::okta_groups::empty_200`); `scripts/mass-loss` prints them as a table.

mod answers;
mod guarded;
mod ours;
mod site;
mod subjects;
mod upstream;

use std::pin::Pin;

use site::Site;
use subjects::Subject;

use crate::contract::kinds::kinds_that_read_absence;

/// What happens, and is over at the end of it.
type Scenario = for<'a> fn(&'a mut Site) -> Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Why a scenario has no meaning for a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// The whole directory is in scope: there is no group to lose.
    NoGroups,
    /// Nothing but a listing of everybody, every time.
    EveryPullIsFull,
    /// What changed is asked for by its time; there is no link that could die. (Okta's log has one, which is started anew a
    /// while back: see the bad days of Okta.)
    NoDeltaLinks,
}

/// The cells without a meaning. A cell that is in here and has one is an error, as is one that is not and has none.
const NO_MEANING: &[(&str, &str, Why)] = &[
    ("group_emptied_upstream", "microsoft_everybody", Why::NoGroups),
    ("group_emptied_upstream", "okta_everybody", Why::NoGroups),
    ("group_emptied_upstream", "scim_cursors", Why::NoGroups),
    ("group_emptied_upstream", "scim_index", Why::NoGroups),
    ("group_emptied_upstream", "scim_sloppy", Why::NoGroups),
    ("group_emptied_upstream", "scim_filter_nothing", Why::NoGroups),
    ("group_emptied_upstream", "scim_page_sized_totals", Why::NoGroups),
    ("failing_member_page", "microsoft_everybody", Why::NoGroups),
    ("failing_member_page", "okta_everybody", Why::NoGroups),
    ("failing_member_page", "scim_cursors", Why::NoGroups),
    ("failing_member_page", "scim_index", Why::NoGroups),
    ("failing_member_page", "scim_sloppy", Why::NoGroups),
    ("failing_member_page", "scim_filter_nothing", Why::NoGroups),
    ("failing_member_page", "scim_page_sized_totals", Why::NoGroups),
    ("one_group_to_none", "microsoft_everybody", Why::NoGroups),
    ("one_group_to_none", "okta_everybody", Why::NoGroups),
    ("one_group_to_none", "scim_cursors", Why::NoGroups),
    ("one_group_to_none", "scim_index", Why::NoGroups),
    ("one_group_to_none", "scim_sloppy", Why::NoGroups),
    ("one_group_to_none", "scim_filter_nothing", Why::NoGroups),
    ("one_group_to_none", "scim_page_sized_totals", Why::NoGroups),
    ("expired_delta", "microsoft_nested", Why::EveryPullIsFull),
    ("expired_delta", "okta_everybody", Why::NoDeltaLinks),
    ("expired_delta", "okta_groups", Why::NoDeltaLinks),
    ("expired_delta", "okta_app", Why::NoDeltaLinks),
    ("expired_delta", "scim_cursors", Why::NoDeltaLinks),
    ("expired_delta", "scim_index", Why::NoDeltaLinks),
    ("expired_delta", "scim_groups", Why::NoDeltaLinks),
    ("expired_delta", "scim_groups_on_users", Why::NoDeltaLinks),
    ("expired_delta", "scim_sloppy", Why::NoDeltaLinks),
    ("expired_delta", "scim_filter_nothing", Why::NoDeltaLinks),
    ("expired_delta", "scim_page_sized_totals", Why::NoDeltaLinks),
    ("expired_delta", "second_of_two", Why::NoDeltaLinks),
];

/// Scenarios that are about groups, and about delta links.
const OF_GROUPS: &[&str] = &["group_emptied_upstream", "failing_member_page", "one_group_to_none"];
const OF_DELTAS: &[&str] = &["expired_delta"];

/// One cell of the table.
async fn cell(scenario: &str, name: &str, subject: Subject, happen: Scenario) {
    let reason = NO_MEANING.iter().find(|(of, on, _)| (*of, *on) == (scenario, name)).map(|(.., why)| *why);
    assert_eq!(reason, subject.without_meaning(scenario), "{scenario} on {name}");
    if let Some(why) = reason {
        return tell(scenario, name, &format!("({why:?})"));
    }
    let mut site = Site::new(subject).await;
    happen(&mut site).await;
    let said = site.said.first().unwrap_or_else(|| panic!("{scenario} on {name}: nothing was said"));
    assert!(said.contains(" → ") || said.contains('('), "nothing to do is said: {said}");
    tell(scenario, name, said);
    site.converges().await;
}

/// A line of the table, for `scripts/mass-loss`, which names a folder to put it in.
fn tell(scenario: &str, name: &str, said: &str) {
    if let Some(folder) = std::env::var_os("MASS_LOSS_TABLE") {
        let line = format!("{scenario}\t{name}\t0\t{}\n", said.replace(['\n', '\t'], " "));
        std::fs::write(std::path::Path::new(&folder).join(format!("{scenario}.{name}")), line).unwrap();
    }
}

macro_rules! table {
    ($($subject:ident)*) => {
        $( table!(@subject $subject;
            answers(api_error_mid_read empty_200 unavailable_read_as_gone silent_page_limit page_bound_reached looping_links
                truncated_body sign_in_page_with_200 null_permission_fields failing_member_page)
            upstream(group_emptied_upstream one_group_to_none department_renamed_for_everybody expired_delta
                narrow_admin_role another_tenants_credentials)
            ours(filter_changed restored_old_database lost_database)
        ); )*
    };
    (@subject $subject:ident; $($of:ident($($scenario:ident)*))*) => {
        mod $subject {
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $scenario() {
                    let subject = super::subjects::$subject();
                    let happen: super::Scenario = |site| Box::pin(super::$of::$scenario(site));
                    super::cell(stringify!($scenario), stringify!($subject), subject, happen).await;
                }
            )*)*
        }
    };
}

kinds_that_read_absence! { table;
    first_of_two
    second_of_two
}
