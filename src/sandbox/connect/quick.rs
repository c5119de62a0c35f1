//! Quick connects: the entries agents transfer contacts to.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::paging::PageRequest;
use super::refusal::Refusal;
use super::route::Call;
use super::store::Store;
use super::user::epoch_seconds;
use super::users::with_token;
use super::validate;

/// A quick connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuickConnect {
    /// Given by the service.
    pub id: String,
    /// Unique in the instance.
    pub name: String,
    /// Up to 250 characters.
    pub description: Option<String>,
    /// Where it leads; a user may have been deleted since.
    pub leads_to: Destination,
    /// At most 50.
    pub tags: BTreeMap<String, String>,
    /// Created or changed.
    pub last_modified: DateTime<Utc>,
}

/// Where a quick connect leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// To a user, through a transfer flow.
    User {
        /// User id.
        user: String,
        /// Flow id.
        flow: String,
    },
    /// To a queue, through a transfer flow.
    Queue {
        /// Queue id.
        queue: String,
        /// Flow id.
        flow: String,
    },
    /// To a number, E.164.
    Phone(String),
    /// To a flow.
    Flow(String),
}

#[derive(Serialize, Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Config {
    quick_connect_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_config: Option<UserConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    queue_config: Option<QueueConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone_config: Option<NumberConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flow_config: Option<FlowConfig>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UserConfig {
    user_id: String,
    contact_flow_id: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct QueueConfig {
    queue_id: String,
    contact_flow_id: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NumberConfig {
    phone_number: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FlowConfig {
    contact_flow_id: String,
}

impl Config {
    fn destination(self) -> Result<Destination, Refusal> {
        let Self { quick_connect_type, user_config, queue_config, phone_config, flow_config } = self;
        match (quick_connect_type.as_str(), user_config, queue_config, phone_config, flow_config) {
            ("USER", Some(UserConfig { user_id, contact_flow_id }), None, None, None) => {
                Ok(Destination::User { user: user_id, flow: contact_flow_id })
            }
            ("QUEUE", None, Some(QueueConfig { queue_id, contact_flow_id }), None, None) => {
                Ok(Destination::Queue { queue: queue_id, flow: contact_flow_id })
            }
            ("PHONE_NUMBER", None, None, Some(NumberConfig { phone_number }), None) => {
                validate::e164(&phone_number, "PhoneNumber")?;
                Ok(Destination::Phone(phone_number))
            }
            ("FLOW", None, None, None, Some(FlowConfig { contact_flow_id })) => Ok(Destination::Flow(contact_flow_id)),
            _ => Err(Refusal::parameter("QuickConnectConfig must carry exactly what its type asks for")),
        }
    }
}

impl Destination {
    fn kind(&self) -> &'static str {
        match self {
            Self::User { .. } => "USER",
            Self::Queue { .. } => "QUEUE",
            Self::Phone(_) => "PHONE_NUMBER",
            Self::Flow(_) => "FLOW",
        }
    }

    fn config(&self) -> Config {
        let mut config = Config { quick_connect_type: self.kind().to_owned(), ..Config::default() };
        match self.clone() {
            Self::User { user, flow } => config.user_config = Some(UserConfig { user_id: user, contact_flow_id: flow }),
            Self::Queue { queue, flow } => {
                config.queue_config = Some(QueueConfig { queue_id: queue, contact_flow_id: flow });
            }
            Self::Phone(number) => config.phone_config = Some(NumberConfig { phone_number: number }),
            Self::Flow(flow) => config.flow_config = Some(FlowConfig { contact_flow_id: flow }),
        }
        config
    }
}

/// The entry of `SearchQuickConnects`.
pub(super) fn entry(store: &Store, quick: &QuickConnect) -> Value {
    let QuickConnect { id, name, description, leads_to, tags, last_modified } = quick;
    json!({
        "QuickConnectId": id, "QuickConnectARN": store.arn("transfer-destination", id), "Name": name,
        "Description": description, "QuickConnectConfig": leads_to.config(), "Tags": tags,
        "LastModifiedTime": epoch_seconds(*last_modified),
    })
}

/// `GET /quick-connects/{InstanceId}`: without what they lead to.
pub(super) fn list(store: &mut Store, call: &Call) -> Result<Value, Refusal> {
    let page = PageRequest::read(call, store, 100, 1000)?;
    let kinds = call.all("QuickConnectTypes");
    validate::ensure(kinds.len() <= 4, "QuickConnectTypes has at most 4 entries")?;
    let wanted = |quick: &QuickConnect| kinds.is_empty() || kinds.contains(&quick.leads_to.kind());
    let show = |quick: &QuickConnect| {
        let arn = store.arn("transfer-destination", &quick.id);
        let at = epoch_seconds(quick.last_modified);
        let kind = quick.leads_to.kind();
        json!({ "Id": quick.id, "Arn": arn, "Name": quick.name, "QuickConnectType": kind, "LastModifiedTime": at })
    };
    let (list, token) = page.cut(&store.quick_connects, wanted, show);
    Ok(with_token(json!({ "QuickConnectSummaryList": list }), token))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CreateRequest {
    name: Option<String>,
    description: Option<String>,
    quick_connect_config: Option<Config>,
    tags: Option<BTreeMap<String, String>>,
}

/// `PUT /quick-connects/{InstanceId}`.
pub(super) fn create(store: &mut Store, call: &Call) -> Result<Value, Refusal> {
    let CreateRequest { name, description, quick_connect_config, tags } = call.parse()?;
    let name = name.ok_or_else(|| Refusal::parameter("Name is required"))?;
    validate::ensure((1..=127).contains(&name.chars().count()), "Name must have 1 to 127 characters")?;
    let described = description.as_ref().is_none_or(|text| (1..=250).contains(&text.chars().count()));
    validate::ensure(described, "Description must have 1 to 250 characters")?;
    if let Some(tags) = &tags {
        validate::tags(tags)?;
    }
    let config = quick_connect_config.ok_or_else(|| Refusal::parameter("QuickConnectConfig is required"))?;
    let leads_to = destination(store, config)?;
    if store.quick_connects.values().any(|quick| quick.name == name) {
        return Err(Refusal::duplicate("Quick connect"));
    }
    if store.quick_connects.len() >= store.settings.quick_connect_limit {
        return Err(Refusal::limit("quick connects"));
    }
    let id = insert(store, name, description, leads_to, tags.unwrap_or_default());
    store.note(call, &id);
    Ok(json!({ "QuickConnectARN": store.arn("transfer-destination", &id), "QuickConnectId": id }))
}

/// Where a configuration leads; a user it names exists.
fn destination(store: &Store, config: Config) -> Result<Destination, Refusal> {
    let leads_to = config.destination()?;
    match &leads_to {
        Destination::User { user, .. } if !store.users.contains_key(user) => Err(Refusal::not_found("User")),
        _ => Ok(leads_to),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UpdateConfigRequest {
    quick_connect_config: Option<Config>,
}

/// `POST /quick-connects/{InstanceId}/{QuickConnectId}/config`: replaces where it leads, and nothing else.
pub(super) fn update_config(store: &mut Store, call: &Call) -> Result<Value, Refusal> {
    let UpdateConfigRequest { quick_connect_config } = call.parse()?;
    let config = quick_connect_config.ok_or_else(|| Refusal::parameter("QuickConnectConfig is required"))?;
    if !store.quick_connects.contains_key(&call.id) {
        return Err(Refusal::not_found("Quick connect"));
    }
    let leads_to = destination(store, config)?;
    let at = store.stamp();
    if let Some(quick) = store.quick_connects.get_mut(&call.id) {
        (quick.leads_to, quick.last_modified) = (leads_to, at);
    }
    store.note(call, &call.id);
    Ok(Value::Null)
}

/// Stores a quick connect, checked by nobody.
pub(super) fn insert(
    store: &mut Store,
    name: String,
    description: Option<String>,
    leads_to: Destination,
    tags: BTreeMap<String, String>,
) -> String {
    let id = store.new_id();
    let last_modified = store.stamp();
    let quick = QuickConnect { id: id.clone(), name, description, leads_to, tags, last_modified };
    store.quick_connects.insert(id.clone(), quick);
    id
}

/// `DELETE /quick-connects/{InstanceId}/{QuickConnectId}`.
pub(super) fn delete(store: &mut Store, call: &Call) -> Result<Value, Refusal> {
    store.quick_connects.remove(&call.id).ok_or_else(|| Refusal::not_found("Quick connect"))?;
    store.note(call, &call.id);
    Ok(Value::Null)
}
