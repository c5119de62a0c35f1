//! What every page has at hand: which contact centre, who looks, and when.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use connectors::PersonKey;
use maud::{Markup, html};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::form_urlencoded;

use super::check::Checks;
use super::gate::Who;
use super::known::{Centre, Known, Unknown};
use super::page::Trouble;
use super::{Console, Room, session};
use crate::model::Time;
use crate::model::words::{moment, relative};
use crate::serve::Handle;
use crate::store::Store;

/// What may stand in a segment of a path as it is.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'@');

/// One request for a page of a contact centre.
#[derive(Debug)]
pub(super) struct View {
    pub(super) console: Console,
    room: Arc<Room>,
    who: Who,
    pub(super) now: Time,
}

impl FromRequestParts<Console> for View {
    type Rejection = Trouble;

    async fn from_request_parts(parts: &mut Parts, console: &Console) -> Result<Self, Trouble> {
        let path = Path::<HashMap<String, String>>::from_request_parts(parts, console).await;
        let who = parts.extensions.get::<Who>().cloned();
        let view = path.ok().zip(who).and_then(|(Path(path), who)| Self::at(console, path.get("centre")?, who));
        view.ok_or(Trouble::Missing("contact centre"))
    }
}

impl View {
    /// A contact centre by its name.
    pub(super) fn at(console: &Console, centre: &str, who: Who) -> Option<Self> {
        Some(Self { console: console.clone(), room: console.room(centre)?, who, now: console.now() })
    }

    pub(super) fn name(&self) -> &str {
        &self.room.centre.name
    }

    pub(super) fn centre(&self) -> &Centre {
        &self.room.centre
    }

    /// The same, for work that outlives the page.
    pub(super) fn shared(&self) -> Arc<Centre> {
        self.room.centre.clone()
    }

    pub(super) fn checks(&self) -> &Checks {
        &self.room.checks
    }

    pub(super) fn store(&self) -> &Store {
        &self.room.centre.look
    }

    /// Whether there are other contact centres to go to.
    pub(super) fn several(&self) -> bool {
        self.console.rooms().len() > 1
    }

    pub(super) async fn known(&self) -> Result<Arc<Known>, Trouble> {
        match self.room.cache.known(self.now).await {
            Ok(known) => Ok(known),
            Err(Unknown::NotLooked) => Err(Trouble::not_yet(self)),
            Err(unknown) => Err(unknown.into()),
        }
    }

    /// The same for pages that have something to say without it: nothing before the first look at Connect.
    pub(super) async fn known_yet(&self) -> Result<Option<Arc<Known>>, Trouble> {
        match self.known().await {
            Ok(known) => Ok(Some(known)),
            Err(Trouble::NotYet(_)) => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }

    /// An address below this contact centre.
    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", home(self.name()))
    }

    /// The same with a query; what is empty is left out.
    pub(super) fn asking(&self, path: &str, query: &[(&str, &str)]) -> String {
        let mut text = form_urlencoded::Serializer::new(String::new());
        query.iter().filter(|(_, value)| !value.is_empty()).for_each(|(name, value)| {
            text.append_pair(name, value);
        });
        match text.finish() {
            text if text.is_empty() => self.url(path),
            text => format!("{}?{text}", self.url(path)),
        }
    }

    /// The page of a person.
    pub(super) fn person_url(&self, person: &PersonKey) -> String {
        let (source, id) = (segment(person.source.as_str()), segment(person.id.as_str()));
        self.url(&format!("/people/{source}/{id}"))
    }

    pub(super) fn person(&self, person: &PersonKey, label: &str) -> Markup {
        html! { a href=(self.person_url(person)) { (self::label(label)) } }
    }

    /// A moment as people say it, with the exact one behind it.
    pub(super) fn when(&self, at: Time) -> Markup {
        html! { time datetime=(at.to_rfc3339()) title=(moment(at)) { (relative(at, self.now)) } }
    }

    /// The word that a form of this session carries.
    pub(super) fn word(&self) -> Markup {
        html! { input type="hidden" name="csrf" value=(self.who.csrf); }
    }

    /// Who acts, for the audit.
    pub(super) fn actor(&self) -> String {
        self.who.actor.clone()
    }

    /// The service that keeps the contact centre in agreement.
    ///
    /// # Errors
    /// If these pages are shown without one.
    pub(super) fn service(&self) -> Result<&Handle, Trouble> {
        self.room.centre.service.as_ref().ok_or(Trouble::NoService)
    }

    /// Waits until pages know what the state file holds now; not for longer than that.
    pub(super) async fn settled(&self, within: Duration) {
        let known = async { self.room.cache.newest(self.console.now()).await.is_ok() };
        let _ = tokio::time::timeout(within, known).await;
    }

    /// Whether who looks may still look.
    pub(super) async fn signed_in(&self) -> bool {
        session::lives(&self.console, &self.who).await
    }
}

/// A username. Where it is too long for its place, it is broken before the @.
pub(super) fn label(label: &str) -> Markup {
    let (mailbox, rest) = label.find('@').map_or((label, ""), |at| label.split_at(at));
    html! { (mailbox) @if !rest.is_empty() { wbr; (rest) } }
}

/// The beginning of every address of a contact centre.
pub(super) fn home(centre: &str) -> String {
    format!("/c/{}", segment(centre))
}

fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}
