//! Desired × seen × remembered × authority → one update for each facet that has to be written.
//!
//! Invariant: a facet under `connect` is never written after creation; what a suspension took from it is given back.
//! Invariant: a facet under `shared` is written only when the wish differs from what we last wrote.
//! Invariant: nothing is written over a value that nobody has read; such a facet waits for a detail read.
//! Invariant: what is sent is complete for its facet, because Connect may clear what is left out.

use std::collections::{BTreeMap, BTreeSet};

use super::correlate::By;
use super::draft::{Notes, Step};
use super::mapping::{Compiled, Wish};
use super::validate;
use crate::model::attribute::MAX_TAGS;
use crate::model::{
    Action, Attribute, AttributeSet, Authority, ConnectUser, Facet, FacetUpdate, FindingCode, Reason, Remembered, Seen,
    Stage, Value,
};

/// One active person with a Connect user.
pub(super) struct Active<'a> {
    pub(super) compiled: &'a Compiled<'a>,
    pub(super) wish: &'a Wish<'a>,
    pub(super) user: &'a ConnectUser,
    pub(super) by: By<'a>,
    /// What we remember of this person.
    pub(super) memory: &'a Remembered,
    /// What we remember of the way in and out: the person's, or of a re-hire the former record's.
    pub(super) past: &'a Remembered,
    /// What changed in the directory, if anything did.
    pub(super) moved: Option<&'a str>,
    pub(super) config_changed: bool,
}

/// What the difference came to.
#[derive(Default)]
pub(super) struct Difference {
    pub(super) steps: Vec<Step>,
    /// Wishes that Connect was found to fulfil and the memory does not hold.
    pub(super) agreed: AttributeSet,
    /// Facets that cannot be decided before somebody reads the details.
    pub(super) unread: Vec<Facet>,
    /// Facets somebody changed by hand under `shared`.
    pub(super) left_alone: Vec<Facet>,
}

/// What to do about one attribute.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Write {
        drift: bool,
    },
    /// As it should be, as far as we may know.
    Agrees,
    LeftAlone,
    Unread,
}

impl Active<'_> {
    /// The difference over all facets.
    pub(super) fn difference(&self) -> Difference {
        let mut out = Difference::default();
        for facet in Facet::ALL {
            if facet == Facet::Tags {
                self.tags(&mut out);
            } else {
                self.facet(facet, &mut out);
            }
        }
        out
    }

    fn authority(&self, facet: Facet) -> Authority {
        self.wish.authority(self.compiled.rules, facet)
    }

    fn facet(&self, facet: Facet, out: &mut Difference) {
        let authority = self.authority(facet);
        let returning = self.returning(facet);
        if authority == Authority::Connect && !returning {
            return;
        }
        let wished = self.wished(facet, authority, returning);
        let (mut write, mut drift_only, mut left_alone) = (AttributeSet::default(), true, false);
        for (attribute, value) in wished.iter() {
            match self.verdict(attribute, value, authority, returning) {
                Verdict::Write { drift } => {
                    drift_only &= drift;
                    write.set(attribute, value.clone());
                }
                Verdict::Agrees => self.agree(attribute, value, out),
                Verdict::LeftAlone => left_alone = true,
                Verdict::Unread => {
                    out.unread.push(facet);
                    return;
                }
            }
        }
        if left_alone {
            out.left_alone.push(facet);
        }
        if write.is_empty() {
            return;
        }
        match self.complete(facet, &write, &wished) {
            None => out.unread.push(facet),
            Some(after) => {
                let because = self.reason(returning, drift_only);
                let before = self.user.known(facet);
                let untag = BTreeSet::new();
                let update = FacetUpdate { facet, before, wished, after, untag, stage: Stage::Active };
                out.steps.push(Step { action: Action::Update(Box::new(update)), because });
            }
        }
    }

    fn agree(&self, attribute: Attribute, value: &Value, out: &mut Difference) {
        let known = self.user.seen(attribute).known().is_some();
        if known && self.memory.written.get(attribute) != Some(value) {
            out.agreed.set(attribute, value.clone());
        }
    }

    /// What is wished for a facet. A hierarchy group that we set and nobody wishes any more is cleared.
    fn wished(&self, facet: Facet, authority: Authority, returning: bool) -> AttributeSet {
        let mut wished = self.wish.attributes.of(facet);
        let ours = self.memory.written.get(Attribute::HierarchyGroup);
        if facet == Facet::Hierarchy && wished.is_empty() && ours.is_some_and(|value| *value != Value::None) {
            wished.set(Attribute::HierarchyGroup, Value::None);
        }
        if returning && authority == Authority::Connect {
            for attribute in facet.attributes() {
                if let Some(former) = self.former(attribute) {
                    wished.set(attribute, former);
                }
            }
        }
        wished
    }

    fn verdict(&self, attribute: Attribute, wished: &Value, authority: Authority, returning: bool) -> Verdict {
        if returning {
            return Verdict::Write { drift: false };
        }
        let ours = self.memory.written.get(attribute) == Some(wished);
        match (self.user.seen(attribute), authority, ours) {
            (Seen::Known(have), _, _) if have == wished => Verdict::Agrees,
            (Seen::Known(_), Authority::Shared, true) => Verdict::LeftAlone,
            (Seen::Known(_), _, drift) => Verdict::Write { drift },
            (Seen::Unread, _, true) => Verdict::Agrees,
            (Seen::Unread, _, false) => Verdict::Unread,
        }
    }

    /// The whole facet as it is to be: what is written now, over what Connect has. `None` if part of it is unknown.
    fn complete(&self, facet: Facet, write: &AttributeSet, wished: &AttributeSet) -> Option<AttributeSet> {
        let mut after = AttributeSet::default();
        for attribute in facet.attributes().filter(|a| validate::writable(*a, self.compiled.identity())) {
            let remembered = || self.memory.written.get(attribute).or_else(|| wished.get(attribute));
            match write.get(attribute).or_else(|| self.user.seen(attribute).known()).or_else(remembered) {
                Some(value) => after.set(attribute, value.clone()),
                // A search leaves out what has no value; only what a search never returns can be there unseen.
                None if attribute.row().in_search => {}
                None => return None,
            }
        }
        Some(after)
    }

    fn reason(&self, returning: bool, drift_only: bool) -> Reason {
        let rules = self.wish.rule_names();
        match (self.by, self.moved) {
            _ if returning => Reason::Returned,
            (By::Rule(by), _) => Reason::Adopted { by: by.name().to_owned() },
            (By::Rehire(from), _) => Reason::Rebound { from: from.clone() },
            (By::HandOver(from), _) => Reason::HandedOver { from: from.clone() },
            _ if drift_only => Reason::Drift,
            (_, Some(what)) => Reason::Mapped { what: what.to_owned(), rules },
            (_, None) if self.config_changed => Reason::ConfigChanged { rules },
            (_, None) => Reason::Mapped { what: String::new(), rules },
        }
    }

    /// Whether a facet still holds what a suspension wrote. Asked per facet, because the way back may have been cut short.
    fn returning(&self, facet: Facet) -> bool {
        let profile = matches!(facet, Facet::Security | Facet::Routing);
        profile
            && (facet.attributes().any(|attribute| self.past.former.get(attribute).is_some())
                || (facet == Facet::Security && self.past.stage == Stage::Suspended)
                || self.looks_suspended(facet))
    }

    /// Our user, no memory of having made or adopted it, and exactly the no-access persona: the memory was lost while the
    /// person was away.
    fn looks_suspended(&self, facet: Facet) -> bool {
        let no_access = |attribute| {
            let value = self.no_access(attribute);
            value.is_some()
                && self.memory.written.get(attribute).is_none()
                && self.user.seen(attribute).known() == value.as_ref()
                && self.wish.attributes.get(attribute) != value.as_ref()
        };
        !matches!(self.by, By::Rule(_))
            && self.memory.username.is_none()
            && no_access(Attribute::SecurityProfiles)
            && (facet == Facet::Security || no_access(Attribute::RoutingProfile))
    }

    fn no_access(&self, attribute: Attribute) -> Option<Value> {
        let persona = self.compiled.suspended.as_ref()?;
        match attribute {
            Attribute::SecurityProfiles => Some(Value::NamedSet(persona.security.clone())),
            Attribute::RoutingProfile => persona.routing.clone().map(Value::Named),
            _ => None,
        }
    }

    /// What a returner had, as far as it still exists; `None` if there is nothing worth giving back.
    fn former(&self, attribute: Attribute) -> Option<Value> {
        former(self.compiled, self.past, attribute)
    }

    fn tags(&self, out: &mut Difference) {
        if self.authority(Facet::Tags) == Authority::Connect {
            return;
        }
        let none = BTreeMap::new();
        let tags = |value: Option<&'_ Value>| match value {
            Some(Value::Tags(tags)) => tags.clone(),
            _ => none.clone(),
        };
        let wished = tags(self.wish.attributes.get(Attribute::Tags));
        let written = tags(self.memory.written.get(Attribute::Tags));
        if wished.is_empty() && written.is_empty() {
            return;
        }
        let Seen::Known(have) = self.user.seen(Attribute::Tags) else {
            if wished != written {
                out.unread.push(Facet::Tags);
            }
            return;
        };
        let have = tags(Some(have));
        let shared = self.authority(Facet::Tags) == Authority::Shared;
        let differing = wished.iter().filter(|(key, value)| have.get(*key) != Some(value));
        let (ours, new): (Vec<_>, Vec<_>) = differing.partition(|(key, value)| written.get(*key) == Some(value));
        if shared && !ours.is_empty() {
            out.left_alone.push(Facet::Tags);
        }
        let drift_only = new.is_empty();
        let mut set: BTreeMap<String, String> = new.into_iter().map(|(k, v)| (k.clone(), v.clone())).collect();
        if !shared {
            set.extend(ours.into_iter().map(|(k, v)| (k.clone(), v.clone())));
        }
        let untag: BTreeSet<String> =
            written.keys().filter(|key| !wished.contains_key(*key) && have.contains_key(*key)).cloned().collect();
        self.tag_steps(&wished, set, untag, drift_only, &written, out);
    }

    /// Setting first: until the old keys are gone, the memory keeps them, so that a removal that failed is tried again.
    fn tag_steps(
        &self,
        wished: &BTreeMap<String, String>,
        set: BTreeMap<String, String>,
        untag: BTreeSet<String>,
        drift_only: bool,
        written: &BTreeMap<String, String>,
        out: &mut Difference,
    ) {
        let value = |tags: BTreeMap<String, String>| [(Attribute::Tags, Value::Tags(tags))].into_iter().collect();
        let before = self.user.known(Facet::Tags);
        let update = |wished: AttributeSet, after: AttributeSet, untag: BTreeSet<String>| {
            let (facet, before) = (Facet::Tags, before.clone());
            Action::Update(Box::new(FacetUpdate { facet, before, wished, after, untag, stage: Stage::Active }))
        };
        if set.is_empty() && untag.is_empty() {
            if wished != written {
                out.agreed.set(Attribute::Tags, Value::Tags(wished.clone()));
            }
            return;
        }
        if !set.is_empty() {
            let mut kept = wished.clone();
            kept.extend(untag.iter().filter_map(|key| Some((key.clone(), written.get(key)?.clone()))));
            let because = self.reason(false, drift_only);
            out.steps.push(Step { action: update(value(kept), value(set), BTreeSet::new()), because });
        }
        if !untag.is_empty() {
            let because = self.reason(false, false);
            let action = update(value(wished.clone()), AttributeSet::default(), untag);
            out.steps.push(Step { action, because });
        }
    }
}

/// Whether the user would have more tags than Connect takes, the owner tag included.
pub(super) fn too_many_tags(wish: &Wish<'_>, user: &ConnectUser) -> bool {
    let (Some(Value::Tags(wished)), Some(Value::Tags(have))) =
        (wish.attributes.get(Attribute::Tags), user.seen(Attribute::Tags).known())
    else {
        return false;
    };
    let new = wished.keys().filter(|key| !have.contains_key(*key)).count();
    // A user who has too many already gets no more, but is not held for them.
    new > 0 && have.len() + new + 1 > MAX_TAGS
}

/// Holds somebody for [`too_many_tags`].
pub(super) fn note_too_many_tags(notes: &mut Notes<'_>) {
    notes.note(
        FindingCode::ValueRefused,
        "the user's own tags, the rules' tags and the owner tag are more than 50".to_owned(),
        "remove tags from this user in Connect".to_owned(),
    );
}

/// What a returner had before the suspension or deletion, as far as it still exists in Connect and is not the no-access
/// persona itself (a lost memory may have taken that for the former one).
pub(super) fn former(compiled: &Compiled<'_>, past: &Remembered, attribute: Attribute) -> Option<Value> {
    let catalogue = compiled.catalogue();
    let no_access = compiled.suspended.as_ref();
    match past.former.get(attribute)? {
        Value::NamedSet(set) => {
            let known: BTreeSet<_> = catalogue.security_profiles.values().collect();
            let kept: BTreeSet<_> = set.iter().filter(|named| known.contains(&named.id)).cloned().collect();
            let worth = !kept.is_empty() && no_access.is_none_or(|persona| persona.security != kept);
            worth.then_some(Value::NamedSet(kept))
        }
        Value::Named(named) => {
            let known = catalogue.routing_profiles.values().any(|id| id == &named.id);
            let worth = known && no_access.is_none_or(|persona| persona.routing.as_ref() != Some(named));
            worth.then(|| Value::Named(named.clone()))
        }
        Value::None | Value::Text(_) | Value::Flag(_) | Value::Seconds(_) | Value::Tags(_) => None,
    }
}
