//! What the server says of itself: configuration, resource types, schemas.
//!
//! (RFC 7643, 5 to 7; RFC 7644, 4; RFC 9865, 3.)

use serde_json::{Value, json};

use super::listing::LIST;
use super::manners::{Filters, IndexPaging};
use super::path::{ENTERPRISE, GROUP, USER};
use super::settings::{Credential, ScimSettings};

const CONFIG: &str = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig";
const TYPE: &str = "urn:ietf:params:scim:schemas:core:2.0:ResourceType";
const SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Schema";

/// `GET /ServiceProviderConfig`.
pub(super) fn config(settings: &ScimSettings, root: &str) -> Value {
    let ScimSettings { manners, credentials, max_page, cursor_life_secs, token_life_secs: _, rate: _ } = settings;
    let supported = |is: bool| json!({ "supported": is });
    let mut schemes: Vec<(&str, &str)> = credentials
        .iter()
        .map(|credential| match credential {
            Credential::Bearer(_) => ("oauthbearertoken", "Bearer token"),
            Credential::Basic { .. } => ("httpbasic", "HTTP Basic"),
            Credential::Header { .. } => ("httpheader", "Secret in a header"),
            Credential::OAuth(_) => ("oauth2", "OAuth 2.0 client credentials"),
        })
        .collect();
    schemes.sort_unstable();
    schemes.dedup();
    let schemes: Vec<Value> =
        schemes.iter().map(|(kind, name)| json!({ "type": kind, "name": name, "description": name })).collect();
    let by_index = manners.index == IndexPaging::Served;
    let mut config = json!({
        "schemas": [CONFIG],
        "patch": supported(false),
        "bulk": { "supported": false, "maxOperations": 0, "maxPayloadSize": 0 },
        "filter": { "supported": manners.filters != Filters::Refused, "maxResults": max_page },
        "changePassword": supported(false),
        "sort": supported(manners.sort),
        "etag": supported(manners.etags),
        "authenticationSchemes": schemes,
        "meta": { "resourceType": "ServiceProviderConfig", "location": format!("{root}/ServiceProviderConfig") },
    });
    if manners.cursors {
        config["pagination"] = json!({
            "cursor": true,
            "index": by_index,
            "defaultPaginationMethod": if by_index { "index" } else { "cursor" },
            "defaultPageSize": max_page,
            "maxPageSize": max_page,
            "cursorTimeout": cursor_life_secs,
        });
    }
    config
}

/// `GET /ResourceTypes`.
pub(super) fn types(root: &str) -> Value {
    list(vec![resource_type(root, "User", USER, &[ENTERPRISE]), resource_type(root, "Group", GROUP, &[])])
}

fn resource_type(root: &str, name: &str, schema: &str, extensions: &[&str]) -> Value {
    let extensions: Vec<Value> =
        extensions.iter().map(|schema| json!({ "schema": schema, "required": false })).collect();
    json!({
        "schemas": [TYPE],
        "id": name,
        "name": name,
        "endpoint": format!("/{name}s"),
        "schema": schema,
        "schemaExtensions": extensions,
        "meta": { "resourceType": "ResourceType", "location": format!("{root}/ResourceTypes/{name}") },
    })
}

/// `GET /Schemas`.
pub(super) fn schemas(root: &str) -> Value {
    let of = |id: &str, name: &str, attributes: Vec<Value>| {
        json!({
            "schemas": [SCHEMA],
            "id": id,
            "name": name,
            "attributes": attributes,
            "meta": { "resourceType": "Schema", "location": format!("{root}/Schemas/{id}") },
        })
    };
    let user = vec![
        simple("externalId"),
        simple("userName"),
        complex("name", false, &["givenName", "familyName", "formatted"]),
        simple("displayName"),
        complex("emails", true, &["value", "type", "primary"]),
        complex("phoneNumbers", true, &["value", "type"]),
        simple("title"),
        simple("userType"),
        simple("preferredLanguage"),
        simple("active"),
        complex("groups", true, &["value", "$ref", "display", "type"]),
    ];
    let group = vec![simple("displayName"), complex("members", true, &["value", "$ref", "type", "display"])];
    let texts = ["employeeNumber", "costCenter", "organization", "division", "department"];
    let mut enterprise: Vec<Value> = texts.iter().map(|name| simple(name)).collect();
    enterprise.push(complex("manager", false, &["value", "$ref", "displayName"]));
    list(vec![of(USER, "User", user), of(GROUP, "Group", group), of(ENTERPRISE, "EnterpriseUser", enterprise)])
}

/// The definition of a simple attribute.
fn simple(name: &str) -> Value {
    let kind = match name {
        "active" | "primary" => "boolean",
        "$ref" => "reference",
        _ => "string",
    };
    json!({
        "name": name,
        "type": kind,
        "multiValued": false,
        "required": name == "userName",
        "caseExact": name == "externalId" || name == "$ref",
        "mutability": "readOnly",
        "returned": "default",
        "uniqueness": if name == "userName" { "server" } else { "none" },
    })
}

fn complex(name: &str, many: bool, inner: &[&str]) -> Value {
    let mut definition = simple(name);
    definition["type"] = json!("complex");
    definition["multiValued"] = json!(many);
    definition["subAttributes"] = inner.iter().map(|name| simple(name)).collect();
    definition
}

fn list(resources: Vec<Value>) -> Value {
    json!({
        "schemas": [LIST],
        "totalResults": resources.len(),
        "itemsPerPage": resources.len(),
        "startIndex": 1,
        "Resources": resources,
    })
}

/// The one with this id out of a list.
pub(super) fn one(list: &Value, id: &str) -> Option<Value> {
    list["Resources"].as_array()?.iter().find(|resource| resource["id"] == id).cloned()
}
