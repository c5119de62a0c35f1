//! The smallest reads that prove credentials, permissions and scope; a line each.

use std::collections::BTreeSet;

use super::config::{OktaCredential, OktaScope};
use super::cursor::{AppMark, earlier, stamp};
use super::fault::{Fault, permission};
use super::full::{EVERYBODY, NARROW, USERS};
use super::groups::{self, MEMBERS};
use super::items::LogEvent;
use super::log::LOGS;
use super::org::Session;
use super::people::{Told, read};
use super::wire::{Plain, UserItem, Users};
use super::{Okta, apps};
use crate::attributes::{ENTITLEMENTS, ROLES};
use crate::error::{PullError, PullErrorKind};
use crate::source::CheckLine;

/// Beyond this the clock is worth a word; assertions tolerate more, but not much more.
const CLOCK_TOLERANCE_SECS: i64 = 60;

fn good(text: impl Into<String>) -> CheckLine {
    CheckLine { ok: true, text: text.into(), hint: None }
}

/// Not a fault, but worth a word.
fn remark(text: impl Into<String>, hint: impl Into<String>) -> CheckLine {
    CheckLine { ok: true, text: text.into(), hint: Some(hint.into()) }
}

fn bad(error: &PullError) -> CheckLine {
    CheckLine { ok: false, text: error.to_string(), hint: Some(error.hint.clone()) }
}

/// Everything that can be checked from here.
pub(super) async fn check(source: &Okta) -> Vec<CheckLine> {
    let session = source.org.session();
    source.org.widen();
    let mut lines = Vec::new();
    match one_user(source, &session).await.map_err(PullError::from) {
        Ok(line) => lines.extend([accepted(source), line]),
        Err(error) => {
            let hopeless = matches!(error.kind, PullErrorKind::Unauthorized | PullErrorKind::Unreachable);
            lines.push(bad(&error));
            if hopeless {
                lines.extend(clock_line(source));
                return lines;
            }
        }
    }
    lines.extend(clock_line(source));
    let found = groups::sees_everyone(&session).await.map(|seen| {
        if seen {
            good("the administrator role shows everybody (the built-in group Everyone can be seen)")
        } else {
            remark(NARROW, "give the credential the role Read-only Administrator")
        }
    });
    lines.push(found.unwrap_or_else(|fault| bad(&fault.into())));
    let scope = match &source.config.scope {
        OktaScope::Groups(names) => names.as_slice(),
        OktaScope::Everybody | OktaScope::App(_) => &[],
    };
    let named = scope.iter().map(|name| (name, "scope group"));
    for (name, role) in named.chain(source.config.rule_groups.iter().map(|name| (name, "rule group"))) {
        lines.push(one_group(source, &session, name, role).await.unwrap_or_else(|fault| bad(&fault.into())));
    }
    if let OktaScope::App(text) = &source.config.scope {
        match one_app(source, &session, text).await {
            Ok(found) => lines.extend(found),
            Err(fault) => lines.push(bad(&fault.into())),
        }
    }
    lines.push(log_line(&session, source).await);
    lines.extend(headroom(source));
    lines
}

fn accepted(source: &Okta) -> CheckLine {
    match &source.config.credential {
        OktaCredential::Token(_) => remark(
            "the API token is accepted",
            "a service app is safer: the token has all rights of its owner, ends with the owner's account, and after 30 days \
             without use",
        ),
        OktaCredential::Service { .. } => good("an access token was received and is accepted"),
    }
}

fn clock_line(source: &Okta) -> Option<CheckLine> {
    let offset = source.org.pace().clock_offset().seconds()?;
    let text = format!("the org's clock is {offset} s ahead of this machine's");
    let ok = offset.abs() <= CLOCK_TOLERANCE_SECS;
    Some(CheckLine { ok, text, hint: (!ok).then(|| "set this machine's clock (NTP)".to_owned()) })
}

/// Reads one user as a pull would, so that what a role hides shows here and not at night.
async fn one_user(source: &Okta, session: &Session<'_>) -> Result<CheckLine, Fault> {
    let search = [("search", EVERYBODY), ("limit", "1")];
    let page = session.page(USERS, &session.org().url(&["users"], &search), Users(&source.fields)).await?;
    let Some(item) = page.items.into_iter().next() else {
        let hint = permission(USERS).to_owned();
        return Ok(CheckLine { ok: false, text: "no user was listed".to_owned(), hint: Some(hint) });
    };
    Ok(match read(&source.statuses, item) {
        Ok(_) => good("users can be read, with login and status"),
        Err(spoilt) => {
            let text = format!("a user was listed and cannot be read: {}", spoilt.why);
            CheckLine { ok: false, text, hint: Some(permission(USERS).to_owned()) }
        }
    })
}

async fn one_group(source: &Okta, session: &Session<'_>, name: &str, role: &str) -> Result<CheckLine, Fault> {
    let found = groups::resolve_one(session, name).await?;
    let people = match found.item.count() {
        Some(count) => count,
        None => {
            let url = session.org().url(&["groups", found.id.as_str(), "users"], &[("limit", "200")]);
            let mut count = 0;
            session.listing(MEMBERS, url, Users(&source.fields), |_: UserItem, _| count += 1).await?;
            count
        }
    };
    let text = format!("{role} `{name}` ({}) has {people} people", found.id);
    Ok(if people == 0 { remark(text, "check that this is the group that is meant") } else { good(text) })
}

/// The application with what its profile gives.
async fn one_app(source: &Okta, session: &Session<'_>, text: &str) -> Result<Vec<CheckLine>, Fault> {
    let app = apps::resolve(session, text).await?;
    let note = app.note();
    let AppMark { id, .. } = app.mark;
    let (told, _) = apps::assigned(source, session, &id).await?;
    let Told { records, unreadable, .. } = &told;
    let with = |name: &str| records.values().filter(|known| known.record.attributes.get(name).is_some()).count();
    let mut lines = vec![good(format!("application `{text}` ({id}) has {} people assigned", told.count()))];
    lines.extend(note.map(|note| remark(note, "activate the application, or name another one")));
    for name in [ENTITLEMENTS, ROLES] {
        let field = source.field_of(&name.into());
        let text = format!("{} of {} assignments have a value in `{field}`", with(name), told.count());
        let hint =
            "fill the attribute in the application's profile, or name another one in `fields`, if rules are to use it";
        lines.push(if with(name) == 0 { remark(text, hint) } else { good(text) });
    }
    if let Some(one) = unreadable.first() {
        let why: BTreeSet<&str> = unreadable.iter().map(|one| one.why.as_str()).collect();
        let text = format!("{} assignments cannot be read; the first on page {}", unreadable.len(), one.page);
        let hint = why.into_iter().next().unwrap_or_default().to_owned();
        lines.push(CheckLine { ok: false, text, hint: Some(hint) });
    }
    Ok(lines)
}

async fn log_line(session: &Session<'_>, source: &Okta) -> CheckLine {
    let without = match source.config.scope {
        OktaScope::App(_) => "the System Log cannot be read: it is needed only where the administrator role is limited",
        OktaScope::Everybody | OktaScope::Groups(_) => {
            "the System Log cannot be read: people who are deleted for good are noticed at the next full pull only"
        }
    };
    let hint = permission(LOGS);
    if session.org().is_without_logs() {
        return remark(format!("{without} (a token was given without the scope okta.logs.read only)"), hint);
    }
    let since = stamp(earlier(session.org_time((source.clock)())));
    let url = session.org().url(&["logs"], &[("since", &since), ("sortOrder", "ASCENDING"), ("limit", "1")]);
    match session.page(LOGS, &url, Plain::<LogEvent>::new()).await {
        Ok(_) => good("the System Log can be read"),
        Err(fault) if fault.is_forbidden() => remark(format!("{without} ({})", fault.in_words()), hint),
        Err(fault) => bad(&fault.into()),
    }
}

/// What the answers said about rate limits.
fn headroom(source: &Okta) -> Option<CheckLine> {
    let seen = source.org.pace().headroom();
    if seen.is_empty() {
        return None;
    }
    let buckets: Vec<String> = seen.iter().map(|(name, limit, left)| format!("{name} {left} of {limit}")).collect();
    let share = source.config.rate_share * 100.0;
    Some(good(format!("rate limits, what is left: {}; {share:.0} % of each may be used", buckets.join(", "))))
}
