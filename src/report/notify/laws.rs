//! Laws of what is told when: days of runs, whatever happens in them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use connectors::PersonKey;
use proptest::prelude::*;

use super::*;
use crate::model::{Book, Subject, SubjectKind};

/// One run: minutes since the one before (a clock may go back), what is met, what was looked at, whether the far side takes
/// what it is sent.
#[derive(Debug, Clone)]
struct Step {
    minutes: i64,
    met: BTreeSet<u8>,
    looked: bool,
    taken: bool,
}

fn subject(number: u8) -> Subject {
    match number {
        0 => Subject::Run,
        1 => Subject::Source("entra".into()),
        2 => Subject::Source("okta".into()),
        3 => Subject::Approval,
        4 => Subject::Quarantine,
        _ => Subject::Report("audit".to_owned()),
    }
}

fn condition(subject: Subject) -> Condition {
    Condition { subject, since: None, what: "what".to_owned(), hint: "hint".to_owned(), part_of: Vec::new() }
}

fn seen(step: &Step) -> Circumstances {
    Circumstances {
        met: step.met.iter().map(|number| condition(subject(*number))).collect(),
        looked: if step.looked { SubjectKind::ALL.into() } else { BTreeSet::new() },
        held: None,
    }
}

fn hears_all() -> Hears {
    Hears { on: SubjectKind::ALL.into(), newly_held: 2 }
}

fn start() -> Time {
    Time::from_timestamp(1_772_323_200, 0).expect("a time")
}

/// What became of one subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Trouble,
    Over,
}

/// What arrived, by subject, in order, with the moment; and all that was sent.
#[derive(Debug, Default)]
struct Heard {
    arrived: BTreeMap<Subject, Vec<(Time, Told)>>,
    messages: Vec<Message>,
    sent: usize,
}

/// Lives through runs. `between` happens to the book between two runs.
fn live(steps: &[Step], between: impl Fn(Book) -> Book) -> Heard {
    let (mut book, mut now, mut heard) = (Book::default(), start(), Heard::default());
    for step in steps {
        now += TimeDelta::minutes(step.minutes);
        let (after, message) = decide(&book, &seen(step), &hears_all(), now);
        book = match message {
            None => after,
            Some(message) => {
                heard.sent += 1;
                if step.taken {
                    for one in &message.troubles {
                        heard.arrived.entry(one.subject.clone()).or_default().push((now, Told::Trouble));
                    }
                    for one in &message.over {
                        heard.arrived.entry(one.subject.clone()).or_default().push((now, Told::Over));
                    }
                    let after = delivered(after, &message, now);
                    heard.messages.push(message);
                    after
                } else {
                    failed(after, now)
                }
            }
        };
        book = between(book);
    }
    heard
}

fn steps(minutes: impl Strategy<Value = i64> + Clone) -> impl Strategy<Value = Vec<Step>> {
    let met = prop::collection::btree_set(0_u8..6, 0..4);
    let step = (minutes, met, prop::bool::weighted(0.8), prop::bool::weighted(0.8))
        .prop_map(|(minutes, met, looked, taken)| Step { minutes, met, looked, taken });
    prop::collection::vec(step, 1..400)
}

/// Minutes by which the clock went forward.
fn forward(steps: &[Step]) -> i64 {
    steps.iter().map(|step| step.minutes.max(0)).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// However often it runs, however the clock jumps, and whatever comes and goes: no more than eight messages a day about
    /// one subject, and an hour between two that begin or go on.
    #[test]
    fn how_much_is_told_depends_on_time_and_not_on_runs(steps in steps(prop_oneof![0_i64..5, 0_i64..90, -3_000_i64..3_000])) {
        let most = 8 * (1 + forward(&steps) / (24 * 60));
        for (subject, told) in live(&steps, |book| book).arrived {
            let troubles = told.iter().filter(|(_, what)| *what == Told::Trouble).count();
            prop_assert!(i64::try_from(troubles).unwrap() <= most, "{subject}: {told:?}");
        }
    }

    #[test]
    fn an_hour_passes_between_two_messages_of_the_same_trouble(steps in steps(0_i64..200)) {
        for (subject, told) in live(&steps, |book| book).arrived {
            let troubles: Vec<Time> =
                told.iter().filter(|(_, what)| *what == Told::Trouble).map(|(at, _)| *at).collect();
            for pair in troubles.windows(2) {
                prop_assert!(pair[1] - pair[0] >= TimeDelta::hours(1), "{subject}: {told:?}");
            }
        }
    }

    /// Nobody hears of an end without a beginning, or twice of the same.
    #[test]
    fn every_end_that_is_told_ends_something_that_was_told_once(
        steps in steps(prop_oneof![0_i64..30, -3_000_i64..3_000]),
    ) {
        for (subject, told) in live(&steps, |book| book).arrived {
            let mut open = false;
            for (_, what) in &told {
                prop_assert!(*what == Told::Trouble || open, "{subject}: {told:?}");
                open = *what == Told::Trouble;
            }
        }
    }

    /// After everything is over and the far side takes what it is sent, each told trouble has its one end, and then nothing
    /// more is said.
    #[test]
    fn in_the_end_everything_is_over_and_it_is_quiet(steps in steps(0_i64..60)) {
        let calm = Step { minutes: 61, met: BTreeSet::new(), looked: true, taken: true };
        let mut all = steps.clone();
        all.extend(std::iter::repeat_n(calm.clone(), 2));
        let heard = live(&all, |book| book);
        for (subject, told) in &heard.arrived {
            prop_assert_eq!(told.last().map(|(_, what)| *what), Some(Told::Over), "{}: {:?}", subject, told);
        }
        all.extend(std::iter::repeat_n(calm, 100));
        prop_assert_eq!(live(&all, |book| book).messages, heard.messages);
    }

    #[test]
    fn the_order_of_conditions_means_nothing(
        met in prop::collection::vec(0_u8..6, 0..12), shift in 0_usize..12, reversed in any::<bool>(), minute in 0_i64..99,
    ) {
        let one: Vec<Condition> = met.iter().map(|number| condition(subject(*number))).collect();
        let mut other = one.clone();
        other.rotate_left(shift.min(one.len()));
        if reversed {
            other.reverse();
        }
        let of = |met| Circumstances { met, looked: SubjectKind::ALL.into(), held: None };
        let now = start() + TimeDelta::minutes(minute);
        prop_assert_eq!(
            decide(&Book::default(), &of(one), &hears_all(), now),
            decide(&Book::default(), &of(other), &hears_all(), now)
        );
    }

    #[test]
    fn a_restart_changes_nothing(steps in steps(prop_oneof![0_i64..30, -3_000_i64..3_000])) {
        let through_the_file = |book: Book| serde_json::from_str(&serde_json::to_string(&book).unwrap()).unwrap();
        let some = &steps[..steps.len().min(60)];
        prop_assert_eq!(live(some, through_the_file).messages, live(some, |book| book).messages);
    }

    /// Trouble that lasts is heard of within a day by the clock, however far that was set back.
    #[test]
    fn a_clock_that_was_set_back_silences_nothing(before in 0_i64..10_000, back in 0_i64..5_000_000, after in 0_i64..3_000) {
        let step = |minutes| Step { minutes, met: BTreeSet::from([1]), looked: true, taken: true };
        let mut steps: Vec<Step> = (0..before / 10).map(|_| step(10)).collect();
        steps.push(step(-back));
        let first = live(&steps, |book| book).messages.len();
        steps.extend((0..=after / 10).map(|_| step(10)));
        let later = live(&steps, |book| book).messages.len() - first;
        let days = usize::try_from(after / (24 * 60)).unwrap();
        prop_assert!(later >= days, "{later} messages in {days} days");
        prop_assert!(later <= 4 + days, "{later} messages in {days} days");
    }

    /// A far side that never says yes is not sent something at every run.
    #[test]
    fn a_far_side_that_fails_is_tried_less_and_less(runs in 1_i64..2_000) {
        let step = Step { minutes: 2, met: BTreeSet::from([0]), looked: true, taken: false };
        let steps: Vec<Step> = (0..runs).map(|_| step.clone()).collect();
        let sent = i64::try_from(live(&steps, |book| book).sent).unwrap();
        prop_assert!(sent <= 7 + runs * 2 / 60, "{sent} of {runs}");
        prop_assert!(sent >= 1.max(runs * 2 / 62), "{sent} of {runs}");
    }
}

/// Hours after the beginning at which lasting trouble is told, one run every two minutes.
#[test]
fn lasting_trouble_is_told_at_once_then_after_1_6_and_24_hours_then_daily() {
    let step = |minutes| Step { minutes, met: BTreeSet::from([1]), looked: true, taken: true };
    let steps: Vec<Step> = std::iter::once(step(0)).chain((0..5 * 24 * 30).map(|_| step(2))).collect();
    let heard = live(&steps, |book| book);
    let told: Vec<i64> = heard.messages.iter().map(|message| (message.at - start()).num_hours()).collect();
    assert_eq!(told, [0, 1, 6, 24, 48, 72, 96, 120]);
    let numbers: Vec<u32> = heard.messages.iter().map(|message| message.troubles[0].number).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(heard.messages[3].troubles[0].times, 24 * 30 + 1);
}

/// A run by the minute: what is met, and what that makes a notifier say (`!` trouble, `=` over).
fn play(story: &[(i64, &[u8])]) -> Vec<String> {
    let (mut steps, mut last) = (Vec::new(), 0);
    for (minute, met) in story {
        steps.push(Step { minutes: minute - last, met: met.iter().copied().collect(), looked: true, taken: true });
        last = *minute;
    }
    let heard = live(&steps, |book| book);
    let line = |message: &Message| {
        let minute = (message.at - start()).num_minutes();
        let troubles = message.troubles.iter().map(|one| format!(" !{}", one.subject));
        let over = message.over.iter().map(|one| format!(" ={}", one.subject));
        format!("{minute}:{}", troubles.chain(over).collect::<String>())
    };
    heard.messages.iter().map(line).collect()
}

#[test]
fn troubles_of_one_run_come_in_one_message_and_what_comes_back_rests_longer_each_time() {
    assert_eq!(
        play(&[(0, &[0, 1, 2]), (2, &[0]), (4, &[])]),
        ["0: !run !source/entra !source/okta", "2: =source/entra =source/okta", "4: =run"]
    );
    let mut story: Vec<(i64, &[u8])> = Vec::new();
    let (on, off): (&[u8], &[u8]) = (&[1], &[]);
    for minute in (0..4 * 24 * 60).step_by(4) {
        story.push((minute, on));
        story.push((minute + 2, off));
    }
    let told = play(&story);
    let at = ["0", "2", "64", "66", "428", "430", "1872", "1874", "3316", "3318", "4760", "4762"];
    let expected: Vec<String> = at
        .iter()
        .enumerate()
        .map(|(number, at)| format!("{at}: {}source/entra", if number % 2 == 0 { "!" } else { "=" }))
        .collect();
    assert_eq!(told, expected, "1440 times on and off");
    let again = play(&[(0, on), (2, off), (2 + 24 * 60, off), (4 + 24 * 60, on)]);
    assert_eq!(again, ["0: !source/entra", "2: =source/entra", "1444: !source/entra"], "after a day it is news");
}

#[test]
fn a_report_is_trouble_only_once_it_is_behind_for_an_hour() {
    let (on, off): (&[u8], &[u8]) = (&[5], &[]);
    assert_eq!(play(&[(0, on), (58, on), (59, off), (61, off), (62, on), (121, on)]), [""; 0]);
    assert_eq!(play(&[(0, on), (58, on), (60, on), (62, on), (64, off)]), ["60: !report/audit", "64: =report/audit"]);
}

#[test]
fn what_was_not_looked_at_is_not_over() {
    let step = Step { minutes: 0, met: BTreeSet::from([1]), looked: true, taken: true };
    let (after, message) = decide(&Book::default(), &seen(&step), &hears_all(), start());
    let book = delivered(after, &message.unwrap(), start());
    let nothing = Circumstances { looked: [SubjectKind::Run].into(), ..Circumstances::default() };
    let (book, message) = decide(&book, &nothing, &hears_all(), start() + TimeDelta::minutes(2));
    assert_eq!(message, None);
    let looked = Circumstances { looked: [SubjectKind::Source].into(), ..Circumstances::default() };
    let (_, message) = decide(&book, &looked, &hears_all(), start() + TimeDelta::minutes(4));
    assert_eq!(message.unwrap().over.len(), 1);
}

#[test]
fn what_is_a_part_of_something_else_is_told_to_those_who_do_not_hear_of_that() {
    let run = Condition { part_of: vec![SubjectKind::Source], ..condition(Subject::Run) };
    let seen = Circumstances {
        met: vec![run, condition(Subject::Source("entra".into()))],
        looked: SubjectKind::ALL.into(),
        held: None,
    };
    let check = |on: &[SubjectKind], expected: &[Subject]| {
        let hears = Hears { on: on.iter().copied().collect(), newly_held: 0 };
        let (_, message) = decide(&Book::default(), &seen, &hears, start());
        let told: Vec<Subject> = message.into_iter().flat_map(|told| told.troubles).map(|one| one.subject).collect();
        assert_eq!(told, expected, "{on:?}");
    };
    check(&[SubjectKind::Run, SubjectKind::Source], &[Subject::Source("entra".into())]);
    check(&[SubjectKind::Run], &[Subject::Run]);
    check(&[SubjectKind::Approval], &[]);
}

/// People who are held in each run, an hour apart, and the fresh ones that are told.
#[test]
fn people_are_trouble_when_many_are_held_who_were_not_before() {
    let key = |number: &u32| PersonKey::new("entra", format!("{number:03}"));
    let held = |numbers: &[u32]| Some(numbers.iter().map(key).collect::<BTreeSet<_>>());
    let (mut book, mut now) = (Book::default(), start());
    let mut run = |held: Option<BTreeSet<PersonKey>>, whole: bool| {
        now += TimeDelta::hours(25);
        let looked = if whole { SubjectKind::ALL.into() } else { BTreeSet::new() };
        let (after, message) = decide(&book, &Circumstances { met: Vec::new(), looked, held }, &hears_all(), now);
        book = message.as_ref().map_or(after.clone(), |message| delivered(after, message, now));
        message.map(|message| {
            let people = message.troubles.iter().flat_map(|one| &one.people).map(|key| key.id.to_string());
            (people.collect::<Vec<_>>().join(" "), message.over.len())
        })
    };
    assert_eq!(run(held(&[1, 2]), true), None, "two are no news");
    assert_eq!(run(held(&[1, 2, 3, 4]), true), None, "and two more");
    assert_eq!(run(held(&[1, 5, 6, 7]), true), Some(("005 006 007".to_owned(), 0)), "three are");
    assert_eq!(run(held(&[5, 6, 7]), true), Some(("005 006 007".to_owned(), 0)), "as long as it lasts");
    assert_eq!(run(None, false), None, "a run that says nothing about people");
    assert_eq!(run(held(&[5]), false), None, "and one that saw a part of them end nothing");
    assert_eq!(run(held(&[5, 6]), true), Some((String::new(), 1)), "over");
    assert_eq!(run(held(&[5, 6]), true), None);
    let many: Vec<u32> = (100..200).collect();
    let told = run(held(&many), true).unwrap().0;
    assert_eq!(told.split(' ').count(), 20, "{told}");
}
