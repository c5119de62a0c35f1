//! Answers in the forms the documentation shows, read page by page.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::super::fields::Fields;
use super::super::groups::GroupRound;
use super::super::users::Round;
use super::super::wire::{self, GroupItem, Page, Plain, Users};
use super::tenant::{group_id, id};
use super::*;
use crate::attributes::{AttributeName, DEPARTMENT, MOBILE_PHONE};
use crate::directory::{Standing, UserPatch};

fn fields() -> Fields {
    let wanted =
        ["department", "mobilePhone", "jobTitle", "businessPhones", "costCenter", "extensionAttribute3", "badge"];
    Fields::new(&wanted.into_iter().map(AttributeName::from).collect()).unwrap()
}

/// Reads these pages as one round and gives the changes by id.
fn check(pages: &[Value]) -> Result<BTreeMap<String, UserPatch>, PullError> {
    let fields = fields();
    let mut round = Round::default();
    for (page, number) in pages.iter().zip(1..) {
        let text = page.to_string();
        let Page { items, .. } = wire::page(text.as_bytes(), Users(&fields)).unwrap();
        for item in items {
            round.take("GET /users/delta", item, number)?;
        }
    }
    assert!(round.unreadable.is_empty(), "{:?}", round.unreadable);
    Ok(round.drafts.into_iter().map(|(id, draft)| (id.to_string(), draft.into_patch(id))).collect())
}

#[test]
fn null_clears_absent_keeps_and_removed_is_a_deleted_account() {
    let patches = check(&[json!({"value": [
        {"id": id(1), "mobilePhone": null},
        {"id": id(2), "@removed": {"reason": "changed"}},
        {"id": id(3), "@removed": {"reason": "deleted"}}]})])
    .unwrap();
    assert_eq!(patches[&id(1)].attributes, [(MOBILE_PHONE.into(), None)].into());
    assert_eq!(patches[&id(1)].standing, None);
    assert_eq!(patches[&id(2)].standing, Some(Standing::SoftDeleted));
    assert_eq!(patches[&id(3)].standing, Some(Standing::Deleted));
}

#[test]
fn the_later_occurrence_wins_across_an_empty_page() {
    let patches = check(&[
        json!({"@odata.nextLink": "https://graph.example.com/2", "value": []}),
        json!({"value": [{"id": id(3), "department": "Sales", "jobTitle": "Lead"}]}),
        json!({"value": [{"id": id(3), "department": "Support"}]}),
    ])
    .unwrap();
    let patch = &patches[&id(3)];
    assert_eq!(patch.attributes[&DEPARTMENT.into()].as_deref(), Some("Support"));
    assert_eq!(patch.attributes[&"title".into()].as_deref(), Some("Lead"));
}

#[test]
fn every_form_of_a_value_is_read() {
    let patches = check(&[json!({"value": [
        {"id": id(1), "businessPhones": ["+44 20 1", "+44 20 2"], "employeeOrgData": {"division": "x", "costCenter": "C1"},
         "onPremisesExtensionAttributes": {"extensionAttribute1": "no", "extensionAttribute3": " yes "}, "badge": 17,
         "unasked": {"deep": [1, {"er": null}]}},
        {"id": id(2), "businessPhones": [], "employeeOrgData": null, "onPremisesExtensionAttributes": null, "badge": true,
         "department": "  "}]})])
    .unwrap();
    let told = |number: u32| -> Vec<(String, Option<String>)> {
        let attributes = &patches[&id(number)].attributes;
        attributes.iter().map(|(name, value)| (name.to_string(), value.as_deref().map(str::to_owned))).collect()
    };
    let pair = |name: &str, value: Option<&str>| (name.to_owned(), value.map(str::to_owned));
    assert_eq!(
        told(1),
        [
            pair("badge", Some("17")),
            pair("business_phone", Some("+44 20 1")),
            pair("cost_center", Some("C1")),
            pair("extensionAttribute3", Some("yes")),
        ]
    );
    assert_eq!(
        told(2),
        [
            pair("badge", Some("true")),
            pair("business_phone", None),
            pair("cost_center", None),
            pair("department", None),
            pair("extensionAttribute3", None),
        ]
    );
}

#[test]
fn a_member_that_may_not_be_seen_stops_the_pull() {
    let hidden = json!({"value": [{"@odata.type": "#microsoft.graph.user", "id": id(31), "displayName": null,
        "userPrincipalName": null, "mail": null, "accountEnabled": null}]});
    let error = check(&[hidden]).unwrap_err();
    assert_eq!(error.kind, PullErrorKind::Forbidden);
    assert!(error.hint.contains("User.Read.All"));
}

#[test]
fn a_group_over_two_pages_ends_with_its_members() {
    let kind = "#microsoft.graph.user";
    let pages = [
        json!({"value": [{"id": group_id(1), "displayName": "CC Berlin", "members@delta": [
            {"@odata.type": kind, "id": id(11)}, {"@odata.type": kind, "id": id(12)}]}]}),
        json!({"value": [{"id": group_id(1), "displayName": "CC Berlin", "members@delta": [
            {"@odata.type": kind, "id": id(12), "@removed": {"reason": "deleted"}},
            {"@odata.type": kind, "id": id(13)},
            {"@odata.type": "#microsoft.graph.device", "id": "0c000000-0000-4000-8000-000000000001"}]}]}),
    ];
    let followed = BTreeSet::from([ExternalId::from(group_id(1))]);
    let mut round = GroupRound::default();
    for (page, number) in pages.iter().zip(1..) {
        let text = page.to_string();
        for item in wire::page(text.as_bytes(), Plain::<GroupItem>::new()).unwrap().items {
            round.take(&followed, item, number).unwrap();
        }
    }
    let members = round.edges.iter().filter(|(_, there)| **there).map(|(edge, _)| edge.member.to_string());
    assert_eq!(members.collect::<Vec<_>>(), [id(11), id(13)]);
    assert_eq!(round.groups()[0].name.as_deref(), Some("CC Berlin"));
}

#[test]
fn text_after_a_page_is_not_a_page() {
    for text in ["{\"value\":[]} x", "{\"value\":[]}{}", "", "null", "{\"value\":{}}"] {
        assert!(wire::page(text.as_bytes(), Plain::<GroupItem>::new()).is_err(), "{text}");
    }
}

proptest::proptest! {
    /// Whatever arrives, reading it neither panics nor invents people.
    #[test]
    fn nothing_can_be_read_into_noise(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        let fields = fields();
        if let Ok(page) = wire::page(&bytes, Users(&fields)) {
            proptest::prop_assert!(page.items.is_empty() || bytes.contains(&b'['));
        }
    }

    /// A value of any type anywhere costs at most its own record.
    #[test]
    fn one_odd_value_costs_one_record(
        property in proptest::sample::select(vec!["id", "accountEnabled", "department", "businessPhones",
            "employeeOrgData", "onPremisesExtensionAttributes", "mobilePhone"]),
        value in proptest::sample::select(vec![json!(1), json!(-1), json!(1.5), json!("x"), json!(true), json!([]),
            json!([[1]]), json!({}), json!({"a": {"b": 1}}), json!([null])]),
    ) {
        let mut odd = json!({"id": id(1), "accountEnabled": true});
        odd[property] = value;
        let text = json!({"value": [odd, {"id": id(2), "accountEnabled": false}]}).to_string();
        let fields = fields();
        let page = wire::page(text.as_bytes(), Users(&fields)).unwrap();
        proptest::prop_assert_eq!(page.items.len(), 2);
        proptest::prop_assert_eq!(page.items[1].id.clone(), Some(ExternalId::from(id(2))));
        proptest::prop_assert_eq!(page.items[1].spoilt.clone(), None);
    }
}

#[test]
fn what_is_said_twice_is_no_page() {
    let fields = fields();
    for body in [
        r#"{"value":[{"id":"a"}],"value":[]}"#,
        r#"{"@odata.nextLink":"https://graph.example.com/2","value":[],"@odata.nextLink":null}"#,
        r#"{"@odata.deltaLink":"https://graph.example.com/2","value":[],"@odata.deltaLink":null}"#,
    ] {
        assert!(wire::page(body.as_bytes(), Users(&fields)).is_err(), "{body}");
    }
    assert!(wire::batch(br#"{"responses":[{"id":"a"}],"responses":[]}"#, Users(&fields)).is_err());
}
