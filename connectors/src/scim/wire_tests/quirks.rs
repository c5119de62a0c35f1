//! What real servers do otherwise than the standard, as far as it is in the content of an answer.

use chrono::{DateTime, Utc};

use super::*;
use crate::scim::discovery::{provider_config, resource_types};
use crate::scim::wire::{NotAList, one_user};

fn at(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

#[test]
fn one_user_with_many_quirks() {
    let user = user(
        r#"{"Schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"ID":"u1","UserName":"Ada","active":"True","title":null,"emails":["ada@example.com"],
 "URN:ietf:params:scim:schemas:extension:Enterprise:2.0:user":{"Department":"Support","employeeNumber":"0042"},
 "meta":{"lastModified":"2026-03-02T10:15:00.1234567+00:00","version":7}}"#,
    );
    let UserItem { id, attributes: _, active, groups, last_modified } = &user;
    assert_eq!((id.as_str(), *active, groups), ("u1", Some(true), &None));
    assert_eq!(*last_modified, Some(at("2026-03-02T10:15:00.123456700Z")));
    let have: Vec<_> = user.attributes.iter().map(|(name, value)| (name.as_str(), value)).collect();
    let expected = [
        (attributes::DEPARTMENT, "Support"),
        (attributes::EMPLOYEE_ID, "0042"),
        (attributes::MAIL, "ada@example.com"),
        (attributes::USERNAME, "Ada"),
    ];
    assert_eq!(have, expected);
}

#[test]
fn quirk_1_the_pages_of_a_server_whose_total_is_the_page() {
    let pages = [
        (
            r#"{"totalResults":2,"startIndex":1,"Resources":[{"id":"u1","userName":"ada"},{"id":"u2","userName":"bo"}]}"#,
            2,
            2,
        ),
        (
            r#"{"totalResults":2,"startIndex":3,"Resources":[{"id":"u3","userName":"cy"},{"id":"u4","userName":"di"}]}"#,
            2,
            2,
        ),
        (r#"{"totalResults":0,"startIndex":5}"#, 0, 0),
    ];
    for (at, (body, total, entries)) in pages.into_iter().enumerate() {
        let page = users(body.as_bytes(), &everything()).unwrap();
        assert_eq!((page.total, page.resources.len()), (Some(total), entries), "page {at}");
        assert_eq!(page.start_index, Some(at as u64 * 2 + 1));
    }
}

#[test]
fn quirk_5_resources_are_missing_when_there_is_nothing() {
    for body in [
        r#"{"totalResults":0}"#,
        r#"{"totalResults":0,"Resources":null}"#,
        r#"{"totalResults":0,"Resources":[]}"#,
        r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":"0"}"#,
        r#"{"Resources":[]}"#,
    ] {
        assert!(users(body.as_bytes(), &everything()).unwrap().resources.is_empty(), "{body}");
    }
}

#[test]
fn quirk_6_discovery_lists_of_other_shapes() {
    let user =
        r#"{"id":"User","name":"User","endpoint":"/Users","schema":"urn:ietf:params:scim:schemas:core:2.0:User"}"#;
    let group = r#"{"name":"group","endpoint":"/scim/Teams"}"#;
    for (front, back) in [
        (r#"{"totalResults":2,"Resources":["#, "]}"),
        (r#"{"Resources":["#, "]}"),
        (r#"{"resource_types":["#, "]}"),
        (r#"{"resourceType":["#, "]}"),
        (r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"resources":["#, "]}"),
        ("[", "]"),
    ] {
        let types = resource_types(format!("{front}{user},{group}{back}").as_bytes());
        assert_eq!(types.users_endpoint.as_deref(), Some("/Users"), "{front}");
        assert_eq!(types.groups_endpoint.as_deref(), Some("/scim/Teams"), "{front}");
        assert!(!types.speaks_1_1);
    }
    assert_eq!(resource_types(user.as_bytes()).users_endpoint.as_deref(), Some("/Users"));
    for nothing in ["", "{}", "[]", "null", "<html>", r#"{"Resources":{"endpoint":7}}"#] {
        assert_eq!(resource_types(nothing.as_bytes()), Default::default(), "{nothing}");
        assert_eq!(provider_config(nothing.as_bytes()), Default::default(), "{nothing}");
    }
}

#[test]
fn quirk_7_numbers_are_sent_as_text() {
    let page = users(
        br#"{"totalResults":" 42 ","startIndex":"1","itemsPerPage":"1","nextCursor":17,"Resources":[{"id":17}]}"#,
        &everything(),
    )
    .unwrap();
    assert_eq!((page.total, page.start_index, page.items_per_page), (Some(42), Some(1), Some(1)));
    assert_eq!(page.next_cursor.as_deref(), Some("17"));
    let Item::Read(user) = &page.resources[0] else { panic!("unreadable") };
    assert_eq!(user.id.as_str(), "17");
    let text = user_with(&everything(), r#"{"id":"1","title":7,"userType":true}"#);
    assert_eq!((value(&text, attributes::TITLE), value(&text, attributes::USER_TYPE)), (Some("7"), Some("true")));
}

#[test]
fn quirk_8_active_is_a_number_or_a_text() {
    let table = [
        ("true", Some(true)),
        ("false", Some(false)),
        ("1", Some(true)),
        ("0", Some(false)),
        (r#""true""#, Some(true)),
        (r#"" True ""#, Some(true)),
        (r#""FALSE""#, Some(false)),
        (r#""1""#, Some(true)),
        ("null", None),
        (r#""""#, None),
    ];
    for (told, expected) in table {
        assert_eq!(user(&format!(r#"{{"id":"u1","Active":{told}}}"#)).active, expected, "{told}");
    }
    for told in [r#""perhaps""#, "2", "[]", "{}", "0.5", r#"["true"]"#] {
        let read = item(&everything(), &format!(r#"{{"active":{told},"id":"u1"}}"#));
        let Item::Unreadable { id, why } = read else { panic!("{told} was taken for a state") };
        assert_eq!((id.unwrap().as_str(), why.as_str()), ("u1", "`active` is of the wrong type"));
    }
}

#[test]
fn quirk_9_a_disabled_user_no_longer_says_active() {
    let user = user(
        r#"{"id":"u9","userName":"old.user","schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"meta":{"lastModified":"2026-03-01T00:00:00Z"}}"#,
    );
    assert_eq!((user.id.as_str(), user.active), ("u9", None));
}

#[test]
fn quirk_10_enterprise_attributes_are_at_the_top() {
    let urn = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let table = [
        r#"{"id":"u1","Department":"Support"}"#.to_owned(),
        format!(r#"{{"id":"u1","{urn}:department":"Support"}}"#),
        // What the extension's own object says wins, whatever comes first.
        format!(r#"{{"id":"u1","department":"Sales","{urn}":{{"department":"Support"}}}}"#),
        format!(r#"{{"id":"u1","{urn}":{{"department":"Support"}},"department":"Sales"}}"#),
        format!(r#"{{"id":"u1","{urn}":{{"department":null}},"department":"Support"}}"#),
    ];
    for entry in table {
        assert_eq!(value(&user(&entry), attributes::DEPARTMENT), Some("Support"), "{entry}");
    }
}

#[test]
fn quirk_11_other_names_of_the_enterprise_extension() {
    let mut known = config(&["department"]);
    known.extension_aliases = vec!["urn:acme:people".into()];
    let fields = Fields::new(&known).unwrap();
    for key in [
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
        "URN:IETF:PARAMS:SCIM:SCHEMAS:EXTENSION:ENTERPRISE:2.0:USER",
        "urn:scim:schemas:extension:enterprise:1.0",
        "EnterpriseUser",
        "enterpriseuser",
        "urn:acme:People",
    ] {
        let entry = format!(r#"{{"id":"u1","{key}":{{"department":"Support"}}}}"#);
        assert_eq!(value(&user_with(&fields, &entry), attributes::DEPARTMENT), Some("Support"), "{key}");
    }
    let other = user_with(&fields, r#"{"id":"u1","urn:acme:machines":{"department":"Support"}}"#);
    assert_eq!(value(&other, attributes::DEPARTMENT), None);
    // An empty object of a PHP server.
    let empty = r#"{"id":"u1","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":[]}"#;
    assert_eq!(value(&user(empty), attributes::DEPARTMENT), None);
}

#[test]
fn quirk_12_emails_are_plain_texts() {
    for emails in [r#"["ada@example.com"]"#, r#""ada@example.com""#, r#"{"value":"ada@example.com"}"#] {
        let entry = format!(r#"{{"id":"u1","emails":{emails}}}"#);
        assert_eq!(value(&user(&entry), attributes::MAIL), Some("ada@example.com"), "{emails}");
    }
}

#[test]
fn quirk_17_and_18_dates_of_every_taste() {
    let table = [
        ("2026-03-02T10:15:00Z", Some("2026-03-02T10:15:00Z")),
        ("2026-03-02T10:15:00+00:00", Some("2026-03-02T10:15:00Z")),
        ("2026-03-02T11:15:00+0100", Some("2026-03-02T10:15:00Z")),
        ("2026-03-02T10:15:00", Some("2026-03-02T10:15:00Z")),
        ("2026-03-02T10:15:00.1234567Z", Some("2026-03-02T10:15:00.1234567Z")),
        ("2026-03-02T10:15:00.123456789123Z", Some("2026-03-02T10:15:00.123456789Z")),
        ("2026-03-02 10:15:00", Some("2026-03-02T10:15:00Z")),
        ("2026-03-02 10:15:00 +0000", Some("2026-03-02T10:15:00Z")),
        ("2026-03-02", Some("2026-03-02T00:00:00Z")),
        ("yesterday", None),
        ("", None),
        ("2026-13-02T10:15:00Z", None),
    ];
    for (text, expected) in table {
        let user = user(&format!(r#"{{"id":"u1","meta":{{"lastModified":"{text}"}}}}"#));
        assert_eq!(user.last_modified, expected.map(at), "{text}");
    }
}

#[test]
fn quirk_19_meta_is_odd_or_missing() {
    for meta in ["null", "[]", "7", r#""x""#, r#"{"location":"","version":7}"#, r#"{"lastModified":{}}"#] {
        assert_eq!(user(&format!(r#"{{"id":"u1","meta":{meta}}}"#)).last_modified, None, "{meta}");
    }
}

#[test]
fn quirk_21_the_content_counts_not_its_label() {
    let body = b"\xEF\xBB\xBF {\"totalResults\":1,\"Resources\":[{\"id\":\"u1\"}]}\r\n";
    assert_eq!(users(body, &everything()).unwrap().resources.len(), 1);
    let page = users(b"<!DOCTYPE html><html>sign in</html>", &everything());
    assert_eq!(page.unwrap_err(), NotAList::WebPage);
}

#[test]
fn quirk_23_the_same_name_twice_stays_two_people() {
    let body = br#"{"totalResults":2,"Resources":[{"id":"a","userName":"Ada"},{"id":"b","userName":"ada"}]}"#;
    assert_eq!(users(body, &everything()).unwrap().resources.len(), 2);
}

#[test]
fn quirk_24_ids_stay_as_they_are() {
    for id in ["a/b c@d", "CN=Ada,DC=example", " padded ", "é"] {
        assert_eq!(user(&format!(r#"{{"id":"{id}"}}"#)).id.as_str(), id);
    }
}

#[test]
fn names_are_case_insensitive() {
    let body = br#"{"TOTALRESULTS":1,"resources":[{"Id":"u1","NAME":{"GIVENNAME":"Ada"},"EMAILS":[{"TYPE":"WORK","VALUE":"a@example.com"}]}]}"#;
    let page = users(body, &everything()).unwrap();
    let Item::Read(user) = &page.resources[0] else { panic!("unreadable") };
    assert_eq!((page.total, value(user, attributes::GIVEN_NAME)), (Some(1), Some("Ada")));
    assert_eq!(value(user, attributes::MAIL), Some("a@example.com"));
}

#[test]
fn absent_null_and_an_empty_list_are_no_value() {
    for rest in [
        "",
        r#","title":null,"emails":null,"name":null,"roles":null,"groups":null,"active":null"#,
        r#","title":[],"emails":[],"name":{},"roles":[]"#,
        r#","title":"","emails":[{}],"name":{"givenName":null,"familyName":" "},"roles":[null,{"value":null}]"#,
        r#","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":null"#,
        r#","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"","manager":null}"#,
        r#","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":{"value":"u7"}}"#,
    ] {
        let user = user(&format!(r#"{{"id":"u1"{rest}}}"#));
        assert!(user.attributes.is_empty(), "{rest}: {:?}", user.attributes);
        assert_eq!((user.active, user.groups, user.last_modified), (None, None, None));
    }
}

#[test]
fn strict_with_identity() {
    for (entry, why) in [
        (r#"{"userName":"ada"}"#, "there is no `id`"),
        (r#"{"id":null}"#, "there is no `id`"),
        (r#"{"id":"  "}"#, "`id` is neither a text nor a whole number, or differs"),
        (r#"{"id":["u1"]}"#, "`id` is neither a text nor a whole number, or differs"),
        (r#"{"id":true}"#, "`id` is neither a text nor a whole number, or differs"),
        (r#"{"id":123456789012345678901234}"#, "`id` is neither a text nor a whole number, or differs"),
        (r#"{"id":"u1","ID":"u2"}"#, "`id` is neither a text nor a whole number, or differs"),
        ("null", "the entry is not an object"),
        ("7", "the entry is not an object"),
        ("-1.5", "the entry is not an object"),
        ("true", "the entry is not an object"),
        (r#""u1""#, "the entry is not an object"),
        (r#"[{"id":"u1"}]"#, "the entry is not an object"),
    ] {
        match item(&everything(), entry) {
            Item::Unreadable { id: None, why: said } => assert_eq!(said, why, "{entry}"),
            read => panic!("{entry} became {read:?}"),
        }
    }
}

#[test]
fn a_value_of_the_wrong_kind_holds_its_person_only() {
    let body = br#"{"totalResults":2,"Resources":[{"title":{"de":"secret"},"id":"u1"},{"id":"u2","title":"Lead"}]}"#;
    let page = users(body, &everything()).unwrap();
    let [Item::Unreadable { id, why }, Item::Read(_)] = &page.resources[..] else { panic!("{page:?}") };
    assert_eq!((id.as_ref().unwrap().as_str(), why.as_str()), ("u1", "`title` is of the wrong type"));
    let single = one_user(br#"{"id":"u1","emails":[[1]]}"#, &everything()).unwrap();
    assert!(matches!(single, Item::Unreadable { id: Some(_), .. }));
}
