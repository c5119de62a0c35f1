//! What the administrator says about an Entra ID tenant.

use std::collections::BTreeSet;

use url::Url;

use crate::attributes::AttributeName;
use crate::directory::SourceName;
use crate::secret::SecretSource;

/// How rollcall proves who it is to the tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// A client secret.
    Secret(SecretSource),
    /// A PEM that holds the certificate and its private key (PKCS#8 or PKCS#1).
    Certificate(SecretSource),
}

/// One tenant and whom to read from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MicrosoftConfig {
    /// The configured name of the source.
    pub name: SourceName,
    /// Tenant id or a verified domain.
    pub tenant: String,
    /// The application's client id.
    pub client_id: String,
    /// Its credential.
    pub credential: Credential,
    /// Root of Microsoft Graph, without `/v1.0`; national clouds and the sandbox differ.
    pub graph_url: Url,
    /// Root of the token authority.
    pub login_url: Url,
    /// Whom to read: members of these groups (names or ids), or everybody.
    pub scope_groups: Option<Vec<String>>,
    /// Groups (names or ids) that the mapping rules speak of.
    pub rule_groups: BTreeSet<String>,
    /// Whether members of nested groups count; such a scope is listed anew at every pull (there is no delta for it).
    pub nested: bool,
    /// Attributes to read, beside the mandatory ones.
    pub wanted: BTreeSet<AttributeName>,
}
