//! Entries for the parsers of token answers, challenges and private keys.

use std::sync::Mutex;

use chrono::{DateTime, Utc};
use url::Url;

use super::assertion::{NamedKey, SigningCertificate};
use super::dpop::{Party, Possession, asks_for_nonce};
use super::exchange::{Record, Refused, understood};
use super::refusal::explain;
use super::{ClockOffset, Dpop};
use crate::error::PullError;
use crate::fuzzing::{answer, require_bounded, require_private, require_private_error};

/// An answer of a token endpoint.
pub(crate) fn token(input: &[u8]) {
    let answer = answer(input);
    let record = Mutex::<Record>::default();
    let usable = understood(&answer, &record);
    let record = record.into_inner().expect("nothing panicked with it");
    match (usable, record.refused) {
        (Ok(usable), None) => {
            assert!(answer.status.is_success(), "a refusal is taken for a token");
            require_bounded(input, usable.body().len());
            let body: serde_json::Value = serde_json::from_slice(usable.body()).expect("what we write is JSON");
            let known = ["access_token", "token_type", "expires_in"];
            assert!(body.as_object().is_some_and(|body| body.keys().all(|key| known.contains(&key.as_str()))));
            assert!(body.get("expires_in").is_none_or(serde_json::Value::is_u64), "a life that is no number");
        }
        (Err(_), Some(refused)) => {
            if let Refused::Status { status, .. } = &refused {
                assert_eq!(*status, answer.status.as_u16());
            }
            require_private_error(&PullError::from(explain(&refused)));
        }
        _ => panic!("neither a token nor a reason"),
    }
    let possession = Possession::new(Dpop::Never);
    possession.note(Party::Api, &answer.headers);
    assert!(possession.nonce(Party::Authorization).is_none(), "the nonces of two parties mix");
    assert!(possession.nonce(Party::Api).is_none_or(|nonce| (1..=1024).contains(&nonce.len())));
    let _ = asks_for_nonce(answer.status, &answer.headers);
    let offset = ClockOffset::default();
    offset.measure(&answer.headers, DateTime::<Utc>::UNIX_EPOCH);
    let ahead = offset.seconds().and_then(chrono::TimeDelta::try_seconds).unwrap_or_default();
    let _ = DateTime::<Utc>::UNIX_EPOCH.checked_add_signed(ahead);
}

/// A PEM, a JWK, or anything else that stands where a private key should.
pub(crate) fn key(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let token_url = Url::parse("https://login.example.com/token").expect("an address");
    let now = DateTime::<Utc>::UNIX_EPOCH;
    match NamedKey::read(text, Some("kid")) {
        Ok(key) => {
            // What was read can sign, or says that it cannot.
            let signed = key.assertion("client", token_url.as_str(), now);
            assert!(signed.is_ok_and(|jwt| jwt.split('.').count() == 3), "a key that was taken does not sign");
        }
        Err(error) => require_private(&format!("{error} {error:?}")),
    }
    match SigningCertificate::from_pem(text) {
        Ok(certificate) => {
            let _ = certificate.ends();
            assert!(!format!("{certificate:?}").contains("PRIVATE"));
        }
        Err(error) => require_private(&format!("{error} {error:?}")),
    }
}
