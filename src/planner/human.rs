//! Which records of several directories are one human, and whose word counts.
//!
//! Two records of different sources are one human if they agree in an attribute of `same_person`, and if in each of the
//! two sources exactly one record has that value. A record that its source has nothing more to say about (deleted, out of
//! scope) gives way to a living one with the same value, and of several such records those that have no Connect user to the
//! one that has. The first source in the order of precedence that still says
//! something decides, also if what it says is "has left", and also while it cannot be read.
//!
//! Invariant: a human has at most one record in each source; where it could be otherwise, nothing is linked.
//! Invariant: who decides depends on what is stored, never on whether a source could be read in this run.
//! Deliberately absent: whose Connect user is whose; `correlate` hands it over where the deciding record changed.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};

use connectors::{AttributeName, PersonKey};

use super::correlate::Candidate;
use super::fold::fold;
use super::leaver;
use super::rules::Rules;
use crate::model::{LeaveReason, Observation};

/// What the word of one record counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Role<'a> {
    /// It decides.
    Decides,
    /// A record of a source that comes first decides.
    Shadowed {
        /// Which, by its place among the candidates.
        by: usize,
        /// The attribute by which the two are one human.
        matched: &'a AttributeName,
    },
    /// Its source has nothing more to say; the record of another source decides.
    Silent {
        /// Which, by its place among the candidates.
        by: usize,
        /// The attribute by which the two are one human.
        matched: &'a AttributeName,
        /// Why.
        why: LeaveReason,
    },
}

/// The records of one human in several directories, one of which decides.
#[derive(Debug)]
pub(super) struct Human {
    /// The record that decides, by its place among the candidates.
    pub(super) decides: usize,
    /// The others, in the order of precedence.
    pub(super) others: Vec<usize>,
}

/// Everybody's role.
#[derive(Debug, Default)]
pub(super) struct Humans<'a> {
    /// Roles of those who do not simply decide for themselves.
    roles: HashMap<usize, Role<'a>>,
    /// Humans with several records, by their deciding record's place.
    pub(super) several: Vec<Human>,
}

impl<'a> Humans<'a> {
    /// Finds out who is one human. `people` is sorted by key.
    pub(super) fn of(seen: &'a Observation, rules: &'a Rules, people: &[Candidate<'a>]) -> Self {
        if rules.sources.len() < 2 || rules.same_person.is_empty() {
            return Self::default();
        }
        let mut links = Links::new(seen, rules, people);
        for attribute in &rules.same_person {
            links.by(attribute);
        }
        links.decide()
    }

    /// The role of one record, by its place.
    pub(super) fn role(&self, at: usize) -> Role<'a> {
        self.roles.get(&at).cloned().unwrap_or(Role::Decides)
    }

    /// Whether a record may act: claim a Connect user, get one, be counted.
    pub(super) fn acts(&self, at: usize) -> bool {
        !matches!(self.roles.get(&at), Some(Role::Shadowed { .. }))
    }
}

/// Records with one value of an attribute in one source.
#[derive(Default, Clone, Copy)]
struct Having {
    living: Count,
    /// Silent records that have a Connect user.
    holding: Count,
    silent: Count,
}

#[derive(Default, Clone, Copy)]
enum Count {
    #[default]
    None,
    One(usize),
    Many,
}

impl Count {
    fn add(&mut self, at: usize) {
        *self = match self {
            Self::None => Self::One(at),
            Self::One(_) | Self::Many => Self::Many,
        };
    }
}

impl Having {
    /// The one record that a value stands for.
    fn only(self) -> Option<usize> {
        let counts = [self.living, self.holding, self.silent];
        match counts.into_iter().find(|count| !matches!(count, Count::None))? {
            Count::One(at) => Some(at),
            Count::None | Count::Many => None,
        }
    }
}

struct Links<'a, 'p> {
    people: &'p [Candidate<'a>],
    rules: &'a Rules,
    /// Places of everybody of a source, by its rank.
    of_source: Vec<Vec<usize>>,
    ranks: HashMap<usize, usize>,
    silent: HashMap<usize, LeaveReason>,
    /// Records that have a Connect user.
    holding: HashSet<usize>,
    /// The group of a record, as a place in `groups`.
    group: HashMap<usize, usize>,
    groups: Vec<BTreeSet<(usize, usize)>>,
    /// The attribute by which a record came to its group.
    linked_by: HashMap<usize, &'a AttributeName>,
}

impl<'a, 'p> Links<'a, 'p> {
    fn new(seen: &'a Observation, rules: &'a Rules, people: &'p [Candidate<'a>]) -> Self {
        let users = &seen.connect.users;
        let owners: HashSet<&PersonKey> = users.values().filter_map(|user| user.owner.as_ref()).collect();
        let linked = |key: &PersonKey| {
            let link = seen.memory.get(key).and_then(|memory| memory.link.as_ref());
            link.and_then(|id| users.get(id)).is_some_and(|user| user.owner.is_none())
        };
        let mut links = Self {
            people,
            rules,
            of_source: vec![Vec::new(); rules.sources.len()],
            ranks: HashMap::new(),
            silent: HashMap::new(),
            holding: HashSet::new(),
            group: HashMap::new(),
            groups: Vec::new(),
            linked_by: HashMap::new(),
        };
        for (at, candidate) in people.iter().enumerate() {
            let key = &candidate.user.key;
            let Some(rank) = rules.rank(&key.source) else { continue };
            links.of_source[rank].push(at);
            links.ranks.insert(at, rank);
            let stage = seen.memory.get(key).map(|memory| memory.stage).unwrap_or_default();
            let own = (owners.contains(key) || linked(key)).then_some(stage);
            if own.is_some() {
                links.holding.insert(at);
            }
            if let Some(why) = leaver::silent(candidate.user, seen, &rules.sources[rank], own) {
                links.silent.insert(at, why);
            }
        }
        links
    }

    fn value(&self, at: usize, attribute: &AttributeName) -> Option<Cow<'a, str>> {
        self.people[at].user.attribute(attribute).map(fold)
    }

    /// Links by one attribute, the sources that come first first: who belongs to them leaves no room for another record
    /// of the same source.
    fn by(&mut self, attribute: &'a AttributeName) {
        let having: Vec<HashMap<Cow<'a, str>, Having>> = (self.of_source.iter())
            .map(|places| {
                let mut having: HashMap<Cow<'a, str>, Having> = HashMap::new();
                for at in places {
                    let Some(value) = self.value(*at, attribute) else { continue };
                    let having = having.entry(value).or_default();
                    match (self.silent.contains_key(at), self.holding.contains(at)) {
                        (false, _) => having.living.add(*at),
                        (true, true) => having.holding.add(*at),
                        (true, false) => having.silent.add(*at),
                    }
                }
                having
            })
            .collect();
        for first in 0..having.len() {
            for second in first + 1..having.len() {
                for at in self.of_source[second].clone() {
                    let Some(value) = self.value(at, attribute) else { continue };
                    let only = |rank: usize| having[rank].get(&value).copied().and_then(Having::only);
                    if let (Some(one), true) = (only(first), only(second) == Some(at)) {
                        self.join(one, at, attribute);
                    }
                }
            }
        }
    }

    fn join(&mut self, one: usize, other: usize, attribute: &'a AttributeName) {
        let (into, from) = (self.group_of(one), self.group_of(other));
        let sources = |group: &BTreeSet<(usize, usize)>| group.iter().map(|(rank, _)| *rank).collect::<BTreeSet<_>>();
        if into == from || !sources(&self.groups[into]).is_disjoint(&sources(&self.groups[from])) {
            return;
        }
        let moved = std::mem::take(&mut self.groups[from]);
        for (_, at) in &moved {
            self.group.insert(*at, into);
        }
        self.groups[into].extend(moved);
        for at in [one, other] {
            self.linked_by.entry(at).or_insert(attribute);
        }
    }

    fn group_of(&mut self, at: usize) -> usize {
        if let Some(group) = self.group.get(&at) {
            return *group;
        }
        self.groups.push(BTreeSet::from([(self.ranks[&at], at)]));
        self.group.insert(at, self.groups.len() - 1);
        self.groups.len() - 1
    }

    /// The first that is not silent decides. Where all are silent, each stands for itself: whoever still has a Connect
    /// user leaves as its own record says.
    fn decide(self) -> Humans<'a> {
        let mut humans = Humans::default();
        for group in self.groups.iter().filter(|group| group.len() > 1) {
            let members = || group.iter().map(|(_, at)| *at);
            let Some(decides) = members().find(|at| !self.silent.contains_key(at)) else { continue };
            for at in members().filter(|at| *at != decides) {
                let (by, matched) = (decides, self.matched(at, decides));
                let role = match self.silent.get(&at) {
                    Some(why) => Role::Silent { by, matched, why: why.clone() },
                    None => Role::Shadowed { by, matched },
                };
                humans.roles.insert(at, role);
            }
            humans.several.push(Human { decides, others: members().filter(|at| *at != decides).collect() });
        }
        humans.several.sort_by_key(|human| human.decides);
        humans
    }

    /// What two records of one human agree in; through a third one, what brought the first into the group.
    fn matched(&self, at: usize, decides: usize) -> &'a AttributeName {
        let agree = |attribute: &&AttributeName| {
            let (one, other) = (self.value(at, attribute), self.value(decides, attribute));
            one.is_some() && one == other
        };
        let linked = self.linked_by.get(&at).copied();
        self.rules.same_person.iter().find(agree).or(linked).unwrap_or(&self.rules.same_person[0])
    }
}
