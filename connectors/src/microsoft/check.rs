//! The smallest reads that prove credentials, permissions and scope; a line each.

use super::Microsoft;
use super::fault::Fault;
use super::graph::{Listing, Session, encode};
use super::groups::resolve_one;
use super::users::{Round, not_allowed};
use super::wire::{GroupItem, Plain, Users};
use crate::auth::ClientCredentials;
use crate::error::PullError;
use crate::paging::Ending;
use crate::source::CheckLine;

/// Beyond this the clock is worth a word; assertions tolerate more, but not much more.
const CLOCK_TOLERANCE_SECS: i64 = 60;

/// A certificate that ends within this many days should be replaced now.
const CERTIFICATE_WARNING_DAYS: i64 = 30;

fn good(text: impl Into<String>) -> CheckLine {
    CheckLine { ok: true, text: text.into(), hint: None }
}

fn bad(error: &PullError) -> CheckLine {
    CheckLine { ok: false, text: error.to_string(), hint: Some(error.hint.clone()) }
}

/// Everything that can be checked from here.
pub(super) async fn check(source: &Microsoft) -> Vec<CheckLine> {
    let session = source.graph().session();
    let tokens = source.graph().tokens();
    let token = tokens.get().await;
    let clock = clock_line(tokens.mint().clock_offset().seconds()).into_iter();
    let clock: Vec<CheckLine> = clock.chain(certificate_line(tokens.mint()).await).collect();
    if let Err(error) = token {
        let mut lines = vec![bad(&error.into())];
        lines.extend(clock);
        return lines;
    }
    let mut lines = vec![good("access token received")];
    lines.extend(clock);
    lines.push(one_user(source, &session).await.unwrap_or_else(|fault| bad(&fault.into())));
    let config = source.config();
    let scope = config.scope_groups.iter().flatten().map(|name| (name, true));
    for (name, scoped) in scope.chain(config.rule_groups.iter().map(|name| (name, false))) {
        match one_group(&session, name, scoped, config.nested).await {
            Ok(found) => lines.extend(found),
            Err(fault) => lines.push(bad(&fault.into())),
        }
    }
    lines
}

fn clock_line(offset: Option<i64>) -> Option<CheckLine> {
    let offset = offset?;
    let text = format!("the token endpoint's clock is {offset} s ahead of this machine's");
    let ok = offset.abs() <= CLOCK_TOLERANCE_SECS;
    Some(CheckLine { ok, text, hint: (!ok).then(|| "set this machine's clock (NTP)".to_owned()) })
}

async fn certificate_line(credentials: &ClientCredentials) -> Option<CheckLine> {
    let (ends, days) = credentials.certificate_ends().await?;
    let text = format!("the certificate is valid until {} ({days} days)", ends.date_naive());
    let ok = days >= CERTIFICATE_WARNING_DAYS;
    let hint = "upload a new certificate to the app registration, then switch, then remove the old one";
    Some(CheckLine { ok, text, hint: (!ok).then(|| hint.to_owned()) })
}

/// Reads one user as a pull would, so that a missing permission shows as null here and not at night.
async fn one_user(source: &Microsoft, session: &Session<'_>) -> Result<CheckLine, Fault> {
    const OPERATION: &str = "GET /users";
    let select = source.fields().select();
    let url = session.graph().url(&format!("/users?$select={select}&$top=1"))?;
    let page = session.page(OPERATION, &url, false, Users(source.fields())).await?;
    let mut round = Round::default();
    for item in page.items {
        round.take(OPERATION, item, 1)?;
    }
    match round.drafts.into_iter().next() {
        Some((id, draft)) => match draft.into_record(id) {
            Ok(_) => Ok(good("users can be read, with login and account state")),
            Err(_) => Err(not_allowed(OPERATION).into()),
        },
        None => Ok(CheckLine {
            ok: false,
            text: "no user was listed".to_owned(),
            hint: Some("check that this is the right tenant".to_owned()),
        }),
    }
}

async fn one_group(session: &Session<'_>, name: &str, scoped: bool, nested: bool) -> Result<Vec<CheckLine>, Fault> {
    let id = resolve_one(session, name).await?;
    let relation = if nested { "transitiveMembers" } else { "members" };
    let people = count(session, id.as_str(), relation, "user").await?;
    let role = if scoped { "scope group" } else { "rule group" };
    let mut lines = vec![good(format!("{role} `{name}` ({id}) has {people} people"))];
    if !nested {
        let inner = count(session, id.as_str(), "members", "group").await?;
        if inner > 0 {
            // Not a fault: it may be meant so.
            lines.push(CheckLine {
                ok: true,
                text: format!("{role} `{name}` holds {inner} other groups, whose members do not count"),
                hint: Some("set `nested = true` if they should".to_owned()),
            });
        }
    }
    Ok(lines)
}

/// How many members of a kind a group has: as the service counts them, or else by reading them.
async fn count(session: &Session<'_>, group: &str, relation: &str, kind: &str) -> Result<u64, Fault> {
    let operation = format!("GET /groups/{{id}}/{relation}");
    let path = format!("/groups/{}/{relation}/microsoft.graph.{kind}?$select=id&$top=999&$count=true", encode(group));
    let first = session.graph().url(&path)?;
    let page = session.page(&operation, &first, true, Plain::<GroupItem>::new()).await?;
    if let Some(count) = page.count {
        return Ok(count);
    }
    let listing = Listing { operation: &operation, first, ending: Ending::NoLink, advanced: true };
    let listed = session
        .listing(&listing, Plain::<GroupItem>::new(), |count: &mut u64, _, _| {
            *count += 1;
            Ok(())
        })
        .await?;
    Ok(listed.count.unwrap_or(listed.content))
}
