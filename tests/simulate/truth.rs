//! Who really is here: read from the simulated directories themselves, never from what the program believes.

use std::collections::{BTreeMap, BTreeSet};

use rollcall::model::Time;
use rollcall::sandbox::Sandbox;
use rollcall::sandbox::okta::OktaOrg;
use rollcall::sandbox::scene::{AGENTS, SceneSource};
use rollcall::sandbox::scim::Character;
use rollcall::sandbox::tenant::Tenant;

/// What a directory says about one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Works here, and in scope.
    Here,
    /// Switched off, or deleted and restorable: this directory's leaver.
    Off,
    /// Deleted for good, or out of scope: this directory has nothing to say.
    Out,
}

/// One record.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    /// The tenant's own id.
    pub(crate) id: String,
    /// Which directory, in the order of precedence.
    pub(crate) source: usize,
    pub(crate) standing: Standing,
    /// Deleted, restorable or not.
    pub(crate) deleted: bool,
    pub(crate) login: String,
    pub(crate) department: String,
    pub(crate) title: String,
    pub(crate) lead: bool,
    pub(crate) recording: bool,
}

impl Person {
    pub(crate) fn is_here(&self) -> bool {
        self.standing == Standing::Here
    }

    /// Whether a Connect user of this name is, or would be, this person's.
    pub(crate) fn goes_by(&self, username: &str) -> bool {
        let mailbox = self.login.split('@').next().unwrap_or_default();
        self.login.eq_ignore_ascii_case(username) || mailbox.eq_ignore_ascii_case(username)
    }
}

/// One directory.
pub(crate) struct Book {
    pub(crate) name: &'static str,
    pub(crate) tenant: Tenant,
    kind: SceneSource,
    /// Every id that ever was there.
    ids: BTreeSet<String>,
}

/// All directories.
pub(crate) struct Truth {
    pub(crate) books: Vec<Book>,
    okta: OktaOrg,
    everybody: bool,
    /// Whether an empty page has hidden people from the program, as far as anybody knows.
    pub(crate) hidden: bool,
    /// By key, as the owner mark has it.
    pub(crate) people: BTreeMap<String, Person>,
    /// Since when somebody is not here without a break.
    gone_since: BTreeMap<String, Time>,
    /// Records that were deleted when the state file was lost.
    untold: BTreeSet<String>,
}

impl Truth {
    pub(crate) fn new(sandbox: &Sandbox, sources: &[SceneSource], everybody: bool) -> Self {
        let book = |kind: &SceneSource| {
            let (name, tenant) = match kind {
                SceneSource::Entra => ("entra", &sandbox.tenant),
                SceneSource::Okta { .. } => ("okta", &sandbox.tenant),
                SceneSource::Scim { .. } => ("hr", &sandbox.tenant),
                SceneSource::Partner { .. } => ("partner", &sandbox.partner),
            };
            Book { name, tenant: tenant.clone(), kind: *kind, ids: BTreeSet::new() }
        };
        let books = sources.iter().map(book).collect();
        let (people, gone_since) = (BTreeMap::new(), BTreeMap::new());
        Self {
            books,
            okta: sandbox.okta.clone(),
            everybody,
            hidden: false,
            people,
            gone_since,
            untold: BTreeSet::new(),
        }
    }

    fn key(&self, book: &Book, id: &str) -> String {
        match book.kind {
            SceneSource::Okta { .. } => format!("okta/{}", self.okta.okta_id(id).unwrap_or_default()),
            SceneSource::Scim { character: Character::OddIds }
            | SceneSource::Partner { character: Character::OddIds } => {
                let domain = if book.name == "partner" { "fabrikam.example" } else { "contoso.example" };
                format!("{}/people/{id} @{domain}", book.name)
            }
            _ => format!("{}/{id}", book.name),
        }
    }

    /// Looks at every directory anew.
    pub(crate) fn look(&mut self, at: Time) {
        let mut people = BTreeMap::new();
        for source in 0..self.books.len() {
            let book = &mut self.books[source];
            book.ids.extend(book.tenant.users().into_iter().map(|user| user.id));
            let book = &self.books[source];
            let tenant = &book.tenant;
            // Groups in groups do not count by default (`nested = false`); Okta shows no groups in groups.
            let nested = matches!(book.kind, SceneSource::Okta { .. });
            let members = |name: &str| -> BTreeSet<String> {
                tenant.group_id(name).map(|id| tenant.members(&id, nested).into_iter().collect()).unwrap_or_default()
            };
            let (agents, leads, recording) = (members(AGENTS), members("Connect-Leads"), members("Connect-Recording"));
            let active: BTreeMap<String, bool> =
                tenant.users().into_iter().map(|user| (user.id, user.account_enabled)).collect();
            for id in &book.ids {
                let properties = tenant.properties(id);
                let text = |name: &str| properties.get(name).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
                let key = self.key(book, id);
                let before = self.people.get(&key);
                let gone = tenant.is_gone(id);
                let standing = match active.get(id) {
                    Some(true) if self.everybody || agents.contains(id) => Standing::Here,
                    Some(false) if self.everybody || agents.contains(id) => Standing::Off,
                    Some(_) => Standing::Out,
                    None if gone => Standing::Out,
                    None => Standing::Off,
                };
                let deleted = !active.contains_key(id);
                // A deleted account's login name is freed by a prefix.
                let login = match before {
                    Some(before) if deleted => before.login.clone(),
                    _ => text("userPrincipalName"),
                };
                let (department, title) = (text("department"), text("jobTitle"));
                let (lead, recording) = (leads.contains(id), recording.contains(id));
                let id = id.clone();
                people.insert(key, Person { id, source, standing, deleted, login, department, title, lead, recording });
            }
        }
        for (key, person) in &people {
            if !person.is_here() {
                self.gone_since.entry(key.clone()).or_insert(at);
            }
        }
        self.people = people;
    }

    /// The state file is lost: of records that are deleted by now nothing can be known any more.
    pub(crate) fn forget(&mut self) {
        self.untold.extend(self.people.iter().filter(|(_, person)| person.deleted).map(|(key, _)| key.clone()));
    }

    /// A run has read every directory: whoever is here has been seen. A return that ended before any run could see it is
    /// none.
    pub(crate) fn seen(&mut self) {
        let people = &self.people;
        self.gone_since.retain(|key, _| people.get(key).is_some_and(|person| !person.is_here()));
    }

    /// Whether nobody is here by one of the directories.
    pub(crate) fn has_empty_book(&self) -> bool {
        (0..self.books.len()).any(|source| self.here().all(|(_, person)| person.source != source))
    }

    /// Since when somebody is not here, as far as a run could have seen it: a return that none has seen is none.
    pub(crate) fn away_as_seen(&self, key: &str) -> Option<Time> {
        self.gone_since.get(key).copied()
    }

    /// Everybody who is here, by key.
    pub(crate) fn here(&self) -> impl Iterator<Item = (&String, &Person)> {
        self.people.iter().filter(|(_, person)| person.is_here())
    }

    /// Since when nobody is here whose Connect user that could be; `None` while somebody is. A user that nobody ever
    /// could claim was always without one.
    pub(crate) fn gone_since(&self, owner: &str, username: &str) -> Option<Time> {
        let login = self.people.get(owner).map(|person| &person.login);
        let source = self.people.get(owner).map(|person| person.source);
        // The same login name is the same human in another directory. In the same one it is a re-hire, who takes the user
        // over if the user has that name, and else (after a rename) gets a new one while the old one is retired.
        // Nothing says so any more if the record was deleted before the memory was lost, and the user has another name.
        let told = !self.untold.contains(owner);
        let same = |person: &Person| {
            person.goes_by(username) || (told && login == Some(&person.login) && source != Some(person.source))
        };
        let records: Vec<(&String, &Person)> =
            self.people.iter().filter(|(key, person)| *key == owner || same(person)).collect();
        let since = |key: &String| self.gone_since.get(key).copied();
        match decides(records.iter().copied()) {
            // A new record of a human whose old one is gone may be what was hidden.
            Some((key, _)) if self.hidden && key != owner => since(key).or_else(|| self.gone_since.get(owner).copied()),
            // Whoever the first directory has switched off is a leaver, whatever the others say.
            Some((key, _)) => since(key),
            None => Some(records.iter().filter_map(|(key, _)| since(key)).max().unwrap_or(Time::MIN_UTC)),
        }
    }

    /// Whose record decides about the human of this record: the first that has something to say.
    pub(crate) fn decider(&self, login: &str) -> Option<(&String, &Person)> {
        decides(self.people.iter().filter(|(_, other)| other.login.eq_ignore_ascii_case(login)))
    }
}

/// The first record that has something to say; of two in one directory, the one who is here.
fn decides<'a>(records: impl Iterator<Item = (&'a String, &'a Person)>) -> Option<(&'a String, &'a Person)> {
    let speaking = records.filter(|(_, person)| person.standing != Standing::Out);
    speaking.min_by_key(|(_, person)| (person.source, !person.is_here()))
}
