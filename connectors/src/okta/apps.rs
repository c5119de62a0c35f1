//! Applications: the one that is the scope, and who is assigned to it.
//!
//! The list of assignments with `expand=user` is always the whole picture: who is assigned, what the application profile
//! says, and the account. There is no filter by time for it (Okta reference, "List all application users").

use super::Okta;
use super::cursor::AppMark;
use super::fault::Fault;
use super::groups::looks_like_id;
use super::items::AppItem;
use super::org::Session;
use super::people::Told;
use super::wire::{Assignments, Plain};
use crate::directory::{ExternalId, LastPageSeen};
use crate::error::{PullError, PullErrorKind};

const LOOK_UP: &str = "GET /api/v1/apps";
const POINT: &str = "GET /api/v1/apps/{id}";
pub(super) const ASSIGNED: &str = "GET /api/v1/apps/{id}/users";

/// Assignments a page; the maximum.
const PAGE: &str = "500";

/// An application that was asked for.
#[derive(Debug)]
pub(super) struct FoundApp {
    pub(super) mark: AppMark,
    /// Whether assignments to it give access at all.
    pub(super) active: bool,
}

impl FoundApp {
    fn of(item: AppItem) -> Option<Self> {
        let AppItem { id, label, status } = item;
        let id = id.filter(|id| !id.is_empty()).map(ExternalId::from)?;
        Some(Self { mark: AppMark { id, label }, active: status.is_none_or(|status| status == "ACTIVE") })
    }

    /// What an administrator should know of it.
    pub(super) fn note(&self) -> Option<String> {
        let id = &self.mark.id;
        (!self.active).then(|| format!("application {id} is not active in Okta; its assignments count all the same"))
    }
}

/// The application that a text stands for: an id, or else a label.
pub(super) async fn resolve(session: &Session<'_>, text: &str) -> Result<FoundApp, Fault> {
    if looks_like_id(text, "0oa") {
        let url = session.org().url(&["apps", text], &[]);
        match session.one(POINT, &url, Plain::<AppItem>::new()).await {
            Ok(item) if item.id.as_deref() == Some(text) => return FoundApp::of(item).ok_or_else(|| no_id().into()),
            Ok(_) => return Err(no_id().into()),
            Err(fault) if fault.is_not_found() => {}
            Err(fault) => return Err(fault),
        }
    }
    // A prefix search over names and labels: what does not carry this label was not asked for.
    let url = session.org().url(&["apps"], &[("q", text), ("limit", "200")]);
    let mut items = Vec::new();
    session.listing(LOOK_UP, url, Plain::<AppItem>::new(), |item: AppItem, _| items.push(item)).await?;
    let similar = items.iter().filter_map(|item| item.label.as_deref()).find(|label| label.eq_ignore_ascii_case(text));
    let similar = similar.map(str::to_owned);
    let mut found = items.into_iter().filter(|item| item.label.as_deref() == Some(text));
    match (found.next(), found.count()) {
        (Some(item), 0) => FoundApp::of(item).ok_or_else(|| no_id().into()),
        (Some(_), others) => Err(PullError::new(
            PullErrorKind::Refused,
            LOOK_UP,
            format!("{} applications are labelled `{text}`", others + 1),
            "write the id of the one that is meant instead of its label (it is in the address of the application's page)",
        )
        .into()),
        (None, _) => {
            let other = similar.map(|label| format!("; there is one labelled `{label}`")).unwrap_or_default();
            let message = format!("there is no application labelled `{text}`{other}");
            let hint = "check the label, or write the application's id; the administrator role must include it";
            Err(PullError::new(PullErrorKind::NotFound, LOOK_UP, message, hint).into())
        }
    }
}

fn no_id() -> PullError {
    let hint = "check org_url, and proxies that may answer in its place";
    PullError::new(PullErrorKind::Protocol, POINT, "the answer is not about this application", hint)
}

/// Everybody who is assigned to the application.
pub(super) async fn assigned(
    source: &Okta,
    session: &Session<'_>,
    app: &ExternalId,
) -> Result<(Told, LastPageSeen), Fault> {
    let url = session.org().url(&["apps", app.as_str(), "users"], &[("limit", PAGE), ("expand", "user")]);
    let mut told = Told::default();
    let take = |item, page| told.take(&source.statuses, item, page, |_| true);
    let listed = session.listing(ASSIGNED, url, Assignments(&source.fields), take).await;
    let proof = listed.map_err(|fault| {
        if !fault.is_not_found() {
            return fault;
        }
        let hint = "restore the application, or name another one; until then its people are held as they are";
        fault.missing(format!("application {app} does not exist, or may not be seen any more"), hint)
    })?;
    told.require_visible(ASSIGNED)?;
    Ok((told, proof))
}

/// The assignment of one person; `None` if there is none.
pub(super) async fn assignment(
    source: &Okta,
    session: &Session<'_>,
    app: &ExternalId,
    id: &ExternalId,
) -> Result<Option<super::wire::UserItem>, Fault> {
    let url = session.org().url(&["apps", app.as_str(), "users", id.as_str()], &[("expand", "user")]);
    match session.one("GET /api/v1/apps/{id}/users/{id}", &url, Assignments(&source.fields)).await {
        Ok(item) => Ok(Some(item)),
        Err(fault) if fault.is_not_found() => Ok(None),
        Err(fault) => Err(fault),
    }
}
