//! `$filter` of plain listings: flat expressions, and for each property and operator whether it works by default, as an
//! advanced query, or not at all.
//!
//! Deliberately absent: parentheses, `not`, lambdas and mixed `and`/`or`, which are refused.
//!
//! (Microsoft Learn, "Advanced query capabilities on Microsoft Entra ID objects".)

use serde_json::{Value, json};

use super::Refusal;

/// What is filtered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    User,
    Group,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Eq,
    Ne,
    Ge,
    Le,
    In,
    StartsWith,
    EndsWith,
}

#[derive(Debug)]
struct Clause {
    property: String,
    verb: Verb,
    values: Vec<Value>,
}

/// A filter that the service accepts.
#[derive(Debug)]
pub(super) struct Filter {
    clauses: Vec<Clause>,
    all: bool,
}

impl Filter {
    /// Reads an expression; none lets everything through.
    pub(super) fn read(text: Option<&str>, kind: Kind, advanced: bool) -> Result<Self, Refusal> {
        let Some(text) = text else { return Ok(Self { clauses: Vec::new(), all: true }) };
        let (ands, ors) = (split(text, " and "), split(text, " or "));
        let (parts, all) = match (ands.len(), ors.len()) {
            (_, 1) => (ands, true),
            (1, _) => (ors, false),
            _ => return Err(Refusal::unsupported("Mixed 'and' and 'or' are not supported here.")),
        };
        let clauses: Vec<Clause> =
            parts.into_iter().map(|part| clause(part.trim()).ok_or_else(invalid)).collect::<Result<_, _>>()?;
        for clause in &clauses {
            match support(kind, &clause.property, clause.verb, clause.values.contains(&Value::Null)) {
                Support::Default => {}
                Support::Advanced if advanced => {}
                Support::Advanced | Support::Never => {
                    let message = format!("Unsupported Query. The filter on '{}' is not supported.", clause.property);
                    return Err(Refusal::unsupported(message));
                }
            }
        }
        Ok(Self { clauses, all })
    }

    /// Whether an object with these values passes.
    pub(super) fn fits(&self, value: impl Fn(&str) -> Value) -> bool {
        let mut verdicts = self.clauses.iter().map(|clause| clause.fits(&value(&clause.property)));
        if self.all { verdicts.all(|fits| fits) } else { verdicts.any(|fits| fits) }
    }
}

impl Clause {
    fn fits(&self, own: &Value) -> bool {
        let first = &self.values[0];
        match self.verb {
            Verb::Eq => same(own, first),
            Verb::Ne => !same(own, first),
            Verb::In => self.values.iter().any(|value| same(own, value)),
            Verb::Ge | Verb::Le | Verb::StartsWith | Verb::EndsWith => {
                let (Some(own), Some(given)) = (own.as_str(), first.as_str()) else { return false };
                let (own, given) = (own.to_lowercase(), given.to_lowercase());
                match self.verb {
                    Verb::Ge => own >= given,
                    Verb::Le => own <= given,
                    Verb::StartsWith => own.starts_with(&given),
                    _ => own.ends_with(&given),
                }
            }
        }
    }
}

/// Texts are compared without case.
fn same(own: &Value, given: &Value) -> bool {
    match (own.as_str(), given.as_str()) {
        (Some(own), Some(given)) => own.to_lowercase() == given.to_lowercase(),
        _ => own == given,
    }
}

enum Support {
    Default,
    Advanced,
    Never,
}

fn support(kind: Kind, property: &str, verb: Verb, null: bool) -> Support {
    use Support::{Advanced, Default, Never};
    use Verb::{EndsWith, Eq, Ge, In, Le, Ne, StartsWith};
    let in_path = property.starts_with("onPremisesExtensionAttributes/");
    match (kind, property, verb) {
        (_, "id", Eq | In) if !null => Default,
        (Kind::User, "accountEnabled" | "userType", Eq | In) if !null => Default,
        (Kind::User, "accountEnabled" | "userType", Ne) => Advanced,
        (Kind::User, "userType", Eq) => Advanced,
        (Kind::User, "mail" | "userPrincipalName", EndsWith) => Advanced,
        (Kind::User, "department" | "jobTitle" | "employeeId" | "mail", Eq) if null => Advanced,
        (
            Kind::User,
            "department" | "jobTitle" | "employeeId" | "mail" | "userPrincipalName" | "displayName" | "givenName"
            | "surname",
            Eq | Ge | Le | In | StartsWith,
        ) if !null => Default,
        (Kind::User, "department" | "jobTitle" | "employeeId" | "mail" | "userPrincipalName" | "displayName", Ne) => {
            Advanced
        }
        (Kind::User, "companyName", Eq | Ne | Ge | Le | In | StartsWith) => Advanced,
        (Kind::User, _, Eq | Ne | Ge | Le | In) if in_path => Advanced,
        (Kind::Group, "displayName", Eq | Ge | Le | In | StartsWith) if !null => Default,
        (Kind::Group, "displayName", Ne) => Advanced,
        (Kind::Group, "securityEnabled" | "mailEnabled", Eq) => Default,
        _ => Never,
    }
}

fn invalid() -> Refusal {
    Refusal::new(400, "BadRequest", "Invalid filter clause.")
}

/// Splits outside of quotes.
fn split<'a>(text: &'a str, at: &str) -> Vec<&'a str> {
    let (mut parts, mut from, mut quoted) = (Vec::new(), 0, false);
    for (index, byte) in text.bytes().enumerate() {
        if byte == b'\'' {
            quoted = !quoted;
        } else if !quoted && index >= from && text.is_char_boundary(index) && text[index..].starts_with(at) {
            parts.push(&text[from..index]);
            from = index + at.len();
        }
    }
    parts.push(&text[from..]);
    parts
}

fn clause(text: &str) -> Option<Clause> {
    for (name, verb) in [("startswith(", Verb::StartsWith), ("endswith(", Verb::EndsWith)] {
        if text.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name)) {
            let (property, value) = text[name.len()..].strip_suffix(')')?.split_once(',')?;
            return Some(Clause { property: property.trim().to_owned(), verb, values: vec![literal(value.trim())?] });
        }
    }
    let (property, rest) = text.split_once(' ')?;
    let (verb, value) = rest.trim().split_once([' ', '('])?;
    let verb = match verb {
        "eq" => Verb::Eq,
        "ne" => Verb::Ne,
        "ge" => Verb::Ge,
        "le" => Verb::Le,
        "in" => Verb::In,
        _ => return None,
    };
    let value = value.trim();
    let values = if verb == Verb::In {
        let list = value.trim_start_matches('(').strip_suffix(')')?;
        split(list, ",").into_iter().map(|value| literal(value.trim())).collect::<Option<Vec<_>>>()?
    } else {
        vec![literal(value)?]
    };
    Some(Clause { property: property.to_owned(), verb, values })
}

/// `'text'` (a quote doubled), `true`, `false`, `null`.
fn literal(text: &str) -> Option<Value> {
    match text {
        "true" => Some(json!(true)),
        "false" => Some(json!(false)),
        "null" => Some(Value::Null),
        _ => {
            let inner = text.strip_prefix('\'')?.strip_suffix('\'')?;
            let plain = inner.replace("''", "\u{0}");
            (!plain.contains('\'')).then(|| json!(plain.replace('\u{0}', "'")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, advanced: bool, expected: Result<bool, &str>) {
        let found = Filter::read(Some(text), Kind::User, advanced).map(|filter| {
            filter.fits(|name| match name {
                "displayName" => json!("Ada O'Neil and or so"),
                "department" => json!("Care"),
                "accountEnabled" => json!(true),
                _ => Value::Null,
            })
        });
        assert_eq!(
            found.as_ref().map_err(|refusal| refusal.code.as_str()),
            expected.as_ref().map_err(|code| *code),
            "{text}"
        );
    }

    #[test]
    fn filters_follow_the_table_of_the_documentation() {
        check("department eq 'care'", false, Ok(true));
        check("displayName eq 'Ada O''Neil and or so'", false, Ok(true));
        check("accountEnabled eq true and department eq 'Sales'", false, Ok(false));
        check("accountEnabled eq false or startswith(displayName,'ada')", false, Ok(true));
        check("department in ('Sales', 'CARE')", false, Ok(true));
        check("department in('Sales')", false, Ok(false));
        check("department ne 'Care'", true, Ok(false));
        check("department ne 'Care'", false, Err("Request_UnsupportedQuery"));
        check("mail eq null", true, Ok(true));
        check("mail eq null", false, Err("Request_UnsupportedQuery"));
        check("endswith(mail,'x')", true, Ok(false));
        check("endswith(displayName,'x')", true, Err("Request_UnsupportedQuery"));
        check("accountEnabled ge true", true, Err("Request_UnsupportedQuery"));
        check("displayName eq 'Ada O'Neil'", false, Err("BadRequest"));
        check("nonsense", false, Err("BadRequest"));
        check("a eq 'x' or b eq 'y' and c eq 'z'", false, Err("Request_UnsupportedQuery"));
    }
}
