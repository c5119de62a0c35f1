//! The guard over worlds written as text: what passes, what is refused, and with which words.
//!
//! ```text
//! budgets     people removed, changed, raised · at both sides of each bound
//! floors      routing profiles, departments, fewest users
//! people      canaries and protected people
//! approvals   digests, expiry, the first run
//! unread      plans that grow while existing users are read
//! laws        what holds for every world and every limit
//! ```

mod approvals;
mod budgets;
mod floors;
mod laws;
mod people;
mod unread;

use super::super::testing::{World, limits, now};
use super::*;
use crate::model::Authority;
use crate::model::Facet;

/// `of` managed people, the first `leaving` of whom are disabled.
fn site(of: u32, leaving: u32) -> World {
    let standing = |n| if n < leaving { "standing=disabled" } else { "" };
    let directory: Vec<String> = (0..of).map(|n| format!("entra/{n} p.p{n} dept=Care {}", standing(n))).collect();
    let connect: Vec<String> = (0..of).map(|n| format!("c-{n} p.p{n} owner=entra/{n} route=Care_Voice")).collect();
    World::new(&directory.join("\n"), &connect.join("\n"))
}

/// People `entra/from..to`, managed, with the same words for the directory and for Connect.
fn people(from: u32, to: u32, directory: &str, connect: &str) -> (String, String) {
    let told = (from..to).map(|n| format!("entra/{n} p.p{n} {directory}\n")).collect();
    let users = (from..to).map(|n| format!("c-{n} p.p{n} owner=entra/{n} {connect}\n")).collect();
    (told, users)
}

/// A world of several such groups.
fn groups(groups: &[(String, String)]) -> World {
    let all = |part: fn(&(String, String)) -> &str| groups.iter().map(part).collect::<String>();
    World::new(&all(|group| &group.0), &all(|group| &group.1))
}

/// Every limit out of the way; a test brings back the one it is about.
fn lax() -> Limits {
    let none = || Limit { count: None, fraction: Some(1.0) };
    Limits {
        max_removed: none(),
        max_changed: none(),
        max_raised: none(),
        max_leaving_profile: none(),
        max_emptied: super::super::rules::Emptied { count: u32::MAX, from: 1 },
        ..limits()
    }
}

fn count(count: u32) -> Limit {
    Limit { count: Some(count), fraction: None }
}

fn fraction(fraction: f64) -> Limit {
    Limit { count: None, fraction: Some(fraction) }
}

fn set<const N: usize>(texts: [&str; N]) -> std::collections::BTreeSet<String> {
    texts.map(str::to_owned).into()
}

/// The directory decides about security profiles too, as most of these worlds need it.
fn directory_decides(mut world: World) -> World {
    world.rules.authority.insert(Facet::Security, Authority::Directory);
    world.rules.authority.insert(Facet::Routing, Authority::Directory);
    world
}

fn refusal(plan: Plan, limits: &Limits, approval: Option<&Approval>) -> Option<Refusal> {
    match review(plan, limits, approval, now()) {
        Verdict::Approved(_) | Verdict::NotYet(..) => None,
        Verdict::Refused(_, refusal) => Some(refusal),
    }
}

/// What stands against a plan, each by itself.
fn told(world: &World, limits: &Limits) -> Vec<String> {
    let refused = refusal(world.plan(), limits, None);
    refused.map(|refused| refused.message.split("; ").map(str::to_owned).collect()).unwrap_or_default()
}

/// The one place that compares a refusal with its text.
#[track_caller]
fn check(world: &World, limits: &Limits, expected: &[&str]) {
    assert_eq!(told(world, limits), expected, "{:#?}", super::super::testing::render(&world.plan()));
}
