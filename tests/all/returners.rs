//! Whoever comes back gets the former profiles, at whatever step of the way out, and wherever a run was cut short.

use rollcall::sandbox::connect::User;
use rollcall::sandbox::faults::FaultKind;

use crate::world::World;

const DELETED_AT_ONCE: &str = "delete = true";

/// Somebody whose security profiles an administrator has changed in Connect, which decides them.
struct Story {
    world: World,
    id: String,
    login: String,
    before: User,
}

async fn story(leaver: Option<&str>) -> Story {
    let mut world = World::with(
        8,
        |_| {},
        |text| {
            text.authority = Some("routing_profile = \"shared\"\nsecurity_profiles = \"connect\"".to_owned());
            text.leaver = leaver.map(str::to_owned);
        },
    )
    .await;
    let (id, login) = world.hire("Care");
    world.sync().await.unwrap();
    let admin = world.security("Admin");
    world.edit(&login, |user| user.security_profile_ids.push(admin));
    world.sync_full().await.unwrap();
    let before = world.user(&login).unwrap();
    assert_eq!(before.security_profile_ids.len(), 2);
    Story { world, id, login, before }
}

impl Story {
    async fn leave(&self) {
        self.world.sandbox.tenant.disable(&self.id).unwrap();
        self.world.sync().await.unwrap();
    }

    fn come_back(&self) {
        self.world.sandbox.tenant.enable(&self.id).unwrap();
    }

    fn profiles(&self) -> (Vec<String>, String) {
        let user = self.world.user(&self.login).unwrap_or_else(|| panic!("no user"));
        let mut security = user.security_profile_ids;
        security.sort();
        (security, user.routing_profile_id)
    }

    /// What the person had, once.
    fn check(&self, when: &str) {
        let mut security = self.before.security_profile_ids.clone();
        security.sort();
        assert_eq!(self.profiles(), (security, self.before.routing_profile_id.clone()), "{when}");
        assert_eq!(self.owned(), 1, "{when}");
    }

    fn owned(&self) -> usize {
        let owner = format!("entra/{}", self.id);
        let users = self.world.sandbox.connect.users();
        users.iter().filter(|user| user.tags.get("rollcall:person") == Some(&owner)).count()
    }

    fn lose_the_database(&self) {
        self.world.lose_state();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn suspended_and_back() {
    let story = story(None).await;
    for round in 1..=2 {
        story.leave().await;
        assert_eq!(story.profiles(), (vec![story.world.security("No Access")], story.world.routing("Holding")));
        story.world.nothing_more_happens().await;
        story.come_back();
        story.world.sync().await.unwrap();
        story.check(&format!("round {round}"));
        story.world.nothing_more_happens().await;
    }
    let user = story.world.user(&story.login).unwrap();
    assert_eq!(user.id, story.before.id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleted_and_back() {
    let story = story(Some(DELETED_AT_ONCE)).await;
    for round in 1..=2 {
        story.leave().await;
        assert_eq!(story.owned(), 0);
        story.world.nothing_more_happens().await;
        story.come_back();
        story.world.sync().await.unwrap();
        story.check(&format!("round {round}"));
        story.world.nothing_more_happens().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_another_persona_the_rules_decide_what_they_decide_and_connect_the_rest() {
    for (leaver, when) in [(None, "suspended"), (Some(DELETED_AT_ONCE), "deleted")] {
        let story = story(leaver).await;
        story.leave().await;
        story.world.move_to(&story.id, "Sales");
        story.come_back();
        story.world.sync().await.unwrap();
        let (security, routing) = story.profiles();
        assert_eq!((security.len(), routing), (2, story.world.routing("Sales Voice")), "{when}");
        story.world.nothing_more_happens().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_lost_in_between_gives_the_rules_persona_and_nobody_stays_without_access() {
    for (leaver, when) in [(None, "suspended"), (Some(DELETED_AT_ONCE), "deleted")] {
        let story = story(leaver).await;
        story.leave().await;
        story.lose_the_database();
        story.come_back();
        story.world.settle().await;
        // What the person had is lost with the database; what the rules give is not.
        assert_eq!(
            story.profiles(),
            (vec![story.world.security("Agent")], story.world.routing("Care Voice")),
            "{when}"
        );
        assert_eq!(story.owned(), 1, "{when}");
        story.world.nothing_more_happens().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_way_out_cut_short_anywhere_leads_back() {
    for step in 1..=2 {
        for within in [false, true] {
            let story = story(None).await;
            story.world.sandbox.tenant.disable(&story.id).unwrap();
            let connect = &story.world.sandbox.connect;
            let before = connect.journal().len();
            let cut = |settled: usize| if within { connect.journal().len() >= before + step } else { settled >= step };
            story.world.cut_short(cut).await;
            let when = format!("out: step {step}, reply on its way: {within}");
            story.come_back();
            story.world.settle().await;
            story.check(&when);
            story.world.nothing_more_happens().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_way_back_cut_short_anywhere_is_gone_to_the_end() {
    for (leaver, steps) in [(None, 2), (Some(DELETED_AT_ONCE), 1)] {
        for step in 1..=steps {
            for within in [false, true] {
                let story = story(leaver).await;
                story.leave().await;
                story.come_back();
                let connect = &story.world.sandbox.connect;
                let before = connect.journal().len();
                let cut =
                    |settled: usize| if within { connect.journal().len() >= before + step } else { settled >= step };
                story.world.cut_short(cut).await;
                let when = format!("back after {leaver:?}: step {step}, reply on its way: {within}");
                story.world.settle().await;
                story.check(&when);
                story.world.nothing_more_happens().await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_replies_on_the_way_back_are_settled_by_looking() {
    let calls = [
        (None, "UpdateUserSecurityProfiles"),
        (None, "UpdateUserRoutingProfile"),
        (Some(DELETED_AT_ONCE), "CreateUser"),
    ];
    for (leaver, operation) in calls {
        let story = story(leaver).await;
        story.leave().await;
        story.come_back();
        story.world.fault("connect", operation, 0, 1, FaultKind::LostReply);
        story.world.sync().await.unwrap();
        story.world.settle().await;
        story.check(operation);
        story.world.nothing_more_happens().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leave_again_on_the_way_back_keeps_what_the_person_had_at_first() {
    let story = story(None).await;
    story.leave().await;
    story.come_back();
    assert!(story.world.cut_short(|settled| settled >= 1).await);
    story.leave().await;
    assert_eq!(story.profiles(), (vec![story.world.security("No Access")], story.world.routing("Holding")));
    story.come_back();
    story.world.settle().await;
    story.check("left again half way back");
    story.world.nothing_more_happens().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_moment_of_leaving_is_remembered_until_the_return() {
    let story = story(None).await;
    let absent_since = async || {
        let memory = story.world.store().await.memory().await.unwrap();
        memory.iter().find(|(person, _)| person.id.as_str() == story.id).and_then(|(_, memory)| memory.absent_since)
    };
    story.leave().await;
    let left = absent_since().await;
    assert!(left.is_some(), "also by the run that carries the suspension out");
    story.world.sync().await.unwrap();
    assert_eq!(absent_since().await, left);
    story.come_back();
    story.world.sync().await.unwrap();
    assert_eq!(absent_since().await, None, "whoever leaves again has the whole grace again");
}
