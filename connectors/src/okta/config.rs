//! What the administrator says about an Okta org.

use std::collections::{BTreeMap, BTreeSet};

use url::Url;

use crate::attributes::AttributeName;
use crate::directory::SourceName;
use crate::secret::SecretSource;

/// How rollcall proves who it is to the org.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OktaCredential {
    /// An API token (`SSWS`).
    Token(SecretSource),
    /// A service app that signs assertions (`private_key_jwt`).
    Service {
        /// Client id of the service app.
        client_id: String,
        /// Its private key: PEM (PKCS#8, PKCS#1, SEC1) or a private JWK.
        private_key: SecretSource,
        /// `kid` of the key; may be absent when the key is a JWK that says it.
        key_id: Option<String>,
        /// Prove possession of a key with every request from the start. Without it that happens once the org asks for it.
        dpop: bool,
    },
}

/// Whom to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OktaScope {
    /// The whole org.
    Everybody,
    /// Members of these groups (names or ids).
    Groups(Vec<String>),
    /// People assigned to this application (id or label). The application is treated as a group: its id is the group's, its
    /// label the name, so that rules may speak of it.
    App(String),
}

/// What a status of Okta means here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusMeaning {
    /// Employed.
    Active,
    /// Not employed, or not yet.
    Disabled,
    /// Nothing may be concluded: the person is held.
    Hold,
}

/// The statuses of Okta and what they mean unless configured otherwise (Okta reference, "User", `status`).
pub static STATUSES: &[(&str, StatusMeaning)] = &[
    ("ACTIVE", StatusMeaning::Active),
    // Employed people who must change a password, are locked out, or are in recovery.
    ("PASSWORD_EXPIRED", StatusMeaning::Active),
    ("LOCKED_OUT", StatusMeaning::Active),
    ("RECOVERY", StatusMeaning::Active),
    // Not yet.
    ("STAGED", StatusMeaning::Disabled),
    ("PROVISIONED", StatusMeaning::Disabled),
    ("SUSPENDED", StatusMeaning::Disabled),
    ("DEPROVISIONED", StatusMeaning::Disabled),
];

/// One org and whom to read from it.
#[derive(Debug, Clone, PartialEq)]
pub struct OktaConfig {
    /// The configured name of the source.
    pub name: SourceName,
    /// Root of the org (`https://example.okta.com`).
    pub org_url: Url,
    /// The credential.
    pub credential: OktaCredential,
    /// Whom to read.
    pub scope: OktaScope,
    /// Groups (names or ids) that the mapping rules speak of.
    pub rule_groups: BTreeSet<String>,
    /// Attributes to read, beside the mandatory ones.
    pub wanted: BTreeSet<AttributeName>,
    /// Attributes that are read from another field than the usual one, by the remote's own name of it.
    pub fields: BTreeMap<AttributeName, String>,
    /// Statuses that mean something else than [`STATUSES`] says.
    pub statuses: BTreeMap<String, StatusMeaning>,
    /// Share of each rate-limit bucket that may be used, in `0..=1`; the rest is left to the org's other clients.
    pub rate_share: f64,
}
