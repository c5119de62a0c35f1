//! One SCIM 2.0 server, read as a directory. Any server: nothing is assumed that was not seen to be so.
//!
//! ```text
//! full     everybody in scope                              poll     what changed, where that was proved to work
//! users    the user listing, or single members             follow   the groups of the configuration
//! people   what is kept of users                           members  who is in which group, and which side knows
//! grouping what is kept of a listing of groups
//! listing  one listing, until it is known to be whole      probe    what the server really does
//! confirm  single people by id                             check    the lines of `rollcall check`
//! server   addresses and requests                          fault    what an error answer means
//! cursor   where the next pull starts, and what was found out
//! wire, user, group, lenient   from bytes to values        fields, path   attributes and where they are read
//! discovery, fault_body        what the server says about itself and about errors
//! ```
//!
//! Invariant: a snapshot is made of listings that are known to be whole. What is only perhaps whole becomes a delta without
//! removals, or an error if nobody is known yet.
//! Invariant: discovery is a hint; configuration outweighs it, and absence depends on neither.
//! Invariant: a filter is used only after three probes have shown that it filters, and every use of it proves itself again.
//! Deliberately absent: writes of any kind, SCIM 1.1, `POST /.search`, and every vendor's name.

mod check;
mod config;
mod confirm;
mod cursor;
mod discovery;
mod fault;
mod fault_body;
mod fields;
mod follow;
mod full;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod group;
mod grouping;
mod lenient;
mod listing;
mod members;
mod path;
mod people;
mod poll;
mod probe;
mod server;
mod user;
mod users;
mod wire;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod wire_tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::header::HeaderName;

use crate::abilities::{Abilities, Changes};
use crate::attributes::AttributeName;
use crate::auth::{Access, Dpop, OAuthClient, Proof, WallClock};
use crate::directory::{Cursor, ExternalId, Presence, Pull, Silence, SourceName};
use crate::error::{PullError, PullErrorKind};
use crate::http::{Carrier, HttpClient, HttpLimits, require_safe};
use crate::remote::{Remote, RemoteError};
use crate::source::{CheckLine, PullRequest};
use cursor::{Filter, Learned, Method, State};
use fault::Fault;
use fields::Fields;
use server::Server;

pub use config::*;

/// One SCIM 2.0 server.
#[derive(Debug)]
pub struct Scim {
    config: ScimConfig,
    fields: Fields,
    fingerprint: String,
    server: Server,
    clock: WallClock,
    memory: Mutex<Memory>,
}

/// What the last pull of this process found out; a full pull brings no cursor to keep it in.
#[derive(Debug, Default)]
struct Memory {
    learned: Option<Learned>,
    /// Somebody who was listed.
    witness: Option<ExternalId>,
}

fn refused(message: impl Into<String>, hint: &str) -> PullError {
    PullError::new(PullErrorKind::Refused, "configuration", message, hint)
}

impl Scim {
    /// A source. Nothing is sent yet.
    ///
    /// # Errors
    /// If the configuration cannot work: a base that is not `https`, an attribute or a header that cannot be one.
    pub fn new(config: ScimConfig, clock: WallClock) -> Result<Self, PullError> {
        Self::over(None, config, clock, HttpLimits::default())
    }

    /// The same with other bounds than the usual ones.
    ///
    /// # Errors
    /// See [`new`](Self::new).
    pub fn with_limits(config: ScimConfig, clock: WallClock, limits: HttpLimits) -> Result<Self, PullError> {
        Self::over(None, config, clock, limits)
    }

    /// The same with every request handed to `carrier` if there is one, instead of the network.
    ///
    /// # Errors
    /// See [`new`](Self::new).
    pub fn over(
        carrier: Option<&Arc<dyn Carrier>>,
        config: ScimConfig,
        clock: WallClock,
        limits: HttpLimits,
    ) -> Result<Self, PullError> {
        require_safe(&config.base_url).map_err(|error| refused(error.to_string(), "use an https base_url"))?;
        let fields = Fields::new(&config)
            .map_err(|error| refused(error.to_string(), "check the attribute names and fields of this source"))?;
        let limits = HttpLimits { body_bytes: config.max_response_bytes, ..limits };
        let transport = |error| Fault::remote("configuration", RemoteError::Transport(error));
        let http = HttpClient::over(carrier, limits).map_err(transport)?;
        let access = access(&config, http.clone(), clock)?;
        let server = Server::new(Remote::new(http, access, config.base_url.clone()), &config)?;
        let fingerprint = cursor::fingerprint(&config);
        Ok(Self { config, fields, fingerprint, server, clock, memory: Mutex::default() })
    }

    /// The configured name.
    #[must_use]
    pub fn name(&self) -> &SourceName {
        &self.config.name
    }

    /// Reads what changed since the cursor, or everybody.
    ///
    /// # Errors
    /// Every way in which the directory could not be read to its end.
    pub async fn pull(&self, request: PullRequest<'_>) -> Result<Pull, PullError> {
        let session = self.server.session();
        let state = request.cursor.and_then(|cursor| State::read(cursor, &self.fingerprint, request.at));
        let mut learned = state.as_ref().map(|state| state.learned.clone());
        if let Some(state) = state.filter(|state| state.watermark.is_some()) {
            if let Some(delta) = poll::poll(self, &session, state, request).await? {
                return Ok(Pull::Delta(delta));
            }
            // It did not prove itself: to be probed anew.
            learned = learned.map(|learned| Learned { filter: None, ..learned });
        }
        let learned = learned.or_else(|| self.recall().0.filter(|learned| learned.is_fresh(request.at)));
        Ok(full::full(self, &session, learned, request).await?)
    }

    /// Asks for single people by id.
    ///
    /// # Errors
    /// If any of them could not be asked for.
    pub async fn confirm(&self, ids: &[ExternalId]) -> Result<BTreeMap<ExternalId, Presence>, PullError> {
        let session = self.server.session();
        let (learned, witness) = self.recall();
        let learned = match learned {
            Some(learned) => learned,
            None => probe::discover(self, &session, (self.clock)()).await?,
        };
        Ok(confirm::confirm(self, &session, &learned, witness, ids).await?)
    }

    /// What the server can do, found out by reading as a pull does.
    pub async fn check(&self) -> Vec<CheckLine> {
        check::check(self).await
    }

    /// The name the remote has for an attribute (`emails[type eq "work"].value`).
    #[must_use]
    pub fn field_of(&self, attribute: &AttributeName) -> String {
        self.fields.field_of(attribute)
    }

    /// What the server can do, as far as the cursor of the last pull says.
    #[must_use]
    pub fn abilities(&self, cursor: Option<&Cursor>) -> Abilities {
        let state = cursor.and_then(|cursor| State::of(cursor, &self.fingerprint));
        let Some(State { learned, watermark, .. }) = state else {
            return Abilities { changes: Changes::Unknown, paging: None, silence: None };
        };
        let whole = |why: &str| Changes::WithEverybody(why.to_owned());
        let changes = match (&learned.filter, watermark) {
            _ if !self.config.incremental => whole("as configured"),
            (_, Some(_)) => Changes::Alone("a filter on meta.lastModified, which was shown to work".to_owned()),
            (Some(Filter::Useless(why)), None) => whole(why),
            (Some(Filter::Proven) | None, None) => whole("changes of memberships or of users cannot be read alone"),
        };
        let paging = learned.paging.map(|(method, count, _)| match method {
            Method::Index => format!("by index, {count} records at most"),
            Method::Cursor => format!("by cursor, {count} records at most"),
        });
        Abilities { changes, paging, silence: Some(Silence::Counts) }
    }

    fn config(&self) -> &ScimConfig {
        &self.config
    }

    fn fields(&self) -> &Fields {
        &self.fields
    }

    fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    fn recall(&self) -> (Option<Learned>, Option<ExternalId>) {
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        (memory.learned.clone(), memory.witness.clone())
    }

    fn remember(&self, learned: &Learned, witness: Option<&ExternalId>) {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.learned = Some(learned.clone());
        memory.witness = witness.cloned();
    }
}

/// What goes into every request to prove who asks.
fn access(config: &ScimConfig, http: HttpClient, clock: WallClock) -> Result<Access, PullError> {
    Ok(match &config.credential {
        ScimCredential::Bearer(secret) => Access::Scheme { scheme: "Bearer", secret: secret.clone() },
        ScimCredential::Basic { username, password } => Access::basic(username.clone(), password.clone()),
        ScimCredential::Header { name, secret } => {
            let header = HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| refused(format!("`{name}` cannot be a header"), "check the credential's header name"))?;
            Access::Header { name: header, secret: secret.clone() }
        }
        ScimCredential::OAuth { token_url, client_id, client_secret, scopes, extra, basic } => {
            require_safe(token_url).map_err(|error| refused(error.to_string(), "use an https token_url"))?;
            let secret = client_secret.clone();
            let proof = if *basic { Proof::SecretBasic(secret) } else { Proof::Secret(secret) };
            let client = OAuthClient {
                scopes: scopes.clone(),
                extra: extra.clone(),
                dpop: Dpop::WhenAsked,
                ..OAuthClient::new(token_url.clone(), client_id.clone(), proof)
            };
            Access::oauth(http, client, clock)
        }
    })
}
