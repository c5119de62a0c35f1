//! Signing in the way clients do: secrets, certificates, and everything that is refused.

use axum::body::Body;
use axum::http::Request as Http;
use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::{assertion, router};
use crate::sandbox::company::Company;
use crate::sandbox::faults::{Fault, FaultKind, Faults};
use crate::sandbox::tenant::{App, Tenant};

/// A key and its self-signed certificate, made for these tests and used for nothing else.
const PEM: &str = include_str!("fixture.pem");
const CLIENT: &str = "66666666-7777-4888-8999-000000000000";

fn tenant() -> Tenant {
    let tenant = Tenant::new(Company::plain(3), DateTime::<Utc>::from_timestamp(1_800_000_000, 0).unwrap());
    tenant.set_app(App::new(CLIENT).secret("s3cret&=+").expired_secret("old").certificate(PEM));
    tenant
}

async fn ask(tenant: &Tenant, faults: &Faults, named: &str, fields: &[(&str, &str)]) -> (u16, Value) {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = Http::post(format!("/{named}/oauth2/v2.0/token"))
        .header("host", "login.test")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from(body))
        .unwrap();
    let response = router(tenant.clone(), faults.clone()).oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

async fn check(tenant: &Tenant, fields: &[(&str, &str)], expected: Result<(), (u16, u32)>) {
    let mut all = vec![("grant_type", "client_credentials"), ("scope", "http://graph.test/.default")];
    all.retain(|(name, _)| !fields.iter().any(|(other, _)| other == name));
    all.extend(fields.iter().filter(|(_, value)| !value.is_empty()));
    let (status, body) = ask(tenant, &Faults::default(), &tenant.tenant_id(), &all).await;
    match expected {
        Ok(()) => {
            assert_eq!(
                (status, &body["expires_in"], &body["token_type"]),
                (200, &json!(3599), &json!("Bearer")),
                "{body}"
            );
            assert!(body["access_token"].as_str().is_some_and(|token| token.len() > 40));
        }
        Err((expected, code)) => {
            assert_eq!((status, &body["error_codes"]), (expected, &json!([code])), "{body}");
            assert!(body["error_description"].as_str().unwrap().starts_with(&format!("AADSTS{code}: ")));
        }
    }
}

#[tokio::test]
async fn secrets_are_compared_whole_and_every_refusal_has_its_number() {
    let tenant = tenant();
    check(&tenant, &[("client_id", CLIENT), ("client_secret", "s3cret&=+")], Ok(())).await;
    check(&tenant, &[("client_id", CLIENT), ("client_secret", "s3cret")], Err((401, 7_000_215))).await;
    check(&tenant, &[("client_id", CLIENT), ("client_secret", "old")], Err((401, 7_000_222))).await;
    check(&tenant, &[("client_id", CLIENT)], Err((401, 7_000_216))).await;
    check(&tenant, &[("client_id", "nobody"), ("client_secret", "x")], Err((400, 700_016))).await;
    check(&tenant, &[("client_secret", "x")], Err((400, 900_144))).await;
    let right = [("client_id", CLIENT), ("client_secret", "s3cret&=+")];
    check(&tenant, &[right[0], right[1], ("grant_type", "password")], Err((400, 70003))).await;
    check(&tenant, &[right[0], right[1], ("scope", "")], Err((400, 900_144))).await;
    check(&tenant, &[right[0], right[1], ("scope", "User.Read.All")], Err((400, 1_002_012))).await;
    let two = "http://graph.test/.default http://other.test/.default";
    check(&tenant, &[right[0], right[1], ("scope", two)], Err((400, 70011))).await;
    let (status, body) = ask(&tenant, &Faults::default(), "elsewhere.example", &right).await;
    assert_eq!((status, &body["error_codes"]), (400, &json!([90002])));
}

/// A signed assertion that is right but for what `change` does to its header and claims.
fn assertion(tenant: &Tenant, jti: &str, change: impl FnOnce(&mut Header, &mut Value)) -> String {
    let mut header = Header::new(Algorithm::PS256);
    header.x5t_s256 = assertion::thumbprint(PEM);
    let now = 1_800_000_000;
    let mut claims = json!({
        "aud": format!("http://login.test/{}/oauth2/v2.0/token", tenant.tenant_id()),
        "iss": CLIENT, "sub": CLIENT, "jti": jti, "iat": now, "nbf": now, "exp": now + 300,
    });
    change(&mut header, &mut claims);
    jsonwebtoken::encode(&header, &claims, &EncodingKey::from_rsa_pem(PEM.as_bytes()).unwrap()).unwrap()
}

async fn check_assertion(tenant: &Tenant, text: &str, expected: Result<(), (u16, u32)>) {
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    let fields = [("client_id", CLIENT), ("client_assertion_type", kind), ("client_assertion", text)];
    check(tenant, &fields, expected).await;
}

#[tokio::test]
async fn an_assertion_works_once_and_only_when_everything_about_it_is_right() {
    let tenant = tenant();
    let right = assertion(&tenant, "j1", |_, _| {});
    check_assertion(&tenant, &right, Ok(())).await;
    check_assertion(&tenant, &right, Err((401, 700_027))).await;
    let wrong = assertion(&tenant, "j2", |header, _| header.x5t_s256 = Some("AAAA".to_owned()));
    check_assertion(&tenant, &wrong, Err((401, 700_027))).await;
    let missing = assertion(&tenant, "j3", |header, _| header.x5t_s256 = None);
    check_assertion(&tenant, &missing, Err((401, 700_027))).await;
    let late = assertion(&tenant, "j4", |_, claims| claims["exp"] = json!(1_800_000_000 - 301));
    check_assertion(&tenant, &late, Err((401, 700_024))).await;
    let early = assertion(&tenant, "j5", |_, claims| claims["nbf"] = json!(1_800_000_000 + 400));
    check_assertion(&tenant, &early, Err((401, 700_024))).await;
    let slash =
        assertion(&tenant, "j6", |_, claims| claims["aud"] = json!(format!("{}/", claims["aud"].as_str().unwrap())));
    check_assertion(&tenant, &slash, Err((401, 700_023))).await;
    let other = assertion(&tenant, "j7", |_, claims| claims["iss"] = json!("somebody"));
    check_assertion(&tenant, &other, Err((401, 700_021))).await;
    let text = assertion(&tenant, "j8", |_, claims| claims["exp"] = json!("1800000300"));
    check_assertion(&tenant, &text, Err((400, 50027))).await;
    let fine = assertion(&tenant, "j9", |_, _| {});
    let (head, signature) = fine.rsplit_once('.').unwrap();
    let forged = format!("{head}.{}{}", if signature.starts_with('A') { "B" } else { "A" }, &signature[1..]);
    check_assertion(&tenant, &forged, Err((401, 700_027))).await;
    check_assertion(&tenant, &fine, Ok(())).await;
    check_assertion(&tenant, "not.a.jwt", Err((400, 50027))).await;
}

#[tokio::test]
async fn faults_strike_sign_in_too() {
    let (tenant, faults) = (tenant(), Faults::default());
    let fault = |kind| Fault { service: "login".to_owned(), operation: None, skip: 0, times: 1, kind };
    let right = [
        ("grant_type", "client_credentials"),
        ("scope", "http://graph.test/.default"),
        ("client_id", CLIENT),
        ("client_secret", "s3cret&=+"),
    ];
    let down = FaultKind::Status {
        status: 503,
        code: "temporarily_unavailable".to_owned(),
        message: String::new(),
        retry_after: Some("1".to_owned()),
    };
    faults.add(fault(down));
    assert_eq!(ask(&tenant, &faults, &tenant.tenant_id(), &right).await.0, 503);
    faults.add(fault(FaultKind::Truncated));
    assert_eq!(ask(&tenant, &faults, &tenant.tenant_id(), &right).await, (200, Value::Null));
    faults.add(fault(FaultKind::NullFields));
    assert_eq!(ask(&tenant, &faults, &tenant.tenant_id(), &right).await.1["access_token"], Value::Null);
    faults.add(fault(FaultKind::Redirect));
    assert_eq!(ask(&tenant, &faults, &tenant.tenant_id(), &right).await, (302, Value::Null));
    assert!(ask(&tenant, &faults, &tenant.tenant_id(), &right).await.1["access_token"].is_string());
    assert_eq!(tenant.requests()["POST /token"], 5);
}
