//! The plan: what the next run would do to people, by consequence.

use axum::extract::Query;
use axum::response::Response;
use connectors::PersonKey;
use maud::{Markup, html};
use serde::Deserialize;

use super::approve::{self, Standing};
use super::index::fold;
use super::known::{Known, Raised};
use super::page::{self, Page, Tab, Trouble};
use super::sort::{Column, Key, Sorting};
use super::view::View;
use crate::model::words::{count, number};
use crate::model::{Decision, Finding, FindingCode};
use crate::planner::fate::{self, Fate, Kind, fates};

/// People of a group that are shown beside other groups.
const A_FEW: usize = 25;
const COLUMNS: [Column; 3] = [
    Column::text("person", "Person", "who"),
    Column::text("what", "What", "what"),
    Column::text("change", "Before → after, and why", "change"),
];

/// What is asked for; all of it may be absent.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    q: Option<String>,
    group: Option<String>,
    sort: Option<String>,
    page: Option<String>,
}

impl Asked {
    fn words(&self) -> &str {
        self.q.as_deref().unwrap_or_default()
    }

    fn sorting(&self) -> Sorting {
        Sorting::asked(self.sort.as_deref(), &COLUMNS, "")
    }
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

impl<'a> Member<'a> {
    /// What it is put in order by.
    fn key(&self, known: &'a Known, by: &str) -> Key<'a> {
        let line = |person: Option<&PersonKey>, which| person.map_or("", |person| known.planned.line(person, which));
        let which = if by == "what" { 0 } else { 1 };
        match (self, by) {
            (Self::Fate(fate), "person") => Key::text(&fate.changes[0].label),
            (Self::Raised(raised), "person") => Key::text(&raised.label),
            (Self::Held(finding), "person") => Key::text(&finding.label),
            (Self::Fate(fate), _) => Key::Folded(line(Some(&fate.changes[0].person), which)),
            (Self::Raised(raised), _) => Key::text(&raised.profiles),
            (Self::Held(finding), _) => Key::Folded(line(finding.person.as_ref(), which)),
        }
    }

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

/// Everybody the plan is about, by consequence; what takes access away first. A search looks at who somebody is and at what
/// the plan says about them.
pub(super) fn groups<'a>(known: &'a Known, words: &str) -> Vec<Group<'a>> {
    let folded = fold(words);
    let words: Vec<&str> = folded.split_whitespace().collect();
    let wanted = |person: &PersonKey| words.is_empty() || known.planned.says(&known.index, person, &words);
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

/// The same in the order that is asked for.
fn arranged<'a>(known: &'a Known, asked: &Asked) -> Vec<Group<'a>> {
    let mut groups = groups(known, asked.words());
    let sorting = asked.sorting();
    for group in &mut groups {
        sorting.arrange(&mut group.members, |member, by| member.key(known, by));
    }
    groups
}

/// `GET …/plan`.
pub(super) async fn page(view: View, Query(asked): Query<Asked>) -> Result<Page, Trouble> {
    let known = view.known().await?;
    let words = asked.words();
    let sort = asked.sorting().text();
    let chosen = asked.group.as_deref().filter(|group| !group.is_empty());
    let groups = arranged(&known, &asked);
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
            (page::search(&view.url("/plan"), words, "Person, department, profile or reason", &[("group", chosen.unwrap_or_default()), ("sort", &sort)]))
        }
        @if groups.is_empty() && !words.is_empty() { p.empty { "Nothing in the plan is about " b { (words) } "." } }
        @if let Some(name) = chosen {
            p.chosen { a href=(view.asking("/plan", &[("q", words), ("sort", &sort)])) { "← The whole plan" } }
            @for group in groups.iter().filter(|group| group.name == name) { (whole(&view, group, &asked)) }
        } @else {
            (overview(&view, &groups))
            @for group in &groups { (some(&view, group, &asked)) }
            (notes(&known))
        }
        @if !groups.is_empty() && chosen.is_none() {
            p.foot { a.csv href=(view.asking("/plan.csv", &[("q", words), ("sort", &sort)])) { "Save as CSV" } }
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
fn some(view: &View, group: &Group<'_>, asked: &Asked) -> Markup {
    let (words, sort) = (asked.words(), asked.sorting().text());
    let all = view.asking("/plan", &[("group", group.name), ("q", words), ("sort", &sort)]);
    let sorted = |sort: &str| format!("{}#{}", view.asking("/plan", &[("q", words), ("sort", sort)]), group.name);
    html! {
        section id=(group.name) {
            h2 { (group.title) " " span.n { (number(group.members.len() as u64)) } }
            (members(view, group, &heads(asked, &sorted), 0, A_FEW))
            @if group.members.len() > A_FEW { p { a href=(all) { "All " (number(group.members.len() as u64)) } } }
        }
    }
}

/// A group alone, a page of it.
fn whole(view: &View, group: &Group<'_>, asked: &Asked) -> Markup {
    let at = page::page_of(asked.page.as_deref());
    let (words, sort) = (asked.words(), asked.sorting().text());
    let query = |sort: &str, page: &str| {
        view.asking("/plan", &[("group", group.name), ("q", words), ("sort", sort), ("page", page)])
    };
    let heads = heads(asked, &|sort| query(sort, ""));
    html! {
        section {
            h2 { (group.title) " " span.n { (number(group.members.len() as u64)) } }
            @if !group.summed.is_empty() { p.dim { (group.summed) } }
            (members(view, group, &heads, (at as usize - 1) * page::ROWS as usize, page::ROWS as usize))
            (page::foot(group.members.len() as u64, at, ("person", "people"), &|n| query(&sort, &n.to_string()),
                &view.asking("/plan.csv", &[("group", group.name), ("q", words), ("sort", &sort)])))
        }
    }
}

fn heads(asked: &Asked, url: &dyn Fn(&str) -> String) -> Markup {
    let sorting = asked.sorting();
    html! { thead { tr { @for column in &COLUMNS { (sorting.head(column, url)) } } } }
}

fn members(view: &View, group: &Group<'_>, heads: &Markup, from: usize, most: usize) -> Markup {
    html! {
        table.fates {
            (heads)
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
    for group in arranged(&known, &asked) {
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
