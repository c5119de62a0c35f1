//! Who gets in, and who does not.

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, ORIGIN};
use axum::http::{Method, Request, StatusCode};
use futures_util::stream;
use rollcall::console::{ConsoleConfig, Transport};
use rollcall::store::AuditRow;

use super::{Desk, HERE, ORIGIN_HERE, bound, form_of, later, local, rotate, word_of};
use crate::world::World;

async fn desk() -> Desk {
    Desk::of(World::of(6).await).await
}

async fn audited(desk: &Desk) -> Vec<String> {
    let rows = desk.world.store().await.audited(50).await.unwrap();
    rows.into_iter().map(|AuditRow { action, about, .. }| format!("{action} {}", about.unwrap_or_default())).collect()
}

const PAGES: [&str; 23] = [
    "/today",
    "/plan",
    "/plan.csv",
    "/people",
    "/people.csv",
    "/people/entra/1",
    "/rules",
    "/rules.csv",
    "/rules/what-if",
    "/sources",
    "/sources.csv",
    "/connect",
    "/connect/names.csv",
    "/connect/quota.csv",
    "/runs",
    "/runs.csv",
    "/changes",
    "/approve",
    "/asked/1",
    "/audit",
    "/audit.csv",
    "/live",
    "/pause",
];

/// Where something is done.
const FORMS: [&str; 8] = [
    "/approve",
    "/check",
    "/pause",
    "/resume",
    "/rules/what-if",
    "/rules/what-if.csv",
    "/runs/01a20133-e987-772c-8c3f-6b69b6fa88fc/undo",
    "/sync",
];

#[tokio::test]
async fn nothing_is_shown_to_somebody_without_a_session() {
    let desk = desk().await;
    let unknown = "rollcall=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    for path in PAGES.map(|path| desk.at(path)).into_iter().chain([
        "/".to_owned(),
        "/c/other/today".to_owned(),
        "/nowhere".to_owned(),
    ]) {
        for cookie in ["", "rollcall=", unknown, "rollcall=../../etc/passwd"] {
            let answer = desk.get(&path, cookie).await;
            assert_eq!(answer.status, StatusCode::SEE_OTHER, "{path}");
            assert!(answer.to().starts_with("/login"), "{path} leads to {}", answer.to());
            assert_eq!(answer.body, "", "{path}");
        }
    }
    let forms = FORMS.map(|path| desk.at(path));
    for path in forms.into_iter().chain(["/logout".to_owned()]) {
        let answer = desk.post(&path, unknown, &[("digest", "x"), ("csrf", "y")]).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
    }
}

#[tokio::test]
async fn the_token_opens_and_nothing_else_does() {
    let desk = desk().await;
    for wrong in ["", "rollcall_", "rollcall_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
        let answer = desk.post("/login", "", &[("token", wrong)]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert!(!answer.headers.contains_key("set-cookie"));
        assert!(answer.body.contains("That is not the token"), "{}", answer.body);
    }
    let form = [("token", desk.token.as_str()), ("next", "/c/support-emea/people?q=ada")];
    let answer = desk.post("/login", "", &form).await;
    assert_eq!((answer.status, answer.to()), (StatusCode::SEE_OTHER, "/c/support-emea/people?q=ada"));
    let set = answer.headers["set-cookie"].to_str().unwrap();
    for word in ["rollcall=", "; Path=/;", "HttpOnly", "SameSite=Strict"] {
        assert!(set.contains(word), "{set}");
    }
    assert!(!set.contains(&desk.token) && !set.contains("Secure"), "{set}");
    let today = desk.get(&desk.at("/today"), &answer.cookie()).await;
    assert_eq!(today.status, StatusCode::OK);
    assert_eq!(audited(&desk).await, ["signed in ", "token refused ", "token refused ", "token refused "]);
}

#[tokio::test]
async fn the_state_file_holds_neither_the_token_nor_the_cookie() {
    let desk = desk().await;
    let cookie = desk.sign_in().await;
    let id = cookie.strip_prefix("rollcall=").unwrap();
    for name in ["rollcall.db", "rollcall.db-wal"] {
        let bytes = std::fs::read(desk.world.folder.path().join(name)).unwrap_or_default();
        let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(!holds(&desk.token) && !holds(&desk.token["rollcall_".len()..]) && !holds(id), "{name}");
    }
}

#[tokio::test]
async fn a_session_ends_by_rest_by_age_by_hand_and_by_a_new_token() {
    let desk = desk().await;
    let today = desk.at("/today");
    let lives = async |cookie: &str| desk.get(&today, cookie).await.status == StatusCode::OK;
    let minutes = |n: u64| std::time::Duration::from_secs(60 * n);

    let rests = desk.sign_in().await;
    later(minutes(59));
    assert!(lives(&rests).await);
    later(minutes(59));
    assert!(lives(&rests).await, "each look begins the hour anew");
    later(minutes(61));
    assert!(!lives(&rests).await);

    // What a page asks by itself is no use of it: nobody need sit before it.
    let left = desk.sign_in().await;
    let by_itself = async |path: String| {
        let request = Request::get(path).header(HOST, HERE).header(COOKIE, &left).header("sec-fetch-dest", "empty");
        desk.ask(request.body(Body::empty()).unwrap()).await.status
    };
    for _ in 0..6 {
        later(minutes(9));
        assert_eq!(by_itself(desk.at("/today")).await, StatusCode::OK);
    }
    later(minutes(9));
    assert_eq!(by_itself(desk.at("/today")).await, StatusCode::SEE_OTHER);
    assert!(!lives(&left).await);

    let ages = desk.sign_in().await;
    for _ in 0..23 {
        later(minutes(30));
        assert!(lives(&ages).await);
    }
    later(minutes(31));
    assert!(!lives(&ages).await, "twelve hours are the end");

    let leaves = desk.sign_in().await;
    let word = word_of(&desk.get(&today, &leaves).await.ok());
    let answer = desk.post("/logout", &leaves, &[("csrf", &word)]).await;
    assert_eq!((answer.status, answer.to()), (StatusCode::SEE_OTHER, "/login"));
    assert!(answer.headers["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    assert!(!lives(&leaves).await, "the cookie that was kept is worth nothing");

    let voided = desk.sign_in().await;
    assert!(lives(&voided).await);
    let token = rotate(&desk.world).await;
    assert!(!lives(&voided).await);
    let old = desk.post("/login", "", &[("token", &desk.token)]).await;
    assert_eq!(old.status, StatusCode::FORBIDDEN);
    // Another console over the same file: this one has counted enough attempts.
    let pages = rollcall::console::pages(local(), bound(), vec![super::centre(&desk.world).await], super::now).unwrap();
    let new = Desk { token, pages, ..desk };
    let cookie = new.sign_in().await;
    assert_eq!(new.get(&today, &cookie).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_form_of_another_session_or_of_none_does_nothing() {
    let desk = desk().await;
    let (mine, other) = (desk.sign_in().await, desk.sign_in().await);
    let today = desk.at("/today");
    let (my_word, other_word) =
        (word_of(&desk.get(&today, &mine).await.ok()), word_of(&desk.get(&today, &other).await.ok()));
    assert_ne!(my_word, other_word);
    for form in [
        &[][..],
        &[("csrf", "")],
        &[("csrf", other_word.as_str())],
        &[("csrf", my_word.as_str()), ("csrf", other_word.as_str())],
    ] {
        for path in FORMS.map(|path| desk.at(path)).into_iter().chain(["/logout".to_owned()]) {
            let answer = desk.post(&path, &mine, form).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} {form:?}");
        }
    }
    // The word of a session that has ended is replayed.
    assert_eq!(desk.post("/logout", &other, &[("csrf", &other_word)]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(desk.post("/logout", &other, &[("csrf", &other_word)]).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(desk.post("/logout", &mine, &[("csrf", &other_word)]).await.status, StatusCode::FORBIDDEN);
    assert_eq!(desk.get(&today, &mine).await.status, StatusCode::OK, "mine still lives");
}

#[tokio::test]
async fn a_form_of_another_site_does_nothing() {
    let desk = desk().await;
    let cookie = desk.sign_in().await;
    let word = word_of(&desk.get(&desk.at("/today"), &cookie).await.ok());
    for origin in [
        None,
        Some("null"),
        Some("https://evil.example"),
        Some("http://localhost"),
        Some("http://localhost:7656"),
        Some("https://localhost:7655"),
        Some("http://localhost:7655.evil.example"),
    ] {
        let answer = desk.ask(form_of("/logout", HERE, origin, &cookie, &[("csrf", &word)])).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{origin:?}");
        let answer = desk.ask(form_of("/login", HERE, origin, "", &[("token", &desk.token)])).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{origin:?}");
    }
    assert_eq!(desk.get(&desk.at("/today"), &cookie).await.status, StatusCode::OK);
}

#[tokio::test]
async fn only_our_own_names_are_answered() {
    let desk = desk().await;
    let ask = async |host: Option<&str>| {
        let mut request = Request::get("/login");
        if let Some(host) = host {
            request = request.header(HOST, host);
        }
        desk.ask(request.body(Body::empty()).unwrap()).await.status
    };
    for host in ["localhost:7655", "LOCALHOST:7655", "127.0.0.1:7655", "[::1]:7655"] {
        assert_eq!(ask(Some(host)).await, StatusCode::OK, "{host}");
    }
    for host in [
        None,
        Some(""),
        Some("evil.example"),
        Some("evil.example:7655"),
        Some("localhost"),
        Some("localhost:80"),
        Some("127.0.0.1.nip.io:7655"),
    ] {
        assert_eq!(ask(host).await, StatusCode::MISDIRECTED_REQUEST, "{host:?}");
    }
}

#[tokio::test]
async fn a_body_that_is_too_long_is_not_read() {
    let desk = desk().await;
    let cookie = desk.sign_in().await;
    let post = |path: &str| {
        Request::post(path)
            .header(HOST, HERE)
            .header(ORIGIN, ORIGIN_HERE)
            .header(COOKIE, &cookie)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
    };
    for path in ["/login", "/logout"] {
        let told = post(path).header(CONTENT_LENGTH, 1_000_000_000).body(Body::empty()).unwrap();
        assert_eq!(desk.ask(told).await.status, StatusCode::PAYLOAD_TOO_LARGE, "{path}");
        // One that does not say how long it is, and never ends.
        let endless = stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(&[b'a'; 8_192])));
        let endless = post(path).body(Body::from_stream(endless)).unwrap();
        assert_eq!(desk.ask(endless).await.status, StatusCode::PAYLOAD_TOO_LARGE, "{path}");
    }
}

#[tokio::test]
async fn thousands_of_attempts_are_turned_away() {
    let desk = desk().await;
    let mut answers = std::collections::BTreeMap::new();
    for n in 0..2_000 {
        let answer = desk.post("/login", "", &[("token", &format!("guess-{n}"))]).await;
        *answers.entry(answer.status.as_u16()).or_insert(0) += 1;
    }
    assert_eq!(answers, [(403, 5), (429, 1_995)].into());
    let answer = desk.post("/login", "", &[("token", "guess")]).await;
    assert!(answer.headers.contains_key("retry-after"));
    assert_eq!(audited(&desk).await.len(), 5, "what was not tried fills no disk");
    let answer = desk.post("/login", "", &[("token", &desk.token)]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "nobody who guesses keeps those out who know");
}

#[tokio::test]
async fn every_answer_carries_its_headers() {
    let desk = desk().await;
    let cookie = desk.sign_in().await;
    let sheet = desk.get("/login", "").await.ok();
    let sheet =
        sheet.split("href=\"").find(|part| part.contains("console.css")).unwrap().split('"').next().unwrap().to_owned();
    let request = |method: Method, path: &str| {
        Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, HERE)
            .header(COOKIE, &cookie)
            .body(Body::empty())
            .unwrap()
    };
    let mut answers = Vec::new();
    for path in PAGES.map(|path| desk.at(path)).iter().map(String::as_str).chain([
        "/login",
        "/nowhere",
        "/c/other/today",
        "/assets/0/console.css",
        &sheet,
    ]) {
        answers.push((path.to_owned(), desk.ask(request(Method::GET, path)).await));
    }
    for method in [Method::DELETE, Method::PUT, Method::OPTIONS, Method::TRACE] {
        let answer = desk.ask(request(method.clone(), &desk.at("/today"))).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
        answers.push((method.to_string(), answer));
    }
    answers.push(("a foreign form".to_owned(), desk.ask(request(Method::POST, "/logout")).await));
    answers.push(("no host".to_owned(), desk.ask(Request::get("/login").body(Body::empty()).unwrap()).await));
    answers.push(("post to a page".to_owned(), desk.post(&desk.at("/today"), &cookie, &[]).await));
    for (what, answer) in answers {
        let header = |name: &str| answer.headers.get(name).map_or("", |value| value.to_str().unwrap());
        let policy = header("content-security-policy");
        for word in ["default-src 'none'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"] {
            assert!(policy.contains(word), "{what}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{what}: {policy}");
        assert_eq!(header("x-content-type-options"), "nosniff", "{what}");
        assert_eq!(header("referrer-policy"), "same-origin", "{what}");
        let kept = if what == sheet { "public, max-age=31536000, immutable" } else { "no-store" };
        assert_eq!(header("cache-control"), kept, "{what}");
        assert!(
            !answer.body.contains(" style=") && !answer.body.contains("<style") && !answer.body.contains(" onclick"),
            "{what}"
        );
    }
}

#[tokio::test]
async fn behind_a_proxy_cookies_are_for_https_only_and_everybody_is_counted_apart() {
    let config = ConsoleConfig {
        listen: bound(),
        transport: Transport::BehindProxy,
        public_host: Some("rollcall.example.com".to_owned()),
    };
    let desk = Desk::with(World::of(6).await, config).await;
    let (host, origin) = ("rollcall.example.com", "https://rollcall.example.com");
    let attempt = async |token: &str, from: &str| {
        let mut request = form_of("/login", host, Some(origin), "", &[("token", token)]);
        request.headers_mut().insert("x-forwarded-for", from.parse().unwrap());
        desk.ask(request).await
    };
    for _ in 0..5 {
        assert_eq!(attempt("guess", "203.0.113.9").await.status, StatusCode::FORBIDDEN);
    }
    // What a client writes there itself stands before what the proxy adds.
    assert_eq!(attempt("guess", "198.51.100.1, 203.0.113.9").await.status, StatusCode::TOO_MANY_REQUESTS);
    let answer = attempt(&desk.token, "198.51.100.7").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    let set = answer.headers["set-cookie"].to_str().unwrap();
    assert!(set.starts_with("__Host-rollcall=") && set.contains("; Secure") && set.contains("Path=/;"), "{set}");
    assert!(answer.headers.contains_key("strict-transport-security"));
    let plain = desk.get("/login", "").await;
    assert_eq!(plain.status, StatusCode::MISDIRECTED_REQUEST, "the proxy's own name only");
}

#[tokio::test]
async fn without_a_token_nobody_gets_in() {
    let world = World::of(6).await;
    let store = rollcall::store::Store::open(&world.state_path(), super::now()).await.unwrap();
    drop(store);
    let pages = rollcall::console::pages(local(), bound(), vec![super::centre(&world).await], super::now).unwrap();
    let desk = Desk { world, pages, token: String::new() };
    assert!(desk.get("/login", "").await.ok().contains("No token has been made yet"));
    for token in ["", "rollcall_"] {
        assert_eq!(desk.post("/login", "", &[("token", token)]).await.status, StatusCode::FORBIDDEN);
    }
}
