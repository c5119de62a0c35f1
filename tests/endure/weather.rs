//! What goes wrong with the remote systems of one contact centre, all the time, until somebody wants it calm.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use rollcall::sandbox::faults::{Fault, FaultKind, Faults};

/// How often the next troubles are drawn. What has met nobody until then is taken back.
const GUST: Duration = Duration::from_millis(200);
/// Of a hundred gusts of a directory, of Connect, and of whoever is told.
const DIRECTORY: u32 = 50;
const CONNECT: u32 = 60;
const TOLD: u32 = 25;

/// The weather over one contact centre. Clones share it.
#[derive(Clone)]
pub(crate) struct Weather {
    faults: Faults,
    directory: &'static [&'static str],
    sky: Arc<Mutex<Sky>>,
}

struct Sky {
    calm: bool,
    rng: Rng,
    drawn: usize,
    struck: usize,
}

impl Weather {
    /// Calm, to begin with.
    pub(crate) fn over(faults: &Faults, directory: &'static [&'static str], seed: u64) -> Self {
        let sky = Sky { calm: true, rng: Rng::with_seed(seed), drawn: 0, struck: 0 };
        Self { faults: faults.clone(), directory, sky: Arc::new(Mutex::new(sky)) }
    }

    /// Blows for as long as it is polled.
    pub(crate) async fn blow(self) {
        let mut gust = tokio::time::interval(GUST);
        loop {
            gust.tick().await;
            self.gust();
        }
    }

    fn gust(&self) {
        let mut sky = self.sky.lock().unwrap_or_else(PoisonError::into_inner);
        if sky.calm {
            return;
        }
        self.clear(&mut sky);
        let told: &[&str] = &["logs", "webhook"];
        for (services, of_hundred) in [(self.directory, DIRECTORY), (&["connect"][..], CONNECT), (told, TOLD)] {
            for service in services {
                if sky.rng.u32(0..100) < of_hundred {
                    let kind = trouble(&mut sky.rng, *service == "connect" || *service == "logs");
                    self.faults.add(Fault {
                        service: (*service).to_owned(),
                        operation: None,
                        skip: sky.rng.u32(0..2),
                        times: 1,
                        kind,
                    });
                    sky.drawn += 1;
                }
            }
        }
    }

    fn clear(&self, sky: &mut Sky) {
        // Drawn a gust ago, and gone by now: they met somebody.
        sky.struck += std::mem::take(&mut sky.drawn).saturating_sub(self.faults.pending());
        self.faults.clear();
    }

    /// From now on nothing goes wrong, or something does again.
    pub(crate) fn calm(&self, calm: bool) {
        let mut sky = self.sky.lock().unwrap_or_else(PoisonError::into_inner);
        self.clear(&mut sky);
        sky.calm = calm;
    }

    /// How many calls met trouble.
    pub(crate) fn struck(&self) -> usize {
        self.sky.lock().unwrap_or_else(PoisonError::into_inner).struck
    }
}

/// Throttled, failing, unavailable, a lost reply, a slow answer, half an answer.
fn trouble(rng: &mut Rng, aws: bool) -> FaultKind {
    let status = |status, code: &str, after: Option<&str>| FaultKind::Status {
        status,
        code: code.to_owned(),
        message: "not now".to_owned(),
        retry_after: after.map(str::to_owned),
    };
    match rng.u32(0..6) {
        0 if aws => status(429, "ThrottlingException", None),
        0 => status(429, "TooManyRequests", Some("1")),
        1 if aws => status(500, "InternalServiceException", None),
        1 => status(500, "InternalServerError", None),
        2 => status(503, "ServiceUnavailable", None),
        3 => FaultKind::LostReply,
        4 => FaultKind::Truncated,
        _ => FaultKind::Delay { millis: rng.u64(300..3_000) },
    }
}
