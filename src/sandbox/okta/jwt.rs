//! Signed texts: reading them without trust, and checking signatures against registered or enclosed keys.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::Value;

/// What Okta signs and checks with; shared secrets are not among them.
const ALGORITHMS: &[(&str, Algorithm)] = &[
    ("RS256", Algorithm::RS256),
    ("RS384", Algorithm::RS384),
    ("RS512", Algorithm::RS512),
    ("ES256", Algorithm::ES256),
    ("ES384", Algorithm::ES384),
];

/// A text whose header and claims could be read, and nothing more.
pub(super) struct Jwt {
    text: String,
    pub(super) header: Value,
    pub(super) claims: Value,
}

impl Jwt {
    /// Reads one; `None` is no JWT.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let (header, claims, _signature) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        let read = |part: &str| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).ok()?).ok();
        let (header, claims) = (read(header)?, read(claims)?);
        (header.is_object() && claims.is_object()).then(|| Self { text: text.to_owned(), header, claims })
    }

    /// The algorithm, if it is one of those.
    pub(super) fn algorithm(&self) -> Option<Algorithm> {
        let name = self.header["alg"].as_str()?;
        ALGORITHMS.iter().find(|(own, _)| *own == name).map(|(_, algorithm)| *algorithm)
    }

    /// A claim that is a text.
    pub(super) fn text(&self, claim: &str) -> Option<&str> {
        self.claims[claim].as_str().filter(|text| !text.is_empty())
    }

    /// A claim that is a number of seconds.
    pub(super) fn seconds(&self, claim: &str) -> Option<i64> {
        let value = &self.claims[claim];
        value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds.floor() as i64))
    }

    /// Whether the key made the signature.
    pub(super) fn is_signed_by(&self, key: &DecodingKey) -> bool {
        let Some(algorithm) = self.algorithm() else { return false };
        // Only the signature: claims are checked by whoever asked, on the tenant's own clock.
        let mut rules = Validation::new(algorithm);
        rules.validate_exp = false;
        rules.validate_aud = false;
        rules.required_spec_claims.clear();
        jsonwebtoken::decode::<Value>(&self.text, key, &rules).is_ok()
    }

    /// The public key in the header, and its thumbprint; a private or symmetric one is none.
    pub(super) fn enclosed_key(&self) -> Option<(DecodingKey, String)> {
        let jwk = self.header.get("jwk")?;
        if ["d", "k", "p", "q"].iter().any(|private| jwk.get(*private).is_some()) {
            return None;
        }
        let jwk: Jwk = serde_json::from_value(jwk.clone()).ok()?;
        let thumbprint = jwk.thumbprint(jsonwebtoken::jwk::ThumbprintHash::SHA256).ok()?;
        Some((DecodingKey::from_jwk(&jwk).ok()?, thumbprint))
    }
}

/// A registered public key: PEM or JWK.
pub(super) fn registered(public: &str, algorithm: Algorithm) -> Option<DecodingKey> {
    if public.trim_start().starts_with('{') {
        return DecodingKey::from_jwk(&serde_json::from_str::<Jwk>(public).ok()?).ok();
    }
    let pem = public_block(public)?.as_bytes();
    match algorithm {
        Algorithm::ES256 | Algorithm::ES384 => DecodingKey::from_ec_pem(pem).ok(),
        _ => DecodingKey::from_rsa_pem(pem).ok(),
    }
}

/// The public part of a PEM text that may hold the private key as well.
fn public_block(pem: &str) -> Option<&str> {
    ["PUBLIC KEY", "RSA PUBLIC KEY", "CERTIFICATE"].iter().find_map(|kind| {
        let end = format!("-----END {kind}-----");
        let from = pem.find(&format!("-----BEGIN {kind}-----"))?;
        let to = pem[from..].find(&end)? + from + end.len();
        Some(&pem[from..to])
    })
}
