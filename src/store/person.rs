//! What a pull says about one person: before, after, and the difference in words. Pure.
//!
//! Invariant: absence alone never makes a leaver. A person who is not listed becomes `MissingUnconfirmed`, and only a
//! second complete listing that agrees (or a point read) says more.
//! Invariant: a record that could not be read leaves its person present, with everything that was known before.
//! Deliberately absent: `Debug` on what holds attributes, and SQL.

use std::collections::{BTreeMap, BTreeSet};

use connectors::attributes::{COMPANY, COST_CENTER, DEPARTMENT, MAIL, OFFICE, TITLE, USER_TYPE, USERNAME};
use connectors::{Attributes, ExternalId, Scope, Silence, Standing, UserPatch, UserRecord};

use super::codec::{Interner, attributes_text};
use super::error::StoreError;

/// Attributes whose values describe a position, not a person: only these are spelled out in a description.
const SPELLED_OUT: [&str; 6] = [DEPARTMENT, TITLE, COMPANY, OFFICE, USER_TYPE, COST_CENTER];
/// Characters of a description; it goes into reports with every change of the person.
const MAX_DESCRIPTION: usize = 400;

/// One stored person without groups.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Person {
    /// Compact JSON; equal attributes are equal texts.
    pub(super) attributes: String,
    pub(super) standing: Standing,
    pub(super) unreadable: Option<String>,
    /// The first complete listing that did not have this person.
    pub(super) missing_since: Option<i64>,
    /// Complete listings in a row that did not have this person.
    pub(super) missed: i64,
    /// When the current value was first seen.
    pub(super) changed_at: i64,
    /// What changed since the last applied change.
    pub(super) changed_what: Option<String>,
}

impl Person {
    pub(super) fn of(record: &UserRecord) -> Result<Self, StoreError> {
        Ok(Self { attributes: attributes_text(&record.attributes)?, ..Self::stub(record.standing) })
    }

    /// Somebody of whom nothing but the existence is known.
    pub(super) fn stub(standing: Standing) -> Self {
        Self {
            attributes: "{}".to_owned(),
            standing,
            unreadable: None,
            missing_since: None,
            missed: 0,
            changed_at: 0,
            changed_what: None,
        }
    }

    pub(super) fn is_missing(&self) -> bool {
        matches!(self.standing, Standing::MissingUnconfirmed | Standing::MissingConfirmed)
    }

    fn set_standing(&mut self, standing: Standing) {
        self.standing = standing;
        self.missing_since = None;
        self.missed = 0;
    }

    fn patch(&mut self, patch: &UserPatch, names: &mut Interner) -> Result<(), StoreError> {
        let mut attributes = names.attributes(&self.attributes)?;
        for (name, value) in &patch.attributes {
            attributes.set(name.clone(), value.as_deref().unwrap_or_default());
        }
        self.attributes = attributes_text(&attributes)?;
        match patch.standing {
            Some(standing) => {
                self.set_standing(standing);
                if matches!(standing, Standing::Deleted | Standing::SoftDeleted) {
                    self.unreadable = None;
                }
            }
            // The directory still speaks about somebody who was believed to be gone: that needs to be asked again.
            None if self.standing == Standing::MissingConfirmed => {
                self.standing = Standing::MissingUnconfirmed;
                self.missed = 1;
            }
            None => {}
        }
        Ok(())
    }

    /// Something was said that could not be read: present, and everything that was known stays.
    fn garble(&mut self, why: &str) {
        if self.standing != Standing::Disabled {
            self.set_standing(Standing::Active);
        }
        self.unreadable = Some(why.to_owned());
    }

    /// Was believed to be gone, or going, on the strength of listings; that is in doubt.
    pub(super) fn doubt(&mut self) {
        if self.standing == Standing::MissingConfirmed {
            self.standing = Standing::MissingUnconfirmed;
        }
    }

    /// A complete listing did not have this person.
    pub(super) fn miss(&mut self, at: i64, silence: Silence) {
        match self.standing {
            // An explicit word outweighs a silence.
            Standing::Deleted | Standing::SoftDeleted => return,
            Standing::Active | Standing::Disabled => self.standing = Standing::MissingUnconfirmed,
            // Without a listing before this one that still counts, this is the first.
            Standing::MissingUnconfirmed if self.missed == 0 => {}
            Standing::MissingUnconfirmed | Standing::MissingConfirmed => match silence {
                Silence::Counts => self.standing = Standing::MissingConfirmed,
                Silence::MustBeAsked => {}
            },
        }
        self.missing_since = self.missing_since.or(Some(at));
        self.missed += 1;
    }
}

/// One id in a pull: as it was stored, and as it shall be.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) old: Option<Person>,
    pub(super) new: Option<Person>,
    pub(super) before: BTreeSet<ExternalId>,
    pub(super) after: BTreeSet<ExternalId>,
}

/// Everybody a pull may touch.
pub(super) type Drafts = BTreeMap<ExternalId, Draft>;

/// What a pull makes of one id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Move {
    /// Is present and in scope, and was not.
    Joined,
    /// Was present and in scope, and is not by the directory's own word.
    Left,
    /// Was present and in scope, and is missing without a word.
    Vanished,
    /// Something else is different.
    Changed,
}

/// Whether membership in `groups` puts somebody into the scope.
pub(super) fn in_scope(scope: Option<&Scope>, groups: &BTreeSet<ExternalId>) -> bool {
    match scope {
        None => false,
        Some(Scope::Everybody) => true,
        Some(Scope::Groups(wanted)) => groups.iter().any(|group| wanted.contains(group)),
    }
}

/// What a listing says about those who are not in it.
#[derive(Clone, Copy)]
pub(super) struct Listing<'a> {
    pub(super) old_scope: Option<&'a Scope>,
    pub(super) new_scope: Option<&'a Scope>,
    /// It held a record without an id, which may have been anybody's.
    pub(super) blind: bool,
    pub(super) silence: Silence,
    pub(super) at: i64,
}

impl Draft {
    /// Starts from what is stored, for a pull that speaks of changes only.
    pub(super) fn keep(&mut self) {
        self.new.clone_from(&self.old);
        self.after.clone_from(&self.before);
    }

    pub(super) fn patch(&mut self, patch: &UserPatch, names: &mut Interner) -> Result<(), StoreError> {
        match &mut self.new {
            Some(person) => person.patch(patch, names),
            // Half a record of somebody who was never read as a whole says nothing.
            None => Ok(()),
        }
    }

    pub(super) fn garble(&mut self, why: &str) {
        let mut person = self.new.take().or_else(|| self.old.clone()).unwrap_or_else(|| Person::stub(Standing::Active));
        person.garble(why);
        self.new = Some(person);
    }

    /// A complete listing did not have this person.
    pub(super) fn unlisted(&mut self, listing: &Listing<'_>) {
        let Listing { old_scope, new_scope, blind, silence, at } = *listing;
        let Some(old) = &self.old else { return };
        let mut person = old.clone();
        // Somebody who was known to be out of scope is not expected in a listing of the scope; silence is no news. Of whoever
        // could not be read nothing is known, and silence is a reason to ask.
        let in_either = in_scope(old_scope, &self.before) || in_scope(new_scope, &self.after);
        let expected = in_either || person.is_missing() || person.unreadable.is_some();
        if expected && !blind {
            person.miss(at, silence);
        }
        self.new = Some(person);
    }

    /// A complete list of members did not have this person, who was in scope by it.
    pub(super) fn miss(&mut self, listing: &Listing<'_>) {
        if let Some(person) = &mut self.new
            && !person.is_missing()
        {
            person.miss(listing.at, listing.silence);
        }
    }

    /// Completes the new record with its history. `None` if nothing is different.
    pub(super) fn finish(
        &mut self,
        scopes: (Option<&Scope>, Option<&Scope>),
        group_name: &dyn Fn(&ExternalId) -> String,
        names: &mut Interner,
        at: i64,
    ) -> Result<Option<Move>, StoreError> {
        let Some(new) = &mut self.new else { return Ok(None) };
        let old = self.old.as_ref();
        new.changed_at = old.map_or(at, |old| old.changed_at);
        new.changed_what = old.and_then(|old| old.changed_what.clone());
        let words = describe(old, new, (&self.before, &self.after), group_name, names)?;
        let is = new.standing == Standing::Active && in_scope(scopes.1, &self.after);
        let was = old.is_some_and(|old| old.standing == Standing::Active) && in_scope(scopes.0, &self.before);
        if !words.is_empty() {
            new.changed_at = at;
            new.changed_what = Some(append(new.changed_what.take(), &words));
        }
        Ok(match (was, is) {
            (false, true) => Some(Move::Joined),
            (true, false) if new.standing == Standing::MissingUnconfirmed => Some(Move::Vanished),
            (true, false) => Some(Move::Left),
            _ => (!words.is_empty()).then_some(Move::Changed),
        })
    }
}

/// What is different, each in a few words without personal values.
fn describe(
    old: Option<&Person>,
    new: &Person,
    (before, after): (&BTreeSet<ExternalId>, &BTreeSet<ExternalId>),
    group_name: &dyn Fn(&ExternalId) -> String,
    names: &mut Interner,
) -> Result<Vec<String>, StoreError> {
    let Some(old) = old else { return Ok(vec!["new in the directory".to_owned()]) };
    let mut words = Vec::new();
    if old.attributes != new.attributes {
        compare(&names.attributes(&old.attributes)?, &names.attributes(&new.attributes)?, &mut words);
    }
    if old.standing != new.standing {
        words.push(standing_word(old.standing, new.standing).to_owned());
    }
    if old.unreadable.is_none() != new.unreadable.is_none() {
        words.push(if new.unreadable.is_some() { "record unreadable" } else { "record readable again" }.to_owned());
    }
    words.extend(after.difference(before).map(|group| format!("joined group {}", group_name(group))));
    words.extend(before.difference(after).map(|group| format!("left group {}", group_name(group))));
    Ok(words)
}

fn compare(old: &Attributes, new: &Attributes, words: &mut Vec<String>) {
    let all: BTreeSet<_> = old.iter().chain(new.iter()).map(|(name, _)| name.as_str()).collect();
    for name in all {
        let (before, after) = (old.get(name), new.get(name));
        if before == after {
            continue;
        }
        words.push(if SPELLED_OUT.contains(&name) {
            format!("{name} {} → {}", before.unwrap_or("(none)"), after.unwrap_or("(none)"))
        } else {
            format!("{name} changed")
        });
    }
}

fn standing_word(old: Standing, new: Standing) -> &'static str {
    match (old, new) {
        (Standing::Disabled, Standing::Active) => "enabled",
        (_, Standing::Active) => "back in the directory",
        (_, Standing::Disabled) => "disabled",
        (_, Standing::SoftDeleted) => "deleted (restorable)",
        (_, Standing::Deleted) => "deleted",
        (_, Standing::MissingUnconfirmed) => "missing from a listing",
        (_, Standing::MissingConfirmed) => "missing from two listings",
    }
}

fn append(so_far: Option<String>, words: &[String]) -> String {
    let mut text = so_far.unwrap_or_default();
    for word in words {
        if text.split("; ").any(|said| said == word) {
            continue;
        }
        if text.chars().count() + word.chars().count() > MAX_DESCRIPTION {
            if !text.ends_with('…') {
                text.push_str(if text.is_empty() { "several attributes changed …" } else { "; …" });
            }
            break;
        }
        if !text.is_empty() {
            text.push_str("; ");
        }
        text.push_str(word);
    }
    text
}

/// Username and e-mail address folded for finding people.
pub(super) fn search_keys(
    person: &Person,
    names: &mut Interner,
) -> Result<(Option<String>, Option<String>), StoreError> {
    let attributes = names.attributes(&person.attributes)?;
    let folded = |name| attributes.get(name).map(str::to_lowercase);
    Ok((folded(USERNAME), folded(MAIL)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(pairs: &[(&str, &str)], standing: Standing) -> Person {
        let attributes = pairs.iter().map(|(name, value)| ((*name).into(), *value)).collect();
        Person::of(&UserRecord { id: "p".into(), attributes, standing }).unwrap()
    }

    #[track_caller]
    fn check(old: &Person, new: &Person, expected: &str) {
        let groups = (BTreeSet::from(["a".into()]), BTreeSet::from(["b".into()]));
        let name = |id: &ExternalId| format!("<{id}>");
        let words = describe(Some(old), new, (&groups.0, &groups.1), &name, &mut Interner::default()).unwrap();
        assert_eq!(words.join("; "), format!("{expected}joined group <b>; left group <a>"));
    }

    #[test]
    fn positions_are_spelled_out_and_persons_are_not() {
        let care = person(&[("department", "Care"), ("family_name", "Lovelace")], Standing::Active);
        let sales = person(&[("department", "Sales"), ("family_name", "King"), ("title", "Lead")], Standing::Disabled);
        check(&care, &sales, "department Care → Sales; family_name changed; title (none) → Lead; disabled; ");
        check(&sales, &sales, "");
        let missing = person(&[("department", "Care"), ("family_name", "Lovelace")], Standing::MissingUnconfirmed);
        check(&care, &missing, "missing from a listing; ");
    }

    #[test]
    fn a_description_has_an_end_and_says_nothing_twice() {
        let mut text = None;
        for round in 0..1_000 {
            text = Some(append(text, &[format!("title {round} → {}", round + 1), "mail changed".into()]));
        }
        let text = text.unwrap();
        assert!(text.chars().count() <= MAX_DESCRIPTION + 3, "{text}");
        assert!(text.ends_with("; …"));
        assert_eq!(text.matches("mail changed").count(), 1);
        assert_eq!(append(None, &["x".repeat(1_000)]), "several attributes changed …");
    }

    #[test]
    fn silence_counts_and_an_explicit_word_outweighs_it() {
        let scope = Some(&Scope::Everybody);
        let listing = Listing { old_scope: scope, new_scope: scope, blind: false, silence: Silence::Counts, at: 5 };
        let mut draft = Draft { old: Some(person(&[], Standing::Active)), ..Draft::default() };
        for (at, expected) in [(5, Standing::MissingUnconfirmed), (6, Standing::MissingConfirmed)] {
            draft.unlisted(&Listing { at, ..listing });
            let new = draft.new.take().unwrap();
            assert_eq!((new.standing, new.missing_since, new.missed), (expected, Some(5), at - 4));
            draft.old = Some(new);
        }
        let mut draft = Draft { old: Some(person(&[], Standing::Deleted)), ..Draft::default() };
        draft.unlisted(&listing);
        assert_eq!(draft.new.unwrap().standing, Standing::Deleted);
        let mut draft = Draft { old: Some(person(&[], Standing::Active)), ..Draft::default() };
        draft.unlisted(&Listing { blind: true, ..listing });
        assert_eq!(draft.new.unwrap().standing, Standing::Active);
        let mut draft = Draft { old: Some(person(&[], Standing::MissingUnconfirmed)), ..Draft::default() };
        draft.unlisted(&Listing { silence: Silence::MustBeAsked, ..listing });
        assert_eq!(draft.new.unwrap().standing, Standing::MissingUnconfirmed, "silence proves nothing here");
    }
}
