//! One access token per connection: shared by everybody, fetched by one, renewed before it ends.
//!
//! Invariant: at most one fetch is in flight. It runs in a task of its own, so that a caller who stops waiting does not
//! stop it for the others.
//! Invariant: a token's life is counted from before it was asked for, on a monotonic clock.
//! Invariant: [`TokenCache::invalidate`] drops only the token it names; twenty refusals of one token make one fetch.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::watch;
use tokio::time::Instant;

use super::AuthError;
use crate::error::PullErrorKind;

/// The life of a token whose server did not say (RFC 6749 only recommends `expires_in`).
const ASSUMED_LIFE: Duration = Duration::from_secs(300);

/// No token is believed to live longer than this, whatever its server says; what it says may be more than a clock can hold.
const LONGEST_LIFE: Duration = Duration::from_secs(86_400);

/// A token is renewed at most this long before its end, and at most a fifth of its life.
const EARLY: Duration = Duration::from_secs(300);

/// A failed fetch is repeated for nobody during this time, so that a queue of callers is not a burst of requests.
const FAILURE_KEPT: Duration = Duration::from_secs(2);

/// How a token is to be used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TokenKind {
    /// By whoever has it (RFC 6750).
    #[default]
    Bearer,
    /// With a proof that the sender holds the key it is bound to (RFC 9449).
    Dpop,
}

/// A token as the server gave it.
pub struct Minted {
    /// The token.
    pub token: SecretString,
    /// Its life as the server said.
    pub life: Option<Duration>,
    /// How it is to be used.
    pub kind: TokenKind,
}

/// What may be told about a token that is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// How it is to be used.
    pub kind: TokenKind,
    /// How long it is still good.
    pub left: Duration,
}

/// Fetches a token from its server.
pub trait Mint: Send + Sync + 'static {
    /// One fetch, with whatever retries are right for it.
    fn mint(&self) -> impl Future<Output = Result<Minted, AuthError>> + Send;
}

/// A token with the number of the fetch that brought it.
#[derive(Clone)]
pub struct AccessToken {
    /// The token.
    pub token: SecretString,
    /// How it is to be used.
    pub kind: TokenKind,
    generation: u64,
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccessToken(#{})", self.generation)
    }
}

struct Kept {
    token: AccessToken,
    renew_at: Instant,
    ends_at: Instant,
}

type Outcome = Result<AccessToken, AuthError>;

#[derive(Default)]
struct State {
    held: Option<Kept>,
    failed: Option<(Instant, AuthError)>,
    flight: Option<watch::Receiver<Option<Outcome>>>,
    generation: u64,
}

/// The cache. Cheap to clone; clones share the token.
pub struct TokenCache<M> {
    mint: Arc<M>,
    state: Arc<Mutex<State>>,
}

impl<M> Clone for TokenCache<M> {
    fn clone(&self) -> Self {
        Self { mint: Arc::clone(&self.mint), state: Arc::clone(&self.state) }
    }
}

impl<M> fmt::Debug for TokenCache<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenCache")
    }
}

impl<M: Mint> TokenCache<M> {
    /// An empty cache.
    #[must_use]
    pub fn new(mint: M) -> Self {
        Self { mint: Arc::new(mint), state: Arc::default() }
    }

    /// What fetches the tokens.
    #[must_use]
    pub fn mint(&self) -> &M {
        &self.mint
    }

    /// A token that is good now.
    ///
    /// # Errors
    /// What the fetch came to; everybody who waited for it gets the same.
    pub async fn get(&self) -> Outcome {
        let mut flight = {
            let now = Instant::now();
            let mut state = self.locked();
            let held = state.held.as_ref().filter(|held| now < held.ends_at);
            let token = held.map(|held| held.token.clone());
            if held.is_some_and(|held| now < held.renew_at) {
                return token.ok_or_else(abandoned);
            }
            let failed = state.failed.as_ref().filter(|(when, _)| now < *when + FAILURE_KEPT);
            let failed = failed.map(|(_, error)| error.clone());
            match (token, failed) {
                (Some(token), Some(_)) => return Ok(token),
                (None, Some(error)) => return Err(error),
                (token, None) => {
                    let flight = self.join_flight(&mut state);
                    // Renewal happens behind the back of callers whose token is still good.
                    if let Some(token) = token {
                        return Ok(token);
                    }
                    flight
                }
            }
        };
        match flight.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone().unwrap_or_else(|| Err(abandoned())),
            Err(_) => Err(abandoned()),
        }
    }

    /// What may be told about the token that is held, if it is still good.
    #[must_use]
    pub fn held(&self) -> Option<Held> {
        let now = Instant::now();
        let state = self.locked();
        let kept = state.held.as_ref().filter(|kept| now < kept.ends_at)?;
        Some(Held { kind: kept.token.kind, left: kept.ends_at - now })
    }

    /// Drops the token if it is still the one that was refused.
    pub fn invalidate(&self, refused: &AccessToken) {
        let mut state = self.locked();
        if state.held.as_ref().is_some_and(|held| held.token.generation == refused.generation) {
            state.held = None;
        }
    }

    fn join_flight(&self, state: &mut State) -> watch::Receiver<Option<Outcome>> {
        // A closed channel without an outcome is a fetch whose task died; it is replaced.
        if let Some(flight) = state.flight.as_ref().filter(|flight| flight.has_changed().is_ok()) {
            return flight.clone();
        }
        let (landed, flight) = watch::channel(None);
        state.flight = Some(flight.clone());
        let cache = self.clone();
        tokio::spawn(async move {
            let asked_at = Instant::now();
            let minted = cache.mint.mint().await;
            let outcome = cache.settle(asked_at, minted);
            // Nobody may be waiting any more; the token is in the cache all the same.
            let _ = landed.send(Some(outcome));
        });
        flight
    }

    fn settle(&self, asked_at: Instant, minted: Result<Minted, AuthError>) -> Outcome {
        let mut state = self.locked();
        state.flight = None;
        match minted {
            Ok(Minted { token, life, kind }) => {
                let life = life.unwrap_or(ASSUMED_LIFE).min(LONGEST_LIFE);
                state.generation += 1;
                let token = AccessToken { token, kind, generation: state.generation };
                let renew_at = asked_at + (life - EARLY.min(life / 5));
                state.held = Some(Kept { token: token.clone(), renew_at, ends_at: asked_at + life });
                state.failed = None;
                Ok(token)
            }
            Err(error) => {
                state.failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        // No code that holds the lock can panic half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn abandoned() -> AuthError {
    AuthError::new(PullErrorKind::Unreachable, "the token request ended without an outcome", "try again")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use secrecy::ExposeSecret;

    use super::*;

    /// A server whose tokens live `life` and take a second to make; the fetches in `fails` fail.
    struct Server {
        asked: AtomicU64,
        life: Option<u64>,
        fails: Vec<u64>,
    }

    impl Mint for Server {
        async fn mint(&self) -> Result<Minted, AuthError> {
            let number = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
            tokio::time::sleep(Duration::from_secs(1)).await;
            if self.fails.contains(&number) {
                return Err(AuthError::new(PullErrorKind::Unauthorized, "refused", "none"));
            }
            Ok(Minted {
                token: format!("t{number}").into(),
                life: self.life.map(Duration::from_secs),
                kind: TokenKind::Bearer,
            })
        }
    }

    fn cache(life: Option<u64>, fails: &[u64]) -> TokenCache<Server> {
        TokenCache::new(Server { asked: AtomicU64::new(0), life, fails: fails.to_vec() })
    }

    fn asked(cache: &TokenCache<Server>) -> u64 {
        cache.mint().asked.load(Ordering::SeqCst)
    }

    async fn text(cache: &TokenCache<Server>) -> String {
        cache.get().await.unwrap().token.expose_secret().to_owned()
    }

    #[tokio::test(start_paused = true)]
    async fn twenty_callers_make_one_fetch() {
        let cache = cache(Some(3600), &[]);
        let callers: Vec<_> = (0..20)
            .map(|_| {
                let cache = cache.clone();
                tokio::spawn(async move { text(&cache).await })
            })
            .collect();
        for caller in callers {
            assert_eq!(caller.await.unwrap(), "t1");
        }
        assert_eq!(asked(&cache), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_life_beyond_every_clock_is_a_day() {
        let cache = cache(Some(u64::MAX), &[]);
        assert_eq!(text(&cache).await, "t1");
        assert!(cache.held().is_some_and(|held| held.left <= LONGEST_LIFE));
        tokio::time::advance(LONGEST_LIFE).await;
        assert_eq!(text(&cache).await, "t2");
    }

    #[tokio::test(start_paused = true)]
    async fn twenty_refusals_make_one_fetch() {
        let cache = cache(Some(3600), &[]);
        let token = cache.get().await.unwrap();
        let callers: Vec<_> = (0..20)
            .map(|_| {
                let (cache, token) = (cache.clone(), token.clone());
                tokio::spawn(async move {
                    cache.invalidate(&token);
                    text(&cache).await
                })
            })
            .collect();
        for caller in callers {
            assert_eq!(caller.await.unwrap(), "t2");
        }
        cache.invalidate(&token);
        assert_eq!(text(&cache).await, "t2", "an old token's refusal does not touch the new one");
        assert_eq!(asked(&cache), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_renewed_before_its_end_without_anybody_waiting() {
        let cache = cache(Some(3600), &[]);
        assert_eq!(text(&cache).await, "t1");
        tokio::time::advance(Duration::from_secs(3600 - 300 - 5)).await;
        assert_eq!((text(&cache).await.as_str(), asked(&cache)), ("t1", 1));
        tokio::time::advance(Duration::from_secs(10)).await;
        let before = Instant::now();
        assert_eq!(text(&cache).await, "t1");
        assert_eq!(before.elapsed(), Duration::ZERO);
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!((text(&cache).await.as_str(), asked(&cache)), ("t2", 2));
    }

    #[tokio::test(start_paused = true)]
    async fn an_unsaid_life_is_five_minutes_and_a_short_one_is_mostly_used() {
        let cache = cache(None, &[]);
        assert_eq!(text(&cache).await, "t1");
        tokio::time::advance(Duration::from_secs(200)).await;
        assert_eq!((text(&cache).await.as_str(), asked(&cache)), ("t1", 1));
        tokio::time::advance(Duration::from_secs(100)).await;
        assert_eq!(text(&cache).await, "t2");
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_shared_and_kept_for_two_seconds() {
        let cache = cache(Some(3600), &[1]);
        let (one, two) = tokio::join!(cache.get(), cache.get());
        assert!(one.is_err() && two.is_err());
        assert!(cache.get().await.is_err());
        assert_eq!(asked(&cache), 1);
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(text(&cache).await, "t2");
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_renewal_leaves_the_good_token_in_use() {
        let cache = cache(Some(3600), &[2]);
        assert_eq!(text(&cache).await, "t1");
        tokio::time::advance(Duration::from_secs(3400)).await;
        for _ in 0..3 {
            assert_eq!(text(&cache).await, "t1");
            tokio::time::sleep(Duration::from_millis(1100)).await;
        }
        assert_eq!(asked(&cache), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_who_leaves_does_not_stop_the_fetch() {
        let cache = cache(Some(3600), &[]);
        let impatient = tokio::time::timeout(Duration::from_millis(10), cache.get()).await;
        assert!(impatient.is_err());
        assert_eq!((text(&cache).await.as_str(), asked(&cache)), ("t1", 1));
    }

    #[tokio::test(start_paused = true)]
    async fn how_long_a_token_is_good_can_be_told() {
        let cache = cache(Some(3600), &[]);
        assert_eq!(cache.held(), None);
        let token = cache.get().await.unwrap();
        tokio::time::advance(Duration::from_secs(599)).await;
        assert_eq!(cache.held(), Some(Held { kind: TokenKind::Bearer, left: Duration::from_secs(3000) }));
        cache.invalidate(&token);
        assert_eq!(cache.held(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_not_in_its_debug_text() {
        let cache = cache(Some(3600), &[]);
        let token = cache.get().await.unwrap();
        assert_eq!(format!("{token:?} {cache:?}"), "AccessToken(#1) TokenCache");
    }
}
