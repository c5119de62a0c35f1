//! What users refer to: the instance, profiles, the hierarchy of groups.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::paging::PageRequest;
use super::refusal::Refusal;
use super::route::Call;
use super::store::{Named, Store};
use super::user::epoch_seconds;
use super::users::with_token;
use super::validate;

const LEVELS: [&str; 5] = ["LevelOne", "LevelTwo", "LevelThree", "LevelFour", "LevelFive"];

/// A group of the agent hierarchy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Given by the service.
    pub id: String,
    /// Not unique: another parent may have a group of the same name.
    pub name: String,
    /// Absent at level one.
    pub parent: Option<String>,
    /// At most 50.
    pub tags: BTreeMap<String, String>,
    /// Created or changed.
    pub last_modified: DateTime<Utc>,
}

fn instance(store: &Store) -> Map<String, Value> {
    let settings = &store.settings;
    let fields = json!({
        "Id": settings.instance_id,
        "Arn": store.instance_arn(),
        "IdentityManagementType": settings.identity.as_str(),
        "InstanceAlias": settings.alias,
        "CreatedTime": 1_700_000_000.5,
        "ServiceRole": format!("arn:aws:iam::{}:role/aws-service-role/connect.amazonaws.com/x", settings.account),
        "InstanceStatus": settings.status,
        "InboundCallsEnabled": true,
        "OutboundCallsEnabled": true,
        "InstanceAccessUrl": format!("https://{}.my.connect.aws", settings.alias),
    });
    if let Value::Object(fields) = fields { fields } else { Map::new() }
}

/// `GET /instance`: the one instance of the sandbox.
pub(super) fn list_instances(store: &mut Store, call: &Call) -> Result<Value, Refusal> {
    let page = PageRequest::read(call, store, 10, 10)?;
    let all = BTreeMap::from([(store.settings.instance_id.clone(), Value::Object(instance(store)))]);
    let (list, token) = page.cut(&all, |_| true, Value::clone);
    Ok(with_token(json!({ "InstanceSummaryList": list }), token))
}

/// `GET /instance/{InstanceId}`.
pub(super) fn describe_instance(store: &mut Store, _call: &Call) -> Result<Value, Refusal> {
    Ok(json!({ "Instance": instance(store) }))
}

/// `GET /routing-profiles-summary/{InstanceId}`.
pub(super) fn list_routing_profiles(store: &mut Store, call: &Call) -> Result<Value, Refusal> {
    let page = PageRequest::read(call, store, 100, 1000)?;
    let show = |profile: &Named| summary(store, "routing-profile", profile);
    let (list, token) = page.cut(&store.routing_profiles, |_| true, show);
    Ok(with_token(json!({ "RoutingProfileSummaryList": list }), token))
}

/// `GET /security-profiles-summary/{InstanceId}`.
pub(super) fn list_security_profiles(store: &mut Store, call: &Call) -> Result<Value, Refusal> {
    let page = PageRequest::read(call, store, 100, 1000)?;
    let show = |profile: &Named| {
        let mut entry = summary(store, "security-profile", profile);
        entry["Type"] = json!("CUSTOMER_MANAGED");
        entry
    };
    let (list, token) = page.cut(&store.security_profiles, |_| true, show);
    Ok(with_token(json!({ "SecurityProfileSummaryList": list }), token))
}

fn summary(store: &Store, kind: &str, profile: &Named) -> Value {
    let Named { id, name, last_modified } = profile;
    let at = epoch_seconds(*last_modified);
    json!({ "Id": id, "Arn": store.arn(kind, id), "Name": name, "LastModifiedTime": at, "LastModifiedRegion": store.settings.region })
}

/// The chain from level one down to the group, itself included; at most five.
pub(super) fn chain<'a>(groups: &'a BTreeMap<String, Group>, id: &str) -> Vec<&'a Group> {
    let mut chain = Vec::new();
    let mut next = groups.get(id);
    while let Some(group) = next
        && chain.len() < LEVELS.len()
    {
        chain.push(group);
        next = group.parent.as_deref().and_then(|parent| groups.get(parent));
    }
    chain.reverse();
    chain
}

/// The entry of `SearchUserHierarchyGroups`.
pub(super) fn group_entry(store: &Store, group: &Group) -> Value {
    let chain = chain(&store.groups, &group.id);
    let mut path = Map::new();
    for (level, group) in LEVELS.iter().zip(&chain) {
        let Group { id, name, last_modified, .. } = group;
        let arn = store.arn("agent-group", id);
        let at = epoch_seconds(*last_modified);
        path.insert((*level).to_owned(), json!({ "Id": id, "Arn": arn, "Name": name, "LastModifiedTime": at }));
    }
    let Group { id, name, parent: _, tags, last_modified } = group;
    json!({
        "Id": id, "Arn": store.arn("agent-group", id), "Name": name, "LevelId": chain.len().to_string(),
        "HierarchyPath": path, "Tags": tags, "LastModifiedTime": epoch_seconds(*last_modified),
    })
}

/// The group that underlies every hierarchy and that nobody defined: level 0, in no path.
pub(super) fn ground_entry(store: &Store) -> Value {
    let id = &store.settings.instance_id;
    json!({ "Id": id, "Arn": store.arn("agent-group", id), "Name": "ROOT", "LevelId": "0", "HierarchyPath": {} })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CreateGroup {
    name: Option<String>,
    parent_group_id: Option<String>,
    tags: Option<BTreeMap<String, String>>,
}

/// `PUT /user-hierarchy-groups/{InstanceId}`.
pub(super) fn create_group(store: &mut Store, call: &Call) -> Result<Value, Refusal> {
    let CreateGroup { name, parent_group_id, tags } = call.parse()?;
    let name = name.ok_or_else(|| Refusal::parameter("Name is required"))?;
    validate::ensure((1..=100).contains(&name.chars().count()), "Name must have 1 to 100 characters")?;
    if let Some(tags) = &tags {
        validate::tags(tags)?;
    }
    if let Some(parent) = &parent_group_id {
        let depth = chain(&store.groups, parent).len();
        if depth == 0 {
            return Err(Refusal::not_found("Hierarchy group"));
        }
        validate::ensure(depth < LEVELS.len(), "The hierarchy has at most five levels")?;
    }
    if store.groups.values().any(|group| group.parent == parent_group_id && group.name == name) {
        return Err(Refusal::duplicate("Hierarchy group"));
    }
    if store.groups.len() >= store.settings.group_limit {
        return Err(Refusal::limit("hierarchy groups"));
    }
    let id = store.new_id();
    let last_modified = store.stamp();
    let group = Group { id: id.clone(), name, parent: parent_group_id, tags: tags.unwrap_or_default(), last_modified };
    store.groups.insert(id.clone(), group);
    store.note(call, &id);
    Ok(json!({ "HierarchyGroupArn": store.arn("agent-group", &id), "HierarchyGroupId": id }))
}
