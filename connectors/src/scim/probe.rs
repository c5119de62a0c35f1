//! What a server really does, found out by asking.
//!
//! Discovery (RFC 7644, 4) is a hint: it may be missing, forbidden, malformed or wrong, and none of that is an error. What
//! absence depends on is probed: whether `attributes=` brings all that was asked for, and whether a filter on
//! `meta.lastModified` filters.
//!
//! Invariant: a probe that is not clearly passed is failed; a failed probe costs requests, never people.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, SubsecRound, Utc};

use super::Scim;
use super::config::ScimConfig;
use super::cursor::{Announced, Filter, Learned};
use super::discovery::{provider_config, resource_types};
use super::fault::Fault;
use super::listing::fetch;
use super::people::ReadUsers;
use super::server::{Query, Session};
use super::user::UserItem;
use super::wire::{Item, ListPage};
use crate::directory::ExternalId;
use crate::error::{PullError, PullErrorKind};

/// Asks the server about itself.
pub(super) async fn discover(source: &Scim, session: &Session<'_>, at: DateTime<Utc>) -> Result<Learned, Fault> {
    let config = source.config();
    let told = hint(session, "ServiceProviderConfig").await?.map(|body| provider_config(&body));
    let types = hint(session, "ResourceTypes").await?.map(|body| resource_types(&body)).unwrap_or_default();
    if types.speaks_1_1 {
        let hint = "SCIM 1.1 is not supported; look for the server's SCIM 2.0 address, often one that ends in /v2";
        let error = PullError::new(PullErrorKind::Refused, "GET /ResourceTypes", "the server speaks SCIM 1.1", hint);
        return Err(error.into());
    }
    let announced = told.map(|told| Announced {
        said: told != super::discovery::ProviderConfig::default(),
        cursor: told.cursor,
        index: told.index,
        sort: told.sort,
        filter: told.filter,
        etag: told.etag,
        max_page: told.max_page_size,
        schemes: told.auth_schemes,
    });
    let announced = announced.unwrap_or_default();
    let path = |own: &Option<String>, told: Option<String>, usual: &str| {
        let own = own.as_deref().map(|path| path.trim_matches('/').to_owned());
        let told = || told.and_then(|endpoint| session.server().path_of(&endpoint));
        own.or_else(told).unwrap_or_else(|| usual.to_owned())
    };
    Ok(Learned {
        at,
        users_path: path(&config.users_path, types.users_endpoint, "Users"),
        groups_path: path(&config.groups_path, types.groups_endpoint, "Groups"),
        sort: announced.sort == Some(true),
        announced,
        projection: None,
        paging: None,
        side: None,
        join: None,
        lists_members: None,
        filter: None,
        tags: None,
        active_said: false,
        sizes: BTreeMap::new(),
    })
}

/// A discovery document, if there is one. Only no answer at all is an error.
async fn hint(session: &Session<'_>, path: &str) -> Result<Option<Vec<u8>>, Fault> {
    let operation = format!("GET /{path}");
    let url = session.url(path, &[])?;
    match session.get(&operation, &url).await {
        Ok(answer) => Ok(Some(answer.body)),
        // Whatever is wrong, the listing will say so if it matters.
        Err(fault) if fault.status().is_some() => {
            tracing::debug!(operation, status = fault.status(), "discovery is not available");
            Ok(None)
        }
        Err(fault) if fault.is_too_much() => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// Whether `attributes=` brings everything that is there without it. `None` if nobody was shown, or if the whole records
/// are too big to be compared; then only the answer itself can tell. With it come the ids of those who were [`shown`].
pub(super) async fn projection(
    source: &Scim,
    session: &Session<'_>,
    learned: &Learned,
    groups: bool,
) -> Result<(Option<bool>, Vec<ExternalId>), Fault> {
    let Some(plain) = plain_page(source, session, learned).await? else { return Ok((None, Vec::new())) };
    let shown = ids(&plain);
    let operation = format!("GET /{}", learned.users_path);
    let count = page_size(source.config(), learned).to_string();
    let query = [("count", count), ("attributes", source.fields().attributes_with(groups))];
    let reader = ReadUsers(source.fields());
    let projected = match fetch(session, &operation, &learned.users_path, &query, &reader).await {
        Ok(page) => page,
        Err(fault) if fault.is_refusal() || fault.is_too_much() => return Ok((Some(false), shown)),
        Err(fault) => return Err(fault),
    };
    Ok((brings_all(plain, projected, groups, source.config().incremental), shown))
}

/// Who is shown when nothing is said about paging: a listing that lacks one of them did not start at its beginning.
pub(super) async fn shown(source: &Scim, session: &Session<'_>, learned: &Learned) -> Result<Vec<ExternalId>, Fault> {
    Ok(plain_page(source, session, learned).await?.as_ref().map(ids).unwrap_or_default())
}

/// A page without any parameter but its size. `None` if there is none; the listing itself will say what is wrong.
async fn plain_page(
    source: &Scim,
    session: &Session<'_>,
    learned: &Learned,
) -> Result<Option<ListPage<UserItem>>, Fault> {
    let operation = format!("GET /{}", learned.users_path);
    let query = [("count", page_size(source.config(), learned).to_string())];
    match fetch(session, &operation, &learned.users_path, &query, &ReadUsers(source.fields())).await {
        Ok(page) => Ok(Some(page)),
        Err(fault) if fault.is_too_much() || fault.is_refusal() => Ok(None),
        Err(fault) => Err(fault),
    }
}

fn ids(page: &ListPage<UserItem>) -> Vec<ExternalId> {
    let id = |item: &Item<UserItem>| match item {
        Item::Read(user) => Some(user.id.clone()),
        Item::Unreadable { id, .. } => id.clone(),
    };
    page.resources.iter().filter_map(id).collect()
}

/// Whether nothing of the first page is lacking in the second.
fn brings_all(plain: ListPage<UserItem>, projected: ListPage<UserItem>, groups: bool, dates: bool) -> Option<bool> {
    let read = |page: ListPage<UserItem>| {
        page.resources.into_iter().filter_map(|item| match item {
            Item::Read(user) => Some(user),
            Item::Unreadable { .. } => None,
        })
    };
    let projected: BTreeMap<ExternalId, UserItem> = read(projected).map(|user| (user.id.clone(), user)).collect();
    let mut compared = None;
    for user in read(plain) {
        let UserItem { id, attributes, active, groups: member_of, last_modified } = user;
        let Some(short) = projected.get(&id) else { continue };
        let lacks = attributes.iter().any(|(name, _)| short.attributes.get(name.as_str()).is_none())
            || (active.is_some() && short.active.is_none())
            || (dates && last_modified.is_some() && short.last_modified.is_none())
            || (groups
                && member_of.is_some_and(|of| !of.is_empty())
                && short.groups.as_ref().is_none_or(Vec::is_empty));
        if lacks {
            return Some(false);
        }
        compared = Some(true);
    }
    compared
}

/// The page size to ask for: as configured, and not more than the server says it allows.
pub(super) fn page_size(config: &ScimConfig, learned: &Learned) -> u32 {
    let most = learned.announced.max_page.and_then(|most| u32::try_from(most).ok()).filter(|most| *most > 0);
    config.page_size.max(1).min(most.unwrap_or(u32::MAX))
}

/// A filter on `meta.lastModified`, as the standard writes dates.
pub(super) fn since(at: DateTime<Utc>) -> String {
    format!("meta.lastModified ge \"{}\"", at.to_rfc3339_opts(SecondsFormat::Secs, true))
}

/// Whether users can be filtered by their last change. `newest` is somebody with a known last change, `everybody` the
/// number of users.
///
/// Three questions, because filters fail in three ways: refused, ignored (everybody comes), and matching nothing.
pub(super) async fn filter(
    source: &Scim,
    session: &Session<'_>,
    learned: &Learned,
    everybody: u64,
    newest: (DateTime<Utc>, &ExternalId),
) -> Result<Filter, Fault> {
    let useless = |why: &str| Ok(Filter::Useless(why.to_owned()));
    let far_future = DateTime::from_timestamp(253_370_764_800, 0).unwrap_or(DateTime::<Utc>::MAX_UTC);
    let far = match ask(source, session, learned, far_future).await? {
        Ok(page) => page,
        Err(status) => return useless(&format!("the server refuses the filter (status {status})")),
    };
    if !far.resources.is_empty() || far.total.is_some_and(|total| total > 0) {
        return useless("a filter for the far future finds people: it is ignored");
    }
    let Ok(past) = ask(source, session, learned, DateTime::UNIX_EPOCH).await? else {
        return useless("the server refuses the filter for the far past");
    };
    let found = past.total.unwrap_or_else(|| u64::try_from(past.resources.len()).unwrap_or(u64::MAX));
    if found != everybody {
        return useless(&format!("a filter for the far past finds {found} of {everybody} people"));
    }
    let at = newest.0.trunc_subsecs(0);
    let Ok(page) = ask(source, session, learned, at).await? else {
        return useless("the server refuses the filter for a date of its own");
    };
    let mut came = false;
    let mut more = page.total.is_some_and(|total| total > u64::try_from(page.resources.len()).unwrap_or(u64::MAX));
    more |= page.next_cursor.is_some();
    for item in page.resources {
        if let Item::Read(user) = item {
            came |= user.id == *newest.1;
            if user.last_modified.is_none_or(|changed| changed < at) {
                return useless("a filter for a date brings people who were changed before it");
            }
        }
    }
    if came || more {
        return Ok(Filter::Proven);
    }
    useless("a filter for the date of somebody's last change does not find this person")
}

/// One page of those who changed since; the status of a refusal.
async fn ask(
    source: &Scim,
    session: &Session<'_>,
    learned: &Learned,
    at: DateTime<Utc>,
) -> Result<Result<ListPage<UserItem>, u16>, Fault> {
    let operation = format!("GET /{}", learned.users_path);
    let mut query: Query = vec![("count", page_size(source.config(), learned).to_string()), ("filter", since(at))];
    if learned.projection == Some(true) {
        query.push(("attributes", source.fields().attributes_with(false)));
    }
    match fetch(session, &operation, &learned.users_path, &query, &ReadUsers(source.fields())).await {
        Ok(page) => Ok(Ok(page)),
        Err(fault) if fault.is_refusal() || fault.status() == Some(403) => Ok(Err(fault.status().unwrap_or_default())),
        Err(fault) => Err(fault),
    }
}
