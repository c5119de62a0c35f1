//! The System Log: polling, bounded requests, links that die.

use super::*;

fn kinds(answer: &Answer) -> Vec<&str> {
    answer.items().iter().filter_map(|event| event["eventType"].as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_poll_never_ends_and_never_repeats() {
    let lab = Lab::new(company(6, &[("A", 0..3)]));
    let empty = lab.get(&format!("/logs?since={BEGAN}&limit=2")).await;
    assert_eq!(empty.items().len(), 0);
    let link = empty.next().expect("polling always goes on");
    assert!(!link.contains("since="));
    let new = lab.hire("new@contoso.example");
    lab.tenant.disable(&new).unwrap();
    lab.tenant.enable(&new).unwrap();
    lab.update(1, json!({ "department": "X" }));
    let first = lab.get(&link).await;
    assert_eq!(kinds(&first), ["user.lifecycle.create", "user.lifecycle.activate"]);
    let second = lab.get(&first.next().unwrap()).await;
    assert_eq!(kinds(&second), ["user.lifecycle.suspend", "user.lifecycle.unsuspend"]);
    let third = lab.get(&second.next().unwrap()).await;
    assert_eq!(kinds(&third), ["user.account.update_profile"]);
    assert_eq!(third.items()[0]["target"][0]["id"], lab.okta(1));
    assert_eq!(lab.get(&third.next().unwrap()).await.items().len(), 0);
    assert_eq!(kinds(&lab.get(&first.next().unwrap()).await), kinds(&second), "a link may be called again");
    lab.get(&format!("{link}&since={BEGAN}")).await.refused(400, "E0000001");
    lab.okta.expire_log_links();
    lab.get(&link).await.refused(400, "E0000001");
    assert_eq!(lab.get("/logs").await.items().len(), 5);
}

#[tokio::test]
async fn what_happened_between_two_requests_is_told_step_by_step() {
    let lab = Lab::new(company(6, &[("A", 0..3)]));
    let (group, user) = (lab.group("A"), lab.user(4));
    lab.tenant.add_member(&group, &user).unwrap();
    lab.tenant.remove_member(&group, &user).unwrap();
    lab.tenant.add_member(&group, &user).unwrap();
    lab.tenant.soft_delete(&user).unwrap();
    lab.tenant.restore(&user).unwrap();
    lab.tenant.hard_delete(&user).unwrap();
    let answer = lab.get(&format!("/logs?filter=target.id eq \"{}\"", lab.okta(4))).await;
    let (add, remove) = ("group.user_membership.add", "group.user_membership.remove");
    let (gone, back) = ("user.lifecycle.deactivate", "user.lifecycle.reactivate");
    let (begun, done) = ("user.lifecycle.delete.initiated", "user.lifecycle.delete.completed");
    assert_eq!(kinds(&answer), [add, remove, add, gone, back, gone, begun, done, remove]);
    let target: Vec<&Value> = answer.items()[0]["target"].as_array().unwrap().iter().map(|one| &one["type"]).collect();
    assert_eq!(target, ["User", "UserGroup"]);
    lab.tenant.add_group("0c000000-0000-4000-8000-000000000000", "New").unwrap();
    lab.tenant.rename_group(&group, "B").unwrap();
    lab.tenant.delete_group(&group).unwrap();
    let groups =
        lab.get("/logs?filter=eventType sw \"group.lifecycle\" or eventType eq \"group.profile.update\"").await;
    let expected = ["group.lifecycle.create", "group.lifecycle.delete", "group.lifecycle.delete"];
    assert_eq!(kinds(&groups), expected, "only the end of a group is known, and it is told");
}

#[tokio::test(start_paused = true)]
async fn late_events_reach_polls_and_may_miss_bounded_requests() {
    let lab = Lab::new(Company::plain(3));
    let link = lab.get("/logs").await.next().unwrap();
    lab.pass(3600);
    lab.update(0, json!({ "department": "X" }));
    let link = lab.get(&link).await.next().unwrap();
    let early: DateTime<Utc> = "2027-01-15T08:10:00Z".parse().unwrap();
    lab.okta.log_event("user.lifecycle.deactivate", "FAILURE", early, &lab.user(2)).unwrap();
    let late = lab.get(&link).await;
    assert_eq!(late.items()[0]["published"], "2027-01-15T08:10:00.000Z");
    assert_eq!(late.items()[0]["outcome"]["result"], "FAILURE");
    let bounded = "/logs?since=2027-01-15T08:00:00Z&until=2027-01-15T10:00:00Z&limit=1";
    let first = lab.get(bounded).await;
    assert_eq!(kinds(&first), ["user.lifecycle.deactivate"], "ordered by published");
    let second = lab.get(&first.next().unwrap()).await;
    assert_eq!((kinds(&second), second.next()), (vec!["user.account.update_profile"], None));
    assert_eq!(kinds(&lab.get("/logs?sortOrder=DESCENDING").await)[0], "user.account.update_profile");
    let good = lab.get("/logs?filter=outcome.result eq \"SUCCESS\" and eventType co \"user.\"").await;
    assert_eq!(good.items().len(), 1);
    assert!(lab.okta.log_event("x", "SUCCESS", early, "nobody").is_err());
}

#[tokio::test(start_paused = true)]
async fn the_log_refuses_and_forgets() {
    let lab = Lab::new(Company::plain(3));
    lab.get("/logs?filter=published gt \"2027-01-15T08:00:00Z\"").await.refused(400, "E0000031");
    lab.get("/logs?filter=eventType eqq \"x\"").await.refused(400, "E0000053");
    lab.get("/logs?limit=1001").await.refused(400, "E0000001");
    lab.get("/logs?since=yesterday").await.refused(400, "E0000001");
    lab.get("/logs?since=2026-01-01T00:00:00Z").await.refused(400, "E0000001");
    lab.update(0, json!({ "department": "X" }));
    let link = lab.get("/logs?limit=1").await.next().unwrap();
    lab.update(0, json!({ "department": "Y" }));
    lab.pass(8 * 86_400);
    assert_eq!(lab.get("/logs").await.items().len(), 0, "seven days unless asked for more");
    assert_eq!(lab.get(&link).await.items().len(), 1);
    lab.pass(83 * 86_400);
    assert_eq!(lab.get_with(&link, &[("authorization", "SSWS 00token")]).await.status, 401, "an idle token dies");
    lab.okta.add_api_token(TOKEN);
    assert_eq!(lab.get("/logs?since=2027-01-15T08:00:00Z").await.items().len(), 0, "ninety days are kept");
}
