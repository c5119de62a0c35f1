//! `kind = "scim"`: a SCIM 2.0 server.
//!
//! Source of the defaults: RFC 7644, 3.4.2.4 (paging counts from 1), and what servers do beside it.

use std::collections::BTreeMap;

use connectors::SourceName;
use connectors::scim::{AbsentActive, MembershipFrom, Paging, ScimConfig, ScimCredential};

use super::needs::Among;
use super::{Kind, ReadSource, SourceConfig, remote_fields, scope_groups};
use crate::config::section::{Item, Section};

/// Resources to ask for a page.
const PAGE_SIZE: u32 = 100;
/// More than servers hand out; a larger page takes longer than a request may.
const LARGEST_PAGE: u32 = 1_000;
/// Bytes of one answer: some servers put a whole group into one.
const MAX_RESPONSE: usize = 32 << 20;
/// Below this a page of ordinary people does not fit.
const LEAST_RESPONSE: usize = 64 << 10;
/// Beyond this, one answer would be most of the memory of a small machine.
const MOST_RESPONSE: usize = 1 << 30;

const PAGINGS: &[(&str, Paging)] = &[("auto", Paging::Auto), ("index", Paging::Index), ("cursor", Paging::Cursor)];
const MEMBERSHIPS: &[(&str, MembershipFrom)] = &[
    ("auto", MembershipFrom::Auto),
    ("group.members", MembershipFrom::GroupMembers),
    ("user.groups", MembershipFrom::UserGroups),
];
const ABSENT_ACTIVE: &[(&str, AbsentActive)] = &[
    ("auto", AbsentActive::Auto),
    ("employed", AbsentActive::Employed),
    ("left", AbsentActive::Left),
    ("hold", AbsentActive::Hold),
];

pub(super) fn read(name: &str, section: &Section<'_>, needs: &Among<'_>) -> Option<ReadSource> {
    let base_url = section.required("base_url", "\"https://id.example.com/scim/v2\"", Item::url);
    let credential = credential(section);
    let fields = remote_fields(section);
    let mut wanted = needs.attributes(Kind::Scim);
    wanted.extend(fields.keys().cloned());
    let page_size = |item: &Item<'_>| item.whole(1, LARGEST_PAGE);
    let config = ScimConfig {
        name: SourceName::from(name),
        extra_headers: extra_headers(&section.section("extra_headers")),
        scope_groups: section.optional("groups", scope_groups),
        rule_groups: needs.groups().clone(),
        wanted,
        fields,
        page_size: section.optional("page_size", page_size).unwrap_or(PAGE_SIZE),
        paging: section.optional("paging", |item| item.one_of(PAGINGS)).unwrap_or_default(),
        first_index: section.optional("first_index", |item| item.whole(0, 1)).unwrap_or(1),
        membership: section.optional("membership", |item| item.one_of(MEMBERSHIPS)).unwrap_or_default(),
        nested: section.optional("nested", Item::flag).unwrap_or(false),
        absent_active: section.optional("absent_active", |item| item.one_of(ABSENT_ACTIVE)).unwrap_or_default(),
        incremental: section
            .optional("incremental", |item| item.one_of(&[("auto", true), ("off", false)]))
            .unwrap_or(true),
        extension_aliases: section.optional("extension_aliases", Item::texts).unwrap_or_default(),
        users_path: section.optional("users_path", |item| item.parsed(PATH, path)),
        groups_path: section.optional("groups_path", |item| item.parsed(PATH, path)),
        max_response_bytes: section
            .optional("max_response", |item| item.bytes(LEAST_RESPONSE, MOST_RESPONSE))
            .unwrap_or(MAX_RESPONSE),
        base_url: base_url?,
        credential: credential?,
    };
    Some(ReadSource { config: SourceConfig::Scim(config), guests: true })
}

fn credential(section: &Section<'_>) -> Option<ScimCredential> {
    match section.at_most_one(&["bearer", "basic", "header", "oauth"]) {
        Some("bearer") => section.optional("bearer", Item::secret).map(ScimCredential::Bearer),
        Some("basic") => section.optional("basic", basic),
        Some("header") => section.optional("header", header),
        Some(_) => section.optional("oauth", oauth),
        None => {
            let hint = "for example bearer = { env = \"SCIM_TOKEN\" }, or basic, header, oauth";
            section.missing("bearer", hint);
            None
        }
    }
}

fn basic(item: &Item<'_>) -> Option<ScimCredential> {
    let section = item.section()?;
    // A colon ends the user name (RFC 7617, 2).
    let name =
        |item: &Item<'_>| item.parsed("a user name without a colon", |text| plain(text).then(|| text.to_owned()));
    let plain_name = section.required("username", "\"rollcall\"", name);
    let password = section.required("password", "{ env = \"SCIM_PASSWORD\" }", Item::secret);
    Some(ScimCredential::Basic { username: plain_name?, password: password? })
}

fn plain(text: &str) -> bool {
    !text.is_empty() && !text.contains(':') && !text.chars().any(char::is_control)
}

fn header(item: &Item<'_>) -> Option<ScimCredential> {
    let section = item.section()?;
    let name = section.required("name", "\"x-api-key\"", |item| item.parsed(HEADER, header_name));
    let secret = section.required("value", "{ env = \"SCIM_KEY\" }", Item::secret);
    Some(ScimCredential::Header { name: name?, secret: secret? })
}

/// Form parameters that are rollcall's to set (RFC 6749, 4.4.2 and 2.3.1).
const OWN_PARAMETERS: &[&str] =
    &["grant_type", "client_id", "client_secret", "scope", "client_assertion", "client_assertion_type"];

fn oauth(item: &Item<'_>) -> Option<ScimCredential> {
    let section = item.section()?;
    let token_url = section.required("token_url", "\"https://login.example.com/oauth2/token\"", Item::url);
    let client_id = section.required("client_id", "\"rollcall\"", Item::text);
    let client_secret = section.required("client_secret", "{ env = \"SCIM_CLIENT_SECRET\" }", Item::secret);
    let scopes = section.optional("scope", Item::texts).unwrap_or_default();
    let basic = section.optional("basic", Item::flag).unwrap_or(false);
    let mut extra = BTreeMap::new();
    for (name, item) in section.section("extra").entries() {
        if OWN_PARAMETERS.contains(&name.as_str()) {
            item.problem("is set by rollcall itself", "take it out of extra".to_owned());
        } else if let Some(value) = item.text() {
            extra.insert(name, value);
        }
    }
    Some(ScimCredential::OAuth {
        token_url: token_url?,
        client_id: client_id?,
        client_secret: client_secret?,
        // One text may hold several, as the protocol writes them.
        scopes: scopes.iter().flat_map(|text| text.split_whitespace()).map(str::to_owned).collect(),
        extra,
        basic,
    })
}

/// Headers that belong to the protocol below, or to the credential.
const OWN_HEADERS: &[&str] = &["host", "content-length", "transfer-encoding", "connection", "accept-encoding"];
/// Names that carry credentials.
const SECRET_HEADERS: &[&str] = &["authorization", "proxy-authorization", "cookie", "x-api-key", "api-key"];

fn extra_headers(section: &Section<'_>) -> BTreeMap<String, String> {
    let mut headers = BTreeMap::new();
    for (name, item) in section.entries() {
        let lower = name.to_ascii_lowercase();
        if SECRET_HEADERS.contains(&lower.as_str()) {
            item.problem("a secret may not stand in this file", "use bearer, basic or header".to_owned());
        } else if header_name(&name).is_none() {
            item.problem(format!("expected {HEADER}"), None);
        } else if let Some(value) = item.parsed("text that fits into a header", header_value) {
            headers.insert(name, value);
        }
    }
    headers
}

const HEADER: &str = "the name of a header such as \"x-tenant\"";

/// RFC 9110, 5.6.2, without names that are not free.
fn header_name(text: &str) -> Option<String> {
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    let free = !OWN_HEADERS.contains(&text.to_ascii_lowercase().as_str());
    (free && !text.is_empty() && text.len() <= 128 && text.chars().all(token)).then(|| text.to_owned())
}

fn header_value(text: &str) -> Option<String> {
    (!text.is_empty() && text.chars().all(|c| c == ' ' || c.is_ascii_graphic())).then(|| text.to_owned())
}

const PATH: &str = "a path below base_url such as \"Users\"";

fn path(text: &str) -> Option<String> {
    let path = text.trim_matches('/');
    let segment = |part: &str| {
        !matches!(part, "" | "." | "..")
            && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~'))
    };
    path.split('/').all(segment).then(|| path.to_owned())
}
