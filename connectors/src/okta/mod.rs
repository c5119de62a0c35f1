//! One Okta org, read as a directory.
//!
//! ```text
//! full     everybody in scope, with watermarks          poll     what changed since those watermarks
//! groups   names to ids, clocks, members                apps     an application and who is assigned to it
//! log      the System Log: hints, and hard deletes      confirm  single people by id
//! people   statuses, and what a listing told            check    the reads behind `rollcall check`
//! org      one request, one page, one listing           pace     rate limits, respected before they are hit
//! access   token or service app                         fault    what an error answer means
//! fields   attributes and profile properties            cursor   watermarks and what they depend on
//! wire, scalar, items, links   from bytes and headers to what is kept
//! ```
//!
//! There is no delta in Okta. Users, group profiles and memberships each have a clock of their own, and none implies
//! another; an incremental pull asks for what moved on each of them since the last time it was seen, with an overlap. Hard
//! deletes are on none of the clocks: the System Log tells them, and the full pull that must run every day.
//!
//! Invariant: a listing with a status 200 may still be short: the administrator role decides who is in it. Whether the role
//! shows everybody is asked with every full pull and before anybody is called gone.
//! Invariant: records replace. A property that is absent has no value.
//! Deliberately absent: writes of any kind, event hooks (they need a public address), and asking for the groups of
//! everybody one by one.

mod access;
mod apps;
mod check;
mod config;
mod confirm;
mod cursor;
mod fault;
mod fields;
mod full;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod groups;
mod items;
mod links;
mod log;
mod org;
mod pace;
mod people;
mod poll;
mod scalar;
mod wire;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::abilities::{Abilities, Changes};
use crate::attributes::AttributeName;
use crate::auth::WallClock;
use crate::directory::{Cursor, ExternalId, Presence, Pull, Silence, SourceName};
use crate::error::{PullError, PullErrorKind};
use crate::http::{Carrier, HttpClient, HttpLimits, require_safe};
use crate::source::{CheckLine, PullRequest};
use cursor::{Followed, State};
use fault::Fault;
use fields::Fields;
use org::Org;
use people::Statuses;

pub use config::*;

/// One Okta org.
#[derive(Debug)]
pub struct Okta {
    config: OktaConfig,
    fields: Fields,
    statuses: Statuses,
    fingerprint: String,
    org: Org,
    clock: WallClock,
    /// Whom the last pull was about, so that a confirmation need not look the names up again.
    followed: Mutex<Option<Followed>>,
}

impl Okta {
    /// A source. Nothing is sent yet.
    ///
    /// # Errors
    /// If the configuration cannot work: an address that is not the `https` root of an org, an attribute that no field can
    /// have, a share of the rate limit that allows nothing.
    pub fn new(config: OktaConfig, clock: WallClock) -> Result<Self, PullError> {
        Self::over(None, config, clock, HttpLimits::default())
    }

    /// The same with other bounds than the usual ones.
    ///
    /// # Errors
    /// See [`new`](Self::new).
    pub fn with_limits(config: OktaConfig, clock: WallClock, limits: HttpLimits) -> Result<Self, PullError> {
        Self::over(None, config, clock, limits)
    }

    /// The same with every request handed to `carrier` if there is one, instead of the network.
    ///
    /// # Errors
    /// See [`new`](Self::new).
    pub fn over(
        carrier: Option<&Arc<dyn Carrier>>,
        config: OktaConfig,
        clock: WallClock,
        limits: HttpLimits,
    ) -> Result<Self, PullError> {
        let refused =
            |message: String, hint: &str| PullError::new(PullErrorKind::Refused, "configuration", message, hint);
        require_safe(&config.org_url).map_err(|error| refused(error.to_string(), "use the https root of the org"))?;
        require_root(&config)?;
        if !(config.rate_share > 0.0 && config.rate_share <= 1.0) {
            let hint = "write a number above 0 and up to 1, for example 0.5";
            return Err(refused("rate_share allows no request at all, or more than there are".to_owned(), hint));
        }
        let fields = Fields::new(&config)
            .map_err(|error| refused(error.to_string(), "check the attribute names and `fields` of the source"))?;
        let http = HttpClient::over(carrier, limits).map_err(|error| Fault::transport("configuration", error))?;
        let org = Org::new(&config, &http, clock)?;
        let fingerprint = cursor::fingerprint(&config, &fields);
        let statuses = Statuses::new(&config);
        Ok(Self { config, fields, statuses, fingerprint, org, clock, followed: Mutex::default() })
    }

    /// The configured name.
    #[must_use]
    pub fn name(&self) -> &SourceName {
        &self.config.name
    }

    /// Reads what changed since the cursor, or everybody. In application scope it is everybody each time.
    ///
    /// # Errors
    /// Every way in which the directory could not be read to its end.
    pub async fn pull(&self, request: PullRequest<'_>) -> Result<Pull, PullError> {
        let PullRequest { cursor, known, at } = request;
        let session = self.org.session();
        let previous = cursor.and_then(|cursor| State::read(cursor, &self.fingerprint));
        match previous {
            Some(state) if state.followed.app.is_none() && state.is_fresh(at) => {
                self.remember(&state.followed);
                Ok(Pull::Delta(poll::poll(self, &session, state, known, at).await?))
            }
            previous => Ok(full::full(self, &session, full::From { previous, known, at }).await?),
        }
    }

    /// Asks for single people by id. A 404 alone is no proof.
    ///
    /// # Errors
    /// If any of them could not be asked for.
    pub async fn confirm(&self, ids: &[ExternalId]) -> Result<BTreeMap<ExternalId, Presence>, PullError> {
        let session = self.org.session();
        let remembered = self.followed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let followed = match remembered {
            Some(followed) => followed,
            None => full::resolve(self, &session).await?.followed,
        };
        self.remember(&followed);
        Ok(confirm::confirm(self, &session, &followed, ids, (self.clock)()).await?)
    }

    /// The smallest reads that prove credentials, permissions and scope.
    pub async fn check(&self) -> Vec<CheckLine> {
        check::check(self).await
    }

    /// The name the remote has for an attribute (`profile.department`, `appuser profile.entitlements`, `status`).
    #[must_use]
    pub fn field_of(&self, attribute: &AttributeName) -> String {
        self.fields.name_of(attribute)
    }

    /// What the org can do for this configuration, as far as the cursor of the last pull says.
    #[must_use]
    pub fn abilities(&self, cursor: Option<&Cursor>) -> Abilities {
        let state = cursor.and_then(|cursor| State::read(cursor, &self.fingerprint));
        let app = matches!(self.config.scope, OktaScope::App(_));
        let log = state.as_ref().is_some_and(|state| state.log.is_some());
        let alone = |how: &str| Changes::Alone(how.to_owned());
        let changes = match (app, log) {
            (true, _) => {
                Changes::WithEverybody("the assignments of an application have no clock of their own".to_owned())
            }
            (false, true) => alone("clocks of users and groups, deletions by the System Log"),
            (false, false) => alone("clocks of users and groups"),
        };
        // As a complete listing judges it.
        let asked = |state: State| app || log || !state.everyone;
        let silence = state.map(|state| if asked(state) { Silence::MustBeAsked } else { Silence::Counts });
        Abilities { changes, paging: Some("by link".to_owned()), silence }
    }

    fn remember(&self, followed: &Followed) {
        *self.followed.lock().unwrap_or_else(PoisonError::into_inner) = Some(followed.clone());
    }
}

/// An org is an origin, and its administration host is another one.
fn require_root(config: &OktaConfig) -> Result<(), PullError> {
    let url = &config.org_url;
    let refused =
        |message: &str, hint: &str| Err(PullError::new(PullErrorKind::Refused, "configuration", message, hint));
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return refused("org_url is more than the root of an org", "write it without a path: https://example.okta.com");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refused(
            "org_url carries a user name or password",
            "write it alone; credentials have settings of their own",
        );
    }
    let host = url.host_str().unwrap_or_default();
    let first = host.split('.').next().unwrap_or_default();
    if first.ends_with("-admin") && host.contains(".okta") {
        return refused(
            "org_url is the address of the administration pages",
            "write the org's address, without `-admin`",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests;
