//! Groups, their members, and the groups a user is in.

use super::*;
use crate::scim::group::{GroupItem, GroupRef, MemberKind, MemberRef};
use crate::scim::wire::{groups, one_group};

fn group(entry: &str) -> GroupItem {
    match one_group(entry.as_bytes()) {
        Ok(Item::Read(group)) => group,
        other => panic!("{entry} became {other:?}"),
    }
}

fn member(value: &str) -> MemberRef {
    MemberRef { value: Some(value.into()), ..MemberRef::default() }
}

#[test]
fn a_nested_group_and_a_member_without_a_type() {
    let read = group(
        r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"id":"g1","displayName":"CC Berlin",
 "members":[{"value":"u1","type":"User"},{"value":"u2"},{"value":"g2","$ref":"https://idp.example.com/scim/v2/Groups/g2"}]}"#,
    );
    let GroupItem { id, name, members, version } = read;
    assert_eq!((id.as_str(), name.as_deref(), version), ("g1", Some("CC Berlin"), None));
    let nested = MemberRef { reference: Some("https://idp.example.com/scim/v2/Groups/g2".into()), ..member("g2") };
    assert_eq!(members.unwrap(), [MemberRef { kind: Some(MemberKind::User), ..member("u1") }, member("u2"), nested]);
}

#[test]
fn member_lists_of_every_shape() {
    let table: &[(&str, Option<Vec<MemberRef>>)] = &[
        ("null", None),
        (r#""""#, None),
        ("[]", Some(vec![])),
        (r#"["u1","u2"]"#, Some(vec![member("u1"), member("u2")])),
        ("[7]", Some(vec![member("7")])),
        (r#""u1""#, Some(vec![member("u1")])),
        (
            r#"{"VALUE":"u1","Type":"GROUP","display":"G"}"#,
            Some(vec![MemberRef { kind: Some(MemberKind::Group), display: Some("G".into()), ..member("u1") }]),
        ),
        // A member nobody can make out is still a member.
        (r#"[null,{},{"value":null},[1],true,1.5]"#, Some(vec![MemberRef::default(); 6])),
        (r#"[{"value":"u1","type":"ServiceAccount"}]"#, Some(vec![member("u1")])),
    ];
    for (told, expected) in table {
        assert_eq!(group(&format!(r#"{{"id":"g1","members":{told}}}"#)).members, *expected, "{told}");
    }
    assert_eq!(group(r#"{"id":"g1"}"#).members, None);
    for told in ["7", "true", "0.5", "-1"] {
        let read = one_group(format!(r#"{{"members":{told},"id":"g1"}}"#).as_bytes()).unwrap();
        let Item::Unreadable { id: Some(_), why } = read else { panic!("{told}") };
        assert_eq!(why, "`members` is of the wrong type");
    }
}

#[test]
fn a_group_without_an_id_is_unreadable() {
    let body = br#"{"totalResults":2,"Resources":[{"displayName":"A"},{"ID":3,"displayname":null,"meta":{"version":7,"lastModified":"2026-03-01T00:00:00"}}]}"#;
    let page = groups(body).unwrap();
    let [Item::Unreadable { id: None, .. }, Item::Read(group)] = &page.resources[..] else { panic!("{page:?}") };
    assert_eq!((group.id.as_str(), group.name.as_deref(), group.version.as_deref()), ("3", None, Some("7")));
}

#[test]
fn groups_of_a_user() {
    let read = user(
        r#"{"id":"u1","groups":[{"value":"g1","$ref":"../Groups/g1","display":"CC","type":"direct"},{"value":"g2","type":"Indirect"},"g3"]}"#,
    );
    let named = |value: &str| GroupRef { value: Some(value.into()), ..GroupRef::default() };
    let first = GroupRef {
        reference: Some("../Groups/g1".into()),
        display: Some("CC".into()),
        direct: Some(true),
        ..named("g1")
    };
    assert_eq!(read.groups.unwrap(), [first, GroupRef { direct: Some(false), ..named("g2") }, named("g3")]);
    assert_eq!(user(r#"{"id":"u1","groups":[]}"#).groups, Some(vec![]));
    assert_eq!(user(r#"{"id":"u1","groups":null}"#).groups, None);
    assert!(matches!(item(&everything(), r#"{"id":"u1","groups":7}"#), Item::Unreadable { id: Some(_), .. }));
}

#[test]
fn quirk_20_what_groups_embed_is_not_kept() {
    let embedded = vec![r#"{"value":"u1","display":"Somebody"}"#; 1000].join(",");
    let read = user(&format!(r#"{{"id":"u1","groups":[{{"value":"g1","members":[{embedded}]}}]}}"#));
    assert_eq!(read.groups.unwrap(), [GroupRef { value: Some("g1".into()), ..GroupRef::default() }]);
}
