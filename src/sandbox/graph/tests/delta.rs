//! Rounds: what is there, what changed, and how links die.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::*;
use crate::sandbox::tenant::DeadToken;

const SELECT: &str = "/users/delta?$select=id,displayName,department,mobilePhone,accountEnabled";

#[tokio::test]
async fn a_round_shows_everybody_and_the_next_one_only_what_changed() {
    let lab = Lab::new(Company::plain(450)).await;
    let (items, sizes, delta) = lab.walk(SELECT, &[]).await;
    assert_eq!(sizes, [200, 200, 50]);
    assert_eq!(ids(&items).into_iter().collect::<HashSet<_>>().len(), 450);
    assert_eq!(keys(&items[0]).len() + usize::from(items[0].get("mobilePhone").is_none()), 5);

    let (items, delta) = lab.round(&delta.unwrap()).await;
    assert_eq!(items, [] as [Value; 0]);
    lab.update(&lab.user(3), json!({ "department": "Billing and more" }));
    lab.update(&lab.user(4), json!({ "jobTitle": "not selected" }));
    lab.update(&lab.user(5), json!({ "department": lab.tenant.users()[5].department }));
    lab.tenant.add_user(person("0c000000-0000-4000-8000-000000000001", "new@contoso.example")).unwrap();
    let (items, delta) = lab.round(&delta).await;
    assert_eq!(ids(&items), [lab.user(3).as_str(), "0c000000-0000-4000-8000-000000000001"]);
    assert_eq!(items[0]["department"], "Billing and more");
    assert_eq!(keys(&items[1]), ["accountEnabled", "displayName", "id"], "what was never set is absent");
    assert_eq!(lab.round(&delta).await.0.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn deleting_and_restoring_read_as_documented() {
    let lab = Lab::new(company(5, &[("Team", 0..5)])).await;
    let (_, users) = lab.round(SELECT).await;
    let (_, groups) = lab.round("/groups/delta?$select=id,displayName,members").await;
    let (ada, bob) = (lab.user(0), lab.user(1));

    lab.tenant.soft_delete(&ada).unwrap();
    let (items, users) = lab.round(&users).await;
    assert_eq!(items, [json!({ "id": ada, "@removed": { "reason": "changed" } })]);
    assert_eq!(lab.get(&format!("/users/{ada}")).await.status, 404);
    let (deleted, _, _) =
        lab.walk("/directory/deletedItems/microsoft.graph.user?$select=id,deletedDateTime", &[]).await;
    assert_eq!(deleted, [json!({ "id": ada, "deletedDateTime": "2027-01-15T08:00:00Z" })]);

    lab.tenant.restore(&ada).unwrap();
    let (items, users) = lab.round(&users).await;
    assert_eq!((ids(&items), items[0]["accountEnabled"].clone()), (vec![ada.as_str()], json!(true)));
    let (items, groups) = lab.round(&groups).await;
    assert_eq!(items, [] as [Value; 0], "neither is a membership event");

    lab.tenant.hard_delete(&bob).unwrap();
    let (items, _) = lab.round(&users).await;
    assert_eq!(items, [json!({ "id": bob, "@removed": { "reason": "deleted" } })]);
    let (items, _) = lab.round(&groups).await;
    let gone = json!([{ "@odata.type": "#microsoft.graph.user", "id": bob, "@removed": { "reason": "deleted" } }]);
    assert_eq!(items[0]["members@delta"], gone);
}

#[tokio::test]
async fn minimal_answers_carry_changed_properties_only_and_a_cleared_one_is_null() {
    let lab = Lab::new(Company::plain(5)).await;
    let id = lab.user(2);
    lab.update(&id, json!({ "mobilePhone": "+1 555" }));
    let (_, delta) = lab.round(SELECT).await;
    lab.update(&id, json!({ "mobilePhone": null }));
    let (items, _, _) = lab.walk(&delta, &[("Prefer", "return=minimal")]).await;
    assert_eq!(items, [json!({ "id": id, "mobilePhone": null })]);
    let (items, _) = lab.round(&delta).await;
    assert_eq!((keys(&items[0]).len(), &items[0]["mobilePhone"]), (5, &Value::Null));
}

#[tokio::test]
async fn latest_begins_now_and_an_id_filter_narrows_the_round() {
    let lab = Lab::new(Company::plain(300)).await;
    let (items, delta) = lab.round(&format!("{SELECT}&$deltatoken=latest")).await;
    assert_eq!(items.len(), 0);
    lab.tenant.disable(&lab.user(0)).unwrap();
    let (items, _) = lab.round(&delta).await;
    assert_eq!((items.len(), items[0]["accountEnabled"].clone()), (1, json!(false)));

    let filter = format!("/users/delta?$select=department&$filter=id eq '{}' or id eq '{}'", lab.user(7), lab.user(9));
    let (items, delta) = lab.round(&filter).await;
    assert_eq!(ids(&items), [lab.user(7), lab.user(9)]);
    lab.update(&lab.user(8), json!({ "department": "X" }));
    lab.update(&lab.user(9), json!({ "department": "X" }));
    assert_eq!(ids(&lab.round(&delta).await.0), [lab.user(9)]);
    lab.get("/users/delta?$filter=department eq 'Care'").await.refused(400, "Request_UnsupportedQuery");
    let many: Vec<String> = (0..51).map(|index| format!("id eq '{}'", lab.user(index))).collect();
    lab.get(&format!("/users/delta?$filter={}", many.join(" or "))).await.refused(400, "Request_UnsupportedQuery");
}

#[tokio::test]
async fn what_changes_while_a_round_is_read_comes_in_the_next_one() {
    let lab = Lab::new(Company::plain(450)).await;
    let first = lab.get(SELECT).await;
    lab.update(&lab.user(0), json!({ "department": "Late" }));
    lab.tenant.hard_delete(&lab.user(300)).unwrap();
    let (items, delta) = lab.round(first.body["@odata.nextLink"].as_str().unwrap()).await;
    assert_eq!(items.len(), 249);
    let (items, _) = lab.round(&delta).await;
    assert_eq!(
        (items[0]["department"].as_str(), items[1]["@removed"]["reason"].as_str()),
        (Some("Late"), Some("deleted"))
    );
}

#[tokio::test]
async fn a_big_group_is_spread_over_pages_and_later_rounds_carry_joins_and_leaves() {
    let lab = Lab::new(company(1_250, &[("Big", 0..1_200), ("Small", 0..3), ("Other", 0..1)])).await;
    let (big, small) = (lab.tenant.group_id("Big").unwrap(), lab.tenant.group_id("Small").unwrap());
    lab.tenant.add_member(&big, &small).unwrap();
    let filter = format!("/groups/delta?$filter=id eq '{big}' or id eq '{small}'&$select=id,displayName,members");
    let (items, _, delta) = lab.walk(&filter, &[]).await;
    let members = |items: &[Value], group: &str| -> Vec<Value> {
        let own = items.iter().filter(|item| item["id"] == group);
        own.flat_map(|item| item["members@delta"].as_array().cloned().unwrap_or_default()).collect()
    };
    assert_eq!(items.iter().map(|item| item["members@delta"].as_array().unwrap().len()).max(), Some(500));
    assert_eq!(ids(&items), [big.as_str(), &big, &big, &small]);
    let of_big = members(&items, &big);
    assert_eq!(ids(&of_big).into_iter().collect::<HashSet<_>>().len(), 1_201);
    assert!(of_big.contains(&json!({ "@odata.type": "#microsoft.graph.group", "id": small })));

    lab.tenant.remove_member(&big, &lab.user(5)).unwrap();
    lab.tenant.add_member(&big, &lab.user(1_240)).unwrap();
    lab.tenant.add_member(&lab.tenant.group_id("Other").unwrap(), &lab.user(5)).unwrap();
    let (items, delta) = lab.round(&delta.unwrap()).await;
    let user = "#microsoft.graph.user";
    let expected = [
        json!({ "@odata.type": user, "id": lab.user(5), "@removed": { "reason": "deleted" } }),
        json!({ "@odata.type": user, "id": lab.user(1_240) }),
    ];
    assert_eq!((items.len(), members(&items, &big)), (1, expected.to_vec()));

    lab.tenant.rename_group(&small, "Tiny").unwrap();
    let (items, delta) = lab.round(&delta).await;
    assert_eq!(items, [json!({ "id": small, "displayName": "Tiny" })]);
    lab.tenant.delete_group(&small).unwrap();
    let (items, _) = lab.round(&delta).await;
    assert_eq!(items[0], json!({ "id": small, "@removed": { "reason": "deleted" } }));
    let nested = json!({ "@odata.type": "#microsoft.graph.group", "id": small, "@removed": { "reason": "deleted" } });
    assert_eq!((items.len(), members(&items, &big)), (2, vec![nested]));
}

#[tokio::test]
async fn dead_links_say_so_in_every_shape() {
    let lab = Lab::new(Company::plain(5)).await;
    for (shape, status, code) in [
        (DeadToken::Gone, 410, "resyncRequired"),
        (DeadToken::SyncStateNotFound, 400, "syncStateNotFound"),
        (DeadToken::UnsupportedQuery, 400, "Request_UnsupportedQuery"),
    ] {
        let (_, delta) = lab.round(SELECT).await;
        lab.tenant.expire_delta_tokens(shape);
        let answer = lab.get(&delta).await;
        answer.refused(status, code);
        let location = answer.headers.get("location").map(|value| value.to_str().unwrap());
        assert_eq!(location, (status == 410).then_some("http://graph.test/v1.0/users/delta?$deltatoken="));
    }
    let mut lab = lab;
    let (_, delta) = lab.round(SELECT).await;
    lab.tenant.advance(Duration::from_secs(7 * 86_400));
    lab.sign_in(BASE).await;
    lab.get(&delta).await.refused(400, "syncStateNotFound");
}

#[tokio::test]
async fn a_link_must_be_called_as_it_came() {
    let lab = Lab::new(Company::plain(250)).await;
    let next = lab.get(SELECT).await.body["@odata.nextLink"].as_str().unwrap().to_owned();
    let (_, delta) = lab.round(SELECT).await;
    assert!(next.starts_with("http://graph.test/v1.0/users/delta?$skiptoken="));
    assert!(delta.starts_with("http://graph.test/v1.0/users/delta?$deltatoken="));
    for link in [
        format!("{delta}&$select=id"),
        format!("{delta}x"),
        delta.replacen("$deltatoken=", "$deltatoken=A", 1),
        delta.replace("$deltatoken", "$skiptoken"),
        next.replace("$skiptoken", "$deltatoken"),
        delta.replace("users/delta", "groups/delta"),
        next.replace("users/delta", "users"),
        "/users/delta?$deltatoken=ü".to_owned().replace('ü', "%C3%BC"),
    ] {
        lab.get(&link).await.refused(400, "Request_BadRequest");
    }
}

#[tokio::test]
async fn a_hundred_thousand_people_are_read_in_seconds() {
    let lab = Lab::new(Company::plain(100_000)).await;
    let began = Instant::now();
    let select = "id,userPrincipalName,displayName,givenName,surname,mail,department,accountEnabled,businessPhones";
    let mut link = format!("/users/delta?$select={select}");
    let (mut people, mut pages) = (0, 0);
    while pages < 501 {
        let body = lab.get(&link).await.body;
        people += body["value"].as_array().unwrap().len();
        pages += 1;
        match body["@odata.nextLink"].as_str() {
            Some(next) => link = next.to_owned(),
            None => break,
        }
    }
    assert_eq!((people, pages), (100_000, 500));
    // Generous for a loaded machine; a page that walks the whole tenant takes minutes.
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
}
