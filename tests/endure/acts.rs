//! What is done to the service in the middle, and its end in the middle of an apply.

use std::time::Duration;

use rollcall::sandbox::faults::{Fault, FaultKind};
use rollcall::store::Store;

use crate::centre::{Centre, Text};
use crate::show::{PATIENCE, Show, say, until};
use crate::world::now;

/// How many join each contact centre just before the end, and how long Connect takes for each: by quota alone the load takes
/// more than half a minute.
const LOAD: usize = 90;
const SLOW: Duration = Duration::from_secs(3);
/// So many of each contact centre are in Connect when the service is told to stop.
const BEGUN: usize = 10;
/// The longest it may take to stop: what is in flight finishes, and is written down.
const STOPPED: Duration = Duration::from_secs(10);

/// Another process asks for a run of each contact centre, and follows it.
pub(crate) async fn ask_each(show: &mut Show) {
    say("sync now, from another process");
    let mut codes = Vec::new();
    for centre in &show.centres {
        centre.weather.calm(true);
        let login = centre.people.hire("Care");
        let answer = centre.ask(&["sync", "now"]).await;
        centre.weather.calm(false);
        let there = centre.world.user(&login).is_some();
        let followed = answer.text.contains("by hand") && answer.text.contains("observe");
        codes.push(answer.code);
        let good = answer.code == Some(0) && there && followed;
        show.sheet.demand(good, format!("{}: sync now: joiner there: {there}: {answer:?}", centre.name));
    }
    show.sheet.must(
        codes.iter().all(|code| *code == Some(0)),
        "sync now",
        format!("3 followed, exit codes {}", all(&codes)),
    );
}

fn all(codes: &[Option<i32>]) -> String {
    let codes: Vec<String> = codes.iter().map(|code| code.map_or("none".to_owned(), |code| code.to_string())).collect();
    codes.join(" ")
}

async fn in_force(centre: &Centre) -> Option<String> {
    centre.world.store().await.in_force().await.unwrap().map(|in_force| in_force.digest)
}

/// SIGHUP with a broken file, then with a good one.
pub(crate) async fn reload(show: &mut Show) {
    say("reload, with a broken file and with a good one");
    let within = PATIENCE + show.every * 6;
    let (first, service) = (&show.centres[0], &show.service);
    let before = in_force(first).await;
    let from = service.said();
    first.write(Text::Broken);
    service.signal("HUP").await;
    let refused = service.says(from, &["stays in force", first.name], within).await;
    let told = service.lines_with(from, &["line ", "[schedule] evry: unknown key; did you mean every?"]);
    let went_on = service.says(service.said(), &["run ended", first.name], within).await;
    let same = in_force(first).await == before;
    let holds = refused && !told.is_empty() && went_on && same;
    let figure =
        format!("refused: {refused}, told with line and nearest key: {}, the old one stays: {same}", !told.is_empty());
    show.sheet.must(holds, "a broken file", figure);

    let from = service.said();
    first.write(Text::Other);
    service.signal("HUP").await;
    let taken = service.says(from, &["is in force", first.name], within).await && in_force(first).await != before;
    let moved = until(within, async || {
        let connect = &first.world.sandbox.connect;
        let (old, new) = (first.world.routing(Text::First.success()), first.world.routing(Text::Other.success()));
        let users = connect.users();
        let ours = || users.iter().filter(|user| user.tags.contains_key("rollcall:person"));
        ours().all(|user| user.routing_profile_id != old) && ours().any(|user| user.routing_profile_id == new)
    });
    let moved = moved.await;
    show.text = Text::Other;
    show.sheet.must(taken && moved, "a good file", format!("in force: {taken}, its rule took effect: {moved}"));
}

async fn runs(store: &Store) -> usize {
    store.runs(u32::MAX).await.unwrap().len()
}

/// One contact centre is paused for two ticks and a half; the others go on.
pub(crate) async fn pause(show: &mut Show) {
    say("one is paused");
    let (others, paused, service) = (&show.centres[2], &show.centres[1], &show.service);
    let store = paused.world.store().await;
    let from = service.said();
    let answer = paused.ask(&["pause", "--for", "1h"]).await;
    let seen = service.says(from, &["is paused", paused.name], PATIENCE).await;
    let begun = now();
    let (quiet, busy) = (runs(&store).await, runs(&others.world.store().await).await);
    tokio::time::sleep(show.every * 5 / 2).await;
    let kept = runs(&store).await == quiet;
    let went_on = runs(&others.world.store().await).await > busy;
    let resumed = paused.ask(&["resume"]).await;
    let goes_on = service.says(from, &["goes on after a pause", paused.name], PATIENCE).await;
    let ended = now();
    let at_once = until(Duration::from_secs(10), async || runs(&store).await > quiet).await;
    show.silence = Some((begun, ended));
    let codes = answer.code == Some(0) && resumed.code == Some(0);
    let holds = codes && seen && kept && went_on && goes_on && at_once;
    let figure = format!("nothing ran: {kept}, the others went on: {went_on}, a run at once afterwards: {at_once}");
    show.sheet.must(holds, "pause and resume", figure);
}

/// SIGTERM in the middle of a large apply, and what the next run makes of it.
pub(crate) async fn stop_in_the_middle(show: &mut Show) {
    say("a large load, and a word to stop in the middle of it");
    for centre in &show.centres {
        let kind = FaultKind::Delay { millis: u64::try_from(SLOW.as_millis()).unwrap_or(u64::MAX) };
        let (service, operation) = ("connect".to_owned(), Some("CreateUser".to_owned()));
        centre.world.sandbox.faults.add(Fault { service, operation, skip: 0, times: u32::MAX, kind });
    }
    let before: Vec<usize> = show.centres.iter().map(created).collect();
    for centre in &show.centres {
        (0..LOAD).for_each(|_| drop(centre.people.hire("Sales")));
    }
    let so_far =
        |centres: &[Centre]| -> Vec<usize> { centres.iter().zip(&before).map(|(one, n)| created(one) - n).collect() };
    let begun = until(PATIENCE + show.every * 2, async || so_far(&show.centres).iter().all(|n| *n >= BEGUN)).await;
    let in_time = so_far(&show.centres);
    show.service.signal("TERM").await;
    let (took, code) = show.service.ended(Duration::from_secs(60)).await;
    show.ended = now();
    let done = so_far(&show.centres);
    let mut open = 0;
    for centre in &show.centres {
        open += centre.world.store().await.open_intents().await.unwrap().len();
        centre.weather.calm(true);
    }
    let whole = LOAD * show.centres.len();
    let middle = begun && done.iter().sum::<usize>() < whole;
    let figure = format!(
        "SIGTERM after {} of {whole} joiners, {} when it ended: {:.1} s, exit code {}, open intents {open}",
        in_time.iter().sum::<usize>(),
        done.iter().sum::<usize>(),
        took.as_secs_f64(),
        all(&[code])
    );
    show.sheet.must(middle && took < STOPPED && code == Some(0) && open == 0, "stop", figure);
    afterwards(show).await;
}

fn created(centre: &Centre) -> usize {
    centre.world.sandbox.connect.journal().iter().filter(|write| write.operation == "CreateUser").count()
}

/// A further run by hand does the rest; then there is nothing to do, and everything was told once.
async fn afterwards(show: &mut Show) {
    let (mut agree, mut wrong, mut repeated, mut events) = (0, Vec::new(), 0, 0);
    for at in 0..show.centres.len() {
        let (centre, text) = (&show.centres[at], show.text_of(at));
        let sync = centre.ask(&["sync", "now"]).await;
        // A leaver's time may come between two runs.
        let mut rest = centre.ask(&["plan", "--detailed-exit-code"]).await;
        if rest.code == Some(2) {
            centre.ask(&["sync", "now"]).await;
            rest = centre.ask(&["plan", "--detailed-exit-code"]).await;
        }
        let done = sync.code == Some(0) && rest.code == Some(0);
        show.sheet.demand(done, format!("{}: the further run {sync:?}, and what it leaves {rest:?}", centre.name));
        let disagree = centre.disagreements(text);
        show.sheet.demand(disagree.is_empty(), format!("{}: {disagree:#?}", centre.name));
        agree += centre.people.agents() - disagree.len();
        let reports = centre.reports().await;
        (events, repeated) = (events + reports.events, repeated + reports.repeated);
        wrong.extend(reports.wrong.into_iter().map(|what| format!("{}: {what}", centre.name)));
    }
    let people: usize = show.centres.iter().map(|centre| centre.people.agents()).sum();
    show.sheet.must(
        agree == people,
        "in agreement",
        format!("{agree} of {people} people, nobody twice, nothing left to do"),
    );
    let figure = format!("{events} events, {repeated} of them twice in CloudWatch Logs under one id; {}", told(&wrong));
    show.sheet.must(wrong.is_empty(), "reports", figure);
}

fn told(wrong: &[String]) -> String {
    if wrong.is_empty() { "none missing, none invented".to_owned() } else { wrong.join("; ") }
}
