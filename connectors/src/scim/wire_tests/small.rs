//! Refusals and discovery.

use crate::scim::discovery::{DefaultPaging, ProviderConfig, provider_config, resource_types};
use crate::scim::fault_body::{ErrorBody, ScimType, error};

#[test]
fn refusals_of_every_shape() {
    let said = |scim_type, status| ErrorBody { scim_type, status };
    let table = [
        (
            r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"400","scimType":"invalidFilter","detail":"operator gt not supported"}"#,
            said(Some(ScimType::InvalidFilter), Some(400)),
        ),
        (
            r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":400,"scimType":"expiredCursor"}"#,
            said(Some(ScimType::ExpiredCursor), Some(400)),
        ),
        (r#"{"Status":"413","SCIMTYPE":"TooMany"}"#, said(Some(ScimType::TooMany), Some(413))),
        (r#"{"status":"bad","scimType":"other"}"#, ErrorBody::default()),
        (r#"{"status":99999,"scimType":["tooMany"]}"#, ErrorBody::default()),
        ("", ErrorBody::default()),
        ("null", ErrorBody::default()),
        ("<html>bad gateway</html>", ErrorBody::default()),
    ];
    for (body, expected) in table {
        assert_eq!(error(body.as_bytes()), expected, "{body}");
    }
}

#[test]
fn what_a_server_says_it_can() {
    let body = r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch":{"supported":true},"filter":{"supported":"True","maxResults":"200"},"sort":true,"ETag":{"Supported":false},
        "authenticationSchemes":[{"type":"oauthbearertoken","name":"Token"},{"name":"Basic"},"custom",7,null,{}],
        "pagination":{"cursor":true,"index":"false","defaultPaginationMethod":"Cursor","defaultPageSize":10,"maxPageSize":100,"cursorTimeout":3600}}"#;
    let expected = ProviderConfig {
        filter: Some(true),
        filter_max: Some(200),
        sort: Some(true),
        etag: Some(false),
        cursor: Some(true),
        index: Some(false),
        default_paging: Some(DefaultPaging::Cursor),
        default_page_size: Some(10),
        max_page_size: Some(100),
        cursor_timeout_secs: Some(3600),
        auth_schemes: vec!["oauthbearertoken".into(), "Basic".into(), "custom".into(), "7".into()],
    };
    assert_eq!(provider_config(body.as_bytes()), expected);
    let wrapped = format!(r#"{{"totalResults":1,"Resources":[{body}]}}"#);
    assert_eq!(provider_config(wrapped.as_bytes()), expected);
    let odd = provider_config(br#"{"filter":[],"sort":{"supported":{}},"pagination":true,"authenticationSchemes":{}}"#);
    assert_eq!(odd, ProviderConfig::default());
}

#[test]
fn scim_1_1_is_noticed() {
    for body in [
        r#"{"schemas":["urn:scim:schemas:core:1.0"],"Resources":[]}"#,
        r#"{"Resources":[{"schema":"URN:scim:schemas:core:1.1","endpoint":"/Users"}]}"#,
    ] {
        assert!(resource_types(body.as_bytes()).speaks_1_1, "{body}");
    }
    let other = br#"{"Resources":[{"name":"User","schema":"urn:acme:User","endpoint":"/People"},{"name":"Group"}]}"#;
    assert_eq!(resource_types(other).users_endpoint, None);
}
