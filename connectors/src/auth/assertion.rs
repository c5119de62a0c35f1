//! What a key says instead of a secret: a short-lived JWT, signed with it.
//!
//! Form and claims: RFC 7523, section 3; RFC 7515, 4.1.4 and 4.1.8. Entra finds the key by the certificate's thumbprint
//! (Microsoft identity platform, "Certificate credentials"), Okta by its id ("Implement OAuth for Okta with a service
//! app").
//!
//! Invariant: times are numbers, `exp` is minutes away, `jti` is new each time, `aud` is taken letter by letter.
//! Deliberately absent: X.509, but for the day a certificate ends. The server judges it; here its thumbprint matters.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, NaiveDateTime, Utc};
use serde::Serialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::key::{Algorithm, SigningKey, block, body};

/// Seconds from now to `exp`.
const LIFE_SECS: i64 = 300;

/// Seconds `iat` and `nbf` lie back, for a server whose clock is behind ours.
const BACKDATED_SECS: i64 = 30;

/// A certificate with its private key.
pub struct SigningCertificate {
    key: SigningKey,
    thumbprint: String,
    ends: Option<DateTime<Utc>>,
}

impl fmt::Debug for SigningCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningCertificate({})", self.thumbprint)
    }
}

/// A key that is registered with the server under an id.
pub(super) struct NamedKey {
    key: SigningKey,
    key_id: String,
}

/// A PEM or JWK that cannot sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AssertionError {
    /// No certificate, or one that is not base64.
    #[error("the PEM holds no readable certificate")]
    NoCertificate,
    /// No private key, or not one of the kind that is needed.
    #[error("there is no readable private key")]
    NoKey,
    /// The key is protected by a password.
    #[error("the private key is encrypted")]
    Encrypted,
    /// An RSA key below 2,048 bits.
    #[error("the RSA key is shorter than 2048 bits")]
    TooShort,
    /// A key of another kind, curve or `alg`.
    #[error("the key is neither RSA nor on the curves P-256 and P-384, or its `alg` is not one for signing with it")]
    Unfit,
    /// JSON that is not a whole private JWK.
    #[error("the JWK is not a whole private key")]
    NotAJwk,
    /// A JWK without its private half.
    #[error("the JWK holds the public half only")]
    PublicOnly,
    /// Neither the configuration nor the JWK says what the key is called.
    #[error("the key has no key id (kid)")]
    NoKeyId,
    /// The key does not sign.
    #[error("the private key cannot sign")]
    CannotSign,
}

impl AssertionError {
    /// One thing to do.
    pub(super) fn hint(self) -> &'static str {
        match self {
            Self::NoCertificate => "give a PEM with the certificate and its RSA private key (PKCS#8 or PKCS#1)",
            Self::NoKey => {
                "give the private key as PEM (PKCS#8, PKCS#1 or SEC1) or as a JWK, beside the certificate if it has one"
            }
            Self::Encrypted => {
                "store the key without a password (`openssl pkcs8 -topk8 -nocrypt`) where only this user reads it"
            }
            Self::TooShort => "make a new key of 2048 bits or more and register it",
            Self::Unfit => "use RSA (RS256) or an elliptic key on P-256 (ES256) or P-384 (ES384)",
            Self::NotAJwk => "store the whole JWK as it was generated, with d (and p, q, dp, dq, qi for RSA)",
            Self::PublicOnly => {
                "store the JWK that was shown when the key was generated, not the registered public one"
            }
            Self::NoKeyId => "configure key_id: the id under which the application lists this key",
            Self::CannotSign => "make a new key and register it",
        }
    }
}

#[derive(Serialize)]
struct Header<'a> {
    alg: Algorithm,
    typ: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
    #[serde(rename = "x5t#S256", skip_serializing_if = "Option::is_none")]
    thumbprint: Option<&'a str>,
}

#[derive(Serialize)]
struct Claims<'a> {
    aud: &'a str,
    iss: &'a str,
    sub: &'a str,
    jti: String,
    iat: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
    exp: i64,
}

impl<'a> Claims<'a> {
    fn new(client_id: &'a str, audience: &'a str, now: DateTime<Utc>) -> Self {
        let issued = now.timestamp() - BACKDATED_SECS;
        let jti = Uuid::new_v4().to_string();
        let exp = now.timestamp() + LIFE_SECS;
        Self { aud: audience, iss: client_id, sub: client_id, jti, iat: issued, nbf: None, exp }
    }
}

impl SigningCertificate {
    /// Reads a PEM that holds one certificate and its RSA private key (PKCS#8 or PKCS#1), in any order.
    ///
    /// # Errors
    /// If either is missing or unreadable.
    pub fn from_pem(pem: &str) -> Result<Self, AssertionError> {
        let der = block(pem, "CERTIFICATE").and_then(body).ok_or(AssertionError::NoCertificate)?;
        let key = SigningKey::read(pem)?.with_pss()?;
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
    /// If the key does not sign.
    pub fn assertion(&self, client_id: &str, audience: &str, now: DateTime<Utc>) -> Result<String, AssertionError> {
        let alg = self.key.algorithm();
        let header = Header { alg, typ: "JWT", kid: None, thumbprint: Some(&self.thumbprint) };
        let claims = Claims::new(client_id, audience, now);
        self.key.sign(&header, &Claims { nbf: Some(claims.iat), ..claims })
    }
}

impl NamedKey {
    /// Reads a private key; `key_id` wins over the one a JWK names.
    pub(super) fn read(text: &str, key_id: Option<&str>) -> Result<Self, AssertionError> {
        let key = SigningKey::read(text)?;
        let key_id = key_id.or(key.key_id()).ok_or(AssertionError::NoKeyId)?.to_owned();
        Ok(Self { key, key_id })
    }

    /// As [`SigningCertificate::assertion`].
    pub(super) fn assertion(
        &self,
        client_id: &str,
        audience: &str,
        now: DateTime<Utc>,
    ) -> Result<String, AssertionError> {
        let header = Header { alg: self.key.algorithm(), typ: "JWT", kid: Some(&self.key_id), thumbprint: None };
        self.key.sign(&header, &Claims::new(client_id, audience, now))
    }

    /// How it signs, and what it is called.
    pub(super) fn describe(self) -> (String, String) {
        (self.key.algorithm().to_string(), self.key_id)
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

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;
    use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
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
    fn a_named_key_is_found_by_its_id_and_signs_as_what_it_is() {
        const KEY: &str = include_str!("testdata/test-only-p256.pem");
        const JWK: &str = include_str!("testdata/test-only-p256.jwk.json");
        const PUBLIC: &str = include_str!("testdata/test-only-p256pub.pem");
        let url = "https://example.okta.com/oauth2/v1/token";
        for (text, configured, kid) in
            [(KEY, Some("configured"), "configured"), (JWK, Some("configured"), "configured"), (JWK, None, "ec-2026")]
        {
            let key = NamedKey::read(text, configured).unwrap();
            let jwt = key.assertion("0oa1", url, DateTime::from_timestamp(1_772_446_500, 0).unwrap()).unwrap();
            let mut validation = Validation::new(Algorithm::ES256);
            validation.set_audience(&[url]);
            validation.validate_exp = false;
            let public = DecodingKey::from_ec_pem(PUBLIC.as_bytes()).unwrap();
            let token = jsonwebtoken::decode::<Value>(&jwt, &public, &validation).unwrap();
            assert_eq!((token.header.kid.as_deref(), token.header.typ.as_deref()), (Some(kid), Some("JWT")));
            assert_eq!((&token.claims["iss"], &token.claims["sub"]), (&"0oa1".into(), &"0oa1".into()));
            assert_eq!((&token.claims["iat"], &token.claims["exp"]), (&1_772_446_470.into(), &1_772_446_800.into()));
            assert_eq!(key.describe(), ("ES256".to_owned(), kid.to_owned()));
        }
        assert_eq!(NamedKey::read(KEY, None).err(), Some(AssertionError::NoKeyId));
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
