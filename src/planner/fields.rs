//! Attribute mapping: from what a directory says to the identity fields of a Connect user.
//!
//! Invariant: a mandatory field that is missing, or that Connect would refuse, holds the person; an optional one is left
//! out and reported.
//! Invariant: `Email` is never set on a SAML instance, names and e-mail never where a directory service keeps them.

use std::str::FromStr;

use connectors::{AttributeName, DirectoryUser};
use phonenumber::{Mode, country};
use unicode_normalization::{UnicodeNormalization, is_nfc};

use super::draft::Notes;
use super::rules::FieldMapping;
use super::validate;
use crate::model::{Attribute, AttributeSet, FindingCode, IdentityManagement, Value};

/// The username the directory gives.
pub(super) fn username<'a>(user: &'a DirectoryUser, fields: &FieldMapping) -> Option<&'a str> {
    user.attribute(&fields.username)
}

/// The region for numbers without a country code.
pub(super) fn region(fields: &FieldMapping) -> Option<country::Id> {
    country::Id::from_str(fields.phone_region.as_deref()?).ok()
}

/// What the directory gives for the identity facet.
pub(super) fn identity(
    user: &DirectoryUser,
    fields: &FieldMapping,
    identity: IdentityManagement,
    region: Option<country::Id>,
    notes: &mut Notes<'_>,
) -> AttributeSet {
    let mut set = AttributeSet::default();
    for (attribute, from) in [(Attribute::FirstName, &fields.given_name), (Attribute::LastName, &fields.family_name)] {
        name(user, attribute, from, identity, &mut set, notes);
    }
    email(user, fields, identity, &mut set, notes);
    if !fields.phone.is_empty() {
        match number(user, &fields.phone, region) {
            Number::Valid(text) => set.set(Attribute::Mobile, Value::Text(text)),
            Number::Missing => set.set(Attribute::Mobile, Value::None),
            Number::Bad => bad_phone(&fields.phone, notes),
        }
    }
    set
}

fn name(
    user: &DirectoryUser,
    attribute: Attribute,
    from: &[AttributeName],
    identity: IdentityManagement,
    set: &mut AttributeSet,
    notes: &mut Notes<'_>,
) {
    if !validate::writable(attribute, identity) {
        return;
    }
    let spoken = attribute.name().replace('_', " ");
    let Some(text) = from.iter().find_map(|name| user.attribute(name)) else {
        notes.note(
            FindingCode::MissingField,
            format!("no {spoken} in the directory"),
            format!("complete the record in {}", user.key.source),
        );
        return;
    };
    let text: String = if is_nfc(text) { text.to_owned() } else { text.nfc().collect() };
    let most = validate::name_chars(attribute, identity);
    if text.chars().count() > most {
        notes.note(
            FindingCode::ValueRefused,
            format!("the {spoken} has more than {most} characters"),
            format!("shorten it in {}", user.key.source),
        );
        return;
    }
    set.set(attribute, Value::Text(text));
}

fn email(
    user: &DirectoryUser,
    fields: &FieldMapping,
    identity: IdentityManagement,
    set: &mut AttributeSet,
    notes: &mut Notes<'_>,
) {
    let attribute = match identity {
        IdentityManagement::Saml => Attribute::SecondaryEmail,
        IdentityManagement::ConnectManaged => Attribute::Email,
        IdentityManagement::ExistingDirectory => return,
    };
    if fields.email.is_empty() {
        return;
    }
    let mandatory = attribute == Attribute::Email;
    match fields.email.iter().find_map(|name| user.attribute(name)) {
        Some(text) if validate::email(text) => set.set(attribute, Value::Text(text.to_owned())),
        Some(_) if mandatory => notes.note(
            FindingCode::ValueRefused,
            "Connect would refuse the e-mail address".to_owned(),
            format!("correct it in {}", user.key.source),
        ),
        Some(_) => notes.note(
            FindingCode::FieldLeftOut,
            "Connect would refuse the e-mail address; it is left out".to_owned(),
            format!("correct it in {}", user.key.source),
        ),
        None if mandatory => notes.note(
            FindingCode::MissingField,
            "no e-mail address in the directory; instances with passwords in Connect need one".to_owned(),
            format!("complete the record in {}", user.key.source),
        ),
        None => set.set(attribute, Value::None),
    }
}

/// A telephone number of a person.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Number {
    /// In E.164.
    Valid(String),
    /// The directory has none.
    Missing,
    /// The directory has some, none of which can be normalised.
    Bad,
}

/// The first valid number among several attributes.
pub(super) fn number(user: &DirectoryUser, from: &[AttributeName], region: Option<country::Id>) -> Number {
    let mut any = false;
    for text in from.iter().filter_map(|name| user.attribute(name)) {
        any = true;
        if let Some(number) = normalise(text, region) {
            return Number::Valid(number);
        }
    }
    if any { Number::Bad } else { Number::Missing }
}

/// E.164, or nothing. A number that is E.164 but for spaces is taken as it is; only others need the region's rules.
pub(super) fn normalise(text: &str, region: Option<country::Id>) -> Option<String> {
    let plain: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    if validate::e164(&plain) {
        return Some(plain);
    }
    let number = phonenumber::parse(region, text).ok()?;
    let number = number.is_valid().then(|| number.format().mode(Mode::E164).to_string())?;
    validate::e164(&number).then_some(number)
}

/// Reports a number that had to be left out.
pub(super) fn bad_phone(from: &[AttributeName], notes: &mut Notes<'_>) {
    let names: Vec<&str> = from.iter().map(AttributeName::as_str).collect();
    notes.note(
        FindingCode::BadPhone,
        format!("no valid telephone number in {}; it is left out", names.join(" or ")),
        "write it as +<country code><number>, or set [attributes] phone_region".to_owned(),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_e164() {
        let gb = country::Id::from_str("GB").ok();
        for (text, region, expected) in [
            ("+44 20 7946 0123", None, Some("+442079460123")),
            ("020 7946 0123", gb, Some("+442079460123")),
            ("(020) 7946-0123", gb, Some("+442079460123")),
            ("+44 (0)20 7946 0123", gb, Some("+442079460123")),
            ("020 7946 0123", None, None),
            ("ext. 12", gb, None),
            ("n/a", gb, None),
        ] {
            assert_eq!(normalise(text, region).as_deref(), expected, "{text}");
        }
    }
}
