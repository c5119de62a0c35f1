//! Errors of the server and of whatever stands before it, and what `rollcall check` says of it.

use serde_json::json;
use wiremock::ResponseTemplate;

use super::fake::{Filters, Pages, Shows};
use super::*;

#[tokio::test]
async fn every_error_says_what_to_do() {
    let error = |status: u16, scim_type: &str| {
        let body = json!({"status": status, "scimType": scim_type, "detail": "ada@example.com"});
        ResponseTemplate::new(status).set_body_json(body)
    };
    let html = ResponseTemplate::new(200).set_body_raw("<html>please log in</html>", "text/html");
    let table = [
        ("401", error(401, ""), PullErrorKind::Unauthorized, "credential"),
        ("403", error(403, "sensitive"), PullErrorKind::Forbidden, "right"),
        ("404", error(404, ""), PullErrorKind::NotFound, "base_url"),
        ("429", error(429, "").insert_header("retry-after", "0"), PullErrorKind::Throttled, "wait"),
        ("a long wait", error(503, "").insert_header("retry-after", "4000"), PullErrorKind::Throttled, "heavily"),
        (
            "502",
            ResponseTemplate::new(502).set_body_string("<html>bad gateway</html>"),
            PullErrorKind::RemoteFailure,
            "wait",
        ),
        ("a login page", html, PullErrorKind::Protocol, "login"),
        (
            "cut off",
            ResponseTemplate::new(200).set_body_string("{\"Resources\":[{\"id\""),
            PullErrorKind::Protocol,
            "prox",
        ),
        (
            "too big",
            ResponseTemplate::new(200).set_body_string("x".repeat(60_000)),
            PullErrorKind::BoundReached,
            "page_size",
        ),
        ("an error as 200", error(200, ""), PullErrorKind::Protocol, "base_url"),
        ("302", ResponseTemplate::new(302), PullErrorKind::ForeignLink, "final address"),
    ];
    for (name, answer, kind, word) in table {
        let rig = Rig::new(Character::default(), 3, |config| config.max_response_bytes = 50_000).await;
        rig.fake.world().fault("Users", 99, answer.insert_header("x-request-id", "r-42"));
        let error = rig.error().await;
        assert_eq!(error.kind, kind, "{name}: {error}");
        assert!(error.hint.contains(word), "{name}: {}", error.hint);
        assert!(!error.to_string().contains("ada") && !error.hint.contains("ada"), "{name}: {error}");
        assert_eq!(error.operation, "GET /Users", "{name}");
        assert!(error.request_id.as_deref() == Some("r-42") || name == "too big", "{name}: {error:?}");
    }
}

#[tokio::test]
async fn what_passes_is_tried_again_and_nobody_is_lost() {
    let mut rig = Rig::new(Character { page: 2, ..Character::default() }, 7, |_| {}).await;
    rig.start().await;
    rig.fake.world().fault("startIndex=3", 2, ResponseTemplate::new(503).insert_header("retry-after", "0"));
    rig.fake.world().fault("startIndex=5", 1, ResponseTemplate::new(429).insert_header("retry-after", "0"));
    assert_eq!(listed(&rig.full().await), ids(1..=7));
}

#[tokio::test]
async fn an_error_in_the_middle_is_an_error_of_the_whole() {
    let mut rig = Rig::new(Character { page: 2, ..Character::default() }, 7, |_| {}).await;
    rig.start().await;
    let garbage = ResponseTemplate::new(200).set_body_json(json!({"totalResults": 7, "Resources": "none"}));
    for answer in [ResponseTemplate::new(403), garbage, ResponseTemplate::new(500)] {
        rig.fake.world().fault("startIndex=5", 99, answer);
        rig.error().await;
        rig.fake.world().faults.clear();
    }
}

/// The lines of `rollcall check`, one text.
async fn checked(character: Character, set: impl FnOnce(&mut ScimConfig)) -> (String, bool) {
    let rig = Rig::new(character, 10, |config| {
        config.incremental = true;
        config.scope_groups = Some(vec!["Agents".to_owned()]);
        set(config);
    })
    .await;
    rig.fake.world().group("g1", "Agents", names(3..=7));
    let lines = rig.source.check().await;
    let ok = lines.iter().all(|line| line.ok);
    let text =
        lines.iter().map(|line| format!("{} [{}]\n", line.text, line.hint.clone().unwrap_or_default())).collect();
    (text, ok)
}

#[tokio::test]
async fn a_check_says_what_the_server_can_do() {
    let (text, ok) = checked(Character { page: 4, ..Character::default() }, |_| {}).await;
    assert!(ok, "{text}");
    for word in [
        "the credential is accepted",
        "10 users can be read, and that is everybody",
        "pages by index, 4 records at most (100 were asked for)",
        "totalResults is trustworthy (10)",
        "`attributes` works",
        "everybody says `active`",
        "`members` of the groups",
        "group `Agents` (g1) has 5 people",
        "the filter was shown to work",
        "(ETag)",
    ] {
        assert!(text.contains(word), "`{word}` is not in:\n{text}");
    }
}

#[tokio::test]
async fn a_check_says_what_is_announced_and_not_so() {
    let character = Character {
        filters: Filters::AreIgnored,
        pages: Pages::Index,
        announces_cursor: true,
        shows: Shows::Alone,
        tags: false,
        ..Character::default()
    };
    let (text, ok) = checked(character, |_| {}).await;
    assert!(ok, "{text}");
    for word in ["pages by cursor, and it does not", "a filter on meta.lastModified does not work", "each group alone"]
    {
        assert!(text.contains(word), "`{word}` is not in:\n{text}");
    }
    let (text, ok) = checked(Character { page: 4, ignores_start: true, ..Character::default() }, |_| {}).await;
    assert!(!ok && text.contains("does not page"), "{text}");
    let (text, ok) =
        checked(Character::default(), |config| config.scope_groups = Some(vec!["Nobody".to_owned()])).await;
    assert!(!ok && text.contains("no group is called `Nobody`"), "{text}");
}

#[tokio::test]
async fn a_wrong_configuration_is_refused_before_anything_is_sent() {
    let fake = Fake::start(Character::default()).await;
    let secret = Secret::new();
    let refused = |set: &dyn Fn(&mut ScimConfig)| {
        let mut config = config(&fake, &secret);
        set(&mut config);
        Scim::new(config, now).unwrap_err().kind == PullErrorKind::Refused
    };
    assert!(refused(&|config| config.base_url = Url::parse("http://idp.example.com/scim").unwrap()));
    assert!(refused(&|config| {
        config.extra_headers.insert("not a header".to_owned(), "x".to_owned());
    }));
    assert!(refused(&|config| {
        let secret = SecretSource::Env("X".to_owned());
        config.credential = ScimCredential::Header { name: "not a header".to_owned(), secret };
    }));
}
