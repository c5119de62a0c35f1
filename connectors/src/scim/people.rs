//! The users of a listing, kept small: attributes, state, and which groups they name.
//!
//! Invariant: whoever does not say `active` is judged by the configuration, once everybody has been seen.
//! Invariant: a record that cannot be read is a person who is there.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, TimeDelta, Utc};

use super::config::AbsentActive;
use super::fields::Fields;
use super::group::GroupRef;
use super::listing::Reader;
use super::server::last_segment;
use super::user::UserItem;
use super::wire::{ListPage, NotAList, users};
use crate::attributes::{Attributes, USERNAME};
use crate::directory::{ExternalId, Standing, Unreadable, UserRecord};

/// How far the server's clock may be ahead of ours.
const CLOCKS_DIFFER: TimeDelta = TimeDelta::minutes(10);

/// One person.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) attributes: Attributes,
    pub(super) active: Option<bool>,
    /// Places in [`People::refs`].
    groups: Box<[u32]>,
    pub(super) modified: Option<DateTime<Utc>>,
}

/// A group as a person names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Named {
    pub(super) id: Option<String>,
    pub(super) display: Option<String>,
    pub(super) direct: Option<bool>,
}

/// Everybody that came.
#[derive(Debug, Default)]
pub(super) struct People {
    pub(super) persons: BTreeMap<ExternalId, Person>,
    pub(super) spoilt: BTreeMap<ExternalId, (u32, String)>,
    /// Each group that anybody names, once: a hundred thousand people share a few.
    refs: Vec<Named>,
    places: HashMap<Named, u32>,
}

/// Reads users.
pub(super) struct ReadUsers<'a>(pub(super) &'a Fields);

impl Reader for ReadUsers<'_> {
    type Record = UserItem;
    type Content = People;

    fn page(&self, body: &[u8]) -> Result<ListPage<UserItem>, NotAList> {
        users(body, self.0)
    }

    fn id<'r>(&self, record: &'r UserItem) -> &'r ExternalId {
        &record.id
    }

    fn nothing(&self) -> People {
        People::default()
    }

    fn take(&self, content: &mut People, record: UserItem, page: u32) {
        content.take(record, page);
    }

    fn spoilt(&self, content: &mut People, id: ExternalId, why: String, page: u32) {
        content.persons.remove(&id);
        content.spoilt.insert(id, (page, why));
    }

    fn add(&self, content: &mut People, later: People) {
        let People { persons, spoilt, refs, places: _ } = later;
        for (id, person) in persons {
            let groups = person.groups.iter().map(|at| content.place(refs[*at as usize].clone())).collect();
            content.spoilt.remove(&id);
            content.persons.insert(id, Person { groups, ..person });
        }
        for (id, why) in spoilt {
            content.persons.remove(&id);
            content.spoilt.insert(id, why);
        }
    }
}

impl People {
    pub(super) fn take(&mut self, record: UserItem, page: u32) {
        let UserItem { id, attributes, active, groups, last_modified: modified } = record;
        if attributes.get(USERNAME).is_none() {
            self.persons.remove(&id);
            self.spoilt.insert(id, (page, "`userName` is missing".to_owned()));
            return;
        }
        let groups = groups.unwrap_or_default().into_iter().map(|group| self.place(named(group))).collect();
        self.spoilt.remove(&id);
        self.persons.insert(id, Person { attributes, active, groups, modified });
    }

    fn place(&mut self, group: Named) -> u32 {
        if let Some(place) = self.places.get(&group) {
            return *place;
        }
        let place = u32::try_from(self.refs.len()).expect("fewer groups than four thousand million fit into memory");
        self.refs.push(group.clone());
        self.places.insert(group, place);
        place
    }

    /// All groups that anybody names.
    pub(super) fn named_groups(&self) -> &[Named] {
        &self.refs
    }

    /// Who names each of these groups. Indirect memberships count if `nested`.
    pub(super) fn by_group(
        &self,
        wanted: &BTreeSet<ExternalId>,
        nested: bool,
    ) -> BTreeMap<ExternalId, BTreeSet<ExternalId>> {
        let follows: Vec<Option<&ExternalId>> = (self.refs.iter())
            .map(|named| {
                let id = named.id.as_deref().filter(|_| nested || named.direct != Some(false))?;
                wanted.get(&ExternalId::from(id))
            })
            .collect();
        let mut found: BTreeMap<ExternalId, BTreeSet<ExternalId>> = BTreeMap::new();
        for (id, person) in &self.persons {
            for group in person.groups.iter().filter_map(|place| follows[*place as usize]) {
                found.entry(group.clone()).or_default().insert(id.clone());
            }
        }
        found
    }

    /// Whether anybody says `active: true`.
    pub(super) fn says_active(&self) -> bool {
        self.persons.values().any(|person| person.active == Some(true))
    }

    /// Whether a person of this id came, readable or not.
    pub(super) fn has(&self, id: &ExternalId) -> bool {
        self.persons.contains_key(id) || self.spoilt.contains_key(id)
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = &ExternalId> {
        self.persons.keys().chain(self.spoilt.keys())
    }

    /// When each was changed last, as far as the server says so.
    pub(super) fn modified(&self) -> BTreeMap<ExternalId, DateTime<Utc>> {
        self.persons.iter().filter_map(|(id, person)| Some((id.clone(), person.modified?))).collect()
    }

    /// The last change of anybody, and who it was. A date in the future is nobody's last change: a watermark there would
    /// hide every change until then.
    pub(super) fn newest(&self, at: DateTime<Utc>) -> Option<(DateTime<Utc>, &ExternalId)> {
        let latest = at + CLOCKS_DIFFER;
        let changes = self.persons.iter().filter_map(|(id, person)| Some((person.modified?, id)));
        changes.filter(|(modified, _)| *modified <= latest).max()
    }

    /// Ids by username in lower case; a username that two have names nobody.
    pub(super) fn by_username(&self) -> HashMap<String, Option<&ExternalId>> {
        let mut found = HashMap::new();
        for (id, person) in &self.persons {
            if let Some(username) = person.attributes.get(USERNAME) {
                found.entry(username.to_lowercase()).and_modify(|who| *who = None).or_insert(Some(id));
            }
        }
        found
    }

    /// Records for those who are wanted, and those who are held.
    pub(super) fn records(
        self,
        wanted: impl Fn(&ExternalId) -> bool,
        absent: AbsentActive,
        active_said: bool,
    ) -> (BTreeMap<ExternalId, UserRecord>, Vec<Unreadable>) {
        let mut records = BTreeMap::new();
        let mut held = Vec::new();
        for (id, person) in self.persons.into_iter().filter(|(id, _)| wanted(id)) {
            match record(id, person, absent, active_said) {
                Ok(record) => {
                    records.insert(record.id.clone(), record);
                }
                Err(unreadable) => held.push(unreadable),
            }
        }
        let spoilt = self.spoilt.into_iter().filter(|(id, _)| wanted(id));
        held.extend(spoilt.map(|(id, (page, why))| Unreadable { id: Some(id), page, why }));
        (records, held)
    }
}

/// A person's record, or why the person is held.
pub(super) fn record(
    id: ExternalId,
    person: Person,
    absent: AbsentActive,
    active_said: bool,
) -> Result<UserRecord, Unreadable> {
    let active = person.active.or(match absent {
        AbsentActive::Employed => Some(true),
        AbsentActive::Left => Some(false),
        AbsentActive::Hold => None,
        AbsentActive::Auto => active_said.then_some(true),
    });
    let Some(active) = active else {
        let why = "`active` is not said, of this person or of anybody; set absent_active".to_owned();
        return Err(Unreadable { id: Some(id), page: 1, why });
    };
    let standing = if active { Standing::Active } else { Standing::Disabled };
    Ok(UserRecord { id, attributes: person.attributes, standing })
}

/// A single person, as one who came in a listing.
pub(super) fn alone(item: UserItem) -> (ExternalId, People) {
    let id = item.id.clone();
    let mut people = People::default();
    people.take(item, 1);
    (id, people)
}

fn named(group: GroupRef) -> Named {
    let GroupRef { value, reference, display, direct } = group;
    let id = value.or_else(|| reference.as_deref().and_then(last_segment));
    Named { id, display, direct }
}
