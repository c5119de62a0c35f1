//! Bodies that are no list, and that no bytes do harm.

use proptest::prelude::*;

use super::*;
use crate::scim::discovery::{provider_config, resource_types};
use crate::scim::fault_body::error;
use crate::scim::wire::{NotAList, Unfit, groups, one_group, one_user};

const ERROR: &str = r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"400","detail":"no"}"#;

#[test]
fn what_is_not_a_list_is_never_an_empty_one() {
    let table: &[(&str, NotAList)] = &[
        ("", Unfit::Empty),
        (" \n", Unfit::Empty),
        ("{}", Unfit::NoList),
        ("null", Unfit::NotAnObject),
        ("[]", Unfit::NotAnObject),
        (r#"[{"id":"u1"}]"#, Unfit::NotAnObject),
        ("17", Unfit::NotAnObject),
        (r#""ok""#, Unfit::NotAnObject),
        ("<html>bad gateway</html>", Unfit::WebPage),
        ("ok", Unfit::NotJson { line: 1, column: 1 }),
        (r#"{"totalResults":1,"Resources":[{"id":"u1"}"#, Unfit::CutOff { line: 1, column: 42 }),
        (r#"{"totalResults":0}{}"#, Unfit::NotJson { line: 1, column: 19 }),
        (ERROR, Unfit::ErrorReport),
        (r#"{"status":404,"detail":"not here"}"#, Unfit::ErrorReport),
        (r#"{"Errors":[{"code":"401","description":"no"}]}"#, Unfit::ErrorReport),
        (r#"{"schemas":["urn:scim:schemas:core:1.0"],"totalResults":0,"Resources":[]}"#, Unfit::Version1),
        (r#"{"schemas":"urn:scim:schemas:core:1.1","totalResults":0}"#, Unfit::Version1),
        (r#"{"id":"u1","userName":"ada"}"#, Unfit::Single),
        (r#"{"message":"welcome"}"#, Unfit::NoList),
        (r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"]}"#, Unfit::NoList),
        (r#"{"Resources":null}"#, Unfit::NoList),
        (r#"{"totalResults":"many"}"#, Unfit::NoList),
        (r#"{"totalResults":-1}"#, Unfit::NoList),
        (r#"{"totalResults":1,"Resources":{"id":"u1"}}"#, Unfit::Malformed("Resources")),
        (r#"{"totalResults":1,"Resources":"none"}"#, Unfit::Malformed("Resources")),
        (r#"{"totalResults":1,"Resources":[],"resources":[]}"#, Unfit::Malformed("Resources")),
        (r#"{"totalResults":9,"Resources":[],"totalresults":0}"#, Unfit::Malformed("totalResults")),
        (r#"{"Resources":[],"nextCursor":{"after":"u2"}}"#, Unfit::Malformed("nextCursor")),
    ];
    for (body, expected) in table {
        assert_eq!(users(body.as_bytes(), &everything()).unwrap_err(), *expected, "{body}");
        assert_eq!(groups(body.as_bytes()).unwrap_err(), *expected, "{body}");
        assert!(!expected.to_string().is_empty());
    }
}

#[test]
fn what_is_not_a_resource_is_an_error() {
    let table: &[(&str, Unfit)] = &[
        ("", Unfit::Empty),
        ("[]", Unfit::NotAnObject),
        ("<p>", Unfit::WebPage),
        (ERROR, Unfit::ErrorReport),
        (r#"{"totalResults":0,"Resources":[]}"#, Unfit::List),
        (r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":0}"#, Unfit::List),
        (r#"{"schemas":["urn:scim:schemas:core:1.0"],"id":"u1"}"#, Unfit::Version1),
        (r#"{"id":"u1""#, Unfit::CutOff { line: 1, column: 10 }),
    ];
    for (body, expected) in table {
        assert_eq!(one_user(body.as_bytes(), &everything()).unwrap_err(), *expected, "{body}");
        assert_eq!(one_group(body.as_bytes()).unwrap_err(), *expected, "{body}");
    }
    for body in ["{}", r#"{"userName":"ada"}"#] {
        assert!(matches!(one_user(body.as_bytes(), &everything()), Ok(Item::Unreadable { id: None, .. })), "{body}");
    }
    // A custom attribute of this name is not an error report.
    let odd = one_user(br#"{"id":"u1","status":"A","detail":"B"}"#, &everything());
    assert!(matches!(odd, Ok(Item::Read(_))));
}

#[test]
fn cursor_pages() {
    let first = br#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"itemsPerPage":2,"nextCursor":"after-u2-k7Qp","Resources":[{"id":"u1"},{"id":"u2"}]}"#;
    let last = br#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"itemsPerPage":1,"previousCursor":"before-u3-m2Xa","Resources":[{"id":"u3"}]}"#;
    let page = users(first, &everything()).unwrap();
    assert_eq!((page.next_cursor.as_deref(), page.total, page.start_index), (Some("after-u2-k7Qp"), None, None));
    let page = users(last, &everything()).unwrap();
    assert_eq!((page.next_cursor, page.items_per_page, page.resources.len()), (None, Some(1), 1));
    for none in ["null", r#""""#] {
        let body = format!(r#"{{"Resources":[],"nextCursor":{none}}}"#);
        assert_eq!(users(body.as_bytes(), &everything()).unwrap().next_cursor, None, "{none}");
    }
}

#[test]
fn a_page_that_ignores_the_index_is_read_as_it_is() {
    let body = br#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":5,"itemsPerPage":2,"startIndex":1,
 "Resources":[{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"id":"u1","userName":"ada"},{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"id":"u2","userName":"bo"}]}"#;
    let page = users(body, &everything()).unwrap();
    assert_eq!((page.total, page.items_per_page, page.resources.len()), (Some(5), Some(2), 2));
}

#[test]
fn no_reason_quotes_the_body() {
    for body in [r#"{"id":"geheim","active":"geheim"}"#, r#"{"id":["geheim"]}"#, r#"{"id":"u","title":{"x":"geheim"}}"#]
    {
        let read = item(&everything(), body);
        let Item::Unreadable { why, .. } = read else { panic!("{body}") };
        assert!(!why.contains("geheim"), "{why}");
    }
    let text = format!("{:?}", users(br#"{"totalResults":1,"Resources":["geheim"#, &everything()).unwrap_err());
    assert!(!text.contains("geheim"), "{text}");
}

/// Bytes near to what servers send, so that the readers are entered and not only their front door.
fn near() -> impl Strategy<Value = Vec<u8>> {
    let parts = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "null",
        "true",
        "-1",
        "1e400",
        "0.5",
        "18446744073709551616",
        "\"id\":",
        "\"u1\"",
        "\"Resources\":[",
        "\"totalResults\":",
        "\"schemas\":[",
        "\"members\":[",
        "\"groups\":",
        "\"value\":",
        "\"emails\":",
        "\"name\":{",
        "\"active\":",
        "\"meta\":{",
        "\"lastModified\":\"9999-99\"",
        "\"nextCursor\":",
        "\"phoneNumbers\":[",
        "\"tel:é;ext\"",
        "\"\\ud800\"",
        "\u{0}",
        "é",
        "\"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User\":",
        "\"éurn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department\":",
    ]);
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..80),
        prop::collection::vec(parts, 0..24).prop_map(|parts| parts.concat().into_bytes()),
    ]
}

/// Any JSON value with the names that are looked at.
fn json() -> impl Strategy<Value = serde_json::Value> {
    let names = prop::sample::select(vec![
        "id",
        "ID",
        "active",
        "emails",
        "value",
        "type",
        "primary",
        "display",
        "name",
        "givenName",
        "groups",
        "members",
        "$ref",
        "meta",
        "lastModified",
        "title",
        "department",
        "roles",
        "phoneNumbers",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
        "manager",
        "displayName",
        "userName",
        "x",
    ]);
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        "\\PC{0,8}".prop_map(Into::into),
        Just("work".into()),
    ];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::vec((names.clone(), inner), 0..6).prop_map(|pairs| pairs
                .into_iter()
                .map(|(name, it)| (name.to_owned(), it))
                .collect::<serde_json::Map<_, _>>()
                .into()),
        ]
    })
}

proptest! {
    /// No bytes make a reader panic.
    #[test]
    fn no_bytes_do_harm(body in near()) {
        let _ = users(&body, &everything());
        let _ = groups(&body);
        let _ = one_user(&body, &everything());
        let _ = one_group(&body);
        let _ = error(&body);
        let _ = provider_config(&body);
        let _ = resource_types(&body);
    }

    /// Whatever the entries are, each of them is in the page: read, or unreadable.
    #[test]
    fn no_entry_is_lost(entries in prop::collection::vec(json(), 0..8)) {
        let body = serde_json::json!({"totalResults": entries.len(), "Resources": entries}).to_string();
        prop_assert_eq!(users(body.as_bytes(), &everything()).unwrap().resources.len(), entries.len());
        prop_assert_eq!(groups(body.as_bytes()).unwrap().resources.len(), entries.len());
    }

    /// A page that is cut anywhere is an error.
    #[test]
    fn a_cut_page_is_an_error(cut in 0_usize..85) {
        let body = br#"{"totalResults":2,"startIndex":1,"Resources":[{"id":"u1","active":true},{"id":"u2"}]}"#;
        prop_assert!(users(&body[..cut.min(body.len() - 1)], &everything()).is_err());
    }
}
