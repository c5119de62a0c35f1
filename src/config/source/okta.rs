//! `kind = "okta"`: an Okta org.
//!
//! Source of the statuses: Okta reference, "User", `status`.

use std::collections::BTreeMap;

use connectors::attributes::{ENTITLEMENTS, ROLES, STATUS};
use connectors::okta::{OktaConfig, OktaCredential, OktaScope, STATUSES, StatusMeaning};
use connectors::{AttributeName, SourceName};
use url::Url;

use super::needs::Among;
use super::{Kind, ReadSource, SourceConfig, remote_fields, scope_groups};
use crate::config::problem::nearest;
use crate::config::section::{Item, Section};

/// Leaves a fifth of every rate limit to the org's other clients.
const RATE_SHARE: f64 = 0.8;

pub(super) fn read(name: &str, section: &Section<'_>, needs: &Among<'_>) -> Option<ReadSource> {
    let org_url = section.required("org_url", "\"https://example.okta.com\"", org_url);
    let credential = credential(section);
    let scope = scope(section);
    let fields = remote_fields(section);
    let statuses = statuses(&section.section("status"));
    let share = |item: &Item<'_>| item.number("a share above 0, up to 1", |share| share > 0.0 && share <= 1.0);
    let rate_share = section.optional("rate_share", share).unwrap_or(RATE_SHARE);

    let mut wanted = needs.attributes(Kind::Okta);
    wanted.extend(fields.keys().cloned());
    wanted.insert(AttributeName::from(STATUS));
    if matches!(scope, Some(OktaScope::App(_))) {
        wanted.extend([ENTITLEMENTS, ROLES].map(AttributeName::from));
    }
    let config = OktaConfig {
        name: SourceName::from(name),
        org_url: org_url?,
        credential: credential?,
        scope: scope?,
        rule_groups: needs.groups().clone(),
        wanted,
        fields,
        statuses,
        rate_share,
    };
    Some(ReadSource { config: SourceConfig::Okta(config), guests: true })
}

fn org_url(item: &Item<'_>) -> Option<Url> {
    let url = item.url()?;
    let host = url.host_str().unwrap_or_default();
    let (first, rest) = host.split_once('.').unwrap_or((host, ""));
    if let Some(org) = first.strip_suffix("-admin") {
        item.unexpected("the org itself, not its admin console", format!("use \"https://{org}.{rest}\""));
        return None;
    }
    if !matches!(url.path(), "" | "/") {
        item.unexpected("an address without a path", format!("use {:?}", url.origin().ascii_serialization()));
        return None;
    }
    Some(url)
}

const SERVICE_KEYS: &[&str] = &["client_id", "private_key", "key_id", "dpop"];

fn credential(section: &Section<'_>) -> Option<OktaCredential> {
    let service: Vec<&str> = SERVICE_KEYS.iter().copied().filter(|key| section.get(key).is_some()).collect();
    if section.get("api_token").is_some() {
        if let Some(key) = service.first() {
            section.problem(key, "does not go together with api_token", "keep one of them".to_owned());
        }
        return section.optional("api_token", Item::secret).map(OktaCredential::Token);
    }
    if service.is_empty() {
        let hint =
            "for example api_token = { env = \"OKTA_API_TOKEN\" }, or client_id and private_key of a service app";
        section.missing("api_token", hint);
        return None;
    }
    let client_id = section.required("client_id", "\"0oa0example\"", Item::text);
    let private_key = section.required("private_key", "{ file = \"okta.pem\" }", Item::secret);
    let key_id = section.optional("key_id", Item::text);
    let dpop = section.optional("dpop", Item::flag).unwrap_or(false);
    Some(OktaCredential::Service { client_id: client_id?, private_key: private_key?, key_id, dpop })
}

fn scope(section: &Section<'_>) -> Option<OktaScope> {
    match section.at_most_one(&["app", "groups"]) {
        Some("app") => section.optional("app", Item::text).map(OktaScope::App),
        Some(_) => section.optional("groups", scope_groups).map(OktaScope::Groups),
        None => Some(OktaScope::Everybody),
    }
}

const MEANINGS: &[(&str, StatusMeaning)] =
    &[("active", StatusMeaning::Active), ("disabled", StatusMeaning::Disabled), ("hold", StatusMeaning::Hold)];

fn statuses(section: &Section<'_>) -> BTreeMap<String, StatusMeaning> {
    let mut statuses = BTreeMap::new();
    for (status, item) in section.entries() {
        let meaning = item.one_of(MEANINGS);
        if let Some(hint) = misspelt(&status) {
            item.problem("is no status of Okta", hint);
        }
        if let Some(meaning) = meaning {
            statuses.insert(status, meaning);
        }
    }
    statuses
}

/// Okta adds statuses; a word in their form that is none of today's, nor one letter from it, may be a new one.
fn misspelt(status: &str) -> Option<String> {
    if STATUSES.iter().any(|(known, _)| *known == status) {
        return None;
    }
    let in_form = !status.is_empty() && status.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    let near = nearest(status, STATUSES.iter().map(|(known, _)| *known));
    match near {
        Some(known) if !in_form || strsim::damerau_levenshtein(known, status) == 1 => {
            Some(format!("did you mean {known}?"))
        }
        _ if in_form => None,
        _ => Some("statuses are written as Okta writes them, such as LOCKED_OUT".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_may_be_new_but_not_misspelt() {
        let check = |status: &str, expected: Option<&str>| {
            let hint = misspelt(status);
            assert_eq!(hint.as_deref(), expected, "{status}");
        };
        for (status, _) in STATUSES {
            check(status, None);
        }
        check("ON_LEAVE", None);
        check("INACTIVE", None);
        check("suspended", Some("did you mean SUSPENDED?"));
        check("Locked-Out", Some("did you mean LOCKED_OUT?"));
        check("SUSPENED", Some("did you mean SUSPENDED?"));
        check("on leave", Some("statuses are written as Okta writes them, such as LOCKED_OUT"));
        check("", Some("statuses are written as Okta writes them, such as LOCKED_OUT"));
    }
}
