//! When to try again, and after how long.
//!
//! Invariant: no loop here runs more than [`RetryRules::tries`] times, and no wait is longer than the rules allow.
//! Deliberately absent: sockets. The loop is given an attempt to make, so that its timing is tested on a paused clock.

use std::time::Duration;

use chrono::DateTime;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

/// Bounds of a retry loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryRules {
    /// Attempts in all, the first one included.
    pub tries: u32,
    /// Upper end of the first back-off pause; it doubles with each attempt.
    pub first_pause: Duration,
    /// Upper end of any back-off pause.
    pub longest_pause: Duration,
    /// The longest wait a server may ask for; when it asks for more, we give up at once.
    pub longest_wait: Duration,
}

impl Default for RetryRules {
    fn default() -> Self {
        Self {
            tries: 5,
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(30),
            longest_wait: Duration::from_secs(300),
        }
    }
}

/// What one attempt came to.
#[derive(Debug)]
pub enum Attempt<T> {
    /// Good or hopeless: either way, no other attempt.
    Take(T),
    /// Worth another attempt, after the time the server asked for, if it did.
    Again(T, Option<Duration>),
}

/// Why the loop stopped although the last attempt asked for another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GaveUp {
    /// All tries are used up.
    Tries(u32),
    /// The server asked for a longer wait than allowed.
    WaitTooLong(Duration),
}

/// The last attempt of a loop.
#[derive(Debug)]
pub struct Tried<T> {
    /// What it came to.
    pub got: T,
    /// How many attempts there were.
    pub tries: u32,
    /// Set when the last attempt was not taken but given up on.
    pub gave_up: Option<GaveUp>,
}

/// Makes attempts until one is taken or the rules say stop.
pub async fn retrying<T, F, Fut>(rules: &RetryRules, mut attempt: F) -> Tried<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Attempt<T>>,
{
    let mut tries = 0;
    loop {
        tries += 1;
        let (got, asked) = match attempt().await {
            Attempt::Take(got) => return Tried { got, tries, gave_up: None },
            Attempt::Again(got, asked) => (got, asked),
        };
        if let Some(wait) = asked.filter(|wait| *wait > rules.longest_wait) {
            return Tried { got, tries, gave_up: Some(GaveUp::WaitTooLong(wait)) };
        }
        if tries >= rules.tries {
            return Tried { got, tries, gave_up: Some(GaveUp::Tries(tries)) };
        }
        tokio::time::sleep(asked.unwrap_or_else(|| rules.pause(tries, fastrand::f64()))).await;
    }
}

impl RetryRules {
    /// The back-off pause after `tries` attempts: anything between nothing and a bound that doubles, so that many
    /// clients that failed together do not come back together. `random` is in `0..1`.
    #[must_use]
    pub fn pause(&self, tries: u32, random: f64) -> Duration {
        let doubled = self.first_pause.saturating_mul(2_u32.saturating_pow(tries.saturating_sub(1)));
        doubled.min(self.longest_pause).mul_f64(random)
    }
}

/// The wait that a `Retry-After` header asks for: seconds, also with a fraction, or an HTTP date.
///
/// A date counts from the `Date` of the same answer, so that our own clock does not matter.
#[must_use]
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let until = DateTime::parse_from_rfc2822(text).ok()?;
    let from = DateTime::parse_from_rfc2822(headers.get(DATE)?.to_str().ok()?.trim()).ok()?;
    // A moment that has passed means "now".
    Some((until - from).to_std().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use proptest::prelude::*;
    use tokio::time::Instant;

    use super::*;

    fn check(pairs: &[(&'static str, &str)]) -> Option<f64> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        retry_after(&headers).map(|wait| wait.as_secs_f64())
    }

    #[test]
    fn both_forms_of_retry_after_are_read() {
        let date = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(check(&[("retry-after", "10")]), Some(10.0));
        assert_eq!(check(&[("retry-after", "2.128")]), Some(2.128));
        assert_eq!(check(&[("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT"), date]), Some(30.0));
        assert_eq!(check(&[("retry-after", "Sun, 06 Nov 1994 08:40:00 GMT"), date]), Some(0.0));
        for nonsense in ["-1", "NaN", "inf", "soon", "", "1e300"] {
            assert_eq!(check(&[("retry-after", nonsense)]), None, "{nonsense}");
        }
        assert_eq!(check(&[("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT")]), None, "a date without a date");
        assert_eq!(check(&[]), None);
    }

    /// Plays the waits a server asks for; `None` in the end is a success.
    async fn play(script: Vec<Option<Option<f64>>>) -> (Tried<usize>, f64) {
        let left = Mutex::new(script.into_iter().enumerate());
        let started = Instant::now();
        let tried = retrying(&RetryRules::default(), || async {
            match left.lock().unwrap().next() {
                Some((at, Some(wait))) => Attempt::Again(at, wait.map(Duration::from_secs_f64)),
                Some((at, None)) => Attempt::Take(at),
                None => panic!("one attempt too many"),
            }
        })
        .await;
        (tried, started.elapsed().as_secs_f64())
    }

    #[tokio::test(start_paused = true)]
    async fn the_server_is_obeyed_to_the_millisecond() {
        let (tried, waited) = play(vec![Some(Some(2.128)), Some(Some(0.5)), None]).await;
        assert_eq!((tried.got, tried.tries, tried.gave_up), (2, 3, None));
        assert!((2.628..2.64).contains(&waited), "{waited}");
    }

    #[tokio::test(start_paused = true)]
    async fn five_tries_and_no_more() {
        let (tried, waited) = play(vec![Some(Some(1.0)); 5]).await;
        assert_eq!((tried.tries, tried.gave_up), (5, Some(GaveUp::Tries(5))));
        assert!((4.0..4.1).contains(&waited), "no wait after the last attempt: {waited}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_beyond_the_bound_ends_at_once() {
        let (tried, waited) = play(vec![Some(Some(301.0))]).await;
        assert_eq!(tried.gave_up, Some(GaveUp::WaitTooLong(Duration::from_secs(301))));
        assert!(waited < 0.01);
    }

    proptest! {
        #[test]
        fn a_pause_stays_within_its_bound(tries in 1_u32..100, random in 0.0_f64..1.0) {
            let rules = RetryRules::default();
            let pause = rules.pause(tries, random);
            prop_assert!(pause <= rules.longest_pause);
            prop_assert!(pause <= rules.first_pause * 2_u32.saturating_pow(tries - 1));
        }
    }
}
