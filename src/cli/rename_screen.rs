//! A rename as an administrator reads it: one block for its parts, in their order, with what it costs.

use std::fmt::Write;

use super::plan_screen::{self, NAME_WIDTH};
use super::style::{Style, column, count};
use crate::model::{Action, Change, Reason, Time};
use crate::planner::fate;

/// All changes of one renamed person.
#[must_use]
pub(super) fn block(changes: &[&Change], now: Time, style: Style) -> String {
    let from = changes.iter().find_map(|change| match &change.because {
        Reason::Renamed { from, .. } => Some(from.as_str()),
        _ => None,
    });
    let label = column(changes.first().map_or("", |change| &change.label), NAME_WIDTH);
    let calls = count(changes.len(), "call", "calls");
    let was = format!("was {}", from.unwrap_or_default());
    let mut out = format!("  {} {label} {} {was}  {}", style.change(">"), column("renamed", 9), style.dim(calls));
    let created = changes.iter().any(|change| matches!(change.action, Action::Create(_)));
    if !created {
        part(&mut out, &style.good("="), "the new user is there already; an earlier run was cut short");
    }
    for change in changes {
        match &change.action {
            Action::Create(desired) => {
                let persona = fate::persona(&desired.attributes);
                part(&mut out, &style.good("+"), &format!("new user: {persona}, and whatever else the old one has"));
            }
            Action::MoveQuickConnect(step) => {
                part(&mut out, &style.change(">"), &format!("quick connect {} points to it", step.named.name));
            }
            Action::Delete { username, .. } => {
                let text = format!("{username} deleted; contacts and metrics so far stay with its id");
                part(&mut out, &style.bad("-"), &text);
            }
            Action::Adopt { .. } | Action::Update(_) | Action::DeleteQuickConnect(_) => {
                out.push_str("\n  ");
                out.push_str(&plan_screen::person(change, now, style));
            }
        }
    }
    out
}

fn part(out: &mut String, sign: &str, text: &str) {
    // Writing to a String cannot fail.
    let _ = write!(out, "\n      {sign} {text}");
}

#[cfg(test)]
mod tests {
    use connectors::PersonKey;

    use super::*;
    use crate::model::{Attribute, AttributeSet, DesiredUser, Named, QuickConnectMove, Stage, Value};

    #[test]
    fn a_rename_is_one_block_with_its_parts_and_its_calls() {
        let because =
            || Reason::Renamed { user: "c-1".into(), from: "ada.byron".to_owned(), to: "ada.king".to_owned() };
        let change = |action, connect: Option<&str>| Change {
            seq: 0,
            person: PersonKey::new("entra", "1"),
            label: "ada.king".to_owned(),
            connect: connect.map(Into::into),
            arn: None,
            action,
            because: because(),
        };
        let attributes: AttributeSet = [
            (Attribute::SecurityProfiles, Value::NamedSet([Named::new("s", "Agent")].into())),
            (Attribute::RoutingProfile, Value::Named(Named::new("r", "Care Voice"))),
        ]
        .into_iter()
        .collect();
        let (person, username, stage) = (PersonKey::new("entra", "1"), "ada.king".to_owned(), Stage::Active);
        let desired = DesiredUser { person, username, attributes: attributes.clone(), stage, wished: None };
        let step = QuickConnectMove { named: Named::new("q-1", "Call Ada"), flow: "f".into(), to: None };
        let changes = [
            change(Action::Create(Box::new(desired)), None),
            change(Action::MoveQuickConnect(Box::new(step)), Some("c-1")),
            change(Action::Delete { username: "ada.byron".to_owned(), before: attributes }, Some("c-1")),
        ];
        let all: Vec<&Change> = changes.iter().collect();
        let now = "2026-03-01T00:00:00Z".parse().expect("a time");
        let plain = Style::plain();
        assert_eq!(
            block(&all, now, plain).lines().collect::<Vec<_>>(),
            [
                "  > ada.king                             renamed   was ada.byron  3 calls",
                "      + new user: Agent · Care Voice, and whatever else the old one has",
                "      > quick connect Call Ada points to it",
                "      - ada.byron deleted; contacts and metrics so far stay with its id",
            ]
        );
        assert_eq!(
            block(&all[2..], now, plain).lines().collect::<Vec<_>>(),
            [
                "  > ada.king                             renamed   was ada.byron  1 call",
                "      = the new user is there already; an earlier run was cut short",
                "      - ada.byron deleted; contacts and metrics so far stay with its id",
            ]
        );
        assert_eq!(
            fate::costs(changes.iter()),
            "a new user each, and the old one deleted: CreateUser 1 · DeleteUser 1 · UpdateQuickConnectConfig 1"
        );
        let told: Vec<String> = changes.iter().map(|change| plan_screen::person(change, now, plain)).collect();
        let why = "ada.byron is ada.king now";
        let told_of = |sign: &str, what: &str, detail: &str| {
            format!("  {sign} {} {} {}  {why}", column("ada.king", NAME_WIDTH), column(what, 9), column(detail, 44))
        };
        assert_eq!(
            told,
            [
                told_of("+", "renamed", "Agent · Care Voice"),
                told_of(">", "moved", "quick connect Call Ada"),
                told_of("-", "retired", "was Agent · Care Voice"),
            ]
        );
    }
}
