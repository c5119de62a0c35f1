//! `kind = "microsoft"`: an Entra ID tenant.
//!
//! Source of the addresses: Microsoft Graph documentation, "National cloud deployments".

use connectors::attributes::USER_TYPE;
use connectors::microsoft::{Credential, MicrosoftConfig};
use connectors::{AttributeName, SourceName};
use url::Url;

use super::needs::Among;
use super::{Kind, ReadSource, SourceConfig, scope_groups};
use crate::config::section::{Item, Section};

pub(super) fn read(name: &str, section: &Section<'_>, needs: &Among<'_>) -> Option<ReadSource> {
    section.not_yet("assigned_to_app", "use groups");
    section.not_yet("federated_token", "use client_secret or certificate");
    let tenant = section.required("tenant", "\"contoso.onmicrosoft.com\"", |item| item.parsed(TENANT, tenant));
    let client_id = section.required("client_id", "\"00000000-0000-0000-0000-000000000000\"", Item::text);
    let credential = credential(section);
    let scope_groups = section.optional("groups", scope_groups);
    let nested = section.optional("nested", Item::flag).unwrap_or(false);
    let guests = section.optional("guests", Item::flag).unwrap_or(false);
    let cloud = section.optional("cloud", |item| item.one_of(CLOUDS)).unwrap_or(CLOUDS[0].1);
    let graph_url = section.optional("graph_url", Item::url).or_else(|| Url::parse(cloud.graph).ok());
    let login_url = section.optional("login_url", Item::url).or_else(|| Url::parse(cloud.login).ok());

    let mut wanted = needs.attributes(Kind::Microsoft);
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
        rule_groups: needs.groups().clone(),
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
