//! Users one by one and in plain listings, and the deleted ones.

use serde_json::{Map, Value, json};

use super::cursor::Cursor;
use super::filter::{Filter, Kind};
use super::render::{GroupSelection, Selection, reference};
use super::{Context, Refusal};
use crate::sandbox::tenant::State;
use crate::sandbox::tenant::store::{Life, Member, Object, User};

/// The least that reads users.
const READ: &[&str] = &["User.Read.All", "Directory.Read.All"];

impl Context<'_> {
    /// `GET /users`.
    pub(super) fn list_users(&self, state: &State) -> Result<Value, Refusal> {
        self.require(READ)?;
        let (mut cursor, first) = Cursor::of_listing(state, self)?;
        let selection = Selection::users(cursor.select.as_deref())?;
        let filter = Filter::read(cursor.filter.as_deref(), Kind::User, cursor.advanced)?;
        let fits = |user: &User| user.is_active() && filter.fits(|name| user_value(user, name));
        let (users, mut items, mut more) = (&state.store.users, Vec::new(), false);
        let count = (first && cursor.advanced).then(|| users.iter().filter(|user| fits(user)).count());
        for (index, user) in users.iter().enumerate().skip(cursor.at).filter(|(_, user)| fits(user)) {
            if items.len() == cursor.top {
                cursor.at = index;
                more = true;
                break;
            }
            items.push(Value::Object(selection.listed(user)));
        }
        let mut body = cursor.page(state, self, &format!("users{}", selection.text), items, more);
        if let Some(count) = count {
            body.insert("@odata.count".to_owned(), json!(count));
        }
        Ok(Value::Object(body))
    }

    /// `GET /users/{id or login name}`.
    pub(super) fn user(&self, state: &State, key: &str) -> Result<Value, Refusal> {
        self.require(READ)?;
        let selection = Selection::users(self.call.option("$select"))?;
        let user = state.store.user(key).ok_or_else(|| Refusal::not_found(key))?;
        let of = format!("users{}/$entity", selection.text);
        let mut body = Map::from_iter([("@odata.context".to_owned(), self.context(&of))]);
        body.extend(selection.listed(&state.store.users[user]));
        Ok(Value::Object(body))
    }

    /// `GET /directory/deletedItems/microsoft.graph.user`.
    pub(super) fn deleted_users(&self, state: &State) -> Result<Value, Refusal> {
        self.require(READ)?;
        let (mut cursor, _) = Cursor::of_listing(state, self)?;
        if cursor.filter.is_some() {
            return Err(Refusal::unsupported("Filters on deleted items are not supported here."));
        }
        let selection = Selection::users(cursor.select.as_deref())?;
        let (mut items, mut more) = (Vec::new(), false);
        for (index, user) in state.store.users.iter().enumerate().skip(cursor.at) {
            if !matches!(user.life, Life::Deleted { .. }) {
                continue;
            }
            if items.len() == cursor.top {
                cursor.at = index;
                more = true;
                break;
            }
            items.push(Value::Object(selection.listed(user)));
        }
        let of = format!("directoryObjects/microsoft.graph.user{}", selection.text);
        Ok(Value::Object(cursor.page(state, self, &of, items, more)))
    }

    /// `POST /directoryObjects/getByIds`; what is not there is left out.
    pub(super) fn get_by_ids(&self, state: &State) -> Result<Value, Refusal> {
        self.require(&["Directory.Read.All"])?;
        let texts = |name: &str| -> Option<Vec<&str>> {
            self.call.body.get(name)?.as_array()?.iter().map(Value::as_str).collect()
        };
        let ids = texts("ids").ok_or_else(|| bad("A value is required for property 'ids' of the request."))?;
        if ids.len() > 1_000 {
            return Err(bad("The number of ids exceeds the maximum of 1000."));
        }
        let wanted = texts("types").unwrap_or_else(|| vec!["directoryObject"]);
        let wants = |kind: &str| wanted.iter().any(|one| *one == kind || *one == "directoryObject");
        let select = self.call.option("$select");
        let selection = Selection::users(select)?;
        let mut items = Vec::new();
        for object in ids.iter().filter_map(|id| state.store.object(id)) {
            let (kind, member) = match object {
                Object::User(index) => ("user", Member::User(index)),
                Object::Group(index) => ("group", Member::Group(index)),
                Object::Device(index) => ("device", Member::Device(index)),
            };
            if !wants(kind) || !state.store.is_there(member) {
                continue;
            }
            let mut item = reference(&state.store, member);
            match member {
                Member::User(index) => item.extend(selection.listed(&state.store.users[index])),
                Member::Group(index) => {
                    item.extend(GroupSelection::of(None)?.object(&state.store.groups[index], false));
                }
                Member::Device(_) => {}
            }
            items.push(Value::Object(item));
        }
        Ok(json!({ "@odata.context": self.context("directoryObjects"), "value": items }))
    }
}

fn bad(message: &str) -> Refusal {
    Refusal::new(400, "Request_BadRequest", message)
}

/// A property for a filter; single extension attributes are addressed by a path.
pub(super) fn user_value(user: &User, name: &str) -> Value {
    match name.split_once('/') {
        _ if name == "id" => json!(user.id),
        Some((outer, inner)) => user.get(outer).and_then(|value| value.get(inner)).cloned().unwrap_or(Value::Null),
        None => user.get(name).cloned().unwrap_or(Value::Null),
    }
}
