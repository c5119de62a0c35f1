//! Proofs of possession: what a `DPoP` header must be at the token endpoint and with every call.
//!
//! (RFC 9449, 4.3, 5, 7 and 8; okta-developer-docs, "Configure OAuth 2.0 Demonstrating Proof-of-Possession".)

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest, Sha256};

use super::call::Call;
use super::clients::Clients;
use super::jwt::Jwt;

/// How old a proof may be, and how far ahead its clock.
const OLDEST_SECS: i64 = 300;
const EARLIEST_SECS: i64 = 60;

/// Why a proof is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Doubt {
    /// It is wrong; the reason is for people.
    Invalid(&'static str),
    /// It is right but for a nonce.
    Nonce,
}

/// What is demanded of a proof beside what every proof must be.
pub(super) struct Demand<'a> {
    /// The URL that was called, without query.
    pub(super) url: &'a str,
    pub(super) nonce: bool,
    /// The access token the proof goes with.
    pub(super) token: Option<&'a str>,
}

/// The thumbprint of the key a call proves to hold. `None`: it proves none.
pub(super) fn proven(
    clients: &mut Clients,
    call: &Call,
    demand: &Demand<'_>,
    now: DateTime<Utc>,
) -> Result<Option<String>, Doubt> {
    use Doubt::Invalid;
    match call.count_of("dpop") {
        0 => return Ok(None),
        1 => {}
        _ => return Err(Invalid("There must be one DPoP header.")),
    }
    let proof = call.header("dpop").and_then(Jwt::read).ok_or(Invalid("The DPoP proof JWT is malformed."))?;
    if proof.header["typ"] != "dpop+jwt" {
        return Err(Invalid("The DPoP proof JWT header must have the type 'dpop+jwt'."));
    }
    if proof.algorithm().is_none() {
        return Err(Invalid("The DPoP proof JWT uses an unsupported algorithm."));
    }
    let key = proof.enclosed_key().ok_or(Invalid("The DPoP proof JWT header must contain a public 'jwk'."))?;
    let (key, thumbprint) = key;
    if !proof.is_signed_by(&key) {
        return Err(Invalid("The DPoP proof JWT signature is invalid."));
    }
    if proof.text("htm") != Some(call.method.as_str()) {
        return Err(Invalid("The 'htm' claim does not match the HTTP method of the request."));
    }
    if proof.text("htu") != Some(demand.url) {
        return Err(Invalid("The 'htu' claim does not match the URL of the request."));
    }
    let age = proof.seconds("iat").map(|made| now.timestamp() - made);
    if !age.is_some_and(|age| (-EARLIEST_SECS..=OLDEST_SECS).contains(&age)) {
        return Err(Invalid("The 'iat' claim is missing or out of range."));
    }
    if let Some(token) = demand.token {
        let hash = URL_SAFE_NO_PAD.encode(Sha256::digest(token));
        if proof.text("ath") != Some(&hash) {
            return Err(Invalid("The 'ath' claim does not match the access token."));
        }
    }
    let id = proof.text("jti").ok_or(Invalid("The 'jti' claim is missing."))?;
    let until = now + TimeDelta::seconds(OLDEST_SECS + EARLIEST_SECS);
    if !clients.first_use(format!("proof {thumbprint} {id}"), until, now) {
        return Err(Invalid("The DPoP proof JWT has already been used."));
    }
    match proof.text("nonce") {
        Some(nonce) if clients.takes_nonce(nonce, now) => {}
        None if !demand.nonce => {}
        _ => return Err(Doubt::Nonce),
    }
    Ok(Some(thumbprint))
}
