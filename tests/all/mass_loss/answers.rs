//! What a server answers on bad days.

use connectors::http::HttpLimits;
use rollcall::sandbox::faults::FaultKind;

use super::site::{Site, status};
use super::subjects::point_reads;
use crate::contract::rig::limits;

/// A full read fails on its third page, and the two pages that came were taken for everybody.
pub(super) async fn api_error_mid_read(site: &mut Site) {
    site.strike_listings(2, &status(500, "generalException"));
    site.runs(&[true, false, true]).await;
    site.must_have_said(&["status 500", "500"]);
    site.well_again();
}

/// The service has a bad minute and answers 200 with nobody in it; the peer deleted everybody.
pub(super) async fn empty_200(site: &mut Site) {
    site.strike_listings(0, &FaultKind::EmptyPage);
    site.runs(&[true, false, true]).await;
    site.must_have_said(&[
        "nobody",
        "none",
        "does not exist any more",
        "no group",
        "missing from a listing",
        "no membership",
        "not known to be whole",
    ]);
    site.well_again();
}

/// An overloaded service, or the proxy before it, refuses reads of single people, and every refusal was read as "gone".
pub(super) async fn unavailable_read_as_gone(site: &mut Site) {
    for code in [503, 404, 410] {
        site.strike_listings(0, &status(code, "made-up"));
        site.strike(point_reads(site.subject.struck()), 0, &status(code, "made-up"));
        site.runs(&[true, false]).await;
        site.well_again();
    }
    // The listing is short as well, so that people are asked for one by one.
    site.strike_listings(2, &FaultKind::EmptyPage);
    site.strike(point_reads(site.subject.struck()), 0, &status(503, "made-up"));
    site.runs(&[true, false, true]).await;
    site.must_have_said(&["503"]);
    site.well_again();
}

/// A page limit that nobody knew of: the third page is empty, and the listing says that it is over.
pub(super) async fn silent_page_limit(site: &mut Site) {
    site.strike_listings(2, &FaultKind::EmptyPage);
    site.runs(&[true, false, true, true]).await;
    site.must_have_said(&[
        "missing from a listing",
        "not known to be whole",
        "people where the org counts",
        "who was listed",
        "no group is called",
        "cannot be listed",
        "no membership",
        "now has none",
        "nobody",
        "count",
    ]);
    site.well_again();
}

/// Our own bound on pages is reached, and the pages read so far were taken for the whole.
pub(super) async fn page_bound_reached(site: &mut Site) {
    site.build(HttpLimits { pages: 3, ..limits() }, |kind, sandbox, secret, limits| {
        (kind.source)(sandbox, secret, limits)
    });
    site.runs(&[true, false, true]).await;
    site.must_have_said(&["more than 3 pages"]);
    site.as_configured();
}

/// Every page links to itself: a reader either never ends, or ends with a part.
pub(super) async fn looping_links(site: &mut Site) {
    site.strike_listings(1, &FaultKind::LoopingLink);
    site.runs(&[true, false, true]).await;
    site.must_have_said(&["page"]);
    site.well_again();
}

/// Answers break off in the middle, with status 200.
pub(super) async fn truncated_body(site: &mut Site) {
    site.strike_listings(2, &FaultKind::Truncated);
    site.runs(&[true, false, true]).await;
    site.must_have_said(&["JSON", "cut", "is not", "could not be read", "page", "ends before its end"]);
    site.well_again();
}

/// A captive portal or an expired session: a sign-in page of HTML, with status 200.
pub(super) async fn sign_in_page_with_200(site: &mut Site) {
    site.strike_listings(0, &FaultKind::Html);
    site.runs(&[true, false, true]).await;
    site.must_have_said(&["HTML", "JSON", "is not", "proxies", "proxy"]);
    site.well_again();
}

/// A permission was taken away, and every field but the id reads null: "disabled", to a careless reader.
pub(super) async fn null_permission_fields(site: &mut Site) {
    site.strike_listings(0, &FaultKind::NullFields);
    site.runs(&[true, false, true]).await;
    site.must_have_said(&[
        "null",
        "permission",
        "may not",
        "cannot be read",
        "could not be read",
        "no membership",
        "missing",
    ]);
    site.well_again();
}

/// One page of one group's members cannot be read, and the others were taken for the group.
pub(super) async fn failing_member_page(site: &mut Site) {
    // A SCIM server has its members on one page, and a second witness in the users' own groups: both are refused.
    let skip = if site.subject.struck().service == "scim" { 0 } else { 1 };
    site.strike_listings(skip, &status(403, "Authorization_RequestDenied"));
    site.runs(&[true, false, true]).await;
    site.must_have_said(&["403", "permission"]);
    site.well_again();
}
