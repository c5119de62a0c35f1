//! What a certificate says instead of a secret: a short-lived JWT, signed with its private key.
//!
//! Form and claims: Microsoft identity platform, "Certificate credentials"; RFC 7523, section 3; RFC 7515, 4.1.8.
//!
//! Invariant: times are numbers, `exp` is minutes away, `jti` is new each time, `aud` is taken letter by letter.
//! Deliberately absent: X.509, but for the day a certificate ends. The server judges it; here its thumbprint matters.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, NaiveDateTime, Utc};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Seconds from now to `exp`.
const LIFE_SECS: i64 = 300;

/// Seconds `nbf` lies back, for a server whose clock is behind ours.
const BACKDATED_SECS: i64 = 30;

/// A certificate with its private key.
pub struct SigningCertificate {
    key: EncodingKey,
    thumbprint: String,
    ends: Option<DateTime<Utc>>,
}

impl fmt::Debug for SigningCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningCertificate({})", self.thumbprint)
    }
}

/// A PEM that cannot sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AssertionError {
    /// No certificate, or one that is not base64.
    #[error("the PEM holds no readable certificate")]
    NoCertificate,
    /// No private key, or not an RSA key.
    #[error("the PEM holds no readable RSA private key")]
    NoKey,
    /// The key does not sign.
    #[error("the private key cannot sign")]
    CannotSign,
}

#[derive(Serialize)]
struct Claims<'a> {
    aud: &'a str,
    iss: &'a str,
    sub: &'a str,
    jti: String,
    iat: i64,
    nbf: i64,
    exp: i64,
}

impl SigningCertificate {
    /// Reads a PEM that holds one certificate and its RSA private key (PKCS#8 or PKCS#1), in any order.
    ///
    /// # Errors
    /// If either is missing or unreadable.
    pub fn from_pem(pem: &str) -> Result<Self, AssertionError> {
        let certificate = block(pem, "CERTIFICATE").ok_or(AssertionError::NoCertificate)?;
        let base64: String = certificate.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
        let der = STANDARD.decode(base64).map_err(|_| AssertionError::NoCertificate)?;
        let key = ["PRIVATE KEY", "RSA PRIVATE KEY"].iter().find_map(|label| block(pem, label));
        let key = key.and_then(|key| EncodingKey::from_rsa_pem(key.as_bytes()).ok()).ok_or(AssertionError::NoKey)?;
        Ok(Self { key, thumbprint: URL_SAFE_NO_PAD.encode(Sha256::digest(&der)), ends: not_after(&der) })
    }

    /// Until when the certificate is valid, if that can be read.
    #[must_use]
    pub fn ends(&self) -> Option<DateTime<Utc>> {
        self.ends
    }

    /// A new assertion of `client_id` for the token endpoint `audience`, at the server's time `now`.
    ///
    /// # Errors
    /// If the key does not sign (too short, for example).
    pub fn assertion(&self, client_id: &str, audience: &str, now: DateTime<Utc>) -> Result<String, AssertionError> {
        let mut header = Header::new(Algorithm::PS256);
        header.x5t_s256 = Some(self.thumbprint.clone());
        let issued = now.timestamp() - BACKDATED_SECS;
        let claims = Claims {
            aud: audience,
            iss: client_id,
            sub: client_id,
            jti: Uuid::new_v4().to_string(),
            iat: issued,
            nbf: issued,
            exp: now.timestamp() + LIFE_SECS,
        };
        jsonwebtoken::encode(&header, &claims, &self.key).map_err(|_| AssertionError::CannotSign)
    }
}

/// `notAfter` of a DER certificate: the second time of the validity, which is the first sequence after two others and the
/// serial number (RFC 5280, section 4.1).
fn not_after(der: &[u8]) -> Option<DateTime<Utc>> {
    const SEQUENCE: u8 = 0x30;
    const VERSION: u8 = 0xa0;
    let certificate = element(der)?.1;
    let mut fields = element(certificate)?.1;
    if element(fields)?.0 == VERSION {
        fields = element(fields)?.2;
    }
    // Serial number, signature algorithm, issuer.
    for _ in 0..3 {
        fields = element(fields)?.2;
    }
    let (tag, validity, _) = element(fields)?;
    let (kind, time, _) = element(element(validity)?.2)?;
    let time = std::str::from_utf8(time).ok().filter(|_| tag == SEQUENCE)?;
    // Two-digit years are 1950 to 2049.
    let century = match kind {
        0x17 if time.get(..2)? < "50" => "20",
        0x17 => "19",
        _ => "",
    };
    let time = NaiveDateTime::parse_from_str(&format!("{century}{time}"), "%Y%m%d%H%M%SZ").ok()?;
    Some(time.and_utc())
}

/// The first DER element: its tag, its content, and what comes after it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        if bytes.len() > 4 {
            return None;
        }
        (bytes.iter().fold(0, |length, byte| (length << 8) | usize::from(*byte)), rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// The first PEM block with this label, markers included.
fn block<'a>(pem: &'a str, label: &str) -> Option<&'a str> {
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let from = pem.find(&begin)?;
    let to = from + pem[from..].find(&end)? + end.len();
    Some(&pem[from..to])
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{DecodingKey, Validation};
    use serde_json::Value;

    use super::*;

    /// Made for these tests with `openssl req -x509 -newkey rsa:2048 -nodes`; trusted nowhere.
    const PEM: &str = include_str!("testdata/test-only-certificate-and-key.pem");
    /// The public key of the same, from `openssl x509 -pubkey`.
    const PUBLIC: &str = include_str!("testdata/test-only-public-key.pem");
    /// From `openssl x509 -outform DER | openssl dgst -sha256 -binary | basenc --base64url`, without padding.
    const THUMBPRINT: &str = include_str!("testdata/test-only-thumbprint.txt");

    /// From `openssl x509 -enddate`, as seconds since 1970.
    const ENDS: &str = include_str!("testdata/test-only-end.txt");

    const CLIENT: &str = "66666666-7777-4888-8999-000000000000";
    const AUDIENCE: &str = "https://login.microsoftonline.com/11111111-2222-4333-8444-555555555555/oauth2/v2.0/token";

    fn check(now: i64) -> (Header, Value) {
        let certificate = SigningCertificate::from_pem(PEM).unwrap();
        let jwt = certificate.assertion(CLIENT, AUDIENCE, DateTime::from_timestamp(now, 0).unwrap()).unwrap();
        let mut validation = Validation::new(Algorithm::PS256);
        validation.set_audience(&[AUDIENCE]);
        validation.validate_exp = false;
        let key = DecodingKey::from_rsa_pem(PUBLIC.as_bytes()).unwrap();
        let token = jsonwebtoken::decode::<Value>(&jwt, &key, &validation).unwrap();
        (token.header, token.claims)
    }

    #[test]
    fn the_public_key_verifies_what_the_private_key_signed() {
        let (header, claims) = check(1_772_446_500);
        assert_eq!(header.typ.as_deref(), Some("JWT"));
        assert_eq!(header.x5t_s256.as_deref(), Some(THUMBPRINT.trim()));
        for (claim, expected) in [("iss", CLIENT), ("sub", CLIENT), ("aud", AUDIENCE)] {
            assert_eq!(claims[claim], expected, "{claim}");
        }
        assert_eq!(claims["iat"].as_i64(), Some(1_772_446_470));
        assert_eq!(claims["nbf"].as_i64(), Some(1_772_446_470));
        assert_eq!(claims["exp"].as_i64(), Some(1_772_446_800));
    }

    #[test]
    fn every_assertion_is_a_new_one() {
        assert_ne!(check(1).1["jti"], check(1).1["jti"]);
    }

    #[test]
    fn the_day_a_certificate_ends_is_read() {
        let ends = SigningCertificate::from_pem(PEM).unwrap().ends().map(|ends| ends.timestamp());
        assert_eq!(ends.map(|ends| ends.to_string()).as_deref(), Some(ENDS.trim()));
        let der = STANDARD.decode(block(PEM, "CERTIFICATE").unwrap().lines().skip(1).take(3).collect::<String>());
        for cut in 0..der.as_ref().unwrap().len() {
            assert_eq!(not_after(&der.as_ref().unwrap()[..cut]), None, "cut after {cut}");
        }
    }

    #[test]
    fn a_pem_without_its_parts_is_refused_by_name() {
        let only = |label| block(PEM, label).unwrap().to_owned();
        let without_key = SigningCertificate::from_pem(&only("CERTIFICATE"));
        assert_eq!(without_key.err(), Some(AssertionError::NoKey));
        let without_certificate = SigningCertificate::from_pem(&only("PRIVATE KEY"));
        assert_eq!(without_certificate.err(), Some(AssertionError::NoCertificate));
        assert_eq!(SigningCertificate::from_pem("").err(), Some(AssertionError::NoCertificate));
    }
}
