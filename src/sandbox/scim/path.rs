//! Names of attributes as clients write them: `userName`, `name.givenName`, with or without the URN of the schema.
//!
//! Invariant: names are compared without case (RFC 7643, 2.1), so a path is kept in lower case.

use serde_json::{Map, Value};

/// Schema of users.
pub(super) const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// Schema of groups.
pub(super) const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
/// Schema of the enterprise attributes of users.
pub(super) const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// Where an attribute stands in a resource: a name, or the extension's URN, and what is below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path(Vec<String>);

impl Path {
    /// `None` is not a name by the grammar (RFC 7644, figure 1).
    pub(super) fn read(text: &str) -> Option<Self> {
        let lower = text.to_ascii_lowercase();
        let enterprise = ENTERPRISE.to_ascii_lowercase();
        if lower == enterprise {
            return Some(Self(vec![enterprise]));
        }
        let (mut steps, rest) = match lower.rsplit_once(':') {
            None => (Vec::new(), lower.as_str()),
            Some((urn, rest)) if urn == enterprise => (vec![enterprise], rest),
            Some((urn, rest)) if [USER, GROUP].iter().any(|core| core.eq_ignore_ascii_case(urn)) => (Vec::new(), rest),
            // Of a schema nobody here has.
            Some((urn, rest)) if urn.starts_with("urn:") => (vec![urn.to_owned()], rest),
            Some(_) => return None,
        };
        for name in rest.split('.') {
            let name_only = name.strip_prefix('$').unwrap_or(name);
            let letters = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            if !name_only.starts_with(|c: char| c.is_ascii_alphabetic()) || !name_only.chars().all(letters) {
                return None;
            }
            steps.push(name.to_owned());
        }
        (steps.len() <= 3).then_some(Self(steps))
    }

    /// The attribute of the resource itself.
    pub(super) fn top(&self) -> &str {
        &self.0[0]
    }

    /// What is below it.
    pub(super) fn below(&self) -> &[String] {
        &self.0[1..]
    }

    pub(super) fn is(&self, steps: &[&str]) -> bool {
        self.0.iter().map(String::as_str).eq(steps.iter().copied())
    }

    pub(super) fn last(&self) -> &str {
        self.0.last().map_or("", String::as_str)
    }
}

/// A member of an object, whatever its case.
pub(super) fn member<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    object.as_object()?.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// Every value a path leads to; lists fan out, and a complex value stands for its `value`.
pub(super) fn walk<'a>(value: &'a Value, below: &[String], found: &mut Vec<&'a Value>) {
    match (value, below.split_first()) {
        (Value::Array(items), _) => items.iter().for_each(|item| walk(item, below, found)),
        (Value::Object(_), Some((name, rest))) => {
            if let Some(inner) = member(value, name) {
                walk(inner, rest, found);
            }
        }
        (Value::Object(object), None) => found.extend(object.get("value")),
        (Value::Null, _) | (_, Some(_)) => {}
        (_, None) => found.push(value),
    }
}

/// Which attributes are wanted (RFC 7644, 3.9).
#[derive(Debug, Clone, Default)]
pub(super) enum Selection {
    #[default]
    All,
    Only(Vec<Path>),
    Except(Vec<Path>),
}

impl Selection {
    /// Whether anything of an attribute may be shown. Nothing hides `id` and `schemas`.
    pub(super) fn wants(&self, top: &str) -> bool {
        let named = |path: &&Path| path.top().eq_ignore_ascii_case(top);
        match self {
            _ if top == "id" || top == "schemas" => true,
            Self::All => true,
            Self::Only(paths) => paths.iter().any(|path| named(&path)),
            Self::Except(paths) => !paths.iter().any(|path| named(&path) && path.below().is_empty()),
        }
    }

    /// Cuts what is below the attributes of a resource.
    pub(super) fn trim(&self, resource: &mut Map<String, Value>) {
        let (paths, only) = match self {
            Self::All => return,
            Self::Only(paths) => (paths, true),
            Self::Except(paths) => (paths, false),
        };
        for (top, value) in resource.iter_mut() {
            let mine: Vec<&[String]> =
                paths.iter().filter(|path| path.top().eq_ignore_ascii_case(top)).map(Path::below).collect();
            if !mine.is_empty() && !mine.iter().any(|below| below.is_empty()) {
                cut(value, &mine, only);
            }
        }
        resource.retain(|name, value| name == "schemas" || !is_hollow(value));
    }
}

fn is_hollow(value: &Value) -> bool {
    match value {
        Value::Object(object) => object.is_empty(),
        Value::Array(items) => items.iter().all(|item| item.as_object().is_some_and(Map::is_empty)),
        _ => false,
    }
}

fn cut(value: &mut Value, paths: &[&[String]], only: bool) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| cut(item, paths, only)),
        Value::Object(object) => {
            object.retain(|name, inner| {
                let mut whole = false;
                let mut deeper: Vec<&[String]> = Vec::new();
                for path in paths {
                    match path.split_first() {
                        Some((first, [])) if first.eq_ignore_ascii_case(name) => whole = true,
                        Some((first, rest)) if first.eq_ignore_ascii_case(name) => deeper.push(rest),
                        _ => {}
                    }
                }
                if !whole && !deeper.is_empty() {
                    cut(inner, &deeper, only);
                    return !is_hollow(inner);
                }
                whole == only
            });
        }
        _ => {}
    }
}
