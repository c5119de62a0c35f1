//! Who is in which followed group: member lists resolved to people, and the two sides compared.
//!
//! A membership is told by a group's `members` or by a user's `groups`; one side is used, never both. A list that is cut
//! without a word looks like a small group, so a list of a suspicious length needs a second witness.
//!
//! Invariant: all members are resolved the same way: by id, by `userName`, or by the end of `$ref`. Lists of which nobody
//! can be resolved are an error, never empty groups.
//! Invariant: a suspicious list that the other side contradicts is refused.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::config::MembershipFrom;
use super::cursor::{Join, Side};
use super::group::{MemberKind, MemberRef};
use super::people::People;
use super::server::last_segment;
use crate::directory::ExternalId;
use crate::error::{PullError, PullErrorKind};

/// Lengths at which servers are known to cut lists.
const SUSPICIOUS: [usize; 4] = [100, 200, 500, 1_000];

/// Whether a list of this length may have been cut.
pub(super) fn is_suspicious(length: usize) -> bool {
    SUSPICIOUS.contains(&length)
}

/// The members of each followed group, by id.
pub(super) type Members = BTreeMap<ExternalId, BTreeSet<ExternalId>>;

/// Member lists as people.
#[derive(Debug)]
pub(super) struct Resolved {
    pub(super) members: Members,
    pub(super) join: Option<Join>,
    /// Entries that name nobody who was listed.
    pub(super) nobody: usize,
}

/// Whether an entry is a group. A type that is missing is looked for in the reference and among the known groups.
pub(super) fn is_group(
    member: &MemberRef,
    groups: &HashSet<ExternalId>,
    is_person: impl Fn(&ExternalId) -> bool,
) -> bool {
    match member.kind {
        Some(MemberKind::Group) => true,
        Some(MemberKind::User) => false,
        None => {
            let id = member.value.as_deref().map(ExternalId::from);
            if let Some(id) = &id
                && is_person(id)
            {
                return false;
            }
            let referred = member.reference.as_deref().is_some_and(|reference| {
                let mut segments = reference.trim_end_matches('/').rsplit('/').skip(1);
                segments.next().is_some_and(|segment| segment.eq_ignore_ascii_case("groups"))
            });
            referred || id.is_some_and(|id| groups.contains(&id))
        }
    }
}

/// The id an entry gives, read this way.
pub(super) fn id_by(member: &MemberRef, join: Join) -> Option<ExternalId> {
    match join {
        Join::Id => member.value.as_deref().map(ExternalId::from),
        Join::Reference => member.reference.as_deref().and_then(last_segment).map(ExternalId::from),
        Join::Username => None,
    }
}

/// Resolves all lists the way that fits most entries.
///
/// # Errors
/// If there are entries and none of them is anybody who was listed.
pub(super) fn resolve(
    lists: &BTreeMap<ExternalId, Vec<MemberRef>>,
    groups: &HashSet<ExternalId>,
    people: &People,
) -> Result<Resolved, PullError> {
    let usernames = people.by_username();
    let who = |member: &MemberRef, join: Join| match join {
        Join::Id | Join::Reference => id_by(member, join).filter(|id| people.has(id)),
        Join::Username => (*usernames.get(&member.value.as_deref()?.to_lowercase())?).cloned(),
    };
    let is_person = |id: &ExternalId| people.has(id);
    let of_people = |list: &'_ [MemberRef]| -> Vec<MemberRef> {
        list.iter().filter(|member| !is_group(member, groups, is_person)).cloned().collect()
    };
    let lists: BTreeMap<&ExternalId, Vec<MemberRef>> =
        lists.iter().map(|(group, list)| (group, of_people(list))).collect();
    let entries: usize = lists.values().map(Vec::len).sum();
    let fits = |join: Join| lists.values().flatten().filter(|member| who(member, join).is_some()).count();
    // Of two that fit alike the earlier one counts: an id is what the standard says.
    let best = [Join::Username, Join::Reference, Join::Id].into_iter().map(|join| (fits(join), join));
    let best =
        best.fold((0, None), |best, (fit, join)| if fit > 0 && fit >= best.0 { (fit, Some(join)) } else { best });
    let (found, Some(join)) = best else {
        if entries == 0 {
            let members = lists.into_keys().map(|group| (group.clone(), BTreeSet::new())).collect();
            return Ok(Resolved { members, join: None, nobody: 0 });
        }
        let message = format!("{entries} members are listed, and none of them is a user who was listed");
        let hint = "compare a group's members with the users' ids and userNames, or set membership = \"user.groups\"";
        return Err(PullError::new(PullErrorKind::Implausible, "GET /Groups", message, hint));
    };
    let members = lists
        .into_iter()
        .map(|(group, list)| (group.clone(), list.iter().filter_map(|member| who(member, join)).collect()));
    Ok(Resolved { members: members.collect(), join: Some(join), nobody: entries - found })
}

/// What is known of both sides.
pub(super) struct Sides<'a> {
    pub(super) configured: MembershipFrom,
    /// The side that was found complete before.
    pub(super) before: Option<Side>,
    /// Whether the user listing was whole; half a listing contradicts nobody.
    pub(super) whole: bool,
    /// By `members`, if groups could be read at all.
    pub(super) members: Option<&'a Members>,
    /// How long the lists were, as received.
    pub(super) lengths: &'a BTreeMap<ExternalId, usize>,
    /// Groups that hold other groups, whose people a user's `groups` may show too.
    pub(super) holding_groups: &'a BTreeSet<ExternalId>,
    /// The longest member list of any group that was seen.
    pub(super) longest: usize,
    /// By `groups` of users.
    pub(super) users: &'a Members,
}

/// The side to be used.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) side: Side,
    /// Why the members of a group may not be all.
    pub(super) doubt: Option<String>,
}

/// Chooses the side that is complete.
///
/// # Errors
/// If a list was cut, if the sides contradict each other, or if neither shows anybody.
pub(super) fn choose(sides: &Sides<'_>) -> Result<Choice, PullError> {
    let nobody = BTreeSet::new();
    let none = Members::new();
    let listed = sides.members.unwrap_or(&none);
    let users_say = sides.users.values().any(|members| !members.is_empty());
    let side = match (sides.configured, sides.members) {
        (MembershipFrom::UserGroups, _) => return Ok(Choice { side: Side::Users, doubt: None }),
        (MembershipFrom::Auto, None) => return Ok(Choice { side: Side::Users, doubt: None }),
        (MembershipFrom::GroupMembers, _) => Side::Members,
        (MembershipFrom::Auto, Some(members)) if members.values().all(BTreeSet::is_empty) && users_say => {
            return Ok(Choice { side: Side::Users, doubt: None });
        }
        (MembershipFrom::Auto, Some(_)) => sides.before.unwrap_or(Side::Members),
    };
    let mut doubt = None;
    let (mut fewer_listed, mut fewer_named) = (false, false);
    for (group, members) in listed {
        let named = sides.users.get(group).unwrap_or(&nobody);
        let length = sides.lengths.get(group).copied().unwrap_or(members.len());
        let explained = sides.holding_groups.contains(group);
        let missing = if explained || !sides.whole { 0 } else { named.difference(members).count() };
        fewer_listed |= missing > 0;
        fewer_named |= sides.whole && members.difference(named).next().is_some();
        if side == Side::Users {
            continue;
        }
        if is_suspicious(length) && missing > 0 {
            return Err(cut(group, length, missing));
        }
        let witnessed = sides.longest > length || (users_say && named.is_superset(members) && sides.whole);
        if is_suspicious(length) && !witnessed && sides.configured == MembershipFrom::Auto {
            doubt.get_or_insert_with(|| format!(
                "the member list of group {group} has exactly {length} entries, as a list has that was cut, and nothing shows that it was not"
            ));
        }
        if missing > 0 && sides.before.is_some() {
            doubt.get_or_insert_with(|| format!("{missing} users name group {group} and are not in its member list"));
        }
    }
    match (side, sides.before) {
        (Side::Users, _) if fewer_named => Err(contradiction()),
        (Side::Members, None) if sides.configured == MembershipFrom::Auto && users_say && fewer_listed => {
            if fewer_named {
                return Err(contradiction());
            }
            Ok(Choice { side: Side::Users, doubt: None })
        }
        _ => Ok(Choice { side, doubt }),
    }
}

fn contradiction() -> PullError {
    let message =
        "`members` of groups and `groups` of users contradict each other: people are in the one and not in the other";
    let hint = "find out which side is complete and set membership to \"group.members\" or \"user.groups\"";
    PullError::new(PullErrorKind::Implausible, "GET /Groups", message, hint)
}

fn cut(group: &ExternalId, length: usize, missing: usize) -> PullError {
    let message = format!(
        "the member list of group {group} has exactly {length} entries, and {missing} users who are not in it name this group"
    );
    let hint = "the server cuts member lists; set membership = \"user.groups\"";
    PullError::new(PullErrorKind::Implausible, "GET /Groups/{id}", message, hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(range: std::ops::Range<u32>) -> BTreeSet<ExternalId> {
        range.map(|number| format!("u{number}").into()).collect()
    }

    /// Chooses for one group, by who is listed and who names it.
    fn check(
        configured: MembershipFrom,
        before: Option<Side>,
        listed: u32,
        named: std::ops::Range<u32>,
        longest: usize,
    ) -> Result<(Side, usize), ()> {
        let members = Members::from([("g".into(), ids(0..listed))]);
        let users = Members::from([("g".into(), ids(named))]);
        let lengths = BTreeMap::from([("g".into(), listed as usize)]);
        let sides = Sides {
            configured,
            before,
            whole: true,
            members: Some(&members),
            lengths: &lengths,
            holding_groups: &BTreeSet::new(),
            longest: longest.max(listed as usize),
            users: &users,
        };
        choose(&sides).map(|choice| (choice.side, usize::from(choice.doubt.is_some()))).map_err(|_| ())
    }

    #[test]
    fn the_complete_side_is_chosen() {
        use MembershipFrom::{Auto, GroupMembers, UserGroups};
        let table = [
            ("both agree", Auto, 5, 0..5, 0, Ok((Side::Members, 0))),
            ("users say nothing", Auto, 5, 0..0, 0, Ok((Side::Members, 0))),
            ("groups say nothing", Auto, 0, 0..5, 0, Ok((Side::Users, 0))),
            ("users say less", Auto, 5, 0..3, 0, Ok((Side::Members, 0))),
            ("groups say less", Auto, 3, 0..5, 0, Ok((Side::Users, 0))),
            ("each lacks some", Auto, 3, 1..5, 0, Err(())),
            ("cut at a hundred", Auto, 100, 0..120, 0, Err(())),
            ("cut at a hundred, as configured", GroupMembers, 100, 0..120, 0, Err(())),
            ("really a hundred", Auto, 100, 0..100, 0, Ok((Side::Members, 0))),
            ("a hundred without a witness", Auto, 100, 0..0, 0, Ok((Side::Members, 1))),
            ("a hundred, and another list is longer", Auto, 100, 0..0, 101, Ok((Side::Members, 0))),
            ("a hundred, as configured", GroupMembers, 100, 0..0, 0, Ok((Side::Members, 0))),
            ("users, as configured", UserGroups, 100, 0..120, 0, Ok((Side::Users, 0))),
        ];
        for (name, configured, listed, named, longest, expected) in table {
            assert_eq!(check(configured, None, listed, named, longest), expected, "{name}");
        }
    }

    #[test]
    fn a_side_that_was_complete_and_is_not_any_more_removes_nobody() {
        use MembershipFrom::Auto;
        let table = [
            ("members as before", Side::Members, 5, 0..5, Ok((Side::Members, 0))),
            ("somebody is listed no more", Side::Members, 4, 0..5, Ok((Side::Members, 1))),
            ("users as before", Side::Users, 3, 0..5, Ok((Side::Users, 0))),
            ("users say less than groups", Side::Users, 5, 0..3, Err(())),
            ("users say nothing any more", Side::Users, 5, 0..0, Err(())),
            ("groups say nothing any more", Side::Members, 0, 0..5, Ok((Side::Users, 0))),
        ];
        for (name, before, listed, named, expected) in table {
            assert_eq!(check(Auto, Some(before), listed, named, 0), expected, "{name}");
        }
    }
}
