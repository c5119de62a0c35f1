//! `[authority]`, `[adopt]` and `[leaver]`: who decides, whom rollcall takes over, and what becomes of people who left.

use std::collections::BTreeMap;

use super::persona::profile_list;
use super::section::{Item, Section};
use crate::model::{Authority, Facet};
use crate::planner::rules::{AdoptBy, LeaverRules, RenamePolicy, Suspend};

const DAY_SECS: u64 = 24 * 60 * 60;

/// Reads `[authority]`: the directory decides unless something else is said.
pub(super) fn authority(section: &Section<'_>) -> BTreeMap<Facet, Authority> {
    let words = [("directory", Authority::Directory), ("connect", Authority::Connect), ("shared", Authority::Shared)];
    let mut authority = BTreeMap::new();
    for facet in Facet::ALL {
        let who = section.optional(facet.name(), |item| item.one_of(&words));
        authority.insert(facet, who.unwrap_or(Authority::Directory));
    }
    authority
}

/// What `[adopt]` says.
pub(super) struct Adopt {
    pub(super) by: Vec<AdoptBy>,
    pub(super) first_run_applies: bool,
    pub(super) rename: RenamePolicy,
}

/// Reads `[adopt]`.
pub(super) fn adopt(section: &Section<'_>) -> Adopt {
    let by = section.optional("match", ways).unwrap_or_else(|| ALL_WAYS.to_vec());
    let first_run = section.optional("first_run", |item| item.one_of(&[("report", false), ("apply", true)]));
    Adopt { by, first_run_applies: first_run.unwrap_or(false), rename: rename(section) }
}

const ALL_WAYS: [AdoptBy; 4] = [AdoptBy::OwnerTag, AdoptBy::Username, AdoptBy::MailboxName, AdoptBy::Email];

fn ways(item: &Item<'_>) -> Option<Vec<AdoptBy>> {
    let Some(items) = item.items() else {
        item.unexpected("a list such as [\"owner_tag\", \"username\"]", None);
        return None;
    };
    let words = ALL_WAYS.map(|way| (way.name(), way));
    // Our own mark comes first whatever the list says: a user that carries it is not up for adoption by anybody else.
    let mut ways = vec![AdoptBy::OwnerTag];
    for way in items.iter().filter_map(|item| item.one_of(&words)) {
        if !ways.contains(&way) {
            ways.push(way);
        }
    }
    Some(ways)
}

fn rename(section: &Section<'_>) -> RenamePolicy {
    let words = [("report", RenamePolicy::Report), ("recreate", RenamePolicy::Recreate)];
    section.optional("rename", |item| item.one_of(&words)).unwrap_or(RenamePolicy::Report)
}

/// Reads `[leaver]`: without it, leavers are deleted as soon as they are seen (and the guard agrees).
pub(super) fn leaver(section: &Section<'_>) -> LeaverRules {
    let grace_secs = section.optional("grace", Item::duration).unwrap_or(0);
    let suspend = section.optional("suspend", suspend);
    let for_ever = suspend.as_ref().is_some_and(|suspend| suspend.for_secs.is_none());
    let delete = section.optional("delete", Item::flag);
    if for_ever && delete == Some(true) {
        section.problem("delete", "the suspension has no end", "add for = \"30d\" to suspend".to_owned());
    }
    let undo_holds_secs = section.optional("undo_holds", Item::period).unwrap_or(7 * DAY_SECS);
    LeaverRules { grace_secs, suspend, delete: delete.unwrap_or(!for_ever), undo_holds_secs }
}

fn suspend(item: &Item<'_>) -> Option<Suspend> {
    let section = item.section()?;
    let security_profiles = section.required("security_profiles", "[\"No Access\"]", profile_list);
    let routing_profile = section.optional("routing_profile", Item::text);
    let for_secs = section.optional("for", Item::period);
    Some(Suspend { security_profiles: security_profiles?, routing_profile, for_secs })
}
