//! Where a value is in a user: `title`, `name.formatted`, `urn:…:User:department`, `emails[type eq "home"].value`.
//!
//! Grammar: RFC 7644, 3.10 and figure 7, as far as a reader needs it: one `eq` in brackets, one sub-attribute.
//! Invariant: what is asked for in a query consists of the parsed parts only, so no path can change the query.

use std::borrow::Cow;

use super::fields::{ENTERPRISE, Field, Otherwise};
use super::lenient::{Loose, dialled};
use crate::attributes::SEPARATOR;

/// Which object holds the attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// The user itself.
    Core,
    /// The extension with this URN.
    Extension(String),
}

/// A path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path {
    pub(super) place: Place,
    /// The attribute.
    pub(super) head: String,
    /// The entry of a list that is meant: a sub-attribute and its value.
    only: Option<(String, String)>,
    /// The sub-attribute.
    sub: Option<String>,
}

/// What a value gives for a field.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    Nothing,
    Value(Box<str>),
    /// There is something, and it is not a value: an object or a list where a text is due.
    Wrong,
}

impl Path {
    /// Reads a path; the error says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        let (front, only, rest) = match text.split_once('[') {
            None => (text, None, ""),
            Some((front, tail)) => {
                // A bracket inside the quotes belongs to the value.
                let (filter, rest) = tail.rsplit_once(']').ok_or("has no closing bracket")?;
                (front, Some(condition(filter)?), rest)
            }
        };
        let (place, name) = match front.rsplit_once(':') {
            None => (Place::Core, front),
            Some((urn, name)) if is_urn(urn) => (place_of(urn), name),
            Some(_) => return Err("does not start with the URN of a schema"),
        };
        let (head, sub) = match (only.is_some(), name.split_once('.')) {
            (true, Some(_)) => return Err("has a sub-attribute before its brackets"),
            (true, None) if rest.is_empty() => (name, None),
            (true, None) => (name, Some(rest.strip_prefix('.').ok_or("goes on after its brackets without a dot")?)),
            (false, None) => (name, None),
            (false, Some((head, sub))) => (head, Some(sub)),
        };
        if !is_name(head) || sub.is_some_and(|sub| !is_name(sub)) {
            return Err("is not the name of a SCIM attribute");
        }
        Ok(Self { place, head: head.to_owned(), only, sub: sub.map(ToOwned::to_owned) })
    }

    /// Whether it is this core attribute.
    pub(super) fn is(&self, core: &str) -> bool {
        self.place == Place::Core && self.head.eq_ignore_ascii_case(core)
    }

    /// The name to ask for.
    pub(super) fn asked(&self) -> String {
        match &self.place {
            Place::Core => self.head.clone(),
            Place::Extension(urn) => format!("{urn}:{}", self.head),
        }
    }

    /// The value of one entry.
    fn value(&self, entry: &Loose<'_>) -> Taken {
        let inner = match (entry, &self.sub) {
            (Loose::Null, _) => return Taken::Nothing,
            (Loose::Object(pairs), None) => {
                let value = ["value", "display"].iter().find_map(|name| entry.get(name));
                // An entry that only says of what kind it is has no value; of another shape it cannot be judged.
                let said = |(name, value): &(Cow<'_, str>, _)| *value == Loose::Null || is_about_a_value(name);
                match value {
                    Some(value) => value,
                    None if pairs.iter().all(said) => return Taken::Nothing,
                    None => return Taken::Wrong,
                }
            }
            (Loose::Object(_), Some(sub)) => match entry.get(sub) {
                Some(value) => value,
                None => return Taken::Nothing,
            },
            (Loose::List(_), _) => return Taken::Wrong,
            // A simple value where a complex one is due stands for its main part.
            (_, Some(sub)) if !stands_for(sub) => return Taken::Nothing,
            (scalar, _) => scalar,
        };
        if matches!(inner, Loose::List(_) | Loose::Object(_)) {
            return Taken::Wrong;
        }
        let Some(text) = inner.text() else { return Taken::Nothing };
        let text = if self.is("phoneNumbers") { dialled(&text) } else { text };
        Taken::Value(one_line(&text).into())
    }

    /// Whether an entry is the one in brackets.
    fn matches(&self, entry: &Loose<'_>) -> bool {
        self.only.as_ref().is_none_or(|(name, wanted)| {
            let value = match entry {
                Loose::Object(_) => entry.get(name).and_then(Loose::text),
                scalar if name.eq_ignore_ascii_case("value") => scalar.text(),
                _ => None,
            };
            value.is_some_and(|value| value.eq_ignore_ascii_case(wanted))
        })
    }
}

/// What this value, found in the field's place, gives for the field.
pub(super) fn take(field: &Field, found: &Loose<'_>) -> Taken {
    let (path, entries) = (&field.path, found.entries());
    if path.only.is_none() {
        return all(path, entries);
    }
    let primary = |entry: &&Loose<'_>| entry.get("primary").and_then(Loose::truth) == Some(true);
    let untyped = |entry: &&Loose<'_>| entry.get("type").and_then(Loose::text).is_none();
    let meant = || entries.iter().filter(|entry| path.matches(entry));
    let chosen = meant().find(primary).or_else(|| meant().next()).or_else(|| match field.otherwise {
        Otherwise::Nothing => None,
        Otherwise::Untyped => entries.iter().find(untyped),
        Otherwise::PrimaryThenUntyped => entries.iter().find(primary).or_else(|| entries.iter().find(untyped)),
    });
    chosen.map_or(Taken::Nothing, |entry| path.value(entry))
}

/// The values of all entries, one a line.
fn all(path: &Path, entries: &[Loose<'_>]) -> Taken {
    let mut joined = String::new();
    for entry in entries {
        match path.value(entry) {
            Taken::Nothing => {}
            Taken::Wrong => return Taken::Wrong,
            Taken::Value(value) => {
                if !joined.is_empty() {
                    joined.push(SEPARATOR);
                }
                joined.push_str(&value);
            }
        }
    }
    if joined.is_empty() { Taken::Nothing } else { Taken::Value(joined.into()) }
}

/// The separator between values cannot be part of one.
fn one_line(text: &str) -> Cow<'_, str> {
    if text.contains(SEPARATOR) { text.replace(SEPARATOR, " ").into() } else { text.into() }
}

/// The default sub-attributes of a multi-valued attribute (RFC 7643, 2.4).
fn is_about_a_value(name: &str) -> bool {
    ["type", "primary", "display", "value", "$ref"].iter().any(|known| known.eq_ignore_ascii_case(name))
}

fn stands_for(sub: &str) -> bool {
    ["value", "display", "displayName", "formatted"].iter().any(|main| main.eq_ignore_ascii_case(sub))
}

/// `type eq "home"` → (`type`, `home`).
fn condition(filter: &str) -> Result<(String, String), &'static str> {
    let wrong = "has brackets that do not hold one `name eq \"value\"`";
    let mut words = filter.trim().splitn(3, char::is_whitespace);
    let (Some(name), Some(operator), Some(value)) = (words.next(), words.next(), words.next()) else {
        return Err(wrong);
    };
    if !is_name(name) || !operator.eq_ignore_ascii_case("eq") {
        return Err(wrong);
    }
    let value = value.trim();
    let value = match value.strip_prefix('"') {
        Some(quoted) => quoted.strip_suffix('"').filter(|inner| !inner.contains(['"', '\\'])).ok_or(wrong)?,
        None if ["true", "false"].iter().any(|truth| truth.eq_ignore_ascii_case(value)) => value,
        None => return Err(wrong),
    };
    if value.trim().is_empty() {
        return Err(wrong);
    }
    Ok((name.to_owned(), value.trim().to_owned()))
}

fn place_of(urn: &str) -> Place {
    if urn.eq_ignore_ascii_case("urn:ietf:params:scim:schemas:core:2.0:User") {
        Place::Core
    } else if urn.eq_ignore_ascii_case(ENTERPRISE) {
        Place::Extension(ENTERPRISE.to_owned())
    } else {
        Place::Extension(urn.to_owned())
    }
}

fn is_urn(text: &str) -> bool {
    text.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("urn:"))
        && text.len() > 4
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":.-_".contains(&byte))
}

/// RFC 7643, 2.1: a letter, then letters, digits, `-` and `_`; `$` only in `$ref`. A leading `_` occurs in practice.
fn is_name(text: &str) -> bool {
    text.strip_prefix('$').unwrap_or(text).starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().skip(1).all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}
