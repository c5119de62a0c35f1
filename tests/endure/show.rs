//! The order of events, and what is told of them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rollcall::model::Time;
use rollcall::sandbox::scene::SceneSource;
use rollcall::sandbox::scim::Character;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::acts;
use crate::centre::{Centre, Text};
use crate::figures::{Runs, Silence, median};
use crate::service::{Footprint, Service};
use crate::sheet::Sheet;
use crate::world::now;

/// Longest wait for something that a run brings, beyond the ticks it may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);
/// How often it is looked whether something is so.
const LOOK: Duration = Duration::from_millis(100);
/// By so much a tick may be late in calm weather. In bad weather it waits for the reports of the run before it.
const LATEST: Duration = Duration::from_secs(3);
/// Resident memory may grow by so much from the first runs to the end, in KiB.
const GROWTH: u64 = 24 * 1024;
/// Most requests to a directory in a cycle with nothing to do, by the median: three, and one for each group that the
/// configuration names.
const FEW_REQUESTS: u32 = 3 + 3;

/// Everything on stage.
pub(crate) struct Show {
    pub(crate) centres: Vec<Centre>,
    pub(crate) service: Service,
    pub(crate) every: Duration,
    /// What the first centre's file says.
    pub(crate) text: Text,
    /// When the second centre was paused.
    pub(crate) silence: Silence,
    /// When the service ended; what ran afterwards it did not run.
    pub(crate) ended: Time,
    pub(crate) sheet: Sheet,
    log: PathBuf,
}

/// Plays; whether everything holds.
pub(crate) async fn play(length: Duration, every: Duration) -> bool {
    let mut show = Show::open(every).await;
    show.first_runs().await;
    let before = show.service.footprint();
    show.storm(length).await;
    let calm = show.calm_down().await;
    let after = show.service.footprint();
    acts::stop_in_the_middle(&mut show).await;
    show.close(length, calm, before, after).await
}

/// Waits until something is so; whether it came to that in time.
pub(crate) async fn until(within: Duration, mut so: impl AsyncFnMut() -> bool) -> bool {
    let wait = async {
        let mut look = tokio::time::interval(LOOK);
        while !so().await {
            look.tick().await;
        }
    };
    tokio::time::timeout(within, wait).await.is_ok()
}

/// Says what happens, for whoever watches.
pub(crate) fn say(text: &str) {
    eprintln!("{} {text}", now().format("%H:%M:%S"));
}

impl Show {
    async fn open(every: Duration) -> Self {
        let sources = [
            ("emea", SceneSource::Entra),
            ("apac", SceneSource::Okta { app: false }),
            ("latam", SceneSource::Scim { character: Character::Strict }),
        ];
        let mut centres: Vec<Centre> = Vec::new();
        for (number, (name, source)) in (0..).zip(sources) {
            let centre = Centre::open(number, name, source, every).await;
            if let Some(first) = centres.first() {
                centre.world.sandbox.connect.quota().share(first.world.sandbox.connect.quota());
            }
            centres.push(centre);
        }
        let log = Path::new(env!("CARGO_TARGET_TMPDIR")).join("endure.log");
        say(&format!("a service over three contact centres; its log is {}", log.display()));
        let files: Vec<PathBuf> = centres.iter().map(Centre::configuration).collect();
        let service = Service::start(files.iter().map(PathBuf::as_path), &log).await;
        let (text, silence, ended, sheet) = (Text::First, None, Time::MAX_UTC, Sheet::default());
        Self { centres, service, every, text, silence, ended, sheet, log }
    }

    /// Everybody is loaded, in calm weather.
    async fn first_runs(&mut self) {
        for centre in &self.centres {
            let loaded = until(PATIENCE * 2, async || centre.disagreements(Text::First).is_empty()).await;
            self.sheet
                .demand(loaded, format!("{}: the first load: {:?}", centre.name, centre.disagreements(Text::First)));
        }
        let idle = |from| self.service.lines_with(from, &["run ended: nothing_to_do"]).len() >= self.centres.len();
        until(PATIENCE + self.every * 2, async || idle(0)).await;
    }

    /// Trouble all the time, people who come and go, and the acts in between.
    async fn storm(&mut self, length: Duration) {
        say(&format!("everybody is there; {} minutes of trouble begin", length.as_secs() / 60));
        let mut going_on = JoinSet::new();
        for centre in &self.centres {
            centre.weather.calm(false);
            going_on.spawn(centre.weather.clone().blow());
            let (people, mut beat) = (std::sync::Arc::clone(&centre.people), tokio::time::interval(self.every / 2));
            going_on.spawn(async move {
                loop {
                    beat.tick().await;
                    people.something_happens();
                }
            });
        }
        let begun = Instant::now();
        let part = |hundredth: u32| begun + length * hundredth / 100;
        tokio::time::sleep_until(part(15)).await;
        acts::ask_each(self).await;
        tokio::time::sleep_until(part(35)).await;
        acts::reload(self).await;
        tokio::time::sleep_until(part(60)).await;
        acts::pause(self).await;
        tokio::time::sleep_until(part(100)).await;
        going_on.shutdown().await;
        for centre in &self.centres {
            centre.weather.calm(true);
        }
    }

    /// Nothing goes wrong any more and nobody comes or goes: everything comes to rest. Since when.
    async fn calm_down(&mut self) -> Time {
        say("calm weather, nobody comes or goes");
        for centre in &self.centres {
            let mut answers = Vec::new();
            for _ in 0..4 {
                let answer = centre.ask(&["sync", "now", "--full"]).await;
                answers.push(answer);
                if answers.last().is_some_and(|answer| answer.code == Some(0)) {
                    break;
                }
            }
            let last = answers.last().map(|answer| (answer.code, answer.text.clone())).unwrap_or_default();
            self.sheet.demand(last.0 == Some(0), format!("{}: a full run in calm weather: {}", centre.name, last.1));
        }
        let since = now();
        for centre in &self.centres {
            let store = centre.world.store().await;
            let rested = until(PATIENCE + self.every * 6, async || {
                Runs::read(&store, self.every, since..Time::MAX_UTC, None).await.idle.directory.len() >= 2
            });
            let rested = rested.await;
            self.sheet.demand(rested, format!("{}: two cycles with nothing to do", centre.name));
        }
        since
    }

    /// What the file of a centre says.
    pub(crate) fn text_of(&self, at: usize) -> Text {
        if at == 0 { self.text } else { Text::First }
    }

    async fn close(mut self, length: Duration, calm: Time, before: Footprint, after: Footprint) -> bool {
        self.tell_runs(calm).await;
        let (calls, refused) = self.account();
        let sheet = &mut self.sheet;
        sheet.must(
            refused == 0,
            "beyond the quota",
            format!("{refused} of {calls} calls refused by the account's buckets"),
        );
        let mib = |kib: u64| format!("{:.1}", f64::from(u32::try_from(kib).unwrap_or(u32::MAX)) / 1024.0);
        let Footprint { resident, highest, threads, files } = after;
        let grown = resident <= before.resident + GROWTH;
        let memory = format!("{} → {} MiB (most {})", mib(before.resident), mib(resident), mib(highest));
        sheet.must(grown, "resident memory", memory);
        let others = format!("threads {} → {threads}, open files {} → {files}", before.threads, before.files);
        sheet.must(threads <= before.threads + 4 && files <= before.files + 12, "of the machine", others);
        let events: usize = self.centres.iter().map(|centre| centre.people.happened()).sum();
        let struck: usize = self.centres.iter().map(|centre| centre.weather.struck()).sum();
        sheet.tell(
            "what happened",
            format!("{events} people joined, moved, left or came back; {struck} calls met trouble"),
        );
        let posts: usize = self.centres.iter().map(|centre| centre.world.sandbox.webhook.posts().len()).sum();
        sheet.tell("messages", format!("{posts} to the webhooks"));
        let title = format!(
            "rollcall serve, {} minutes of trouble, 3 contact centres (emea: Entra ID, apac: Okta, latam: SCIM), every {} s",
            length.as_secs() / 60,
            self.every.as_secs()
        );
        let holds = self.sheet.close(&title);
        if !holds {
            println!("  its log: {}", self.log.display());
        }
        holds
    }

    async fn tell_runs(&mut self, calm: Time) {
        let (mut overlaps, mut lost, mut throttled) = (0, 0, 0);
        let (mut latest, mut latest_in_calm) = (Duration::ZERO, Duration::ZERO);
        for (at, centre) in self.centres.iter().enumerate() {
            let store = centre.world.store().await;
            let silence = self.silence.filter(|_| at == 1);
            let runs = Runs::read(&store, self.every, Time::MIN_UTC..self.ended, silence).await;
            let all: usize = runs.by_result.values().sum();
            let each: Vec<String> = runs.by_result.iter().map(|(result, n)| format!("{n} {result}")).collect();
            self.sheet.tell(&format!("runs of {}", centre.name), format!("{all}: {}", each.join(", ")));
            self.sheet.tell("  idle cycles", runs.idle.words());
            let Runs { idle: rest, latest: late, .. } = Runs::read(&store, self.every, calm..self.ended, None).await;
            let cheap = median(&rest.directory) <= FEW_REQUESTS && rest.connect.iter().all(|calls| *calls == 0);
            self.sheet.must(cheap, "  in calm weather", rest.words());
            (overlaps, lost, throttled) = (overlaps + runs.overlaps, lost + runs.lost, throttled + runs.throttled);
            (latest, latest_in_calm) = (latest.max(runs.latest), latest_in_calm.max(late));
        }
        self.sheet.must(overlaps == 0, "overlapping runs", overlaps.to_string());
        self.sheet.must(lost == 0, "lost runs", lost.to_string());
        let late =
            format!("{:.1} s late in calm weather, {:.1} s else", latest_in_calm.as_secs_f64(), latest.as_secs_f64());
        self.sheet.must(latest_in_calm < LATEST, "latest tick", late);
        self.sheet.tell("throttled calls", format!("{throttled}, all of them by the weather"));
    }

    /// Calls of the account, and those that its buckets refused.
    fn account(&self) -> (u64, u64) {
        let calls = self.centres[0].world.sandbox.connect.quota().calls();
        calls.values().fold((0, 0), |(all, refused), calls| (all + calls.calls, refused + calls.throttled))
    }
}
