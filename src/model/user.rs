//! One person, three views: what the rules want, what Connect has, what we remember of our own doing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use connectors::PersonKey;
use serde::{Deserialize, Serialize};

use super::Time;
use super::attribute::{Attribute, AttributeSet, Facet, Value};
use super::plan::{Action, Change, FacetUpdate};
use super::reason::Reason;

/// The id Connect gave a user.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConnectUserId(Arc<str>);

impl ConnectUserId {
    /// The id itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for ConnectUserId {
    fn from(id: &str) -> Self {
        Self(id.into())
    }
}

impl fmt::Display for ConnectUserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ConnectUserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a person stands on the way in and out. Leaving is a desired state, not another code path.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Works here.
    #[default]
    Active,
    /// Left; keeps the user with a no-access persona for a while.
    Suspended,
    /// Left; no user any more.
    Deleted,
}

/// The Connect user that the rules want a person to have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DesiredUser {
    /// Who.
    pub person: PersonKey,
    /// The username; in the spelling Connect shall have.
    pub username: String,
    /// What is managed. Sparse: missing = not managed. [`Attribute::Tags`] holds our tags without the owner tag, which
    /// `connect` adds from `person`.
    pub attributes: AttributeSet,
    /// Active or suspended (a deleted stage has no desired user).
    pub stage: Stage,
    /// What of `attributes` the rules want, where they hold more: the new user of a renamed person also gets what the old
    /// one has by somebody else's hand. `None`: all of it. The memory keeps this.
    #[serde(default)]
    pub wished: Option<AttributeSet>,
}

/// Three-valued knowledge of something in Connect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seen<T> {
    /// This is what Connect had when it was looked at.
    Known(T),
    /// Nobody has looked: `SearchUsers` does not return it.
    Unread,
}

impl<T> Seen<T> {
    /// The value, if it is known.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unread => None,
        }
    }
}

/// A user as Connect has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectUser {
    /// Connect's id.
    pub id: ConnectUserId,
    /// Its ARN; tags are written by ARN.
    pub arn: String,
    /// The username, exactly as Connect has it.
    pub username: String,
    /// Whose user it is, by the owner tag.
    pub owner: Option<PersonKey>,
    /// Everything in the attribute table; an attribute that is missing counts as [`Seen::Unread`].
    /// [`Attribute::Tags`] holds every tag but the owner tag.
    pub attributes: BTreeMap<Attribute, Seen<Value>>,
    /// When Connect last changed it, by `ListUsers`.
    pub modified_at: Option<Time>,
}

impl ConnectUser {
    /// What is known of an attribute.
    #[must_use]
    pub fn seen(&self, attribute: Attribute) -> &Seen<Value> {
        const UNREAD: &Seen<Value> = &Seen::Unread;
        self.attributes.get(&attribute).unwrap_or(UNREAD)
    }

    /// What is known of a facet; unread attributes are left out.
    #[must_use]
    pub fn known(&self, facet: Facet) -> AttributeSet {
        facet.attributes().filter_map(|a| Some((a, self.seen(a).known()?.clone()))).collect()
    }

    /// The user after a confirmed change of ours, so that the remembered inventory stays true without looking again.
    ///
    /// Tags are merged, because a call that sets tags leaves the others alone; see [`untag`](Self::untag) for the rest.
    pub fn apply(&mut self, after: &AttributeSet) {
        for (attribute, value) in after.iter() {
            match (self.attributes.get_mut(&attribute), value) {
                (Some(Seen::Known(Value::Tags(have))), Value::Tags(set)) => {
                    have.extend(set.iter().map(|(key, value)| (key.clone(), value.clone())));
                }
                _ => {
                    self.attributes.insert(attribute, Seen::Known(value.clone()));
                }
            }
        }
    }

    /// The user after a confirmed removal of tags.
    pub fn untag(&mut self, keys: &BTreeSet<String>) {
        if let Some(Seen::Known(Value::Tags(have))) = self.attributes.get_mut(&Attribute::Tags) {
            have.retain(|key, _| !keys.contains(key));
        }
    }
}

/// What we remember of our own doing for one person. Lives in the store; losing it loses history, not people (the owner
/// tag is on the Connect user).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// The Connect user of this person.
    pub link: Option<ConnectUserId>,
    /// The username it has in Connect.
    pub username: Option<String>,
    /// What we last wrote, or found in agreement with the wish.
    pub written: AttributeSet,
    /// Where the person stands by what we last did.
    pub stage: Stage,
    /// When the person was first seen as a leaver; `None` while active. Grace counts from here.
    pub absent_since: Option<Time>,
    /// When the suspension was carried out.
    pub suspended_since: Option<Time>,
    /// Security and routing profiles from before the suspension or deletion, for a returner. An attribute is in here
    /// exactly as long as Connect holds our no-access value (or no user) instead of it.
    pub former: AttributeSet,
    /// Users of this person from before: when the person is renamed, the old one until it is deleted. Proof that a second
    /// user with the owner tag is ours to delete, and not somebody's copy.
    #[serde(default)]
    pub retiring: BTreeSet<ConnectUserId>,
}

impl Remembered {
    /// The memory after `change` was carried out at `at`. `created` is the id a create brought.
    ///
    /// The executor makes no choice: what a confirmed change means for the memory is decided here, once.
    #[must_use]
    pub fn after(&self, change: &Change, created: Option<&ConnectUserId>, at: Time) -> Self {
        let mut memory = self.clone();
        match &change.action {
            Action::Create(desired) => {
                let DesiredUser { person: _, username, attributes, stage: _, wished } = &**desired;
                let retiring = std::mem::take(&mut memory.retiring);
                memory = Self { link: created.cloned(), username: Some(username.clone()), ..Self::default() };
                memory.written = wished.as_ref().unwrap_or(attributes).clone();
                if let Reason::Renamed { user, .. } = &change.because {
                    memory.retiring = retiring;
                    memory.retiring.insert(user.clone());
                }
            }
            Action::Adopt { username } => {
                memory.bind(change.connect.as_ref());
                memory.username = Some(username.clone());
                // Whoever was deleted and is given an existing user works here again.
                if memory.stage == Stage::Deleted {
                    memory.stage = Stage::Active;
                }
            }
            Action::Update(update) => {
                memory.bind(change.connect.as_ref());
                memory.written.extend(&update.wished);
                memory.enter(update, at);
            }
            Action::DeleteQuickConnect(_) | Action::MoveQuickConnect(_) => {}
            // The person has another user.
            Action::Delete { .. } if matches!(change.because, Reason::Renamed { .. }) => {
                memory.retiring.retain(|id| Some(id) != change.connect.as_ref());
            }
            Action::Delete { before, .. } => {
                memory.keep_former(before);
                memory.link = None;
                memory.written = AttributeSet::default();
                memory.stage = Stage::Deleted;
                memory.suspended_since = None;
            }
        }
        if let (Action::Create(desired), Reason::Undone { .. }) = (&change.action, &change.because) {
            memory.resume(self, desired.stage, at);
        }
        memory
    }

    /// This is the person's user now; one that was before stays known until it is gone.
    fn bind(&mut self, user: Option<&ConnectUserId>) {
        let before = std::mem::replace(&mut self.link, user.cloned());
        self.retiring.extend(before.filter(|before| Some(before) != user));
        self.retiring.retain(|id| Some(id) != user);
    }

    /// A leaver whose deletion was taken back is a leaver still, with the same grace and the same way back.
    fn resume(&mut self, before: &Self, stage: Stage, at: Time) {
        self.absent_since = before.absent_since;
        self.stage = stage;
        if stage == Stage::Suspended {
            self.suspended_since = Some(at);
            self.former.clone_from(&before.former);
        }
    }

    fn enter(&mut self, update: &FacetUpdate, at: Time) {
        match update.stage {
            Stage::Suspended => {
                self.keep_former(&update.before);
                // The second facet of one suspension does not restart its clock. Taking rights away once more does: whoever
                // had some was not suspended (an old state file may remember otherwise).
                let profiles = |set: &AttributeSet| set.get(Attribute::SecurityProfiles).cloned();
                let had_rights =
                    profiles(&update.before).is_some() && profiles(&update.before) != profiles(&update.after);
                let running = self.suspended_since.filter(|_| self.stage == Stage::Suspended && !had_rights);
                self.suspended_since = running.or(Some(at));
            }
            Stage::Active | Stage::Deleted => {
                for attribute in update.facet.attributes() {
                    self.former.remove(attribute);
                }
                self.suspended_since = None;
            }
        }
        self.stage = update.stage;
    }

    /// Remembers the profiles a person had; a repeated step must not overwrite them with the no-access persona.
    fn keep_former(&mut self, before: &AttributeSet) {
        for (attribute, value) in before.iter() {
            let profile = matches!(attribute.facet(), Facet::Security | Facet::Routing);
            if profile && self.former.get(attribute).is_none() {
                self.former.set(attribute, value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Named, Reason};

    fn at(day: u32) -> Time {
        format!("2026-03-{day:02}T00:00:00Z").parse().expect("a time")
    }

    fn change(action: Action) -> Change {
        Change {
            seq: 0,
            person: PersonKey::new("entra", "1"),
            label: "ada".to_owned(),
            connect: Some("c-1".into()),
            arn: None,
            action,
            because: Reason::Drift,
        }
    }

    fn routing(name: &str) -> AttributeSet {
        [(Attribute::RoutingProfile, Value::Named(Named::new(name, name)))].into_iter().collect()
    }

    fn update(before: &str, after: &str, stage: Stage) -> Change {
        let (before, after) = (routing(before), routing(after));
        let (facet, wished, untag) = (Facet::Routing, after.clone(), BTreeSet::new());
        change(Action::Update(Box::new(FacetUpdate { facet, before, wished, after, untag, stage })))
    }

    #[test]
    fn a_suspension_keeps_the_former_profiles_and_its_clock_and_the_way_back_forgets_them() {
        let memory = Remembered::default();
        let away = memory.after(&update("care", "holding", Stage::Suspended), None, at(1));
        let away = away.after(&update("holding", "holding", Stage::Suspended), None, at(2));
        assert_eq!(away.former, routing("care"));
        assert_eq!((away.stage, away.suspended_since), (Stage::Suspended, Some(at(1))));
        let back = away.after(&update("holding", "care", Stage::Active), None, at(3));
        assert_eq!((back.stage, back.suspended_since, back.former.is_empty()), (Stage::Active, None, true));
        assert_eq!(back.written, routing("care"));
    }

    #[test]
    fn a_suspension_that_takes_rights_away_once_more_starts_its_clock_anew() {
        let profiles = |name: &str| -> AttributeSet {
            let set = BTreeSet::from([Named::new(name, name)]);
            [(Attribute::SecurityProfiles, Value::NamedSet(set))].into_iter().collect()
        };
        let away = |before: &str| {
            let (before, after) = (profiles(before), profiles("none"));
            let (facet, wished, untag) = (Facet::Security, after.clone(), BTreeSet::new());
            change(Action::Update(Box::new(FacetUpdate {
                facet,
                before,
                wished,
                after,
                untag,
                stage: Stage::Suspended,
            })))
        };
        let memory = Remembered::default().after(&away("agent"), None, at(1));
        assert_eq!(memory.after(&away("none"), None, at(2)).suspended_since, Some(at(1)), "there was nothing to take");
        let again = memory.after(&away("agent"), None, at(3));
        assert_eq!((again.suspended_since, again.former.clone()), (Some(at(3)), profiles("agent")));
    }

    #[test]
    fn a_second_suspension_after_a_deletion_starts_its_own_clock() {
        let away = Remembered::default().after(&update("care", "holding", Stage::Suspended), None, at(1));
        let delete = Action::Delete { username: "ada".to_owned(), before: routing("holding") };
        let gone = away.after(&change(delete), None, at(2));
        assert_eq!((gone.stage, gone.link.clone(), gone.suspended_since), (Stage::Deleted, None, None));
        assert_eq!(gone.former, routing("care"), "what a returner gets is from before the suspension");
        let adopted = gone.after(&change(Action::Adopt { username: "ada".to_owned() }), None, at(3));
        assert_eq!((adopted.stage, adopted.link.clone()), (Stage::Active, Some("c-1".into())));
        let again = adopted.after(&update("sales", "holding", Stage::Suspended), None, at(4));
        assert_eq!(again.suspended_since, Some(at(4)));
    }

    #[test]
    fn a_rename_keeps_the_wish_and_knows_the_old_user_until_it_is_gone() {
        let renamed = || Reason::Renamed { user: "c-1".into(), from: "ada".to_owned(), to: "ada.king".to_owned() };
        let desired = DesiredUser {
            person: PersonKey::new("entra", "1"),
            username: "ada.king".to_owned(),
            attributes: routing("by hand"),
            stage: Stage::Active,
            wished: Some(routing("care")),
        };
        let before = Remembered { link: Some("c-1".into()), written: routing("care"), ..Remembered::default() };
        let create = Change { connect: None, because: renamed(), ..change(Action::Create(Box::new(desired))) };
        let both = before.after(&create, Some(&"c-2".into()), at(1));
        assert_eq!((both.link.clone(), both.username.as_deref()), (Some("c-2".into()), Some("ada.king")));
        assert_eq!(both.written, routing("care"), "what was changed by hand does not become the wish");
        assert_eq!(both.retiring, BTreeSet::from(["c-1".into()]));
        let delete = Action::Delete { username: "ada".to_owned(), before: routing("by hand") };
        let done = both.after(&Change { because: renamed(), ..change(delete) }, None, at(2));
        assert_eq!(done, Remembered { retiring: BTreeSet::new(), ..both }, "the person has not left");
    }

    #[test]
    fn setting_tags_leaves_the_others_alone() {
        let tags = |text: &str| {
            let pairs = text.split(' ').filter_map(|tag| tag.split_once('='));
            Value::Tags(pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
        };
        let mut user = ConnectUser {
            id: "c-1".into(),
            arn: String::new(),
            username: "ada".to_owned(),
            owner: None,
            attributes: [(Attribute::Tags, Seen::Known(tags("theirs=1 old=1")))].into(),
            modified_at: None,
        };
        user.apply(&[(Attribute::Tags, tags("new=1"))].into_iter().collect());
        user.untag(&BTreeSet::from(["old".to_owned()]));
        assert_eq!(user.seen(Attribute::Tags).known(), Some(&tags("theirs=1 new=1")));
    }
}
