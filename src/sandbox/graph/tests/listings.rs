//! Plain listings, members, permissions and batches.

use std::collections::HashSet;
use std::time::Duration;

use super::*;
use crate::sandbox::tenant::control_router;

#[tokio::test]
async fn users_come_with_default_properties_unless_selected() {
    let lab = Lab::new(Company::plain(5)).await;
    let plain = lab.get("/users").await.body["value"][0].clone();
    assert_eq!(keys(&plain).len(), 11);
    assert!(plain.get("accountEnabled").is_none() && plain["preferredLanguage"].is_null());
    let selected =
        lab.get("/users?$select=accountEnabled,employeeOrgData,otherMails,onPremisesExtensionAttributes").await;
    let selected = &selected.body["value"][0];
    assert_eq!((&selected["accountEnabled"], &selected["employeeOrgData"]), (&json!(true), &Value::Null));
    assert_eq!((&selected["otherMails"], keys(&selected["onPremisesExtensionAttributes"]).len()), (&json!([]), 15));
    lab.get("/users?$select=favouriteColour").await.refused(400, "BadRequest");
    lab.get("/users?$select=onPremisesExtensionAttributes/extensionAttribute1").await.refused(400, "BadRequest");
    lab.get("/users?$top=1000").await.refused(400, "Request_UnsupportedQuery");
    lab.get("/users?$skip=1").await.refused(400, "Request_UnsupportedQuery");
    lab.get("/nonsense").await.refused(400, "BadRequest");
}

#[tokio::test(start_paused = true)]
async fn listings_have_pages_whose_tokens_run_out() {
    let lab = Lab::new(Company::plain(250)).await;
    let (items, sizes, delta) = lab.walk("/users?$select=id", &[]).await;
    assert_eq!((items.len(), sizes, delta), (250, vec![100, 100, 50], None));
    let first = lab.get_with("/users?$top=249&$count=true", EVENTUAL).await.body;
    assert_eq!(first["@odata.count"], 250);
    let next = first["@odata.nextLink"].as_str().unwrap();
    let second = lab.get_with(next, EVENTUAL).await.body;
    assert_eq!((second["value"].as_array().unwrap().len(), second.get("@odata.count")), (1, None));
    assert!(lab.get("/users?$count=true").await.body.get("@odata.count").is_none(), "ignored without the header");
    lab.tenant.advance(Duration::from_secs(600));
    lab.get_with(next, EVENTUAL).await.refused(400, "Directory_ExpiredPageToken");
}

#[tokio::test]
async fn people_are_found_by_id_login_and_filter() {
    let lab = Lab::new(Company::plain(5)).await;
    lab.tenant.add_user(person("0c000000-0000-4000-8000-000000000001", "sean.o'neil+cc@contoso.example")).unwrap();
    let found = lab.get("/users/Sean.O'Neil+cc@contoso.example?$select=id,accountEnabled").await.body;
    assert_eq!(
        (&found["id"], &found["accountEnabled"]),
        (&json!("0c000000-0000-4000-8000-000000000001"), &json!(true))
    );
    let found = lab.get("/users?$filter=userPrincipalName eq 'sean.o''neil%2Bcc@contoso.example'").await.body;
    assert_eq!(ids(found["value"].as_array().unwrap()), ["0c000000-0000-4000-8000-000000000001"]);
    lab.get("/users/nobody@contoso.example").await.refused(404, "Request_ResourceNotFound");
}

#[tokio::test]
async fn members_follow_the_rules_of_advanced_queries() {
    let lab = Lab::new(company(1_200, &[("Agents", 0..1_100), ("Night", 1_090..1_150)])).await;
    let (agents, night) = (lab.tenant.group_id("Agents").unwrap(), lab.tenant.group_id("Night").unwrap());
    lab.tenant.add_member(&agents, &night).unwrap();
    lab.tenant.soft_delete(&lab.user(0)).unwrap();
    let cast = format!("/groups/{agents}/members/microsoft.graph.user?$select=id,accountEnabled&$top=999");
    lab.get_with(&cast, EVENTUAL).await.refused(400, "Request_UnsupportedQuery");
    lab.get(&format!("{cast}&$count=true")).await.refused(400, "Request_UnsupportedQuery");
    let (items, sizes, _) = lab.walk(&format!("{cast}&$count=true"), EVENTUAL).await;
    assert_eq!((items.len(), sizes), (1_099, vec![999, 100]));
    assert_eq!(keys(&items[0]), ["accountEnabled", "id"]);
    let first = lab.get_with(&format!("{cast}&$count=true"), EVENTUAL).await.body;
    assert_eq!(first["@odata.count"], 1_099);
    lab.get(first["@odata.nextLink"].as_str().unwrap()).await.refused(400, "Request_UnsupportedQuery");

    let (items, sizes, _) = lab.walk(&format!("/groups/{agents}/members"), &[]).await;
    assert_eq!((items.len(), sizes.len(), &items[0]["@odata.type"]), (1_100, 11, &json!("#microsoft.graph.user")));
    assert!(items.iter().any(|item| item["@odata.type"] == "#microsoft.graph.group" && item["displayName"] == "Night"));
    let nested = format!("/groups/{agents}/transitiveMembers/microsoft.graph.user?$select=id&$top=999&$count=true");
    let (items, _, _) = lab.walk(&nested, EVENTUAL).await;
    assert_eq!((items.len(), ids(&items).into_iter().collect::<HashSet<_>>().len()), (1_149, 1_149));
    lab.get_with(&format!("/groups/{agents}/members/microsoft.graph.application?$count=true"), EVENTUAL)
        .await
        .refused(400, "Request_UnsupportedQuery");
    lab.get("/groups/0b000000-0000-4000-8000-000000000099/members").await.refused(404, "Request_ResourceNotFound");
}

#[tokio::test]
async fn groups_are_found_by_name() {
    let lab = Lab::new(company(3, &[("Amazon-Connect-Agents", 0..3), ("Bob's", 0..1), ("Amazon-Else", 0..0)])).await;
    let names = async |filter: &str| -> Vec<String> {
        let body = lab.get(&format!("/groups?$select=id,displayName&$filter={filter}")).await.body;
        let found = body["value"].as_array().cloned().unwrap_or_default();
        found.iter().map(|group| group["displayName"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names("displayName eq 'amazon-connect-agents'").await, ["Amazon-Connect-Agents"]);
    assert_eq!(names("displayName eq 'Bob''s'").await, ["Bob's"]);
    assert_eq!(names("startswith(displayName,'Amazon')").await, ["Amazon-Connect-Agents", "Amazon-Else"]);
    assert_eq!(names("displayName in ('Bob''s','Amazon-Else')").await, ["Bob's", "Amazon-Else"]);
    lab.get("/groups?$select=id,members").await.refused(400, "BadRequest");
}

#[tokio::test]
async fn a_missing_permission_is_a_refusal_or_a_row_of_nulls() {
    let lab = Lab::with(company(3, &[("Team", 0..3)]), &["GroupMember.Read.All"]).await;
    let team = lab.tenant.group_id("Team").unwrap();
    for path in ["/users", "/users/delta", "/users/x", "/directory/deletedItems/microsoft.graph.user"] {
        lab.get(path).await.refused(403, "Authorization_RequestDenied");
    }
    let members = lab.get(&format!("/groups/{team}/members?$select=id,userPrincipalName,accountEnabled")).await.body;
    let expected = json!({ "@odata.type": "#microsoft.graph.user", "id": lab.user(0),
        "userPrincipalName": null, "accountEnabled": null });
    assert_eq!(members["value"][0], expected);
    lab.tenant.hide_group(&team, true).unwrap();
    lab.get(&format!("/groups/{team}/members")).await.refused(403, "Authorization_RequestDenied");
    assert!(lab.round("/groups/delta").await.0[0].get("members@delta").is_none());

    let lab = Lab::with(company(3, &[("Team", 0..3)]), &["User.Read.All"]).await;
    for path in ["/groups", "/groups/delta", "/groups/x", "/groups/x/members", "/groups/x/transitiveMembers"] {
        lab.get(path).await.refused(403, "Authorization_RequestDenied");
    }
    let body = json!({ "ids": [lab.user(0)], "types": ["user"] });
    lab.post("/directoryObjects/getByIds", &body).await.refused(403, "Authorization_RequestDenied");
    let lab = Lab::with(Company::plain(3), &["Directory.Read.All"]).await;
    let found = lab
        .post("/directoryObjects/getByIds?$select=id", &json!({ "ids": [lab.user(0), "none"], "types": ["user"] }))
        .await;
    assert_eq!(found.body["value"], json!([{ "@odata.type": "#microsoft.graph.user", "id": lab.user(0) }]));
}

#[tokio::test]
async fn a_batch_answers_each_part_for_itself() {
    let lab = Lab::new(Company::plain(30)).await;
    let part = |id: usize, url: String| json!({ "id": id.to_string(), "method": "GET", "url": url });
    let url = |index: usize| format!("/users/{}?$select=id,accountEnabled", lab.user(index));
    let full: Vec<Value> = (0..20).map(|index| part(index, url(index))).collect();
    let answer = lab.post("/$batch", &json!({ "requests": full })).await;
    let responses = answer.body["responses"].as_array().unwrap();
    assert_eq!((answer.status, responses.len(), responses[0]["id"].as_str()), (200, 20, Some("19")));
    assert!(responses.iter().all(|one| one["status"] == 200 && one["body"]["accountEnabled"] == true));

    let mixed = json!({ "requests": [part(1, "/users/gone".to_owned()), part(2, url(2)), part(3, "/$batch".to_owned()),
        { "id": "4", "method": "GET", "url": url(3), "dependsOn": ["1"] }] });
    let answer = lab.post("/$batch", &mixed).await;
    let statuses: Vec<u64> =
        answer.body["responses"].as_array().unwrap().iter().rev().filter_map(|one| one["status"].as_u64()).collect();
    assert_eq!(statuses, [404, 200, 405, 424]);

    let many: Vec<Value> = (0..21).map(|index| part(index, url(index))).collect();
    lab.post("/$batch", &json!({ "requests": many })).await.refused(400, "BadRequest");
    lab.post("/$batch", &json!({ "requests": [part(1, url(1)), part(1, url(2))] })).await.refused(400, "BadRequest");
    lab.post("/$batch", &json!({})).await.refused(400, "BadRequest");

    lab.strike(
        "GET /users/{id}",
        FaultKind::Status {
            status: 429,
            code: "TooManyRequests".to_owned(),
            message: "Please retry again later.".to_owned(),
            retry_after: Some("2.128".to_owned()),
        },
    );
    let answer = lab.post("/$batch", &json!({ "requests": [part(1, url(1)), part(2, url(2))] })).await;
    let (second, first) = (&answer.body["responses"][0], &answer.body["responses"][1]);
    assert_eq!(
        (&first["status"], &first["headers"]["Retry-After"], &second["status"]),
        (&json!(429), &json!("2.128"), &json!(200))
    );
    assert_eq!((lab.tenant.requests()["POST /$batch"], lab.tenant.requests()["GET /users/{id}"]), (6, 24));
}

#[tokio::test]
async fn the_levers_work_over_http() {
    let lab = Lab::new(company(3, &[("Team", 0..1)])).await;
    let router = control_router(lab.tenant.clone());
    let post = async |path: &str, body: Value| {
        let request = Request::post(format!("/tenant/{path}")).header("content-type", "application/json");
        router.clone().oneshot(request.body(Body::from(body.to_string())).unwrap()).await.unwrap().status().as_u16()
    };
    let newcomer = json!({ "userPrincipalName": "zoe@contoso.example", "displayName": "Zoe", "accountEnabled": true });
    assert_eq!(post("joiner", json!({ "properties": newcomer, "groups": ["Team"] })).await, 200);
    assert_eq!(post("joiner", json!({ "properties": newcomer })).await, 409);
    assert_eq!(
        post("update", json!({ "id": "zoe@contoso.example", "properties": { "department": "Care" } })).await,
        204
    );
    assert_eq!(post("update", json!({ "id": "zoe@contoso.example", "properties": { "shoeSize": 42 } })).await, 400);
    assert_eq!(lab.tenant.find_by_upn("ZOE@contoso.example").unwrap().department.as_deref(), Some("Care"));
    assert_eq!(post("disable", json!({ "id": "zoe@contoso.example" })).await, 204);
    assert!(!lab.tenant.find_by_upn("zoe@contoso.example").unwrap().account_enabled);
    let members = format!("/groups/{}/members", lab.tenant.group_id("Team").unwrap());
    assert_eq!(lab.get(&members).await.body["value"].as_array().unwrap().len(), 2);
    assert_eq!(post("member", json!({ "group": "Team", "id": "zoe@contoso.example", "remove": true })).await, 204);
    assert_eq!(lab.get(&members).await.body["value"].as_array().unwrap().len(), 1);
    assert_eq!(post("delete", json!({ "id": "zoe@contoso.example" })).await, 204);
    assert_eq!(post("delete", json!({ "id": "zoe@contoso.example" })).await, 404);
}
