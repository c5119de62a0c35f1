//! Pages by index and by cursor.

use super::*;

#[tokio::test]
async fn index_pages_follow_the_standard() {
    let lab = Lab::of(250, Character::Strict);
    let all = lab.users();
    // startIndex, count; the start that is told, and whom it shows
    let check = async |query: &str, start: i64, expected: &[String]| {
        let body = lab.get(&format!("/Users?{query}")).await.body;
        assert_eq!(ids(&body), expected, "{query}");
        let told = (&body["totalResults"], &body["startIndex"], &body["itemsPerPage"]);
        assert_eq!(told, (&json!(250), &json!(start), &json!(expected.len())), "{query}");
        assert!(body["Resources"].is_array() && body.get("nextCursor").is_none());
    };
    check("", 1, &all[..100]).await;
    check("count=1000", 1, &all[..100]).await;
    check("startIndex=101&count=3", 101, &all[100..103]).await;
    check("startIndex=201", 201, &all[200..]).await;
    check("startIndex=0&count=2", 1, &all[..2]).await;
    check("startIndex=-7&count=2", 1, &all[..2]).await;
    check("count=0", 1, &[]).await;
    check("count=-1", 1, &[]).await;
    check("startIndex=251", 251, &[]).await;
    lab.get("/Users?startIndex=one").await.refused(400, Some("invalidValue"));
    lab.get("/Users?count=many").await.refused(400, Some("invalidValue"));
    lab.get("/Users?sortBy=id&sortOrder=up").await.refused(400, Some("invalidValue"));
    lab.server.configure(|settings| settings.max_page = 7);
    assert_eq!(lab.page("count=100").await.len(), 7);
}

#[tokio::test]
async fn people_who_go_shift_the_others_and_those_who_come_back_do_too() {
    let lab = Lab::of(5, Character::Strict);
    let all = lab.users();
    assert_eq!(lab.page("").await, all);
    lab.tenant.soft_delete(&all[1]).unwrap();
    assert_eq!(lab.page("startIndex=2&count=2").await, all[2..4]);
    lab.get(&format!("/Users/{}", all[1])).await.refused(404, None);
    lab.tenant.restore(&all[1]).unwrap();
    assert_eq!(lab.page("startIndex=2&count=2").await, all[1..3]);
    lab.tenant.hard_delete(&all[0]).unwrap();
    lab.tenant.add_user(person("new", json!({ "userPrincipalName": "n@x", "accountEnabled": true }))).unwrap();
    assert_eq!(lab.page("").await, [&all[1..], &["new".to_owned()]].concat());
}

#[tokio::test]
async fn an_order_is_kept_over_pages() {
    let lab = Lab::of(30, Character::Strict);
    let mut sorted = lab.users();
    sorted.sort();
    assert_eq!(lab.page("sortBy=id").await, sorted);
    sorted.reverse();
    assert_eq!(lab.page("sortBy=ID&sortOrder=descending&startIndex=11&count=5").await, sorted[10..15]);
    lab.update(&sorted[7], json!({ "department": "AAA" }));
    lab.update(&sorted[3], json!({ "department": null }));
    let by_department = lab.page("sortBy=urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department").await;
    assert_eq!((by_department[0].as_str(), by_department[29].as_str()), (sorted[7].as_str(), sorted[3].as_str()));
    lab.get("/Users?sortBy=7up").await.refused(400, Some("invalidPath"));
}

/// The pages of a listing by cursor.
async fn walk(lab: &Lab, query: &str) -> Vec<Vec<String>> {
    let (mut pages, mut cursor) = (Vec::new(), String::new());
    for _ in 0..100 {
        let body = lab.get(&format!("/Users?{query}&cursor={cursor}")).await.body;
        assert!(body.get("startIndex").is_none());
        pages.push(ids(&body));
        match body["nextCursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => return pages,
        }
        assert!(cursor.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)), "{cursor}");
    }
    panic!("the listing does not end");
}

#[tokio::test]
async fn cursors_lead_through_the_whole_listing() {
    let lab = Lab::of(250, Character::Strict);
    let all = lab.users();
    let pages = walk(&lab, "count=100").await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [100, 100, 50]);
    assert_eq!(pages.concat(), all);
    assert_eq!(walk(&lab, "count=125").await.len(), 3, "the largest page is 100");
    assert_eq!(walk(&lab, "count=50").await.len(), 5, "the last full page ends it");
    let mut sorted = all.clone();
    sorted.sort();
    assert_eq!(walk(&lab, "sortBy=id&count=90").await.concat(), sorted);
    let none = lab.get("/Users?cursor&count=0").await.body;
    assert_eq!((&none["totalResults"], none.get("nextCursor")), (&json!(250), None));
}

#[tokio::test]
async fn a_cursor_survives_that_people_go() {
    let lab = Lab::of(10, Character::Strict);
    let all = lab.users();
    let first = lab.get("/Users?cursor&count=4").await.body;
    let next = first["nextCursor"].as_str().unwrap();
    lab.tenant.soft_delete(&all[0]).unwrap();
    lab.tenant.soft_delete(&all[4]).unwrap();
    assert_eq!(lab.page(&format!("count=4&cursor={next}")).await, all[5..9]);
}

#[tokio::test(start_paused = true)]
async fn cursors_are_refused_with_their_keywords() {
    let lab = Lab::of(10, Character::Strict);
    let first = lab.get("/Users?cursor=&count=4").await.body;
    let next = first["nextCursor"].as_str().unwrap().to_owned();
    let check = async |query: String, kind: &str| lab.get(&query).await.refused(400, Some(kind));
    check(format!("/Users?count=4&cursor={next}x"), "invalidCursor").await;
    check("/Users?cursor=made-up".to_owned(), "invalidCursor").await;
    check(format!("/Groups?count=4&cursor={next}"), "invalidCursor").await;
    check(format!("/Users?count=4&sortBy=id&cursor={next}"), "invalidCursor").await;
    check(format!("/Users?count=4&attributes=id&cursor={next}"), "invalidCursor").await;
    check(format!("/Users?count=4&filter=id pr&cursor={next}"), "invalidCursor").await;
    check(format!("/Users?count=5&cursor={next}"), "invalidCount").await;
    check(format!("/Users?cursor={next}"), "invalidCount").await;
    check("/Users?cursor&count=-1".to_owned(), "invalidCount").await;
    check("/Users?cursor&count=many".to_owned(), "invalidCount").await;
    check(format!("/Users?count=4&startIndex=1&cursor={next}"), "invalidValue").await;
    assert_eq!(lab.page(&format!("count=4&cursor={next}")).await.len(), 4);
    lab.tenant.advance(std::time::Duration::from_secs(599));
    assert_eq!(lab.page(&format!("count=4&cursor={next}")).await.len(), 4);
    lab.tenant.advance(std::time::Duration::from_secs(1));
    check(format!("/Users?count=4&cursor={next}"), "expiredCursor").await;
    let next = lab.get("/Users?cursor&count=4").await.body["nextCursor"].as_str().unwrap().to_owned();
    lab.server.expire_cursors();
    check(format!("/Users?count=4&cursor={next}"), "expiredCursor").await;
}

#[tokio::test]
async fn searches_take_the_same_parameters_in_a_body() {
    let lab = Lab::of(10, Character::Strict);
    let all = lab.users();
    let post = async |path: &str, kind: &str, body: Value| {
        let headers = [("authorization", TOKEN), ("content-type", kind)];
        lab.send("POST", &format!("/scim/v2{path}/.search"), &headers, &body.to_string()).await
    };
    let request = |mut body: Value| {
        body["schemas"] = json!(["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]);
        body
    };
    let scim = "application/scim+json; charset=utf-8";
    let answer =
        post("/Users", scim, request(json!({ "startIndex": 3, "count": 2, "attributes": ["userName"] }))).await;
    assert_eq!(ids(&answer.body), all[2..4]);
    assert_eq!(keys(&answer.body["Resources"][0]), ["id", "schemas", "userName"]);
    let found = post("/Groups", scim, request(json!({ "filter": "displayName eq \"outer\"" }))).await;
    assert_eq!(found.body["totalResults"], 1);
    assert!(post("/Users", scim, request(json!({ "cursor": "", "count": 4 }))).await.body["nextCursor"].is_string());
    post("/Users", scim, json!({ "count": 2 })).await.refused(400, Some("invalidSyntax"));
    post("/Users", "text/plain", request(json!({}))).await.refused(415, None);
    let both = request(json!({ "attributes": ["id"], "excludedAttributes": ["name"] }));
    post("/Users", scim, both).await.refused(400, Some("invalidValue"));
    assert_eq!(lab.server.requests()["POST /Users/.search"], 5);
}
