//! A token by client credentials: which proof is presented, what may be tried again, and what a refusal means.
//!
//! The meaning of AADSTS numbers: Microsoft identity platform, "Microsoft Entra authentication and authorization error
//! codes".
//!
//! Invariant: a secret is read when it is needed and forgotten after the exchange.
//! Invariant: a refusal is repeated in two cases only, once each: the secret has changed since, or the clock was wrong.

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::exchange::{Endpoint, Presented, Refused};
use super::{AuthError, ClockOffset, Mint, Minted, SigningCertificate, WallClock};
use crate::error::PullErrorKind;
use crate::http::{Attempt, GaveUp, HttpClient, TransportError, Tried, is_passing, retrying};
use crate::secret::SecretSource;

/// The assertion is outside its validity: somebody's clock is wrong.
const CLOCK_WRONG: u64 = 700_024;

/// How the client proves who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// A secret, sent in the body.
    Secret(SecretSource),
    /// A PEM with certificate and private key, which signs an assertion.
    Certificate(SecretSource),
}

/// Fetches tokens for one client at one token endpoint.
#[derive(Debug)]
pub struct ClientCredentials {
    endpoint: Endpoint,
    proof: Proof,
}

impl ClientCredentials {
    /// A client. `scope` is sent as it is; `url` is the token endpoint and the assertion's audience, letter by letter.
    #[must_use]
    pub fn new(http: HttpClient, url: Url, client_id: String, scope: String, proof: Proof, clock: WallClock) -> Self {
        let offset = ClockOffset::default();
        Self { endpoint: Endpoint { http, url, client_id, scope, clock, offset }, proof }
    }

    /// How far the token endpoint's clock is from ours.
    #[must_use]
    pub fn clock_offset(&self) -> &ClockOffset {
        &self.endpoint.offset
    }

    /// Until when the certificate is valid, and how many days that is from now; `None` for a secret, or if it cannot be
    /// read.
    #[must_use]
    pub fn certificate_ends(&self) -> Option<(DateTime<Utc>, i64)> {
        let Proof::Certificate(source) = &self.proof else { return None };
        let ends = SigningCertificate::from_pem(source.read().ok()?.expose_secret()).ok()?.ends()?;
        Some((ends, ends.signed_duration_since((self.endpoint.clock)()).num_days()))
    }

    fn read_secret(&self) -> Result<SecretString, AuthError> {
        let (Proof::Secret(source) | Proof::Certificate(source)) = &self.proof;
        source.read().map_err(|error| AuthError::new(PullErrorKind::Unauthorized, error.to_string(), error.hint()))
    }

    fn present<'a>(&self, secret: &'a SecretString, at: DateTime<Utc>) -> Result<Presented<'a>, AuthError> {
        let pem = match &self.proof {
            Proof::Secret(_) => return Ok(Presented::Secret(secret)),
            Proof::Certificate(_) => secret.expose_secret(),
        };
        SigningCertificate::from_pem(pem)
            .and_then(|certificate| certificate.assertion(&self.endpoint.client_id, self.endpoint.url.as_str(), at))
            .map(Presented::Assertion)
            .map_err(|error| {
                let hint = "give a PEM with the certificate and its RSA private key (PKCS#8 or PKCS#1)";
                AuthError::new(PullErrorKind::Unauthorized, error.to_string(), hint)
            })
    }

    /// Asks until the endpoint says yes or no. `ahead` corrects our clock.
    async fn ask(&self, secret: &SecretString, ahead: TimeDelta) -> Result<Result<Minted, Refused>, AuthError> {
        // Checked before anything is sent; inside the loop the same call cannot fail any more.
        self.present(secret, (self.endpoint.clock)() + ahead)?;
        let rules = &self.endpoint.http.limits().retry;
        let tried = retrying(rules, || async {
            let presented = match self.present(secret, (self.endpoint.clock)() + ahead) {
                Ok(presented) => presented,
                Err(error) => return Attempt::Take(Err(Failure::Own(error))),
            };
            match self.endpoint.exchange(&presented).await {
                Ok(minted) => Attempt::Take(Ok(minted)),
                Err(Refused::Status { status, asked, error, codes }) if passing(status) => {
                    Attempt::Again(Err(Failure::Theirs(Refused::Status { status, asked, error, codes })), asked)
                }
                Err(Refused::Transport(error)) if !matches!(error, TransportError::TooBig { .. }) => {
                    Attempt::Again(Err(Failure::Theirs(Refused::Transport(error))), None)
                }
                Err(refused) => Attempt::Take(Err(Failure::Theirs(refused))),
            }
        })
        .await;
        match tried {
            Tried { gave_up: Some(GaveUp::WaitTooLong(wait)), .. } => Err(AuthError::new(
                PullErrorKind::Throttled,
                format!("the token endpoint asks to wait for {} s", wait.as_secs()),
                "wait; something else uses this application's credentials heavily",
            )),
            Tried { got: Ok(minted), .. } => Ok(Ok(minted)),
            Tried { got: Err(Failure::Theirs(refused)), .. } => Ok(Err(refused)),
            Tried { got: Err(Failure::Own(error)), .. } => Err(error),
        }
    }
}

enum Failure {
    Own(AuthError),
    Theirs(Refused),
}

fn passing(status: u16) -> bool {
    reqwest::StatusCode::from_u16(status).is_ok_and(is_passing)
}

impl Mint for ClientCredentials {
    async fn mint(&self) -> Result<Minted, AuthError> {
        let mut secret = self.read_secret()?;
        let mut ahead = TimeDelta::zero();
        let (mut may_reread, mut may_correct) = (true, true);
        loop {
            let refused = match self.ask(&secret, ahead).await? {
                Ok(minted) => return Ok(minted),
                Err(refused) => refused,
            };
            let Refused::Status { error, codes, .. } = &refused else { return Err(explain(&refused)) };
            if may_correct && codes.contains(&CLOCK_WRONG) {
                may_correct = false;
                if let Some(seconds) = self.endpoint.offset.seconds().filter(|seconds| *seconds != 0) {
                    ahead = TimeDelta::try_seconds(seconds).unwrap_or_default();
                    continue;
                }
            }
            if may_reread && error == "invalid_client" {
                may_reread = false;
                // A rotated secret takes effect without a restart.
                let again = self.read_secret()?;
                if again.expose_secret() != secret.expose_secret() {
                    secret = again;
                    continue;
                }
            }
            return Err(explain(&refused));
        }
    }
}

/// What an AADSTS number means, and what to do.
fn known(code: u64) -> Option<(&'static str, &'static str)> {
    Some(match code {
        7_000_215 => {
            ("the client secret is wrong", "store the secret's *value*, not its id, from the app registration")
        }
        7_000_222 => ("the client secret has expired", "create a new secret in the app registration and store it"),
        700_016 => ("the application is not known in this tenant", "check client_id and tenant"),
        700_027 => (
            "the certificate is not the application's",
            "upload this certificate to the app registration's certificates",
        ),
        700_024 => ("the assertion is outside its validity", "set this machine's clock (NTP)"),
        90_002 => ("the tenant does not exist", "check tenant: its id or a verified domain"),
        900_023 => ("the tenant is neither an id nor a domain", "check tenant: its id or a verified domain"),
        1_002_012 | 70_011 => ("the scope is not valid for this cloud", "check graph_url and login_url: same cloud?"),
        53_003 => ("a conditional-access policy blocks the application", "exclude the application from the policy"),
        7_000_112 => ("the application is disabled in this tenant", "enable it under enterprise applications"),
        _ => return None,
    })
}

fn explain(refused: &Refused) -> AuthError {
    match refused {
        Refused::Transport(error) => AuthError::new(
            match error {
                TransportError::Unreachable(_) => PullErrorKind::Unreachable,
                TransportError::CutShort(_) => PullErrorKind::Protocol,
                TransportError::TooBig { .. } => PullErrorKind::BoundReached,
            },
            format!("the token endpoint gave no usable answer: {error}"),
            "check login_url, name resolution, proxy and firewall",
        ),
        Refused::NotAToken(why) => AuthError::new(
            PullErrorKind::Protocol,
            format!("the token endpoint's answer is not a token: {why}"),
            "check login_url; a proxy may have answered in its place",
        ),
        Refused::Status { status, .. } if (300..400).contains(status) => AuthError::new(
            PullErrorKind::ForeignLink,
            format!("the token endpoint redirects (status {status}); redirects are not followed with a credential"),
            "check login_url",
        ),
        Refused::Status { status: 429, .. } => {
            AuthError::new(PullErrorKind::Throttled, "the token endpoint is still throttling", "wait and try again")
        }
        Refused::Status { status, .. } if passing(*status) => AuthError::new(
            PullErrorKind::RemoteFailure,
            format!("the token endpoint fails with status {status}"),
            "wait and try again; see the provider's status page",
        ),
        Refused::Status { status, error, codes, .. } => {
            let code = codes.first().map(|code| format!(", AADSTS{code}")).unwrap_or_default();
            let known = codes.iter().find_map(|code| known(*code));
            let (meaning, hint) = known.unwrap_or(("no token was given", "check tenant, client_id and the credential"));
            let error = if error.is_empty() { "no error code" } else { error };
            AuthError::new(PullErrorKind::Unauthorized, format!("{meaning} ({error}{code}, status {status})"), hint)
        }
    }
}

#[cfg(test)]
mod tests;
