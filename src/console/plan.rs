//! The plan: what the next run would do to people, by consequence.

use std::collections::BTreeSet;

use axum::extract::Query;
use axum::response::Response;
use connectors::PersonKey;
use maud::{Markup, html};
use serde::Deserialize;

use super::approve::{self, Standing};
use super::known::{Known, Raised};
use super::page::{self, Page, Tab, Trouble};
use super::view::View;
use crate::model::words::{count, number};
use crate::model::{Decision, Finding, FindingCode};
use crate::planner::fate::{self, Fate, Kind, fates};

/// People of a group that are shown beside other groups.
const A_FEW: usize = 25;
/// People that a search is narrowed down to at most.
const MOST_FOUND: usize = 20_000;

/// What is asked for; all of it may be absent.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    q: Option<String>,
    group: Option<String>,
    page: Option<String>,
}

/// People with one consequence.
pub(super) struct Group<'a> {
    pub(super) name: &'static str,
    title: &'static str,
    sign: char,
    /// One line about all of them.
    pub(super) summed: String,
    pub(super) members: Vec<Member<'a>>,
}

pub(super) enum Member<'a> {
    Fate(Fate<'a>),
    /// Somebody who receives a privileged profile.
    Raised(&'a Raised),
    Held(&'a Finding),
}

impl Member<'_> {
    /// Key, name, what, detail, why.
    pub(super) fn told(&self, view: &View) -> (Option<&PersonKey>, [String; 4]) {
        match self {
            Self::Fate(fate) => {
                let told = fate.told(view.now);
                (Some(&fate.changes[0].person), [told.label, told.what, told.detail, told.why])
            }
            Self::Raised(Raised { person, label, profiles }) => {
                (Some(person), [label.clone(), "privileged".to_owned(), format!("+ {profiles}"), String::new()])
            }
            Self::Held(finding) => {
                let Finding { person, label, message, hint, code: _ } = finding;
                (person.as_ref(), [label.clone(), "held".to_owned(), message.clone(), format!("→ {hint}")])
            }
        }
    }
}

/// Everybody the plan is about, by consequence; what takes access away first.
pub(super) fn groups<'a>(known: &'a Known, words: &str) -> Vec<Group<'a>> {
    let found: Option<BTreeSet<PersonKey>> = (!words.trim().is_empty()).then(|| known.index.keys(words, MOST_FOUND));
    let wanted = |person: &PersonKey| found.as_ref().is_none_or(|found| found.contains(person));
    let mut by_kind = fates(&known.plan);
    let mut of = |kind: Kind, name, title| {
        let mut fates = by_kind.remove(&kind).unwrap_or_default();
        fates.retain(|fate| wanted(&fate.changes[0].person));
        let summed = if fates.is_empty() { String::new() } else { fate::summed(kind, &fates) };
        Group { name, title, sign: kind.sign(), summed, members: fates.into_iter().map(Member::Fate).collect() }
    };
    let raised = known.raised.iter().filter(|raised| wanted(&raised.person)).map(Member::Raised).collect();
    let held = known.plan.decisions.iter().filter_map(|(person, decision)| match decision {
        Decision::Quarantined(finding) if wanted(person) => Some(Member::Held(finding)),
        _ => None,
    });
    let mut groups = vec![
        of(Kind::Leave, "leaves", "Leaves"),
        Group {
            name: "privilege",
            title: "Privilege",
            sign: '!',
            summed: "people who receive a privileged profile".to_owned(),
            members: raised,
        },
        of(Kind::Change, "changes", "Changes"),
        of(Kind::Rename, "renames", "Renames"),
        of(Kind::Adopt, "adoptions", "Adoptions"),
        of(Kind::Join, "joins", "Joins"),
        Group {
            name: "held",
            title: "Held",
            sign: '!',
            summed: "nothing happens to them until somebody looks".to_owned(),
            members: held.collect(),
        },
    ];
    groups.retain(|group| !group.members.is_empty());
    groups
}

/// `GET …/plan`.
pub(super) async fn page(view: View, Query(asked): Query<Asked>) -> Result<Page, Trouble> {
    let known = view.known().await?;
    let words = asked.q.as_deref().unwrap_or_default();
    let chosen = asked.group.as_deref().filter(|group| !group.is_empty());
    let groups = groups(&known, words);
    let standing = Standing::read(&view).await?;
    let body = html! {
        h1 { "Plan" }
        p.lead.small {
            @if known.plan.is_empty() { "Everybody is in agreement; there is nothing to do." }
            @else if known.not_yet.is_some() { "So far, the plan would make " (fate::forecast(&known.plan)) "." }
            @else { "The next run would make " (fate::forecast(&known.plan)) "." }
        }
        @if let (Some(standing), None) = (&standing, chosen) { (standing.card(&view, &known)) }
        @else if known.not_yet.is_some() && chosen.is_none() { (approve::not_yet(&view, &known)) }
        @else if known.refusal.is_some() && chosen.is_none() {
            @if let Some(refusal) = &known.refusal {
                section.card { h2 { "Would be held" } p.message { (refusal.message) } p.dim { "Digest " code { (known.digest) } } }
            }
        }
        @if !groups.is_empty() || !words.is_empty() {
            (page::search(&view.url("/plan"), words, "People in the plan", &[("group", chosen.unwrap_or_default())]))
        }
        @if groups.is_empty() && !words.is_empty() { p.empty { "Nobody in the plan is called " b { (words) } "." } }
        @if let Some(name) = chosen {
            p.chosen { a href=(view.asking("/plan", &[("q", words)])) { "← The whole plan" } }
            @for group in groups.iter().filter(|group| group.name == name) { (whole(&view, group, &asked)) }
        } @else {
            (overview(&view, &groups))
            @for group in &groups { (some(&view, group, words)) }
            (notes(&known))
        }
        @if !groups.is_empty() && chosen.is_none() {
            p.foot { a.csv href=(view.asking("/plan.csv", &[("q", words)])) { "Save as CSV" } }
        }
    };
    Ok(Page::of(&view, Tab::Plan, "Plan", &body))
}

/// The numbers, each leading to its people.
fn overview(view: &View, groups: &[Group<'_>]) -> Markup {
    html! {
        ul.numbers {
            @for Group { name, title, sign, summed, members } in groups {
                li {
                    (page::sign(*sign)) " "
                    a href={ (view.url("/plan")) "#" (name) } { b { (number(members.len() as u64)) } " " (title.to_lowercase()) }
                    " " span.dim { (summed) }
                }
            }
        }
    }
}

/// A group beside others.
fn some(view: &View, group: &Group<'_>, words: &str) -> Markup {
    let all = view.asking("/plan", &[("group", group.name), ("q", words)]);
    html! {
        section id=(group.name) {
            h2 { (group.title) " " span.n { (number(group.members.len() as u64)) } }
            (members(view, group, 0, A_FEW))
            @if group.members.len() > A_FEW { p { a href=(all) { "All " (number(group.members.len() as u64)) } } }
        }
    }
}

/// A group alone, a page of it.
fn whole(view: &View, group: &Group<'_>, asked: &Asked) -> Markup {
    let at = page::page_of(asked.page.as_deref());
    let words = asked.q.as_deref().unwrap_or_default();
    let query = |page: &str| view.asking("/plan", &[("group", group.name), ("q", words), ("page", page)]);
    html! {
        section {
            h2 { (group.title) " " span.n { (number(group.members.len() as u64)) } }
            @if !group.summed.is_empty() { p.dim { (group.summed) } }
            (members(view, group, (at as usize - 1) * page::ROWS as usize, page::ROWS as usize))
            (page::foot(group.members.len() as u64, at, ("person", "people"), &|n| query(&n.to_string()),
                &view.asking("/plan.csv", &[("group", group.name), ("q", words)])))
        }
    }
}

fn members(view: &View, group: &Group<'_>, from: usize, most: usize) -> Markup {
    html! {
        table.fates {
            thead { tr { th.who scope="col" { "Person" } th.what scope="col" { "What" } th scope="col" { "Before → after, and why" } } }
            tbody {
                @for member in group.members.iter().skip(from).take(most) {
                    @let (person, [label, what, detail, why]) = member.told(view);
                    tr {
                        td.who { (page::sign(group.sign)) "\u{a0}\u{a0}" @match person { Some(person) => (view.person(person, &label)), None => (label) } }
                        td.what { (what) }
                        td { (detail) @if !why.is_empty() { span.why { (why) } } }
                    }
                }
            }
        }
    }
}

/// Findings that hold nobody, by kind.
fn notes(known: &Known) -> Markup {
    let mut kinds: std::collections::BTreeMap<FindingCode, usize> = Default::default();
    for finding in known.plan.findings.iter().filter(|finding| !finding.code.quarantines()) {
        *kinds.entry(finding.code).or_default() += 1;
    }
    let resting = known.plan.resting.len();
    html! {
        @if !kinds.is_empty() || resting > 0 {
            section {
                h2 { "Good to know" }
                ul.plain {
                    @if resting > 0 { li { (count(resting, "person", "people")) " refused by Connect before; tried again later" } }
                    @for (code, n) in kinds { li { (fate::noted(code, n)) } }
                }
            }
        }
    }
}

/// `GET …/plan.csv`.
pub(super) async fn file(view: View, Query(asked): Query<Asked>) -> Result<Response, Trouble> {
    let known = view.known().await?;
    let chosen = asked.group.as_deref().filter(|group| !group.is_empty());
    let mut table = page::table(["group", "username", "source", "id", "what", "detail", "why"]);
    for group in groups(&known, asked.q.as_deref().unwrap_or_default()) {
        if chosen.is_some_and(|chosen| chosen != group.name) {
            continue;
        }
        for member in &group.members {
            let (person, [label, what, detail, why]) = member.told(&view);
            let (source, id) = person.map_or(("", ""), |person| (person.source.as_str(), person.id.as_str()));
            table.row([group.name, &label, source, id, &what, &detail, &why]);
        }
    }
    Ok(table.file(&format!("{}-plan", view.name())))
}
