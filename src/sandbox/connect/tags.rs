//! Tags, by ARN, of users, hierarchy groups and quick connects.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::MAX_TAGS;
use super::refusal::Refusal;
use super::route::Call;
use super::store::Store;
use super::user::User;
use super::validate;

type Tags = BTreeMap<String, String>;

/// What an ARN of the instance points to.
enum Target {
    User(String),
    Group(String),
    QuickConnect(String),
}

fn target(store: &Store, arn: &str) -> Result<Target, Refusal> {
    let rest = arn.strip_prefix(&store.instance_arn()).and_then(|rest| rest.strip_prefix('/'));
    let missing = || Refusal::not_found("Resource");
    let (kind, id) = rest.ok_or_else(missing)?.split_once('/').ok_or_else(missing)?;
    match kind {
        "agent" if store.users.contains_key(id) => Ok(Target::User(id.to_owned())),
        "agent-group" if store.groups.contains_key(id) => Ok(Target::Group(id.to_owned())),
        "transfer-destination" if store.quick_connects.contains_key(id) => Ok(Target::QuickConnect(id.to_owned())),
        _ => Err(missing()),
    }
}

fn current<'a>(store: &'a Store, target: &Target) -> Option<&'a Tags> {
    match target {
        Target::User(id) => store.users.get(id).map(|user| &user.tags),
        Target::Group(id) => store.groups.get(id).map(|group| &group.tags),
        Target::QuickConnect(id) => store.quick_connects.get(id).map(|quick| &quick.tags),
    }
}

fn store_tags(store: &mut Store, call: &Call, target: &Target, tags: Tags) {
    match target {
        Target::User(id) => {
            let Some(mut user) = store.users.get(id).map(|user| User::clone(user)) else { return };
            user.tags = tags;
            let touch = store.settings.tags_touch_modified;
            store.commit(call, user, touch);
        }
        Target::Group(id) => {
            if let Some(group) = store.groups.get_mut(id) {
                group.tags = tags;
            }
            store.note(call, id);
        }
        Target::QuickConnect(id) => {
            if let Some(quick) = store.quick_connects.get_mut(id) {
                quick.tags = tags;
            }
            store.note(call, id);
        }
    }
}

#[derive(Deserialize)]
struct TagRequest {
    tags: Option<Tags>,
}

/// `POST /tags/{resourceArn}`: adds and overwrites.
pub(super) fn tag(store: &mut Store, call: &Call) -> Result<Value, Refusal> {
    let TagRequest { tags } = call.parse()?;
    let given = tags.ok_or_else(|| Refusal::parameter("tags is required"))?;
    validate::tags(&given)?;
    let target = target(store, &call.id)?;
    let mut tags = current(store, &target).cloned().unwrap_or_default();
    tags.extend(given);
    validate::ensure(tags.len() <= MAX_TAGS, "A resource has at most 50 tags")?;
    store_tags(store, call, &target, tags);
    Ok(Value::Null)
}

/// `DELETE /tags/{resourceArn}?tagKeys=..`: keys that are not there do not matter.
pub(super) fn untag(store: &mut Store, call: &Call) -> Result<Value, Refusal> {
    let keys = call.all("tagKeys");
    validate::ensure((1..=MAX_TAGS).contains(&keys.len()), "tagKeys must have 1 to 50 entries")?;
    keys.iter().try_for_each(|key| validate::tag_key(key))?;
    let target = target(store, &call.id)?;
    let mut tags = current(store, &target).cloned().unwrap_or_default();
    tags.retain(|key, _| !keys.contains(&key.as_str()));
    store_tags(store, call, &target, tags);
    Ok(Value::Null)
}

/// `GET /tags/{resourceArn}`.
pub(super) fn list(store: &mut Store, call: &Call) -> Result<Value, Refusal> {
    let target = target(store, &call.id)?;
    Ok(json!({ "tags": current(store, &target) }))
}
