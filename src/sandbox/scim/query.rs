//! The parameters of a listing, from the URL or from the body of a search.
//!
//! (RFC 7644, 3.4.2 to 3.4.3 and 3.9; RFC 9865, 2.)

use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::Value;
use url::form_urlencoded;

use super::path::{Path, Selection};
use super::reply::Refusal;

const SEARCH: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

/// What a listing is asked for.
#[derive(Debug, Clone, Default)]
pub(super) struct Query {
    pub(super) filter: Option<String>,
    pub(super) sort_by: Option<String>,
    pub(super) descending: bool,
    pub(super) start: Option<i64>,
    pub(super) count: Option<i64>,
    pub(super) cursor: Option<String>,
    attributes: Option<String>,
    excluded: Option<String>,
}

impl Query {
    pub(super) fn of_url(query: &str) -> Result<Self, Refusal> {
        let pairs: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Self::of(&|name| pairs.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone()))
    }

    pub(super) fn of_search(body: &[u8]) -> Result<Self, Refusal> {
        let wrong = |detail: &str| Refusal::bad("invalidSyntax", detail);
        let body: Value = serde_json::from_slice(body).map_err(|_| wrong("The body is not JSON."))?;
        let schemas = body.get("schemas").and_then(Value::as_array);
        let is_search = |schema: &Value| schema.as_str().is_some_and(|schema| schema.eq_ignore_ascii_case(SEARCH));
        if !schemas.is_some_and(|schemas| schemas.iter().any(is_search)) {
            return Err(wrong("The body is not a SearchRequest."));
        }
        Self::of(&|name| match body.get(name)? {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            Value::Array(items) => {
                let names: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
                Some(names.join(","))
            }
            other => Some(other.to_string()),
        })
    }

    fn of(get: &dyn Fn(&str) -> Option<String>) -> Result<Self, Refusal> {
        let cursor = get("cursor");
        let count_error = if cursor.is_some() { "invalidCount" } else { "invalidValue" };
        let number = |name: &str, kind: &str| {
            let read = |text: String| text.parse().map_err(|_| Refusal::bad(kind, format!("{name} is not a number.")));
            get(name).map(read).transpose()
        };
        let (start, count) = (number("startIndex", "invalidValue")?, number("count", count_error)?);
        let descending = match get("sortOrder").map(|order| order.to_ascii_lowercase()).as_deref() {
            None | Some("ascending") => false,
            Some("descending") => true,
            Some(_) => return Err(Refusal::bad("invalidValue", "sortOrder is ascending or descending.")),
        };
        let (attributes, excluded) = (get("attributes"), get("excludedAttributes"));
        if attributes.is_some() && excluded.is_some() {
            return Err(Refusal::bad("invalidValue", "attributes and excludedAttributes exclude each other."));
        }
        let (filter, sort_by) = (get("filter"), get("sortBy"));
        Ok(Self { filter, sort_by, descending, start, count, cursor, attributes, excluded })
    }

    /// Which attributes are wanted; names nobody has are passed over.
    pub(super) fn selection(&self) -> Selection {
        let paths = |text: &String| text.split(',').filter_map(|name| Path::read(name.trim())).collect();
        match (&self.attributes, &self.excluded) {
            (Some(only), _) => Selection::Only(paths(only)),
            (None, Some(except)) => Selection::Except(paths(except)),
            (None, None) => Selection::All,
        }
    }

    /// A mark of everything that must stay the same from page to page, but `count`.
    pub(super) fn print(&self) -> u64 {
        let Self { filter, sort_by, descending, start: _, count: _, cursor: _, attributes, excluded } = self;
        let mut hasher = DefaultHasher::new();
        (filter, sort_by, descending, attributes, excluded).hash(&mut hasher);
        hasher.finish()
    }
}
