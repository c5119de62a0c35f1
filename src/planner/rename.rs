//! A changed username under `rename = "recreate"`: create the new user, point quick connects to it, delete the old one.
//!
//! ```text
//! only the old user is there           → create with everything, move, delete: one plan, one chain
//! both are there, with our owner tag   → move, delete: an earlier run was cut short
//! only the new one is there            → nothing
//! ```
//!
//! Each run looks at what is there, so it does not matter after which step the one before ended.
//!
//! Invariant: the old user is deleted only behind a create of the same chain, or while the new one is there.
//! Invariant: a second user is deleted only if it is provably ours: it carries the person's owner tag **and** was this
//! person's by memory; where the memory was lost, the one that does not have the wished username.
//! Invariant: nobody is created under a username that somebody in Connect has. Whoever has it may be on the way to another
//! one: then the rename waits for the next run. Two who want each other's are held, for neither could go first.
//! Invariant: what the new user gets is what the old one would have after its updates, so that a change by hand under
//! `shared` or `connect` survives, and so does what an undo gave back; what nobody has read is read first.
//! Deliberately absent: usernames that differ in case only. Sign-in compares exactly, and whether Connect takes two names
//! that differ in case is not documented; such a person is listed as ever.
//! Deliberately absent: what no API copies. Proficiencies, settings by channel and the history of contacts and metrics stay
//! with the id of the old user.

use std::borrow::Cow;
use std::collections::HashMap;

use connectors::PersonKey;

use super::correlate::{By, Candidate, Claim};
use super::diff::{self, Difference};
use super::draft::{Notes, Step, Whom};
use super::fold::fold;
use super::human::Humans;
use super::leaver::Presence;
use super::mapping::{Compiled, Wish};
use super::rules::{RenamePolicy, Rules};
use super::{Planning, validate};
use crate::model::{
    Action, Attribute, AttributeSet, Authority, ConnectUser, ConnectUserId, DesiredUser, Facet, FindingCode,
    IdentityManagement, Observation, QuickConnectMove, Reason, Remembered, Stage, Value,
};

/// What a rename that is under way, or about to be, means for one person.
#[derive(Debug, Clone, Default)]
pub(super) struct Moving<'a> {
    /// Users from before, to be deleted.
    pub(super) retiring: Vec<&'a ConnectUser>,
    /// Who still has the wished username, and is about to leave it.
    pub(super) behind: Option<&'a PersonKey>,
}

/// Everybody's.
pub(super) type Renames<'a> = HashMap<usize, Moving<'a>>;

/// The user that stays, of several with the owner tag of one person, and those that go; `None` if it cannot be told, or if
/// one of them may not be ours.
pub(super) fn keeper<'a>(
    several: &[&'a ConnectUser],
    username: Option<&str>,
    memory: Option<&Remembered>,
) -> Option<(&'a ConnectUser, Vec<&'a ConnectUser>)> {
    let fresh = Remembered::default();
    let Remembered { link, username: known, retiring, .. } = memory.unwrap_or(&fresh);
    let wished = username.map(fold);
    let mut named = several.iter().copied().filter(|user| Some(fold(&user.username)) == wished);
    let keeper = match (named.next(), named.next()) {
        (Some(user), None) => user,
        (Some(_), Some(_)) => return None,
        (None, _) => several.iter().copied().find(|user| Some(&user.id) == link.as_ref())?,
    };
    // Without a name that we gave or took, the memory was lost; then the tag and the wished username must do.
    let lost = known.is_none();
    let ours = |user: &ConnectUser| retiring.contains(&user.id) || link.as_ref() == Some(&user.id) || lost;
    let others: Vec<_> = several.iter().copied().filter(|user| user.id != keeper.id).collect();
    others.iter().all(|user| ours(user)).then_some((keeper, others))
}

/// Looks where renames lead to. Whoever wants a username that is not going to be free is held.
pub(super) fn hold_taken<'a>(
    seen: &'a Observation,
    people: &[Candidate<'a>],
    humans: &Humans<'a>,
    claims: &mut [Claim<'a>],
    renames: &mut Renames<'a>,
) {
    let wanted = wanted(people, humans, claims);
    if wanted.is_empty() {
        return;
    }
    let mut having: HashMap<Cow<'a, str>, &'a ConnectUser> = HashMap::new();
    for user in seen.connect.users.values() {
        having.entry(fold(&user.username)).or_insert(user);
    }
    let mut holders: HashMap<&ConnectUserId, usize> = HashMap::new();
    for (at, claim) in claims.iter().enumerate() {
        if let Claim::Mine { user, .. } = claim {
            holders.insert(&user.id, at);
        }
    }
    let leaving: HashMap<&ConnectUserId, usize> =
        renames.iter().flat_map(|(at, moving)| moving.retiring.iter().map(|user| (&user.id, *at))).collect();
    // Who has what this person wants, if it is another person on the way to another name.
    let next = |at: usize| wanted.get(&at).and_then(|name| holders.get(&having.get(name)?.id)).copied();
    let mut held = Vec::new();
    let mut behind = Vec::new();
    for (&at, name) in &wanted {
        let Some(user) = having.get(name) else { continue };
        if let Some(holder) = leaving.get(&user.id) {
            behind.push((at, people[*holder].key()));
            continue;
        }
        match holders.get(&user.id) {
            Some(holder) if in_circle(at, &next) => held.push((at, circle(people, at, *holder))),
            Some(holder) if wanted.contains_key(holder) => behind.push((at, people[*holder].key())),
            holder => {
                let key = holder.map(|at| people[*at].key()).or(user.owner.as_ref());
                held.push((at, taken(people[at].key(), user, key)));
            }
        }
    }
    for (at, claim) in held {
        claims[at] = claim;
    }
    for (at, key) in behind {
        renames.entry(at).or_default().behind = Some(key);
    }
}

/// People whose user has another name than the wished one, and the wished one, folded.
fn wanted<'a>(people: &[Candidate<'a>], humans: &Humans<'a>, claims: &[Claim<'a>]) -> HashMap<usize, Cow<'a, str>> {
    let mut wanted = HashMap::new();
    for (at, (person, claim)) in people.iter().zip(claims).enumerate() {
        let (Claim::Mine { user, by: By::OwnerTag }, Some(name)) = (claim, person.username) else { continue };
        let here = matches!(person.presence, Presence::Here) && humans.acts(at);
        if here && differs(user, name) {
            wanted.insert(at, fold(name));
        }
    }
    wanted
}

fn differs(user: &ConnectUser, wanted: &str) -> bool {
    fold(&user.username) != fold(wanted)
}

/// Whether whoever wants what this person has is, at the end of the line, this person.
fn in_circle(start: usize, next: &impl Fn(usize) -> Option<usize>) -> bool {
    // Twice the pace of the first one finds any circle, also one that the start only leads to.
    let (mut slow, mut fast) = (start, start);
    loop {
        let Some(two) = next(fast).and_then(next) else { return false };
        slow = next(slow).unwrap_or(slow);
        fast = two;
        if fast == start || slow == start {
            return true;
        }
        if slow == fast {
            return false;
        }
    }
}

fn circle<'a>(people: &[Candidate<'a>], at: usize, holder: usize) -> Claim<'a> {
    Claim::Held {
        code: FindingCode::DuplicateUsername,
        message: format!(
            "{} wants the username that {} has in Connect, which in turn waits for this one; Connect cannot rename, so \
             neither can go first",
            people[at].key(),
            people[holder].key()
        ),
        hint: "give one of them a third username in the directory for one run".to_owned(),
    }
}

fn taken<'a>(person: &PersonKey, user: &ConnectUser, holder: Option<&PersonKey>) -> Claim<'a> {
    let whose = holder.map_or_else(|| "which no person claims".to_owned(), |holder| format!("which is {holder}'s"));
    Claim::Held {
        code: FindingCode::DuplicateUsername,
        message: format!("{person} has a new username, and Connect user {} has it, {whose}", user.id),
        hint: "give this person another username, or delete that Connect user".to_owned(),
    }
}

/// What the new user shall have, and what of it is to be remembered as the wish.
struct Everything {
    attributes: AttributeSet,
    wished: AttributeSet,
    /// Something of the old user has not been read.
    unread: bool,
}

impl<'a> Planning<'a> {
    /// The username of the user that is to take the place of this one, if one is.
    pub(super) fn recreated_as(
        &self,
        person: &Candidate<'a>,
        user: &ConnectUser,
        by: By<'a>,
        moving: &Moving<'a>,
    ) -> Option<&'a str> {
        let ours = follows(self.compiled.rules) && by == By::OwnerTag && moving.behind.is_none();
        person.username.filter(|wanted| ours && differs(user, wanted))
    }

    /// The new user, then the old ones' way out; `false` if something has to be read first.
    pub(super) fn recreate(
        &mut self,
        whom: &Whom<'_>,
        to: &str,
        wish: &Wish<'_>,
        moving: &Moving<'a>,
        notes: &mut Notes<'_>,
    ) -> bool {
        let Some(old) = whom.user else { return false };
        if diff::too_many_tags(wish, old) {
            diff::note_too_many_tags(notes);
            return true;
        }
        let mut difference = self.difference(whom.person, old, wish, By::OwnerTag);
        let kept = self.still_undone(whom.person, &difference.steps, &difference.unread);
        if let Some(kept) = &kept {
            difference.steps = kept.without(difference.steps);
        }
        let fresh = Remembered::default();
        let written = &self.memory(whom.person).unwrap_or(&fresh).written;
        let Everything { attributes, wished, unread } = everything(self.compiled, wish, old, written, &difference);
        if unread {
            self.draft.details.need(&old.id, whom.person, true);
            return false;
        }
        if let Some(kept) = kept {
            self.keep_undone(whom.person, kept, notes);
        }
        let needs_email = self.compiled.identity() == IdentityManagement::ConnectManaged;
        if needs_email && attributes.get(Attribute::Email).is_none_or(|value| *value == Value::None) {
            notes.note(
                FindingCode::MissingField,
                "instances with passwords in Connect need an e-mail address to create the user anew".to_owned(),
                "set [attributes] email".to_owned(),
            );
            return true;
        }
        let (person, username, stage) = (whom.person.clone(), to.to_owned(), Stage::Active);
        let desired = DesiredUser { person, username, attributes, stage, wished: Some(wished) };
        let create = Step { action: Action::Create(Box::new(desired)), because: renamed(old, to) };
        self.draft.take(&Whom { user: None, ..*whom }, vec![create]);
        self.retire(whom, old, None, to);
        for user in &moving.retiring {
            self.retire(whom, user, None, to);
        }
        true
    }

    /// What an earlier run left: the users from before, while the one that stays is there.
    pub(super) fn retire_rest(&mut self, whom: &Whom<'_>, moving: &Moving<'a>, notes: &Notes<'_>) {
        let Some(stays) = whom.user.filter(|_| notes.held().is_none()) else { return };
        for user in &moving.retiring {
            self.retire(whom, user, Some(&stays.id), &stays.username);
        }
    }

    /// The same for somebody who has left. If the user that stayed is deleted now, nothing can point to it any more.
    pub(super) fn retire_of_leaver(&mut self, whom: &Whom<'_>, moving: &Moving<'a>, notes: &Notes<'_>) {
        let Some(stays) = whom.user.filter(|_| notes.held().is_none()) else { return };
        if !self.draft.deletes(whom.person) {
            return self.retire_rest(whom, moving, notes);
        }
        for user in &moving.retiring {
            let to = &stays.username;
            let steps = self.quick_connects(user, to, |quick| Action::DeleteQuickConnect(quick.named));
            self.draft.take(&Whom { user: Some(user), ..*whom }, steps);
            self.delete(whom, user, to);
        }
    }

    fn retire(&mut self, whom: &Whom<'_>, user: &ConnectUser, to: Option<&ConnectUserId>, name: &str) {
        let steps = self.quick_connects(user, name, |quick| {
            let QuickConnectMove { named, flow, to: _ } = quick;
            Action::MoveQuickConnect(Box::new(QuickConnectMove { named, flow, to: to.cloned() }))
        });
        self.draft.take(&Whom { user: Some(user), ..*whom }, steps);
        self.delete(whom, user, name);
    }

    fn quick_connects(&self, user: &ConnectUser, to: &str, act: impl Fn(QuickConnectMove) -> Action) -> Vec<Step> {
        let pointing = self.seen.connect.quick_connects.iter().filter(|quick| quick.user == user.id);
        pointing
            .map(|quick| QuickConnectMove { named: quick.named.clone(), flow: quick.flow.clone(), to: None })
            .map(|quick| Step { action: act(quick), because: renamed(user, to) })
            .collect()
    }

    fn delete(&mut self, whom: &Whom<'_>, user: &ConnectUser, to: &str) {
        let because = renamed(user, to);
        let action = Action::Delete { username: user.username.clone(), before: known(user) };
        self.draft.take(&Whom { user: Some(user), ..*whom }, vec![Step { action, because }]);
    }

    /// The username in Connect against the one in the directory, where it stays as it is for now.
    pub(super) fn name_notes(
        &self,
        person: &Candidate<'a>,
        have: &str,
        behind: Option<&PersonKey>,
        notes: &mut Notes<'_>,
    ) {
        let Some(wanted) = person.username.filter(|wanted| *wanted != have) else { return };
        let mailbox = |name: &'_ str| fold(name.split('@').next().unwrap_or(name)).into_owned();
        let recreates = follows(self.compiled.rules);
        if fold(wanted) == fold(have) {
            notes.note(
                FindingCode::CaseDiffers,
                "the username in Connect differs in case; sign-in compares exactly".to_owned(),
                "make the sign-in name the same in the directory, or create the user anew".to_owned(),
            );
        } else if let Some(behind) = behind {
            notes.note(
                FindingCode::Rename,
                format!(
                    "the username changed in the directory; {behind} has the new one in Connect and is to leave it"
                ),
                "nothing to do: the user is created anew once the name is free".to_owned(),
            );
        } else if recreates {
            notes.note(
                FindingCode::Rename,
                "the username changed in the directory; the user is created anew once it is ours and all of it is read"
                    .to_owned(),
                "nothing to do".to_owned(),
            );
        } else if mailbox(wanted) == mailbox(have) && wanted.contains('@') != have.contains('@') {
            notes.note(
                FindingCode::Rename,
                "Connect has the whole name where the directory field gives the mailbox name, or the other way round; \
                 Connect cannot rename"
                    .to_owned(),
                "set [attributes] username back, or [adopt] rename = \"recreate\" to have these users created anew"
                    .to_owned(),
            );
        } else {
            notes.note(
                FindingCode::Rename,
                "the username changed in the directory; Connect cannot rename, everything else keeps flowing"
                    .to_owned(),
                "delete the user in Connect to have it created under the new name, or set [adopt] rename = \"recreate\""
                    .to_owned(),
            );
        }
    }
}

fn renamed(user: &ConnectUser, to: &str) -> Reason {
    Reason::Renamed { user: user.id.clone(), from: user.username.clone(), to: to.to_owned() }
}

/// Everything that is known of a user.
fn known(user: &ConnectUser) -> AttributeSet {
    Facet::ALL.into_iter().fold(AttributeSet::default(), |mut all, facet| {
        all.extend(&user.known(facet));
        all
    })
}

/// The old user as its updates would leave it.
fn everything(
    compiled: &Compiled<'_>,
    wish: &Wish<'_>,
    old: &ConnectUser,
    written: &AttributeSet,
    difference: &Difference,
) -> Everything {
    let (mut user, mut wished) = (old.clone(), written.clone());
    for step in &difference.steps {
        if let Action::Update(update) = &step.action {
            user.apply(&update.after);
            user.untag(&update.untag);
            wished.extend(&update.wished);
        }
    }
    wished.extend(&difference.agreed);
    let mut unread = !difference.unread.is_empty();
    let mut attributes = AttributeSet::default();
    for row in crate::model::ATTRIBUTES.iter().filter(|row| validate::writable(row.attribute, compiled.identity())) {
        let attribute = row.attribute;
        let directory = wish.authority(compiled.rules, row.facet) == Authority::Directory;
        // A profile that a look does not tell is no profile that could be copied; a user cannot be without.
        let must = matches!(attribute, Attribute::SecurityProfiles | Attribute::RoutingProfile);
        let by_rule = || wish.attributes.get(attribute).filter(|_| directory || must);
        match user.seen(attribute).known().or_else(by_rule) {
            // A new user has nothing; what says so of the details spares a read later.
            Some(Value::None) if row.in_search => {}
            Some(value) => attributes.set(attribute, value.clone()),
            None => unread |= !row.in_search || must,
        }
    }
    Everything { attributes, wished, unread }
}

/// Whether rules have changed usernames followed by new users.
pub(super) fn follows(rules: &Rules) -> bool {
    rules.rename == RenamePolicy::Recreate
}
