//! Lists of users, searches, statuses.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_user_looks_like_one() {
    let lab = Lab::new(Company::plain(3));
    lab.update(1, json!({ "businessPhones": ["+49301"], "mobilePhone": null, "otherMails": [], "mail": null }));
    let answer = lab.get(&format!("/users/{}", lab.okta(1))).await;
    let (user, profile) = (&answer.body, &answer.body["profile"]);
    let login = lab.tenant.users()[1].user_principal_name.clone();
    assert_eq!((&user["id"], &user["status"]), (&json!(lab.okta(1)), &json!("ACTIVE")));
    assert_eq!((&user["created"], &user["lastUpdated"]), (&json!(BEGAN), &json!(BEGAN)));
    assert_eq!((&profile["login"], &profile["email"]), (&json!(login), &json!(login)), "an address is mandatory");
    assert_eq!((&profile["primaryPhone"], &profile["employeeNumber"]), (&json!("+49301"), &json!("E000001")));
    assert_eq!((&profile["organization"], &profile["officeLocation"].is_string()), (&json!("Contoso"), &true));
    assert!(profile.get("mobilePhone").is_none() && profile.get("secondEmail").is_none(), "nulls are left out");
    assert!(profile["extensionAttribute1"].as_str().unwrap().starts_with("CC-"));
    assert_eq!(lab.get(&format!("/users/{}", login.to_uppercase())).await.body["id"], lab.okta(1));
    let trimmed = "application/json; okta-response=omitCredentials,omitCredentialsLinks";
    let headers = [("authorization", "SSWS 00token"), ("content-type", trimmed)];
    let bare = lab.get_with(&format!("/users/{}", lab.okta(1)), &headers).await.body;
    assert!(user.get("credentials").is_some() && bare.get("credentials").is_none() && bare.get("_links").is_none());
    lab.get(&format!("/users/{}", lab.user(1))).await.refused(404, "E0000007");
    lab.get("/users/00u1rCzzzzzzzzsK5d7X").await.refused(404, "E0000007");
    assert_eq!(lab.okta.tenant_id(&lab.okta(1)), Some(lab.user(1)));
}

#[tokio::test]
async fn pages_hold_while_people_change() {
    let lab = Lab::new(Company::plain(25));
    let first = lab.get("/users?limit=10").await;
    assert_eq!(first.links().len(), 2);
    assert_eq!(first.links()[0], format!("<{ROOT}/api/v1/users?limit=10>; rel=\"self\""));
    assert_eq!(first.items().len(), 10);
    lab.tenant.hard_delete(&lab.user(3)).unwrap();
    lab.tenant.soft_delete(&lab.user(12)).unwrap();
    lab.hire("new@contoso.example");
    let (rest, sizes) = lab.walk(&first.next().unwrap()).await;
    assert_eq!(sizes, [10, 5], "fourteen of those who were there, and the new one");
    let mut seen = first.ids();
    seen.extend(ids(&rest));
    let expected: Vec<String> = (0..26).filter(|index| *index != 12).map(|index| lab.okta(index)).collect();
    assert_eq!(seen, expected);
    let (all, sizes) = lab.walk("/users?limit=8").await;
    assert_eq!((all.len(), sizes), (24, vec![8, 8, 8]), "a full last page has no next one");
}

#[tokio::test]
async fn cursors_belong_to_their_listing() {
    let lab = Lab::new(Company::plain(5));
    let next = lab.get("/users?limit=2").await.next().unwrap();
    assert_eq!(lab.get(&next).await.items().len(), 2);
    lab.get(&next.replace("limit=2", "limit=3")).await.refused(400, "E0000001");
    lab.get(&next.replace("/users?", "/groups?")).await.refused(400, "E0000001");
    lab.get("/users?limit=2&after=opaque1").await.refused(400, "E0000001");
    for limit in ["0", "201", "x", "-1"] {
        lab.get(&format!("/users?limit={limit}")).await.refused(400, "E0000001");
    }
    lab.okta.configure(|settings| settings.caps.users = 3);
    assert_eq!(lab.walk("/users?limit=200").await.1, [3, 2], "the org may give less than was asked for");
}

#[tokio::test(start_paused = true)]
async fn searches_by_time_show_what_changed_and_never_miss_a_change_while_paging() {
    let lab = Lab::new(Company::plain(10));
    let search = "/users?search=lastUpdated ge \"2027-01-15T08:00:10.000Z\"&sortBy=lastUpdated&sortOrder=asc&limit=2";
    assert_eq!(lab.walk(search).await, (vec![], vec![0]));
    lab.pass(10);
    for index in [7, 2, 5, 3] {
        lab.update(index, json!({ "department": "X" }));
        lab.pass(1);
    }
    let first = lab.get(search).await;
    assert_eq!(first.ids(), [lab.okta(7), lab.okta(2)]);
    assert_eq!(first.items()[1]["lastUpdated"], "2027-01-15T08:00:11.000Z");
    // Somebody who comes later, and somebody already seen: both move to the end.
    lab.update(5, json!({ "department": "Y" }));
    lab.pass(1);
    lab.update(7, json!({ "department": "Y" }));
    let (rest, _) = lab.walk(&first.next().unwrap()).await;
    assert_eq!(ids(&rest), [lab.okta(3), lab.okta(5), lab.okta(7)]);
    let after = |verb: &str| format!("/users?search=lastUpdated {verb} \"2027-01-15T08:00:14.000Z\"");
    assert_eq!(lab.get(&after("gt")).await.ids(), [lab.okta(7)]);
    assert_eq!(lab.get(&after("ge")).await.ids(), [lab.okta(5), lab.okta(7)]);
    assert_eq!(lab.get(&after("eq")).await.ids(), [lab.okta(5)]);
    assert_eq!(lab.get(&after("lt")).await.items().len(), 8);
    assert_eq!(lab.get(&after("gt").replace("search", "filter")).await.ids(), [lab.okta(7)]);
    let newest = lab.walk("/users?search=id pr&sortBy=lastUpdated&sortOrder=desc&limit=3").await.0;
    assert_eq!(newest.len(), 10);
    assert_eq!(&ids(&newest)[..3], [lab.okta(7), lab.okta(5), lab.okta(3)]);
}

#[tokio::test]
async fn searches_take_what_is_documented_and_nothing_else() {
    let lab = Lab::new(Company::plain(6));
    for (index, department) in ["Care", "Sales", "care", "Support", "Sales", "Careless"].iter().enumerate() {
        lab.update(index, json!({ "department": department }));
    }
    let found = async |query: &str| {
        let answer = lab.get(&format!("/users?{query}")).await;
        let own = |id: &&str| (0..6).find(|index| lab.okta(*index) == **id).unwrap();
        answer.ids().iter().map(own).collect::<Vec<usize>>()
    };
    assert_eq!(found("search=profile.department eq \"care\"").await, [0, 2]);
    assert_eq!(found("search=profile.department sw \"car\" and id pr").await, [0, 2, 5]);
    let either =
        "search=(profile.department eq \"Sales\" or profile.department eq \"Support\") and status eq \"ACTIVE\"";
    assert_eq!(found(either).await, [1, 3, 4]);
    assert_eq!(found("search=profile.department lt \"sales\" or profile.department gt \"sales\"").await, [0, 2, 3, 5]);
    assert_eq!(found(&format!("filter=id eq \"{}\" or id eq \"{}\"", lab.okta(4), lab.okta(1))).await, [1, 4]);
    let by_department = "search=id pr&sortBy=profile.department&limit=4";
    let pages = lab.walk(&format!("/users?{by_department}")).await;
    let order = [0, 2, 5, 1, 4, 3].map(|index| lab.okta(index));
    assert_eq!((ids(&pages.0), pages.1), (order.iter().map(String::as_str).collect(), vec![4, 2]));
    for query in [
        "search=status ne \"ACTIVE\"",
        "search=profile.nonsense eq \"x\"",
        "search=Status eq \"ACTIVE\"",
        "search=profile.department",
        "search=lastUpdated co \"2027\"",
        "search=id pr&sortBy=nonsense",
        "filter=profile.department eq \"Care\"",
        "filter=status sw \"ACT\"",
        "filter=lastUpdated pr",
    ] {
        lab.get(&format!("/users?{query}")).await.refused(400, "E0000031");
    }
    lab.get("/users?filter=status eqq \"ACTIVE\"").await.refused(400, "E0000053");
    lab.get("/users?filter=lastUpdated gt \"yesterday\"").await.refused(400, "E0000053");
    let first_name = lab.get("/users").await.items()[0]["profile"]["firstName"].as_str().unwrap().to_lowercase();
    let picked = lab.get(&format!("/users?q={}", &first_name[..2])).await;
    assert!(picked.ids().contains(&lab.okta(0).as_str()) && picked.next().is_none());
}

#[tokio::test]
async fn every_status_shows_where_it_should() {
    let lab = Lab::new(Company::plain(6));
    let status = async |index: usize| lab.get(&format!("/users/{}", lab.okta(index))).await.body["status"].clone();
    lab.pass(5);
    lab.tenant.disable(&lab.user(1)).unwrap();
    lab.tenant.soft_delete(&lab.user(2)).unwrap();
    lab.tenant.hard_delete(&lab.user(3)).unwrap();
    lab.okta.set_status(&lab.user(4), "LOCKED_OUT").unwrap();
    assert_eq!(
        (status(1).await, status(2).await, status(4).await),
        (json!("SUSPENDED"), json!("DEPROVISIONED"), json!("LOCKED_OUT"))
    );
    lab.get(&format!("/users/{}", lab.okta(3))).await.refused(404, "E0000007");
    let left = [0, 1, 4, 5].map(|index| lab.okta(index));
    assert_eq!(lab.get("/users").await.ids(), left, "a plain list hides leavers");
    let all = [0, 1, 2, 4, 5].map(|index| lab.okta(index));
    assert_eq!(lab.get("/users?search=status pr").await.ids(), all, "a search does not");
    assert_eq!(lab.get("/users?filter=status eq \"DEPROVISIONED\"").await.ids(), [lab.okta(2)]);
    let changed = lab.get("/users?search=lastUpdated gt \"2027-01-15T08:00:00.000Z\"").await;
    assert_eq!(changed.ids(), [1, 2, 4].map(|index| lab.okta(index)));
    for user in changed.items() {
        assert!(user["statusChanged"].as_str().unwrap() > BEGAN && user["created"] == BEGAN);
        assert!(!user["profile"]["login"].as_str().unwrap().contains(&lab.user(2).replace('-', "")));
    }
    lab.okta.clear_status(&lab.user(4)).unwrap();
    assert_eq!(status(4).await, "ACTIVE");
    lab.okta.set_status(&lab.user(4), "RECOVERY").unwrap();
    lab.tenant.disable(&lab.user(4)).unwrap();
    lab.tenant.restore(&lab.user(2)).unwrap();
    assert_eq!((status(4).await, status(2).await), (json!("SUSPENDED"), json!("ACTIVE")));
    assert!(lab.okta.set_status(&lab.user(3), "ACTIVE").is_err());
}

#[tokio::test(start_paused = true)]
async fn searches_are_late_and_point_reads_are_not() {
    let lab = Lab::new(company(4, &[("A", 0..2)]));
    lab.okta.configure(|settings| settings.index_lag_millis = 30_000);
    lab.pass(5);
    lab.update(1, json!({ "department": "New" }));
    lab.tenant.disable(&lab.user(2)).unwrap();
    lab.tenant.hard_delete(&lab.user(3)).unwrap();
    lab.tenant.add_member(&lab.group("A"), &lab.user(2)).unwrap();
    let changed = "/users?search=lastUpdated gt \"2027-01-15T08:00:00.000Z\"&sortBy=lastUpdated";
    let groups = "/groups?filter=lastMembershipUpdated gt \"2027-01-15T08:00:00.000Z\" and type eq \"OKTA_GROUP\"";
    assert_eq!(lab.get(changed).await.items().len(), 0);
    assert_eq!(lab.get(groups).await.items().len(), 0);
    assert_eq!(lab.get("/users?search=status eq \"ACTIVE\"").await.items().len(), 4);
    assert_eq!(lab.get(&format!("/users/{}", lab.okta(2))).await.body["status"], "SUSPENDED");
    assert_eq!(lab.get(&format!("/users/{}", lab.okta(3))).await.status, 404);
    assert_eq!(lab.get(&format!("/groups/{}/users", lab.okta_group("A"))).await.items().len(), 3);
    lab.pass(30);
    assert_eq!(lab.get(changed).await.ids(), [lab.okta(1), lab.okta(2)]);
    assert_eq!(lab.get(groups).await.ids(), [lab.okta_group("A")]);
    assert_eq!(lab.get("/users?search=status eq \"ACTIVE\"").await.items().len(), 2);
    lab.okta.configure(|settings| settings.index_lag_millis = 0);
    lab.update(0, json!({ "department": "New" }));
    assert_eq!(lab.get(changed).await.items().len(), 3);
}

#[tokio::test]
async fn many_people_are_listed_without_gaps() {
    let lab = Lab::new(Company::plain(4_000));
    let sorted = "/users?search=lastUpdated ge \"2020-01-01T00:00:00.000Z\"&sortBy=lastUpdated&limit=200";
    for link in ["/users", "/users?search=status eq \"ACTIVE\"", sorted] {
        let (all, sizes) = lab.walk(link).await;
        let seen: BTreeSet<&str> = ids(&all).into_iter().collect();
        assert_eq!((all.len(), sizes.len(), seen.len()), (4_000, 20, 4_000), "{link}");
    }
}

/// Walks a listing; between two pages somebody changes. Who is still there at the end, and how often each was seen.
async fn walk_while_changing(lab: &Lab, link: String, steps: &[(usize, u8)]) -> (BTreeSet<String>, Vec<String>) {
    let (mut seen, mut next, mut steps) = (Vec::new(), Some(link), steps.iter());
    while let Some(link) = next {
        let answer = lab.get(&link).await;
        seen.extend(answer.ids().iter().map(|id| (*id).to_owned()));
        next = answer.next();
        let Some((index, what)) = steps.next() else { continue };
        lab.pass(1);
        let user = lab.user(*index);
        // A step that the account's state does not allow is none.
        let _ = match what {
            0 => lab.tenant.update_user(&user, [("department".to_owned(), json!(link))].into_iter().collect()),
            1 => lab.tenant.disable(&user),
            2 => lab.tenant.soft_delete(&user),
            3 => lab.tenant.restore(&user),
            _ => lab.tenant.hard_delete(&user),
        };
    }
    let all = lab.walk("/users?search=id pr").await.0;
    (ids(&all).into_iter().map(str::to_owned).collect(), seen)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn nobody_is_missed_while_people_change(
        steps in prop::collection::vec((0_usize..12, 0_u8..5), 0..12),
        limit in 1_usize..5,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let lab = Lab::new(Company::plain(12));
            let (left, seen) = walk_while_changing(&lab, format!("/users?search=id pr&limit={limit}"), &steps).await;
            let once: BTreeSet<String> = seen.iter().cloned().collect();
            prop_assert!(left.is_subset(&once) && once.len() == seen.len(), "each is seen, and once");
            let lab = Lab::new(Company::plain(12));
            let sorted = format!("/users?search=id pr&sortBy=lastUpdated&sortOrder=asc&limit={limit}");
            let (left, seen) = walk_while_changing(&lab, sorted, &steps).await;
            prop_assert!(left.is_subset(&seen.into_iter().collect()), "each is seen, the changed ones twice");
            Ok(())
        })?;
    }
}
