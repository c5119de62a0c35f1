//! A run taken back: for everything it did, the step that gives the former value back, or a finding that says why not.
//!
//! Invariant: nothing is written over a value that somebody changed since; it is listed with who did.
//! Invariant: a value that nobody had read is not guessed; it is listed.
//! Invariant: only users that are ours are touched, by owner tag or remembered link.
//! Invariant: taking the same run back twice plans nothing the second time.
//! Deliberately absent: deleting users that the run created and taking back owner marks. Who should have no user leaves by
//! the ladder, under the guard, with grace and a way back; undo is no second way out.

use std::collections::{BTreeMap, BTreeSet};

use connectors::PersonKey;

use super::Quota;
use super::draft::{Draft, Notes, Step, Whom};
use super::fold::fold;
use super::rules::Rules;
use super::stakes;
use crate::model::{
    Action, Attribute, AttributeSet, Change, ConnectUser, DesiredUser, Facet, FacetUpdate, FindingCode, Observation,
    Outcome, Plan, Reason, Remembered, ResourceId, RunId, Seen, Stage, Time, Undone, UndoneLeave, UndoneWish, Value,
};

/// A run that is to be taken back.
#[derive(Debug, Clone)]
pub struct Taken {
    /// Which.
    pub run: RunId,
    /// When it began.
    pub started: Time,
    /// What it did, by the ledger.
    pub changes: Vec<(Change, Outcome)>,
    /// The last run after it that wrote a facet of somebody.
    pub later: BTreeMap<PersonKey, BTreeMap<Facet, RunId>>,
}

impl Taken {
    /// What succeeded, by person, in the order it was done.
    #[must_use]
    pub fn done(&self) -> BTreeMap<&PersonKey, Vec<&Change>> {
        let mut people: BTreeMap<&PersonKey, Vec<&Change>> = BTreeMap::new();
        for (change, _) in self.changes.iter().filter(|(_, outcome)| outcome.succeeded()) {
            people.entry(&change.person).or_default().push(change);
        }
        people
    }
}

/// What gives back what a run did, as far as Connect still has it. [`Plan::undone`] is what ordinary plans then leave
/// alone; it must be remembered before the first change is made.
///
/// *Caveat:* the observation must be a fresh look; [`Plan::details`] names the users to read in detail first.
#[must_use = "a plan changes nothing until it is reviewed and applied"]
pub fn undo(seen: &Observation, rules: &Rules, taken: &Taken, quota: &Quota<'_>) -> Plan {
    let mut undoing = Undoing { seen, taken, draft: Draft::new() };
    let managed = seen.connect.users.values().filter(|user| user.owner.is_some()).count();
    undoing.draft.managed = u32::try_from(managed).unwrap_or(u32::MAX);
    for (person, changes) in taken.done() {
        undoing.person(person, &changes);
    }
    let touched = undoing.draft.touched();
    undoing.draft.stakes = stakes::of_owned(seen, rules, &touched);
    undoing.draft.finish(seen, rules, quota)
}

struct Undoing<'a> {
    seen: &'a Observation,
    taken: &'a Taken,
    draft: Draft,
}

/// One person whose changes are taken back.
struct Somebody<'a, 'n> {
    seen: &'a Observation,
    taken: &'a Taken,
    person: &'a PersonKey,
    memory: &'a Remembered,
    notes: Notes<'n>,
    undone: Undone,
    steps: Vec<Step>,
    unread: bool,
}

impl<'a> Undoing<'a> {
    fn person(&mut self, person: &'a PersonKey, changes: &[&'a Change]) {
        let fresh = Remembered::default();
        let label = &changes[0].label;
        let before = self.seen.undone.get(person).cloned().unwrap_or_default();
        let user = user_of(self.seen, person, changes);
        let mut somebody = Somebody {
            seen: self.seen,
            taken: self.taken,
            person,
            memory: self.seen.memory.get(person).unwrap_or(&fresh),
            notes: Notes::new(person, label),
            undone: before.clone(),
            steps: Vec::new(),
            unread: false,
        };
        somebody.changes(user, changes);
        let Somebody { notes, undone, steps, unread, .. } = somebody;
        self.draft.details.existing += u32::from(user.is_some());
        if let (true, Some(user)) = (unread, user) {
            self.draft.details.need(&user.id, person, false);
        }
        if undone != before {
            self.draft.undone.insert(person.clone(), undone);
        }
        // A user that is made again is not the one that was.
        let again = steps.iter().any(|step| matches!(step.action, Action::Create(_)));
        self.draft.take(&Whom { person, label, user: user.filter(|_| !again) }, steps);
        self.draft.hold(notes);
    }
}

impl<'a> Somebody<'a, '_> {
    fn changes(&mut self, user: Option<&'a ConnectUser>, changes: &[&'a Change]) {
        let deleted = changes.iter().any(|change| matches!(change.action, Action::Delete { .. }));
        let updated = changes.iter().any(|change| matches!(change.action, Action::Update(_)));
        if user.is_none() && updated && !deleted {
            self.left("the Connect user is not there any more", "if a later run deleted it, take that run back first");
        }
        let mut tags = Vec::new();
        for change in changes {
            match (&change.action, user) {
                (Action::Create(_), _) => self.created(change),
                (Action::Adopt { .. }, _) => self.left(
                    "got our owner mark by this run, and keeps it",
                    "to give the user up, take the person out of the scope or out of [adopt] match first",
                ),
                (Action::MoveQuickConnect(_), _) => self.left(
                    "a quick connect was pointed to the new user by this run; stays so",
                    "change it in Amazon Connect, if it is to point elsewhere",
                ),
                (Action::DeleteQuickConnect(_), _) => self.left(
                    "a quick connect of this user was deleted; undo cannot make it again",
                    "make it again in Amazon Connect, if it is needed",
                ),
                (Action::Delete { username, before }, _) => self.deleted(change, username, before),
                (Action::Update(update), Some(user)) if update.facet == Facet::Tags => {
                    tags.push((user, update, change));
                }
                (Action::Update(update), Some(user)) => self.facet(user, update, change),
                (Action::Update(_), None) => {}
            }
        }
        if let [(user, ..), ..] = tags[..] {
            let changes: Vec<(&FacetUpdate, &Change)> =
                tags.iter().map(|(_, update, change)| (&***update, **change)).collect();
            self.tags(user, &changes);
        }
    }

    fn left(&mut self, message: &str, hint: &str) {
        self.notes.note(FindingCode::NotUndone, message.to_owned(), hint.to_owned());
    }

    fn created(&mut self, change: &Change) {
        if let Reason::Undone { run, .. } = change.because {
            self.undone.release_leave(run);
            self.left(
                "was created again by this run; not deleted, but the ladder of leavers goes on",
                "nothing to do: the next ordinary run decides",
            );
            return;
        }
        self.left(
            "was created by this run; undo deletes no users",
            "whoever should have none: take them out of scope, and they leave by the ladder",
        );
    }

    /// A facet as a whole, but for tags.
    fn facet(&mut self, user: &ConnectUser, update: &FacetUpdate, change: &Change) {
        let facet = update.facet;
        if self.was_suspended_before(change) {
            let message = format!("{} of somebody who had left before this run; stays without access", facet.short());
            return self.left(&message, "to give access back, take back the run that suspended this person");
        }
        let mut back = AttributeSet::default();
        let mut unknown = Vec::new();
        for (attribute, after) in update.after.iter() {
            match update.before.get(attribute) {
                Some(before) => back.set(attribute, before.clone()),
                None => {
                    unknown.push(attribute.name());
                    back.set(attribute, after.clone());
                }
            }
        }
        if update.after.iter().any(|(attribute, _)| *user.seen(attribute) == Seen::Unread) {
            self.unread = true;
            let message = format!("{} in Connect has not been read; left as it is", facet.short());
            return self.left(&message, "take the run back once more");
        }
        let has = |set: &AttributeSet| set.iter().all(|(a, value)| user.seen(a).known() == Some(value));
        if !has(&update.after) && !has(&back) {
            return self.changed_since(facet);
        }
        if !unknown.is_empty() {
            let message = format!("{} had not been read before this run; stays as it is", unknown.join(", "));
            self.left(&message, "look at this user in Connect");
        }
        if let Some(name) = missing(self.seen, &back, &update.after) {
            let message = format!("{} was {name}, which does not exist in Connect any more", facet.short());
            return self.left(&message, "make it again in Connect and take the run back once more, or choose another");
        }
        let stage = self.stage_after(update, change);
        self.keep_back(facet, update.wished.clone(), change);
        if has(&back) {
            return;
        }
        let wished =
            back.iter().filter(|(a, _)| update.wished.get(*a).is_some()).map(|(a, v)| (a, v.clone())).collect();
        let before = user.known(facet);
        self.step(FacetUpdate { facet, before, wished, after: back, untag: BTreeSet::new(), stage });
    }

    /// Tag by tag: what one call set or removed is given back where nobody has touched it since.
    fn tags(&mut self, user: &ConnectUser, changes: &[(&FacetUpdate, &Change)]) {
        let Some(Value::Tags(have)) = user.seen(Attribute::Tags).known() else {
            self.unread = true;
            return self.left("tags in Connect have not been read; left as they are", "take the run back once more");
        };
        let tags_of = |set: &AttributeSet| match set.get(Attribute::Tags) {
            Some(Value::Tags(tags)) => tags.clone(),
            _ => BTreeMap::new(),
        };
        let (mut set, mut untag, mut touched) = (BTreeMap::new(), BTreeSet::new(), false);
        let mut written = tags_of(&self.memory.written);
        for (update, _) in changes {
            let before = tags_of(&update.before);
            for (key, after) in tags_of(&update.after) {
                match (before.get(&key), have.get(&key)) {
                    (before, now) if before == now => {}
                    (Some(former), Some(now)) if *now == after => {
                        set.insert(key.clone(), former.clone());
                    }
                    (None, Some(now)) if *now == after => {
                        untag.insert(key.clone());
                    }
                    _ => {
                        touched = true;
                        continue;
                    }
                }
                // Whether a former value was ours is not known; a tag that may be somebody else's is never removed later.
                written.remove(&key);
            }
            for key in &update.untag {
                match (before.get(key), have.get(key)) {
                    (former, now) if former == now => {}
                    (Some(former), None) => {
                        set.insert(key.clone(), former.clone());
                        written.insert(key.clone(), former.clone());
                    }
                    _ => touched = true,
                }
            }
        }
        if touched {
            self.changed_since(Facet::Tags);
        }
        let last = changes.last().expect("called with at least one change");
        self.keep_back(Facet::Tags, last.0.wished.clone(), last.1);
        let value = |tags: BTreeMap<String, String>| [(Attribute::Tags, Value::Tags(tags))].into_iter().collect();
        let (facet, before, stage) = (Facet::Tags, user.known(Facet::Tags), self.memory.stage);
        let update = |after, untag| FacetUpdate {
            facet,
            before: before.clone(),
            wished: value(written.clone()),
            after,
            untag,
            stage,
        };
        let (setting, removing) = (!set.is_empty(), !untag.is_empty());
        let [first, second] = [update(value(set), BTreeSet::new()), update(AttributeSet::default(), untag)];
        if setting {
            self.step(first);
        }
        if removing {
            self.step(second);
        }
    }

    fn step(&mut self, update: FacetUpdate) {
        let because = Reason::Undone { run: self.taken.run, was: self.memory.stage };
        self.steps.push(Step { action: Action::Update(Box::new(update)), because });
    }

    /// A leaver's correction: access was taken by an earlier run, and this one only took it again. It shows in the clock of
    /// the suspension, or in profiles that are not those from before it.
    fn was_suspended_before(&self, change: &Change) -> bool {
        let Action::Update(update) = &change.action else { return false };
        let given_since = self.memory.former.iter().any(|(attribute, former)| {
            attribute.facet() == update.facet && update.before.get(attribute).is_some_and(|before| before != former)
        });
        let earlier = self.memory.suspended_since.is_some_and(|since| since < self.taken.started);
        matches!(change.because, Reason::Left { .. }) && (earlier || given_since)
    }

    /// Where the person stands once this is taken back.
    fn stage_after(&self, update: &FacetUpdate, change: &Change) -> Stage {
        match change.because {
            Reason::Left { .. } => Stage::Active,
            Reason::Returned => Stage::Suspended,
            Reason::Undone { was, .. } if was != update.stage => was,
            _ => self.memory.stage,
        }
    }

    /// Remembers what ordinary plans must not repeat. Taking back an undo lets go of what that one held.
    fn keep_back(&mut self, facet: Facet, wish: AttributeSet, change: &Change) {
        let (run, at) = (self.taken.run, self.seen.at);
        match &change.because {
            Reason::Left { why, since } => {
                self.undone.hold_leave(UndoneLeave { run, at, why: why.clone(), since: *since });
            }
            Reason::Undone { run: earlier, .. } => {
                self.undone.release_facet(facet, *earlier);
                self.undone.release_leave(*earlier);
            }
            _ => self.undone.hold(facet, UndoneWish { run, at, wish }),
        }
    }

    fn changed_since(&mut self, facet: Facet) {
        let by = match self.taken.later.get(self.person).and_then(|facets| facets.get(&facet)) {
            Some(run) => format!("by run {run}"),
            None => "in Connect, by hand".to_owned(),
        };
        let message = format!("{} was changed since, {by}; left as it is", facet.short());
        self.left(&message, "see what it was: rollcall history RUN; change it in Connect if it is still wanted");
    }

    /// The user made again, as far as it is known.
    fn deleted(&mut self, change: &Change, username: &str, before: &AttributeSet) {
        let users = &self.seen.connect.users;
        if users.values().any(|user| user.owner.as_ref() == Some(self.person)) {
            if matches!(change.because, Reason::Renamed { .. }) {
                self.left(
                    "was given a new user under another username by this run; keeps that one",
                    "correct the username in the directory: the next run renames back",
                );
            }
            return;
        }
        if users.values().any(|user| fold(&user.username) == fold(username)) {
            let message = "was deleted by this run, and somebody else has the username now";
            return self.left(message, "look at that user in Connect; delete it there if it is not wanted");
        }
        let attributes: AttributeSet =
            before.iter().filter(|(_, value)| **value != Value::None).map(|(a, v)| (a, v.clone())).collect();
        if attributes.get(Attribute::SecurityProfiles).is_none() || attributes.get(Attribute::RoutingProfile).is_none()
        {
            let message = "was deleted by this run, and its profiles are not known";
            return self.left(message, "the rules make a new user, if the person comes back");
        }
        if let Some(name) = missing(self.seen, &attributes, &AttributeSet::default()) {
            let message = format!("was deleted by this run and had {name}, which does not exist in Connect any more");
            return self.left(&message, "make it again in Connect and take the run back once more");
        }
        let details = [Attribute::Email, Attribute::SecondaryEmail, Attribute::Mobile];
        if details.iter().all(|detail| before.get(*detail).is_none()) {
            self.left("its e-mail addresses and mobile number were not known; created without", "fill them in Connect");
        }
        self.keep_back(Facet::Security, AttributeSet::default(), change);
        // Who was suspended before the deletion is suspended again, with the same way back.
        let suspended = self.memory.former.iter().any(|(attribute, former)| before.get(attribute) != Some(former));
        let stage = if suspended && self.memory.stage == Stage::Deleted { Stage::Suspended } else { Stage::Active };
        let (person, username, wished) = (self.person.clone(), username.to_owned(), None);
        let desired = DesiredUser { person, username, attributes, wished, stage };
        let because = Reason::Undone { run: self.taken.run, was: Stage::Deleted };
        self.steps.push(Step { action: Action::Create(Box::new(desired)), because });
    }
}

/// The user of somebody, if there is one and it is ours.
fn user_of<'a>(seen: &'a Observation, person: &PersonKey, changes: &[&Change]) -> Option<&'a ConnectUser> {
    let users = &seen.connect.users;
    let linked = seen.memory.get(person).and_then(|memory| memory.link.as_ref());
    let ours = |user: &&ConnectUser| match &user.owner {
        Some(owner) => owner == person,
        None => linked == Some(&user.id),
    };
    let mut ids = changes.iter().filter_map(|change| change.connect.as_ref());
    // Made again since, by taking back a later run.
    let again = || users.values().find(|user| user.owner.as_ref() == Some(person));
    ids.find_map(|id| users.get(id)).filter(ours).or_else(again)
}

/// The name of something in `back` that Connect does not have any more; what `after` has too is not asked for.
fn missing(seen: &Observation, back: &AttributeSet, after: &AttributeSet) -> Option<String> {
    let catalogue = &seen.connect.catalogue;
    for (attribute, value) in back.iter().filter(|(attribute, value)| after.get(*attribute) != Some(value)) {
        let known: BTreeSet<&ResourceId> = match attribute {
            Attribute::SecurityProfiles => catalogue.security_profiles.values().collect(),
            Attribute::RoutingProfile => catalogue.routing_profiles.values().collect(),
            Attribute::HierarchyGroup => catalogue.hierarchy_groups.values().collect(),
            _ => continue,
        };
        let named = match value {
            Value::Named(named) => std::slice::from_ref(named).iter().collect::<Vec<_>>(),
            Value::NamedSet(set) => set.iter().collect(),
            _ => continue,
        };
        if let Some(gone) = named.into_iter().find(|named| !known.contains(&named.id)) {
            return Some(gone.name.to_string());
        }
    }
    None
}
