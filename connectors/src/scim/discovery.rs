//! What a server says about itself: `ServiceProviderConfig` and `ResourceTypes` (RFC 7643, 5 and 6; RFC 9865, 4).
//!
//! Invariant: discovery is a hint. Reading it never fails; what is missing, malformed or of another shape is not said.

use super::lenient::Loose;

/// What a server says it can do. `None` is "not said".
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ProviderConfig {
    /// Whether filters are supported.
    pub(super) filter: Option<bool>,
    /// How many resources a filter may find.
    pub(super) filter_max: Option<u64>,
    /// Whether `sortBy` is supported.
    pub(super) sort: Option<bool>,
    /// Whether versions and conditional requests are supported.
    pub(super) etag: Option<bool>,
    /// Whether lists can be paged by cursor.
    pub(super) cursor: Option<bool>,
    /// Whether lists can be paged by index.
    pub(super) index: Option<bool>,
    /// How lists are paged if a request names neither.
    pub(super) default_paging: Option<DefaultPaging>,
    /// Resources on a page if a request names no number.
    pub(super) default_page_size: Option<u64>,
    /// Resources on a page at most.
    pub(super) max_page_size: Option<u64>,
    /// Seconds a cursor lives.
    pub(super) cursor_timeout_secs: Option<u64>,
    /// Kinds of credentials (`oauthbearertoken`, `httpbasic`), as the server spells them.
    pub(super) auth_schemes: Vec<String>,
}

/// How lists are paged if a request does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DefaultPaging {
    /// By cursor.
    Cursor,
    /// By index.
    Index,
}

/// Where users and groups are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ResourceTypes {
    /// The users' path as the server spells it, usually `/Users`.
    pub(super) users_endpoint: Option<String>,
    /// The groups' path as the server spells it, usually `/Groups`.
    pub(super) groups_endpoint: Option<String>,
    /// Whether the answer is in the words of SCIM 1.1.
    pub(super) speaks_1_1: bool,
}

/// Reads a `ServiceProviderConfig`.
pub(super) fn provider_config(body: &[u8]) -> ProviderConfig {
    let Some(told) = tree(body) else { return ProviderConfig::default() };
    // Some servers wrap the one configuration into a list.
    let told = match told.get("Resources").map(Loose::entries) {
        Some([only]) => only,
        _ => &told,
    };
    let inside = |part: &str, name: &str| told.get(part).and_then(|part| part.get(name)).cloned();
    // `"filter": true` for `"filter": {"supported": true}`.
    let supported = |part: &str| told.get(part).and_then(|it| it.get("supported").unwrap_or(it).truth());
    let count = |part: &str, name: &str| inside(part, name).as_ref().and_then(Loose::count);
    let truth = |part: &str, name: &str| inside(part, name).as_ref().and_then(Loose::truth);
    let schemes = told.get("authenticationSchemes").map(Loose::entries).unwrap_or_default();
    let scheme = |entry: &Loose<'_>| entry.get("type").or(entry.get("name")).unwrap_or(entry).text().map(String::from);
    ProviderConfig {
        filter: supported("filter"),
        filter_max: count("filter", "maxResults"),
        sort: supported("sort"),
        etag: supported("etag"),
        cursor: truth("pagination", "cursor"),
        index: truth("pagination", "index"),
        default_paging: inside("pagination", "defaultPaginationMethod").as_ref().and_then(default_paging),
        default_page_size: count("pagination", "defaultPageSize"),
        max_page_size: count("pagination", "maxPageSize"),
        cursor_timeout_secs: count("pagination", "cursorTimeout"),
        auth_schemes: schemes.iter().filter_map(scheme).collect(),
    }
}

fn default_paging(told: &Loose<'_>) -> Option<DefaultPaging> {
    let word = told.text()?;
    if word.eq_ignore_ascii_case("cursor") {
        Some(DefaultPaging::Cursor)
    } else if word.eq_ignore_ascii_case("index") {
        Some(DefaultPaging::Index)
    } else {
        None
    }
}

/// Reads a list of `ResourceTypes`, in any of the shapes servers give it.
pub(super) fn resource_types(body: &[u8]) -> ResourceTypes {
    let Some(told) = tree(body) else { return ResourceTypes::default() };
    let listed = match &told {
        Loose::List(list) => Some(&list[..]),
        told => {
            let names = ["Resources", "resourceTypes", "resource_types", "resourceType"];
            names.iter().find_map(|name| told.get(name)).map(Loose::entries)
        }
    };
    let mut types = ResourceTypes { speaks_1_1: speaks_1_1(&told), ..ResourceTypes::default() };
    for entry in listed.unwrap_or(std::slice::from_ref(&told)) {
        types.speaks_1_1 |= speaks_1_1(entry);
        let Some(endpoint) = entry.get("endpoint").and_then(Loose::text) else { continue };
        let is = |name: &str, schema: &str| {
            let said = entry.get("schema").and_then(Loose::text);
            match said {
                Some(said) => said.eq_ignore_ascii_case(schema),
                None => ["id", "name"]
                    .iter()
                    .any(|key| entry.get(key).and_then(Loose::text).is_some_and(|it| it.eq_ignore_ascii_case(name))),
            }
        };
        if is("User", "urn:ietf:params:scim:schemas:core:2.0:User") {
            types.users_endpoint.get_or_insert_with(|| endpoint.to_string());
        } else if is("Group", "urn:ietf:params:scim:schemas:core:2.0:Group") {
            types.groups_endpoint.get_or_insert_with(|| endpoint.to_string());
        }
    }
    types
}

fn speaks_1_1(told: &Loose<'_>) -> bool {
    let schemas = ["schemas", "schema"].iter().filter_map(|name| told.get(name)).flat_map(Loose::entries);
    let front = "urn:scim:schemas:core:1.";
    schemas
        .filter_map(Loose::text)
        .any(|schema| schema.get(..front.len()).is_some_and(|start| start.eq_ignore_ascii_case(front)))
}

fn tree(body: &[u8]) -> Option<Loose<'_>> {
    serde_json::from_slice(body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body)).ok()
}
