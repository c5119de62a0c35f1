//! Reading the pages of a listing of groups: what is kept of each group.
//!
//! Invariant: members are kept of the groups that are wanted, unless all are; a server may have ten thousand others.

use std::collections::{BTreeMap, BTreeSet};

use super::follow::same_name;
use super::group::GroupItem;
use super::listing::Reader;
use super::wire::{ListPage, NotAList, groups};
use crate::directory::ExternalId;

/// What a listing of groups, or a part of one, brought.
#[derive(Debug, Default)]
pub(super) struct Groups {
    pub(super) items: BTreeMap<ExternalId, GroupItem>,
    pub(super) longest: usize,
    /// Groups whose record could not be read.
    pub(super) spoilt: BTreeSet<ExternalId>,
}

/// Reads groups; members are kept of those that are wanted.
pub(super) struct ReadGroups<'a> {
    pub(super) wanted: &'a BTreeSet<String>,
    /// Members of all groups are kept: nested ones are followed.
    pub(super) all_members: bool,
}

impl Reader for ReadGroups<'_> {
    type Record = GroupItem;
    type Content = Groups;

    fn page(&self, body: &[u8]) -> Result<ListPage<GroupItem>, NotAList> {
        groups(body)
    }

    fn id<'r>(&self, record: &'r GroupItem) -> &'r ExternalId {
        &record.id
    }

    fn nothing(&self) -> Groups {
        Groups::default()
    }

    fn take(&self, content: &mut Groups, mut record: GroupItem, _page: u32) {
        content.longest = content.longest.max(record.members.as_ref().map_or(0, Vec::len));
        let named = |name: &str| self.wanted.iter().any(|wanted| same_name(wanted, name));
        if !self.all_members && !named(record.id.as_str()) && !record.name.as_deref().is_some_and(named) {
            record.members = None;
        }
        content.spoilt.remove(&record.id);
        content.items.insert(record.id.clone(), record);
    }

    fn spoilt(&self, content: &mut Groups, id: ExternalId, _why: String, _page: u32) {
        content.items.remove(&id);
        content.spoilt.insert(id);
    }

    fn add(&self, content: &mut Groups, later: Groups) {
        content.items.extend(later.items);
        content.spoilt.extend(later.spoilt);
        content.longest = content.longest.max(later.longest);
    }
}
