//! A client assertion: who it claims to be, and whether that is true.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::Refusal;

/// Entra forgives clocks that differ this much, in seconds.
const LEEWAY_SECS: i64 = 300;

/// An assertion whose header and claims could be read, and nothing more.
pub(super) struct Assertion {
    text: String,
    header: Header,
    claims: Claims,
}

#[derive(Deserialize)]
struct Claims {
    aud: String,
    iss: String,
    sub: String,
    jti: Option<String>,
    // Numbers only: a time written as text is refused.
    exp: i64,
    nbf: Option<i64>,
}

impl Assertion {
    pub(super) fn read(text: &str) -> Result<Self, Refusal> {
        let malformed = || Refusal::new(400, "invalid_request", 50_027, "JWT token is invalid or malformed.");
        let header = jsonwebtoken::decode_header(text).map_err(|_| malformed())?;
        let body = text.split('.').nth(1).ok_or_else(malformed)?;
        let body = URL_SAFE_NO_PAD.decode(body).map_err(|_| malformed())?;
        let claims = serde_json::from_slice(&body).map_err(|_| malformed())?;
        Ok(Self { text: text.to_owned(), header, claims })
    }

    /// Who it says it is.
    pub(super) fn claimed_client(&self) -> String {
        self.claims.sub.clone()
    }

    /// Its id, when everything about it is right.
    pub(super) fn verify(
        self,
        client_id: &str,
        certificates: &[String],
        audiences: &[String],
        now: DateTime<Utc>,
    ) -> Result<String, Refusal> {
        let Self { text, header, claims } = self;
        let unknown = |why: &str| {
            Refusal::client(
                700_027,
                format!(
                    "The certificate with identifier used to sign the client \
            assertion is not registered on application, or the signature is not valid. {why}"
                ),
            )
        };
        if !matches!(header.alg, Algorithm::PS256 | Algorithm::RS256) {
            return Err(unknown("The algorithm must be PS256."));
        }
        let hint = header.x5t_s256.ok_or_else(|| unknown("The header carries no x5t#S256."))?;
        let certificate = certificates
            .iter()
            .find(|pem| thumbprint(pem).as_ref() == Some(&hint))
            .ok_or_else(|| unknown("The thumbprint matches no registered certificate."))?;
        let key = DecodingKey::from_rsa_pem(certificate_block(certificate).unwrap_or_default().as_bytes())
            .map_err(|_| unknown("The registered certificate holds no RSA key."))?;
        // Only the signature: the claims are checked below, on the tenant's own clock.
        let mut rules = Validation::new(header.alg);
        rules.validate_exp = false;
        rules.validate_aud = false;
        rules.required_spec_claims.clear();
        jsonwebtoken::decode::<serde_json::Value>(&text, &key, &rules).map_err(|_| unknown("Bad signature."))?;
        if claims.iss != client_id || claims.sub != client_id {
            return Err(Refusal::client(700_021, "Client assertion application identifier doesn't match 'client_id'."));
        }
        if !audiences.contains(&claims.aud) {
            return Err(Refusal::client(700_023, "Client assertion audience claim does not match the token endpoint."));
        }
        let now = now.timestamp();
        if now > claims.exp + LEEWAY_SECS || claims.nbf.is_some_and(|from| now < from - LEEWAY_SECS) {
            return Err(Refusal::client(700_024, "Client assertion is not within its valid time range."));
        }
        claims.jti.ok_or_else(|| Refusal::client(700_027, "The client assertion carries no jti."))
    }
}

/// The certificate of a PEM text that may hold its key as well.
fn certificate_block(pem: &str) -> Option<&str> {
    const END: &str = "-----END CERTIFICATE-----";
    let from = pem.find("-----BEGIN CERTIFICATE-----")?;
    let to = pem[from..].find(END)? + from + END.len();
    Some(&pem[from..to])
}

/// base64url(SHA-256(DER)).
pub(super) fn thumbprint(pem: &str) -> Option<String> {
    let base64: String =
        certificate_block(pem)?.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
    Some(URL_SAFE_NO_PAD.encode(Sha256::digest(STANDARD.decode(base64).ok()?)))
}
