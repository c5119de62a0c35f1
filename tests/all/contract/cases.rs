//! What servers do on good and on bad days.
//!
//! Invariant: after every bad answer nobody is called gone who is there, and after the bad days everybody is known again.

use std::collections::BTreeSet;

use rollcall::sandbox::company::Company;
use rollcall::sandbox::faults::FaultKind;
use serde_json::json;

use super::kinds::Kind;
use super::rig::{ALWAYS, Known, PEOPLE, Refused, Rig};

fn status(status: u16, code: &str) -> FaultKind {
    FaultKind::Status { status, code: code.to_owned(), message: "made up".to_owned(), retry_after: None }
}

/// A throttle that is over soon. Okta's ordinary one lasts until the minute is over; the one for too many requests at a
/// time does not.
fn throttle(kind: &Kind) -> FaultKind {
    let (code, retry_after) = if kind.service == "okta" { ("concurrency", None) } else { ("made-up", Some("0")) };
    let retry_after = retry_after.map(str::to_owned);
    FaultKind::Status { status: 429, code: code.to_owned(), message: String::new(), retry_after }
}

/// A rig that has read everybody once.
async fn after_a_good_round(kind: &Kind) -> Rig {
    let rig = Rig::new(kind).await;
    rig.small_pages();
    let known = rig.round(true).await.unwrap();
    assert_eq!(known.here, rig.present());
    assert!(known.here.len() > 30, "{}", known.here.len());
    rig
}

/// Both ways of reading under a fault, then without it.
async fn survives(kind: &Kind, skip: u32, times: u32, fault: FaultKind) -> Vec<Result<Known, Refused>> {
    let rig = after_a_good_round(kind).await;
    let mut rounds = Vec::new();
    for full in [true, false, true] {
        rig.fault(skip, times, &fault);
        let round = rig.round(full).await;
        rig.sandbox.faults.clear();
        let known = rig.known().await;
        assert_eq!(known.gone, BTreeSet::new(), "full: {full}; the round said {round:?}");
        rounds.push(round);
    }
    for full in [false, true] {
        let known = rig.round(full).await.unwrap();
        assert_eq!(known.gone, BTreeSet::new());
        if full {
            assert_eq!(known.here, rig.present(), "not everybody is back; held: {:?}", known.held);
        }
    }
    rounds
}

/// The fault goes away by itself: the full rounds end well, with everybody.
async fn recovers(kind: &Kind, skip: u32, fault: FaultKind) {
    for round in survives(kind, skip, 1, fault).await {
        let known = round.unwrap();
        assert_eq!(known.held, BTreeSet::new());
    }
}

/// The fault stays: a full round says so, with something to do.
async fn refuses(kind: &Kind, fault: FaultKind) -> String {
    let rounds = survives(kind, 0, ALWAYS, fault).await;
    let refused = rounds.into_iter().next().unwrap().unwrap_err();
    assert!(refused.contains(" → "), "nothing to do is said: {refused}");
    refused
}

pub(crate) async fn pages_of_every_size(kind: &Kind) {
    for size in [1, 2, 7, PEOPLE - 1, PEOPLE, PEOPLE + 1] {
        let rig = Rig::new(kind).await;
        (kind.pages)(&rig.sandbox, size);
        for full in [true, false, true] {
            let known = rig.round(full).await.unwrap();
            assert_eq!(known.here, rig.present(), "pages of {size}");
            assert_eq!((known.gone, known.held), (BTreeSet::new(), BTreeSet::new()), "pages of {size}");
        }
    }
}

pub(crate) async fn a_second_round_changes_nothing(kind: &Kind) {
    let rig = after_a_good_round(kind).await;
    let first = rig.known().await;
    for full in [false, false, true, false] {
        assert_eq!(rig.round(full).await.unwrap(), first);
    }
}

pub(crate) async fn joiner_mover_leaver_returner(kind: &Kind) {
    let rig = after_a_good_round(kind).await;
    let tenant = &rig.sandbox.tenant;
    let newcomer = Company::newcomer(5, 77);
    let (id, login) = (newcomer.id.clone(), newcomer.properties["userPrincipalName"].as_str().unwrap().to_owned());
    tenant.add_user(newcomer).unwrap();
    tenant.add_member(&rig.agents(), &id).unwrap();
    assert!(rig.round(false).await.unwrap().here.contains(&login), "the joiner is not here");
    tenant.disable(&id).unwrap();
    assert!(rig.round(false).await.unwrap().gone.contains(&login), "who is disabled is not a leaver");
    tenant.enable(&id).unwrap();
    assert!(rig.round(false).await.unwrap().here.contains(&login), "the returner is not here");
    if !kind.everybody {
        tenant.remove_member(&rig.agents(), &id).unwrap();
        let known = rig.round(false).await.unwrap();
        assert!(known.gone.contains(&login), "out of the group is not a leaver: {known:?}");
        tenant.add_member(&rig.agents(), &id).unwrap();
        assert!(rig.round(false).await.unwrap().here.contains(&login), "who was put back is not here");
    }
    tenant.hard_delete(&id).unwrap();
    rig.round(false).await.unwrap();
    let known = rig.round(true).await.unwrap();
    assert!(!known.here.contains(&login) && !known.held.contains(&login), "who is deleted is not a leaver: {known:?}");
    assert_eq!(known.here, rig.present());
}

pub(crate) async fn an_empty_first_page(kind: &Kind) {
    survives(kind, 0, 1, FaultKind::EmptyPage).await;
}

pub(crate) async fn an_empty_page_in_the_middle(kind: &Kind) {
    survives(kind, 2, 1, FaultKind::EmptyPage).await;
}

pub(crate) async fn nothing_but_empty_pages(kind: &Kind) {
    survives(kind, 0, ALWAYS, FaultKind::EmptyPage).await;
}

pub(crate) async fn a_looping_link(kind: &Kind) {
    survives(kind, 1, ALWAYS, FaultKind::LoopingLink).await;
}

pub(crate) async fn a_foreign_link(kind: &Kind) {
    let refused = refuses(kind, FaultKind::ForeignLink).await;
    assert!(refused.contains("host") || refused.contains("redirect"), "{refused}");
}

pub(crate) async fn a_redirect(kind: &Kind) {
    let refused = refuses(kind, FaultKind::Redirect).await;
    assert!(refused.contains("redirect") || refused.contains("302"), "{refused}");
}

pub(crate) async fn a_truncated_body(kind: &Kind) {
    refuses(kind, FaultKind::Truncated).await;
    survives(kind, 2, 1, FaultKind::Truncated).await;
}

pub(crate) async fn html_with_200(kind: &Kind) {
    refuses(kind, FaultKind::Html).await;
    survives(kind, 2, 1, FaultKind::Html).await;
}

pub(crate) async fn nulls_for_missing_permissions(kind: &Kind) {
    survives(kind, 0, ALWAYS, FaultKind::NullFields).await;
}

pub(crate) async fn one_error_in_the_middle(kind: &Kind) {
    recovers(kind, 2, status(500, "made-up")).await;
    recovers(kind, 0, status(503, "made-up")).await;
}

pub(crate) async fn errors_without_end(kind: &Kind) {
    let refused = refuses(kind, status(500, "made-up")).await;
    assert!(refused.contains("500"), "{refused}");
}

pub(crate) async fn one_throttle_in_the_middle(kind: &Kind) {
    let fault = throttle(kind);
    recovers(kind, 1, fault).await;
}

pub(crate) async fn throttles_without_end(kind: &Kind) {
    let fault = throttle(kind);
    let refused = refuses(kind, fault).await;
    assert!(refused.contains("429"), "{refused}");
}

pub(crate) async fn one_lost_reply(kind: &Kind) {
    recovers(kind, 2, FaultKind::LostReply).await;
}

pub(crate) async fn credentials_refused_once_in_the_middle(kind: &Kind) {
    let rounds = survives(kind, 2, 1, status(401, "InvalidAuthenticationToken")).await;
    // With tokens, a new one is fetched in the middle; a refused static secret has nothing to be replaced with.
    if kind.service == "graph" {
        assert!(rounds.iter().all(Result::is_ok), "{rounds:?}");
    }
}

pub(crate) async fn credentials_refused_for_good(kind: &Kind) {
    let refused = refuses(kind, status(401, "InvalidAuthenticationToken")).await;
    assert!(refused.contains("401"), "{refused}");
}

pub(crate) async fn forbidden(kind: &Kind) {
    let refused = refuses(kind, status(403, "made-up")).await;
    assert!(refused.contains("403"), "{refused}");
}

pub(crate) async fn not_found(kind: &Kind) {
    let refused = refuses(kind, status(404, "made-up")).await;
    assert!(refused.contains("404") || refused.contains("does not exist"), "{refused}");
}

pub(crate) async fn a_malformed_record(kind: &Kind) {
    let rig = after_a_good_round(kind).await;
    let everybody = rig.present();
    let victim = everybody.first().unwrap().clone();
    let odd = json!({"department": {"not": "a text"}});
    let user = rig.sandbox.tenant.find_by_upn(&victim).unwrap();
    rig.sandbox.tenant.update_user(&user.id, odd.as_object().cloned().unwrap()).unwrap();
    for full in [false, true, false] {
        let known = rig.round(full).await.unwrap();
        assert_eq!(known.gone, BTreeSet::new());
        assert!(known.held.contains(&victim) || known.here.contains(&victim), "full: {full}: {known:?}");
        assert_eq!(known.here.len() + known.held.len(), everybody.len());
        assert!(known.held.len() <= 1, "one record holds others: {:?}", known.held);
    }
    let mended = json!({"department": "Care"});
    rig.sandbox.tenant.update_user(&user.id, mended.as_object().cloned().unwrap()).unwrap();
    // At the latest a full round reads the whole record again.
    assert_eq!(rig.round(true).await.unwrap().here, everybody);
}

pub(crate) async fn one_person_then_nobody(kind: &Kind) {
    let rig = after_a_good_round(kind).await;
    let tenant = &rig.sandbox.tenant;
    let everybody = rig.present();
    let last = everybody.last().unwrap();
    let leave = |login: &str| {
        let id = tenant.find_by_upn(login).unwrap().id;
        if kind.everybody {
            tenant.disable(&id).unwrap();
        } else {
            tenant.groups().iter().for_each(|(group, _)| tenant.remove_member(group, &id).unwrap());
        }
    };
    everybody.iter().filter(|login| *login != last).for_each(|login| leave(login));
    let known = rig.round(false).await.unwrap();
    assert_eq!(known.here, BTreeSet::from([last.clone()]));
    leave(last);
    for full in [false, true] {
        let refused = rig.round(full).await.unwrap_err();
        assert!(refused.contains(" → "), "{refused}");
        assert!(!rig.known().await.gone.contains(last), "full: {full}: the last one is gone");
    }
}

pub(crate) async fn very_many_people(kind: &Kind) {
    let people = kind.crowd;
    let rig = Rig::of(kind, people).await;
    let everybody = rig.present();
    assert!(everybody.len() > people * 8 / 10, "{}", everybody.len());
    let known = rig.round(true).await.unwrap();
    assert_eq!((known.here, known.gone, known.held), (everybody.clone(), BTreeSet::new(), BTreeSet::new()));
    let known = rig.round(false).await.unwrap();
    assert_eq!((known.here, known.gone), (everybody, BTreeSet::new()));
}
