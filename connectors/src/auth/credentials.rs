//! A token by client credentials: one request for a token, and what may be tried again.
//!
//! Invariant: a repeated request is a new request, with a new assertion and a new proof.
//! Invariant: beyond the ordinary retries, a refusal is answered in four cases only, once each: the server asks for a proof
//! of possession, for a nonce in it, its clock is another one than ours, or the secret has changed since.

use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Method;
use reqwest::header::HeaderMap;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::client::OAuthClient;
use super::dpop::{Party, Possession, Proven};
use super::exchange::{Endpoint, Granted, Refused};
use super::refusal::{explain, passing};
use super::{AccessToken, AuthError, ClockOffset, Mint, Minted, WallClock};
use crate::error::PullErrorKind;
use crate::http::{Attempt, GaveUp, HttpClient, TransportError, Tried, retrying};

/// From this many seconds on, a refusal for a reason unstated may be about the clock.
const SUSPECT_SECS: u64 = 60;

/// Fetches tokens for one client at one token endpoint.
#[derive(Debug)]
pub struct ClientCredentials {
    endpoint: Endpoint,
    /// Whether assertions are dated by the server's clock, as ours was found to be wrong.
    corrected: AtomicBool,
}

impl ClientCredentials {
    /// A client. Nothing is sent yet.
    #[must_use]
    pub fn new(http: HttpClient, client: OAuthClient, clock: WallClock) -> Self {
        let possession = Possession::new(client.dpop);
        let offset = ClockOffset::default();
        Self { endpoint: Endpoint { http, client, clock, offset, possession }, corrected: AtomicBool::new(false) }
    }

    /// The client.
    #[must_use]
    pub fn client(&self) -> &OAuthClient {
        &self.endpoint.client
    }

    /// How far the token endpoint's clock is from ours.
    #[must_use]
    pub fn clock_offset(&self) -> &ClockOffset {
        &self.endpoint.offset
    }

    /// Until when the certificate is valid, and how many days that is from now; `None` for other proofs, or if it cannot be
    /// read.
    #[must_use]
    pub async fn certificate_ends(&self) -> Option<(DateTime<Utc>, i64)> {
        let ends = self.endpoint.client.proof.ends().await?;
        Some((ends, ends.signed_duration_since((self.endpoint.clock)()).num_days()))
    }

    /// Puts a proof for one request beside the token that is bound to its key.
    pub(super) fn prove(
        &self,
        method: &Method,
        url: &Url,
        token: &AccessToken,
        headers: &mut HeaderMap,
    ) -> Result<Proven, AuthError> {
        let proven =
            self.endpoint.possession.prove(Party::Api, method, url, Some(&token.token), self.servers_time())?;
        proven.put(headers);
        Ok(proven)
    }

    /// Keeps the nonce of an API's answer and gives back the newest one.
    pub(super) fn note(&self, headers: &HeaderMap) -> Option<String> {
        self.endpoint.possession.note(Party::Api, headers);
        self.endpoint.possession.nonce(Party::Api)
    }

    /// The time by the server's clock, as far as it is known.
    fn servers_time(&self) -> DateTime<Utc> {
        let ahead = self.endpoint.offset.seconds().and_then(TimeDelta::try_seconds).unwrap_or_default();
        (self.endpoint.clock)() + ahead
    }

    /// The time that goes into an assertion: ours, until it was found to be wrong.
    fn time(&self) -> DateTime<Utc> {
        if self.corrected.load(Ordering::Relaxed) { self.servers_time() } else { (self.endpoint.clock)() }
    }

    /// From now on assertions are dated by the server's clock, if that makes a difference.
    fn correct(&self) -> bool {
        let differs = self.endpoint.offset.seconds().is_some_and(|seconds| seconds != 0);
        self.corrected.fetch_or(differs, Ordering::Relaxed);
        differs
    }

    /// Whether a refusal may come from a wrong clock: it says so, or it says nothing and the clocks are far apart.
    fn may_be_the_clock(&self, error: &str, codes: &[u64], stated: Option<bool>) -> bool {
        let signs = self.endpoint.client.proof.signs() || self.endpoint.possession.proving();
        let far = self.endpoint.offset.seconds().is_some_and(|seconds| seconds.unsigned_abs() > SUSPECT_SECS);
        let vague = codes.is_empty() && ["invalid_client", "invalid_grant", "invalid_dpop_proof"].contains(&error);
        stated.unwrap_or(signs && far && vague)
    }

    /// One attempt, repeated at once if the endpoint asks for a proof of possession, or for its nonce in it.
    async fn attempt(&self, secret: &SecretString) -> Result<Granted, Failure> {
        let Endpoint { client, possession, .. } = &self.endpoint;
        let (mut may_begin, mut may_renew) = (true, true);
        loop {
            let presented = client.proof.present(secret, client, self.time()).map_err(Failure::Own)?;
            let proof = possession
                .proving()
                .then(|| {
                    let time = self.servers_time();
                    possession.prove(Party::Authorization, &Method::POST, &client.token_url, None, time)
                })
                .transpose()
                .map_err(|error| Failure::Own(error.into()))?;
            let refused = match self.endpoint.exchange(&presented, proof.as_ref()).await {
                Ok(granted) => return Ok(granted),
                Err(refused) => refused,
            };
            let Refused::Status { status: 400 | 401, error, .. } = &refused else {
                return Err(Failure::Theirs(refused));
            };
            let again = match (error.as_str(), &proof) {
                // There is no grant here that could be invalid: this is how `oidc-provider` misses a proof.
                ("use_dpop_nonce" | "invalid_dpop_proof" | "invalid_grant", None) => {
                    std::mem::take(&mut may_begin) && possession.begin()
                }
                ("use_dpop_nonce" | "invalid_dpop_proof", Some(sent)) => {
                    possession.nonce(Party::Authorization) != sent.nonce && std::mem::take(&mut may_renew)
                }
                _ => false,
            };
            if !again {
                return Err(Failure::Theirs(refused));
            }
            tracing::debug!(client_id = client.client_id, "the token endpoint asks for a proof of possession");
        }
    }

    /// Asks until the endpoint says yes or no.
    async fn ask(&self, secret: &SecretString) -> Result<Result<Granted, Refused>, AuthError> {
        let rules = &self.endpoint.http.limits().retry;
        let tried = retrying(rules, || async {
            match self.attempt(secret).await {
                Err(Failure::Theirs(refused)) if is_passing(&refused) => {
                    let asked = if let Refused::Status { asked, .. } = &refused { *asked } else { None };
                    Attempt::Again(Err(Failure::Theirs(refused)), asked)
                }
                got => Attempt::Take(got),
            }
        })
        .await;
        match tried {
            Tried { gave_up: Some(GaveUp::WaitTooLong(wait)), .. } => Err(AuthError::new(
                PullErrorKind::Throttled,
                format!("the token endpoint asks to wait for {} s", wait.as_secs()),
                "wait; something else uses this application's credentials heavily",
            )),
            Tried { got: Ok(granted), .. } => Ok(Ok(granted)),
            Tried { got: Err(Failure::Theirs(refused)), .. } => Ok(Err(refused)),
            Tried { got: Err(Failure::Own(error)), .. } => Err(error),
        }
    }

    /// Takes a token that is good for what was asked for.
    fn accept(&self, granted: Granted) -> Result<Minted, AuthError> {
        let Granted { minted, scopes } = granted;
        let client = &self.endpoint.client;
        if let Some(missing) = client.missing(scopes.as_deref()) {
            return Err(AuthError::new(
                PullErrorKind::Forbidden,
                format!("the token was given without the scope {missing}"),
                format!("grant {missing} to the application {}", client.client_id),
            ));
        }
        let life = minted.life.map(|life| life.as_secs());
        tracing::debug!(client_id = client.client_id, proof = %client.proof, kind = ?minted.kind, life, "access token");
        Ok(minted)
    }

    /// The error for a refusal that is final; a clock that is far off is named beside whatever else is said.
    fn final_word(&self, refused: &Refused) -> AuthError {
        let mut error = explain(refused);
        let apart = self.endpoint.offset.seconds().filter(|seconds| seconds.unsigned_abs() > SUSPECT_SECS);
        if let Some(seconds) = apart.filter(|_| self.endpoint.client.proof.signs()) {
            error.hint = format!("{}; the server's clock is {seconds} s ahead of this machine's", error.hint);
        }
        error
    }
}

enum Failure {
    Own(AuthError),
    Theirs(Refused),
}

fn is_passing(refused: &Refused) -> bool {
    match refused {
        Refused::Status { status, .. } => passing(*status),
        Refused::Transport(error) => !matches!(error, TransportError::TooBig { .. } | TransportError::Untrusted(_)),
        Refused::NotAToken(_) | Refused::Unbound => false,
    }
}

impl Mint for ClientCredentials {
    async fn mint(&self) -> Result<Minted, AuthError> {
        let client = &self.endpoint.client;
        client.require_sane()?;
        let mut secret = client.proof.read().await?;
        let (mut may_reread, mut may_correct) = (true, true);
        loop {
            let refused = match self.ask(&secret).await? {
                Ok(granted) => return self.accept(granted),
                Err(refused) => refused,
            };
            let Refused::Status { status, error, codes, stated, .. } = &refused else { return Err(explain(&refused)) };
            tracing::debug!(client_id = client.client_id, status, error, ?codes, "no access token");
            let clock = self.may_be_the_clock(error, codes, stated.map(|known| known.clock));
            if may_correct && clock && self.correct() {
                may_correct = false;
                continue;
            }
            if may_reread && error == "invalid_client" {
                may_reread = false;
                // A rotated secret takes effect without a restart.
                let again = client.proof.read_again(&secret).await?;
                if again.expose_secret() != secret.expose_secret() {
                    secret = again;
                    continue;
                }
            }
            return Err(self.final_word(&refused));
        }
    }
}

#[cfg(test)]
mod tests;
