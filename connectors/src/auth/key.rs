//! Private keys that sign: RSA and elliptic curves, from PEM or JWK, and the compact form of what they sign.
//!
//! Sources: RFC 7515, section 3.1 (compact form); RFC 7518, sections 3.1 to 3.4 (algorithms) and 6 (JWK); RFC 8725.
//!
//! Invariant: the algorithm is the key's own (its kind, its curve, the JWK's `alg`), so that the header cannot disagree
//! with the signature. An ECDSA signature is `r` and `s` at fixed length, not DER.
//! Invariant: a key that cannot do what it is for is refused when it is read, before anything is sent.
//! Invariant: what a key is read through (PEM, DER, members of a JWK) is wiped; the library wipes the key itself.
//! Deliberately absent: passwords of keys, Ed25519, P-521 (no server that is spoken to asks for them).

use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeyPairComponents, PublicKeyComponents};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RsaEncoding,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use secrecy::zeroize::{Zeroize, Zeroizing};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::AssertionError;

/// How a key signs (RFC 7518, section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Algorithm {
    RS256,
    RS384,
    RS512,
    PS256,
    ES256,
    ES384,
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

enum Pair {
    Rsa(Box<RsaKeyPair>),
    Elliptic(EcdsaKeyPair),
}

/// A private key with the way it signs.
pub(super) struct SigningKey {
    pair: Pair,
    algorithm: Algorithm,
    key_id: Option<String>,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.algorithm)
    }
}

/// The members of a private JWK that matter here (RFC 7517, section 4; RFC 7518, section 6).
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    crv: Option<String>,
    d: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
    p: Option<String>,
    q: Option<String>,
    dp: Option<String>,
    dq: Option<String>,
    qi: Option<String>,
}

impl Drop for Jwk {
    fn drop(&mut self) {
        let Self { d, p, q, dp, dq, qi, .. } = self;
        [d, p, q, dp, dq, qi].into_iter().for_each(Zeroize::zeroize);
    }
}

impl SigningKey {
    /// Reads a private key: PEM (PKCS#8, PKCS#1, SEC1) or a private JWK.
    pub(super) fn read(text: &str) -> Result<Self, AssertionError> {
        if text.trim_start().starts_with('{') {
            return Self::from_jwk(text);
        }
        // A PEM that came through an environment file has its line ends spelled out.
        let text = Zeroizing::new(text.replace("\\n", "\n"));
        if text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") || text.contains("Proc-Type: 4,ENCRYPTED") {
            return Err(AssertionError::Encrypted);
        }
        let der = |label| block(&text, label).and_then(body);
        if let Some(der) = der("RSA PRIVATE KEY") {
            return Self::rsa(RsaKeyPair::from_der(&der).map_err(|error| refused(error.description_()))?);
        }
        if let Some(der) = der("EC PRIVATE KEY") {
            return Self::elliptic(&der).ok_or(AssertionError::Unfit);
        }
        let der = der("PRIVATE KEY").ok_or(AssertionError::NoKey)?;
        match RsaKeyPair::from_pkcs8(&der) {
            Ok(pair) => Self::rsa(pair),
            Err(error) if error.description_() == TOO_SMALL => Err(AssertionError::TooShort),
            Err(_) => Self::elliptic(&der).ok_or(AssertionError::Unfit),
        }
    }

    /// A new P-256 key that lives in memory only.
    pub(super) fn generate() -> Result<Self, AssertionError> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_| AssertionError::CannotSign)?;
        Ok(Self { pair: Pair::Elliptic(pair), algorithm: Algorithm::ES256, key_id: None })
    }

    /// The same RSA key, signing with RSASSA-PSS.
    pub(super) fn with_pss(self) -> Result<Self, AssertionError> {
        match self.pair {
            Pair::Rsa(_) => Ok(Self { algorithm: Algorithm::PS256, ..self }),
            Pair::Elliptic(_) => Err(AssertionError::NoKey),
        }
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The key id a JWK names.
    pub(super) fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// The public half of an elliptic key as a JWK, and nothing else of it. `None` for RSA keys, which prove possession
    /// nowhere here.
    pub(super) fn public_jwk(&self) -> Option<Value> {
        let Pair::Elliptic(pair) = &self.pair else { return None };
        let curve = if self.algorithm == Algorithm::ES256 { "P-256" } else { "P-384" };
        // An uncompressed point: a byte that says so, then both coordinates at full length.
        let point = pair.public_key().as_ref().get(1..)?;
        let (x, y) = point.split_at(point.len() / 2);
        Some(json!({"kty": "EC", "crv": curve, "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y)}))
    }

    /// Header and claims, signed, in compact form.
    pub(super) fn sign(&self, header: &impl Serialize, claims: &impl Serialize) -> Result<String, AssertionError> {
        let part = |json: Result<Vec<u8>, _>| json.map(|json| URL_SAFE_NO_PAD.encode(json));
        let header = part(serde_json::to_vec(header)).map_err(|_| AssertionError::CannotSign)?;
        let claims = part(serde_json::to_vec(claims)).map_err(|_| AssertionError::CannotSign)?;
        let message = format!("{header}.{claims}");
        let signature = self.signature(message.as_bytes()).map_err(|_| AssertionError::CannotSign)?;
        Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    fn signature(&self, message: &[u8]) -> Result<Vec<u8>, aws_lc_rs::error::Unspecified> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Elliptic(pair) => Ok(pair.sign(&random, message)?.as_ref().to_vec()),
            Pair::Rsa(pair) => {
                let encoding: &'static dyn RsaEncoding = match self.algorithm {
                    Algorithm::RS384 => &RSA_PKCS1_SHA384,
                    Algorithm::RS512 => &RSA_PKCS1_SHA512,
                    Algorithm::PS256 => &RSA_PSS_SHA256,
                    Algorithm::RS256 | Algorithm::ES256 | Algorithm::ES384 => &RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(encoding, &random, message, &mut signature)?;
                Ok(signature)
            }
        }
    }

    fn rsa(pair: RsaKeyPair) -> Result<Self, AssertionError> {
        // The library refuses shorter ones itself; what a server accepts must not hang on that.
        if pair.public_modulus_len() < 256 {
            return Err(AssertionError::TooShort);
        }
        Ok(Self { pair: Pair::Rsa(Box::new(pair)), algorithm: Algorithm::RS256, key_id: None })
    }

    /// A key in DER, of whichever curve it is.
    fn elliptic(der: &[u8]) -> Option<Self> {
        CURVES.iter().find_map(|(_, signing, algorithm, _)| {
            let pair = EcdsaKeyPair::from_private_key_der(signing, der).ok()?;
            Some(Self { pair: Pair::Elliptic(pair), algorithm: *algorithm, key_id: None })
        })
    }

    fn from_jwk(text: &str) -> Result<Self, AssertionError> {
        let mut jwk: Jwk = serde_json::from_str(text).map_err(|_| AssertionError::NotAJwk)?;
        if jwk.d.is_none() {
            return Err(AssertionError::PublicOnly);
        }
        let key = match jwk.kty.as_str() {
            "RSA" => Self::rsa(rsa_pair(&jwk)?)?,
            "EC" => elliptic_pair(&jwk)?,
            _ => return Err(AssertionError::Unfit),
        };
        let algorithm = match (&key.pair, jwk.alg.as_deref()) {
            (_, None) => key.algorithm,
            (Pair::Rsa(_), Some("RS256")) => Algorithm::RS256,
            (Pair::Rsa(_), Some("RS384")) => Algorithm::RS384,
            (Pair::Rsa(_), Some("RS512")) => Algorithm::RS512,
            (Pair::Rsa(_), Some("PS256")) => Algorithm::PS256,
            (Pair::Elliptic(_), Some(alg)) if alg == key.algorithm.to_string() => key.algorithm,
            (_, Some(_)) => return Err(AssertionError::Unfit),
        };
        Ok(Self { algorithm, key_id: jwk.kid.take().filter(|kid| !kid.is_empty()), ..key })
    }
}

/// Name, signing parameters, algorithm, and bytes of a coordinate.
static CURVES: [(&str, &EcdsaSigningAlgorithm, Algorithm, usize); 2] = [
    ("P-256", &ECDSA_P256_SHA256_FIXED_SIGNING, Algorithm::ES256, 32),
    ("P-384", &ECDSA_P384_SHA384_FIXED_SIGNING, Algorithm::ES384, 48),
];

/// The library's word for an RSA key below 2,048 bits.
const TOO_SMALL: &str = "TooSmall";

fn refused(description: &str) -> AssertionError {
    if description == TOO_SMALL { AssertionError::TooShort } else { AssertionError::NoKey }
}

fn bytes(member: Option<&String>) -> Result<Zeroizing<Vec<u8>>, AssertionError> {
    let text = member.ok_or(AssertionError::NotAJwk)?;
    URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).map(Zeroizing::new).map_err(|_| AssertionError::NotAJwk)
}

fn rsa_pair(jwk: &Jwk) -> Result<RsaKeyPair, AssertionError> {
    let components = KeyPairComponents {
        public_key: PublicKeyComponents { n: bytes(jwk.n.as_ref())?, e: bytes(jwk.e.as_ref())? },
        d: bytes(jwk.d.as_ref())?,
        p: bytes(jwk.p.as_ref())?,
        q: bytes(jwk.q.as_ref())?,
        dP: bytes(jwk.dp.as_ref())?,
        dQ: bytes(jwk.dq.as_ref())?,
        qInv: bytes(jwk.qi.as_ref())?,
    };
    RsaKeyPair::from_components(&components).map_err(|error| match error.description_() {
        TOO_SMALL => AssertionError::TooShort,
        _ => AssertionError::NotAJwk,
    })
}

fn elliptic_pair(jwk: &Jwk) -> Result<SigningKey, AssertionError> {
    let curve = CURVES.iter().find(|(name, ..)| jwk.crv.as_deref() == Some(name)).ok_or(AssertionError::Unfit)?;
    let (_, signing, algorithm, length) = curve;
    let padded = |member| {
        let bytes = bytes(member)?;
        let missing = length.checked_sub(bytes.len()).ok_or(AssertionError::NotAJwk)?;
        let mut whole = Zeroizing::new(vec![0; *length]);
        whole[missing..].copy_from_slice(&bytes);
        Ok(whole)
    };
    let point = [&[4], padded(jwk.x.as_ref())?.as_slice(), padded(jwk.y.as_ref())?.as_slice()].concat();
    let pair = EcdsaKeyPair::from_private_key_and_public_key(signing, &padded(jwk.d.as_ref())?, &point)
        .map_err(|_| AssertionError::NotAJwk)?;
    Ok(SigningKey { pair: Pair::Elliptic(pair), algorithm: *algorithm, key_id: None })
}

/// The first PEM block with this label, markers included.
pub(super) fn block<'a>(pem: &'a str, label: &str) -> Option<&'a str> {
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let from = pem.find(&begin)?;
    let to = from + pem[from..].find(&end)? + end.len();
    Some(&pem[from..to])
}

/// The bytes in a PEM block, which may be a key.
pub(super) fn body(block: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut base64 = Zeroizing::new(String::with_capacity(block.len()));
    block.lines().filter(|line| !line.starts_with("-----")).for_each(|line| base64.push_str(line.trim()));
    STANDARD.decode(base64.as_bytes()).map(Zeroizing::new).ok()
}

#[cfg(test)]
mod tests;
