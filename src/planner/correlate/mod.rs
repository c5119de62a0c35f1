//! Whose Connect user is it? Owner tag, then the remembered link, then the adopt list in order.
//!
//! Invariant: a Connect user has at most one claimant, and a person at most one Connect user; where it could be otherwise,
//! everybody involved is held and named.
//! Invariant: only people who work here claim by an adopt rule; leavers claim what is already theirs.
//! Invariant: a user that carries somebody's owner tag is never adopted, except by a re-hire whose former record is
//! proven gone, and by the record that decides about the same human now.
//! Invariant: a record that another one shadows claims nothing new.

mod rehire;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use connectors::{DirectoryUser, PersonKey};

use super::fold::fold;
use super::human::{Human, Humans};
use super::leaver::Presence;
use super::rename::{self, Renames};
use super::rules::{AdoptBy, Rules};
use crate::model::{Attribute, ConnectUser, ConnectUserId, FindingCode, Observation, Value};

/// One person, as far as it matters for whose user is whose.
pub(super) struct Candidate<'a> {
    pub(super) user: &'a DirectoryUser,
    pub(super) presence: Presence<'a>,
    /// The username the directory gives.
    pub(super) username: Option<&'a str>,
}

impl<'a> Candidate<'a> {
    /// How the person is called on screens.
    pub(super) fn label(&self) -> Cow<'a, str> {
        self.username.map_or_else(|| Cow::Owned(self.user.key.to_string()), Cow::Borrowed)
    }

    pub(super) fn key(&self) -> &'a PersonKey {
        &self.user.key
    }
}

/// How a person came to a Connect user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By<'a> {
    /// Our tag says so.
    OwnerTag,
    /// We remember it; the tag is gone.
    Link,
    /// An entry of the adopt list.
    Rule(AdoptBy),
    /// Had it under another directory id, which is gone.
    Rehire(&'a PersonKey),
    /// Another record of the same human had it, which does not decide any more.
    HandOver(&'a PersonKey),
}

impl<'a> By<'a> {
    /// Whose it was, if it was another record's.
    pub(super) fn former(self) -> Option<&'a PersonKey> {
        match self {
            Self::Rehire(from) | Self::HandOver(from) => Some(from),
            Self::OwnerTag | Self::Link | Self::Rule(_) => None,
        }
    }
}

/// What correlation says about one person.
#[derive(Debug)]
pub(super) enum Claim<'a> {
    /// No Connect user.
    Nobody,
    /// This one.
    Mine { user: &'a ConnectUser, by: By<'a> },
    /// Cannot be told; held.
    Held { code: FindingCode, message: String, hint: String },
    /// Cannot be told before a source could be read; nothing is concluded.
    Wait { why: String },
}

/// Who has whom.
pub(super) struct Correlation<'a> {
    /// One claim for each candidate, in the same order.
    pub(super) claims: Vec<Claim<'a>>,
    /// Users that somebody claims, rightly or not.
    pub(super) claimed: HashSet<&'a ConnectUserId>,
    /// Renames, by the place of the candidate.
    pub(super) renames: Renames<'a>,
    /// People who have left by what is stored, and whose user stands in the way of somebody of the same directory who has
    /// their username: what is stored of them may be old, so they are to be asked for by id.
    pub(super) overtaken: BTreeSet<&'a PersonKey>,
}

/// Decides whose user is whose. `people` is sorted by key.
pub(super) fn correlate<'a>(
    seen: &'a Observation,
    rules: &Rules,
    people: &[Candidate<'a>],
    humans: &Humans<'a>,
) -> Correlation<'a> {
    let mut work = Work::new(seen, people, humans);
    work.claim_own(rename::follows(rules));
    work.outlive();
    work.hold_shared();
    work.hand_over();
    work.rehire();
    let open = Open::new(seen, &work.claimed);
    for by in &rules.adopt {
        work.adopt(*by, &open);
    }
    work.hold_shared();
    work.hold_taken_names();
    if rename::follows(rules) {
        rename::hold_taken(seen, people, humans, &mut work.claims, &mut work.renames);
    }
    work.hold_doubles();
    Correlation { claims: work.claims, claimed: work.claimed, renames: work.renames, overtaken: work.overtaken }
}

struct Work<'a, 'p> {
    seen: &'a Observation,
    people: &'p [Candidate<'a>],
    humans: &'p Humans<'a>,
    claims: Vec<Claim<'a>>,
    claimed: HashSet<&'a ConnectUserId>,
    /// Users among several that match one person: whoever else matches one of them cannot be told apart either.
    contested: HashMap<&'a ConnectUserId, Vec<usize>>,
    by_username: HashMap<Cow<'a, str>, Vec<&'a ConnectUser>>,
    renames: Renames<'a>,
    overtaken: BTreeSet<&'a PersonKey>,
}

impl<'a, 'p> Work<'a, 'p> {
    fn new(seen: &'a Observation, people: &'p [Candidate<'a>], humans: &'p Humans<'a>) -> Self {
        let mut by_username: HashMap<Cow<'a, str>, Vec<&'a ConnectUser>> = HashMap::new();
        for user in seen.connect.users.values() {
            by_username.entry(fold(&user.username)).or_default().push(user);
        }
        let claims = people.iter().map(|_| Claim::Nobody).collect();
        let (claimed, contested, renames, overtaken) = Default::default();
        Self { seen, people, humans, claims, claimed, contested, by_username, renames, overtaken }
    }

    /// The username of somebody who works here and acts, folded.
    fn folded(&self, at: usize) -> Option<Cow<'a, str>> {
        let Candidate { presence, username, .. } = &self.people[at];
        username.map(fold).filter(|_| matches!(presence, Presence::Here) && self.humans.acts(at))
    }

    /// Owner tags, and links where no tag speaks. `renames`: of two users of one person, one may be from before a rename.
    fn claim_own(&mut self, renames: bool) {
        let mut owned: HashMap<&PersonKey, Vec<&'a ConnectUser>> = HashMap::new();
        for user in self.seen.connect.users.values() {
            if let Some(owner) = &user.owner {
                owned.entry(owner).or_default().push(user);
            }
        }
        for (at, candidate) in self.people.iter().enumerate() {
            let own = owned.get(candidate.key()).map_or(&[][..], Vec::as_slice);
            self.claimed.extend(own.iter().map(|user| &user.id));
            self.claims[at] = match own {
                [user] => Claim::Mine { user, by: By::OwnerTag },
                [] => self.linked(candidate.key()),
                several => {
                    let memory = self.seen.memory.get(candidate.key());
                    match rename::keeper(several, candidate.username, memory).filter(|_| renames) {
                        Some((user, retiring)) => {
                            self.renames.entry(at).or_default().retiring = retiring;
                            Claim::Mine { user, by: By::OwnerTag }
                        }
                        None => two_users(several, "carry the owner tag of this person"),
                    }
                }
            };
        }
    }

    /// The remembered user, unless it carries somebody's owner tag by now.
    fn linked(&mut self, person: &PersonKey) -> Claim<'a> {
        let link = self.seen.memory.get(person).and_then(|memory| memory.link.as_ref());
        match link.and_then(|id| self.seen.connect.users.get(id)).filter(|user| user.owner.is_none()) {
            None => Claim::Nobody,
            Some(user) => {
                self.claimed.insert(&user.id);
                Claim::Mine { user, by: By::Link }
            }
        }
    }

    /// Two people, one user: both are held.
    fn hold_shared(&mut self) {
        let mut claimants = self.contested.clone();
        for (at, claim) in self.claims.iter().enumerate() {
            if let Claim::Mine { user, .. } = claim {
                claimants.entry(&user.id).or_default().push(at);
            }
        }
        for (user, people) in claimants.into_iter().filter(|(_, people)| people.len() > 1) {
            let message = format!("{} claim Connect user {user}", self.keys(&people));
            for at in people {
                // Whoever matches several users is held already, with all of them named.
                if matches!(self.claims[at], Claim::Held { .. }) {
                    continue;
                }
                self.claims[at] = Claim::Held {
                    code: FindingCode::AmbiguousMatch,
                    message: message.clone(),
                    hint: format!("put the tag {} with the right person's key on this user", crate::model::OWNER_TAG),
                };
            }
        }
    }

    /// The Connect user of a human goes to the record that decides now. A record whose source says nothing more gives it
    /// up only if that source could be read.
    fn hand_over(&mut self) {
        for Human { decides, others } in &self.humans.several {
            let holds = |at: &&usize| matches!(self.claims[**at], Claim::Mine { .. });
            let Some(&holder) = others.iter().find(holds) else { continue };
            match (&self.claims[*decides], &self.claims[holder]) {
                (Claim::Nobody, Claim::Mine { user, .. }) => {
                    let (user, key) = (*user, self.people[holder].key());
                    let unread = matches!(self.people[holder].presence, Presence::Unknown(_));
                    if unread && self.humans.acts(holder) {
                        let why = format!("{key} has the Connect user, and its source could not be read");
                        self.claims[*decides] = Claim::Wait { why };
                    } else {
                        self.claims[*decides] = Claim::Mine { user, by: By::HandOver(key) };
                        self.claims[holder] = Claim::Nobody;
                    }
                }
                (Claim::Held { .. } | Claim::Wait { .. }, _) => continue,
                _ => {}
            }
            self.hold_seconds(*decides, others);
        }
    }

    /// Another Connect user of a human who has one already: whoever is shadowed and has it is held and named, because
    /// nothing that the deciding record says reaches that user.
    fn hold_seconds(&mut self, decides: usize, others: &[usize]) {
        let Claim::Mine { user: first, .. } = &self.claims[decides] else { return };
        let first = first.id.clone();
        for &at in others.iter().filter(|at| !self.humans.acts(**at)) {
            if let Claim::Mine { user, .. } = &self.claims[at] {
                let keys = self.keys(&[decides, at]);
                self.claims[at] = Claim::Held {
                    code: FindingCode::AmbiguousMatch,
                    message: format!("{keys} are one human and have two Connect users, {first} and {}", user.id),
                    hint: format!("delete {} in Connect, or the other one if that is the one in use", user.id),
                };
            }
        }
    }

    fn holders(&self) -> HashMap<&'a ConnectUserId, usize> {
        let mine = |(at, claim): (usize, &Claim<'a>)| match claim {
            Claim::Mine { user, .. } => Some((&user.id, at)),
            Claim::Nobody | Claim::Held { .. } | Claim::Wait { .. } => None,
        };
        self.claims.iter().enumerate().filter_map(mine).collect()
    }

    /// One entry of the adopt list, for everybody who works here and has no user yet.
    fn adopt(&mut self, by: AdoptBy, open: &Open<'a>) {
        for (at, candidate) in self.people.iter().enumerate() {
            let works = matches!((&self.claims[at], &candidate.presence), (Claim::Nobody, Presence::Here));
            if !works || !self.humans.acts(at) {
                continue;
            }
            let found = open.find(by, candidate);
            self.claimed.extend(found.iter().map(|user| &user.id));
            if found.len() > 1 {
                for user in &found {
                    self.contested.entry(&user.id).or_default().push(at);
                }
            }
            self.claims[at] = match found.as_slice() {
                [] => Claim::Nobody,
                [user] => Claim::Mine { user, by: By::Rule(by) },
                several => two_users(several, &format!("match this person by {}", by.name())),
            };
        }
    }

    /// Whoever would be created under a name that Connect already has.
    fn hold_taken_names(&mut self) {
        let holders = self.holders();
        for at in 0..self.people.len() {
            let (Claim::Nobody, Some(name)) = (&self.claims[at], self.folded(at)) else { continue };
            let Some([user, ..]) = self.by_username.get(&name).map(Vec::as_slice) else { continue };
            let holder = holders.get(&user.id).map(|at| self.people[*at].key()).or(user.owner.as_ref());
            let (message, hint) = match holder {
                Some(holder) => (
                    format!(
                        "{} and {holder} have the same username; Connect user {} is {holder}'s",
                        self.people[at].key(),
                        user.id
                    ),
                    "give one of them another username, or delete the former record in the directory",
                ),
                None => (
                    format!("the username is taken by Connect user {}, which no adopt rule matches", user.id),
                    "add \"username\" to [adopt] match, or delete that user",
                ),
            };
            self.claims[at] = Claim::Held { code: FindingCode::DuplicateUsername, message, hint: hint.to_owned() };
        }
    }

    /// Two people who work here with one username.
    fn hold_doubles(&mut self) {
        let mut by_name: HashMap<Cow<'a, str>, Vec<usize>> = HashMap::new();
        for at in 0..self.people.len() {
            if let Some(name) = self.folded(at) {
                by_name.entry(name).or_default().push(at);
            }
        }
        for people in by_name.into_values().filter(|people| people.len() > 1) {
            let message = format!("{} have the same username", self.keys(&people));
            for at in people {
                self.claims[at] = Claim::Held {
                    code: FindingCode::DuplicateUsername,
                    message: message.clone(),
                    hint: "give all but one of them another username, or take them out of scope".to_owned(),
                };
            }
        }
    }

    fn keys(&self, people: &[usize]) -> String {
        let keys: BTreeSet<String> = people.iter().map(|at| self.people[*at].key().to_string()).collect();
        keys.into_iter().collect::<Vec<_>>().join(" and ")
    }
}

fn two_users<'a>(several: &[&ConnectUser], how: &str) -> Claim<'a> {
    let ids: BTreeSet<&str> = several.iter().map(|user| user.id.as_str()).collect();
    let ids = ids.into_iter().collect::<Vec<_>>().join(" and ");
    Claim::Held {
        code: FindingCode::AmbiguousMatch,
        message: format!("Connect users {ids} {how}"),
        hint: "delete one of them in Connect, or leave the owner tag on the right one only".to_owned(),
    }
}

/// Users without owner tag and without claimant, by what adopt rules look at.
struct Open<'a> {
    username: HashMap<Cow<'a, str>, Vec<&'a ConnectUser>>,
    /// Users whose whole name is a mailbox name, and users by the part before `@`.
    bare: HashMap<Cow<'a, str>, Vec<&'a ConnectUser>>,
    mailbox: HashMap<Cow<'a, str>, Vec<&'a ConnectUser>>,
    email: HashMap<Cow<'a, str>, Vec<&'a ConnectUser>>,
}

impl<'a> Open<'a> {
    fn new(seen: &'a Observation, claimed: &HashSet<&'a ConnectUserId>) -> Self {
        let mut open =
            Self { username: HashMap::new(), bare: HashMap::new(), mailbox: HashMap::new(), email: HashMap::new() };
        let users = seen.connect.users.values();
        for user in users.filter(|user| user.owner.is_none() && !claimed.contains(&user.id)) {
            open.username.entry(fold(&user.username)).or_default().push(user);
            match user.username.split_once('@') {
                Some((mailbox, _)) => open.mailbox.entry(fold(mailbox)).or_default().push(user),
                None => open.bare.entry(fold(&user.username)).or_default().push(user),
            }
            let address = |attribute| match user.seen(attribute).known() {
                Some(Value::Text(text)) => Some(fold(text)),
                _ => None,
            };
            // The same address in both fields is one address.
            let addresses: BTreeSet<Cow<'_, str>> =
                [Attribute::Email, Attribute::SecondaryEmail].into_iter().filter_map(address).collect();
            for address in addresses {
                open.email.entry(address).or_default().push(user);
            }
        }
        open
    }

    fn find(&self, by: AdoptBy, candidate: &Candidate<'a>) -> Vec<&'a ConnectUser> {
        let get = |map: &HashMap<Cow<'a, str>, Vec<&'a ConnectUser>>, name: &str| {
            map.get(fold(name).as_ref()).cloned().unwrap_or_default()
        };
        let username = candidate.username.unwrap_or_default();
        match by {
            // Claimed before the list is walked.
            AdoptBy::OwnerTag => Vec::new(),
            AdoptBy::Username => get(&self.username, username),
            // One of the two must be without a domain: ada@one and ada@two are different people.
            AdoptBy::MailboxName => match username.split_once('@') {
                Some((mailbox, _)) => get(&self.bare, mailbox),
                None => get(&self.mailbox, username),
            },
            AdoptBy::Email => match candidate.user.attributes.get(connectors::attributes::MAIL) {
                Some(address) => get(&self.email, address),
                None => Vec::new(),
            },
        }
    }
}

/// Owner tags that nobody in the directory view answers to, by person.
pub(super) fn strange_owners(seen: &Observation) -> BTreeMap<&PersonKey, &ConnectUser> {
    let users = seen.connect.users.values();
    users
        .filter_map(|user| user.owner.as_ref().map(|owner| (owner, user)))
        .filter(|(owner, _)| !seen.directory.people.contains_key(*owner))
        .collect()
}
