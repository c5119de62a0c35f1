//! The bytes of real and bad servers, and what must become of them.

mod answers;
mod bodies;
mod fields;
mod quirks;
mod references;
mod small;

use std::collections::{BTreeMap, BTreeSet};

use url::Url;

use super::config::{AbsentActive, MembershipFrom, Paging, ScimConfig, ScimCredential};
use super::fields::Fields;
use super::user::UserItem;
use super::wire::{Item, users};
use crate::attributes::{self, AttributeName};
use crate::directory::SourceName;
use crate::secret::SecretSource;

/// A configuration that wants these attributes beside the mandatory ones.
fn config(wanted: &[&str]) -> ScimConfig {
    ScimConfig {
        name: SourceName::from("hr"),
        base_url: Url::parse("https://idp.example.com/scim/v2").unwrap(),
        credential: ScimCredential::Bearer(SecretSource::Env("TOKEN".into())),
        extra_headers: BTreeMap::new(),
        scope_groups: None,
        rule_groups: BTreeSet::new(),
        wanted: wanted.iter().map(|name| AttributeName::from(*name)).collect(),
        fields: BTreeMap::new(),
        page_size: 100,
        paging: Paging::Auto,
        first_index: 1,
        membership: MembershipFrom::Auto,
        nested: true,
        absent_active: AbsentActive::Auto,
        incremental: false,
        extension_aliases: Vec::new(),
        users_path: None,
        groups_path: None,
        max_response_bytes: 1 << 20,
    }
}

/// Everything the standard has a place for.
fn everything() -> Fields {
    let wanted = [
        attributes::MAIL,
        attributes::TITLE,
        attributes::DEPARTMENT,
        attributes::EMPLOYEE_ID,
        attributes::BUSINESS_PHONE,
        attributes::MOBILE_PHONE,
        attributes::COMPANY,
        attributes::USER_TYPE,
        attributes::COST_CENTER,
        attributes::ENTITLEMENTS,
        attributes::ROLES,
        attributes::DIVISION,
        attributes::MANAGER,
    ];
    Fields::new(&config(&wanted)).unwrap()
}

/// A list with this one entry, read.
fn item(fields: &Fields, entry: &str) -> Item<UserItem> {
    let body = format!(r#"{{"totalResults":1,"Resources":[{entry}]}}"#);
    let mut page = users(body.as_bytes(), fields).unwrap();
    assert_eq!(page.resources.len(), 1, "{entry}");
    page.resources.remove(0)
}

fn user_with(fields: &Fields, entry: &str) -> UserItem {
    match item(fields, entry) {
        Item::Read(user) => user,
        Item::Unreadable { why, .. } => panic!("unreadable: {why}: {entry}"),
    }
}

fn user(entry: &str) -> UserItem {
    user_with(&everything(), entry)
}

fn value<'u>(user: &'u UserItem, name: &str) -> Option<&'u str> {
    user.attributes.get(name)
}
