//! `[source.*]`: the directories, and what the rules need to know of the people in them.
//!
//! Source of the addresses: Microsoft Graph documentation, "National cloud deployments".

use std::collections::BTreeSet;

use connectors::attributes::{MAILBOX_NAME, USER_TYPE, USERNAME};
use connectors::microsoft::{Credential, MicrosoftConfig};
use connectors::{AttributeName, SourceName};
use url::Url;

use super::mapping;
use super::section::{Item, Section};
use crate::planner::rules::{FieldMapping, Mapping};

/// One configured directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceConfig {
    /// Microsoft Entra ID.
    Microsoft(MicrosoftConfig),
}

impl SourceConfig {
    /// The configured name.
    #[must_use]
    pub fn name(&self) -> &SourceName {
        match self {
            Self::Microsoft(config) => &config.name,
        }
    }
}

/// A directory, and whether its guests are people.
pub(super) struct ReadSource {
    pub(super) config: SourceConfig,
    pub(super) guests: bool,
}

/// What fields and rules look at.
pub(super) struct Needs {
    attributes: BTreeSet<AttributeName>,
    groups: BTreeSet<String>,
}

impl Needs {
    pub(super) fn of(fields: &FieldMapping, mappings: &[Mapping]) -> Self {
        let FieldMapping { username, given_name, family_name, email, department, phone, phone_region: _, desk_phone } =
            fields;
        let lists = [given_name, family_name, email, phone, desk_phone].into_iter().flatten();
        let mut attributes: BTreeSet<_> = [username, department].into_iter().chain(lists).cloned().collect();
        let mut groups = BTreeSet::new();
        for Mapping { when, name: _, line: _, gives: _ } in mappings {
            mapping::needs(when, &mut groups, &mut attributes);
        }
        // The mailbox name is a part of the username; no directory has it as such.
        if attributes.remove(&AttributeName::from(MAILBOX_NAME)) {
            attributes.insert(AttributeName::from(USERNAME));
        }
        Self { attributes, groups }
    }
}

/// Reads every `[source.*]`, in the order of the file, which is the order of precedence.
pub(super) fn read(section: &Section<'_>, needs: &Needs) -> Vec<ReadSource> {
    let entries = section.entries();
    if entries.is_empty() {
        let example = "add a table such as [source.entra] with kind = \"microsoft\"";
        section.problem("", "missing", example.to_owned());
    }
    entries.into_iter().filter_map(|(name, item)| source(&name, &item, needs)).collect()
}

fn source(name: &str, item: &Item<'_>, needs: &Needs) -> Option<ReadSource> {
    let section = item.section()?;
    // The name stands before a slash in every person's key.
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
        section.problem("", "a source's name has letters, digits, - and _ (at most 64)", None);
    }
    let kind = section.required("kind", "\"microsoft\"", |item| match item.value().as_str() {
        Some("okta" | "scim") => {
            item.unexpected("\"microsoft\"", "okta and scim are not supported yet in this version".to_owned());
            None
        }
        _ => item.one_of(&[("microsoft", ())]),
    });
    if kind.is_none() {
        section.ignore_rest();
        return None;
    }
    microsoft(name, &section, needs)
}

fn microsoft(name: &str, section: &Section<'_>, needs: &Needs) -> Option<ReadSource> {
    section.not_yet("assigned_to_app", "use groups");
    section.not_yet("federated_token", "use client_secret or certificate");
    let tenant = section.required("tenant", "\"contoso.onmicrosoft.com\"", |item| item.parsed(TENANT, tenant));
    let client_id = section.required("client_id", "\"00000000-0000-0000-0000-000000000000\"", Item::text);
    let credential = credential(section);
    let scope_groups = section.optional("groups", |item| {
        let groups = item.texts()?;
        if groups.is_empty() {
            item.problem("nobody would be in scope", "name a group, or leave groups out for everybody".to_owned());
        }
        Some(groups)
    });
    let nested = section.optional("nested", Item::flag).unwrap_or(false);
    let guests = section.optional("guests", Item::flag).unwrap_or(false);
    let cloud = section.optional("cloud", |item| item.one_of(CLOUDS)).unwrap_or(CLOUDS[0].1);
    let graph_url = section.optional("graph_url", Item::url).or_else(|| Url::parse(cloud.graph).ok());
    let login_url = section.optional("login_url", Item::url).or_else(|| Url::parse(cloud.login).ok());

    let mut wanted = needs.attributes.clone();
    if !guests {
        wanted.insert(AttributeName::from(USER_TYPE));
    }
    let config = MicrosoftConfig {
        name: SourceName::from(name),
        tenant: tenant?,
        client_id: client_id?,
        credential: credential?,
        graph_url: graph_url?,
        login_url: login_url?,
        scope_groups,
        rule_groups: needs.groups.clone(),
        nested,
        wanted,
    };
    Some(ReadSource { config: SourceConfig::Microsoft(config), guests })
}

fn credential(section: &Section<'_>) -> Option<Credential> {
    match section.at_most_one(&["client_secret", "certificate"]) {
        Some("certificate") => section.optional("certificate", Item::secret).map(Credential::Certificate),
        Some(_) => section.optional("client_secret", Item::secret).map(Credential::Secret),
        None => {
            let hint = "for example client_secret = { env = \"ENTRA_CLIENT_SECRET\" }, or certificate = { … }";
            section.missing("client_secret", hint);
            None
        }
    }
}

#[derive(Clone, Copy)]
struct Cloud {
    graph: &'static str,
    login: &'static str,
}

const CLOUDS: &[(&str, Cloud)] = &[
    ("worldwide", Cloud { graph: "https://graph.microsoft.com", login: "https://login.microsoftonline.com" }),
    ("us_gov_l4", Cloud { graph: "https://graph.microsoft.us", login: "https://login.microsoftonline.us" }),
    ("us_gov_l5", Cloud { graph: "https://dod-graph.microsoft.us", login: "https://login.microsoftonline.us" }),
    ("china", Cloud { graph: "https://microsoftgraph.chinacloudapi.cn", login: "https://login.chinacloudapi.cn" }),
];

const TENANT: &str = "a tenant id or domain such as \"contoso.onmicrosoft.com\"";

/// `common` and its like are for signing in people; an application belongs to one tenant.
fn tenant(text: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    let shared = ["common", "organizations", "consumers"].contains(&text);
    (!text.is_empty() && !shared && text.chars().all(plain)).then(|| text.to_owned())
}
