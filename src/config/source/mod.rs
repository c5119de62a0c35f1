//! `[source.*]` and `precedence`: the directories, their order, and what the rules need to know of the people in them.
//!
//! ```text
//! microsoft · okta · scim   one kind of directory each
//! needs                     what fields and rules look at, and which kind can have it
//! precedence                the order, where there are several
//! ```
//!
//! Invariant: several directories have an explicit order; what stands first in the file is no order.

mod microsoft;
mod needs;
mod okta;
mod precedence;
mod scim;

use std::collections::BTreeMap;

use connectors::microsoft::{Credential, MicrosoftConfig};
use connectors::okta::{OktaConfig, OktaCredential, OktaScope};
use connectors::scim::{ScimConfig, ScimCredential};
use connectors::{AttributeName, SecretSource, SourceName, VaultName};

pub(super) use self::needs::Needs;
pub(super) use self::precedence::same_person;
use super::attributes::attribute;
use super::section::{Item, Section};

/// One configured directory.
#[derive(Debug, Clone, PartialEq)]
pub enum SourceConfig {
    /// Microsoft Entra ID.
    Microsoft(MicrosoftConfig),
    /// An Okta org.
    Okta(OktaConfig),
    /// A SCIM 2.0 server.
    Scim(ScimConfig),
}

impl SourceConfig {
    /// The configured name.
    #[must_use]
    pub fn name(&self) -> &SourceName {
        match self {
            Self::Microsoft(config) => &config.name,
            Self::Okta(config) => &config.name,
            Self::Scim(config) => &config.name,
        }
    }

    /// What the directory is called by people.
    #[must_use]
    pub fn product(&self) -> &'static str {
        match self {
            Self::Microsoft(_) => "Microsoft Entra ID",
            Self::Okta(_) => "Okta",
            Self::Scim(_) => "SCIM 2.0",
        }
    }

    /// Every secret it needs.
    pub fn secrets_mut(&mut self) -> Vec<&mut SecretSource> {
        match self {
            Self::Microsoft(config) => match &mut config.credential {
                Credential::Secret(secret) | Credential::Certificate(secret) => vec![secret],
            },
            Self::Okta(config) => match &mut config.credential {
                OktaCredential::Token(secret) => vec![secret],
                OktaCredential::Service { client_id: _, private_key, key_id: _, dpop: _ } => vec![private_key],
            },
            Self::Scim(config) => match &mut config.credential {
                ScimCredential::Bearer(secret) => vec![secret],
                ScimCredential::Basic { username: _, password: secret }
                | ScimCredential::Header { name: _, secret }
                | ScimCredential::OAuth {
                    client_secret: secret,
                    token_url: _,
                    client_id: _,
                    scopes: _,
                    extra: _,
                    basic: _,
                } => vec![secret],
            },
        }
    }

    /// What those of its secrets that are in a store are called there.
    #[must_use]
    pub fn stored_secrets(&self) -> Vec<VaultName> {
        let mut config = self.clone();
        config.secrets_mut().into_iter().filter_map(|secret| secret.in_vault().cloned()).collect()
    }

    /// Whether its people bring security profiles and a routing profile in an application profile.
    #[must_use]
    pub fn has_application_profile(&self) -> bool {
        matches!(self, Self::Okta(OktaConfig { scope: OktaScope::App(_), .. }))
    }
}

/// A directory, and whether its guests are people.
pub(super) struct ReadSource {
    pub(super) config: SourceConfig,
    pub(super) guests: bool,
}

/// The kinds of directories.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Microsoft,
    Okta,
    Scim,
}

const KINDS: &[(&str, Kind)] = &[("microsoft", Kind::Microsoft), ("okta", Kind::Okta), ("scim", Kind::Scim)];

impl Kind {
    fn of(item: &Item<'_>) -> Option<Self> {
        let word = item.value().as_str()?;
        KINDS.iter().find(|(name, _)| *name == word).map(|(_, kind)| *kind)
    }
}

/// Reads every `[source.*]`; they come in the order of precedence.
pub(super) fn read(root: &Section<'_>, needs: &Needs) -> Vec<ReadSource> {
    let section = root.section("source");
    let entries = section.entries();
    if entries.is_empty() {
        let example = "add a table such as [source.entra] with kind = \"microsoft\"";
        section.problem("", "missing", example.to_owned());
    }
    let names: Vec<String> = entries.iter().map(|(name, _)| name.clone()).collect();
    let order = precedence::read(root, &names);
    let tables: Vec<(String, Section<'_>)> =
        entries.into_iter().filter_map(|(name, item)| Some((name, item.section()?))).collect();
    let kinds: Vec<Kind> = tables.iter().filter_map(|(_, table)| Kind::of(&table.get("kind")?)).collect();
    let sources = tables.iter().filter_map(|(name, table)| source(name, table, &needs.among(&kinds)));
    let mut sources: Vec<ReadSource> = sources.collect();
    sources.sort_by_key(|source| order.iter().position(|name| name == source.config.name().as_str()));
    sources
}

fn source(name: &str, section: &Section<'_>, needs: &needs::Among<'_>) -> Option<ReadSource> {
    // The name stands before a slash in every person's key.
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
        section.problem("", "a source's name has letters, digits, - and _ (at most 64)", None);
    }
    let Some(kind) = section.required("kind", "\"microsoft\"", |item| item.one_of(KINDS)) else {
        section.ignore_rest();
        return None;
    };
    match kind {
        Kind::Microsoft => microsoft::read(name, section, needs),
        Kind::Okta => okta::read(name, section, needs),
        Kind::Scim => scim::read(name, section, needs),
    }
}

/// `groups`: names or ids; without the key, everybody.
fn scope_groups(item: &Item<'_>) -> Option<Vec<String>> {
    let groups = item.texts()?;
    if groups.is_empty() {
        item.problem("nobody would be in scope", "name a group, or leave groups out for everybody".to_owned());
    }
    Some(groups)
}

/// `[source.x.attributes]`: attributes that are read from another field than the usual one.
fn remote_fields(section: &Section<'_>) -> BTreeMap<AttributeName, String> {
    let mut fields = BTreeMap::new();
    for (key, item) in section.section("attributes").entries() {
        let Some(name) = attribute(&key) else {
            item.problem("cannot be the name of an attribute", None);
            continue;
        };
        let Some(field) = item.parsed("the directory's own name of a field", remote_field) else { continue };
        if fields.insert(name.clone(), field).is_some() {
            item.problem(format!("{name} is said twice, in two spellings"), "keep one of them".to_owned());
        }
    }
    fields
}

fn remote_field(text: &str) -> Option<String> {
    (!text.is_empty() && text.len() <= 256 && !text.chars().any(char::is_control)).then(|| text.to_owned())
}
