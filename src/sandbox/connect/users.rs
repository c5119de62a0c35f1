//! The operations on users.
//!
//! Invariant: a refused request changes nothing: every check comes before the commit.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::paging::PageRequest;
use super::refusal::Refusal;
use super::route::Call;
use super::store::Store;
use super::user::{ChannelConfigs, IdentityInfo, PhoneConfig, User};
use super::validate;

/// `GET /users-summary/{InstanceId}`: consistent at once.
pub(super) fn list(store: &mut Store, call: &Call) -> Result<Value, Refusal> {
    let page = PageRequest::read(call, store, 100, 1000)?;
    let (users, token) = page.cut(&store.users, |_| true, |user: &Arc<User>| user.listed());
    Ok(with_token(json!({ "UserSummaryList": users }), token))
}

/// `GET /users/{InstanceId}/{UserId}`: consistent at once.
pub(super) fn describe(store: &mut Store, call: &Call) -> Result<Value, Refusal> {
    Ok(json!({ "User": existing(store, call)?.described() }))
}

/// Adds the token of the next page, if there is one.
pub(super) fn with_token(mut answer: Value, token: Option<String>) -> Value {
    if let Some(token) = token {
        answer["NextToken"] = json!(token);
    }
    answer
}

fn existing(store: &Store, call: &Call) -> Result<Arc<User>, Refusal> {
    store.users.get(&call.id).cloned().ok_or_else(|| Refusal::not_found("User"))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CreateRequest {
    username: Option<String>,
    password: Option<String>,
    identity_info: Option<IdentityInfo>,
    phone_config: Option<PhoneConfig>,
    directory_user_id: Option<String>,
    security_profile_ids: Option<Vec<String>>,
    routing_profile_id: Option<String>,
    hierarchy_group_id: Option<String>,
    tags: Option<BTreeMap<String, String>>,
    #[serde(flatten)]
    channels: ChannelConfigs,
}

/// `PUT /users/{InstanceId}`.
pub(super) fn create(store: &mut Store, call: &Call) -> Result<Value, Refusal> {
    let CreateRequest {
        username,
        password,
        identity_info,
        phone_config,
        directory_user_id,
        security_profile_ids,
        routing_profile_id,
        hierarchy_group_id,
        tags,
        channels,
    } = call.parse()?;
    let kind = store.settings.identity;
    let username = username.ok_or_else(|| Refusal::parameter("Username is required"))?;
    validate::username(&username, kind)?;
    validate::password(password.as_deref(), kind)?;
    let saml = kind == super::IdentityManagement::Saml;
    validate::ensure(!saml || directory_user_id.is_none(), "DirectoryUserId is not allowed with SAML identities")?;
    let identity_info = identity_info.unwrap_or_default();
    validate::identity(&identity_info, kind, false)?;
    let phone_config = phone_config.unwrap_or_default();
    validate::phone(&phone_config)?;
    validate::channels(&channels)?;
    validate::no_conflict(&phone_config, &channels)?;
    if let Some(tags) = &tags {
        validate::tags(tags)?;
    }
    let security_profile_ids =
        security_profile_ids.ok_or_else(|| Refusal::parameter("SecurityProfileIds is required"))?;
    check_security(store, &security_profile_ids)?;
    let routing_profile_id = routing_profile_id.ok_or_else(|| Refusal::parameter("RoutingProfileId is required"))?;
    check_routing(store, &routing_profile_id)?;
    check_group(store, hierarchy_group_id.as_deref())?;
    if store.names.contains_key(&username) {
        return Err(Refusal::duplicate("User"));
    }
    if store.users.len() >= store.settings.user_limit {
        return Err(Refusal::limit("users"));
    }
    let id = store.new_id();
    let arn = store.arn("agent", &id);
    let mut user = User {
        id: id.clone(),
        arn: arn.clone(),
        username,
        identity_info: cleared_of_blanks(identity_info),
        phone_config: phone_config.completed(),
        directory_user_id,
        security_profile_ids,
        routing_profile_id,
        hierarchy_group_id,
        tags: tags.unwrap_or_default(),
        channels: ChannelConfigs::default(),
        last_modified: chrono::DateTime::UNIX_EPOCH,
    };
    apply_channels(&mut user, channels);
    store.commit(call, user, true);
    Ok(json!({ "UserId": id, "UserArn": arn }))
}

/// An empty mobile number or address is an absent one.
fn cleared_of_blanks(info: IdentityInfo) -> IdentityInfo {
    let IdentityInfo { first_name, last_name, email, secondary_email, mobile } = info;
    IdentityInfo { first_name, last_name, email, secondary_email, mobile: mobile.filter(|text| !text.is_empty()) }
}

/// Lists that are given replace what was there; those of VOICE show in the flat settings as well.
fn apply_channels(user: &mut User, given: ChannelConfigs) {
    let ChannelConfigs {
        auto_accept_configs,
        after_contact_work_configs,
        phone_number_configs,
        persistent_connection_configs,
        voice_enhancement_configs,
    } = given;
    let (phone, kept) = (&mut user.phone_config, &mut user.channels);
    if let Some(list) = auto_accept_configs {
        if let Some(voice) = list.iter().find(|entry| entry.channel == "VOICE") {
            phone.auto_accept = Some(voice.auto_accept);
        }
        kept.auto_accept_configs = Some(list);
    }
    if let Some(list) = after_contact_work_configs {
        if let Some(voice) = list.iter().find(|entry| entry.channel == "VOICE") {
            phone.after_contact_work_time_limit = Some(voice.after_contact_work_config.after_contact_work_time_limit);
        }
        kept.after_contact_work_configs = Some(list);
    }
    if let Some(list) = phone_number_configs {
        if let Some(voice) = list.first() {
            phone.phone_type = Some(voice.phone_type.clone());
            phone.desk_phone_number.clone_from(&voice.phone_number);
        }
        kept.phone_number_configs = Some(list);
    }
    if let Some(list) = persistent_connection_configs {
        if let Some(voice) = list.first() {
            phone.persistent_connection = Some(voice.persistent_connection);
        }
        kept.persistent_connection_configs = Some(list);
    }
    if let Some(list) = voice_enhancement_configs {
        kept.voice_enhancement_configs = Some(list);
    }
}

fn check_security(store: &Store, ids: &[String]) -> Result<(), Refusal> {
    validate::security_profiles(ids)?;
    let all = ids.iter().all(|id| store.security_profiles.contains_key(id));
    if all { Ok(()) } else { Err(Refusal::not_found("Security profile")) }
}

fn check_routing(store: &Store, id: &str) -> Result<(), Refusal> {
    if store.routing_profiles.contains_key(id) { Ok(()) } else { Err(Refusal::not_found("Routing profile")) }
}

fn check_group(store: &Store, id: Option<&str>) -> Result<(), Refusal> {
    let known = id.is_none_or(|id| store.groups.contains_key(id));
    if known { Ok(()) } else { Err(Refusal::not_found("Hierarchy group")) }
}

/// `DELETE /users/{InstanceId}/{UserId}`: quick connects that lead to the user stay and dangle.
pub(super) fn delete(store: &mut Store, call: &Call) -> Result<Value, Refusal> {
    store.remove(call, &call.id).map(|_| Value::Null).ok_or_else(|| Refusal::not_found("User"))
}

/// Changes one user and answers with an empty body.
fn update(store: &mut Store, call: &Call, change: impl FnOnce(&mut User)) -> Result<Value, Refusal> {
    let mut user = User::clone(existing(store, call)?.as_ref());
    change(&mut user);
    store.commit(call, user, true);
    Ok(Value::Null)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct IdentityRequest {
    identity_info: Option<IdentityInfo>,
}

/// `POST /users/{InstanceId}/{UserId}/identity-info`: the whole structure is replaced, absent members are cleared.
pub(super) fn update_identity(store: &mut Store, call: &Call) -> Result<Value, Refusal> {
    let IdentityRequest { identity_info } = call.parse()?;
    let mut info = identity_info.ok_or_else(|| Refusal::parameter("IdentityInfo is required"))?;
    let kind = store.settings.identity;
    validate::identity(&info, kind, true)?;
    if kind == super::IdentityManagement::ExistingDirectory {
        let IdentityInfo { first_name, last_name, email, .. } = existing(store, call)?.identity_info.clone();
        info = IdentityInfo { first_name, last_name, email, ..info };
    }
    update(store, call, |user| user.identity_info = cleared_of_blanks(info))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PhoneRequest {
    phone_config: Option<PhoneConfig>,
}

/// `POST /users/{InstanceId}/{UserId}/phone-config`: the whole structure is replaced, for all channels alike.
pub(super) fn update_phone(store: &mut Store, call: &Call) -> Result<Value, Refusal> {
    let PhoneRequest { phone_config } = call.parse()?;
    let config = phone_config.ok_or_else(|| Refusal::parameter("PhoneConfig is required"))?;
    validate::phone(&config)?;
    update(store, call, |user| {
        user.phone_config = config.completed();
        user.channels = ChannelConfigs {
            voice_enhancement_configs: user.channels.voice_enhancement_configs.take(),
            ..Default::default()
        };
    })
}

/// `POST /users/{InstanceId}/{UserId}/config`.
pub(super) fn update_config(store: &mut Store, call: &Call) -> Result<Value, Refusal> {
    let given: ChannelConfigs = call.parse()?;
    validate::channels(&given)?;
    update(store, call, |user| apply_channels(user, given))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RoutingRequest {
    routing_profile_id: Option<String>,
}

/// `POST /users/{InstanceId}/{UserId}/routing-profile`.
pub(super) fn update_routing(store: &mut Store, call: &Call) -> Result<Value, Refusal> {
    let RoutingRequest { routing_profile_id } = call.parse()?;
    let id = routing_profile_id.ok_or_else(|| Refusal::parameter("RoutingProfileId is required"))?;
    check_routing(store, &id)?;
    update(store, call, |user| user.routing_profile_id = id)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SecurityRequest {
    security_profile_ids: Option<Vec<String>>,
}

/// `POST /users/{InstanceId}/{UserId}/security-profiles`: the whole list is replaced.
pub(super) fn update_security(store: &mut Store, call: &Call) -> Result<Value, Refusal> {
    let SecurityRequest { security_profile_ids } = call.parse()?;
    let ids = security_profile_ids.ok_or_else(|| Refusal::parameter("SecurityProfileIds is required"))?;
    check_security(store, &ids)?;
    update(store, call, |user| user.security_profile_ids = ids)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HierarchyRequest {
    hierarchy_group_id: Option<String>,
}

/// `POST /users/{InstanceId}/{UserId}/hierarchy`: without a group the user leaves the hierarchy.
pub(super) fn update_hierarchy(store: &mut Store, call: &Call) -> Result<Value, Refusal> {
    let HierarchyRequest { hierarchy_group_id } = call.parse()?;
    check_group(store, hierarchy_group_id.as_deref())?;
    update(store, call, |user| user.hierarchy_group_id = hierarchy_group_id)
}
