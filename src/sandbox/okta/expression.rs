//! `search` and `filter`: SCIM expressions as far as Okta takes them.
//!
//! Attribute names are compared with their case, values without. What is supported differs from list to list; anything
//! else is refused, never ignored.
//! Deliberately absent: `not`, filters in brackets.
//!
//! (Okta reference, `GET /api/v1/users`, `GET /api/v1/groups`, `GET /api/v1/logs`; RFC 7644, 3.4.2.2.)

use std::borrow::Cow;

use chrono::DateTime;
use serde_json::Value;

use super::reply::Refusal;

/// The longest expression that is looked at, in characters, and the deepest nesting of parentheses.
const LONGEST: usize = 4_000;
const DEEPEST: usize = 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Eq,
    Ne,
    Sw,
    Co,
    Ew,
    Gt,
    Ge,
    Lt,
    Le,
    Pr,
}

/// What an object has where an attribute is asked for.
#[derive(Debug)]
pub(super) enum Held<'a> {
    Absent,
    Text(Cow<'a, str>),
    /// Milliseconds since 1970.
    Time(i64),
    Json(Cow<'a, Value>),
    /// Any of them may match.
    Many(Vec<&'a str>),
}

/// Which attributes and operators a list takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    /// Whether the expression came as `search`, which has its own error.
    pub(super) search: bool,
    /// Whether the attribute takes the operator.
    pub(super) takes: fn(&str, Verb) -> bool,
    /// Attributes that hold a time.
    pub(super) times: &'static [&'static str],
}

/// An expression the list takes.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expression {
    And(Vec<Expression>),
    Or(Vec<Expression>),
    Clause { path: String, verb: Verb, value: Literal },
}

/// What an attribute is compared with.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Literal {
    None,
    /// In lower case.
    Text(String),
    Time(i64),
    Json(Value),
}

impl Expression {
    /// Reads one.
    pub(super) fn read(text: &str, rules: Rules) -> Result<Self, Refusal> {
        if text.chars().count() > LONGEST {
            return Err(rules.refusal(text, "It is too long."));
        }
        let tokens = tokens(text).ok_or_else(|| rules.refusal(text, "A text does not end."))?;
        let mut parser = Parser { tokens, at: 0, depth: 0, rules, text };
        let expression = parser.any()?;
        if parser.at < parser.tokens.len() {
            return Err(parser.stuck());
        }
        Ok(expression)
    }

    /// Whether an object with these values passes.
    pub(super) fn fits<'a>(&self, held: &dyn Fn(&str) -> Held<'a>) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|part| part.fits(held)),
            Self::Or(parts) => parts.iter().any(|part| part.fits(held)),
            Self::Clause { path, verb, value } => value.meets(*verb, &held(path)),
        }
    }

    /// A time before which nothing can pass, by this attribute.
    pub(super) fn not_before(&self, wanted: &str) -> Option<i64> {
        match self {
            Self::And(parts) => parts.iter().filter_map(|part| part.not_before(wanted)).max(),
            Self::Or(parts) => {
                let bounds: Option<Vec<i64>> = parts.iter().map(|part| part.not_before(wanted)).collect();
                bounds?.into_iter().min()
            }
            Self::Clause { path, verb: Verb::Eq | Verb::Ge | Verb::Gt, value: Literal::Time(at) } if path == wanted => {
                Some(*at)
            }
            Self::Clause { .. } => None,
        }
    }
}

impl Literal {
    fn meets(&self, verb: Verb, held: &Held<'_>) -> bool {
        match (self, held) {
            (_, Held::Absent) => false,
            (Self::None, _) => true,
            (Self::Time(wanted), Held::Time(own)) => ordered(verb, own.cmp(wanted)),
            (_, Held::Text(own)) => self.meets_text(verb, own),
            (_, Held::Many(own)) if verb == Verb::Ne => own.iter().all(|own| self.meets_text(verb, own)),
            (_, Held::Many(own)) => own.iter().any(|own| self.meets_text(verb, own)),
            (_, Held::Json(own)) => self.meets_json(verb, own),
            (_, Held::Time(_)) => false,
        }
    }

    fn meets_json(&self, verb: Verb, own: &Value) -> bool {
        match (own, self) {
            (Value::String(own), _) => self.meets_text(verb, own),
            (Value::Array(list), _) => list.iter().any(|own| self.meets_json(verb, own)),
            (own, Self::Json(wanted)) => match verb {
                Verb::Eq => own == wanted,
                Verb::Ne => own != wanted,
                _ => {
                    let pair = own.as_f64().zip(wanted.as_f64());
                    pair.and_then(|(own, wanted)| own.partial_cmp(&wanted)).is_some_and(|order| ordered(verb, order))
                }
            },
            _ => false,
        }
    }

    fn meets_text(&self, verb: Verb, own: &str) -> bool {
        let Self::Text(wanted) = self else { return false };
        let own = own.to_lowercase();
        match verb {
            Verb::Sw => own.starts_with(wanted.as_str()),
            Verb::Co => own.contains(wanted.as_str()),
            Verb::Ew => own.ends_with(wanted.as_str()),
            verb => ordered(verb, own.as_str().cmp(wanted)),
        }
    }
}

fn ordered(verb: Verb, order: std::cmp::Ordering) -> bool {
    match verb {
        Verb::Eq => order.is_eq(),
        Verb::Ne => order.is_ne(),
        Verb::Gt => order.is_gt(),
        Verb::Ge => order.is_ge(),
        Verb::Lt => order.is_lt(),
        Verb::Le => order.is_le(),
        Verb::Sw | Verb::Co | Verb::Ew | Verb::Pr => false,
    }
}

impl Rules {
    /// An expression that cannot be read; the two parameters have errors of their own.
    fn refusal(&self, text: &str, why: &str) -> Refusal {
        if self.search {
            Refusal::search(why)
        } else {
            Refusal::new(400, "E0000053", format!("Invalid filter '{text}': {why}"))
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Open,
    Close,
    Word(String),
    Text(String),
}

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut found = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(first) = rest.next() {
        match first {
            space if space.is_whitespace() => {}
            '(' => found.push(Token::Open),
            ')' => found.push(Token::Close),
            '"' => {
                let mut inner = String::new();
                loop {
                    match rest.next()? {
                        '"' => break,
                        '\\' => inner.push(rest.next()?),
                        other => inner.push(other),
                    }
                }
                found.push(Token::Text(inner));
            }
            other => {
                let mut word = String::from(other);
                while let Some(next) = rest.next_if(|next| !next.is_whitespace() && !"()\"".contains(*next)) {
                    word.push(next);
                }
                found.push(Token::Word(word));
            }
        }
    }
    Some(found)
}

struct Parser<'a> {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    rules: Rules,
    text: &'a str,
}

impl Parser<'_> {
    fn stuck(&self) -> Refusal {
        self.rules.refusal(self.text, &format!("It cannot be read at word {}.", self.at + 1))
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.tokens.get(self.at), Some(Token::Word(own)) if own.eq_ignore_ascii_case(word))
    }

    fn any(&mut self) -> Result<Expression, Refusal> {
        let mut parts = vec![self.all()?];
        while self.is_word("or") {
            self.at += 1;
            parts.push(self.all()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Expression::Or(parts) })
    }

    fn all(&mut self) -> Result<Expression, Refusal> {
        let mut parts = vec![self.one()?];
        while self.is_word("and") {
            self.at += 1;
            parts.push(self.one()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Expression::And(parts) })
    }

    fn one(&mut self) -> Result<Expression, Refusal> {
        if self.tokens.get(self.at) == Some(&Token::Open) {
            self.depth += 1;
            if self.depth > DEEPEST {
                return Err(self.stuck());
            }
            self.at += 1;
            let inner = self.any()?;
            if self.tokens.get(self.at) != Some(&Token::Close) {
                return Err(self.stuck());
            }
            self.at += 1;
            self.depth -= 1;
            return Ok(inner);
        }
        self.clause()
    }

    fn word(&mut self) -> Result<String, Refusal> {
        let Some(Token::Word(word)) = self.tokens.get(self.at) else { return Err(self.stuck()) };
        let word = word.clone();
        self.at += 1;
        Ok(word)
    }

    fn clause(&mut self) -> Result<Expression, Refusal> {
        let path = self.word()?;
        let verb = match self.word()?.to_ascii_lowercase().as_str() {
            "eq" => Verb::Eq,
            "ne" => Verb::Ne,
            "sw" => Verb::Sw,
            "co" => Verb::Co,
            "ew" => Verb::Ew,
            "gt" => Verb::Gt,
            "ge" => Verb::Ge,
            "lt" => Verb::Lt,
            "le" => Verb::Le,
            "pr" => Verb::Pr,
            other => return Err(self.rules.refusal(self.text, &format!("Unrecognized attribute operator '{other}'."))),
        };
        if !(self.rules.takes)(&path, verb) {
            return Err(Refusal::search(&format!("'{path}' is not supported here, or not with this operator.")));
        }
        let value = if verb == Verb::Pr { Literal::None } else { self.literal(&path)? };
        Ok(Expression::Clause { path, verb, value })
    }

    fn literal(&mut self, path: &str) -> Result<Literal, Refusal> {
        let token = self.tokens.get(self.at).cloned().ok_or_else(|| self.stuck())?;
        self.at += 1;
        let is_time = self.rules.times.contains(&path);
        match token {
            Token::Text(text) if is_time => {
                let at = DateTime::parse_from_rfc3339(&text);
                at.map(|at| Literal::Time(at.timestamp_millis()))
                    .map_err(|_| self.rules.refusal(self.text, &format!("'{path}' is compared with a time.")))
            }
            Token::Text(text) => Ok(Literal::Text(text.to_lowercase())),
            Token::Word(word) if !is_time => {
                let value =
                    serde_json::from_str::<Value>(&word).ok().filter(|value| value.is_boolean() || value.is_number());
                value.map(Literal::Json).ok_or_else(|| self.stuck())
            }
            _ => Err(self.stuck()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const RULES: Rules =
        Rules { search: false, takes: |path, verb| path != "secret" && verb != Verb::Ne, times: &["lastUpdated"] };

    #[track_caller]
    fn check(text: &str, expected: Result<bool, &str>) {
        let held = |path: &str| match path {
            "status" => Held::Text("ACTIVE".into()),
            "lastUpdated" => Held::Time(1_772_446_500_120),
            "profile.team" => Held::Json(Cow::Owned(json!(["Care", "Night"]))),
            "profile.level" => Held::Json(Cow::Owned(json!(3))),
            "target.id" => Held::Many(vec!["u1", "g1"]),
            _ => Held::Absent,
        };
        let found = Expression::read(text, RULES).map(|expression| expression.fits(&held));
        let found = found.as_ref().map_err(|refusal| refusal.code.as_str());
        assert_eq!(found, expected.as_ref().map_err(|code| *code), "{text}");
    }

    #[test]
    fn expressions_mean_what_they_say() {
        check(r#"status eq "active""#, Ok(true));
        check(r#"Status eq "ACTIVE""#, Ok(false));
        check(r#"status sw "act" and (status co "x" or status eq "ACTIVE")"#, Ok(true));
        check(r#"status eq "x" or status eq "y" and status pr"#, Ok(false));
        check(r#"lastUpdated ge "2026-03-02T10:15:00.120Z""#, Ok(true));
        check(r#"lastUpdated gt "2026-03-02T10:15:00.120Z""#, Ok(false));
        check(r#"lastUpdated lt "2026-03-02T11:15:00.121+01:00""#, Ok(true));
        check(r#"profile.team eq "night""#, Ok(true));
        check("profile.level ge 3", Ok(true));
        check("profile.level lt 3", Ok(false));
        check(r#"target.id eq "G1""#, Ok(true));
        check("profile.absent pr", Ok(false));
        check(r#"status eq "a \"quoted\" \\ text""#, Ok(false));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        check(r#"status ne "x""#, Err("E0000031"));
        check(r#"secret eq "x""#, Err("E0000031"));
        for text in [
            "",
            "status",
            "status eq",
            r#"status eqq "x""#,
            r#"status eq "x"#,
            r#"(status eq "x""#,
            r#"status eq "x")"#,
            r#"status eq "x" status eq "y""#,
            r#"lastUpdated gt "yesterday""#,
            "lastUpdated gt 7",
            r#"not status eq "x""#,
        ] {
            check(text, Err("E0000053"));
        }
        check(&format!("{}status pr{}", "(".repeat(21), ")".repeat(21)), Err("E0000053"));
        check(&"status pr and ".repeat(400), Err("E0000053"));
        let search = Expression::read("status", Rules { search: true, ..RULES });
        assert_eq!(search.map_err(|refusal| refusal.code), Err("E0000031".to_owned()));
    }

    #[test]
    fn a_lower_bound_is_one_for_everything_that_passes() {
        let bound = |text: &str| Expression::read(text, RULES).unwrap().not_before("lastUpdated");
        let (early, late) = (r#"lastUpdated ge "2026-03-02T10:15:00Z""#, r#"lastUpdated gt "2026-03-02T10:16:00Z""#);
        assert_eq!(bound(early), Some(1_772_446_500_000));
        assert_eq!(bound(&format!("{early} and {late} and status pr")), Some(1_772_446_560_000));
        assert_eq!(bound(&format!("{early} or {late}")), Some(1_772_446_500_000));
        assert_eq!(bound(&format!("{early} or status pr")), None);
        assert_eq!(bound(r#"lastUpdated le "2026-03-02T10:15:00Z""#), None);
    }
}
