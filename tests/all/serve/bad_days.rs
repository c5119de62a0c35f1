//! Bad days of a service, in virtual time: a directory that is away, a report that cannot be delivered, a clock that is set,
//! a directory that takes for ever.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::TimeDelta;
use rollcall::sandbox::faults::FaultKind;
use rollcall::sandbox::scene::{PartnerSettings, SceneSource};
use rollcall::sandbox::scim::Character;
use rollcall::serve::{Departure, Handle, Phase, Reason};
use tokio::time::Instant;

use super::indoors::{Indoors, now, pass, set_clock_by};

const DAY: u64 = 24 * 60;

/// Why it is not quite well, as words; and whether somebody is to be called.
fn health(handle: &Handle) -> (bool, Vec<&'static str>) {
    let health = handle.health();
    assert!(health.live, "{health:?}");
    (health.ready, health.reasons.iter().map(Reason::word).collect())
}

#[tokio::test(start_paused = true)]
async fn a_source_that_is_away_for_three_days_leaves_the_others_alone_and_comes_back_by_itself() {
    let partner = |settings: &mut rollcall::sandbox::scene::SceneSettings| {
        settings.partner = Some(PartnerSettings { people: 6, shared: 0 });
    };
    let centre = Indoors::with(8, "every = \"30m\"", partner, |text| {
        text.sources = vec![SceneSource::Entra, SceneSource::Partner { character: Character::Strict }];
    });
    let story = async |handle: &Handle| {
        pass(40).await;
        assert_eq!(health(handle), (true, vec![]));
        centre.down("scim", None);
        pass(60).await;
        assert_eq!(health(handle), (true, vec!["frozen"]), "it may pass by itself");
        let away = centre.sandbox.partner.users()[0].clone();
        centre.sandbox.partner.disable(&away.id).unwrap();
        let (_, login) = centre.hire();
        pass(DAY).await;
        assert!(centre.has(&login), "the other directory goes on");
        assert_eq!(centre.suspended(), 0, "and of the one that is away nothing is concluded");
        assert_eq!(health(handle), (false, vec!["frozen"]), "by now somebody has to see to it");
        let reasons = handle.health().reasons;
        let Reason::Frozen { source, message, .. } = &reasons[0] else { panic!("{reasons:?}") };
        assert!(source.as_str() == "partner" && message.contains("503"), "{message}");
        pass(2 * DAY - 60).await;
        centre.sandbox.faults.clear();
        pass(40).await;
        assert_eq!((health(handle), centre.suspended()), ((true, vec![]), 1), "the leaver of three days ago is seen");
    };
    let ((), departure) = centre.serve(story).await;
    assert_eq!(departure, Departure::default());
    let told = centre.told();
    let (last, series) = told.split_last().unwrap();
    assert!(series.iter().all(|one| one == "!source/partner"), "{told:?}");
    assert_eq!((series.len(), last.as_str()), (5, "=source/partner"), "at once, after 1, 6, 24 and 48 hours: {told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_centre_whose_only_source_is_away_stays_up_and_is_stale_while_its_neighbour_goes_on() {
    let [away, well] = [0, 1].map(|number| {
        let instance = |settings: &mut rollcall::sandbox::scene::SceneSettings| {
            settings.connect.instance_id = format!("5a1d0c2e-7b34-4f6a-9c58-1e2f3a4b5c{number:02}");
        };
        Indoors::with(6, "every = \"10m\"", instance, |_| {})
    });
    let story = async |handle: &Handle| {
        pass(15).await;
        away.down("graph", None);
        let (_, waits) = away.hire();
        pass(20).await;
        assert_eq!(health(handle), (true, vec!["frozen"]));
        pass(60).await;
        assert_eq!(health(handle), (false, vec!["stale", "frozen"]));
        assert_eq!(handle.standing().phase, Phase::Waiting);
        away.sandbox.faults.clear();
        pass(15).await;
        assert_eq!((health(handle), away.has(&waits)), ((true, vec![]), true));
    };
    let neighbour = async |handle: &Handle| {
        pass(30).await;
        let (_, login) = well.hire();
        pass(30).await;
        assert!(well.has(&login));
        pass(50).await;
        assert_eq!(health(handle), (true, vec![]));
    };
    tokio::join!(away.serve(story), well.serve(neighbour));
    assert_eq!(away.told(), ["!source/entra", "!source/entra", "=source/entra"], "at once, and an hour later");
    assert!(well.told().is_empty());
}

/// Events by id, with how often each is there.
fn counted<'a>(ids: impl Iterator<Item = &'a str>) -> BTreeMap<String, usize> {
    let mut counted = BTreeMap::new();
    for id in ids {
        *counted.entry(id.to_owned()).or_default() += 1;
    }
    counted
}

#[tokio::test(start_paused = true)]
async fn a_report_that_cannot_be_delivered_for_a_week_is_told_and_comes_complete_and_once() {
    let centre = Indoors::of(8, "every = \"2h\"", |_| {});
    let story = async |handle: &Handle| {
        pass(10).await;
        let before = centre.sandbox.logs.events().len();
        centre.down("logs", Some("PutLogEvents"));
        let mut calls = 0;
        for day in 0..7 {
            let (id, login) = centre.hire();
            pass(DAY).await;
            assert!(centre.has(&login), "runs go on");
            if day % 2 == 0 {
                centre.sandbox.tenant.disable(&id).unwrap();
            }
            let so_far = centre.sandbox.logs.quota().calls()["PutLogEvents"].calls;
            assert!(so_far - calls <= 13 * 6, "a run tries a few times and goes on: {so_far}");
            calls = so_far;
        }
        assert_eq!((centre.sandbox.logs.events().len(), health(handle)), (before, (true, vec![])));
        let waiting = centre.report().len() - before;
        // Two lines of each run, and one of each change: as much as happened, and nothing of the attempts.
        assert!((2 * 12 * 7..2 * 12 * 7 + 80).contains(&waiting), "{waiting} events wait");
        centre.sandbox.faults.clear();
        pass(2 * 60).await;
        assert_eq!(centre.sandbox.logs.events().len(), centre.report().len());
        before + waiting
    };
    let (least, _) = centre.serve(story).await;
    let logged: Vec<serde_json::Value> =
        centre.sandbox.logs.events().iter().map(|event| serde_json::from_str(&event.message).unwrap()).collect();
    let ids = |events: &[serde_json::Value]| counted(events.iter().map(|event| event["event_id"].as_str().unwrap()));
    let (logged, written) = (ids(&logged), ids(&centre.report()));
    assert!(logged.len() >= least && logged.values().all(|times| *times == 1), "each once");
    assert_eq!(logged, written, "both sinks have the same");
    let told = centre.told();
    let (last, series) = told.split_last().unwrap();
    assert!(series.len() >= 7 && series.iter().all(|one| one == "!report/audit"), "{told:?}");
    assert_eq!(last, "=report/audit");
}

/// Runs that were begun since, by the schedule.
async fn runs(centre: &Indoors) -> usize {
    centre.read(async |store| store.runs(10_000).await.unwrap().len()).await
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_by_a_day_neither_piles_runs_up_nor_stops_them_and_what_is_stale_stays_so() {
    for by in [TimeDelta::days(1), TimeDelta::days(-1)] {
        let centre = Indoors::of(6, "every = \"10m\"", |_| {});
        let story = async |handle: &Handle| {
            pass(35).await;
            let before = runs(&centre).await;
            assert_eq!(before, 4);
            set_clock_by(by);
            pass(1).await;
            assert_eq!(health(handle), (true, vec![]), "{by}: a success of a moment ago is one of a moment ago");
            pass(119).await;
            assert_eq!(runs(&centre).await - before, 12, "{by}");
            assert!((handle.standing().next.unwrap() - now()).num_minutes() < 10, "{by}");
            centre.down("graph", None);
            pass(60).await;
            assert_eq!(health(handle), (false, vec!["stale", "frozen"]), "{by}");
            set_clock_by(-by);
            pass(1).await;
            assert_eq!(health(handle), (false, vec!["stale", "frozen"]), "{by}: and back");
            centre.sandbox.faults.clear();
            pass(15).await;
            assert_eq!(health(handle), (true, vec![]), "{by}");
        };
        centre.serve(story).await;
        set_clock_by(TimeDelta::zero());
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_forward_ends_no_grace_of_many_at_once() {
    let grace = "grace   = \"3d\"\nsuspend = { security_profiles = [\"No Access\"], routing_profile = \"Holding\" }";
    let centre = Indoors::of(40, "every = \"30m\"", |text| text.leaver = Some(grace.to_owned()));
    let story = async |handle: &Handle| {
        pass(35).await;
        for user in centre.sandbox.tenant.users().into_iter().take(20) {
            centre.sandbox.tenant.disable(&user.id).unwrap();
        }
        pass(DAY).await;
        set_clock_by(TimeDelta::days(1));
        pass(40).await;
        assert_eq!((centre.suspended(), health(handle)), (0, (true, vec![])), "a day of grace is left");
        set_clock_by(TimeDelta::days(30));
        pass(40).await;
        assert_eq!(centre.suspended(), 0, "so many at once are held by the guard");
        let held = centre.read(async |store| store.held().await.unwrap()).await;
        assert!(held.is_some());
        set_clock_by(TimeDelta::days(-31));
        pass(40).await;
        assert_eq!(centre.suspended(), 0);
        let held = centre.read(async |store| store.held().await.unwrap()).await;
        assert!(held.is_none(), "the clock is right again, and nothing is to be approved");
    };
    centre.serve(story).await;
}

#[tokio::test(start_paused = true)]
async fn grace_that_began_under_a_clock_that_was_ahead_ends_all_the_same() {
    let grace = "grace   = \"3d\"\nsuspend = { security_profiles = [\"No Access\"], routing_profile = \"Holding\" }";
    let centre = Indoors::of(20, "every = \"1h\"", |text| text.leaver = Some(grace.to_owned()));
    let story = async |_: &Handle| {
        pass(10).await;
        let somebody = centre.sandbox.connect.users()[0].tags["rollcall:person"].clone();
        set_clock_by(TimeDelta::days(365));
        centre.sandbox.tenant.disable(somebody.strip_prefix("entra/").unwrap()).unwrap();
        pass(65).await;
        set_clock_by(TimeDelta::days(-365));
        pass(2 * DAY).await;
        assert_eq!(centre.suspended(), 0);
        pass(DAY + 130).await;
        assert_eq!(centre.suspended(), 1, "three days after the clock was right again, not a year");
    };
    centre.serve(story).await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_while_a_directory_pages_slowly_needs_no_grace() {
    let centre = Indoors::of(60, "every = \"10m\"", |_| {});
    // Each page takes so long, and less than anybody's patience.
    centre.fault("graph", None, FaultKind::Delay { millis: 20_000 });
    let story = async |handle: &Handle| {
        pass(1).await;
        let phase = handle.standing().phase;
        assert!(matches!(&phase, Phase::Running(so_far) if so_far.read == 0), "{phase:?}");
        Instant::now()
    };
    let (told, departure) = centre.serve(story).await;
    assert!(told.elapsed() < Duration::from_secs(1), "{:?}", told.elapsed());
    assert_eq!(departure, Departure::default());
    let last = centre.read(async |store| store.runs(1).await.unwrap().remove(0)).await;
    assert_eq!(last.summary.unwrap().result, "interrupted");
    assert!(centre.told().is_empty(), "a stop is no trouble");

    centre.sandbox.faults.clear();
    centre.serve(async |_: &Handle| pass(5).await).await;
    let users = centre.sandbox.connect.users();
    assert!(users.len() > 30 && centre.told().is_empty(), "the next run looks again");
}

#[tokio::test(start_paused = true)]
async fn existing_users_whom_connect_does_not_tell_about_keep_no_joiner_out_and_no_leaver_in() {
    let centre = Indoors::with(20, "every = \"10m\"", |scene| scene.existing = 6, |_| {});
    let ours =
        || centre.sandbox.connect.users().iter().filter(|user| user.tags.contains_key("rollcall:person")).count();
    let story = async |handle: &Handle| {
        centre.down("connect", Some("DescribeUser"));
        let (id, login) = centre.hire();
        pass(60).await;
        assert!(centre.has(&login), "joiners do not wait for it: {:?}", handle.health());
        let before = ours();
        centre.sandbox.tenant.disable(&id).unwrap();
        pass(60).await;
        assert_eq!(centre.suspended(), 1, "and no leaver keeps access for it");
        let last = centre.read(async |store| store.runs(2).await.unwrap()).await;
        assert!(last.iter().filter_map(|run| run.summary.as_ref()).all(|run| run.result != "failed"), "{last:#?}");
        centre.sandbox.faults.clear();
        pass(30).await;
        assert_eq!(ours(), before + 6, "then they are adopted");
    };
    centre.serve(story).await;
}
