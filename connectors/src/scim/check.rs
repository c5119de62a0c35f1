//! What the server can do, a line each: found out by reading users and groups as a full pull does.
//!
//! Deliberately absent: shortcuts. Whether a listing is whole, totals are true and memberships complete shows only when
//! they are read; what discovery says is told beside what was seen, where the two differ.

use std::collections::BTreeSet;

use super::Scim;
use super::cursor::{Filter, Join, Learned, Method, Side};
use super::fault::Fault;
use super::full::{Survey, survey};
use super::probe;
use super::server::Session;
use crate::error::PullError;
use crate::source::CheckLine;

fn good(text: impl Into<String>) -> CheckLine {
    CheckLine { ok: true, text: text.into(), hint: None }
}

/// Not a fault, and worth a word.
fn hinted(text: impl Into<String>, hint: impl Into<String>) -> CheckLine {
    CheckLine { ok: true, text: text.into(), hint: Some(hint.into()) }
}

fn wrong(text: impl Into<String>, hint: impl Into<String>) -> CheckLine {
    CheckLine { ok: false, text: text.into(), hint: Some(hint.into()) }
}

fn bad(error: &PullError) -> CheckLine {
    wrong(error.to_string(), &error.hint)
}

/// Everything that can be checked from here.
pub(super) async fn check(source: &Scim) -> Vec<CheckLine> {
    let session = source.server.session();
    let mut lines = Vec::new();
    if let Err(fault) = look(source, &session, &mut lines).await {
        lines.push(bad(&fault.into()));
    }
    lines
}

async fn look(source: &Scim, session: &Session<'_>, lines: &mut Vec<CheckLine>) -> Result<(), Fault> {
    let learned = probe::discover(source, session, (source.clock)()).await?;
    let said = learned.announced.said;
    let survey = survey(source, session, learned).await;
    let mut survey = match survey {
        Ok(survey) => survey,
        Err(fault) => {
            if !matches!(fault.status(), None | Some(401)) {
                lines.push(good("the credential is accepted"));
            }
            return Err(fault);
        }
    };
    lines.push(good("the credential is accepted"));
    if !said {
        lines.push(good(
            "the server says nothing about itself (ServiceProviderConfig); what follows was found out by asking",
        ));
    }
    users(source, &survey, lines);
    memberships(&survey, lines);
    if survey.doubt.is_none() {
        survey.state(source, session, (source.clock)()).await?;
    }
    changes(source, &survey.learned, lines);
    differences(&survey, lines);
    lines.extend(survey.notes.iter().map(|note| wrong(note, "look at these records on the server")));
    lines.push(good(format!("{} requests were made", session.requests())));
    Ok(())
}

fn users(source: &Scim, survey: &Survey, lines: &mut Vec<CheckLine>) {
    let people = survey.people.ids().count();
    match (&survey.doubt, survey.facts) {
        (_, _) if people == 0 => lines.push(wrong("no user was listed", "check the credential's rights and base_url")),
        (Some(doubt), _) => {
            let hint =
                "nobody is removed while this is so; see the settings paging, page_size, first_index and membership";
            lines.push(wrong(format!("{people} users came, and there may be more: {doubt}"), hint));
        }
        (None, None) => lines.push(good(format!("{people} users were read one by one, as members of the groups"))),
        (None, Some(_)) if survey.moving => lines.push(good(format!(
            "{people} users came while others were added or removed; whoever is missing is asked for singly before it counts"
        ))),
        (None, Some(_)) => lines.push(good(format!("{people} users can be read, and that is everybody"))),
    }
    if let Some(facts) = survey.facts {
        let by = match facts.how.method {
            Method::Index => "index",
            Method::Cursor => "cursor",
        };
        let asked = facts.how.count;
        lines.push(good(format!("pages by {by}, {} records at most ({asked} were asked for)", facts.largest)));
        if facts.how.first != source.config().first_index {
            let first = facts.how.first;
            lines.push(hinted(
                format!("the server counts from {first}"),
                format!("set first_index = {first} to save a second reading"),
            ));
        }
        lines.push(match facts.total {
            Some(total) => good(format!("totalResults is trustworthy ({total})")),
            None => good(
                "totalResults was not shown to be more than the size of a page; every listing is read to an empty page",
            ),
        });
    }
    lines.push(match survey.learned.projection {
        Some(true) => good("`attributes` works: only what is needed is read"),
        Some(false) => good("`attributes` does not bring all that is asked for; whole records are read"),
        None => good("`attributes` could not be tried; whole records are read"),
    });
    let silent = survey.people.persons.values().filter(|person| person.active.is_none()).count();
    lines.push(match (survey.people.says_active(), silent) {
        (true, 0) => good("everybody says `active`"),
        (true, silent) => hinted(
            format!("{silent} of {people} users do not say `active`"),
            "set absent_active: by default they count as employed, as others say `active: true`",
        ),
        (false, 0) => hinted("nobody is active", "check that this is meant"),
        (false, silent) => wrong(
            format!("{silent} of {people} users do not say `active`, and nobody says that it is true"),
            "set absent_active; until then they are held as they are",
        ),
    });
    let spoilt = survey.people.spoilt.len();
    if spoilt > 0 {
        lines.push(wrong(
            format!("{spoilt} users cannot be read; they are held as they are"),
            "look at them on the server",
        ));
    }
}

fn memberships(survey: &Survey, lines: &mut Vec<CheckLine>) {
    if survey.found.followed.is_empty() {
        return;
    }
    let by = match survey.learned.join {
        Some(Join::Username) => ", by userName",
        Some(Join::Reference) => ", by $ref",
        Some(Join::Id) | None => "",
    };
    lines.push(match survey.learned.side {
        Some(Side::Users) => good("memberships are read from `groups` of the users"),
        _ if survey.learned.lists_members == Some(false) => {
            good(format!("memberships are read from `members` of each group alone{by}; lists do not show them"))
        }
        _ => good(format!("memberships are read from `members` of the groups{by}")),
    });
    for (name, id) in &survey.found.ids {
        let people = survey.members.get(id).map_or(0, BTreeSet::len);
        lines.push(good(format!("group `{name}` ({id}) has {people} people")));
    }
}

fn changes(source: &Scim, learned: &Learned, lines: &mut Vec<CheckLine>) {
    lines.push(match &learned.filter {
        _ if !source.config().incremental => good("every pull reads everybody, as configured"),
        Some(Filter::Proven) => good("changes are read by meta.lastModified: the filter was shown to work"),
        Some(Filter::Useless(why)) => good(format!("every pull reads everybody: {why}")),
        None => good("every pull reads everybody: changes of memberships or of users cannot be read alone"),
    });
    match learned.tags {
        Some(true) => lines.push(good("groups that did not change are not sent again (ETag)")),
        Some(false) => lines.push(good("groups are read whole every time: ETags do not work")),
        None => {}
    }
}

/// What the server says and does not do, or does and does not say.
fn differences(survey: &Survey, lines: &mut Vec<CheckLine>) {
    let Learned { announced, filter, tags, sort, .. } = &survey.learned;
    let paged = survey.facts.map(|facts| facts.how.method);
    let hint = "nothing depends on it; tell the server's administrator";
    let mut differs = |text: &str| lines.push(hinted(format!("the server says that it {text}"), hint));
    if announced.cursor == Some(true) && paged == Some(Method::Index) {
        differs("pages by cursor, and it does not");
    }
    if announced.cursor == Some(false) && paged == Some(Method::Cursor) {
        differs("does not page by cursor, and it does");
    }
    if announced.index == Some(false) && paged == Some(Method::Index) {
        differs("does not page by index, and it does");
    }
    if announced.sort == Some(true) && !sort {
        differs("sorts, and it refuses to");
    }
    if announced.filter == Some(true) && matches!(filter, Some(Filter::Useless(_))) {
        differs("filters, and a filter on meta.lastModified does not work");
    }
    if announced.filter == Some(false) && matches!(filter, Some(Filter::Proven)) {
        differs("does not filter, and it does");
    }
    if announced.etag == Some(true) && *tags == Some(false) {
        differs("knows ETags, and it does not");
    }
}
