//! What users, groups and discovery look like at a conforming server.

use std::time::Duration;

use super::*;

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

#[tokio::test]
async fn a_user_is_written_as_the_standard_says() {
    let lab = Lab::of(2, Character::Strict);
    let (id, boss) = (lab.user(0), lab.user(1));
    lab.server.set_manager(&id, Some(&boss)).unwrap();
    lab.update(
        &id,
        json!({ "displayName": "Ada L", "givenName": "Ada", "surname": "L", "mail": "a@x", "jobTitle": null,
            "businessPhones": ["1", "2"], "mobilePhone": "3", "department": "Care", "employeeId": "E1",
            "employeeType": "Employee", "companyName": "C", "userPrincipalName": "ada@x",
            "employeeOrgData": { "division": "D", "costCenter": "CC" } }),
    );
    lab.update(&boss, json!({ "displayName": "Boss" }));
    let answer = lab.get(&format!("/Users/{id}")).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/scim+json"));
    let mut user = answer.body;
    let meta = user["meta"].take();
    let (inner, outer) = ("0b000000-0000-4000-8000-000000000000", "0b000000-0000-4000-8000-000000000001");
    let expected = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE],
        "id": id, "externalId": "E1", "userName": "ada@x", "displayName": "Ada L", "userType": "Employee",
        "name": { "givenName": "Ada", "familyName": "L", "formatted": "Ada L" }, "active": true, "meta": null,
        "emails": [{ "value": "a@x", "type": "work", "primary": true }],
        "phoneNumbers": [{ "value": "1", "type": "work" }, { "value": "2", "type": "work" },
            { "value": "3", "type": "mobile" }],
        "groups": [
            { "value": inner, "$ref": format!("{ROOT}/Groups/{inner}"), "display": "Everybody", "type": "direct" },
            { "value": outer, "$ref": format!("{ROOT}/Groups/{outer}"), "display": "Outer", "type": "indirect" },
        ],
        ENTERPRISE: { "employeeNumber": "E1", "costCenter": "CC", "organization": "C", "division": "D",
            "department": "Care",
            "manager": { "value": boss, "$ref": format!("{ROOT}/Users/{boss}"), "displayName": "Boss" } },
    });
    assert_eq!(user, expected);
    assert_eq!(keys(&meta), ["created", "lastModified", "location", "resourceType", "version"]);
    assert_eq!(meta["location"], format!("{ROOT}/Users/{id}"));
    assert_eq!(
        (&meta["resourceType"], meta["version"].as_str()),
        (&json!("User"), Some(answer.headers["etag"].to_str().unwrap()))
    );
    lab.tenant.disable(&id).unwrap();
    assert_eq!(lab.get(&format!("/Users/{id}")).await.body["active"], json!(false));
    lab.get(&format!("/Users/{}", id.to_uppercase())).await.refused(404, None);
    lab.get(&format!("/Groups/{id}")).await.refused(404, None);
}

#[tokio::test]
async fn a_group_shows_people_and_groups_and_no_devices() {
    let lab = Lab::of(2, Character::Strict);
    let groups = lab.get("/Groups").await.body;
    let (inner, outer) = (&groups["Resources"][0], &groups["Resources"][1]);
    let user = lab.get(&format!("/Users/{}", lab.user(0))).await.body;
    let shown = json!({ "value": lab.user(0), "$ref": user["meta"]["location"], "type": "User",
        "display": user["displayName"] });
    assert_eq!((inner["members"].as_array().unwrap().len(), &inner["members"][0]), (2, &shown));
    let nested = json!([{ "value": inner["id"], "$ref": inner["meta"]["location"], "type": "Group",
        "display": "Everybody" }]);
    assert_eq!(outer["members"], nested);
    assert_eq!(keys(outer), ["displayName", "id", "members", "meta", "schemas"]);
    assert_eq!(&lab.get(&format!("/Groups/{}", inner["id"].as_str().unwrap())).await.body, inner);
    let lean = lab.get("/Groups?excludedAttributes=members,meta.location").await.body;
    assert_eq!(keys(&lean["Resources"][0]), ["displayName", "id", "meta", "schemas"]);
    assert_eq!(keys(&lean["Resources"][0]["meta"]), ["created", "lastModified", "resourceType", "version"]);
}

#[tokio::test]
async fn a_membership_moves_the_group_and_not_the_user() {
    let lab = Lab::of(3, Character::Strict);
    let (user, gone) = (lab.user(0), lab.user(1));
    let group = "0b000000-0000-4000-8000-000000000000";
    let seen = async |path: &str| lab.get(path).await.body["meta"]["lastModified"].as_str().unwrap().to_owned();
    let (users_path, group_path) = (format!("/Users/{user}"), format!("/Groups/{group}"));
    let began = seen(&users_path).await;
    assert_eq!(seen(&group_path).await, began);
    lab.tenant.advance(Duration::from_secs(60));
    lab.tenant.remove_member(group, &user).unwrap();
    let moved = seen(&group_path).await;
    assert!(moved > began && seen(&users_path).await == began);
    let left = lab.get(&users_path).await.body;
    assert!(left.get("groups").is_none(), "{left}");
    lab.tenant.advance(Duration::from_secs(60));
    lab.tenant.soft_delete(&gone).unwrap();
    assert!(seen(&group_path).await > moved);
    assert_eq!(lab.get(&group_path).await.body["members"].as_array().unwrap().len(), 1);
    lab.tenant.restore(&gone).unwrap();
    assert_eq!(lab.get(&group_path).await.body["members"].as_array().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_known_version_is_not_sent_again() {
    let lab = Lab::of(3, Character::Strict);
    let group = "/scim/v2/Groups/0b000000-0000-4000-8000-000000000000";
    let tag = lab.get(&group["/scim/v2".len()..]).await.header("etag").to_owned();
    assert!(tag.starts_with("W/\""));
    let ask = async |known: &str| {
        let headers = [("authorization", TOKEN), ("if-none-match", known)];
        let answer = lab.send("GET", group, &headers, "").await;
        (answer.status, answer.text.is_empty(), answer.header("etag").to_owned())
    };
    assert_eq!(ask(&tag).await, (304, true, tag.clone()));
    assert_eq!(ask(&format!("\"x\", {tag}")).await.0, 304);
    assert_eq!(ask("*").await.0, 304);
    assert_eq!(ask("W/\"x\"").await.0, 200);
    // Nothing of this takes any time.
    lab.update(&lab.user(0), json!({ "department": "Other" }));
    assert_eq!(ask(&tag).await.0, 304, "the group is the same");
    lab.tenant.soft_delete(&lab.user(0)).unwrap();
    assert_eq!(ask(&tag).await.0, 200, "a member has gone");
}

#[tokio::test]
async fn attributes_are_chosen() {
    let lab = Lab::of(1, Character::Strict);
    let path = format!("/Users/{}", lab.user(0));
    let check = async |query: &str, expected: &[&str]| {
        assert_eq!(keys(&lab.get(&format!("{path}?{query}")).await.body), expected, "{query}");
    };
    check("attributes=USERNAME", &["id", "schemas", "userName"]).await;
    check("attributes=nonsense", &["id", "schemas"]).await;
    check("attributes=name.givenName,meta", &["id", "meta", "name", "schemas"]).await;
    check(&format!("attributes={ENTERPRISE}:department"), &["id", "schemas", ENTERPRISE]).await;
    let one = lab.get(&format!("{path}?attributes={ENTERPRISE}:department,emails.value")).await.body;
    assert_eq!((keys(&one[ENTERPRISE]), keys(&one["emails"][0])), (vec!["department"], vec!["value"]));
    let lean = lab.get(&format!("{path}?excludedAttributes=id,schemas,groups,{ENTERPRISE},name.formatted")).await.body;
    assert!(lean["id"].is_string() && lean["schemas"].is_array() && lean.get("groups").is_none());
    assert!(lean.get(ENTERPRISE).is_none());
    assert_eq!(keys(&lean["name"]), ["familyName", "givenName"]);
    lab.get(&format!("{path}?attributes=id&excludedAttributes=name")).await.refused(400, Some("invalidValue"));
}

#[tokio::test]
async fn discovery_tells_what_the_server_can_do() {
    let lab = Lab::of(1, Character::Strict);
    let config = lab.get("/ServiceProviderConfig").await.body;
    assert_eq!(config["filter"], json!({ "supported": true, "maxResults": 100 }));
    assert_eq!(config["pagination"]["defaultPaginationMethod"], "index");
    assert_eq!(config["authenticationSchemes"][0]["type"], "oauthbearertoken");
    let types = lab.get("/ResourceTypes").await.body;
    assert_eq!((&types["totalResults"], &types["Resources"][0]["endpoint"]), (&json!(2), &json!("/Users")));
    assert_eq!(lab.get("/ResourceTypes/Group").await.body["endpoint"], "/Groups");
    assert_eq!(lab.get("/Schemas").await.body["totalResults"], 3);
    assert_eq!(lab.get(&format!("/Schemas/{ENTERPRISE}")).await.body["name"], "EnterpriseUser");
    lab.get("/Schemas/urn:none").await.refused(404, None);
    lab.get("/Schemas?filter=id pr").await.refused(403, None);
    lab.get("/ResourceTypes?filter=id pr").await.refused(403, None);
    lab.get("/users").await.refused(404, None);
    lab.get("/Users/").await.refused(404, None);
    lab.get("/Me").await.refused(501, None);
    let headers = [("authorization", TOKEN)];
    lab.send("POST", "/scim/v2/Users", &headers, "{}").await.refused(501, None);
    lab.send("DELETE", &format!("/scim/v2/Users/{}", lab.user(0)), &headers, "").await.refused(501, None);
    lab.send("GET", "/elsewhere", &headers, "").await.refused(404, None);
}
