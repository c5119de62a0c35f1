//! One call to Connect: a quota cell for each attempt, waiting while throttled, and few repeats of what may be repeated.
//!
//! Invariant: every attempt takes a cell of its operation's bucket first and is counted.
//! Invariant: a create is sent once, unless Connect said that it did not take it (throttling) or nothing was sent at all.
//! Invariant: a write of which one attempt may have happened is in doubt, whatever became of the attempts after it.

use std::future::Future;
use std::time::Duration;

use aws_sdk_connect::Client;
use aws_sdk_connect::config::http::HttpResponse;
use aws_sdk_connect::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_connect::operation::RequestId;
use tokio::time::Instant;

use super::errors::{Failure, Verdict, judge};
use super::quota::Meter;
use crate::model::{CallError, Disposition, Operation, Stop};

/// Attempts while Connect throttles. Each goes to the end of the bucket's queue, and the bucket's pauses grow.
const THROTTLED_ATTEMPTS: u32 = 12;
/// Attempts when Connect fails or cannot be reached.
const TRANSIENT_ATTEMPTS: u32 = 3;
/// The wait after the first failure; it doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// The instance, its client, and the quota on the way to it.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) client: Client,
    pub(super) meter: Meter,
    pub(super) instance_id: String,
    pub(super) instance_arn: String,
}

/// A reply, with what it took.
#[derive(Debug)]
pub(super) struct Answer<O> {
    pub(super) reply: O,
    pub(super) request_id: Option<String>,
    pub(super) attempts: u32,
    pub(super) latency: Duration,
}

impl Caller {
    /// Sends until there is an answer that counts. `send` makes one attempt; `personal` holds the values it carries, so
    /// that no error repeats them.
    pub(super) async fn call<O, E, F, S>(
        &self,
        operation: Operation,
        personal: &[String],
        send: F,
    ) -> Result<Answer<O>, CallError>
    where
        O: RequestId,
        E: ProvideErrorMetadata + std::error::Error + 'static,
        F: Fn() -> S,
        S: Future<Output = Result<O, SdkError<E, HttpResponse>>>,
    {
        self.call_unless(None, operation, personal, send).await
    }

    /// The same; whoever still waits for quota when a stop is asked for makes no further attempt.
    pub(super) async fn call_unless<O, E, F, S>(
        &self,
        stop: Option<&Stop>,
        operation: Operation,
        personal: &[String],
        send: F,
    ) -> Result<Answer<O>, CallError>
    where
        O: RequestId,
        E: ProvideErrorMetadata + std::error::Error + 'static,
        F: Fn() -> S,
        S: Future<Output = Result<O, SdkError<E, HttpResponse>>>,
    {
        let (mut attempts, mut throttled, mut failed) = (0, 0, 0);
        let mut doubt = None;
        loop {
            if !self.pass(stop, operation).await {
                return Err(in_the_end(not_sent(operation), doubt));
            }
            attempts += 1;
            let start = Instant::now();
            // The SDK's futures are large; on the heap they do not blow up the state of whoever calls.
            let result = Box::pin(send()).await;
            let latency = start.elapsed();
            let failure = match result {
                Ok(reply) => {
                    self.meter.accepted(operation);
                    let request_id = reply.request_id().map(str::to_owned);
                    tracing::debug!(%operation, ?request_id, attempts, ?latency, "called");
                    return Ok(Answer { reply, request_id, attempts, latency });
                }
                Err(error) => Failure::of(&error),
            };
            match judge(operation, &failure, personal) {
                Verdict::Throttled(error) => {
                    self.meter.throttled(operation);
                    throttled += 1;
                    if throttled >= THROTTLED_ATTEMPTS {
                        return Err(in_the_end(error, doubt));
                    }
                    tracing::debug!(%operation, throttled, "throttled");
                }
                Verdict::Transient(error) => {
                    failed += 1;
                    tracing::debug!(%operation, code = error.code, failed, "failed");
                    if failed >= TRANSIENT_ATTEMPTS {
                        return Err(in_the_end(error, doubt));
                    }
                    if error.disposition == Disposition::InDoubt {
                        doubt = Some(error);
                    }
                    tokio::time::sleep(FIRST_WAIT.saturating_mul(1 << (failed - 1))).await;
                }
                Verdict::Final(error) => {
                    tracing::debug!(%operation, code = error.code, disposition = ?error.disposition, "refused");
                    return Err(in_the_end(error, doubt));
                }
            }
        }
    }

    /// Waits for a cell of the quota; `false` if a stop is asked for before there is one.
    async fn pass(&self, stop: Option<&Stop>, operation: Operation) -> bool {
        let Some(stop) = stop else {
            self.meter.pass(operation).await;
            return true;
        };
        let mut stop = stop.clone();
        tokio::select! {
            biased;
            Ok(_) = stop.wait_for(|stop| *stop) => false,
            () = self.meter.pass(operation) => true,
        }
    }
}

/// A stop was asked for before an attempt was made that could have changed anything.
fn not_sent(operation: Operation) -> CallError {
    CallError {
        operation,
        disposition: Disposition::NotSent,
        code: "stopped".to_owned(),
        message: "a stop was asked for before it was sent".to_owned(),
        hint: "nothing; the next run does it".to_owned(),
        request_id: None,
    }
}

/// What a call ended with: its last error, unless an attempt before it may have happened.
fn in_the_end(last: CallError, doubt: Option<CallError>) -> CallError {
    match (last.disposition, doubt) {
        (Disposition::InDoubt | Disposition::AlreadySo, _) | (_, None) => last,
        (_, Some(doubt)) => doubt,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::collections::BTreeMap;

    use aws_sdk_connect::error::ErrorMetadata;
    use aws_sdk_connect::operation::delete_user::{DeleteUserError, DeleteUserOutput};
    use tokio::sync::watch;

    use super::*;
    use crate::connect::{ConnectConfig, Quotas, Rate, fake};

    const DELETE: Operation = Operation::DeleteUser;

    async fn caller() -> Caller {
        caller_by(fake::config("http://127.0.0.1:1")).await
    }

    async fn caller_by(config: ConnectConfig) -> Caller {
        let client = crate::connect::client::build(&config, None).await.unwrap();
        let meter = Quotas::new().meter(&config.account, &config.region, &config.quota).await;
        Caller { client, meter, instance_id: config.instance_id, instance_arn: config.instance_arn }
    }

    fn refusal(status: u16, code: &str) -> SdkError<DeleteUserError, HttpResponse> {
        let error = DeleteUserError::generic(ErrorMetadata::builder().code(code).build());
        SdkError::service_error(error, HttpResponse::new(status.try_into().unwrap(), "".into()))
    }

    /// Refuses `times`, then succeeds; gives the attempts of a success, or the disposition.
    async fn check(times: u32, status: u16, code: &str) -> (Result<u32, Disposition>, Caller, Duration) {
        let caller = caller().await;
        let sent = Cell::new(0);
        let start = Instant::now();
        let result = caller.call(DELETE, &[], || {
            let before = sent.replace(sent.get() + 1);
            let result =
                if before < times { Err(refusal(status, code)) } else { Ok(DeleteUserOutput::builder().build()) };
            async move { result }
        });
        let result = result.await.map(|answer| answer.attempts).map_err(|error| error.disposition);
        (result, caller, start.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn throttling_is_waited_out_by_either_of_its_codes() {
        for code in ["ThrottlingException", "TooManyRequestsException"] {
            let (result, caller, waited) = check(3, 429, code).await;
            assert_eq!(result, Ok(4), "{code}");
            assert!(waited >= Duration::from_millis(500 + 1_000 + 2_000), "{waited:?}: the pauses grow");
            assert_eq!(caller.meter.calls(), BTreeMap::from([(DELETE, 4)]), "every attempt is counted");
            assert_eq!(caller.meter.throttles(), BTreeMap::from([(DELETE, 3)]));
        }
    }

    /// A stop is asked for a second after 30 calls were begun together, at two a second: what became of each, how many
    /// were sent, and how long it took.
    async fn stopped(status: u16, code: &'static str) -> (BTreeMap<String, usize>, u64, Duration) {
        let mut config = fake::config("http://127.0.0.1:1");
        config.quota.default = Rate { per_second: 2.0, burst: 5 };
        let caller = caller_by(config).await;
        let (stop_sender, stop) = watch::channel(false);
        let send = async || {
            tokio::time::sleep(Duration::from_millis(100)).await;
            if status == 200 { Ok(DeleteUserOutput::builder().build()) } else { Err(refusal(status, code)) }
        };
        let calls = (0..30).map(|_| caller.call_unless(Some(&stop), DELETE, &[], send));
        let start = Instant::now();
        let word = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            stop_sender.send_replace(true);
        };
        let (ended, ()) = tokio::join!(futures_util::future::join_all(calls), word);
        let mut by = BTreeMap::new();
        for result in ended {
            *by.entry(result.map_or_else(|error| format!("{:?}", error.disposition), |_| "done".to_owned()))
                .or_default() += 1;
        }
        (by, caller.meter.calls()[&DELETE], start.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_for_quota_when_a_stop_is_asked_for_sends_nothing() {
        let (by, sent, took) = stopped(200, "").await;
        assert!(by["done"] >= 5 && by["done"] + by["NotSent"] == 30, "{by:?}");
        assert_eq!(by["done"] as u64, sent, "a call that was sent came to its end");
        assert!(took < Duration::from_millis(1_200), "{took:?}");
        let (by, sent, took) = stopped(429, "ThrottlingException").await;
        assert_eq!((by, took < Duration::from_millis(1_200)), (BTreeMap::from([("NotSent".to_owned(), 30)]), true));
        assert!(sent >= 5);
    }

    #[tokio::test(start_paused = true)]
    async fn endless_throttling_gives_up_on_one_person() {
        let (result, caller, waited) = check(u32::MAX, 429, "ThrottlingException").await;
        assert_eq!(result, Err(Disposition::NextRun));
        assert_eq!(caller.meter.calls()[&DELETE], u64::from(THROTTLED_ATTEMPTS));
        assert!(waited < Duration::from_secs(120), "{waited:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_instance_is_not_waited_for_although_it_is_429_too() {
        let (result, caller, waited) = check(1, 429, "LimitExceededException").await;
        assert_eq!(result, Err(Disposition::SkipPerson));
        assert_eq!(caller.meter.calls()[&DELETE], 1);
        assert_eq!(waited, Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn server_failures_are_repeated_a_few_times() {
        assert_eq!(check(2, 500, "InternalServiceException").await.0, Ok(3));
        assert_eq!(check(3, 500, "InternalServiceException").await.0, Err(Disposition::NextRun));
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_reply_stays_in_doubt_whatever_comes_after_it() {
        let after_a_lost_reply = async |status: u16, code: &'static str| {
            let sent = Cell::new(0);
            let caller = caller().await;
            let result = caller.call(DELETE, &[], || {
                let first = sent.replace(sent.get() + 1) == 0;
                let error = if first { SdkError::timeout_error("no reply") } else { refusal(status, code) };
                async move { Err::<DeleteUserOutput, _>(error) }
            });
            result.await.unwrap_err().disposition
        };
        for (status, code) in
            [(503, "ServiceUnavailable"), (429, "ThrottlingException"), (400, "InvalidRequestException")]
        {
            assert_eq!(after_a_lost_reply(status, code).await, Disposition::InDoubt, "{code}");
        }
        let gone = after_a_lost_reply(404, "ResourceNotFoundException").await;
        assert_eq!(gone, Disposition::AlreadySo, "and that is the answer");
    }
}
