//! `/api`: what it answers is what its document says, and who may do what.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HOST};
use axum::http::{Request, StatusCode};
use rollcall::console::Centre;
use rollcall::model::JournalEntry;
use rollcall::store::JournalRow;
use serde_json::{Value, json};

use super::served::Office;
use super::{HERE, centre};
use crate::world::World;

async fn office() -> Office {
    let mut world = World::of(12).await;
    world.sync().await.unwrap();
    let (mover, _) = world.hire("Care");
    world.hire("Gardening");
    world.sync().await.unwrap();
    world.move_to(&mover, "Sales");
    Office::of(world).await
}

/// The document, and answers held against it.
struct Document(Value);

impl Document {
    async fn of(office: &Office) -> Self {
        let (status, document) = office.api("GET", "/api/openapi.json", None).await;
        assert_eq!(status, StatusCode::OK);
        Self(document)
    }

    /// Every operation: method and path.
    fn operations(&self) -> BTreeSet<(String, String)> {
        let paths = self.0["paths"].as_object().unwrap();
        let of = |(path, item): (&String, &Value)| {
            let methods: Vec<String> = item.as_object().unwrap().keys().cloned().collect();
            methods.into_iter().map(|method| (method, path.clone())).collect::<Vec<_>>()
        };
        paths.iter().flat_map(of).collect()
    }

    /// Whether an answer is what the document says.
    #[track_caller]
    fn allows(&self, method: &str, path: &str, status: StatusCode, body: &Value) {
        let answer = &self.0["paths"][path][method]["responses"][status.as_str()];
        assert!(answer.is_object(), "{method} {path} does not tell of {status}");
        let content = answer["content"].as_object().unwrap().values().next().unwrap();
        let mut schema = content["schema"].clone();
        schema["components"] = self.0["components"].clone();
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        let wrong: Vec<String> =
            validator.iter_errors(body).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(wrong.is_empty(), "{method} {path}: {wrong:#?}\n{body:#}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_operation_answers_as_its_document_says() {
    let office = office().await;
    let document = Document::of(&office).await;
    let (_, people) = office.api("GET", "/api/centres/support-emea/people?q=care", None).await;
    let id = people["people"][0]["id"].as_str().unwrap();
    let (_, runs) = office.api("GET", "/api/centres/support-emea/runs", None).await;
    let moved = runs["runs"].as_array().unwrap().iter().find(|run| run["summary"]["updated"] != 0).unwrap();
    let run = moved["run"].as_str().unwrap();
    let (_, asked) = office.api("POST", "/api/sync", Some(&json!({"plan_only": true}))).await;
    let ticket = asked["id"].as_str().unwrap();
    let none = None;
    let table: &[(&str, &str, &str, Option<Value>, u16)] = &[
        ("get", "/api/centres", "/api/centres", none, 200),
        ("get", "/api/centres/{centre}", "/api/centres/support-emea", None, 200),
        ("get", "/api/centres/{centre}", "/api/centres/elsewhere", None, 404),
        ("post", "/api/centres/{centre}/pause", "/api/centres/support-emea/pause", Some(json!({"hours": 2})), 200),
        ("post", "/api/centres/{centre}/resume", "/api/centres/support-emea/resume", None, 200),
        ("get", "/api/centres/{centre}/plan", "/api/centres/support-emea/plan?limit=3&q=a", None, 200),
        (
            "post",
            "/api/centres/{centre}/approve",
            "/api/centres/support-emea/approve",
            Some(json!({"digest": "x"})),
            409,
        ),
        ("get", "/api/centres/{centre}/people", "/api/centres/support-emea/people?sort=-name&limit=2", None, 200),
        ("get", "/api/centres/{centre}/people", "/api/centres/support-emea/people?state=odd", None, 400),
        ("get", "/api/centres/{centre}/people/{source}/{id}", "@person", None, 200),
        ("get", "/api/centres/{centre}/people/{source}/{id}", "/api/centres/support-emea/people/entra/x", None, 404),
        ("get", "/api/centres/{centre}/rules", "/api/centres/support-emea/rules", None, 200),
        ("get", "/api/centres/{centre}/runs", "/api/centres/support-emea/runs?offset=1", None, 200),
        ("get", "/api/centres/{centre}/runs/{run}", "@run", None, 200),
        ("get", "/api/centres/{centre}/runs/{run}", "/api/centres/support-emea/runs/x", None, 404),
        ("get", "/api/centres/{centre}/runs/{run}/changes", "@run/changes", None, 200),
        ("post", "/api/centres/{centre}/runs/{run}/undo", "@run/undo", Some(json!({})), 202),
        ("post", "/api/sync", "/api/sync", Some(json!({"source": "entra", "full": true})), 202),
        ("post", "/api/sync", "/api/sync", Some(json!({"centre": "elsewhere"})), 404),
        ("get", "/api/asked/{id}", "@asked", None, 200),
        ("get", "/api/asked/{id}", "/api/asked/x", None, 404),
        ("get", "/api/openapi.json", "/api/openapi.json", None, 200),
    ];
    let mut seen = BTreeSet::new();
    for (method, template, path, body, expected) in table {
        let path = path
            .replace("@person", &format!("/api/centres/support-emea/people/entra/{id}"))
            .replace("@run", &format!("/api/centres/support-emea/runs/{run}"))
            .replace("@asked", &format!("/api/asked/{ticket}"));
        let (status, answer) = office.api(&method.to_uppercase(), &path, body.as_ref()).await;
        assert_eq!(status.as_u16(), *expected, "{method} {path}: {answer:#}");
        document.allows(method, template, status, &answer);
        seen.insert(((*method).to_owned(), (*template).to_owned()));
    }
    assert_eq!(seen, document.operations(), "every operation is asked, and every one that is asked is described");
    office.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_and_the_api_tell_the_same() {
    let office = office().await;
    let (_, people) = office.api("GET", "/api/centres/support-emea/people?limit=1000", None).await;
    let csv = office.page("/people.csv").await;
    let rows: Vec<csv::StringRecord> = csv::Reader::from_reader(csv.as_bytes()).records().map(Result::unwrap).collect();
    let listed: Vec<&str> =
        people["people"].as_array().unwrap().iter().map(|row| row["username"].as_str().unwrap()).collect();
    assert_eq!(listed, rows.iter().map(|row| &row[0]).collect::<Vec<_>>());
    assert_eq!(people["total"], rows.len());
    let (_, first) = office.api("GET", "/api/centres/support-emea/people?limit=1&offset=3", None).await;
    assert_eq!(first["people"][0], people["people"][3]);
    let (_, rules) = office.api("GET", "/api/centres/support-emea/rules", None).await;
    let departments = rules["departments"].as_array().unwrap();
    assert!(departments.iter().any(|row| row["department"] == "Gardening"), "{rules:#}");
    office.close().await;
}

/// Follows `POST /api/sync` as events to the end; the last event's data.
async fn follow(office: &Office, body: &Value) -> Value {
    let mut request = office.asking("POST", "/api/sync", Some(body));
    request.headers_mut().insert("accept", "text/event-stream".parse().unwrap());
    let answer = office.desk.ask(request).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert!(answer.body.starts_with("event: asked\n"), "{}", answer.body);
    let progressed = answer.body.contains("event: progress\n") && answer.body.contains("\"told\":\"started\"");
    let (_, last) = answer.body.rsplit_once("event: ended\ndata: ").expect("it ends");
    let ended: Value = serde_json::from_str(last.trim()).unwrap();
    assert_eq!(ended["ended"]["ran"], progressed, "a run tells everything from its beginning on: {}", answer.body);
    ended
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_whole_one_source_and_one_person_are_synced_and_followed() {
    let mut office = office().await.quiet().await;
    let (one, one_login) = office.desk.world.hire("Care");
    let (_, other_login) = office.desk.world.hire("Care");
    let refused = follow(&office, &json!({"person": one_login})).await;
    assert_eq!(refused["ended"]["ran"], false, "{refused:#}");
    assert!(refused["ended"]["message"].as_str().unwrap().contains("is paused"), "{refused:#}");

    let planned = follow(&office, &json!({"plan_only": true})).await;
    assert_eq!(planned["ended"]["plan"]["joins"], 2, "{planned:#}");
    assert!(office.desk.world.user(&one_login).is_none(), "a plan writes nothing");

    let key = format!("entra/{one}");
    let ended = follow(&office, &json!({"person": key, "while_paused": true})).await;
    assert_eq!(ended["ended"]["summary"]["created"], 1, "{ended:#}");
    assert!(office.desk.world.user(&one_login).is_some() && office.desk.world.user(&other_login).is_none());

    let ended = follow(&office, &json!({"centre": "support-emea", "source": "entra", "while_paused": true})).await;
    assert_eq!(ended["ended"]["summary"]["created"], 1, "{ended:#}");
    assert!(office.desk.world.user(&other_login).is_some());

    let ended = follow(&office, &json!({"full": true, "while_paused": true})).await;
    assert_eq!(ended["ended"]["summary"]["result"], "nothing_to_do", "{ended:#}");
    let run = ended["run"].as_str().unwrap();
    assert_eq!(office.api("GET", &format!("/api/centres/support-emea/runs/{run}"), None).await.0, StatusCode::OK);
    office.close().await.nothing_more_happens().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_plan_is_approved_by_its_digest_only() {
    let office =
        Office::of(World::with(12, |scene| scene.existing = 4, |text| text.first_run_applies = false).await).await;
    let (_, centre) = office.api("GET", "/api/centres/support-emea", None).await;
    let digest = centre["waits_for_approval"].as_str().expect("a plan is held").to_owned();
    let approve = async |digest: &str| {
        office.api("POST", "/api/centres/support-emea/approve", Some(&json!({"digest": digest}))).await.0
    };
    assert_eq!(approve("0000-0000").await, StatusCode::CONFLICT);
    assert_eq!(approve(&digest).await, StatusCode::OK);
    let ended = follow(&office, &json!({})).await;
    assert!(ended["ended"]["summary"]["created"].as_u64().unwrap() > 0, "{ended:#}");
    office.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cookie_only_looks_and_nobody_else_does_even_that() {
    let office = office().await.quiet().await;
    let (cookie, token) = (office.cookie.as_str(), office.desk.token.as_str());
    let request = |method: &str, path: &str, name: axum::http::HeaderName, value: &str| {
        let body = if method == "POST" { Body::from("{}") } else { Body::empty() };
        let request = Request::builder().method(method).uri(path).header(HOST, HERE);
        request.header(CONTENT_TYPE, "application/json").header(name, value).body(body).unwrap()
    };
    let status = async |request: Request<Body>| office.desk.ask(request).await.status;
    let (looks, acts) = ("/api/centres", "/api/sync");
    assert_eq!(status(request("GET", looks, COOKIE, cookie)).await, StatusCode::OK);
    assert_eq!(status(request("POST", acts, COOKIE, cookie)).await, StatusCode::FORBIDDEN);
    for path in [looks, "/api/openapi.json", "/api/nowhere", "/api"] {
        let answer = office.desk.ask(request("GET", path, COOKIE, "rollcall=x")).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        assert!(answer.headers["www-authenticate"].to_str().unwrap().starts_with("Bearer"));
    }
    assert_eq!(status(request("POST", acts, COOKIE, "rollcall=x")).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(request("GET", "/api/nowhere", COOKIE, cookie)).await, StatusCode::NOT_FOUND);
    assert_eq!(status(request("DELETE", looks, COOKIE, cookie)).await, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(
        status(request("POST", looks, AUTHORIZATION, &format!("Bearer {token}"))).await,
        StatusCode::METHOD_NOT_ALLOWED
    );
    // Another scheme, and the token in another place, are nothing.
    assert_eq!(status(request("GET", looks, AUTHORIZATION, &format!("Basic {token}"))).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(request("GET", &format!("{looks}?token={token}"), COOKIE, "")).await, StatusCode::UNAUTHORIZED);
    office.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_tokens_are_counted_and_a_right_one_is_never_held_up() {
    let office = office().await;
    let with = |token: &str| {
        let request = Request::get("/api/centres").header(HOST, HERE).header(AUTHORIZATION, format!("Bearer {token}"));
        request.body(Body::empty()).unwrap()
    };
    let mut answers = Vec::new();
    for _ in 0..2_000 {
        answers.push(office.desk.ask(with("rollcall_guess")).await.status);
    }
    let refused = answers.iter().filter(|status| **status == StatusCode::UNAUTHORIZED).count();
    assert_eq!(refused, 5);
    assert!(answers[5..].iter().all(|status| *status == StatusCode::TOO_MANY_REQUESTS));
    assert_eq!(office.desk.ask(with(&office.desk.token)).await.status, StatusCode::OK);
    let audited = office.desk.world.store().await.audited(2_500).await.unwrap();
    assert_eq!(audited.iter().filter(|row| row.action == "token refused").count(), 5, "thousands do not fill the file");
    // A new token voids the old one at once.
    super::rotate(&office.desk.world).await;
    assert_ne!(office.desk.ask(with(&office.desk.token)).await.status, StatusCode::OK);
    office.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_question_is_refused_and_means_nobody() {
    let office = office().await.quiet().await;
    let before = office.desk.world.sandbox.connect.journal().len();
    let table: &[(Value, u16)] = &[
        (json!({"user": "ada.king"}), 422),
        (json!({"person": ""}), 422),
        (json!({"person": 7}), 422),
        (json!({"approve": ""}), 422),
        (json!({"source": "nowhere"}), 404),
        (json!([]), 422),
        (json!("all"), 422),
    ];
    for (body, expected) in table {
        let (status, problem) = office.api("POST", "/api/sync", Some(body)).await;
        assert_eq!(status.as_u16(), *expected, "{body}: {problem}");
        assert!(problem["hint"].is_string() && problem["status"] == *expected, "{problem}");
        assert!(!problem.to_string().contains("ada.king"), "a value is not repeated: {problem}");
    }
    let plain = office.asking("POST", "/api/sync", None);
    assert_eq!(office.desk.ask(plain).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let mut large = office.asking("POST", "/api/sync", Some(&json!({"person": "x".repeat(600 * 1024)})));
    large.headers_mut().remove("content-length");
    assert_eq!(office.desk.ask(large).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    for query in ["?colour=1", "?limit=-1", "?limit=x", "?offset=99999999999999"] {
        let (status, _) = office.api("GET", &format!("/api/centres/support-emea/people{query}"), None).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}");
    }
    assert_eq!(office.desk.world.sandbox.connect.journal().len(), before);
    office.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_contact_centres_one_is_named_and_chosen() {
    let other = World::of(6).await;
    other.sync().await.unwrap();
    let second = Centre { name: "support-apac".to_owned(), ..centre(&other).await };
    let office = Office::beside(World::of(6).await, vec![second]).await;
    let start = office.desk.get("/", &office.cookie).await.ok();
    assert!(start.contains("/c/support-apac/today") && start.contains("/c/support-emea/today"), "{start}");
    let today = office.page("/today").await;
    assert!(today.contains("class=\"centre\" href=\"/\""), "{today}");
    assert_eq!(office.desk.get("/c/support-apac/today", &office.cookie).await.status, StatusCode::OK);
    let (_, all) = office.api("GET", "/api/centres", None).await;
    assert_eq!(all.as_array().unwrap().len(), 2, "{all:#}");
    let (status, problem) = office.api("POST", "/api/sync", Some(&json!({}))).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
    let (status, _) = office.api("POST", "/api/sync", Some(&json!({"centre": "support-emea"}))).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    let (status, problem) = office.api("POST", "/api/sync", Some(&json!({"centre": "support-apac"}))).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "it is only shown: {problem}");
    office.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approval_that_comes_with_a_run_is_audited_and_reported_like_any() {
    let world = World::with(12, |scene| scene.existing = 4, |text| text.first_run_applies = false).await;
    let office = Office::of(world).await;
    let (_, centre) = office.api("GET", "/api/centres/support-emea", None).await;
    let digest = centre["waits_for_approval"].as_str().expect("a plan is held").to_owned();
    let ended = follow(&office, &json!({"approve": digest})).await;
    assert!(ended["ended"]["summary"]["created"].as_u64().unwrap() > 0, "{ended:#}");
    let store = office.desk.world.store().await;
    let audited = store.audited(50).await.unwrap();
    let about = format!("support-emea {digest}");
    assert!(audited.iter().any(|row| row.action == "approved" && row.about.as_ref() == Some(&about)), "{audited:?}");
    let journal = store.journal(0, 10_000).await.unwrap();
    let approved =
        |row: &JournalRow| matches!(&row.entry, JournalEntry::Approved { digest: named } if *named == digest);
    assert_eq!(journal.iter().filter(|row| approved(row)).count(), 1, "in the report, once");
    office.close().await;
}
