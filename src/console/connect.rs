//! Amazon Connect: the instance, the names that rules may use and which do, the quota and what is left of it, the reports and
//! who is told of trouble.

use std::collections::BTreeMap;

use axum::extract::Query;
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use super::index::fold;
use super::page::{self, Page, Tab, Trouble};
use super::parts::ConnectPart;
use super::quota::{self, Use, thin};
use super::sort::{Column, Key, Sorting};
use super::view::View;
use super::{check, delivered};
use crate::model::words::{count, millis, moment, number, relative};
use crate::model::{IdentityManagement, ResourceId};
use crate::planner::uses::{Places, uses};
use crate::store::ConnectRow;

const NAMES: [Column; 3] = [
    Column::text("kind", "Kind", "kind"),
    Column::text("name", "Name", "who"),
    Column::text("used", "Named by", "used"),
];
const QUOTA: [Column; 4] = [
    Column::text("operation", "Operation", "who"),
    Column::number("hour", "Last hour"),
    Column::number("day", "Last 24 hours"),
    Column::number("throttled", "Throttled"),
];

/// What is asked for.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    q: Option<String>,
    kind: Option<String>,
    sort: Option<String>,
    /// The order of the operations.
    quota: Option<String>,
    page: Option<String>,
}

impl Asked {
    fn words(&self) -> &str {
        self.q.as_deref().unwrap_or_default()
    }

    fn names_sorted(&self) -> Sorting {
        Sorting::asked(self.sort.as_deref(), &NAMES, "")
    }

    fn quota_sorted(&self) -> Sorting {
        Sorting::asked(self.quota.as_deref(), &QUOTA, "-hour")
    }

    fn finds(&self, texts: &[&str]) -> bool {
        let text = fold(&texts.join("\n"));
        fold(self.words()).split_whitespace().all(|word| text.contains(word))
    }
}

/// Something in Connect that a rule may name.
struct Name {
    kind: &'static str,
    name: String,
    /// Where it is named.
    places: Vec<String>,
}

/// The kinds of names, as the page calls one and many of them.
const KINDS: [(&str, &str); 3] = [
    ("routing profile", "routing profiles"),
    ("security profile", "security profiles"),
    ("hierarchy group", "hierarchy groups"),
];

/// Every name of the catalogue, by kind.
fn catalogue(view: &View, seen: &ConnectRow) -> Vec<Name> {
    let named = uses(&view.centre().rules, &view.centre().limits);
    let of = |kind: usize, known: &BTreeMap<String, ResourceId>, places: &Places<'_>| -> Vec<Name> {
        let places = |name: &String| places.get(name.as_str()).cloned().unwrap_or_default();
        known.keys().map(|name| Name { kind: KINDS[kind].0, name: name.clone(), places: places(name) }).collect()
    };
    [
        of(0, &seen.catalogue.routing_profiles, &named.routing_profiles),
        of(1, &seen.catalogue.security_profiles, &named.security_profiles),
        of(2, &seen.catalogue.hierarchy_groups, &named.hierarchy_groups),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn names(view: &View, seen: &ConnectRow, asked: &Asked) -> Vec<Name> {
    let mut names = catalogue(view, seen);
    let kind = asked.kind.as_deref().filter(|kind| !kind.is_empty());
    names.retain(|name| {
        kind.is_none_or(|kind| kind == name.kind) && asked.finds(&[name.kind, &name.name, &name.places.join("\n")])
    });
    asked.names_sorted().arrange(&mut names, |name, by| match by {
        "name" => Key::text(&name.name),
        "used" => Key::text(&name.places.join(", ")),
        _ => Key::text(name.kind),
    });
    names
}

async fn operations(view: &View, asked: &Asked) -> Result<Vec<Use>, Trouble> {
    let mut rows = quota::uses(view).await?;
    rows.retain(|row| asked.finds(&[row.operation.name()]));
    asked.quota_sorted().arrange(&mut rows, |row, by| match by {
        "operation" => Key::text(row.operation.name()),
        "day" => Key::number(row.day.calls),
        "throttled" => Key::number(row.day.throttled),
        _ => Key::number(row.hour.calls),
    });
    Ok(rows)
}

/// `GET …/connect`.
pub(super) async fn page(view: View, Query(asked): Query<Asked>) -> Result<Page, Trouble> {
    let seen = view.store().connect_row().await?;
    let (words, operations) = (asked.words(), operations(&view, &asked).await?);
    let (sort, quota, kind) =
        (asked.names_sorted().text(), asked.quota_sorted().text(), asked.kind.as_deref().unwrap_or_default());
    let kept = [("kind", kind), ("sort", sort.as_str()), ("quota", quota.as_str())];
    let body = html! {
        h1 { "Connect" }
        (instance(&view, seen.as_ref()))
        (page::search(&view.url("/connect"), words, "Profile, hierarchy group, rule or operation", &kept))
        @if let Some(seen) = &seen { (names_section(&view, seen, &asked)) }
        (quota_section(&view, &operations, &asked))
        (delivered::reports(&view).await?)
        (delivered::notifiers(&view).await?)
        (check::card(&view, "connect"))
    };
    Ok(Page::of(&view, Tab::Connect, "Connect", &body))
}

/// The instance and when it was looked at.
fn instance(view: &View, seen: Option<&ConnectRow>) -> Markup {
    let ConnectPart { instance, region, endpoint, audit_every_secs, .. } = &view.centre().parts.connect;
    let signs_in = |kind| match kind {
        IdentityManagement::Saml => "users sign in by SAML",
        IdentityManagement::ConnectManaged => "users and passwords live in Connect",
        IdentityManagement::ExistingDirectory => "users come from AWS Directory Service",
    };
    html! {
        section {
            dl.facts {
                dt { "Instance" }
                dd {
                    @if let Some(alias) = seen.and_then(|seen| seen.instance.alias.as_ref()) { (alias) " " }
                    code { (instance) }
                }
                dt { "Region" } dd { (region) @if let Some(endpoint) = endpoint { ", at " (endpoint) } }
                @match seen {
                    Some(ConnectRow { at, instance, users, quick_connects, .. }) => {
                        dt { "Identity" } dd { (signs_in(instance.identity_management)) }
                        dt { "Users" }
                        dd {
                            (count(usize::try_from(*users).unwrap_or(usize::MAX), "user", "users"))
                            @if *quick_connects > 0 {
                                ", " (count(usize::try_from(*quick_connects).unwrap_or(usize::MAX), "quick connect", "quick connects")) " to them"
                            }
                            ", looked at " (relative(*at, view.now)) " (" (moment(*at)) ")"
                        }
                    },
                    None => { dt { "Users" } dd { "nobody has looked yet: wait for the first run, or look now with " code { "rollcall plan" } } },
                }
                dt { "Drift" } dd { "looked for every " (millis(audit_every_secs.saturating_mul(1_000))) ", also if nothing else happens" }
            }
        }
    }
}

fn names_section(view: &View, seen: &ConnectRow, asked: &Asked) -> Markup {
    let names = names(view, seen, asked);
    let at = page::page_of(asked.page.as_deref());
    let (sorting, quota) = (asked.names_sorted(), asked.quota_sorted().text());
    let (words, sort) = (asked.words(), sorting.text());
    let kind = asked.kind.as_deref().unwrap_or_default();
    let url = |kind: &str, sort: &str, page: &str| {
        let query = [("q", words), ("kind", kind), ("sort", sort), ("quota", quota.as_str()), ("page", page)];
        format!("{}#names", view.asking("/connect", &query))
    };
    let catalogue = &seen.catalogue;
    let counts =
        [catalogue.routing_profiles.len(), catalogue.security_profiles.len(), catalogue.hierarchy_groups.len()];
    let from = (at as usize - 1) * page::ROWS as usize;
    html! {
        section id="names" {
            h2 { "Names that rules may use" }
            nav.states aria-label="Kinds" {
                a href=(url("", &sort, "")) aria-current=[kind.is_empty().then_some("true")] { "all " span.n { (number(counts.iter().sum::<usize>() as u64)) } }
                @for ((one, many), n) in KINDS.iter().zip(counts) {
                    a href=(url(one, &sort, "")) aria-current=[(kind == *one).then_some("true")] { (many) " " span.n { (number(n as u64)) } }
                }
            }
            @if names.is_empty() { p.empty { "No name is about " b { (words) } "." } } @else {
                table.names {
                    thead { tr { @for column in &NAMES { (sorting.head(column, &|to| url(kind, to, ""))) } } }
                    tbody {
                        @for Name { kind, name, places } in names.iter().skip(from).take(page::ROWS as usize) {
                            tr {
                                td.kind.dim { (kind) }
                                td.who { (name) }
                                td.used { @if places.is_empty() { span.dim { "nothing" } } @else { (places.join(", ")) } }
                            }
                        }
                    }
                }
                (page::foot(names.len() as u64, at, ("name", "names"), &|n| url(kind, &sort, &n.to_string()),
                    &view.asking("/connect/names.csv", &[("q", words), ("kind", kind), ("sort", &sort)])))
            }
        }
    }
}

fn quota_section(view: &View, operations: &[Use], asked: &Asked) -> Markup {
    let (sorting, names) = (asked.quota_sorted(), asked.names_sorted().text());
    let (words, quota) = (asked.words(), sorting.text());
    let kind = asked.kind.as_deref().unwrap_or_default();
    let url = |quota: &str| {
        let query = [("q", words), ("kind", kind), ("sort", names.as_str()), ("quota", quota)];
        format!("{}#quota", view.asking("/connect", &query))
    };
    html! {
        section id="quota" {
            h2 { "Quota" }
            p.dim {
                (format!("{:.0}", view.centre().parts.connect.share * 100.0)) " % of what AWS allows each operation; the rest is for live contact flows. "
                "Counted are the calls of runs that have ended."
            }
            @if operations.is_empty() { p.empty { "No operation is about " b { (words) } "." } } @else {
                table.quota {
                    thead { tr {
                        @let [operation, hour, day, throttled] = QUOTA.map(|column| sorting.head(&column, &url));
                        (operation) th.count scope="col" { "Rate" } (hour) (day) (throttled)
                    } }
                    tbody { @for row in operations { (operation_row(row)) } }
                }
                p.foot { a.csv href=(view.asking("/connect/quota.csv", &[("q", words), ("quota", &quota)])) { "Save as CSV" } }
            }
        }
    }
}

fn operation_row(row: &Use) -> Markup {
    let Use { operation, per_second, burst, hour, day } = row;
    html! {
        tr {
            td.who { (operation.name()) }
            td.count.dim data-of="allowed" { (rate(*per_second)) "/s, " (number(*burst)) " at once" }
            @for (spent, of) in [(hour, "in the last hour"), (day, "in the last day")] { td.count data-of=(of) { (spent.words()) (thin(spent.part())) } }
            td.count data-of="throttled" { span.bad[day.throttled > 0] { (number(day.throttled)) } }
        }
    }
}

/// `1.6`, `2`.
fn rate(per_second: f64) -> String {
    let text = format!("{per_second:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// `GET …/connect/names.csv`.
pub(super) async fn names_file(view: View, Query(asked): Query<Asked>) -> Result<Response, Trouble> {
    let mut table = page::table(["kind", "name", "named by"]);
    if let Some(seen) = view.store().connect_row().await? {
        for Name { kind, name, places } in names(&view, &seen, &asked) {
            table.row([kind, &name, &places.join(", ")]);
        }
    }
    Ok(table.file(&format!("{}-connect-names", view.name())))
}

/// `GET …/connect/quota.csv`.
pub(super) async fn quota_file(view: View, Query(asked): Query<Asked>) -> Result<Response, Trouble> {
    let mut table = page::table([
        "operation",
        "calls a second",
        "calls at once",
        "calls in the last hour",
        "allowed in an hour",
        "calls in the last 24 hours",
        "allowed in 24 hours",
        "throttled in the last 24 hours",
    ]);
    for Use { operation, per_second, burst, hour, day } in operations(&view, &asked).await? {
        table.row([
            operation.name(),
            &rate(per_second),
            &burst.to_string(),
            &hour.calls.to_string(),
            &hour.allowed_calls().to_string(),
            &day.calls.to_string(),
            &day.allowed_calls().to_string(),
            &day.throttled.to_string(),
        ]);
    }
    Ok(table.file(&format!("{}-connect-quota", view.name())))
}
