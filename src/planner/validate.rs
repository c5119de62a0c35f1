//! What Connect would refuse, found before any call.
//!
//! Source: Amazon Connect API reference, `CreateUser`, `UserIdentityInfo`, `TagResource`; quotas from the administrator
//! guide, "Amazon Connect service quotas".
//!
//! Invariant: a problem's text never repeats the value; it may be personal.

use std::collections::BTreeMap;

use crate::model::attribute::MAX_TAGS;
use crate::model::{Attribute, IdentityManagement, OWNER_TAG};

/// Longest username of a SAML instance.
const SAML_USERNAME_CHARS: usize = 64;
/// Longest username of the other instances.
const OTHER_USERNAME_CHARS: usize = 20;
/// Longest address in `SecondaryEmail`.
const EMAIL_CHARS: usize = 265;
/// Longest tag key and tag value.
const TAG_KEY_CHARS: usize = 128;
const TAG_VALUE_CHARS: usize = 256;

/// Why Connect would refuse a username; `None` if it would take it.
pub(super) fn username(text: &str, identity: IdentityManagement) -> Option<String> {
    let most = match identity {
        IdentityManagement::Saml => SAML_USERNAME_CHARS,
        IdentityManagement::ConnectManaged | IdentityManagement::ExistingDirectory => OTHER_USERNAME_CHARS,
    };
    if let Some(bad) = text.chars().find(|c| !(c.is_ascii_alphanumeric() || "_-.\\@".contains(*c))) {
        let name = if bad == ' ' { "a space".to_owned() } else { bad.to_string() };
        return Some(format!("Connect refuses {name} in a username"));
    }
    let chars = text.chars().count();
    if chars > most {
        return Some(format!("the username has {chars} characters, Connect takes {most}"));
    }
    if text.is_empty() {
        return Some("the username is empty".to_owned());
    }
    if text.contains('@') && !email(text) {
        return Some("Connect takes @ in a username only as part of an e-mail address".to_owned());
    }
    None
}

/// Whether a text fits Connect's pattern for addresses:
/// `(?=^.{0,265}$)[a-zA-Z0-9._%+-]+@[a-zA-Z0-9.-]+\.[a-zA-Z]{2,63}`.
pub(super) fn email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let Some((host, top)) = domain.rsplit_once('.') else { return false };
    text.chars().count() <= EMAIL_CHARS
        && !local.is_empty()
        && local.chars().all(|c| c.is_ascii_alphanumeric() || "._%+-".contains(c))
        && !host.is_empty()
        && host.chars().all(|c| c.is_ascii_alphanumeric() || ".-".contains(c))
        && (2..=63).contains(&top.len())
        && top.chars().all(|c| c.is_ascii_alphabetic())
}

/// Whether a text fits `\+[1-9]\d{1,14}`, and is long enough to be somebody's number.
pub(super) fn e164(text: &str) -> bool {
    /// No country has shorter international numbers; the pattern alone would take `+44`.
    const LEAST_DIGITS: usize = 8;
    const MOST_DIGITS: usize = 15;
    text.strip_prefix('+').is_some_and(|digits| {
        (LEAST_DIGITS..=MOST_DIGITS).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|b| b.is_ascii_digit())
    })
}

/// Most characters of a first or last name.
pub(super) fn name_chars(attribute: Attribute, identity: IdentityManagement) -> usize {
    match (attribute, identity) {
        (Attribute::LastName, IdentityManagement::Saml) => 300,
        (Attribute::LastName, _) => 256,
        _ => 255,
    }
}

/// Why Connect would refuse these tags of ours; `None` if it would take them.
pub(super) fn tags(tags: &BTreeMap<String, String>) -> Option<String> {
    // One place is kept for the owner tag.
    if tags.len() >= MAX_TAGS {
        return Some(format!("{} tags and the owner tag are more than {MAX_TAGS}", tags.len()));
    }
    for (key, value) in tags {
        let allowed = |c: char| c.is_ascii_alphabetic() || ('+'..='=').contains(&c) || "_@ ".contains(c);
        let (key_chars, value_chars) = (key.chars().count(), value.chars().count());
        if key_chars == 0 || key_chars > TAG_KEY_CHARS || key.starts_with("aws:") || !key.chars().all(allowed) {
            return Some(format!("Connect refuses the tag key \"{key}\""));
        }
        if key == OWNER_TAG {
            return Some(format!("the tag {OWNER_TAG} is the owner mark and cannot be set by a rule"));
        }
        if value_chars > TAG_VALUE_CHARS {
            return Some(format!(
                "the value of tag \"{key}\" has {value_chars} characters, Connect takes {TAG_VALUE_CHARS}"
            ));
        }
    }
    None
}

/// Whether an attribute can be written by an instance of this kind: SAML refuses `Email`, and a directory service keeps
/// names and e-mail to itself.
pub(super) fn writable(attribute: Attribute, identity: IdentityManagement) -> bool {
    match identity {
        IdentityManagement::Saml => attribute != Attribute::Email,
        IdentityManagement::ConnectManaged => true,
        IdentityManagement::ExistingDirectory => {
            !matches!(attribute, Attribute::Email | Attribute::FirstName | Attribute::LastName)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, identity: IdentityManagement, accepted: bool) {
        assert_eq!(username(text, identity).is_none(), accepted, "{text:?} {:?}", username(text, identity));
    }

    #[test]
    fn usernames_by_identity_type() {
        use IdentityManagement::{ConnectManaged, ExistingDirectory, Saml};
        check("ada.king@example.com", Saml, true);
        check("EMEA\\ada", Saml, true);
        check("ada@example", Saml, false);
        check("kim.o'neil@example.com", Saml, false);
        check("x_example.com#EXT#@contoso.com", Saml, false);
        check("ada+1@example.com", Saml, false);
        check("李.wei@example.com", Saml, false);
        check("ada king", Saml, false);
        check("", Saml, false);
        check(&"a".repeat(64), Saml, true);
        check(&"a".repeat(65), Saml, false);
        check(&"a".repeat(20), ConnectManaged, true);
        check(&"a".repeat(21), ConnectManaged, false);
        check(&"a".repeat(21), ExistingDirectory, false);
    }

    #[test]
    fn addresses_and_numbers() {
        assert!(email("ada.king+x@mail.example.co"));
        for bad in
            ["ada", "ada@example", "@example.com", "ada@.c", "ada king@example.com", "ada@exa mple.com", "a@b@c.com"]
        {
            assert!(!email(bad), "{bad}");
        }
        assert!(e164("+442079460123"));
        for bad in ["442079460123", "+0442079460123", "+44", "+44 2079460123", "+1234567890123456"] {
            assert!(!e164(bad), "{bad}");
        }
    }

    #[test]
    fn tags_that_connect_refuses() {
        let one = |key: &str, value: &str| BTreeMap::from([(key.to_owned(), value.to_owned())]);
        assert_eq!(tags(&one("tier", "2")), None);
        assert!(tags(&one("aws:tier", "2")).is_some());
        assert!(tags(&one("", "2")).is_some());
        assert!(tags(&one(OWNER_TAG, "entra/1")).is_some());
        assert!(tags(&one("tier", &"x".repeat(257))).is_some());
        let many = |n: usize| (0..n).map(|i| (format!("k{i}"), String::new())).collect::<BTreeMap<_, _>>();
        assert_eq!(tags(&many(49)), None);
        assert!(tags(&many(50)).is_some());
    }
}
