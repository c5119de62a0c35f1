//! Groups, their clocks, their members, and what a narrow role shows of them.

use super::*;

#[tokio::test(start_paused = true)]
async fn the_three_clocks_are_independent() {
    let lab = Lab::new(company(6, &[("A", 0..3), ("B", 3..5)]));
    let clocks = async || {
        let group = lab.get(&format!("/groups/{}", lab.okta_group("A"))).await.body;
        let user = lab.get(&format!("/users/{}", lab.okta(5))).await.body;
        [&group["lastUpdated"], &group["lastMembershipUpdated"], &user["lastUpdated"]].map(|time| time == BEGAN)
    };
    let (group, everyone) = (lab.group("A"), "/groups?filter=type eq \"BUILT_IN\"");
    assert_eq!(clocks().await, [true, true, true]);
    lab.pass(1);
    lab.tenant.add_member(&group, &lab.user(5)).unwrap();
    assert_eq!(clocks().await, [true, false, true]);
    lab.tenant.rename_group(&group, "A").unwrap();
    assert_eq!(clocks().await, [false, false, true]);
    let changed = async |what: &str| {
        let filter = format!("/groups?filter={what} gt \"{BEGAN}\" and type eq \"OKTA_GROUP\"");
        lab.get(&filter).await.items().len()
    };
    assert_eq!((changed("lastUpdated").await, changed("lastMembershipUpdated").await), (1, 1));
    assert_eq!(lab.get(everyone).await.items()[0]["lastMembershipUpdated"], BEGAN);
    lab.hire("new@contoso.example");
    assert_ne!(lab.get(everyone).await.items()[0]["lastMembershipUpdated"], BEGAN);
}

#[tokio::test]
async fn groups_are_listed_filtered_and_counted() {
    let lab = Lab::new(company(6, &[("CC Berlin", 0..3), ("CC Köln", 3..5), ("Sales", 0..1)]));
    let names = async |query: &str| {
        let answer = lab.get(&format!("/groups{query}")).await;
        answer.items().iter().map(|group| group["profile"]["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names("").await, ["Everyone", "CC Berlin", "CC Köln", "Sales"]);
    assert_eq!(names("?q=cc&limit=1").await, ["CC Berlin"]);
    assert!(lab.get("/groups?q=cc&limit=1").await.next().is_none(), "q has no pages");
    assert_eq!(names("?search=profile.name sw \"cc\" and type eq \"OKTA_GROUP\"").await, ["CC Berlin", "CC Köln"]);
    assert_eq!(names(&format!("?filter=id eq \"{}\"", lab.okta_group("Sales"))).await, ["Sales"]);
    assert_eq!(lab.walk("/groups?limit=3").await.1, [3, 1]);
    lab.get("/groups?filter=profile.name eq \"Sales\"").await.refused(400, "E0000031");
    lab.get("/groups?limit=10001").await.refused(400, "E0000001");
    let counted = lab.get("/groups?expand=stats").await;
    let counts: Vec<&Value> = counted.items().iter().map(|one| &one["_embedded"]["stats"]["usersCount"]).collect();
    assert_eq!(counts, [6, 3, 2, 1]);
    let id = lab.okta_group("Sales");
    assert_eq!(lab.okta.tenant_group_id(&id), Some(lab.group("Sales")));
    lab.tenant.delete_group(&lab.group("Sales")).unwrap();
    lab.get(&format!("/groups/{id}")).await.refused(404, "E0000007");
    lab.get(&format!("/groups/{id}/users")).await.refused(404, "E0000007");
    assert_eq!(names("").await.len(), 3);
}

#[tokio::test]
async fn members_are_whole_users_and_pages_hold() {
    let lab = Lab::new(company(30, &[("A", 0..25)]));
    let (group, path) = (lab.group("A"), format!("/groups/{}/users", lab.okta_group("A")));
    let first = lab.get(&format!("{path}?limit=10")).await;
    assert_eq!(first.items()[9]["profile"]["employeeNumber"], "E000009");
    lab.tenant.remove_member(&group, &lab.user(2)).unwrap();
    lab.tenant.add_member(&group, &lab.user(28)).unwrap();
    lab.tenant.soft_delete(&lab.user(14)).unwrap();
    lab.tenant.hard_delete(&lab.user(15)).unwrap();
    let (rest, sizes) = lab.walk(&first.next().unwrap()).await;
    let expected: Vec<String> = (10..25).filter(|at| *at != 15).chain([28]).map(|at| lab.okta(at)).collect();
    assert_eq!((ids(&rest), sizes), (expected.iter().map(String::as_str).collect(), vec![10, 5]));
    assert_eq!(rest[4]["status"], "DEPROVISIONED", "a deactivated user is still a member");
    assert_eq!(lab.get(&path).await.items().len(), 24, "by default a page holds a thousand");
    lab.get(&format!("{path}?limit=1001")).await.refused(400, "E0000001");
}

#[tokio::test]
async fn nested_groups_are_flat_here() {
    let lab = Lab::new(company(6, &[("Outer", 0..2), ("Inner", 1..4)]));
    lab.tenant.add_member(&lab.group("Outer"), &lab.group("Inner")).unwrap();
    let members = async || {
        let path = format!("/groups/{}/users", lab.okta_group("Outer"));
        lab.get(&path).await.items().len()
    };
    assert_eq!(members().await, 4);
    lab.pass(60);
    let watermark = "/groups?filter=lastMembershipUpdated gt \"2027-01-15T08:00:30.000Z\"";
    assert_eq!(lab.get(watermark).await.items().len(), 0);
    lab.tenant.add_member(&lab.group("Inner"), &lab.user(5)).unwrap();
    assert_eq!(members().await, 5);
    assert_eq!(lab.get(watermark).await.ids(), [lab.okta_group("Outer"), lab.okta_group("Inner")]);
    let own = lab.get(&format!("/users/{}/groups", lab.okta(5))).await;
    let everyone = lab.get("/groups?filter=type eq \"BUILT_IN\"").await;
    assert_eq!(own.ids(), [everyone.ids()[0], &lab.okta_group("Outer"), &lab.okta_group("Inner")]);
}

#[tokio::test]
async fn a_narrow_role_shows_less_and_says_nothing() {
    let lab = Lab::new(company(10, &[("A", 0..4), ("B", 4..8)]));
    let search = "/users?search=status pr&limit=3";
    assert_eq!(lab.walk(search).await.0.len(), 10);
    lab.okta.configure(|settings| settings.role = Role::Groups([lab.group("A")].into()));
    let seen = [0, 1, 2, 3].map(|index| lab.okta(index));
    assert_eq!(lab.get("/users").await.ids(), seen);
    assert_eq!(ids(&lab.walk(search).await.0), seen);
    assert_eq!(lab.get("/groups").await.ids(), [lab.okta_group("A")], "without Everyone");
    assert_eq!(lab.get(&format!("/groups/{}/users", lab.okta_group("A"))).await.items().len(), 4);
    lab.get(&format!("/groups/{}/users", lab.okta_group("B"))).await.refused(404, "E0000007");
    lab.get(&format!("/users/{}", lab.okta(5))).await.refused(404, "E0000007");
    lab.tenant.add_member(&lab.group("A"), &lab.user(5)).unwrap();
    assert_eq!(lab.get(&format!("/users/{}", lab.okta(5))).await.status, 200);
    assert_eq!(lab.get(&format!("/users/{}/groups", lab.okta(5))).await.ids(), [lab.okta_group("A")]);
    lab.okta.configure(|settings| settings.role = Role::Nobody);
    lab.get("/users").await.refused(403, "E0000006");
    lab.okta.configure(|settings| settings.role = Role::Full);
    assert_eq!(lab.get("/users").await.items().len(), 10);
}
