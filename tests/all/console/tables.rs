//! Tables that are searched, sorted and saved: a page and its file show the same rows in the same order.

use super::Desk;
use super::pages::{lifelike, rows, says, text};

fn column(csv: &str, at: usize) -> Vec<String> {
    csv::Reader::from_reader(csv.as_bytes()).records().map(|record| record.unwrap()[at].to_lowercase()).collect()
}

/// The files in both directions of a column: opposite, and of the same rows.
async fn both(desk: &Desk, cookie: &str, path: &str, sort: &str, at: usize) -> Vec<String> {
    let get = async |sort: &str| {
        let sign = if path.contains('?') { "&" } else { "?" };
        column(&desk.get(&desk.at(&format!("{path}{sign}{sort}")), cookie).await.ok(), at)
    };
    let (up, mut down) = (get(sort).await, get(&sort.replacen('=', "=-", 1)).await);
    down.reverse();
    assert_eq!(up, down, "{path} {sort}");
    up
}

#[tokio::test]
async fn rules_and_departments_are_sorted_by_their_heads() {
    let desk = lifelike().await;
    let cookie = desk.sign_in().await;
    assert!(both(&desk, &cookie, "/rules.csv", "sort=rule", 0).await.is_sorted());
    let people = both(&desk, &cookie, "/departments.csv", "departments=people", 1).await;
    let people: Vec<u32> = people.iter().map(|text| text.parse().unwrap()).collect();
    assert!(people.is_sorted() && people.len() > 1, "{people:?}");
    let own = column(&desk.get(&desk.at("/rules.csv"), &cookie).await.ok(), 0);
    assert_eq!(own.last().unwrap(), "(default)", "by themselves rules stand as they are asked");
    let page = desk.get(&desk.at("/rules?sort=-people&departments=department&q=a"), &cookie).await.ok();
    for link in [
        "sort=people&amp;departments=department",
        "sort=-people&amp;departments=-department",
        "/rules.csv?q=a&amp;sort=-people\"",
        "/departments.csv?q=a&amp;departments=department\"",
    ] {
        assert!(page.contains(link), "no {link} in {page}");
    }
    assert!(page.contains("aria-sort=\"descending\"") && page.contains("aria-sort=\"ascending\""));
    // What is no column leaves the own order.
    let odd = column(&desk.get(&desk.at("/rules.csv?sort=colour"), &cookie).await.ok(), 0);
    assert_eq!(odd, own);
}

#[tokio::test]
async fn a_plan_is_searched_by_what_it_says_and_sorted_within_its_groups() {
    let mut desk = lifelike().await;
    let cookie = desk.sign_in().await;
    for department in ["Sales", "Care", "Sales", "Nowhere"] {
        desk.world.hire(department);
    }
    assert_eq!(crate::process::output(&desk.world, &["plan"]).await.0, 0);
    let csv = async |query: &str| desk.get(&desk.at(&format!("/plan.csv{query}")), &cookie).await.ok();
    let joins = column(&csv("?group=joins").await, 1);
    assert_eq!(joins.len(), 4);
    // A department, a profile in the detail, and a rule in the reason; each word may be in another place.
    let (_, first) = (0, &joins[0]);
    for (query, expected) in [
        ("Sales+Voice", 2),
        ("Nowhere", 1),
        ("basic+routing", 1),
        ("care", 1),
        ("join", 4),
        ("agent+join+sales", 2),
        ("nothing-like-it", 0),
    ] {
        assert_eq!(rows(&csv(&format!("?group=joins&q={query}")).await), expected, "{query}");
    }
    assert_eq!(
        column(&csv(&format!("?group=joins&q={}+join", first.to_uppercase())).await, 1),
        std::slice::from_ref(first)
    );
    let held = rows(&csv("?group=held").await);
    assert!(held > 1 && rows(&csv("?group=held&q=family+name").await) <= held);

    assert!(both(&desk, &cookie, "/plan.csv?group=joins", "sort=person", 1).await.is_sorted());
    assert!(both(&desk, &cookie, "/plan.csv?group=held", "sort=person", 1).await.is_sorted());
    let detail = column(&csv("?group=joins&sort=change").await, 5);
    assert!(detail.is_sorted() && detail.first() != detail.last(), "{detail:?}");
    let page = desk.get(&desk.at("/plan?sort=person&q=join"), &cookie).await.ok();
    assert!(page.contains("/plan?q=join&amp;sort=-person#joins"), "{page}");
    let whole = desk.get(&desk.at("/plan?group=joins&sort=-person"), &cookie).await.ok();
    assert!(whole.contains("/plan.csv?group=joins&amp;sort=-person"), "{whole}");
}

#[tokio::test]
async fn runs_are_searched_and_sorted() {
    let desk = lifelike().await;
    let cookie = desk.sign_in().await;
    let all = desk.world.store().await.runs(10).await.unwrap();
    let started = both(&desk, &cookie, "/runs.csv", "sort=when", 1).await;
    assert!(started.is_sorted() && started.len() == all.len());
    let own = column(&desk.get(&desk.at("/runs.csv"), &cookie).await.ok(), 1);
    assert_eq!(own.first(), started.last(), "the newest first by themselves");
    let run = all[0].run.to_string();
    for (query, expected) in [(run.as_str(), 1), ("by+hand", all.len()), ("created", 2), ("nothing-like-it", 0)] {
        let csv = desk.get(&desk.at(&format!("/runs.csv?q={query}")), &cookie).await.ok();
        assert_eq!(rows(&csv), expected, "{query}");
        let page = desk.get(&desk.at(&format!("/runs?q={query}")), &cookie).await.ok();
        let words = if expected == 0 { "is about".to_owned() } else { format!("{expected} run") };
        says(&page, &[&words]);
    }
    let page = desk.get(&desk.at("/runs?sort=took"), &cookie).await.ok();
    assert!(page.contains("sort=-took") && page.contains("/runs.csv?sort=took"), "{page}");
}

#[tokio::test]
async fn changes_of_a_day_and_of_a_run_are_sorted() {
    let desk = lifelike().await;
    let cookie = desk.sign_in().await;
    let people = both(&desk, &cookie, "/changes.csv", "sort=when", 0).await;
    assert!(people.is_sorted() && people.len() > 20);
    let names = column(&desk.get(&desk.at("/changes.csv?sort=person"), &cookie).await.ok(), 1);
    assert!(names.is_sorted(), "{names:?}");
    let page = desk.get(&desk.at("/changes?sort=person"), &cookie).await.ok();
    says(&page, &["Person ↑", "Before → after, and why", "Outcome", "When"]);
    assert!(text(&page).find(&names[0]) < text(&page).find(&names[9]), "the page is in the same order");
    let first = &desk.world.store().await.runs(10).await.unwrap()[2];
    let path = format!("/runs/{}", first.run);
    let names = column(&desk.get(&desk.at(&format!("{path}/changes.csv?sort=-person")), &cookie).await.ok(), 1);
    assert!(names.iter().rev().is_sorted() && names.len() > 20, "{names:?}");
    let page = desk.get(&desk.at(&format!("{path}?sort=-person")), &cookie).await.ok();
    assert!(page.contains(&format!("{path}/changes.csv?sort=-person")), "{page}");
}
