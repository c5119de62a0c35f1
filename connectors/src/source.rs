//! The one door to every directory: [`Source`].
//!
//! One place to add a kind of directory: a file beside this one and a variant here; the compiler then asks for its arms,
//! and the contract test runs over every variant.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use crate::abilities::Abilities;
use crate::attributes::AttributeName;
use crate::directory::{Cursor, ExternalId, Presence, Pull, SourceName};
use crate::error::PullError;
use crate::microsoft::Microsoft;
use crate::okta::Okta;
use crate::scim::Scim;

/// A directory that can be pulled.
#[derive(Debug)]
pub enum Source {
    /// Microsoft Entra ID through Microsoft Graph v1.0.
    Microsoft(Box<Microsoft>),
    /// An Okta org.
    Okta(Box<Okta>),
    /// A SCIM 2.0 server.
    Scim(Box<Scim>),
}

/// What a pull starts from.
#[derive(Debug, Clone, Copy)]
pub struct PullRequest<'a> {
    /// Where the last pull ended; `None` asks for a full one.
    pub cursor: Option<&'a Cursor>,
    /// Everybody that is stored for this source: whoever joins a group and is not among them is read as a whole.
    pub known: &'a BTreeSet<ExternalId>,
    /// Now.
    pub at: DateTime<Utc>,
}

/// One line of `rollcall check`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckLine {
    /// Whether it is as it should be.
    pub ok: bool,
    /// What was seen.
    pub text: String,
    /// What to do, if it is not.
    pub hint: Option<String>,
}

impl Source {
    /// The configured name.
    #[must_use]
    pub fn name(&self) -> &SourceName {
        match self {
            Self::Microsoft(source) => source.name(),
            Self::Okta(source) => source.name(),
            Self::Scim(source) => source.name(),
        }
    }

    /// Reads what changed since the cursor, or everybody.
    ///
    /// A cursor the directory no longer accepts leads to [`Pull::Full`]; the caller then confirms absences before it
    /// believes them.
    ///
    /// # Errors
    /// Every way in which the directory could not be read to its end. Nothing may be concluded from an error.
    pub async fn pull(&self, request: PullRequest<'_>) -> Result<Pull, PullError> {
        match self {
            Self::Microsoft(source) => source.pull(request).await,
            Self::Okta(source) => source.pull(request).await,
            Self::Scim(source) => source.pull(request).await,
        }
    }

    /// Asks for single people by id, in batches. Every id that was asked for is in the answer.
    ///
    /// # Errors
    /// If any of them could not be asked for.
    pub async fn confirm(&self, ids: &[ExternalId]) -> Result<BTreeMap<ExternalId, Presence>, PullError> {
        match self {
            Self::Microsoft(source) => source.confirm(ids).await,
            Self::Okta(source) => source.confirm(ids).await,
            Self::Scim(source) => source.confirm(ids).await,
        }
    }

    /// What kind of directory it is, as the configuration names it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Microsoft(_) => "microsoft",
            Self::Okta(_) => "okta",
            Self::Scim(_) => "scim",
        }
    }

    /// The remote's own name of an attribute (`userPrincipalName`, `profile.department`).
    #[must_use]
    pub fn field_of(&self, attribute: &AttributeName) -> String {
        match self {
            Self::Microsoft(source) => source.field_of(attribute),
            Self::Okta(source) => source.field_of(attribute),
            Self::Scim(source) => source.field_of(attribute),
        }
    }

    /// What it can do, as far as the configuration and the cursor of the last pull say. Nothing is asked.
    #[must_use]
    pub fn abilities(&self, cursor: Option<&Cursor>) -> Abilities {
        match self {
            Self::Microsoft(source) => source.abilities(),
            Self::Okta(source) => source.abilities(cursor),
            Self::Scim(source) => source.abilities(cursor),
        }
    }

    /// Reaches the directory with the smallest read that proves credentials, permissions and scope.
    pub async fn check(&self) -> Vec<CheckLine> {
        match self {
            Self::Microsoft(source) => source.check().await,
            Self::Okta(source) => source.check().await,
            Self::Scim(source) => source.check().await,
        }
    }
}
