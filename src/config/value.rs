//! Typed readers of one value: text, numbers, durations, lists, addresses, secrets.
//!
//! Invariant: what may be a secret is never shown, neither by value nor by the name of a variable that cannot be one.

use connectors::http::is_loopback;
use connectors::{SecretSource, VaultName, VaultSecret};
use toml::de::DeValue;
use url::Url;

use super::aws;
use super::problem::nearest;
use super::section::Item;
use crate::secrets::{AWS_PARAMETER, AWS_SECRET};

/// Longer than anything that is meant; keeps every later addition of times far from overflow.
const LONGEST_SECS: u64 = 100 * 365 * 24 * 60 * 60;

impl Item<'_> {
    /// Text that is not blank.
    pub(super) fn text(&self) -> Option<String> {
        match self.value() {
            DeValue::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
            DeValue::String(_) => self.wrong("some text"),
            _ => self.wrong("text in quotes"),
        }
    }

    /// Text that `parse` understands; `expected` says what that is.
    pub(super) fn parsed<T>(&self, expected: &str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        match self.value() {
            DeValue::String(text) => parse(text.trim()).or_else(|| self.wrong(expected)),
            _ => self.wrong(expected),
        }
    }

    /// `true` or `false`.
    pub(super) fn flag(&self) -> Option<bool> {
        self.value().as_bool().or_else(|| self.wrong("true or false"))
    }

    /// A whole number of at least `least`.
    pub(super) fn count(&self, least: u32) -> Option<u32> {
        let number = match self.value() {
            DeValue::Integer(digits) => u32::from_str_radix(digits.as_str(), digits.radix()).ok(),
            _ => None,
        };
        number.filter(|number| *number >= least).or_else(|| self.wrong(&format!("a whole number, {least} or more")))
    }

    /// A whole number from `least` to `most`.
    pub(super) fn whole(&self, least: u32, most: u32) -> Option<u32> {
        let number = match self.value() {
            DeValue::Integer(digits) => u32::from_str_radix(digits.as_str(), digits.radix()).ok(),
            _ => None,
        };
        let expected = || {
            if most - least == 1 {
                format!("{least} or {most}")
            } else {
                format!("a whole number from {least} to {most}")
            }
        };
        number.filter(|number| (least..=most).contains(number)).or_else(|| self.wrong(&expected()))
    }

    /// A number of bytes, plain or with a unit (`"32MiB"`), from `least` to `most`.
    pub(super) fn bytes(&self, least: usize, most: usize) -> Option<usize> {
        let bytes = match self.value() {
            DeValue::Integer(digits) => usize::from_str_radix(digits.as_str(), digits.radix()).ok(),
            DeValue::String(text) => bytes(text.trim()),
            _ => None,
        };
        let expected = || format!("a size such as \"32MiB\", from {} to {}", size(least), size(most));
        bytes.filter(|bytes| (least..=most).contains(bytes)).or_else(|| self.wrong(&expected()))
    }

    /// A number that `fits`; `expected` says which ones do.
    pub(super) fn number(&self, expected: &str, fits: impl FnOnce(f64) -> bool) -> Option<f64> {
        let number: Option<f64> = match self.value() {
            DeValue::Float(digits) => digits.as_str().parse().ok(),
            DeValue::Integer(digits) => digits.as_str().parse().ok(),
            _ => None,
        };
        number.filter(|number| number.is_finite() && fits(*number)).or_else(|| self.wrong(expected))
    }

    /// A duration in seconds; may be nothing (`"0d"`).
    pub(super) fn duration(&self) -> Option<u64> {
        self.parsed(r#"a duration such as "90s", "2m", "1h""#, duration_secs)
    }

    /// A duration of at least a second, in seconds.
    pub(super) fn period(&self) -> Option<u64> {
        let secs = self.duration()?;
        if secs == 0 { self.wrong("a duration above zero") } else { Some(secs) }
    }

    /// One of these words.
    pub(super) fn one_of<T: Copy>(&self, words: &[(&str, T)]) -> Option<T> {
        let given = self.value().as_str();
        let found = given.and_then(|given| words.iter().find(|(word, _)| *word == given));
        if let Some((_, meaning)) = found {
            return Some(*meaning);
        }
        let quoted: Vec<_> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
        let near = given.and_then(|given| nearest(given, words.iter().map(|(word, _)| *word)));
        self.unexpected(&alternatives(&quoted), near.map(|word| format!("did you mean {word:?}?")));
        None
    }

    /// Texts; a single one may stand without brackets. May be empty.
    pub(super) fn texts(&self) -> Option<Vec<String>> {
        match self.items() {
            // Every element is read before any is given up, so that all of them can complain.
            Some(items) => items.iter().map(Item::text).collect::<Vec<_>>().into_iter().collect(),
            None if self.value().is_str() => Some(vec![self.text()?]),
            None => self.wrong("a list of texts"),
        }
    }

    /// Texts, at least one.
    pub(super) fn some_texts(&self) -> Option<Vec<String>> {
        let texts = self.texts()?;
        if texts.is_empty() { self.wrong("at least one text in the list") } else { Some(texts) }
    }

    /// The root of a web service: `https`, or plain `http` on loopback.
    pub(super) fn url(&self) -> Option<Url> {
        let text = self.text()?;
        // An address with a password in it must not be shown.
        let shown = !text.contains('@');
        let complain = |expected: &str| {
            if shown {
                self.unexpected(expected, None);
            } else {
                self.problem(format!("expected {expected}"), None);
            }
        };
        let Ok(url) = Url::parse(&text) else {
            complain("an address such as \"https://graph.microsoft.com\"");
            return None;
        };
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
            complain("an address without user, password, ? and #");
            return None;
        }
        match url.scheme() {
            "https" => Some(url),
            "http" if is_loopback(&url) => Some(url),
            _ => {
                complain("an https address (plain http is for loopback only)");
                None
            }
        }
    }

    /// A reference to a secret. What is in the environment or in a file is read once here, so that a missing one is found
    /// with its place; stores are asked later.
    pub(super) fn secret(&self) -> Option<SecretSource> {
        let usage = format!(
            "{} = {{ env = \"NAME\" }}, {{ file = \"path\" }}, {{ {AWS_SECRET} = \"name\" }} or {{ {AWS_PARAMETER} = \"name\" }}",
            self.key()
        );
        if !self.value().is_table() {
            self.problem("a secret may not stand in this file", usage);
            return None;
        }
        let section = self.section()?;
        let source = match section.at_most_one(&["env", "file", AWS_SECRET, AWS_PARAMETER]) {
            Some("env") => section.optional("env", Item::variable).map(SecretSource::Env),
            Some("file") => {
                section.optional("file", Item::text).map(|path| SecretSource::File(self.context.beside(&path)))
            }
            Some(AWS_SECRET) => {
                // Both are read before either is given up, so that both can complain.
                let key = section.get("key").map(|item| item.name(SECRET_KEY, secret_key));
                let name =
                    section.optional(AWS_SECRET, |item| item.name(SECRET, |text| stored(text, "secretsmanager")));
                let name =
                    VaultName { store: AWS_SECRET, name: name?, key: key.map(|key| key.ok_or(())).transpose().ok()? };
                Some(SecretSource::Vault(VaultSecret::new(name)))
            }
            Some(_) => {
                let named = section.optional(AWS_PARAMETER, |item| item.name(PARAMETER, |text| stored(text, "ssm")));
                let name = |name| VaultName { store: AWS_PARAMETER, name, key: None };
                named.map(|text| SecretSource::Vault(VaultSecret::new(name(text))))
            }
            None => {
                section.ignore_rest();
                self.problem("expected a reference to a secret", usage);
                None
            }
        }?;
        if self.context.check_secrets
            && let Err(error) = source.check()
        {
            self.problem(error.to_string(), error.hint());
        }
        Some(source)
    }

    /// A name that is not shown if it is none: somebody may have put the secret itself here.
    fn name(&self, expected: &str, fits: impl FnOnce(&str) -> bool) -> Option<String> {
        let text = self.value().as_str().unwrap_or_default();
        if !fits(text) {
            self.problem(format!("expected {expected}"), None);
            return None;
        }
        Some(text.to_owned())
    }

    fn variable(&self) -> Option<String> {
        let name = self.value().as_str().unwrap_or_default();
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !is_name {
            // Somebody may have put the secret itself here.
            self.problem("expected the name of an environment variable", None);
        }
        is_name.then(|| name.to_owned())
    }

    fn wrong<T>(&self, expected: &str) -> Option<T> {
        self.unexpected(expected, None);
        None
    }
}

const SECRET: &str = "the name of a secret (letters, digits and /_+=.@-), or its ARN";
const SECRET_KEY: &str = "the name of a member of the secret's JSON object";
const PARAMETER: &str = "the name of a parameter (letters, digits and /_.-), or its ARN";

/// A name in a store, by the rules of the Secrets Manager and Systems Manager API references; of an ARN, service and Region
/// must be there. A parameter may name a version or a label behind a colon.
fn stored(text: &str, service: &str) -> bool {
    if text.starts_with("arn:") {
        let Some(arn) = aws::arn(text) else { return false };
        let (prefix, parameter) = (if service == "ssm" { "parameter/" } else { "secret:" }, arn.resource);
        let known = arn.service == service && aws::region(arn.region).is_some();
        return known && text.len() <= 2048 && parameter.len() > prefix.len() && parameter.starts_with(prefix);
    }
    let (name, selector) = match text.split_once(':') {
        Some((name, selector)) if service == "ssm" => (name, selector),
        _ => (text, "1"),
    };
    let marks = if service == "ssm" { "/_.-" } else { "/_+=.@-" };
    let most = if service == "ssm" { 1011 } else { 512 };
    let plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || marks.contains(c));
    !name.is_empty() && name.len() <= most && plain(name) && !selector.is_empty() && plain(selector)
}

fn secret_key(text: &str) -> bool {
    !text.trim().is_empty() && text.len() <= 256 && !text.chars().any(char::is_control)
}

/// `"a", "b" or "c"`.
pub(super) fn alternatives(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// A duration such as `90s`, `2m`, `1h`, `30d`, in seconds.
#[must_use]
pub fn duration_secs(text: &str) -> Option<u64> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(unit_at);
    let unit_secs = match unit.trim() {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit_secs).filter(|secs| *secs <= LONGEST_SECS)
}

const UNITS: &[(&str, usize)] = &[("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

fn bytes(text: &str) -> Option<usize> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(unit_at);
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit.trim())?;
    number.parse::<usize>().ok()?.checked_mul(*factor)
}

/// A size with the largest unit it is whole in.
fn size(bytes: usize) -> String {
    let fits = UNITS.iter().find(|(_, factor)| bytes >= *factor && bytes.is_multiple_of(*factor));
    fits.map_or_else(|| bytes.to_string(), |(unit, factor)| format!("{}{unit}", bytes / factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_number_and_a_unit() {
        let check = |text: &str, expected: Option<u64>| assert_eq!(duration_secs(text), expected, "{text}");
        check("90s", Some(90));
        check("2m", Some(120));
        check("1h", Some(3_600));
        check("30d", Some(2_592_000));
        check("0d", Some(0));
        check("2 m", Some(120));
        for text in ["", "2", "2x", "m", "-1s", "1.5h", "99999999999999999999d", "999999999999d", "1h30m"] {
            check(text, None);
        }
    }

    #[test]
    fn sizes_have_a_number_and_a_binary_unit() {
        let check = |text: &str, expected: Option<usize>| assert_eq!(bytes(text), expected, "{text}");
        check("32MiB", Some(32 << 20));
        check("1 GiB", Some(1 << 30));
        check("64KiB", Some(64 << 10));
        check("512B", Some(512));
        for text in ["", "32", "MiB", "32MB", "32mib", "-1B", "1.5MiB", "99999999999999999999GiB"] {
            check(text, None);
        }
        assert_eq!((size(64 << 10), size(1 << 30), size(1_000)), ("64KiB".into(), "1GiB".into(), "1000B".into()));
    }

    #[test]
    fn stored_secrets_have_names_and_arns() {
        let check = |service: &str, text: &str, expected: bool| assert_eq!(stored(text, service), expected, "{text}");
        let secret = "arn:aws:secretsmanager:eu-west-2:111122223333:secret:rollcall/okta-AbCdEf";
        let parameter = "arn:aws-us-gov:ssm:us-gov-west-1:111122223333:parameter/rollcall/okta";
        for good in ["rollcall/okta", "a", "x_+=.@-", secret] {
            check("secretsmanager", good, true);
        }
        for bad in
            ["", "a b", "a:1", "päss", parameter, "arn:aws:secretsmanager:eu-west-2:111122223333:secret:", "arn:x"]
        {
            check("secretsmanager", bad, false);
        }
        for good in ["/rollcall/okta", "okta", "/rollcall/okta:3", "/rollcall/okta:live", parameter] {
            check("ssm", good, true);
        }
        for bad in ["", "a b", "okta:", ":3", "a@b", secret, "arn:aws:ssm::111122223333:parameter/a"] {
            check("ssm", bad, false);
        }
    }
}
