//! Token requests against a token endpoint that remembers what it was asked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use super::*;
use crate::auth::testing::{
    Asked, CERTIFICATE, P256, P256_PUBLIC, RSA_JWK, SECRET, SecretFile, http, now, refusal, server, token,
};
use crate::auth::{AccessToken, Dpop, Proof, TokenCache, TokenKind};
use crate::secret::SecretSource;

const CLOCK_WRONG: u64 = 700_024;

fn entra(code: u64) -> ResponseTemplate {
    ResponseTemplate::new(401).set_body_json(json!({
        "error": "invalid_client", "error_codes": [code],
        "error_description": format!("AADSTS{code}: sent {SECRET}"),
    }))
}

/// Mints once at an endpoint with these rules and says how often it was asked.
async fn mint(
    tries: u32,
    proof: Proof,
    adapt: impl FnOnce(OAuthClient) -> OAuthClient,
    rules: impl Fn(&Asked<'_>) -> ResponseTemplate + Send + Sync + 'static,
) -> (Result<AccessToken, AuthError>, usize) {
    let server = server(rules).await;
    let url = Url::parse(&server.uri()).unwrap().join("/tenant/oauth2/v2.0/token").unwrap();
    let client = OAuthClient {
        scopes: vec!["https://graph.example.com/.default".to_owned()],
        ..OAuthClient::new(url, "client", proof)
    };
    let credentials = ClientCredentials::new(http(tries), adapt(client), now);
    let token = TokenCache::new(credentials).get().await;
    if let Err(error) = &token {
        let shown = format!("{error} {error:?} {}", error.hint);
        assert!(!shown.contains(SECRET), "{shown}");
        assert!(!error.hint.is_empty());
    }
    (token, server.received_requests().await.unwrap().len())
}

async fn check(
    proof: Proof,
    rules: impl Fn(&Asked<'_>) -> ResponseTemplate + Send + Sync + 'static,
) -> (Result<AccessToken, AuthError>, usize) {
    mint(5, proof, |client| client, rules).await
}

fn key(file: &SecretFile) -> Proof {
    Proof::PrivateKey { source: file.source(), key_id: Some("k1".to_owned()) }
}

/// Two scopes, and proofs in this way.
fn okta(dpop: Dpop) -> impl FnOnce(OAuthClient) -> OAuthClient {
    move |client| {
        let scopes = ["okta.users.read", "okta.groups.read"].map(str::to_owned).to_vec();
        OAuthClient { scopes, dpop, ..client }
    }
}

#[tokio::test]
async fn the_secret_travels_in_the_form() {
    let file = SecretFile::new(SECRET);
    let (got, _) = check(Proof::Secret(file.source()), |asked| {
        for (name, expected) in [
            ("grant_type", "client_credentials"),
            ("client_id", "client"),
            ("client_secret", SECRET),
            ("scope", "https://graph.example.com/.default"),
        ] {
            assert_eq!(asked.field(name), expected, "{name}");
        }
        assert_eq!((asked.header("authorization"), asked.header("accept")), ("", "application/json"));
        token(json!({"token_type": "Bearer", "expires_in": 3599, "access_token": "t1"}))
    })
    .await;
    assert_eq!(got.unwrap().token.expose_secret(), "t1");
}

#[tokio::test]
async fn or_in_a_header_with_both_halves_encoded() {
    let file = SecretFile::new("p:ä +%/&");
    let adapt = |client| OAuthClient { client_id: "app:1 x".to_owned(), ..client };
    let (got, _) = mint(5, Proof::SecretBasic(file.source()), adapt, |asked| {
        // RFC 6749, section 2.3.1 and appendix B.
        let pair = asked.header("authorization").strip_prefix("Basic ").unwrap();
        let pair = String::from_utf8(STANDARD.decode(pair).unwrap()).unwrap();
        assert_eq!(pair, "app%3A1+x:p%3A%C3%A4+%2B%25%2F%26");
        assert_eq!((asked.field("client_secret"), asked.field("client_id")), ("", ""));
        token(json!({"access_token": "t"}))
    })
    .await;
    assert!(got.is_ok());
}

#[tokio::test]
async fn or_not_at_all_as_a_key_signs() {
    let file = SecretFile::new(P256);
    let (got, _) = check(key(&file), |asked| {
        assert_eq!(asked.field("client_assertion_type"), "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
        assert_eq!((asked.field("client_secret"), asked.header("authorization")), ("", ""));
        let audience = format!("http://{}/tenant/oauth2/v2.0/token", asked.header("host"));
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_audience(&[audience]);
        validation.validate_exp = false;
        let public = DecodingKey::from_ec_pem(P256_PUBLIC.as_bytes()).unwrap();
        let jwt = jsonwebtoken::decode::<Value>(asked.field("client_assertion"), &public, &validation).unwrap();
        assert_eq!(jwt.header.kid.as_deref(), Some("k1"));
        assert_eq!((&jwt.claims["iss"], &jwt.claims["sub"]), (&json!("client"), &json!("client")));
        assert_eq!(jwt.claims["exp"].as_i64().unwrap(), now().timestamp() + 300);
        token(json!({"access_token": "t"}))
    })
    .await;
    assert!(got.is_ok());
}

#[tokio::test]
async fn what_is_asked_for_is_configured() {
    let extra = |name: &str| BTreeMap::from([(name.to_owned(), "https://api.example.com/ü".to_owned())]);
    for (scopes, expected) in [(vec![], None), (vec!["a"], Some("a")), (vec!["a", "b:c"], Some("a b:c"))] {
        let file = SecretFile::new(SECRET);
        let scopes = scopes.iter().map(|scope: &&str| (*scope).to_owned()).collect();
        let adapt = |client| OAuthClient { scopes, extra: extra("audience"), ..client };
        let (got, _) = mint(5, Proof::Secret(file.source()), adapt, move |asked| {
            let form: BTreeMap<_, _> = url::form_urlencoded::parse(&asked.request.body).collect();
            assert_eq!(form.get("scope").map(AsRef::as_ref), expected);
            assert_eq!(asked.field("audience"), "https://api.example.com/ü");
            token(json!({"access_token": "t"}))
        })
        .await;
        assert!(got.is_ok());
    }
    for name in ["grant_type", "scope", "client_id", "client_secret", "client_assertion", "client_assertion_type"] {
        let file = SecretFile::new(SECRET);
        let adapt = |client| OAuthClient { extra: extra(name), ..client };
        let (got, asked) = mint(5, Proof::Secret(file.source()), adapt, |_| ResponseTemplate::new(200)).await;
        let error = got.unwrap_err();
        assert_eq!((error.kind, asked), (PullErrorKind::Refused, 0), "{name}");
        assert!(error.message.contains(name));
    }
    let file = SecretFile::new(SECRET);
    let adapt = |client| OAuthClient { token_url: Url::parse("http://192.0.2.1/token").unwrap(), ..client };
    let (got, _) = mint(1, Proof::Secret(file.source()), adapt, |_| ResponseTemplate::new(200)).await;
    assert_eq!(got.unwrap_err().kind, PullErrorKind::Refused, "no secret goes over a plain line");
}

#[tokio::test]
async fn tolerant_where_the_substance_is_right() {
    let table: &[(Value, Result<&str, PullErrorKind>)] = &[
        (json!({"token_type":"Bearer","expires_in":3599,"ext_expires_in":3599,"access_token":"t1"}), Ok("t1")),
        (json!({"token_type":"bearer","expires_in":"3599","access_token":"t2","scope":"a b"}), Ok("t2")),
        (json!({"access_token":"t3"}), Ok("t3")),
        (json!({"access_token":"t4","token_type":null,"scope":["a"],"expires_in":null}), Ok("t4")),
        (json!({"token_type":"Bearer","expires_in":3600}), Err(PullErrorKind::Protocol)),
        (json!({"token_type":"N_A","access_token":"t5"}), Err(PullErrorKind::Protocol)),
        (json!({"token_type":7,"access_token":"t5"}), Err(PullErrorKind::Protocol)),
        (json!({"token_type":"DPoP","access_token":"t7"}), Err(PullErrorKind::Protocol)),
        (json!(["t6"]), Err(PullErrorKind::Protocol)),
    ];
    for (body, expected) in table {
        let file = SecretFile::new(SECRET);
        let sent = body.clone();
        let rules = move |_: &Asked<'_>| ResponseTemplate::new(200).set_body_string(sent.to_string());
        let (got, _) = check(Proof::Secret(file.source()), rules).await;
        let got = got.as_ref().map(|token| token.token.expose_secret()).map_err(|error| error.kind);
        assert_eq!(got, *expected, "{body}");
    }
}

#[tokio::test]
async fn a_scope_that_was_not_granted_is_missed_at_once() {
    for (granted, missing) in [
        (json!(null), None),
        (json!("okta.groups.read okta.users.read other"), None),
        (json!(["okta.users.read", "okta.groups.read"]), None),
        (json!("okta.users.read"), Some("okta.groups.read")),
        (json!("okta.groups.read okta.users.readonly"), Some("okta.users.read")),
        (json!(""), Some("okta.users.read")),
    ] {
        let file = SecretFile::new(P256);
        let body = json!({"access_token": "t", "scope": granted});
        let (got, asked) = mint(5, key(&file), okta(Dpop::Never), move |_| token(body.clone())).await;
        assert_eq!(asked, 1);
        match missing {
            None => assert!(got.is_ok(), "{granted}"),
            Some(scope) => {
                let error = got.unwrap_err();
                assert_eq!(error.kind, PullErrorKind::Forbidden, "{granted}");
                assert!(error.message.ends_with(scope) && error.hint.contains(scope), "{error}");
            }
        }
    }
}

#[tokio::test]
async fn a_refusal_is_final_and_says_what_to_do() {
    for (code, word) in [
        (7_000_215, "wrong"),
        (7_000_222, "expired"),
        (700_016, "not known in this tenant"),
        (700_027, "certificate"),
        (90_002, "does not exist"),
        (424_242, "no token was given"),
    ] {
        let file = SecretFile::new(SECRET);
        let (got, asked) = check(Proof::Secret(file.source()), move |_| entra(code)).await;
        let error = got.unwrap_err();
        assert_eq!((error.kind, asked), (PullErrorKind::Unauthorized, 1), "{code}");
        assert!(error.message.contains(word) && error.message.contains(&code.to_string()), "{error}");
    }
}

/// Okta's sentences, then errors of servers that say no more: what comes in, and words of message and hint.
static REFUSALS: &[(u16, &str, &str, &str, &str)] = &[
    (
        401,
        "invalid_client",
        "The audience claim for client_assertion must be the endpoint invoked for the request.",
        "audience",
        "-admin",
    ),
    (401, "invalid_client", "The client_assertion token has already been used.", "used before", "try again"),
    (401, "invalid_client", "The client_assertion JWT kid is invalid.", "key with this id", "key_id"),
    (401, "invalid_client", "The client_assertion signature is invalid.", "signature", "belong together"),
    (401, "invalid_client", "The client_assertion JWT signature algorithm is invalid.", "algorithm", "RS256"),
    (
        401,
        "invalid_client",
        "The client does not have a JWKSet configured, but the client_assertion requires one.",
        "public keys",
        "add",
    ),
    (
        401,
        "invalid_client",
        "Client Credentials requests to the Org Authorization Server must use the private_key_jwt token_endpoint_auth_method.",
        "signed assertions only",
        "private key",
    ),
    (
        401,
        "invalid_client",
        "Only clients with 'application_type' of 'service' may use the client_credentials 'grant_type' with the Org Authorization Server.",
        "service application",
        "API Services",
    ),
    (
        401,
        "invalid_client",
        "The issuer claim for client_assertion is not a valid client_id.",
        "not known",
        "client_id",
    ),
    (401, "invalid_client", "Invalid value for 'client_id' parameter.", "not known", "client_id"),
    (400, "consent_required", "You are not allowed any of the requested scopes.", "not granted", "super administrator"),
    (400, "invalid_scope", "One or more scopes are not configured.", "scope", "grant"),
    (403, "access_denied", "Policy evaluation failed.", "policy", "policies"),
    (400, "unauthorized_client", "", "client credentials", "allow"),
    (400, "unsupported_grant_type", "", "client-credentials", "address"),
    (400, "invalid_target", "", "resource", "resource"),
    (400, "invalid_request", "", "request", "extra"),
    (401, "invalid_client", "client authentication failed", "not accepted", "client id"),
    (400, "invalid_dpop_proof", "The DPoP proof JWT header is missing.", "proof of possession", "dpop"),
    (400, "something_new", "", "no token was given", "credential"),
    (400, "not a code!", "", "no error code", "credential"),
];

#[tokio::test]
async fn every_known_reason_is_told_in_our_words() {
    for &(status, error, description, word, hint) in REFUSALS {
        let file = SecretFile::new(P256);
        let (got, asked) = check(key(&file), move |_| refusal(status, error, description)).await;
        let failure = got.unwrap_err();
        assert_eq!((failure.kind, asked), (PullErrorKind::Unauthorized, 1), "{description}");
        assert!(failure.message.contains(word) && failure.message.contains(&status.to_string()), "{failure}");
        assert!(failure.hint.contains(hint), "{failure}: {}", failure.hint);
    }
}

#[tokio::test]
async fn a_secret_that_changed_meanwhile_is_tried_once() {
    let proofs: [fn(SecretSource) -> Proof; 2] = [Proof::Secret, Proof::SecretBasic];
    for proof in proofs {
        let file = Arc::new(SecretFile::new("old"));
        let rotated = Arc::clone(&file);
        let (got, asked) = check(proof(file.source()), move |asked| {
            let basic = format!("Basic {}", STANDARD.encode("client:new"));
            if asked.field("client_secret") == "new" || asked.header("authorization") == basic {
                return token(json!({"access_token": "t"}));
            }
            rotated.write("new");
            entra(7_000_215)
        })
        .await;
        assert_eq!((got.is_ok(), asked), (true, 2));
    }
    let file = Arc::new(SecretFile::new(P256));
    let rotated = Arc::clone(&file);
    let proof = Proof::PrivateKey { source: file.source(), key_id: None };
    file.write(include_str!("../testdata/test-only-p256.jwk.json"));
    let (got, asked) = check(proof, move |asked| {
        if asked.assertion().0["kid"] == "rsa-2026" {
            return token(json!({"access_token": "t"}));
        }
        rotated.write(RSA_JWK);
        refusal(401, "invalid_client", "The client_assertion JWT kid is invalid.")
    })
    .await;
    assert_eq!((got.is_ok(), asked), (true, 2));
}

#[tokio::test]
async fn what_is_passing_is_asked_again_with_a_new_assertion() {
    for (text, certificate) in [(CERTIFICATE, true), (P256, false)] {
        let file = SecretFile::new(text);
        let seen = Mutex::new(BTreeSet::new());
        let proof = if certificate { Proof::Certificate(file.source()) } else { key(&file) };
        let (got, asked) = check(proof, move |asked| {
            assert_eq!((asked.field("client_id"), asked.field("client_secret")), ("client", ""));
            let jti = asked.assertion().1["jti"].to_string();
            assert!(seen.lock().unwrap().insert(jti), "an assertion was replayed");
            match asked.before {
                0 => ResponseTemplate::new(503),
                1 => ResponseTemplate::new(429).insert_header("retry-after", "0.01"),
                _ => token(json!({"access_token": "t"})),
            }
        })
        .await;
        assert_eq!((got.is_ok(), asked), (true, 3));
    }
}

fn dated(answer: ResponseTemplate, ahead: TimeDelta) -> ResponseTemplate {
    let date = (now() + ahead).format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    answer.insert_header("date", date.as_str())
}

#[tokio::test]
async fn a_wrong_clock_is_corrected_by_the_servers_once() {
    let server_ahead = TimeDelta::minutes(20);
    let answers: [fn() -> ResponseTemplate; 5] = [
        || entra(CLOCK_WRONG),
        || refusal(401, "invalid_client", "The client_assertion token is expired."),
        || refusal(401, "invalid_client", "The client_assertion token has an expiration too far into the future."),
        || refusal(401, "invalid_client", "The client_assertion token must be issued before the current time."),
        // A server that does not say why, with a clock that does.
        || refusal(401, "invalid_client", "client authentication failed"),
    ];
    for (at, wrong) in answers.into_iter().enumerate() {
        let file = SecretFile::new(P256);
        let (got, asked) = check(key(&file), move |asked| {
            let exp = asked.assertion().1["exp"].as_i64().unwrap();
            let good = exp == (now() + server_ahead).timestamp() + 300;
            dated(if good { token(json!({"access_token": "t"})) } else { wrong() }, server_ahead)
        })
        .await;
        assert_eq!((got.is_ok(), asked), (true, 2), "{at}");
        let file = SecretFile::new(CERTIFICATE);
        let (got, asked) =
            check(Proof::Certificate(file.source()), move |_| dated(wrong(), TimeDelta::minutes(-20))).await;
        assert!(got.unwrap_err().hint.contains("clock"), "{at}");
        assert_eq!(asked, 2, "{at}");
    }
    // A clock that is right is not to blame.
    let file = SecretFile::new(P256);
    let right = |_: &Asked<'_>| dated(refusal(401, "invalid_client", "no"), TimeDelta::seconds(-2));
    assert_eq!(check(key(&file), right).await.1, 1);
}

#[tokio::test]
async fn what_was_learnt_about_the_clock_is_kept() {
    let file = SecretFile::new(P256);
    let ahead = TimeDelta::hours(5);
    let server = server(move |asked| {
        let good = asked.assertion().1["exp"] == (now() + ahead).timestamp() + 300;
        let wrong = || refusal(401, "invalid_client", "The client_assertion token is expired.");
        dated(if good { token(json!({"access_token": "t"})) } else { wrong() }, ahead)
    })
    .await;
    let client = OAuthClient::new(Url::parse(&server.uri()).unwrap(), "client", key(&file));
    let cache = TokenCache::new(ClientCredentials::new(http(5), client, now));
    for asked in [2, 3] {
        let token = cache.get().await.unwrap();
        cache.invalidate(&token);
        assert_eq!(server.received_requests().await.unwrap().len(), asked);
    }
}

/// An endpoint as Okta's: assertions and proofs are good once, and proofs need the nonce of the day.
fn careful(ahead: TimeDelta) -> impl Fn(&Asked<'_>) -> ResponseTemplate + Send + Sync + 'static {
    let seen = Mutex::new(BTreeSet::new());
    move |asked| {
        let (_, assertion) = asked.assertion();
        let server_time = (now() + ahead).timestamp();
        assert!(seen.lock().unwrap().insert(assertion["jti"].to_string()), "an assertion was replayed");
        let answer = if assertion["exp"].as_i64().unwrap() < server_time {
            refusal(401, "invalid_client", "The client_assertion token is expired.")
        } else if let Some((header, claims)) = asked.proof() {
            assert!(seen.lock().unwrap().insert(claims["jti"].to_string()), "a proof was replayed");
            assert_eq!((&header["typ"], &header["alg"]), (&json!("dpop+jwt"), &json!("ES256")));
            assert_eq!(claims["htm"], "POST");
            assert_eq!(claims["htu"], format!("http://{}/tenant/oauth2/v2.0/token", asked.header("host")));
            assert_eq!((claims["iat"].as_i64().unwrap(), claims.get("ath")), (server_time, None));
            if claims["nonce"] == "n1" {
                token(json!({"access_token": "t", "token_type": "DPoP", "expires_in": 3600}))
            } else {
                refusal(400, "use_dpop_nonce", "Authorization server requires nonce in DPoP proof.")
                    .insert_header("dpop-nonce", "n1")
            }
        } else {
            refusal(400, "invalid_dpop_proof", "The DPoP proof JWT header is missing.")
        };
        dated(answer, ahead)
    }
}

#[tokio::test]
async fn possession_is_proved_when_it_is_asked_for() {
    for (dpop, ahead, requests) in [
        (Dpop::WhenAsked, 0, 3),
        (Dpop::Always, 0, 2),
        // The clock first, then the proof, then the nonce: as seen on a machine five and a half hours behind.
        (Dpop::WhenAsked, 19_800, 4),
        (Dpop::Always, 19_800, 3),
    ] {
        let file = SecretFile::new(P256);
        let adapt = |client| OAuthClient { dpop, ..client };
        // One try: challenges are not failures.
        let (got, asked) = if ahead == 0 || dpop == Dpop::WhenAsked {
            mint(1, key(&file), adapt, careful(TimeDelta::seconds(ahead))).await
        } else {
            // The first proof is dated by our clock, as the server's is not known yet.
            let rules = careful(TimeDelta::seconds(ahead));
            mint(1, key(&file), adapt, move |asked| {
                if asked.before == 0 {
                    let wrong = refusal(
                        400,
                        "invalid_dpop_proof",
                        "The DPoP proof JWT is issued more than five minutes in the past.",
                    );
                    return dated(wrong, TimeDelta::seconds(19_800));
                }
                rules(asked)
            })
            .await
        };
        assert_eq!((got.unwrap().kind, asked), (TokenKind::Dpop, requests), "{dpop:?} {ahead}");
    }
}

#[tokio::test]
async fn a_challenge_is_followed_once() {
    let nonce = |asked: &Asked<'_>| format!("n{}", asked.before);
    let endless =
        move |asked: &Asked<'_>| refusal(400, "use_dpop_nonce", "").insert_header("dpop-nonce", nonce(asked).as_str());
    let mute = |_: &Asked<'_>| refusal(400, "use_dpop_nonce", "");
    let refusing = |_: &Asked<'_>| refusal(400, "invalid_dpop_proof", "The DPoP proof JWT is invalid.");
    let unclear = |_: &Asked<'_>| refusal(400, "invalid_grant", "grant request is invalid");
    for (dpop, requests) in [(Dpop::Never, [1, 1, 1, 1]), (Dpop::WhenAsked, [3, 2, 2, 2]), (Dpop::Always, [2, 1, 1, 1])]
    {
        let file = SecretFile::new(P256);
        let adapt = |client| OAuthClient { dpop, ..client };
        let got = [
            mint(5, key(&file), adapt, endless).await,
            mint(5, key(&file), adapt, mute).await,
            mint(5, key(&file), adapt, refusing).await,
            mint(5, key(&file), adapt, unclear).await,
        ];
        for ((got, asked), expected) in got.into_iter().zip(requests) {
            let error = got.unwrap_err();
            assert_eq!((error.kind, asked), (PullErrorKind::Unauthorized, expected), "{dpop:?} {error}");
            assert!(error.hint.contains("dpop"), "{}", error.hint);
        }
    }
}

#[tokio::test]
async fn a_token_is_bound_where_that_is_wanted() {
    for (dpop, token_type, expected) in [
        (Dpop::Always, "DPoP", Ok(TokenKind::Dpop)),
        (Dpop::Always, "dpop", Ok(TokenKind::Dpop)),
        (Dpop::Always, "Bearer", Err(PullErrorKind::Unauthorized)),
        (Dpop::WhenAsked, "Bearer", Ok(TokenKind::Bearer)),
        (Dpop::WhenAsked, "DPoP", Err(PullErrorKind::Protocol)),
        (Dpop::Never, "DPoP", Err(PullErrorKind::Protocol)),
    ] {
        let file = SecretFile::new(P256);
        let adapt = |client| OAuthClient { dpop, ..client };
        let (got, asked) = mint(5, key(&file), adapt, move |asked| {
            assert_eq!(asked.proof().is_some(), dpop == Dpop::Always);
            token(json!({"access_token": "t", "token_type": token_type}))
        })
        .await;
        let got = got.map(|token| token.kind).map_err(|error| error.kind);
        assert_eq!((got, asked), (expected, 1), "{dpop:?} {token_type}");
    }
}

#[tokio::test]
async fn neither_redirects_nor_html_give_a_token() {
    for (answer, kind) in [
        (ResponseTemplate::new(302).insert_header("location", "http://127.0.0.1:1/"), PullErrorKind::ForeignLink),
        (ResponseTemplate::new(307).insert_header("location", "/other"), PullErrorKind::ForeignLink),
        (ResponseTemplate::new(200).set_body_raw("<html>Sign in</html>", "text/html"), PullErrorKind::Protocol),
        (ResponseTemplate::new(404).set_body_raw("<html>?</html>", "text/html"), PullErrorKind::NotFound),
        (ResponseTemplate::new(500), PullErrorKind::RemoteFailure),
        (ResponseTemplate::new(429).insert_header("retry-after", "301"), PullErrorKind::Throttled),
    ] {
        let file = SecretFile::new(SECRET);
        let (got, _) = check(Proof::Secret(file.source()), move |_| answer.clone()).await;
        assert_eq!(got.unwrap_err().kind, kind);
    }
}

#[tokio::test]
async fn what_cannot_sign_is_not_even_sent() {
    let unnamed = |source| Proof::PrivateKey { source, key_id: None };
    let short = include_str!("../testdata/test-only-short.pem");
    let half = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----";
    type ToProof = fn(SecretSource) -> Proof;
    let table: [(&str, ToProof, &str); 4] = [
        (half, Proof::Certificate, "private key"),
        (P256, unnamed, "kid"),
        (short, unnamed, "2048"),
        ("s3cr3t", unnamed, "private key"),
    ];
    for (text, proof, word) in table {
        let file = SecretFile::new(text);
        let (got, asked) = check(proof(file.source()), |_| ResponseTemplate::new(200)).await;
        let error = got.unwrap_err();
        assert_eq!((error.kind, asked), (PullErrorKind::Unauthorized, 0));
        assert!(error.message.contains(word), "{error}");
    }
}

#[tokio::test]
async fn only_a_certificate_ends() {
    let ends = async |text: &str, proof: fn(SecretSource) -> Proof| {
        let file = SecretFile::new(text);
        let url = Url::parse("https://login.example.com/token").unwrap();
        let client = OAuthClient::new(url, "client", proof(file.source()));
        ClientCredentials::new(http(1), client, now).certificate_ends().await
    };
    assert!(ends(CERTIFICATE, Proof::Certificate).await.is_some_and(|(_, days)| days > 30_000));
    assert_eq!(ends(SECRET, Proof::Secret).await, None);
    assert_eq!(ends("no certificate", Proof::Certificate).await, None);
}
