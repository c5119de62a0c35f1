//! `GET /groups/delta`: groups and their direct memberships, as they are and then as they change.
//!
//! Invariant: a membership of a soft-deleted user stays; only leaving and permanent deletion end it.
//! A big group is spread over pages, and its object comes again on each of them.

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;

use serde_json::{Value, json};

use super::cursor::{Cursor, filtered_ids};
use super::render::{GroupSelection, reference};
use super::{Context, Refusal};
use crate::sandbox::tenant::State;
use crate::sandbox::tenant::store::{Change, Life, Member, Object};

/// Groups a page, however few members they have.
const GROUPS_A_PAGE: usize = 100;

/// What a page says about one group.
#[derive(Default)]
struct Entry {
    group: usize,
    members: Vec<Member>,
}

impl Context<'_> {
    /// One page of a round.
    pub(super) fn group_delta(&self, state: &State) -> Result<Value, Refusal> {
        self.require(&["GroupMember.Read.All", "Group.Read.All", "Directory.Read.All"])?;
        let (mut cursor, latest) = Cursor::of_round(state, self)?;
        let selection = GroupSelection::of(cursor.select.as_deref())?;
        let groups = |id: &String| match state.store.object(id) {
            Some(Object::Group(index)) => Some(index),
            _ => None,
        };
        let only: Option<BTreeSet<usize>> =
            filtered_ids(cursor.filter.as_deref())?.map(|ids| ids.iter().filter_map(groups).collect());
        let fits = |group: usize| only.as_ref().is_none_or(|only| only.contains(&group));
        let sees =
            |group: usize| selection.members && (!state.store.groups[group].hidden || self.may("Member.Read.Hidden"));
        let (entries, more) = if latest || self.empty {
            (Vec::new(), false)
        } else if cursor.initial {
            present(state, &mut cursor, fits, sees)
        } else {
            changed(state, &mut cursor, fits, sees)
        };
        let items = entries.iter().map(|entry| shown(state, &selection, entry)).collect();
        Ok(cursor.round(state, self, &format!("groups{}", selection.text), items, more))
    }
}

/// A page of the initial round.
fn present(
    state: &State,
    cursor: &mut Cursor,
    fits: impl Fn(usize) -> bool,
    sees: impl Fn(usize) -> bool,
) -> (Vec<Entry>, bool) {
    let groups = &state.store.groups;
    let mut room = state.settings.member_delta_page.max(1);
    let mut entries = Vec::new();
    while cursor.at < groups.len() && room > 0 && entries.len() < GROUPS_A_PAGE {
        let (at, from) = (cursor.at, cursor.inside);
        (cursor.at, cursor.inside) = (at + 1, 0);
        if !groups[at].is_active() || !fits(at) {
            continue;
        }
        let mut entry = Entry { group: at, members: Vec::new() };
        if sees(at) {
            let mut rest = groups[at].members.range((Bound::Included(from), Bound::Unbounded));
            entry.members.extend(rest.by_ref().take(room).map(|(_, member)| *member));
            room -= entry.members.len();
            if let Some((&next, _)) = rest.next() {
                (cursor.at, cursor.inside) = (at, next);
            }
        }
        entries.push(entry);
    }
    (entries, (cursor.at..groups.len()).any(|group| groups[group].is_active() && fits(group)))
}

/// A page of a later round: what the log names, each membership once a page.
fn changed(
    state: &State,
    cursor: &mut Cursor,
    fits: impl Fn(usize) -> bool,
    sees: impl Fn(usize) -> bool,
) -> (Vec<Entry>, bool) {
    let mut room = state.settings.member_delta_page.max(1);
    let mut entries: Vec<Entry> = Vec::new();
    let mut at: HashMap<usize, usize> = HashMap::new();
    let mut seen = BTreeSet::new();
    while cursor.at < cursor.version && room > 0 && entries.len() < GROUPS_A_PAGE {
        let (group, member) = match state.store.log[cursor.at] {
            Change::User { .. } => (None, None),
            Change::Group { group } => (Some(group), None),
            Change::Membership { group, member } => (Some(group).filter(|group| sees(*group)), Some(member)),
        };
        cursor.at += 1;
        let Some(group) = group.filter(|group| fits(*group)) else { continue };
        let place = *at.entry(group).or_insert_with(|| {
            entries.push(Entry { group, members: Vec::new() });
            entries.len() - 1
        });
        if let Some(member) = member.filter(|member| seen.insert((group, number(*member)))) {
            entries[place].members.push(member);
            room -= 1;
        }
    }
    (entries, cursor.at < cursor.version)
}

/// Something to tell members apart by.
fn number(member: Member) -> (u8, usize) {
    match member {
        Member::User(index) => (0, index),
        Member::Group(index) => (1, index),
        Member::Device(index) => (2, index),
    }
}

fn shown(state: &State, selection: &GroupSelection, entry: &Entry) -> Value {
    let group = &state.store.groups[entry.group];
    let reason = match group.life {
        Life::Active => None,
        Life::Deleted { .. } => Some("changed"),
        Life::Gone => Some("deleted"),
    };
    if let Some(reason) = reason {
        return json!({ "id": group.id, "@removed": { "reason": reason } });
    }
    let mut object = selection.object(group, true);
    if !entry.members.is_empty() {
        let members = entry.members.iter().map(|&member| {
            let mut item = reference(&state.store, member);
            if !group.has(member) {
                item.insert("@removed".to_owned(), json!({ "reason": "deleted" }));
            }
            Value::Object(item)
        });
        object.insert("members@delta".to_owned(), members.collect());
    }
    Value::Object(object)
}
