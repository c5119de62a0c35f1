//! The filter language: what a filter means for one resource.
//!
//! Invariant: names and operators are compared without case; so are texts, except in attributes the schema declares exact.
//!
//! (RFC 7644, 3.4.2.2.)

use chrono::{DateTime, NaiveDateTime, Utc};
use serde_json::Value;

use super::manners::Filters;
use super::path::{self, Path};
pub(super) use parse::read;

mod parse;

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Eq,
    Ne,
    Co,
    Sw,
    Ew,
    Gt,
    Ge,
    Lt,
    Le,
}

/// A filter.
#[derive(Debug, Clone)]
pub(super) enum Filter {
    And(Box<Filter>, Box<Filter>),
    Or(Box<Filter>, Box<Filter>),
    Not(Box<Filter>),
    /// `pr`.
    Has(Path),
    Compare(Comparison),
    /// Some value of the attribute fits the inner filter.
    Within(Path, Box<Filter>),
}

/// `attribute operator value`.
#[derive(Debug, Clone)]
pub(super) struct Comparison {
    path: Path,
    verb: Verb,
    value: Value,
    /// The value, where it is an instant and compared as one.
    at: Option<DateTime<Utc>>,
}

/// Attributes whose texts are compared with case (`caseExact` in RFC 7643, 4 and 3.1).
fn is_exact(path: &Path) -> bool {
    path.top() == "id"
        || path.top() == "externalid"
        || path.top() == "meta"
        || path.last() == "$ref"
        || path.is(&["groups", "value"])
        || path.is(&["members", "value"])
        || path.is(&["groups"])
        || path.is(&["members"])
}

/// Dates of every resource.
fn is_date(path: &Path) -> bool {
    path.is(&["meta", "lastmodified"]) || path.is(&["meta", "created"])
}

/// An `xsd:dateTime`; one without a zone is UTC.
pub(super) fn instant(text: &str) -> Option<DateTime<Utc>> {
    let zoned = DateTime::parse_from_rfc3339(text).map(|at| at.with_timezone(&Utc));
    let bare = || NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").map(|at| at.and_utc());
    zoned.or_else(|_| bare()).ok()
}

impl Filter {
    /// Whether a resource fits. `get` shows an attribute of it by its name in lower case, or only the part of it that
    /// the names below lead to.
    pub(super) fn fits(&self, get: &dyn Fn(&str, &[String]) -> Option<Value>) -> bool {
        match self {
            Self::And(left, right) => left.fits(get) && right.fits(get),
            Self::Or(left, right) => left.fits(get) || right.fits(get),
            Self::Not(inner) => !inner.fits(get),
            Self::Has(path) => get(path.top(), path.below()).is_some_and(|value| has(&value, path.below())),
            Self::Compare(comparison) => {
                let value = get(comparison.path.top(), comparison.path.below()).unwrap_or(Value::Null);
                let mut found = Vec::new();
                path::walk(&value, comparison.path.below(), &mut found);
                comparison.any(&found)
            }
            Self::Within(path, inner) => {
                let Some(value) = get(path.top(), path.below()) else { return false };
                let mut value = &value;
                for name in path.below() {
                    match path::member(value, name) {
                        Some(below) => value = below,
                        None => return false,
                    }
                }
                let one = |item: &Value| inner.fits(&|name, _| path::member(item, name).cloned());
                value.as_array().map_or_else(|| one(value), |items| items.iter().any(one))
            }
        }
    }

    /// What a server that only knows `eq` and `and` makes of it.
    fn is_eq_only(&self) -> bool {
        match self {
            Self::And(left, right) => left.is_eq_only() && right.is_eq_only(),
            Self::Compare(comparison) => comparison.verb == Verb::Eq,
            Self::Or(..) | Self::Not(_) | Self::Has(_) | Self::Within(..) => false,
        }
    }

    /// Whether it compares `meta.lastModified` anywhere.
    fn asks_for_changes(&self) -> bool {
        match self {
            Self::And(left, right) | Self::Or(left, right) => left.asks_for_changes() || right.asks_for_changes(),
            Self::Not(inner) | Self::Within(_, inner) => inner.asks_for_changes(),
            Self::Has(_) => false,
            Self::Compare(comparison) => comparison.path.is(&["meta", "lastmodified"]),
        }
    }

    /// What this kind of server makes of it: itself, nothing, or a reason to refuse.
    pub(super) fn served(self, filters: Filters) -> Result<Served, &'static str> {
        match filters {
            Filters::EqOnly if !self.is_eq_only() => Err("Only eq and and are supported."),
            Filters::NoDates if self.asks_for_changes() => Ok(Served::Nothing),
            _ => Ok(Served::By(self)),
        }
    }
}

/// What a server makes of a filter.
#[derive(Debug, Clone)]
pub(super) enum Served {
    By(Filter),
    Nothing,
}

/// Whether there is a value that is not empty.
fn has(value: &Value, below: &[String]) -> bool {
    match (value, below.split_first()) {
        (Value::Null, _) => false,
        (Value::Array(items), _) => items.iter().any(|item| has(item, below)),
        (Value::Object(object), None) => !object.is_empty(),
        (Value::String(text), None) => !text.is_empty(),
        (_, None) => true,
        (_, Some((name, rest))) => path::member(value, name).is_some_and(|inner| has(inner, rest)),
    }
}

impl Comparison {
    fn any(&self, found: &[&Value]) -> bool {
        if found.is_empty() {
            // An attribute without a value is unequal to every value, and equal to null.
            return (self.verb == Verb::Eq) == self.value.is_null() && matches!(self.verb, Verb::Eq | Verb::Ne);
        }
        found.iter().any(|value| self.one(value))
    }

    fn one(&self, found: &Value) -> bool {
        use std::cmp::Ordering::{Equal, Greater, Less};
        let order = match (self.at, found, &self.value) {
            (Some(at), Value::String(text), _) => instant(text).map(|found| found.cmp(&at)),
            (None, Value::String(found), Value::String(wanted)) => {
                let fold = |text: &str| if is_exact(&self.path) { text.to_owned() } else { text.to_lowercase() };
                let (found, wanted) = (fold(found), fold(wanted));
                match self.verb {
                    Verb::Co => return found.contains(&wanted),
                    Verb::Sw => return found.starts_with(&wanted),
                    Verb::Ew => return found.ends_with(&wanted),
                    _ => Some(found.cmp(&wanted)),
                }
            }
            (_, Value::Number(found), Value::Number(wanted)) => found.as_f64().partial_cmp(&wanted.as_f64()),
            (_, Value::Bool(found), Value::Bool(wanted)) => Some(found.cmp(wanted)),
            _ => None,
        };
        match self.verb {
            Verb::Eq => order == Some(Equal),
            Verb::Ne => order != Some(Equal),
            Verb::Gt => order == Some(Greater),
            Verb::Ge => matches!(order, Some(Greater | Equal)),
            Verb::Lt => order == Some(Less),
            Verb::Le => matches!(order, Some(Less | Equal)),
            Verb::Co | Verb::Sw | Verb::Ew => false,
        }
    }
}
