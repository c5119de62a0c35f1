//! Who is let in, the token endpoint, and the rate.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

fn basic(text: &str) -> String {
    format!("Basic {}", STANDARD.encode(text))
}

#[tokio::test]
async fn every_credential_opens_and_nothing_else_does() {
    let lab = Lab::of(2, Character::Strict);
    let enter = async |headers: &[(&str, &str)]| lab.send("GET", "/scim/v2/Users", headers, "").await;
    let answer = enter(&[]).await;
    answer.refused(401, None);
    assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"SCIM\"");
    assert!(enter(&[("authorization", "Bearer wrong")]).await.header("www-authenticate").contains("invalid_token"));
    assert_eq!(enter(&[("authorization", "bearer opaque")]).await.status, 200);
    lab.server.accept(Credential::Basic { username: "ada".to_owned(), password: "p:w".to_owned() });
    lab.server.accept(Credential::Header { name: "X-Api-Key".to_owned(), value: "k".to_owned() });
    assert_eq!(enter(&[("authorization", &basic("ada:p:w"))]).await.status, 200);
    assert_eq!(enter(&[("authorization", &basic("ada:p"))]).await.status, 401);
    assert_eq!(enter(&[("x-api-key", "k")]).await.status, 200);
    assert_eq!(enter(&[("x-api-key", "")]).await.status, 401);
    let both = enter(&[]).await;
    assert_eq!(both.headers.get_all("www-authenticate").iter().count(), 2);
    assert_eq!(lab.send("GET", "/scim/v2/ServiceProviderConfig", &[], "").await.status, 200);
    assert_eq!(lab.send("GET", "/scim/v2/ResourceTypes", &[], "").await.status, 401);
}

#[tokio::test(start_paused = true)]
async fn tokens_live_by_the_tenants_time_and_can_be_revoked() {
    let lab = Lab::of(2, Character::Strict);
    lab.server.accept(Credential::OAuth(OAuthClient::new("app", "s cret")));
    let body = "grant_type=client_credentials&client_id=app&client_secret=s+cret&scope=read";
    let ask = async || {
        let answer = lab.send("POST", "/oauth/token", &[FORM], body).await;
        assert_eq!((answer.status, &answer.body["scope"]), (200, &json!("read")));
        format!("Bearer {}", answer.body["access_token"].as_str().unwrap())
    };
    let enter = async |token: &str| lab.send("GET", "/scim/v2/Users", &[("authorization", token)], "").await.status;
    let token = ask().await;
    assert_eq!(enter(&token).await, 200);
    lab.tenant.advance(Duration::from_secs(3_599));
    assert_eq!(enter(&token).await, 200);
    lab.tenant.advance(Duration::from_secs(1));
    assert_eq!(enter(&token).await, 401);
    let token = ask().await;
    assert_eq!(enter(&token).await, 200);
    lab.server.revoke_tokens();
    assert_eq!(enter(&token).await, 401);
}

#[tokio::test]
async fn the_token_endpoint_follows_its_standard() {
    let lab = Lab::of(2, Character::Strict);
    let client = OAuthClient {
        scopes: ["read".to_owned()].into(),
        audience: Some("https://scim".to_owned()),
        ..OAuthClient::new("a:pp", "s%+ t")
    };
    lab.server.accept(Credential::OAuth(client));
    let check = async |authorization: Option<&str>, body: &str, status: u16, error: Option<&str>| {
        let mut headers = vec![FORM];
        headers.extend(authorization.map(|value| ("authorization", value)));
        let answer = lab.send("POST", "/oauth/token", &headers, body).await;
        assert_eq!((answer.status, answer.body["error"].as_str()), (status, error), "{body}");
        assert_eq!(answer.body["access_token"].is_string(), status == 200);
    };
    let good = basic("a%3App:s%25%2B+t");
    let form = "grant_type=client_credentials&audience=https://scim";
    check(Some(&good), form, 200, None).await;
    check(Some(&good), &format!("{form}&scope=read"), 200, None).await;
    check(Some(&good), &format!("{form}&scope=read+write"), 400, Some("invalid_scope")).await;
    check(Some(&good), "grant_type=client_credentials", 403, Some("access_denied")).await;
    check(Some(&good), "grant_type=password", 400, Some("unsupported_grant_type")).await;
    check(Some(&good), "", 400, Some("invalid_request")).await;
    // Not form-encoded before it was joined.
    check(Some(&basic("a:pp:s%+ t")), form, 401, Some("invalid_client")).await;
    let posted = format!("{form}&client_id=a%3App&client_secret=s%25%2B+t");
    check(None, &posted, 200, None).await;
    check(Some(&good), &posted, 400, Some("invalid_request")).await;
    check(None, form, 401, Some("invalid_client")).await;
    lab.server.configure(|settings| {
        let Some(Credential::OAuth(client)) = settings.credentials.last_mut() else { panic!("the client is last") };
        client.auth = ClientAuth::Basic;
    });
    check(None, &posted, 401, Some("invalid_client")).await;
    check(Some(&good), form, 200, None).await;
    assert_eq!(lab.send("GET", "/oauth/token", &[], "").await.status, 405);
    assert_eq!(lab.send("POST", "/oauth/token", &[], form).await.body["error"], "invalid_request");
}

#[tokio::test(start_paused = true)]
async fn too_many_requests_are_sent_away_for_a_second() {
    let lab = Lab::of(2, Character::Strict);
    lab.server.configure(|settings| {
        settings.rate = Some(Rate { per_second: 2, retry_after: RetryAfter::Seconds });
    });
    for status in [200, 200, 429] {
        assert_eq!(lab.get("/Users").await.status, status);
    }
    let answer = lab.get("/Users").await;
    answer.refused(429, None);
    assert_eq!(answer.header("retry-after"), "1");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(lab.get("/Users").await.status, 200);
    lab.server.configure(|settings| {
        settings.rate = Some(Rate { per_second: 1, retry_after: RetryAfter::Date });
    });
    assert_eq!(lab.get("/Users").await.status, 200);
    let answer = lab.get("/Users").await;
    assert_eq!(answer.header("date"), "Fri, 15 Jan 2027 08:00:01 GMT");
    assert_eq!(answer.header("retry-after"), "Fri, 15 Jan 2027 08:00:03 GMT");
    assert_eq!(lab.server.requests()["GET /Users"], 7);
}
