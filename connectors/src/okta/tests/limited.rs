//! What a limited role, a short list or a closed log may not do.

use super::*;
use crate::directory::{Edge, Presence, Silence, Standing};

fn narrow(fake: &Fake) {
    fake.world().role = Some([group_id(1)].into());
}

fn presence(found: &BTreeMap<ExternalId, Presence>, number: u32) -> &'static str {
    match &found[&person(number)] {
        Presence::Here { .. } => "here",
        Presence::Gone => "gone",
        Presence::Unreadable(_) => "unreadable",
        Presence::Unproven(why) => {
            assert!(!why.is_empty() && !why.contains('@'), "{why}");
            "unproven"
        }
    }
}

#[tokio::test]
async fn a_role_that_never_showed_everybody_makes_silence_prove_nothing() {
    for scope in [OktaScope::Everybody, groups(&["Agents"]), OktaScope::App("Contact centre".into())] {
        let fake = company().await;
        narrow(&fake);
        let mut rig = Rig::new(fake, scope, &[]);
        let (content, cursor) = rig.full().await.into_parts();
        assert_eq!(content.silence, Silence::MustBeAsked);
        assert!(content.notes.iter().any(|note| note.contains("role is limited")), "{:?}", content.notes);
        // It stays so as long as it is so, and is no error.
        rig.cursor = Some(cursor);
        rig.fake.world().tick(60);
        if let Ok(Pull::Full(again)) = rig.pull().await {
            assert_eq!(again.content().silence, Silence::MustBeAsked);
        }
    }
}

#[tokio::test]
async fn a_role_that_was_narrowed_is_an_error() {
    for scope in [OktaScope::Everybody, groups(&["Agents"]), OktaScope::App("Contact centre".into())] {
        let mut rig = Rig::new(company().await, scope.clone(), &[]);
        rig.start().await;
        narrow(&rig.fake);
        // Nobody of the group is hidden by this role, but of the application and the org there is.
        rig.fake.world().leave(1, 2);
        let late = now() + TimeDelta::days(8);
        let error = rig.pull_at(late).await.unwrap_err();
        assert_eq!(error.kind, PullErrorKind::Forbidden, "{scope:?}");
        assert!(error.message.contains("narrowed") && error.hint.contains("--full"), "{error}");
    }
}

/// The role shrinks while the list is on its way: the list is short, and says 200.
#[tokio::test]
async fn a_role_that_is_narrowed_in_mid_pull_is_an_error() {
    let mut rig = Rig::new(company().await, OktaScope::App("Contact centre".into()), &[]);
    rig.start().await;
    rig.fake.world().page_size = 1;
    rig.fake.world().happens("/apps/", |world| world.role = Some([group_id(2)].into()));
    assert_eq!(rig.pull().await.unwrap_err().kind, PullErrorKind::Forbidden);
}

#[tokio::test]
async fn people_are_confirmed_by_what_the_role_can_prove() {
    for (limited, log, expected) in [
        // 99 is not found and nobody was told to be deleted: a role may show the group Everyone and hide a person.
        (false, true, ["here", "gone", "here", "unproven"]),
        (false, false, ["here", "gone", "here", "gone"]),
        (true, true, ["here", "gone", "unproven", "unproven"]),
        (true, false, ["here", "unproven", "unproven", "unproven"]),
    ] {
        let fake = company().await;
        fake.world().delete(2);
        fake.world().log_permitted = log;
        if limited {
            narrow(&fake);
        }
        let rig = Rig::new(fake, groups(&["Agents"]), &[]);
        // 8 is in no group and hidden from a limited role; 99 never was.
        let asked = [1, 2, 8, 99].map(person);
        let found = rig.source.confirm(&asked).await.unwrap();
        assert_eq!(asked.len(), found.len());
        let shown = [1, 2, 8, 99].map(|number| presence(&found, number));
        assert_eq!(shown, expected, "limited {limited}, log {log}");
    }
}

#[tokio::test]
async fn a_confirmation_says_which_followed_groups_a_person_is_in() {
    let group = |number: u32| -> ExternalId { group_id(number).into() };
    let app: ExternalId = app_id(1).into();
    type Row<'a> = (OktaScope, &'a [&'a str], u32, Option<Vec<ExternalId>>);
    let table: [Row<'_>; 8] = [
        (OktaScope::Everybody, &[], 1, None),
        (OktaScope::Everybody, &[RULE], 4, None),
        (groups(&["Agents"]), &[], 5, Some(vec![group(1)])),
        (groups(&["Agents"]), &[RULE], 5, Some(vec![group(1), group(2)])),
        (groups(&["Agents"]), &[RULE], 9, Some(vec![])),
        (OktaScope::App("Contact centre".into()), &[], 1, Some(vec![app.clone()])),
        (OktaScope::App("Contact centre".into()), &[], 9, Some(vec![])),
        (OktaScope::App("Contact centre".into()), &[RULE], 4, Some(vec![group(2)])),
    ];
    for (scope, rules, number, expected) in table {
        let rig = Rig::new(company().await, scope.clone(), rules);
        let mut found = rig.source.confirm(&[person(number)]).await.unwrap();
        match found.remove(&person(number)) {
            Some(Presence::Here { record, groups }) => {
                assert_eq!(record.id, person(number));
                let expected = expected.map(|groups| groups.into_iter().collect::<BTreeSet<_>>());
                assert_eq!(groups, expected, "{scope:?}, {number}");
            }
            other => panic!("{scope:?}, {number}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_confirmation_finds_deactivated_people_and_holds_unreadable_ones() {
    let fake = company().await;
    fake.world().status(1, "DEPROVISIONED");
    fake.world().status(2, "ODD");
    fake.world().fault(&format!("/users/{}", id(3)), 1, fake::refusal(403, "E0000006"));
    let rig = Rig::new(fake, OktaScope::Everybody, &[]);
    let found = rig.source.confirm(&[person(1), person(2)]).await.unwrap();
    assert!(matches!(&found[&person(1)], Presence::Here { record, .. } if record.standing == Standing::Disabled));
    assert_eq!(presence(&found, 2), "unreadable");
    let error = rig.source.confirm(&[person(3)]).await.unwrap_err();
    assert_eq!(error.kind, PullErrorKind::Forbidden, "a role that shows everybody and not this one is odd");
}

#[tokio::test]
async fn a_hundred_people_are_asked_for_a_few_at_a_time() {
    let fake = company().await;
    let rig = Rig::new(fake, OktaScope::Everybody, &[]);
    let asked: Vec<ExternalId> = (1..=100).chain(1..=5).map(person).collect();
    let found = rig.source.confirm(&asked).await.unwrap();
    assert_eq!(found.len(), 100);
    assert_eq!(rig.seen().len(), 100 + 1 + 50, "each once, the role once, and the log for a bounded number");
}

#[tokio::test]
async fn a_list_shorter_than_the_orgs_own_count_removes_nobody() {
    let mut rig = Rig::new(company().await, groups(&["Agents"]), &[]);
    rig.start().await;
    rig.fake.world().join(1, 9);
    rig.fake.world().unlisted.insert(id(2));
    // The clock has stood still long enough.
    rig.fake.world().tick(60);
    rig.seen();
    let delta = rig.delta().await;
    assert!(delta.relisted.is_empty());
    let edges = [1, 3, 4, 5, 9].map(|member| Edge { group: group_id(1).into(), member: person(member) });
    assert_eq!(delta.joined, edges.into());
    assert!(delta.notes[0].contains("lists 5 people where the org counts 6"), "{:?}", delta.notes);
    let listings = |rig: &Rig| {
        rig.seen().iter().filter(|address| address.starts_with("/groups/") && address.contains("/users?")).count()
    };
    assert_eq!(listings(&rig), 2 * 2, "two pages, twice");
    // It is tried again twice, and then waits for the next change.
    for expected in [4, 4, 0] {
        rig.delta().await;
        assert_eq!(listings(&rig), expected);
    }
    rig.fake.world().unlisted.clear();
    rig.fake.world().leave(1, 3);
    let members = rig.delta().await.relisted.remove(&group_id(1).into()).unwrap().into_members();
    assert_eq!(members, [1, 2, 4, 5, 9].map(person).into());
}

#[tokio::test]
async fn a_count_that_was_only_late_is_settled_by_the_second_listing() {
    let mut rig = Rig::new(company().await, groups(&["Agents"]), &[]);
    rig.start().await;
    rig.fake.world().join(1, 9);
    rig.fake.world().miscount = Some(1);
    rig.fake.world().happens("/users?limit", |world| world.miscount = Some(0));
    let delta = rig.delta().await;
    assert!(delta.notes.is_empty() && delta.relisted.contains_key(&group_id(1).into()));
    rig.fake.world().miscount = None;
    rig.fake.world().leave(1, 9);
    assert_eq!(rig.delta().await.relisted.len(), 1, "an org that tells no count is believed");
}

#[tokio::test]
async fn a_short_list_of_a_full_pull_makes_silence_prove_nothing() {
    let fake = company().await;
    fake.world().unlisted.insert(id(2));
    let (content, _) = Rig::new(fake, groups(&["Agents"]), &[]).full().await.into_parts();
    assert_eq!((content.users.len(), content.silence), (4, Silence::MustBeAsked));
    assert_eq!(content.notes.len(), 1, "{:?}", content.notes);
}

#[tokio::test]
async fn a_log_that_may_not_be_read_costs_hints_only() {
    let fake = company().await;
    fake.world().log_permitted = false;
    let mut rig = Rig::new(fake, groups(&["Agents"]), &[]);
    let (content, cursor) = rig.full().await.into_parts();
    assert!(content.notes.len() == 1 && content.notes[0].contains("okta.logs.read"), "{:?}", content.notes);
    assert_eq!(content.silence, Silence::Counts, "nothing else can tell");
    rig.cursor = Some(cursor);
    rig.fake.world().join(1, 9);
    rig.seen();
    let delta = rig.delta().await;
    assert!(delta.notes.is_empty() && delta.relisted.len() == 1);
    assert!(!rig.seen().iter().any(|address| address.starts_with("/logs")), "it is not asked for again");
    // Closed later.
    rig.fake.world().log_permitted = true;
    rig.cursor = None;
    rig.start().await;
    rig.fake.world().log_permitted = false;
    assert_eq!(rig.delta().await.notes.len(), 1);
    assert!(rig.delta().await.notes.is_empty());
}

#[tokio::test]
async fn a_log_that_fails_is_read_on_next_time() {
    for answer in [fake::refusal(500, "E0000009"), wiremock::ResponseTemplate::new(200).set_body_string("<html>")] {
        let mut rig = Rig::new(company().await, groups(&["Agents"]), &[]);
        rig.start().await;
        rig.fake.world().delete(2);
        rig.fake.world().fault("/logs", 100, answer);
        let delta = rig.delta().await;
        assert!(delta.patches.is_empty() && delta.notes.len() == 1, "{:?}", delta.notes);
        rig.fake.world().heal();
        assert_eq!(rig.delta().await.patches.len(), 1);
    }
}

#[tokio::test]
async fn a_lost_place_in_the_log_is_read_again_from_an_hour_back() {
    for code in [400, 404, 410] {
        let mut rig = Rig::new(company().await, groups(&["Agents"]), &[]);
        rig.start().await;
        rig.fake.world().leave(1, 1);
        rig.fake.world().delete(2);
        assert_eq!(rig.delta().await.patches.len(), 1);
        rig.fake.world().tick(60);
        rig.fake.world().delete(3);
        rig.fake.world().fault("/logs", 1, fake::refusal(code, "E0000001"));
        rig.seen();
        let delta = rig.delta().await;
        let gone: Vec<_> = delta.patches.iter().map(|patch| patch.id.clone()).collect();
        assert_eq!(gone, [person(3)], "{code}: what was read before is not told again");
        let asked: Vec<String> = rig.seen().into_iter().filter(|address| address.starts_with("/logs")).collect();
        assert!(asked.len() == 2 && asked[1].contains("since="), "{asked:?}");
        rig.fake.world().fault("/logs", 2, fake::refusal(code, "E0000001"));
        assert_eq!(rig.delta().await.notes.len(), 1, "{code}");
    }
}

#[tokio::test]
async fn a_long_log_is_read_over_its_pages_and_a_very_long_one_over_several_pulls() {
    for (events, requests, polls) in [(1_500, 2, 1), (20_500, 20, 2)] {
        let mut rig = Rig::new(company().await, OktaScope::Everybody, &[]);
        rig.start().await;
        for _ in 0..events {
            rig.fake.world().log(
                "group.user_membership.add",
                "FAILURE",
                &[("User", id(1)), ("UserGroup", group_id(1))],
            );
        }
        rig.fake.world().delete(2);
        for poll in 1..=polls {
            rig.seen();
            let delta = rig.delta().await;
            assert_eq!(delta.patches.len(), usize::from(poll == polls), "{events} events, poll {poll}");
            let asked = rig.seen().iter().filter(|address| address.starts_with("/logs")).count();
            assert!(poll > 1 || asked == requests, "{events} events: {asked}");
        }
    }
}

/// Somebody who is gone in the middle of being asked for is asked for like anybody who is gone.
#[tokio::test]
async fn somebody_deleted_between_two_questions_is_gone() {
    let fake = company().await;
    let part = format!("/users/{}", id(1));
    fake.world().happens(&part, |world| world.delete(1));
    // The groups of nobody are not found.
    fake.world().fault(&format!("{part}/groups"), 1, fake::refusal(404, "E0000007"));
    let rig = Rig::new(fake, groups(&["Agents"]), &[]);
    let found = rig.source.confirm(&[person(1)]).await.unwrap();
    assert_eq!(presence(&found, 1), "gone");
}

#[tokio::test]
async fn only_what_succeeded_and_is_confirmed_counts_as_deleted() {
    let mut rig = Rig::new(company().await, OktaScope::Everybody, &[]);
    rig.start().await;
    {
        let mut world = rig.fake.world();
        // A failed one, one of a stranger, and one that a point read contradicts for now.
        world.log("user.lifecycle.delete.completed", "FAILURE", &[("User", id(1))]);
        world.log("user.lifecycle.delete.completed", "SUCCESS", &[("AppUser", id(4)), ("User", id(2))]);
        world.log("user.lifecycle.delete.completed", "SUCCESS", &[("User", id(99))]);
    }
    rig.seen();
    assert!(rig.delta().await.patches.is_empty());
    let points =
        |rig: &Rig| rig.seen().into_iter().filter(|address| address.starts_with("/users/")).collect::<Vec<_>>();
    assert_eq!(points(&rig), [format!("/users/{}", id(2))]);
    rig.fake.world().users.remove(&id(2));
    let gone: Vec<_> = rig.delta().await.patches.into_iter().map(|patch| (patch.id, patch.standing)).collect();
    assert_eq!(gone, [(person(2), Some(Standing::Deleted))], "asked again until it is so");
    rig.seen();
    assert!(rig.delta().await.patches.is_empty() && points(&rig).is_empty());
}

#[tokio::test]
async fn a_service_app_without_the_logs_scope_works_without_hints() {
    const PEM: &str = include_str!("../../auth/testdata/test-only-certificate-and-key.pem");
    let fake = company().await;
    fake.world().credential = "Bearer t1".to_owned();
    fake.world().granted = Some(&["okta.users.read", "okta.groups.read"]);
    let key = Secret::new(PEM);
    let mut rig = Rig::with(fake, groups(&["Agents"]), &[], |config| {
        config.credential = OktaCredential::Service {
            client_id: "0oaclient".into(),
            private_key: SecretSource::File(key.0.clone()),
            key_id: Some("k1".into()),
            dpop: false,
        };
    });
    let (content, cursor) = rig.full().await.into_parts();
    assert_eq!(content.users.len(), 5);
    assert!(content.notes.len() == 1 && content.notes[0].contains("okta.logs.read"), "{:?}", content.notes);
    let tokens = |rig: &Rig| rig.seen().iter().filter(|address| address.ends_with("/token")).count();
    assert_eq!(tokens(&rig), 2, "once with the scope, once without");
    rig.cursor = Some(cursor);
    rig.delta().await;
    assert_eq!(tokens(&rig), 0, "remembered");
    let lines = rig.source.check().await;
    assert!(lines.iter().any(|line| line.ok && line.text.contains("okta.logs.read")), "{lines:?}");
    // Assignments are listed in full every few minutes; the refused token is not asked for every time.
    rig.fake.world().granted = Some(&["okta.users.read", "okta.groups.read", "okta.apps.read"]);
    let mut listed = Rig::with(rig.fake, OktaScope::App("Contact centre".into()), &[], |config| {
        config.credential = OktaCredential::Service {
            client_id: "0oaclient".into(),
            private_key: SecretSource::File(key.0.clone()),
            key_id: Some("k1".into()),
            dpop: false,
        };
    });
    listed.start().await;
    assert_eq!(tokens(&listed), 2);
    assert!(listed.full().await.content().notes.is_empty());
    assert_eq!(tokens(&listed), 0);
    let rig = listed;
    rig.fake.world().granted = None;
    let other = Rig::with(rig.fake, groups(&["Agents"]), &[], |config| {
        config.credential = OktaCredential::Service {
            client_id: "0oaclient".into(),
            private_key: SecretSource::File(key.0.clone()),
            key_id: Some("k1".into()),
            dpop: false,
        };
    });
    assert_eq!(other.pull().await.unwrap_err().kind, PullErrorKind::Unauthorized);
}

#[tokio::test]
async fn a_check_tells_one_line_each() {
    let rig = Rig::new(company().await, groups(&["Agents"]), &["Nobody's"]);
    let lines = rig.source.check().await;
    let bad: Vec<_> = lines.iter().filter(|line| !line.ok && !line.text.contains("clock")).collect();
    assert!(bad.len() == 1 && bad[0].text.contains("no group named `Nobody's`") && bad[0].hint.is_some(), "{lines:?}");
    for words in
        ["API token is accepted", "shows everybody", "has 5 people", "System Log can be read", "/users 599 of 600"]
    {
        assert!(lines.iter().any(|line| line.ok && line.text.contains(words)), "{words}: {lines:?}");
    }
    assert!(lines.iter().any(|line| !line.ok && line.text.contains("clock is 86")), "a day apart: {lines:?}");
    rig.fake.world().miscount = None;
    rig.fake.world().log_permitted = false;
    narrow(&rig.fake);
    let lines = rig.source.check().await;
    for words in ["role is limited", "`Agents` (00g00000000000000001) has 5 people", "System Log cannot be read"] {
        assert!(lines.iter().any(|line| line.text.contains(words)), "{words}: {lines:?}");
    }
    rig.fake.world().credential = "SSWS other".to_owned();
    let lines = rig.source.check().await;
    assert!(!lines[0].ok && lines[0].hint.is_some() && lines.len() == 2, "{lines:?}");
}

#[tokio::test]
async fn a_check_of_an_application_says_what_its_profile_gives() {
    let fake = company().await;
    fake.world().assign(1, 3, json!({}));
    fake.world().status(2, "ODD");
    let rig = Rig::with(fake, OktaScope::App("Contact centre".into()), &[], |config| {
        config.fields.insert("roles".into(), "appuser profile.none".into());
    });
    let lines = rig.source.check().await;
    for words in ["has 3 people assigned", "1 of 3 assignments have a value in `appuser profile.entitlements`"] {
        assert!(lines.iter().any(|line| line.ok && line.hint.is_none() && line.text.contains(words)), "{lines:?}");
    }
    let empty = "0 of 3 assignments have a value in `appuser profile.none`";
    assert!(lines.iter().any(|line| line.hint.is_some() && line.text.contains(empty)), "{lines:?}");
    assert!(lines.iter().any(|line| !line.ok && line.text.contains("1 assignments cannot be read")), "{lines:?}");
}
