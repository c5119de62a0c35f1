//! Groups one by one and in plain listings.

use serde_json::{Map, Value, json};

use super::cursor::Cursor;
use super::filter::{Filter, Kind};
use super::render::{GroupSelection, group_value};
use super::{Context, Refusal};
use crate::sandbox::tenant::State;
use crate::sandbox::tenant::store::Group;

/// The least that reads groups.
pub(super) const READ: &[&str] = &["GroupMember.Read.All", "Group.Read.All", "Directory.Read.All"];

impl Context<'_> {
    /// `GET /groups`.
    pub(super) fn list_groups(&self, state: &State) -> Result<Value, Refusal> {
        self.require(READ)?;
        let (mut cursor, first) = Cursor::of_listing(state, self)?;
        let selection = listed(cursor.select.as_deref())?;
        let filter = Filter::read(cursor.filter.as_deref(), Kind::Group, cursor.advanced)?;
        let fits = |group: &Group| group.is_active() && filter.fits(|name| group_value(group, name));
        let (groups, mut items, mut more) = (&state.store.groups, Vec::new(), false);
        let count = (first && cursor.advanced).then(|| groups.iter().filter(|group| fits(group)).count());
        for (index, group) in groups.iter().enumerate().skip(cursor.at).filter(|(_, group)| fits(group)) {
            if items.len() == cursor.top {
                cursor.at = index;
                more = true;
                break;
            }
            items.push(Value::Object(selection.object(group, false)));
        }
        let mut body = cursor.page(state, self, &format!("groups{}", selection.text), items, more);
        if let Some(count) = count {
            body.insert("@odata.count".to_owned(), json!(count));
        }
        Ok(Value::Object(body))
    }

    /// `GET /groups/{id}`.
    pub(super) fn group(&self, state: &State, id: &str) -> Result<Value, Refusal> {
        self.require(READ)?;
        let selection = listed(self.call.option("$select"))?;
        let group = state.store.group(id).ok_or_else(|| Refusal::not_found(id))?;
        let of = format!("groups{}/$entity", selection.text);
        let mut body = Map::from_iter([("@odata.context".to_owned(), self.context(&of))]);
        body.extend(selection.object(&state.store.groups[group], false));
        Ok(Value::Object(body))
    }
}

/// Members are not a property of a listing; they cannot be selected there.
fn listed(select: Option<&str>) -> Result<GroupSelection, Refusal> {
    let selection = GroupSelection::of(select)?;
    if select.is_some() && selection.members {
        return Err(Refusal::new(400, "BadRequest", "'members' can be selected in a delta query only."));
    }
    Ok(selection)
}
