//! Real answers of servers that other people wrote, as they came, and what is read from them.

use super::*;
use crate::scim::discovery::{DefaultPaging, provider_config, resource_types};
use crate::scim::fault_body::{ErrorBody, ScimType, error};
use crate::scim::group::MemberRef;
use crate::scim::wire::{one_group, one_user};

/// SCIMMY 1.3, asked for what comes after the last of seven: it starts again, with the index that was asked for.
#[test]
fn scimmy_starts_again_beyond_the_end() {
    let body = br#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"Resources":[{"id":"fad38e5e-14d2-475a-bc1d-721519460a51","userName":"Person.0@Example.com"},{"id":"bb699f64-838b-4457-9219-26b2e363b50d","userName":"Person.1@Example.com"},{"id":"e9f5c3e1-db78-452f-a9cc-ce2ec95622c2","userName":"Person.2@Example.com"}],"startIndex":8,"itemsPerPage":3,"totalResults":7}"#;
    let page = users(body, &everything()).unwrap();
    assert_eq!((page.total, page.start_index, page.resources.len()), (Some(7), Some(8), 3));
}

/// SCIMMY 1.3: `itemsPerPage` is what was asked for, not what came.
#[test]
fn scimmy_counts_what_was_asked_for() {
    let body = br#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"Resources":[{"id":"a11e52fb-93e5-405a-a894-49be4f7ec294","userName":"Person.6@Example.com"}],"startIndex":7,"itemsPerPage":3,"totalResults":7}"#;
    let page = users(body, &everything()).unwrap();
    assert_eq!((page.items_per_page, page.resources.len()), (Some(3), 1));
}

/// SCIMMY 1.3, asked with the name of an extension's attribute in `attributes`.
#[test]
fn scimmy_fails_on_names_of_extensions() {
    let body = br#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"400","scimType":"invalidValue","detail":"Cannot read properties of undefined (reading 'includes')"}"#;
    assert_eq!(error(body), ErrorBody { scim_type: Some(ScimType::InvalidValue), status: Some(400) });
}

#[test]
fn a_user_of_scimmy() {
    let body = br#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"id":"103fe722-13d5-448f-b617-9ecbcb740368","meta":{"resourceType":"User","created":"2026-11-22T04:50:49.554Z","lastModified":"2026-11-22T04:50:49.554Z","location":"/scim/v2/Users/103fe722-13d5-448f-b617-9ecbcb740368"},"userName":"Person.0@Example.com","name":{"familyName":"F0","givenName":"G0"},"displayName":"P 0","active":true,"emails":[{"value":"person.0@example.com","type":"work","primary":true}],"phoneNumbers":[{"value":"+49 30 10000","type":"work"}],"groups":[{"value":"da07c915-f34d-4536-8c3b-7dad6e834603","display":"CC Berlin","type":"direct"}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"0","department":"Support"}}"#;
    let Item::Read(user) = one_user(body, &everything()).unwrap() else { panic!("unreadable") };
    let have: Vec<_> = user.attributes.iter().map(|(name, value)| (name.as_str(), value)).collect();
    let expected = [
        (attributes::BUSINESS_PHONE, "+49 30 10000"),
        (attributes::DEPARTMENT, "Support"),
        (attributes::DISPLAY_NAME, "P 0"),
        (attributes::EMPLOYEE_ID, "0"),
        (attributes::FAMILY_NAME, "F0"),
        (attributes::GIVEN_NAME, "G0"),
        (attributes::MAIL, "person.0@example.com"),
        (attributes::USERNAME, "Person.0@Example.com"),
    ];
    assert_eq!(have, expected);
    assert_eq!(user.active, Some(true));
    assert_eq!(user.last_modified.unwrap().timestamp_subsec_millis(), 554);
    assert_eq!(user.groups.unwrap()[0].direct, Some(true));
}

/// SCIMMY 1.3 and scim2-server 0.8 alike: members have an id and nothing else, also those who were deleted since.
#[test]
fn members_without_a_type() {
    let body = br#"{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "id": "85a7951f982b445db203a8946bc0b51a", "meta": {"resourceType": "Group", "created": "2026-11-22T04:50:50.024270Z", "lastModified": "2026-11-22T04:50:50.167966Z", "location": "http://127.0.0.1:18081/v2/Groups/85a7951f982b445db203a8946bc0b51a", "version": "W/\"12\""}, "displayName": "CC Berlin", "members": [{"value": "547d6b97ad4241cfae981eaf0a467311"}, {"value": "6440e65bccb949e2b0e62133723167f7"}]}"#;
    let Item::Read(group) = one_group(body).unwrap() else { panic!("unreadable") };
    assert_eq!(group.version.as_deref(), Some("W/\"12\""));
    let bare = |id: &str| MemberRef { value: Some(id.into()), ..MemberRef::default() };
    let members = [bare("547d6b97ad4241cfae981eaf0a467311"), bare("6440e65bccb949e2b0e62133723167f7")];
    assert_eq!(group.members.unwrap(), members);
}

/// scim2-server 0.8: an extension of which only one attribute was asked for; no groups, though they were asked for.
#[test]
fn a_user_of_scim2_server() {
    let body = br#"{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"], "id": "a2069d67fb334480a9cd97940e07ae0a", "meta": {"resourceType": "User", "created": "2026-11-22T04:50:50.005104Z", "lastModified": "2026-11-22T04:50:50.005104Z", "location": "http://127.0.0.1:18081/v2/Users/a2069d67fb334480a9cd97940e07ae0a", "version": "W/\"1\""}, "userName": "Person.0@Example.com", "name": {"familyName": "F0", "givenName": "G0"}, "displayName": "P 0", "active": true, "emails": [{"value": "person.0@example.com", "type": "work", "primary": true}], "phoneNumbers": [{"value": "+49 30 10000", "type": "work"}], "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "Support"}}"#;
    let Item::Read(user) = one_user(body, &everything()).unwrap() else { panic!("unreadable") };
    assert_eq!((value(&user, attributes::DEPARTMENT), value(&user, attributes::EMPLOYEE_ID)), (Some("Support"), None));
    assert!(user.groups.is_none());
}

/// scim2-server 0.8: pages by cursor carry a total and no index; beyond the end a page is empty and says so.
#[test]
fn pages_of_scim2_server() {
    let body = br#"{"schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"], "totalResults": 7, "itemsPerPage": 3, "nextCursor": "AYILkh3_0KPG9zTRW-aO0tyGSBm5qC0FF_sCX0fpLvDEWsEYaTOofKp0UAZt54dO1bSIi_NoriwtpGIKg_gzaB9-_Ab-d2VyjRv-byhM722IWMsNDN1gHZ-qIzSJcUwUjl7TZ3C5u6DAkvsBXhH0kK6l-vcnSnx2XSRH-MGFpmLAa-7XC6PHXDAmLZU6AjPPUGE29hjZm_NcEbtCalYZr2245ohYfQUV64--", "Resources": [{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "id": "188c68bd1fec45e899803654dc9f6f78", "userName": "Person.2@Example.com"}]}"#;
    let page = users(body, &everything()).unwrap();
    assert_eq!((page.total, page.start_index, page.next_cursor.unwrap().len()), (Some(7), None, 228));
    let beyond = br#"{"schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"], "totalResults": 7, "startIndex": 8, "itemsPerPage": 0, "Resources": []}"#;
    let page = users(beyond, &everything()).unwrap();
    assert_eq!((page.total, page.items_per_page, page.resources.len()), (Some(7), Some(0), 0));
}

#[test]
fn refusals_of_scim2_server() {
    let table = [
        (
            r#"{"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": "501", "detail": "Pagination by cursor is not supported"}"#,
            None,
            501,
        ),
        (
            r#"{"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": "501", "detail": "Pagination by index is not supported"}"#,
            None,
            501,
        ),
        (
            r#"{"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": "400", "scimType": "invalidCursor", "detail": "Cursor value is invalid."}"#,
            Some(ScimType::InvalidCursor),
            400,
        ),
        (
            r#"{"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": "400", "scimType": "invalidFilter", "detail": "Field not found: nosuch"}"#,
            Some(ScimType::InvalidFilter),
            400,
        ),
        (
            r#"{"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": "404", "detail": "User 'nope' not found"}"#,
            None,
            404,
        ),
    ];
    for (body, scim_type, status) in table {
        assert_eq!(error(body.as_bytes()), ErrorBody { scim_type, status: Some(status) }, "{body}");
    }
}

#[test]
fn what_real_servers_say_they_can() {
    let scimmy = provider_config(br#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],"meta":{"resourceType":"ServiceProviderConfig","location":"/scim/v2/ServiceProviderConfig"},"patch":{"supported":true},"bulk":{"supported":true,"maxOperations":1000,"maxPayloadSize":1048576},"filter":{"supported":true,"maxResults":200},"changePassword":{"supported":false},"sort":{"supported":true},"etag":{"supported":false},"authenticationSchemes":[{"type":"oauthbearertoken","name":"OAuth Bearer Token","description":"Authentication scheme using the OAuth Bearer Token Standard","specUri":"https://datatracker.ietf.org/doc/html/rfc6750"}]}"#);
    assert_eq!(
        (scimmy.filter_max, scimmy.sort, scimmy.etag, scimmy.cursor),
        (Some(200), Some(true), Some(false), None)
    );
    let scim2 = provider_config(br#"{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"], "patch": {"supported": true}, "filter": {"supported": true, "maxResults": 1000}, "sort": {"supported": true}, "etag": {"supported": true}, "authenticationSchemes": [{"type": "oauthbearertoken", "name": "bearer_token", "description": "HTTP Bearer Token", "specUri": "https://datatracker.ietf.org/doc/html/rfc6750"}], "pagination": {"cursor": true, "index": false, "defaultPaginationMethod": "cursor", "defaultPageSize": 20, "maxPageSize": 50, "cursorTimeout": 600}}"#);
    assert_eq!(
        (scim2.cursor, scim2.index, scim2.default_paging),
        (Some(true), Some(false), Some(DefaultPaging::Cursor))
    );
    assert_eq!(
        (scim2.default_page_size, scim2.max_page_size, scim2.cursor_timeout_secs),
        (Some(20), Some(50), Some(600))
    );
    let types = resource_types(br#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"Resources":[{"schemas":["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],"id":"User","meta":{"resourceType":"ResourceType","location":"/scim/v2/ResourceTypes/User"},"name":"User","description":"User Account","endpoint":"/Users","schema":"urn:ietf:params:scim:schemas:core:2.0:User","schemaExtensions":[{"schema":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User","required":false}]},{"schemas":["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],"id":"Group","meta":{"resourceType":"ResourceType","location":"/scim/v2/ResourceTypes/Group"},"name":"Group","description":"Group","endpoint":"/Groups","schema":"urn:ietf:params:scim:schemas:core:2.0:Group"}],"startIndex":1,"itemsPerPage":20,"totalResults":2}"#);
    assert_eq!((types.users_endpoint.as_deref(), types.groups_endpoint.as_deref()), (Some("/Users"), Some("/Groups")));
}
