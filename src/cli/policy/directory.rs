//! What a directory must grant: the least by which every person in scope can be read.
//!
//! Sources: Microsoft Graph permissions reference, "List users", "group: delta", "List group transitive members"; Okta,
//! "OAuth 2.0 scopes" and "Standard administrator roles"; RFC 7644, sections 3.4 and 4.

use connectors::microsoft::MicrosoftConfig;
use connectors::okta::{OktaConfig, OktaCredential, OktaScope};
use connectors::scim::{ScimConfig, ScimCredential};

use super::{DirectoryGrant, Permission};
use crate::config::SourceConfig;

/// What a source's directory must grant.
pub(super) fn grant(source: &SourceConfig) -> DirectoryGrant {
    let name = source.name().to_string();
    match source {
        SourceConfig::Microsoft(config) => microsoft(name, config),
        SourceConfig::Okta(config) => okta(name, config),
        SourceConfig::Scim(config) => scim(name, config),
    }
}

fn microsoft(source: String, config: &MicrosoftConfig) -> DirectoryGrant {
    let scoped = config.scope_groups.as_ref().is_some_and(|groups| !groups.is_empty());
    let mut permissions = vec![Permission::new(
        "User.Read.All",
        if scoped { "the people of the groups, and what changes" } else { "everybody of the tenant, guests too" },
    )];
    if scoped || !config.rule_groups.is_empty() {
        let why = match (scoped, config.nested) {
            (true, true) => "who is in the groups, and in the groups in them",
            (true, false) => "who is in the groups",
            (false, _) => "the groups that rules speak of",
        };
        permissions.push(Permission::new("GroupMember.Read.All", why));
        let why = "only if one of the groups hides its members; leave it out otherwise";
        permissions.push(Permission::new("Member.Read.Hidden (perhaps)", why));
    }
    let place = format!("application permissions of {} with admin consent; no others", config.client_id);
    DirectoryGrant { source, place, permissions }
}

fn okta(source: String, config: &OktaConfig) -> DirectoryGrant {
    let app = matches!(config.scope, OktaScope::App(_));
    let mut permissions = Vec::new();
    let place = match &config.credential {
        OktaCredential::Token(_) => "the account that owns the API token",
        OktaCredential::Service { .. } => {
            permissions.extend(config.scopes().into_iter().map(|scope| Permission::new(scope, scope_why(scope))));
            "the service app: these scopes granted by a super administrator, and a role"
        }
    };
    permissions.push(Permission::new(
        "Read-only Administrator",
        "the role; it sees everybody, and the System Log, which is the only place that tells hard deletes",
    ));
    let custom = if app {
        "instead: view users, groups, this application and its assignments, over all of them"
    } else {
        "instead: view users, groups and their members, over all of them (fewer shorten lists without an error)"
    };
    permissions.push(Permission::new("a custom role (perhaps)", custom));
    DirectoryGrant { source, place: place.to_owned(), permissions }
}

fn scope_why(scope: &str) -> &'static str {
    match scope {
        "okta.users.read" => "the people",
        "okta.groups.read" => "groups and their members",
        "okta.apps.read" => "the application and who is assigned to it",
        "okta.logs.read" => "hard deletes; without it they are noticed at the next full pull",
        _ => "asked for with every token",
    }
}

fn scim(source: String, config: &ScimConfig) -> DirectoryGrant {
    let path = |given: &Option<String>, usual: &str| given.clone().unwrap_or_else(|| usual.to_owned());
    let mut permissions = vec![
        Permission::new("GET /ServiceProviderConfig, /ResourceTypes", "what the server can do; hints only"),
        Permission::new(
            format!("GET /{}", path(&config.users_path, "Users")),
            "everybody in scope, by pages and by id",
        ),
    ];
    let groups = config.scope_groups.iter().flatten().count() + config.rule_groups.len();
    if groups > 0 {
        let place = format!("GET /{}", path(&config.groups_path, "Groups"));
        permissions.push(Permission::new(place, "the groups of the configuration and their members"));
    }
    if let ScimCredential::OAuth { scopes, .. } = &config.credential {
        permissions.extend(scopes.iter().map(|scope| Permission::new(scope, "the scope that is configured")));
    }
    let names: Vec<&str> = config.wanted.iter().map(connectors::AttributeName::as_str).collect();
    let why = format!("id, userName, active, name, displayName, meta and: {}", names.join(", "));
    permissions.push(Permission::new("attributes", why));
    DirectoryGrant { source, place: "the credential; read only, no POST, PUT, PATCH or DELETE".to_owned(), permissions }
}
