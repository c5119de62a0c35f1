//! The grammar of filters: `not` binds closest, then `and`, then `or`.
//!
//! Invariant: what this accepts can be evaluated: no order of booleans, no date that is none.
//!
//! (RFC 7644, figure 1 and table 3.)

use serde_json::Value;

use super::{Comparison, Filter, Verb, instant, is_date};
use crate::sandbox::scim::path::Path;

/// How deep parentheses may go.
const DEEPEST: usize = 40;

/// A filter, or what is wrong with it. With `text_dates`, dates are texts like any other.
pub(in crate::sandbox::scim) fn read(text: &str, text_dates: bool) -> Result<Filter, String> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0, depth: 0, inside: false, text_dates };
    let filter = parser.either()?;
    match parser.peek() {
        None => Ok(filter),
        Some(_) => Err("something follows the end of the filter".to_owned()),
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Mark(char),
    Text(String),
    Word(String),
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let (mut tokens, mut rest) = (Vec::new(), text);
    let is_mark = |c: char| matches!(c, '(' | ')' | '[' | ']');
    loop {
        rest = rest.trim_start_matches(' ');
        let Some(first) = rest.chars().next() else { return Ok(tokens) };
        if is_mark(first) {
            tokens.push(Token::Mark(first));
            rest = &rest[1..];
        } else if first == '"' {
            let end = end_of_string(rest).ok_or("a string does not end")?;
            let string = serde_json::from_str(&rest[..end]).map_err(|_| "a string is not JSON")?;
            tokens.push(Token::Text(string));
            rest = &rest[end..];
            if rest.starts_with(|c: char| c != ' ' && c != ')' && c != ']') {
                return Err("a space is missing behind a string".to_owned());
            }
        } else {
            let end = rest.find(|c: char| c == ' ' || c == '"' || is_mark(c)).unwrap_or(rest.len());
            tokens.push(Token::Word(rest[..end].to_owned()));
            rest = &rest[end..];
        }
    }
}

/// Behind the closing quote.
fn end_of_string(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    /// Within the brackets of a value path.
    inside: bool,
    text_dates: bool,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    /// Takes a keyword, if it is next.
    fn keyword(&mut self, wanted: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Word(word)) if word.eq_ignore_ascii_case(wanted));
        self.at += usize::from(found);
        found
    }

    fn mark(&mut self, wanted: char) -> Result<(), String> {
        if self.next() == Some(Token::Mark(wanted)) { Ok(()) } else { Err(format!("'{wanted}' is missing")) }
    }

    fn either(&mut self) -> Result<Filter, String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("the filter is nested too deeply".to_owned());
        }
        let mut left = self.both()?;
        while self.keyword("or") {
            left = Filter::Or(Box::new(left), Box::new(self.both()?));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn both(&mut self) -> Result<Filter, String> {
        let mut left = self.single()?;
        while self.keyword("and") {
            left = Filter::And(Box::new(left), Box::new(self.single()?));
        }
        Ok(left)
    }

    fn single(&mut self) -> Result<Filter, String> {
        let negated = matches!(
            (self.peek(), self.tokens.get(self.at + 1)),
            (Some(Token::Word(word)), Some(Token::Mark('('))) if word.eq_ignore_ascii_case("not")
        );
        self.at += usize::from(negated);
        if self.peek() == Some(&Token::Mark('(')) {
            self.at += 1;
            let inner = self.either()?;
            self.mark(')')?;
            return Ok(if negated { Filter::Not(Box::new(inner)) } else { inner });
        }
        let Some(Token::Word(name)) = self.next() else { return Err("an attribute is missing".to_owned()) };
        let path = Path::read(&name).ok_or("that is not the name of an attribute")?;
        if self.peek() == Some(&Token::Mark('[')) {
            if self.inside {
                return Err("a value path cannot be within another".to_owned());
            }
            self.at += 1;
            self.inside = true;
            let inner = self.either()?;
            self.inside = false;
            self.mark(']')?;
            return Ok(Filter::Within(path, Box::new(inner)));
        }
        if self.keyword("pr") {
            return Ok(Filter::Has(path));
        }
        self.comparison(path)
    }

    fn comparison(&mut self, path: Path) -> Result<Filter, String> {
        let verb = match self.next() {
            Some(Token::Word(word)) => verb(&word).ok_or("there is no such operator")?,
            _ => return Err("an operator is missing".to_owned()),
        };
        let value = match self.next() {
            Some(Token::Text(text)) => Value::String(text),
            Some(Token::Word(word)) => literal(&word).ok_or("a value is not JSON")?,
            _ => return Err("a value is missing".to_owned()),
        };
        let orders = matches!(verb, Verb::Gt | Verb::Ge | Verb::Lt | Verb::Le);
        let is_boolean = matches!(path.last(), "active" | "primary");
        if orders && (is_boolean || value.is_boolean() || value.is_null()) {
            return Err("booleans have no order".to_owned());
        }
        let searches = matches!(verb, Verb::Co | Verb::Sw | Verb::Ew);
        if searches && !value.is_string() {
            return Err("only texts contain something".to_owned());
        }
        let mut at = None;
        if is_date(&path) && !self.text_dates && !searches && !value.is_null() {
            at = value.as_str().and_then(instant);
            if at.is_none() {
                return Err("that is not a dateTime".to_owned());
            }
        }
        Ok(Filter::Compare(Comparison { path, verb, value, at }))
    }
}

fn verb(word: &str) -> Option<Verb> {
    Some(match word.to_ascii_lowercase().as_str() {
        "eq" => Verb::Eq,
        "ne" => Verb::Ne,
        "co" => Verb::Co,
        "sw" => Verb::Sw,
        "ew" => Verb::Ew,
        "gt" => Verb::Gt,
        "ge" => Verb::Ge,
        "lt" => Verb::Lt,
        "le" => Verb::Le,
        _ => return None,
    })
}

/// `true`, `false`, `null` or a number.
fn literal(word: &str) -> Option<Value> {
    serde_json::from_str::<Value>(word).ok().filter(|value| !value.is_array() && !value.is_object())
}
