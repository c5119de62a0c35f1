//! Every form of every kind of key; what is signed is verified by another implementation with the public key.

use jsonwebtoken::{DecodingKey, Validation, decode};

use super::*;

const RSA: &str = include_str!("../testdata/test-only-rsa8.pem");
const RSA_PKCS1: &str = include_str!("../testdata/test-only-rsa1.pem");
const RSA_JWK: &str = include_str!("../testdata/test-only-rsa.jwk.json");
const RSA_PUBLIC: &str = include_str!("../testdata/test-only-rsapub.pem");
const P256: &str = include_str!("../testdata/test-only-p256.pem");
const P256_SEC1: &str = include_str!("../testdata/test-only-p256sec1.pem");
const P256_JWK: &str = include_str!("../testdata/test-only-p256.jwk.json");
const P256_PUBLIC: &str = include_str!("../testdata/test-only-p256pub.pem");
const P384: &str = include_str!("../testdata/test-only-p384.pem");
const P384_SEC1: &str = include_str!("../testdata/test-only-p384sec1.pem");
const P384_JWK: &str = include_str!("../testdata/test-only-p384.jwk.json");
const P384_PUBLIC: &str = include_str!("../testdata/test-only-p384pub.pem");
const P521: &str = include_str!("../testdata/test-only-p521.pem");
const SHORT: &str = include_str!("../testdata/test-only-short.pem");

/// Signs with the key and lets the other implementation verify it with the public key, as what the header says.
fn check(key: &SigningKey, public: &str, algorithm: Algorithm, signature_bytes: usize) {
    assert_eq!(key.algorithm(), algorithm);
    let header = json!({"alg": algorithm, "typ": "JWT"});
    let jwt = key.sign(&header, &json!({"iss": "client"})).unwrap();
    let signature = URL_SAFE_NO_PAD.decode(jwt.rsplit('.').next().unwrap()).unwrap();
    assert_eq!(signature.len(), signature_bytes, "{algorithm}: not raw");
    let mut validation = Validation::new(algorithm.to_string().parse().unwrap());
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    let public = match key.pair {
        Pair::Rsa(_) => DecodingKey::from_rsa_pem(public.as_bytes()),
        Pair::Elliptic(_) => DecodingKey::from_ec_pem(public.as_bytes()),
    };
    let claims = decode::<Value>(&jwt, &public.unwrap(), &validation).unwrap().claims;
    assert_eq!(claims["iss"], "client");
}

#[test]
fn every_form_of_a_key_signs_what_its_public_half_verifies() {
    for (text, public, algorithm, signature_bytes) in [
        (RSA, RSA_PUBLIC, Algorithm::RS256, 256),
        (RSA_PKCS1, RSA_PUBLIC, Algorithm::RS256, 256),
        (RSA_JWK, RSA_PUBLIC, Algorithm::RS256, 256),
        (P256, P256_PUBLIC, Algorithm::ES256, 64),
        (P256_SEC1, P256_PUBLIC, Algorithm::ES256, 64),
        (P256_JWK, P256_PUBLIC, Algorithm::ES256, 64),
        (P384, P384_PUBLIC, Algorithm::ES384, 96),
        (P384_SEC1, P384_PUBLIC, Algorithm::ES384, 96),
        (P384_JWK, P384_PUBLIC, Algorithm::ES384, 96),
    ] {
        check(&SigningKey::read(text).unwrap(), public, algorithm, signature_bytes);
        let one_line = text.trim_end().replace('\n', "\\n");
        check(&SigningKey::read(&one_line).unwrap(), public, algorithm, signature_bytes);
    }
    check(&SigningKey::read(RSA).unwrap().with_pss().unwrap(), RSA_PUBLIC, Algorithm::PS256, 256);
}

#[test]
fn the_jwk_says_how_it_signs_and_what_it_is_called() {
    let with = |jwk: &str, name: &str, value: &str| {
        let mut jwk: Value = serde_json::from_str(jwk).unwrap();
        jwk[name] = Value::from(value);
        SigningKey::read(&jwk.to_string())
    };
    for (alg, algorithm) in [("RS384", Algorithm::RS384), ("RS512", Algorithm::RS512), ("PS256", Algorithm::PS256)] {
        check(&with(RSA_JWK, "alg", alg).unwrap(), RSA_PUBLIC, algorithm, 256);
    }
    assert_eq!(SigningKey::read(RSA_JWK).unwrap().key_id(), Some("rsa-2026"));
    assert_eq!(SigningKey::read(P256_JWK).unwrap().key_id(), Some("ec-2026"));
    assert_eq!(SigningKey::read(P256).unwrap().key_id(), None);
    assert_eq!(with(RSA_JWK, "kid", "").unwrap().key_id(), None);
    assert_eq!(with(RSA_JWK, "alg", "ES256").err(), Some(AssertionError::Unfit));
    assert_eq!(with(P256_JWK, "alg", "ES384").err(), Some(AssertionError::Unfit));
    assert_eq!(with(P256_JWK, "crv", "P-521").err(), Some(AssertionError::Unfit));
    assert_eq!(with(P256_JWK, "x", "AAAA").err(), Some(AssertionError::NotAJwk), "not this key's other half");
}

#[test]
fn what_cannot_sign_is_refused_by_name() {
    let public_jwk = {
        let mut jwk: Value = serde_json::from_str(RSA_JWK).unwrap();
        jwk.as_object_mut().unwrap().remove("d");
        jwk.to_string()
    };
    for (text, error) in [
        ("", AssertionError::NoKey),
        ("s3cr3t", AssertionError::NoKey),
        (RSA_PUBLIC, AssertionError::NoKey),
        (SHORT, AssertionError::TooShort),
        (P521, AssertionError::Unfit),
        ("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----", AssertionError::Encrypted),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", AssertionError::Unfit),
        ("-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----", AssertionError::NoKey),
        ("-----BEGIN PRIVATE KEY-----\n???\n-----END PRIVATE KEY-----", AssertionError::NoKey),
        (public_jwk.as_str(), AssertionError::PublicOnly),
        ("{\"kty\":\"oct\",\"d\":\"AA\",\"k\":\"AA\"}", AssertionError::Unfit),
        ("{\"kty\":\"RSA\",\"d\":\"AA\"}", AssertionError::NotAJwk),
        ("{not json", AssertionError::NotAJwk),
    ] {
        assert_eq!(SigningKey::read(text).err(), Some(error), "{text:.40}");
    }
}

#[test]
fn a_new_key_shows_its_public_half_only() {
    let key = SigningKey::generate().unwrap();
    let jwk = key.public_jwk().unwrap();
    let members: Vec<_> = jwk.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["crv", "kty", "x", "y"]);
    for member in ["x", "y"] {
        assert_eq!(URL_SAFE_NO_PAD.decode(jwk[member].as_str().unwrap()).unwrap().len(), 32);
    }
    assert_ne!(jwk, SigningKey::generate().unwrap().public_jwk().unwrap());
    assert_eq!(format!("{key:?}"), "SigningKey(ES256)");
    assert!(SigningKey::read(RSA).unwrap().public_jwk().is_none());
}
