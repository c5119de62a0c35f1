//! `GET /users/delta`: who is there, then what changed.
//!
//! A round shows the state at the time a page is read. Whoever changes while a round is read comes again in the next.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Value, json};

use super::cursor::{Cursor, filtered_ids};
use super::render::Selection;
use super::{Context, Refusal};
use crate::sandbox::tenant::State;
use crate::sandbox::tenant::properties::Name;
use crate::sandbox::tenant::store::{Change, Life, Object, User};

impl Context<'_> {
    /// One page of a round.
    pub(super) fn user_delta(&self, state: &State) -> Result<Value, Refusal> {
        self.require(&["User.Read.All", "Directory.Read.All"])?;
        let (mut cursor, latest) = Cursor::of_round(state, self)?;
        let selection = Selection::users(cursor.select.as_deref())?;
        let only = only_these(state, cursor.filter.as_deref())?;
        let of = format!("users{}", selection.text);
        let (items, more) = if latest || self.empty {
            (Vec::new(), false)
        } else if cursor.initial {
            everybody(state, &mut cursor, &selection, only.as_ref())
        } else {
            self.changes(state, &mut cursor, &selection, only.as_ref())
        };
        Ok(cursor.round(state, self, &of, items, more))
    }

    /// Users the log names between two versions, each once a page.
    fn changes(
        &self,
        state: &State,
        cursor: &mut Cursor,
        selection: &Selection,
        only: Option<&BTreeSet<usize>>,
    ) -> (Vec<Value>, bool) {
        let mut order = Vec::new();
        // `None` is everything: the user came, went or came back.
        let mut changed: HashMap<usize, Option<Vec<Name>>> = HashMap::new();
        while cursor.at < cursor.version && order.len() < state.settings.user_delta_page.max(1) {
            let change = &state.store.log[cursor.at];
            cursor.at += 1;
            let Change::User { user, names } = change else { continue };
            let concerns = names.as_ref().is_none_or(|names| selection.has_any(names));
            if !concerns || only.is_some_and(|only| !only.contains(user)) {
                continue;
            }
            let entry = changed.entry(*user).or_insert_with(|| {
                order.push(*user);
                Some(Vec::new())
            });
            match (entry.as_mut(), names) {
                (Some(all), Some(names)) => all.extend(names.iter().cloned()),
                _ => *entry = None,
            }
        }
        let minimal = self.call.prefers_minimal();
        let item = |index: &usize| {
            let names = changed.get(index).and_then(Option::as_deref).filter(|_| minimal);
            shown(&state.store.users[*index], selection, names)
        };
        (order.iter().map(item).collect(), cursor.at < cursor.version)
    }
}

/// Indexes of the users an id filter names; ids nobody has are no error.
fn only_these(state: &State, filter: Option<&str>) -> Result<Option<BTreeSet<usize>>, Refusal> {
    let users = |id: &String| match state.store.object(id) {
        Some(Object::User(index)) => Some(index),
        _ => None,
    };
    Ok(filtered_ids(filter)?.map(|ids| ids.iter().filter_map(users).collect()))
}

/// A page of the initial round.
fn everybody(
    state: &State,
    cursor: &mut Cursor,
    selection: &Selection,
    only: Option<&BTreeSet<usize>>,
) -> (Vec<Value>, bool) {
    let users = &state.store.users;
    let wanted = |index: usize| users[index].is_active() && only.is_none_or(|only| only.contains(&index));
    let mut items = Vec::new();
    let mut rest = (cursor.at..users.len()).filter(|index| wanted(*index));
    for index in rest.by_ref().take(state.settings.user_delta_page.max(1)) {
        items.push(shown(&users[index], selection, None));
    }
    let next = rest.next();
    cursor.at = next.unwrap_or(users.len());
    (items, next.is_some())
}

fn shown(user: &User, selection: &Selection, changed: Option<&[Name]>) -> Value {
    let removed = |reason: &str| json!({ "id": user.id, "@removed": { "reason": reason } });
    match user.life {
        Life::Active => Value::Object(selection.changed(user, changed)),
        Life::Deleted { .. } => removed("changed"),
        Life::Gone => removed("deleted"),
    }
}
