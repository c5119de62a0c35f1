//! One run, watched: it can be asked to stop, it cannot take for ever, and whoever wants hears what it says.
//!
//! A run may look for [`LOOKING`]; once its plan is made, for [`SETTLING`] and [`SLOWEST`] times as long as the slowest
//! bucket of the quota needs for all of its calls. That is generous on purpose: what it stops is a run that hangs, not
//! one that is slow. Then it is asked to stop, and after `stop_within` it is abandoned: dropped wherever it is. What was
//! under way is in doubt then, as after a crash, and settled by the next run. A look that hangs is dropped at once.
//!
//! Invariant: an abandoned run writes nothing any more. It is gone, and whoever goes on takes another lease.

use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};

use super::handle::Desk;
use super::{RunResult, Service};
use crate::model::{Operation, Target};
use crate::reconcile::{Order, Progress, RunError, Stop, Watch};
use crate::store::RunLease;

/// How long a run may look at directories and at Connect. A million people from a server that gives a hundred a second
/// take three hours.
const LOOKING: Duration = Duration::from_secs(6 * 60 * 60);
/// What a run may take beside its calls: what was in doubt is settled, reports are delivered.
const SETTLING: Duration = Duration::from_secs(60 * 60);
/// A bucket that Connect throttles gives way down to a sixteenth of its rate.
const SLOWEST: f64 = 16.0;
/// How often a run that is going on gives a sign of life.
const BEAT: Duration = Duration::from_secs(5);

/// How a run went.
#[derive(Debug)]
pub(super) enum Went {
    /// It came to its end.
    Ended(Box<RunResult>),
    /// It was asked to stop and did not.
    Abandoned(Why),
}

/// Why a run was asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// The service is stopping.
    Asked,
    /// It took too long.
    Overdue,
}

/// When the run is overdue.
struct Deadline {
    at: Mutex<Instant>,
    /// Calls a second of the slowest bucket.
    per_second: f64,
}

impl Deadline {
    fn hear(&self, progress: &Progress) {
        if let Progress::Planned { counts } = progress {
            *self.at.lock().unwrap_or_else(PoisonError::into_inner) =
                Instant::now() + applying(counts.calls, self.per_second);
        }
    }

    fn at(&self) -> Instant {
        *self.at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long a run may go on after its plan of so many calls was made.
fn applying(calls: u32, per_second: f64) -> Duration {
    SETTLING + Duration::from_secs_f64(SLOWEST * f64::from(calls) / per_second.max(0.001))
}

/// Hands what a run says to everybody.
struct Ears<'a> {
    desk: &'a Desk,
    deadline: &'a Deadline,
    next: &'a dyn Watch,
}

impl Watch for Ears<'_> {
    fn tell(&self, progress: Progress) {
        self.deadline.hear(&progress);
        self.desk.live.tell(&progress);
        self.next.tell(progress);
    }
}

/// One run, to its end or to its bound.
pub(super) async fn run<T: Target>(
    service: &Service<T>,
    lease: &RunLease,
    desk: &Desk,
    order: &Order,
    stop: &Stop,
    watch: &dyn Watch,
) -> Went {
    let quota = |operation: &Operation| (service.centre.quota)(&service.centre.target, *operation).0;
    let per_second = Operation::ALL.iter().map(quota).fold(f64::INFINITY, f64::min);
    let deadline = Deadline { at: Mutex::new(Instant::now() + LOOKING), per_second };
    desk.live.begin(order.run, order.trigger, (service.now)());
    let ears = Ears { desk, deadline: &deadline, next: watch };
    let went = {
        let (ask_to_stop, asked) = watch::channel(false);
        let run = pin!(service.run_once(lease, order, &asked, &ears));
        watched(run, desk, stop, &deadline, &ask_to_stop, Duration::from_secs(service.schedule.stop_within_secs)).await
    };
    desk.live.end();
    went
}

async fn watched(
    mut run: impl Future<Output = RunResult> + Unpin,
    desk: &Desk,
    stop: &Stop,
    deadline: &Deadline,
    ask_to_stop: &watch::Sender<bool>,
    within: Duration,
) -> Went {
    let mut stopping = stop.clone();
    let mut beat = tokio::time::interval(BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut asked: Option<(Why, Instant)> = None;
    loop {
        let until = asked.map_or_else(|| deadline.at(), |(_, until)| until);
        let why = tokio::select! {
            biased;
            result = &mut run => return match (&result, asked) {
                // It hung in a look, which is dropped at once.
                (Err(RunError::Stopped), Some((Why::Overdue, _))) => Went::Abandoned(Why::Overdue),
                _ => Went::Ended(Box::new(result)),
            },
            _ = stopping.wait_for(|stop| *stop), if asked.is_none() => Why::Asked,
            () = tokio::time::sleep_until(until) => match asked {
                None => Why::Overdue,
                Some((why, _)) => return Went::Abandoned(why),
            },
            _ = beat.tick() => {
                desk.beat();
                continue;
            }
        };
        if why == Why::Overdue {
            tracing::error!(centre = %desk.centre, "the run takes too long and is asked to stop");
        }
        let _ = ask_to_stop.send(true);
        asked = Some((why, Instant::now() + within));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_may_take_as_long_as_a_throttled_bucket_needs() {
        assert_eq!(applying(0, 2.0), SETTLING);
        assert_eq!(applying(10_000, 2.0), SETTLING + Duration::from_secs(80_000));
        assert!(applying(u32::MAX, 0.0) > applying(1, 2.0), "no overflow");
    }
}
