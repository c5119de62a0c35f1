//! Each character misbehaves in its own way, and in no other.

use super::*;

const GROUP: &str = "0b000000-0000-4000-8000-000000000000";

#[tokio::test]
async fn a_sloppy_server_is_careless_with_types() {
    let lab = Lab::of(4, Character::Sloppy);
    lab.tenant.disable(&lab.user(1)).unwrap();
    let answer = lab.get("/Users").await;
    assert_eq!(answer.header("content-type"), "application/json");
    let body = answer.body;
    assert_eq!(
        (&body["totalResults"], &body["startIndex"], &body["itemsPerPage"]),
        (&json!("4"), &json!("1"), &json!("4"))
    );
    let users = &body["Resources"];
    assert_eq!((&users[0]["active"], &users[1]["active"]), (&json!("True"), &json!("False")));
    assert!(users[0]["emails"][0].is_string());
    assert!(users[0]["EnterpriseUser"]["department"].is_string());
    assert_eq!(keys(&users[0]["meta"]), ["lastModified", "location", "resourceType", "version"]);
    assert_eq!(users[0]["meta"]["lastModified"], "2027-01-15T09:00:00.000+01:00");
    assert_eq!(users[3]["meta"]["lastModified"], users[0]["meta"]["lastModified"]);
    let second = users[1]["meta"]["lastModified"].as_str().unwrap();
    assert!(second.ends_with("0000+00:00") && !users[2]["meta"]["lastModified"].as_str().unwrap().contains('+'));
    let none = lab.get("/Users?filter=userName eq \"nobody\"").await.body;
    assert_eq!((&none["totalResults"], none.get("Resources")), (&json!("0"), None));
    assert_eq!(lab.get("/Users/nobody").await.body["status"], json!(404));
    lab.server.configure(|settings| settings.manners.enterprise = EnterpriseForm::TopLevel);
    assert!(lab.get("/Users").await.body["Resources"][0]["department"].is_string());
    lab.server.configure(|settings| settings.manners.active = ActiveForm::Number);
    assert_eq!(lab.get("/Users").await.body["Resources"][1]["active"], json!(0));
}

#[tokio::test]
async fn a_cursor_only_server_pages_by_cursor_whether_asked_or_not() {
    let lab = Lab::of(250, Character::CursorOnly);
    let all = lab.users();
    let pagination = &lab.get("/ServiceProviderConfig").await.body["pagination"];
    assert_eq!((&pagination["index"], &pagination["defaultPaginationMethod"]), (&json!(false), &json!("cursor")));
    let body = lab.get("/Users?startIndex=101&count=100").await.body;
    assert_eq!((ids(&body), body.get("startIndex"), body.get("totalResults")), (all[..100].to_vec(), None, None));
    let next = body["nextCursor"].as_str().unwrap();
    assert_eq!(lab.page(&format!("count=100&cursor={next}")).await, all[100..200]);
    lab.server.configure(|settings| settings.manners.index = IndexPaging::Refused);
    lab.get("/Users?startIndex=1").await.refused(400, Some("invalidValue"));
    assert!(lab.get("/Users").await.body["nextCursor"].is_string());
}

#[tokio::test]
async fn filters_are_ignored_or_find_nobody_or_are_refused() {
    let lab = Lab::of(5, Character::FilterIgnoring);
    let (past, name) = ("filter=meta.lastModified ge \"1970-01-01T00:00:00Z\"", "filter=userName eq \"x\"");
    for filter in [past, name, "filter=not a filter"] {
        assert_eq!(lab.page(filter).await.len(), 5);
    }
    lab.server.set_character(Character::FilterNothing);
    assert_eq!((lab.page(past).await.len(), lab.page("filter=userName pr").await.len()), (0, 5));
    lab.server.set_character(Character::Strict);
    assert_eq!((lab.page(past).await.len(), lab.page(name).await.len()), (5, 0));
    lab.server.configure(|settings| settings.manners.filters = Filters::EqOnly);
    lab.get(&format!("/Users?{past}")).await.refused(400, Some("invalidFilter"));
    assert_eq!(lab.page("filter=active eq true and userName eq \"x\"").await.len(), 0);
    lab.server.configure(|settings| settings.manners.filters = Filters::Refused);
    lab.get(&format!("/Users?{name}")).await.refused(501, None);
}

#[tokio::test]
async fn dates_are_compared_as_text() {
    let lab = Lab::of(5, Character::TextDates);
    // The same instant as the users' own, an hour later as a text.
    let zoned = "filter=meta.lastModified ge \"2027-01-15T09:00:00%2B01:00\"";
    assert_eq!(lab.page(zoned).await.len(), 0);
    lab.server.set_character(Character::Strict);
    assert_eq!(lab.page(zoned).await.len(), 5);
}

#[tokio::test]
async fn names_come_in_other_case() {
    let lab = Lab::of(2, Character::CaseMangling);
    let body = lab.get("/Users").await.body;
    assert_eq!((&body["TOTALRESULTS"], body.get("Resources")), (&json!(2), None));
    let user = &body["resources"][0];
    assert_eq!(user["ID"], json!(lab.user(0)));
    assert!(user["UserName"].is_string() && user["Name"]["GivenName"].is_string());
    let extension = "URN:IETF:PARAMS:SCIM:SCHEMAS:EXTENSION:ENTERPRISE:2.0:USER";
    assert!(user[extension]["Department"].is_string());
    assert_eq!(user["Schemas"][1], extension);
    assert!(user["Groups"][0]["$Ref"].is_string());
}

#[tokio::test]
async fn index_paging_goes_wrong_in_every_known_way() {
    let lab = Lab::of(250, Character::PageSizedTotals);
    let all = lab.users();
    let body = lab.get("/Users?startIndex=201").await.body;
    assert_eq!((&body["totalResults"], ids(&body).len()), (&json!(50), 50));
    let check = async |character: Character, query: &str, expected: &[String]| {
        lab.server.set_character(character);
        assert_eq!(lab.page(query).await, expected, "{character:?} {query}");
    };
    check(Character::OverlappingPages, "startIndex=1&count=10", &all[..10]).await;
    check(Character::OverlappingPages, "startIndex=11&count=10", &all[5..15]).await;
    check(Character::IgnoresStartIndex, "startIndex=101", &all[..100]).await;
    check(Character::BeyondEnd, "startIndex=251&count=20", &all[230..]).await;
    check(Character::BeyondEnd, "startIndex=241&count=20", &all[240..]).await;
    check(Character::ZeroBased, "startIndex=0&count=2", &all[..2]).await;
    check(Character::ZeroBased, "startIndex=1&count=2", &all[1..3]).await;
    check(Character::ZeroBased, "count=2", &all[..2]).await;
    // No cursors: the parameter is ignored.
    check(Character::ZeroBased, "cursor=x&count=2", &all[..2]).await;
    lab.server.set_character(Character::Shuffling);
    let (one, two) = (lab.page("count=100").await, lab.page("count=100").await);
    assert_ne!(one, two);
    assert!(one.iter().all(|id| all.contains(id)) && one.len() == 100);
}

#[tokio::test]
async fn members_are_shown_in_every_known_way() {
    let lab = Lab::of(150, Character::MembersOmitted);
    let members = async || {
        let listed = lab.get("/Groups").await.body["Resources"][0]["members"].take();
        let single = lab.get(&format!("/Groups/{GROUP}")).await.body["members"].take();
        [listed, single].map(|members| members.as_array().map_or(0, Vec::len))
    };
    assert_eq!(members().await, [0, 150]);
    lab.server.set_character(Character::MembersCut);
    assert_eq!(members().await, [100, 100]);
    lab.server.set_character(Character::GroupsOnUsersOnly);
    assert_eq!(members().await, [0, 0]);
    let user = lab.get(&format!("/Users/{}", lab.user(0))).await.body;
    assert_eq!(user["groups"].as_array().unwrap().len(), 2);
    lab.server.set_character(Character::MembersByUserName);
    let group = lab.get(&format!("/Groups/{GROUP}")).await.body;
    let display = &user["displayName"];
    assert_eq!(group["members"][0], json!({ "value": user["userName"], "display": display }));
    lab.server.configure(|settings| settings.manners.user_groups = false);
    assert!(lab.get(&format!("/Users/{}", lab.user(0))).await.body.get("groups").is_none());
}

#[tokio::test]
async fn the_disabled_say_nothing() {
    let lab = Lab::of(2, Character::ActiveOmittedWhenDisabled);
    lab.tenant.disable(&lab.user(1)).unwrap();
    let users = lab.get("/Users").await.body["Resources"].take();
    assert_eq!((&users[0]["active"], users[1].get("active")), (&json!(true), None));
}

#[tokio::test]
async fn discovery_may_be_missing() {
    let lab = Lab::of(2, Character::NoDiscovery);
    for path in ["/ServiceProviderConfig", "/ResourceTypes", "/Schemas"] {
        lab.get(path).await.refused(404, None);
    }
    lab.server.configure(|settings| settings.manners.discovery = Discovery::NotImplemented);
    lab.get("/ServiceProviderConfig").await.refused(501, None);
    assert_eq!(lab.page("").await.len(), 2);
}

#[tokio::test]
async fn odd_ids_are_found_when_they_are_encoded() {
    let lab = Lab::of(2, Character::OddIds);
    let id = lab.page("").await[0].clone();
    assert_eq!(id, format!("people/{} @contoso.example", lab.user(0)));
    let encoded = id.replace('/', "%2F").replace(' ', "%20").replace('@', "%40");
    let user = lab.get(&format!("/Users/{encoded}")).await.body;
    assert_eq!((&user["id"], &user["meta"]["location"]), (&json!(id), &json!(format!("{ROOT}/Users/{encoded}"))));
    let group = lab.get("/Groups").await.body["Resources"][0].take();
    assert_eq!(group["members"][0]["value"], json!(id));
    lab.get(&format!("/Users/{id}")).await.refused(404, None);
    lab.get(&format!("/Users/{}", lab.user(0))).await.refused(404, None);
}

#[tokio::test]
async fn single_switches_leave_out_what_a_server_lacks() {
    let lab = Lab::of(2, Character::Strict);
    lab.server.configure(|settings| {
        settings.manners = Manners { etags: false, sort: false, search: false, selection: false, ..Manners::default() };
    });
    let answer = lab.get(&format!("/Users/{}?attributes=id", lab.user(0))).await;
    assert!(answer.headers.get("etag").is_none() && answer.body["userName"].is_string());
    assert_eq!(answer.body["meta"].get("version"), None);
    assert_eq!(lab.page("sortBy=id&sortOrder=descending").await, lab.users());
    lab.send("POST", "/scim/v2/Users/.search", &[("authorization", TOKEN)], "{}").await.refused(501, None);
}
