//! Who has the application, why, and with which profile.

use serde_json::Map;

use super::super::{AppSettings, GroupAssignment};
use super::*;

fn attributes(value: Value) -> Map<String, Value> {
    let Value::Object(attributes) = value else { panic!("attributes are an object") };
    attributes
}

/// Agents 0..5, leads 3..7 with the higher priority, and user 8 directly.
fn lab() -> Lab {
    let lab = Lab::new(company(10, &[("Agents", 0..5), ("Leads", 3..7)]));
    let assignment = |name: &str, priority, profile| GroupAssignment {
        group: lab.group(name),
        priority,
        profile: attributes(profile),
    };
    let agents = json!({ "role": "Agent", "entitlements": ["Voice", "Chat"] });
    let leads = json!({ "role": "Lead", "entitlements": ["Barge", "Voice"] });
    let groups = vec![assignment("Agents", 5, agents), assignment("Leads", 1, leads)];
    let users = [(lab.user(8), attributes(json!({ "role": "Guest" })))].into();
    lab.okta.configure(|settings| settings.app = AppSettings { groups, users, ..AppSettings::default() });
    lab
}

#[tokio::test]
async fn the_first_priority_gives_the_role_and_everybody_the_entitlements() {
    let lab = lab();
    let app = lab.okta.app_id();
    let answer = lab.get(&format!("/apps/{app}/users")).await;
    assert_eq!(answer.ids(), [0, 1, 2, 3, 4, 5, 6, 8].map(|index| lab.okta(index)));
    let users = answer.items();
    assert_eq!(users[0]["profile"], json!({ "role": "Agent", "entitlements": ["Voice", "Chat"] }));
    assert_eq!(users[3]["profile"], json!({ "role": "Lead", "entitlements": ["Barge", "Voice", "Chat"] }));
    assert_eq!((&users[3]["scope"], &users[7]["scope"]), (&json!("GROUP"), &json!("USER")));
    assert_eq!((&users[7]["profile"]["role"], &users[7]["status"]), (&json!("Guest"), &json!("ACTIVE")));
    assert!(users[0]["credentials"]["userName"].as_str().unwrap().contains('@') && users[0].get("_embedded").is_none());
    let (all, sizes) = lab.walk(&format!("/apps/{app}/users?limit=3&expand=user")).await;
    assert_eq!((all.len(), sizes), (8, vec![3, 3, 2]));
    assert_eq!(all[0]["_embedded"]["user"]["profile"]["employeeNumber"], "E000000");
    lab.get(&format!("/apps/{app}/users?limit=501")).await.refused(400, "E0000001");
    let groups = lab.get(&format!("/apps/{app}/groups?limit=20")).await;
    assert_eq!(groups.ids(), [lab.okta_group("Leads"), lab.okta_group("Agents")]);
    assert_eq!(groups.items()[0]["profile"]["role"], "Lead");
}

#[tokio::test]
async fn assignments_follow_memberships() {
    let lab = lab();
    let app = lab.okta.app_id();
    let status = async |index: usize| lab.get(&format!("/apps/{app}/users/{}", lab.okta(index))).await.status;
    assert_eq!((status(2).await, status(9).await), (200, 404));
    let (agents, leads) = (lab.group("Agents"), lab.group("Leads"));
    lab.tenant.remove_member(&agents, &lab.user(2)).unwrap();
    lab.tenant.remove_member(&agents, &lab.user(3)).unwrap();
    lab.tenant.add_member(&leads, &lab.user(9)).unwrap();
    assert_eq!((status(2).await, status(3).await, status(9).await), (404, 200, 200));
    lab.tenant.disable(&lab.user(0)).unwrap();
    lab.tenant.soft_delete(&lab.user(1)).unwrap();
    assert_eq!((status(0).await, status(1).await), (200, 404), "deactivation takes applications away, suspension not");
    let suspended = lab.get(&format!("/apps/{app}/users/{}?expand=user", lab.okta(0))).await.body;
    assert_eq!(suspended["_embedded"]["user"]["status"], "SUSPENDED");
    let events = lab.get("/logs?filter=eventType sw \"application.\"").await;
    let told: Vec<(&str, &str)> = events
        .items()
        .iter()
        .map(|event| (event["eventType"].as_str().unwrap(), event["target"][2]["id"].as_str().unwrap()))
        .collect();
    let (add, remove) = ("application.user_membership.add", "application.user_membership.remove");
    let (one, two, nine) = (lab.okta(1), lab.okta(2), lab.okta(9));
    assert_eq!(told, [(add, nine.as_str()), (remove, &two), (remove, &one)]);
}

#[tokio::test]
async fn the_application_is_found_by_id_and_label() {
    let lab = lab();
    let app = lab.okta.app_id();
    assert_eq!(lab.get(&format!("/apps/{app}")).await.body["label"], "Amazon Connect");
    assert_eq!(lab.get("/apps").await.ids(), [app.as_str()]);
    assert_eq!(lab.get("/apps?q=amazon").await.ids(), [app.as_str()]);
    assert_eq!(lab.get("/apps?q=zoom").await.items().len(), 0);
    assert_eq!(lab.get("/apps?filter=status eq \"INACTIVE\"").await.items().len(), 0);
    assert_eq!(lab.get(&format!("/apps?filter=id eq \"{app}\"")).await.items().len(), 1);
    lab.get("/apps?filter=label eq \"Amazon Connect\"").await.refused(400, "E0000031");
    lab.get("/apps/0oa1rC00000001sK5d7X").await.refused(404, "E0000007");
    lab.get("/apps/0oa1rC00000001sK5d7X/users").await.refused(404, "E0000007");
}
