//! Proof of possession (RFC 9449): every request shows that its sender holds the key its token is bound to.
//!
//! Invariant: the key is made when the connection is, lives in memory only, and is no client's key. A proof carries its
//! public half.
//! Invariant: a proof is good for one request: new `jti`, this method, this address without query and fragment, and, with
//! a token, this token.
//! Invariant: the nonces of the authorization server and of the API never mix; of each, the newest is used.
//! Deliberately absent: binding codes and refresh tokens, which this grant does not have.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use url::Url;
use uuid::Uuid;

use super::AssertionError;
use super::key::{Algorithm, SigningKey};

/// The header that carries a proof.
const DPOP: HeaderName = HeaderName::from_static("dpop");

/// The header that carries a nonce (RFC 9449, section 8.1).
const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// The longest nonce that is kept; servers send some dozen characters.
const LONGEST_NONCE: usize = 1024;

/// When to prove possession of a key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Dpop {
    /// Never; a server that asks for it is refused.
    #[default]
    Never,
    /// From when the token endpoint asks for it.
    WhenAsked,
    /// From the first request; a token that is not bound to the key is refused.
    Always,
}

/// Whose nonce it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Party {
    Authorization,
    Api,
}

#[derive(Default)]
struct Nonces {
    authorization: Option<String>,
    api: Option<String>,
}

/// A proof, with the nonce that is in it.
pub(super) struct Proven {
    value: HeaderValue,
    pub(super) nonce: Option<String>,
}

/// The key of a connection and what the servers have said about proofs.
pub(super) struct Possession {
    mode: Dpop,
    asked: AtomicBool,
    key: Option<Result<SigningKey, AssertionError>>,
    nonces: Mutex<Nonces>,
}

impl fmt::Debug for Possession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Possession({:?})", self.mode)
    }
}

#[derive(Serialize)]
struct Header {
    typ: &'static str,
    alg: Algorithm,
    jwk: Option<Value>,
}

#[derive(Serialize)]
struct Claims<'a> {
    jti: String,
    htm: &'a str,
    htu: &'a str,
    iat: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ath: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
}

impl Possession {
    pub(super) fn new(mode: Dpop) -> Self {
        let key = (mode != Dpop::Never).then(SigningKey::generate);
        Self { mode, asked: AtomicBool::new(mode == Dpop::Always), key, nonces: Mutex::default() }
    }

    /// Whether token requests carry a proof now.
    pub(super) fn proving(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// Takes note that the token endpoint asks for proofs. `false` if none may be given.
    pub(super) fn begin(&self) -> bool {
        let may = self.mode != Dpop::Never;
        self.asked.fetch_or(may, Ordering::Relaxed);
        may
    }

    /// The newest nonce of a server.
    pub(super) fn nonce(&self, party: Party) -> Option<String> {
        let nonces = self.nonces.lock().unwrap_or_else(PoisonError::into_inner);
        match party {
            Party::Authorization => nonces.authorization.clone(),
            Party::Api => nonces.api.clone(),
        }
    }

    /// Keeps the nonce of an answer, of whatever status.
    pub(super) fn note(&self, party: Party, headers: &HeaderMap) {
        let nonce = headers.get(DPOP_NONCE).and_then(|nonce| nonce.to_str().ok());
        let Some(nonce) = nonce.filter(|nonce| (1..=LONGEST_NONCE).contains(&nonce.len())) else { return };
        let mut nonces = self.nonces.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = match party {
            Party::Authorization => &mut nonces.authorization,
            Party::Api => &mut nonces.api,
        };
        *kept = Some(nonce.to_owned());
    }

    /// A proof for one request at the server's time `now`; with the token, if the request carries one.
    pub(super) fn prove(
        &self,
        party: Party,
        method: &Method,
        url: &Url,
        token: Option<&SecretString>,
        now: DateTime<Utc>,
    ) -> Result<Proven, AssertionError> {
        let key = match &self.key {
            Some(Ok(key)) => key,
            Some(Err(error)) => return Err(*error),
            None => return Err(AssertionError::NoKey),
        };
        let mut htu = url.clone();
        htu.set_query(None);
        htu.set_fragment(None);
        let nonce = self.nonce(party);
        let header = Header { typ: "dpop+jwt", alg: key.algorithm(), jwk: key.public_jwk() };
        let claims = Claims {
            jti: Uuid::new_v4().to_string(),
            htm: method.as_str(),
            htu: htu.as_str(),
            iat: now.timestamp(),
            ath: token.map(|token| URL_SAFE_NO_PAD.encode(Sha256::digest(token.expose_secret()))),
            nonce: nonce.as_deref(),
        };
        let jwt = key.sign(&header, &claims)?;
        let mut value = HeaderValue::try_from(jwt).map_err(|_| AssertionError::CannotSign)?;
        value.set_sensitive(true);
        Ok(Proven { value, nonce })
    }
}

impl Proven {
    pub(super) fn put(&self, headers: &mut HeaderMap) {
        headers.insert(DPOP, self.value.clone());
    }
}

/// Whether an API's answer asks for a proof with its nonce (RFC 9449, section 9). Okta answers proofs with 400 as well as
/// with 401; the challenge is what counts.
pub(super) fn asks_for_nonce(status: StatusCode, headers: &HeaderMap) -> bool {
    let challenged = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok()).any(|value| {
        let value = value.to_ascii_lowercase();
        value.find("dpop").is_some_and(|at| value[at..].contains("use_dpop_nonce"))
    });
    challenged && matches!(status.as_u16(), 400 | 401)
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::jwk::{Jwk, ThumbprintHash};
    use jsonwebtoken::{DecodingKey, Validation};

    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_772_446_501, 0).unwrap()
    }

    /// The proof as another implementation reads it, verified with the key it carries.
    fn read(proven: &Proven) -> (jsonwebtoken::Header, Value) {
        let jwt = proven.value.to_str().unwrap();
        let header = jsonwebtoken::decode_header(jwt).unwrap();
        let key = DecodingKey::from_jwk(header.jwk.as_ref().unwrap()).unwrap();
        let mut validation = Validation::new(jsonwebtoken::Algorithm::ES256);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        let claims = jsonwebtoken::decode::<Value>(jwt, &key, &validation).unwrap().claims;
        (header, claims)
    }

    fn headers(name: &'static str, values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn a_proof_says_what_it_is_for_and_no_more() {
        let possession = Possession::new(Dpop::Always);
        let url = Url::parse("https://example.okta.com/api/v1/users?after=x&limit=200#top").unwrap();
        let token = SecretString::from("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU");
        let proven = possession.prove(Party::Api, &Method::GET, &url, Some(&token), now()).unwrap();
        assert!(proven.value.is_sensitive());
        let (header, claims) = read(&proven);
        assert_eq!((header.typ.as_deref(), header.alg), (Some("dpop+jwt"), jsonwebtoken::Algorithm::ES256));
        let first = proven.value.to_str().unwrap().split('.').next().unwrap().to_owned();
        let raw: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(first).unwrap()).unwrap();
        let members: Vec<_> = raw["jwk"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(members, ["crv", "kty", "x", "y"], "the public half only");
        assert_eq!(claims["htm"], "GET");
        assert_eq!(claims["htu"], "https://example.okta.com/api/v1/users");
        assert_eq!(claims["iat"], 1_772_446_501);
        // RFC 9449, section 7.1, shows this token with this hash.
        assert_eq!(claims["ath"], "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo");
        assert_eq!(claims.get("nonce"), None);
        let again = possession.prove(Party::Api, &Method::GET, &url, Some(&token), now()).unwrap();
        let (header_again, claims_again) = read(&again);
        assert_ne!(claims["jti"], claims_again["jti"], "good for one request");
        let print = |header: &jsonwebtoken::Header| {
            header.jwk.as_ref().map(|jwk: &Jwk| jwk.thumbprint(ThumbprintHash::SHA256).unwrap())
        };
        assert_eq!(print(&header), print(&header_again), "one key per connection");
        let other = Possession::new(Dpop::Always).prove(Party::Api, &Method::GET, &url, None, now()).unwrap();
        let (header_other, claims_other) = read(&other);
        assert_ne!(print(&header), print(&header_other));
        assert_eq!(claims_other.get("ath"), None);
    }

    #[test]
    fn nonces_are_kept_apart_and_the_newest_counts() {
        let possession = Possession::new(Dpop::WhenAsked);
        let url = Url::parse("https://example.okta.com/oauth2/v1/token").unwrap();
        let nonce = |party| {
            let proven = possession.prove(party, &Method::POST, &url, None, now()).unwrap();
            let said = read(&proven).1.get("nonce").and_then(Value::as_str).map(str::to_owned);
            assert_eq!(said, proven.nonce);
            said
        };
        assert_eq!((nonce(Party::Authorization), nonce(Party::Api)), (None, None));
        possession.note(Party::Authorization, &headers("dpop-nonce", &["n1"]));
        assert_eq!((nonce(Party::Authorization).as_deref(), nonce(Party::Api)), (Some("n1"), None));
        possession.note(Party::Api, &headers("DPoP-Nonce", &["a1"]));
        possession.note(Party::Authorization, &headers("dpop-nonce", &["n2"]));
        possession.note(Party::Api, &HeaderMap::new());
        for nonsense in [String::new(), "x".repeat(LONGEST_NONCE + 1)] {
            possession.note(Party::Api, &headers("dpop-nonce", &[nonsense.as_str()]));
        }
        assert_eq!((nonce(Party::Authorization).as_deref(), nonce(Party::Api).as_deref()), (Some("n2"), Some("a1")));
    }

    #[test]
    fn nothing_is_proved_before_it_may_be() {
        for (mode, at_once, may) in
            [(Dpop::Never, false, false), (Dpop::WhenAsked, false, true), (Dpop::Always, true, true)]
        {
            let possession = Possession::new(mode);
            assert_eq!(possession.proving(), at_once, "{mode:?}");
            assert_eq!(possession.begin(), may, "{mode:?}");
            assert_eq!(possession.proving(), may, "{mode:?}");
            assert_eq!(format!("{possession:?}"), format!("Possession({mode:?})"));
        }
    }

    #[test]
    fn a_challenge_is_told_from_a_refusal() {
        let check = |status: u16, values: &[&str]| {
            asks_for_nonce(StatusCode::from_u16(status).unwrap(), &headers("www-authenticate", values))
        };
        for values in [
            &["DPoP error=\"use_dpop_nonce\", error_description=\"x\""] as &[&str],
            &["DPoP algs=\"ES256\", error=\"use_dpop_nonce\""],
            &["Bearer realm=\"x\"", "DPoP error=use_dpop_nonce"],
            &["Bearer realm=\"x\", dpop error=\"use_dpop_nonce\""],
        ] {
            assert!(check(401, values) && check(400, values), "{values:?}");
            assert!(!check(403, values) && !check(200, values), "{values:?}");
        }
        for values in [&[] as &[&str], &["DPoP error=\"invalid_token\""], &["Bearer error=\"use_dpop_nonce\""]] {
            assert!(!check(401, values), "{values:?}");
        }
    }
}
