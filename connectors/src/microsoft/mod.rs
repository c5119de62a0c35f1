//! Microsoft Entra ID through Microsoft Graph v1.0.
//!
//! ```text
//! full     everybody in scope, with links to go on from        poll     what changed since those links
//! users    occurrences of a person merged into one             groups   names to ids, memberships of a delta
//! batch    single people by id, twenty a request               check    the reads behind `rollcall check`
//! graph    one request, one page, one listing                  fault    what an error answer means
//! fields   attributes and Graph properties                     cursor   delta links and what they depend on
//! wire, scalar   from bytes to what is kept
//! ```
//!
//! Invariant: a delta link that died leads to a full pull, rebuilt from the configuration; every other failure is an error.
//! Invariant: deltas merge. An absent key is unchanged, `null` clears.
//! Invariant: whoever is not listed as a member is asked for by name: a point read speaks of the person's groups as well.
//! Invariant: memberships and people are told apart; a deleted account keeps its memberships until it is gone for good.
//! Deliberately absent: writes of any kind, change notifications, and decisions (guests are told, not left out).

mod batch;
mod check;
mod config;
mod cursor;
mod fault;
mod fields;
mod full;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod graph;
mod groups;
mod poll;
mod scalar;
mod users;
mod wire;

use std::collections::BTreeMap;
use std::sync::Arc;

use url::Url;

use crate::abilities::{Abilities, Changes};
use crate::attributes::AttributeName;
use crate::auth::{ClientCredentials, OAuthClient, Proof, TokenCache, WallClock};
use crate::directory::{ExternalId, Presence, Pull, Silence, SourceName};
use crate::error::{PullError, PullErrorKind};
use crate::http::{Carrier, HttpClient, HttpLimits, require_safe};
use crate::source::{CheckLine, PullRequest};
use batch::{Point, point_read};
use cursor::State;
use fault::Fault;
use fields::Fields;
use graph::Graph;

pub use config::{Credential, MicrosoftConfig};

/// One Entra ID tenant.
#[derive(Debug)]
pub struct Microsoft {
    config: MicrosoftConfig,
    fields: Fields,
    fingerprint: String,
    graph: Graph,
}

impl Microsoft {
    /// A source. Nothing is sent yet.
    ///
    /// # Errors
    /// If the configuration cannot work: roots that are not `https`, an attribute that no property can have.
    pub fn new(config: MicrosoftConfig, clock: WallClock) -> Result<Self, PullError> {
        Self::over(None, config, clock, HttpLimits::default())
    }

    /// The same with other bounds than the usual ones.
    ///
    /// # Errors
    /// See [`new`](Self::new).
    pub fn with_limits(config: MicrosoftConfig, clock: WallClock, limits: HttpLimits) -> Result<Self, PullError> {
        Self::over(None, config, clock, limits)
    }

    /// The same with every request handed to `carrier` if there is one, instead of the network.
    ///
    /// # Errors
    /// See [`new`](Self::new).
    pub fn over(
        carrier: Option<&Arc<dyn Carrier>>,
        config: MicrosoftConfig,
        clock: WallClock,
        limits: HttpLimits,
    ) -> Result<Self, PullError> {
        let refused =
            |message: String, hint: &str| PullError::new(PullErrorKind::Refused, "configuration", message, hint);
        for root in [&config.graph_url, &config.login_url] {
            require_safe(root).map_err(|error| refused(error.to_string(), "use the https root of your cloud"))?;
        }
        let fields = Fields::new(&config.wanted)
            .map_err(|error| refused(error.to_string(), "check the attribute names of the configuration"))?;
        let http = HttpClient::over(carrier, limits).map_err(|error| Fault::transport("configuration", error))?;
        let token_url = token_url(&config)?;
        let scope = format!("{}/.default", config.graph_url.as_str().trim_end_matches('/'));
        let proof = match &config.credential {
            Credential::Secret(source) => Proof::Secret(source.clone()),
            Credential::Certificate(source) => Proof::Certificate(source.clone()),
        };
        let client = OAuthClient { scopes: vec![scope], ..OAuthClient::new(token_url, &config.client_id, proof) };
        let credentials = ClientCredentials::new(http.clone(), client, clock);
        let graph = Graph::new(http, TokenCache::new(credentials), config.graph_url.clone());
        let fingerprint = cursor::fingerprint(&config, &fields);
        Ok(Self { config, fields, fingerprint, graph })
    }

    /// The configured name.
    #[must_use]
    pub fn name(&self) -> &SourceName {
        &self.config.name
    }

    /// Reads what changed since the cursor, or everybody.
    ///
    /// # Errors
    /// Every way in which the tenant could not be read to its end.
    pub async fn pull(&self, request: PullRequest<'_>) -> Result<Pull, PullError> {
        let PullRequest { cursor, known, at } = request;
        let session = self.graph.session();
        let mut note = None;
        let usable = cursor.and_then(|cursor| State::read(cursor, &self.fingerprint, at));
        if let Some(state) = usable {
            match poll::poll(self, &session, state, known, at).await {
                Ok(delta) => return Ok(Pull::Delta(delta)),
                Err(fault) if fault.is_dead_link() => {
                    tracing::info!(source = %self.config.name, "a delta link is no longer accepted; everybody is read again");
                    note = Some(DEAD_LINK.to_owned());
                }
                Err(fault) => return Err(fault.into()),
            }
        }
        Ok(full::full(self, &session, at, note).await?)
    }

    /// Asks for single people by id.
    ///
    /// # Errors
    /// If any of them could not be asked for.
    pub async fn confirm(&self, ids: &[ExternalId]) -> Result<BTreeMap<ExternalId, Presence>, PullError> {
        let session = self.graph.session();
        let points = point_read(&session, &self.fields, ids.iter().cloned()).await?;
        let followed = match self.config.scope_groups {
            Some(_) => Some(full::followed(self, &session).await?),
            None => None,
        };
        let mut answers = BTreeMap::new();
        for (id, point) in points {
            let presence = match point {
                Point::Here(record) => {
                    let groups = match &followed {
                        Some(followed) => {
                            Some(groups::of_person(&session, &id, self.config.nested, &followed.all).await?)
                        }
                        None => None,
                    };
                    Presence::Here { record, groups }
                }
                Point::Gone => Presence::Gone,
                Point::Unreadable(why) => Presence::Unreadable(why),
            };
            answers.insert(id, presence);
        }
        Ok(answers)
    }

    /// The smallest reads that prove credentials, permissions and scope.
    pub async fn check(&self) -> Vec<CheckLine> {
        check::check(self).await
    }

    /// The Graph property an attribute is read from.
    #[must_use]
    pub fn field_of(&self, attribute: &AttributeName) -> String {
        self.fields.property_of(attribute).unwrap_or(attribute.as_str()).to_owned()
    }

    /// What Graph can do for this configuration.
    #[must_use]
    pub fn abilities(&self) -> Abilities {
        let changes = if self.config.nested {
            Changes::WithEverybody("there is no delta of the members of nested groups".to_owned())
        } else {
            Changes::Alone("delta links of users and groups".to_owned())
        };
        Abilities { changes, paging: Some("by link".to_owned()), silence: Some(Silence::Counts) }
    }

    fn config(&self) -> &MicrosoftConfig {
        &self.config
    }

    fn fields(&self) -> &Fields {
        &self.fields
    }

    fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    fn graph(&self) -> &Graph {
        &self.graph
    }
}

/// What a dead link means.
const DEAD_LINK: &str = "a delta link was no longer accepted, so everybody was read again, and nobody counts as gone by it \
                         alone (nothing to do, unless it comes every day)";

/// The tenant's v2.0 token endpoint; letter by letter also the audience of an assertion.
fn token_url(config: &MicrosoftConfig) -> Result<Url, PullError> {
    let tenant = &config.tenant;
    let plain = !tenant.is_empty() && tenant.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
    let text = format!("{}/{tenant}/oauth2/v2.0/token", config.login_url.as_str().trim_end_matches('/'));
    Url::parse(&text).ok().filter(|_| plain).ok_or_else(|| {
        let message = format!("`{tenant}` is not a tenant");
        PullError::new(PullErrorKind::Refused, "configuration", message, "write the tenant's id or a verified domain")
    })
}

#[cfg(test)]
mod tests;
