//! One SCIM 2.0 server, read as a directory.

mod config;
mod discovery;
mod fault_body;
mod fields;
mod group;
mod lenient;
mod path;
mod user;
mod wire;

#[cfg(test)]
mod wire_tests;

use std::collections::BTreeMap;

use crate::attributes::AttributeName;
use crate::auth::WallClock;
use crate::directory::{ExternalId, Presence, Pull, SourceName};
use crate::error::{PullError, PullErrorKind};
use crate::http::{HttpLimits, require_safe};
use crate::source::{CheckLine, PullRequest};

pub use config::*;

/// One SCIM 2.0 server.
#[derive(Debug)]
pub struct Scim {
    config: ScimConfig,
}

impl Scim {
    /// A source. Nothing is sent yet.
    ///
    /// # Errors
    /// If the configuration cannot work.
    pub fn new(config: ScimConfig, clock: WallClock) -> Result<Self, PullError> {
        Self::with_limits(config, clock, HttpLimits::default())
    }

    /// The same with other bounds than the usual ones.
    ///
    /// # Errors
    /// See [`new`](Self::new).
    pub fn with_limits(config: ScimConfig, _clock: WallClock, _limits: HttpLimits) -> Result<Self, PullError> {
        require_safe(&config.base_url).map_err(|error| {
            PullError::new(PullErrorKind::Refused, "configuration", error.to_string(), "use an https root")
        })?;
        Ok(Self { config })
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
    pub async fn pull(&self, _request: PullRequest<'_>) -> Result<Pull, PullError> {
        Err(PullError::new(PullErrorKind::Refused, "pull", "not read yet", "wait for the next version"))
    }

    /// Asks for single people by id.
    ///
    /// # Errors
    /// If any of them could not be asked for.
    pub async fn confirm(&self, _ids: &[ExternalId]) -> Result<BTreeMap<ExternalId, Presence>, PullError> {
        Err(PullError::new(PullErrorKind::Refused, "confirm", "not read yet", "wait for the next version"))
    }

    /// The smallest reads that prove credentials, permissions and scope.
    pub async fn check(&self) -> Vec<CheckLine> {
        Vec::new()
    }

    /// The name the remote has for an attribute (`profile.department`).
    #[must_use]
    pub fn field_of(&self, attribute: &AttributeName) -> String {
        attribute.to_string()
    }
}
