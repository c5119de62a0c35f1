//! A server, a source and a state file. One round is what a run does with a source: pull, store, ask for the missing.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use connectors::http::{HttpLimits, RetryRules};
use connectors::{PullRequest, Scope, SecretSource, Source, Standing, attributes};
use rollcall::model::Time;
use rollcall::sandbox::faults::{Fault, FaultKind};
use rollcall::sandbox::scene::{self, AGENTS, CLIENT_SECRET, SceneSettings};
use rollcall::sandbox::{QuotaSettings, Sandbox};
use rollcall::store::{RunLease, Store};
use tempfile::TempDir;

use super::kinds::Kind;
use crate::world::now;

/// People of the company. More than a page of anything that is set small.
pub(crate) const PEOPLE: usize = 45;

/// As many calls as there may be.
pub(crate) const ALWAYS: u32 = 1_000_000;

/// One source over one server.
pub(crate) struct Rig {
    pub(crate) sandbox: Sandbox,
    pub(crate) kind: Kind,
    _folder: TempDir,
    store: Store,
    lease: RunLease,
    source: Source,
}

/// What is known after a round, by login name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    /// Active and in scope.
    pub(crate) here: BTreeSet<String>,
    /// A leaver by everything that is stored: whoever is wrongly in here would lose their access.
    pub(crate) gone: BTreeSet<String>,
    /// Neither: missing and not confirmed, or unreadable.
    pub(crate) held: BTreeSet<String>,
}

/// A round that was refused: its message with the hint.
pub(crate) type Refused = String;

impl Rig {
    pub(crate) async fn new(kind: &Kind) -> Self {
        Self::of(kind, PEOPLE).await
    }

    /// A company of that many people on a fresh server.
    pub(crate) async fn of(kind: &Kind, people: usize) -> Self {
        let mut settings = SceneSettings::new(now(), people);
        settings.plain = true;
        settings.connect.quota = QuotaSettings::unlimited();
        let sandbox = scene::start(settings).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("client-secret");
        std::fs::write(&secret, CLIENT_SECRET).unwrap();
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
        (kind.prepare)(&sandbox);
        let source = (kind.source)(&sandbox, &SecretSource::File(secret), limits());
        let store = Store::open(&folder.path().join("state.db"), now()).await.unwrap();
        let lease = store.acquire("contract", now()).await.unwrap();
        Self { sandbox, kind: *kind, _folder: folder, store, lease, source }
    }

    /// Pull, store, ask for the missing; as a run does it.
    pub(crate) async fn round(&self, full: bool) -> Result<Known, Refused> {
        self.round_at(full, now()).await
    }

    /// A round an hour later.
    pub(crate) async fn round_later(&self, full: bool) -> Result<Known, Refused> {
        self.round_at(full, now() + chrono::TimeDelta::hours(1)).await
    }

    async fn round_at(&self, full: bool, at: Time) -> Result<Known, Refused> {
        let name = self.source.name();
        let cursor = if full { None } else { self.store.cursor(name).await.unwrap() };
        let known = self.store.known(name).await.unwrap();
        let request = PullRequest { cursor: cursor.as_ref(), known: &known, at };
        let pulled = self.source.pull(request).await.map_err(|error| format!("{error} → {}", error.hint))?;
        let outcome = self.store.apply_pull(Some(&self.lease), name, pulled, at).await;
        let outcome = outcome.map_err(|error| format!("{error} → {}", error.hint()))?;
        let ask = outcome.to_ask(200);
        if !ask.is_empty() {
            let answers = self.source.confirm(&ask).await.map_err(|error| format!("{error} → {}", error.hint))?;
            let confirmed = self.store.confirm(name, &answers, at).await.unwrap();
            if !confirmed.contradicted.is_empty() {
                return Err(format!("{} people were missing and are there", confirmed.contradicted.len()));
            }
        }
        Ok(self.known().await)
    }

    /// What is stored.
    pub(crate) async fn known(&self) -> Known {
        let name = self.source.name().clone();
        let view = self.store.directory_view(&BTreeMap::new(), std::slice::from_ref(&name)).await.unwrap();
        let scope = view.sources[&name].scope.clone();
        let mut known = Known { here: BTreeSet::new(), gone: BTreeSet::new(), held: BTreeSet::new() };
        for person in view.people.values() {
            let login = person.attributes.get(attributes::USERNAME).unwrap_or(person.key.id.as_str()).to_owned();
            let in_scope = match &scope {
                None => false,
                Some(Scope::Everybody) => true,
                Some(Scope::Groups(ids)) => person.groups.iter().any(|group| ids.contains(&group.id)),
            };
            let list = match person.standing {
                _ if person.unreadable.is_some() => &mut known.held,
                Standing::MissingUnconfirmed => &mut known.held,
                Standing::Active if in_scope => &mut known.here,
                _ => &mut known.gone,
            };
            list.insert(login);
        }
        known
    }

    /// What is stored of somebody, by login name.
    pub(crate) async fn attribute(&self, login: &str, name: &str) -> Option<String> {
        let source = self.source.name().clone();
        let view = self.store.directory_view(&BTreeMap::new(), std::slice::from_ref(&source)).await.unwrap();
        view.people
            .values()
            .find(|person| person.attributes.get(attributes::USERNAME) == Some(login))?
            .attributes
            .get(name)
            .map(str::to_owned)
    }

    /// Whoever is in the directory and in scope, by the server's own state.
    pub(crate) fn present(&self) -> BTreeSet<String> {
        let users = self.sandbox.tenant.users().into_iter().filter(|user| user.account_enabled);
        let members = self.sandbox.tenant.members(&self.agents(), self.kind.nested);
        let members: BTreeSet<String> = members.into_iter().collect();
        let counts = |id: &str| self.kind.everybody || members.contains(id);
        users.filter(|user| counts(&user.id)).map(|user| user.user_principal_name).collect()
    }

    /// What goes wrong with the listing of people, after `skip` calls, `times` times.
    pub(crate) fn fault(&self, skip: u32, times: u32, kind: &FaultKind) {
        for operation in self.kind.listings {
            self.sandbox.faults.add(Fault {
                service: self.kind.service.to_owned(),
                operation: Some((*operation).to_owned()),
                skip,
                times,
                kind: kind.clone(),
            });
        }
    }

    /// Pages so small that a listing has several.
    pub(crate) fn small_pages(&self) {
        (self.kind.pages)(&self.sandbox, 7);
    }

    pub(crate) fn agents(&self) -> String {
        self.sandbox.tenant.group_id(AGENTS).unwrap()
    }
}

/// Attempts come at once: the waits between them are proven elsewhere.
pub(crate) fn limits() -> HttpLimits {
    let pause = Duration::from_millis(1);
    let retry = RetryRules {
        first_pause: pause,
        longest_pause: pause,
        longest_wait: Duration::from_secs(3),
        ..RetryRules::default()
    };
    HttpLimits { retry, ..HttpLimits::default() }
}
