//! What careless servers make of a right answer.
//!
//! Invariant: the meaning stays: a lenient reader finds the same people in it.

use chrono::{FixedOffset, SecondsFormat};
use serde_json::{Map, Value, json};

use super::filter::instant;
use super::manners::{ActiveForm, EnterpriseForm, Manners};
use super::path::ENTERPRISE;

/// One resource; `index` makes the habits vary from one to the next.
pub(super) fn resource(resource: &mut Map<String, Value>, index: usize, manners: &Manners) {
    if let Some(active) = resource.get("active").and_then(Value::as_bool) {
        let shown = match manners.active {
            ActiveForm::Boolean => Some(json!(active)),
            ActiveForm::Text => Some(json!(if active { "True" } else { "False" })),
            ActiveForm::Number => Some(json!(u8::from(active))),
            ActiveForm::OmittedWhenDisabled => active.then_some(Value::Bool(true)),
        };
        match shown {
            Some(shown) => resource.insert("active".to_owned(), shown),
            None => resource.remove("active"),
        };
    }
    if manners.plain_emails
        && let Some(Value::Array(emails)) = resource.get_mut("emails")
    {
        for email in emails {
            *email = email["value"].take();
        }
    }
    if manners.enterprise != EnterpriseForm::Urn
        && let Some(Value::Object(extension)) = resource.remove(ENTERPRISE)
    {
        if manners.enterprise == EnterpriseForm::Alias {
            resource.insert("EnterpriseUser".to_owned(), Value::Object(extension));
        } else {
            resource.extend(extension);
        }
    }
    if let Some(Value::Object(meta)) = resource.get_mut("meta") {
        spoil_meta(meta, index, manners);
    }
}

fn spoil_meta(meta: &mut Map<String, Value>, index: usize, manners: &Manners) {
    if manners.poor_meta {
        meta.remove("created");
        for (name, value) in [("location", json!("")), ("version", json!(7))] {
            meta.insert(name.to_owned(), value);
        }
    }
    if !manners.odd_dates {
        return;
    }
    for value in meta.iter_mut().filter(|(name, _)| *name == "created" || *name == "lastModified").map(|(_, at)| at) {
        let Some(at) = value.as_str().and_then(instant) else { continue };
        let hour = FixedOffset::east_opt(3_600).expect("an hour is a valid offset");
        *value = json!(match index % 3 {
            0 => at.with_timezone(&hour).to_rfc3339_opts(SecondsFormat::Millis, false),
            1 => at.format("%Y-%m-%dT%H:%M:%S%.3f0000+00:00").to_string(),
            _ => at.format("%Y-%m-%dT%H:%M:%S%.3f").to_string(),
        });
    }
}

/// A whole body.
pub(super) fn body(body: &mut Value, manners: &Manners) {
    if manners.text_numbers {
        for name in ["totalResults", "itemsPerPage", "startIndex"] {
            if let Some(number) = body.get_mut(name) {
                *number = json!(number.to_string());
            }
        }
    }
    if manners.mangled_case {
        mangle(body);
    }
}

fn mangle(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(mangle),
        Value::Object(object) => {
            let old = std::mem::take(object);
            for (name, mut inner) in old {
                mangle(&mut inner);
                object.insert(mangled(&name), inner);
            }
        }
        Value::String(text) if text.starts_with("urn:") => *text = text.to_uppercase(),
        _ => {}
    }
}

fn mangled(name: &str) -> String {
    match name {
        "id" => "ID".to_owned(),
        "Resources" => "resources".to_owned(),
        "totalResults" => "TOTALRESULTS".to_owned(),
        urn if urn.starts_with("urn:") => urn.to_uppercase(),
        name => {
            let at = usize::from(name.starts_with('$'));
            let mut name = name.to_owned();
            if let Some(first) = name.get_mut(at..=at) {
                first.make_ascii_uppercase();
            }
            name
        }
    }
}
