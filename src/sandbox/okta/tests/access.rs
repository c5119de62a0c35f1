//! Signing in the way clients do: API tokens, assertions, proofs of possession, and everything that is refused.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use sha2::{Digest, Sha256};

use super::super::ServiceApp;
use super::*;

/// Keys made for these tests and used for nothing else.
const RSA: &str = include_str!("../../login/fixture.pem");
const EC: &str = include_str!("fixture-ec.pem");
const CLIENT: &str = "0oa1rC00000009sK5d7X";
const NOW: i64 = 1_800_000_000;
const SCOPES: &str = "okta.users.read okta.groups.read";

fn lab() -> Lab {
    let lab = Lab::new(company(3, &[("A", 0..3)]));
    lab.okta.set_service_app(app());
    lab
}

fn app() -> ServiceApp {
    ServiceApp::new(CLIENT).key("rsa", RSA).key("ec", EC).scopes(&["okta.users.read", "okta.groups.read"])
}

fn id() -> String {
    uuid::Uuid::new_v4().to_string()
}

fn ec_key() -> EncodingKey {
    EncodingKey::from_ec_pem(EC.as_bytes()).unwrap()
}

/// A signed assertion that is right but for what `change` does to its header and claims.
fn assertion(change: impl FnOnce(&mut Header, &mut Value)) -> String {
    let mut header = Header::new(Algorithm::RS256);
    header.kid = Some("rsa".to_owned());
    let mut claims = json!({ "iss": CLIENT, "sub": CLIENT, "aud": format!("{ROOT}/oauth2/v1/token"),
        "jti": id(), "iat": NOW - 30, "exp": NOW + 300 });
    change(&mut header, &mut claims);
    let key = match header.alg {
        Algorithm::ES256 => ec_key(),
        Algorithm::HS256 => EncodingKey::from_secret(b"shared"),
        _ => EncodingKey::from_rsa_pem(RSA.as_bytes()).unwrap(),
    };
    jsonwebtoken::encode(&header, &claims, &key).unwrap()
}

impl Lab {
    async fn post(&self, fields: &[(&str, &str)], proofs: &[&str]) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let mut request = Request::post("/oauth2/v1/token").header("content-type", "application/x-www-form-urlencoded");
        for proof in proofs {
            request = request.header("dpop", *proof);
        }
        self.send(request.body(Body::from(body)).unwrap()).await
    }

    async fn sign_in(&self, assertion: &str, scope: &str, proofs: &[&str]) -> Answer {
        let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        let fields = [("grant_type", "client_credentials"), ("scope", scope), ("client_assertion_type", kind)];
        let fields: Vec<_> = fields.into_iter().chain([("client_assertion", assertion)]).collect();
        self.post(&fields, proofs).await
    }

    async fn call(&self, authorization: &str, proofs: &[&str]) -> Answer {
        let mut headers = vec![("authorization", authorization)];
        headers.extend(proofs.iter().map(|proof| ("dpop", *proof)));
        self.get_with("/users?limit=2", &headers).await
    }
}

#[tokio::test]
async fn api_tokens_are_known_or_not() {
    let lab = lab();
    assert_eq!(lab.call("SSWS 00token", &[]).await.status, 200);
    lab.call("SSWS other", &[]).await.refused(401, "E0000011");
    lab.call("Bearer 00token", &[]).await.refused(401, "E0000011");
    lab.get_with("/users", &[]).await.refused(403, "E0000005");
    assert!(lab.okta.revoke_api_token(TOKEN) && !lab.okta.revoke_api_token(TOKEN));
    lab.call("SSWS 00token", &[]).await.refused(401, "E0000011");
}

#[track_caller]
fn check(answer: &Answer, status: u16, error: &str, text: &str) {
    assert_eq!((answer.status, &answer.body["error"]), (status, &json!(error)), "{}", answer.body);
    let told = answer.body["error_description"].as_str().unwrap();
    assert!(told.contains(text), "{told}");
    assert!(answer.headers.contains_key("x-rate-limit-limit"));
}

#[tokio::test]
async fn an_assertion_works_once_and_only_when_everything_about_it_is_right() {
    let lab = lab();
    let right = assertion(|_, _| {});
    let answer = lab.sign_in(&right, SCOPES, &[]).await;
    assert_eq!((answer.status, &answer.body["token_type"]), (200, &json!("Bearer")), "{}", answer.body);
    assert_eq!(
        (&answer.body["expires_in"], &answer.body["scope"]),
        (&json!(3600), &json!("okta.groups.read okta.users.read"))
    );
    check(&lab.sign_in(&right, SCOPES, &[]).await, 401, "invalid_client", "already been used");
    let elliptic = assertion(|header, _| {
        *header = Header::new(Algorithm::ES256);
        header.kid = Some("ec".to_owned());
    });
    assert_eq!(lab.sign_in(&elliptic, SCOPES, &[]).await.status, 200);
    type Change = fn(&mut Header, &mut Value);
    let wrong: [(Change, &str); 13] = [
        (|_, claims| claims["aud"] = json!(format!("{ROOT}/oauth2/v1/token/")), "audience claim"),
        (|_, claims| claims["aud"] = json!(ROOT), "audience claim"),
        (|_, claims| drop(claims.as_object_mut().unwrap().remove("exp")), "must have an expiration"),
        (|_, claims| claims["exp"] = json!((NOW + 300).to_string()), "must have an expiration"),
        (|_, claims| claims["exp"] = json!(NOW - 1), "is expired"),
        (|_, claims| claims["exp"] = json!(NOW + 3_601), "too far into the future"),
        (|_, claims| claims["iat"] = json!(NOW + 5), "issued before the current time"),
        (|_, claims| claims["iss"] = json!("somebody"), "issuer and subject"),
        (|_, claims| (claims["iss"], claims["sub"]) = (json!("x"), json!("x")), "'client_id'"),
        (|header, _| header.kid = Some("old".to_owned()), "kid is invalid"),
        (|header, _| header.kid = None, "kid is invalid"),
        (|header, _| header.kid = Some("ec".to_owned()), "signature is invalid"),
        (|header, _| header.alg = Algorithm::HS256, "algorithm is not supported"),
    ];
    for (change, text) in wrong {
        check(&lab.sign_in(&assertion(change), SCOPES, &[]).await, 401, "invalid_client", text);
    }
    check(&lab.sign_in("not.a.jwt", SCOPES, &[]).await, 401, "invalid_client", "parsing");
}

#[tokio::test]
async fn secrets_and_scopes_that_were_not_granted_are_refused() {
    let lab = lab();
    let secret =
        [("grant_type", "client_credentials"), ("scope", SCOPES), ("client_id", CLIENT), ("client_secret", "s")];
    check(&lab.post(&secret, &[]).await, 401, "invalid_client", "private_key_jwt");
    check(&lab.post(&[("grant_type", "password")], &[]).await, 400, "unsupported_grant_type", "");
    check(&lab.post(&[], &[]).await, 400, "invalid_request", "grant_type");
    let more = format!("{SCOPES} okta.logs.read");
    check(&lab.sign_in(&assertion(|_, _| {}), &more, &[]).await, 400, "invalid_scope", "");
    check(&lab.sign_in(&assertion(|_, _| {}), "", &[]).await, 400, "invalid_scope", "");
    let answer = lab.sign_in(&assertion(|_, _| {}), "okta.groups.read", &[]).await;
    let bearer = format!("Bearer {}", answer.body["access_token"].as_str().unwrap());
    lab.call(&bearer, &[]).await.refused(403, "E0000006");
    assert_eq!(lab.get_with("/groups", &[("authorization", &bearer)]).await.status, 200);
    lab.pass(3_599);
    assert_eq!(lab.get_with("/groups", &[("authorization", &bearer)]).await.status, 200);
    lab.pass(1);
    let expired = lab.get_with("/groups", &[("authorization", &bearer)]).await;
    expired.refused(401, "E0000011");
    assert!(expired.header("www-authenticate").contains("invalid_token"));
}

#[tokio::test]
async fn sign_in_faults_speak_oauth() {
    let lab = lab();
    let down =
        FaultKind::Status { status: 503, code: "down".to_owned(), message: "later".to_owned(), retry_after: None };
    lab.strike("POST /oauth2/v1/token", down);
    check(&lab.sign_in(&assertion(|_, _| {}), SCOPES, &[]).await, 503, "down", "later");
    lab.strike("POST /oauth2/v1/token", FaultKind::NullFields);
    assert_eq!(lab.sign_in(&assertion(|_, _| {}), SCOPES, &[]).await.body["access_token"], Value::Null);
    lab.strike("POST /oauth2/v1/token", FaultKind::EmptyPage);
    assert_eq!(lab.sign_in(&assertion(|_, _| {}), SCOPES, &[]).await.body, json!({}));
}

/// A proof that is right for `GET /api/v1/users` (with a token) or for the token endpoint, but for what `change` does.
fn proof(token: Option<&str>, nonce: Option<&str>, change: impl FnOnce(&mut Header, &mut Value)) -> String {
    let mut header = Header::new(Algorithm::ES256);
    header.typ = Some("dpop+jwt".to_owned());
    let mut jwk = Jwk::from_encoding_key(&ec_key(), Algorithm::ES256).unwrap();
    jwk.common.key_algorithm = None;
    header.jwk = Some(jwk);
    let (method, path) = if token.is_some() { ("GET", "/api/v1/users") } else { ("POST", "/oauth2/v1/token") };
    let mut claims = json!({ "htm": method, "htu": format!("{ROOT}{path}"), "iat": NOW, "jti": id() });
    if let Some(token) = token {
        claims["ath"] = json!(URL_SAFE_NO_PAD.encode(Sha256::digest(token)));
    }
    if let Some(nonce) = nonce {
        claims["nonce"] = json!(nonce);
    }
    change(&mut header, &mut claims);
    jsonwebtoken::encode(&header, &claims, &ec_key()).unwrap()
}

/// A bound token.
async fn bound(lab: &Lab) -> String {
    let challenge = lab.sign_in(&assertion(|_, _| {}), SCOPES, &[&proof(None, None, |_, _| {})]).await;
    let nonce = challenge.header("dpop-nonce").to_owned();
    let answer = lab.sign_in(&assertion(|_, _| {}), SCOPES, &[&proof(None, Some(&nonce), |_, _| {})]).await;
    assert_eq!(answer.body["token_type"], "DPoP", "{}", answer.body);
    answer.body["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_bound_token_takes_a_proof_a_nonce_and_a_new_assertion() {
    let lab = lab();
    lab.okta.set_service_app(app().dpop());
    let used = assertion(|_, _| {});
    check(&lab.sign_in(&used, SCOPES, &[]).await, 400, "invalid_dpop_proof", "missing");
    check(&lab.sign_in(&used, SCOPES, &[]).await, 401, "invalid_client", "already been used");
    let first = proof(None, None, |_, _| {});
    let challenge = lab.sign_in(&assertion(|_, _| {}), SCOPES, &[&first]).await;
    check(&challenge, 400, "use_dpop_nonce", "nonce");
    let nonce = challenge.header("dpop-nonce").to_owned();
    assert!(!nonce.is_empty());
    let again = lab.sign_in(&assertion(|_, _| {}), SCOPES, &[&first]).await;
    check(&again, 400, "invalid_dpop_proof", "already been used");
    let right = proof(None, Some(&nonce), |_, _| {});
    let two = lab.sign_in(&assertion(|_, _| {}), SCOPES, &[&right, &right]).await;
    check(&two, 400, "invalid_dpop_proof", "one DPoP header");
    assert_eq!(lab.sign_in(&assertion(|_, _| {}), SCOPES, &[&right]).await.body["token_type"], "DPoP");
    lab.okta.expire_nonces();
    let old = lab.sign_in(&assertion(|_, _| {}), SCOPES, &[&proof(None, Some(&nonce), |_, _| {})]).await;
    check(&old, 400, "use_dpop_nonce", "nonce");
    assert_ne!(old.header("dpop-nonce"), nonce);
}

#[tokio::test]
async fn calls_with_a_bound_token_prove_the_key_every_time() {
    let lab = lab();
    let token = bound(&lab).await;
    let (dpop, bearer) = (format!("DPoP {token}"), format!("Bearer {token}"));
    let right = proof(Some(&token), None, |_, _| {});
    assert_eq!(lab.call(&dpop, &[&right]).await.status, 200, "htu is the URL without the query");
    lab.call(&dpop, &[&right]).await.refused(401, "E0000011");
    lab.call(&bearer, &[]).await.refused(401, "E0000011");
    lab.call(&bearer, &[&proof(Some(&token), None, |_, _| {})]).await.refused(401, "E0000011");
    type Change = fn(&mut Header, &mut Value);
    let wrong: [(Change, &str); 10] = [
        (|header, _| header.typ = Some("JWT".to_owned()), "dpop+jwt"),
        (|header, _| header.jwk = None, "jwk"),
        (|_, claims| claims["htm"] = json!("POST"), "htm"),
        (|_, claims| claims["htu"] = json!(format!("{ROOT}/api/v1/users?limit=2")), "htu"),
        (|_, claims| claims["htu"] = json!(format!("{ROOT}/api/v1/groups")), "htu"),
        (|_, claims| claims["iat"] = json!(NOW - 301), "iat"),
        (|_, claims| claims["iat"] = json!(NOW + 61), "iat"),
        (|_, claims| claims["ath"] = json!("AAAA"), "ath"),
        (|_, claims| drop(claims.as_object_mut().unwrap().remove("ath")), "ath"),
        (|_, claims| drop(claims.as_object_mut().unwrap().remove("jti")), "jti"),
    ];
    for (change, text) in wrong {
        let answer = lab.call(&dpop, &[&proof(Some(&token), None, change)]).await;
        answer.refused(401, "E0000011");
        let told = answer.header("www-authenticate");
        assert!(told.starts_with("DPoP error=\"invalid_dpop_proof\"") && told.contains(text), "{told}");
    }
    let missing = lab.call(&dpop, &[]).await;
    assert!(missing.status == 401 && missing.header("www-authenticate").contains("invalid_dpop_proof"));
    let plain = lab.sign_in(&assertion(|_, _| {}), SCOPES, &[]).await.body["access_token"].as_str().unwrap().to_owned();
    let unbound = lab.call(&format!("DPoP {plain}"), &[&proof(Some(&plain), None, |_, _| {})]).await;
    unbound.refused(401, "E0000011");
}

#[tokio::test]
async fn another_key_is_not_the_tokens_key_and_a_nonce_may_be_demanded() {
    let lab = lab();
    let token = bound(&lab).await;
    let dpop = format!("DPoP {token}");
    let rsa = EncodingKey::from_rsa_pem(RSA.as_bytes()).unwrap();
    let mut header = Header::new(Algorithm::RS256);
    header.typ = Some("dpop+jwt".to_owned());
    header.jwk = Some(Jwk::from_encoding_key(&rsa, Algorithm::RS256).unwrap());
    let ath = URL_SAFE_NO_PAD.encode(Sha256::digest(&token));
    let claims = json!({ "htm": "GET", "htu": format!("{ROOT}/api/v1/users"), "iat": NOW, "jti": id(), "ath": ath });
    let other = lab.call(&dpop, &[&jsonwebtoken::encode(&header, &claims, &rsa).unwrap()]).await;
    other.refused(401, "E0000011");
    assert!(other.header("www-authenticate").contains("another key"));
    lab.okta.configure(|settings| settings.api_nonce = true);
    let asked = lab.call(&dpop, &[&proof(Some(&token), None, |_, _| {})]).await;
    asked.refused(401, "E0000011");
    assert!(asked.header("www-authenticate").contains("use_dpop_nonce"));
    let nonce = asked.header("dpop-nonce").to_owned();
    assert_eq!(lab.call(&dpop, &[&proof(Some(&token), Some(&nonce), |_, _| {})]).await.status, 200);
    lab.okta.revoke_tokens();
    lab.call(&dpop, &[&proof(Some(&token), Some(&nonce), |_, _| {})]).await.refused(401, "E0000011");
}
