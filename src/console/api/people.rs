//! Everybody, searched and narrowed down; one person, as `rollcall explain` tells.

#![expect(unused_qualifications, reason = "written by the macro that describes an address")]

use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::index::{self, Is, Sort};
use super::super::person::{self, Key};
use super::limit;
use super::problem::{Asked, At, Problem};
use crate::model::{JournalEntry, Time};
use crate::planner::{fate, outlook};

/// Who is meant. Whatever is absent does not matter.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// Words that all must occur in username, name, address, department or key, whatever their case and accents.
    #[serde(default)]
    q: String,
    /// `held`, `resting`, `changing`, `leaving`, `not-read`, `in-agreement`, `shadowed` or `out-of-scope`.
    #[param(pattern = "^(held|resting|changing|leaving|not-read|in-agreement|shadowed|out-of-scope)$")]
    state: Option<String>,
    /// Only people to whom this rule applies.
    rule: Option<String>,
    /// Only people of this department; empty: people without one.
    department: Option<String>,
    /// Only people whose department has no rule.
    #[serde(default)]
    unmapped: bool,
    /// Only records of this source.
    source: Option<String>,
    /// `username`, `name`, `department` or `state`; with `-` before it from the end.
    #[param(pattern = "^(-?(username|name|department|state))?$")]
    sort: Option<String>,
    /// Rows that are left out before the first one.
    #[serde(default)]
    offset: u32,
    /// Rows at most; 100 unless said, and not more than 1,000.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

impl Wanted {
    fn read(self) -> Result<index::Wanted, Problem> {
        let bad = |text: String| Problem::new(StatusCode::BAD_REQUEST, text, "see /api/openapi.json for what there is");
        let is = self.state.map(|state| Is::named(&state).ok_or_else(|| bad("there is no such state".to_owned())));
        let sort = self.sort.unwrap_or_default();
        let (descending, by) = sort.strip_prefix('-').map_or((false, sort.as_str()), |by| (true, by));
        let known = Sort::named(by);
        let sort = match known {
            None if !by.is_empty() => return Err(bad("people cannot be sorted by that".to_owned())),
            known => known.unwrap_or_default(),
        };
        Ok(index::Wanted {
            words: self.q,
            is: is.transpose()?,
            rule: self.rule,
            department: self.department,
            unmapped: self.unmapped,
            source: self.source,
            sort,
            descending,
        })
    }
}

/// Some people.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct People {
    /// How many are meant.
    total: u64,
    /// Those of them that were asked for.
    people: Vec<PersonInList>,
}

/// One of them.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PersonInList {
    /// The source of the record.
    source: String,
    /// Its id there; it never changes.
    id: String,
    /// The username, or the key where there is none.
    username: String,
    /// The name people go by; may be empty.
    name: String,
    /// May be empty.
    department: String,
    /// Where this person stands.
    state: &'static str,
    /// What happens next, for people.
    next: Vec<String>,
}

/// Everybody, or whoever is meant.
#[utoipa::path(get, path = "/api/centres/{centre}/people", operation_id = "people", tag = "people",
    params(("centre" = String, Path, description = "Its name"), Wanted), responses(
    (status = 200, description = "People", body = People),
    (status = 400, description = "The question cannot be read", body = Problem)))]
pub(super) async fn people(At(view): At, Asked(wanted): Asked<Wanted>) -> Result<Json<People>, Problem> {
    let (offset, limit) = (wanted.offset as usize, limit(wanted.limit) as usize);
    let wanted = wanted.read()?;
    let known = view.known().await?;
    let found = known.index.find(&wanted);
    let shown = found.iter().skip(offset).take(limit).map(|row| PersonInList {
        source: row.key.source.to_string(),
        id: row.key.id.to_string(),
        username: row.label.to_string(),
        name: row.name.to_string(),
        department: row.department.to_string(),
        state: row.is.name(),
        next: outlook::next(known.plan.decisions.get(&row.key), view.now).into_iter().map(|said| said.text).collect(),
    });
    Ok(Json(People { total: found.len() as u64, people: shown.collect() }))
}

/// One person.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Person {
    /// The source of the record.
    source: String,
    /// Its id there; it never changes.
    id: String,
    /// The username, or the key where there is none.
    username: String,
    /// The Connect user, for people.
    connect_user: String,
    /// What happens next, for people.
    next: Vec<String>,
    /// What the directory says, for people.
    directory: Vec<String>,
    /// The record.
    attributes: Vec<Attribute>,
    /// The rules in order, the default persona last.
    rules: Vec<RuleOfPerson>,
    /// The parts of the Connect user, and who decides about each.
    facets: Vec<Facet>,
    /// The person's part of the plan.
    changes: Vec<Change>,
    /// What happened, newest first.
    history: Vec<Past>,
}

/// An attribute of the record.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Attribute {
    name: String,
    value: String,
    /// The directory's own name for it.
    field: String,
}

/// A rule and this person.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RuleOfPerson {
    rule: String,
    applies: bool,
    why: String,
    gives: String,
}

/// A part of the Connect user.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Facet {
    facet: String,
    /// Who decides about it.
    authority: String,
    state: String,
}

/// A change of the plan.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Change {
    what: String,
    /// Before and after.
    detail: String,
    why: String,
}

/// Something that happened.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Past {
    at: DateTime<Utc>,
    run: String,
    what: String,
    detail: String,
    why: String,
    outcome: String,
}

impl Change {
    fn of(change: &crate::model::Change, now: Time) -> Self {
        let told = fate::told(change, now);
        Self { what: told.what, detail: told.detail, why: told.why }
    }
}

/// One person: what the directory says, which rules apply and why, what happens next, what happened.
#[utoipa::path(get, path = "/api/centres/{centre}/people/{source}/{id}", operation_id = "person", tag = "people",
    params(("centre" = String, Path, description = "The contact centre's name"),
           ("source" = String, Path, description = "The source of the record"),
           ("id" = String, Path, description = "Its id there")), responses(
    (status = 200, description = "The person", body = Person),
    (status = 404, description = "There is no such person", body = Problem)))]
pub(super) async fn person(At(view): At, Path(key): Path<Key>) -> Result<Json<Person>, Problem> {
    let person::Told { explanation, seen, past } = person::told(&view, &key.person()).await?;
    let said = outlook::next(explanation.decision.as_ref(), view.now);
    let history = past.iter().filter_map(|row| match &row.entry {
        JournalEntry::Change(record) => {
            let Change { what, detail, why } = Change::of(&record.change, view.now);
            let outcome = record.outcome.words();
            Some(Past { at: row.at, run: record.run.to_string(), what, detail, why, outcome })
        }
        _ => None,
    });
    Ok(Json(Person {
        source: explanation.person.source.to_string(),
        id: explanation.person.id.to_string(),
        username: outlook::username(&explanation),
        connect_user: outlook::connect_user(&explanation),
        next: said.into_iter().map(|said| said.text).collect(),
        directory: outlook::directory(&explanation, &seen.directory.groups),
        attributes: (explanation.attributes.iter())
            .map(|shown| Attribute {
                name: shown.name.to_string(),
                value: shown.value.to_string(),
                field: shown.field.to_string(),
            })
            .collect(),
        rules: (explanation.rules.iter())
            .map(|row| RuleOfPerson {
                rule: row.rule.clone(),
                applies: row.applies,
                why: row.why.clone(),
                gives: row.gives.clone(),
            })
            .collect(),
        facets: (explanation.facets.iter())
            .map(|row| Facet {
                facet: row.facet.short().to_owned(),
                authority: outlook::authority(row.authority).to_owned(),
                state: row.state.clone(),
            })
            .collect(),
        changes: explanation.changes.iter().map(|change| Change::of(change, view.now)).collect(),
        history: history.collect(),
    }))
}
