//! A full pull: everybody in scope, and watermarks to go on from.
//!
//! Invariant: clocks and watermarks are older than the listings they go with; what changes in between comes again.
//! Invariant: whether the administrator role was narrowed is asked after the listings: a role that shortened one of them is
//! still narrow then. A role that shows less than before is an error; one that never showed all makes silence prove nothing.
//! Invariant: in application scope every pull is a full one: the list of assignments is cheap, whole, and has no filter by
//! time. Groups that rules name are then listed with it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::config::OktaScope;
use super::cursor::{Followed, GroupMark, State, advance};
use super::fault::Fault;
use super::groups::{self, Found, short_note};
use super::org::Session;
use super::people::{Known, Told};
use super::wire::Users;
use super::{Okta, apps, log};
use crate::directory::{Edge, ExternalId, LastPageSeen, Pull, Scope, Silence, SnapshotBuilder};
use crate::error::{PullError, PullErrorKind};

pub(super) const USERS: &str = "GET /api/v1/users";

/// Everybody: the plain list leaves deactivated people out, a search does not.
pub(super) const EVERYBODY: &str = "lastUpdated ge \"1970-01-01T00:00:00.000Z\"";

/// What a pull starts from.
pub(super) struct From<'a> {
    /// The state of the pull before, if there was one for this configuration.
    pub(super) previous: Option<State>,
    pub(super) known: &'a BTreeSet<ExternalId>,
    pub(super) at: DateTime<Utc>,
}

/// A full pull in the making.
struct Making<'a, 'o> {
    source: &'a Okta,
    session: &'a Session<'o>,
    builder: SnapshotBuilder,
    proofs: Vec<LastPageSeen>,
    state: State,
    counts: BTreeMap<ExternalId, u64>,
}

/// Reads everybody.
pub(super) async fn full(source: &Okta, session: &Session<'_>, from: From<'_>) -> Result<Pull, Fault> {
    let From { previous, known, at } = from;
    if previous.as_ref().is_none_or(|state| state.followed.app.is_none()) {
        // Not every few minutes: a refused token request is an entry in the org's log.
        session.org().widen();
    }
    let mut notes = Vec::new();
    let resolved = match previous.as_ref().filter(|_| matches!(source.config.scope, OktaScope::App(_))) {
        Some(state) => Resolved { followed: state.followed.clone(), counts: BTreeMap::new(), note: None },
        None => resolve(source, session).await?,
    };
    notes.extend(resolved.note);
    source.remember(&resolved.followed);
    let mut state = State::new(source.fingerprint.clone(), at, resolved.followed, session.org_time(at));
    if state.followed.app.is_none() {
        // Assignments are listed whole every time; the log would hint at nothing.
        let (mark, note) = log::open(session, at).await?;
        state.log = mark;
        notes.extend(note);
    }
    let mut builder = SnapshotBuilder::default();
    builder.content.notes = notes;
    let mut making = Making { source, session, builder, proofs: Vec::new(), state, counts: resolved.counts };
    match (&making.state.followed.app, &making.state.followed.scope) {
        (Some(app), _) => {
            let app = app.id.clone();
            making.assignments(&app).await?;
        }
        (None, Scope::Everybody) => making.everybody().await?,
        (None, Scope::Groups(_)) => {}
    }
    for group in making.state.followed.groups.keys().cloned().collect::<Vec<_>>() {
        making.group(&group).await?;
    }
    making.judge_role(previous.as_ref(), known).await?;
    let Making { mut builder, proofs, state, .. } = making;
    builder.content.groups = state.followed.directory_groups();
    builder.content.requests = session.requests();
    let scope = state.followed.scope.clone();
    Ok(Pull::Full(builder.complete(scope, state.write(), proofs)))
}

/// Whom the configuration names, found.
pub(super) struct Resolved {
    pub(super) followed: Followed,
    counts: BTreeMap<ExternalId, u64>,
    note: Option<String>,
}

/// Finds the groups and the application that the configuration names.
pub(super) async fn resolve(source: &Okta, session: &Session<'_>) -> Result<Resolved, Fault> {
    let config = &source.config;
    let named: BTreeSet<&String> = match &config.scope {
        OktaScope::Groups(names) if names.is_empty() => {
            // A scope of no groups would be a listing of nobody, which is never what is meant.
            let hint = "name at least one group, or leave `groups` out to read everybody";
            return Err(PullError::new(PullErrorKind::Refused, USERS, "the scope names no group", hint).into());
        }
        OktaScope::Groups(names) => names.iter().collect(),
        OktaScope::Everybody | OktaScope::App(_) => BTreeSet::new(),
    };
    let mut note = None;
    let app = match &config.scope {
        OktaScope::App(text) => {
            let found = apps::resolve(session, text).await?;
            note = found.note();
            Some(found.mark)
        }
        OktaScope::Everybody | OktaScope::Groups(_) => None,
    };
    let found = groups::resolve(session, named.iter().copied().chain(&config.rule_groups).collect()).await?;
    let in_scope = found.iter().filter(|(text, _)| named.contains(text)).map(|(_, found)| found.id.clone());
    let scope = match (&app, &config.scope) {
        (Some(app), _) => Scope::Groups([app.id.clone()].into()),
        (None, OktaScope::Groups(_)) => Scope::Groups(in_scope.collect()),
        (None, _) => Scope::Everybody,
    };
    let (mut marks, mut counts) = (BTreeMap::new(), BTreeMap::new());
    for Found { id, item } in found.into_values() {
        counts.extend(item.count().map(|count| (id.clone(), count)));
        let (name, changed) = (item.name().map(str::to_owned), item.members_changed());
        marks.insert(id, GroupMark { name, changed, listed_at: None, short: 0 });
    }
    Ok(Resolved { followed: Followed { scope, app, groups: marks }, counts, note })
}

impl Making<'_, '_> {
    async fn everybody(&mut self) -> Result<(), Fault> {
        let mut told = Told::default();
        let statuses = &self.source.statuses;
        let url = self.session.org().url(
            &["users"],
            // The order makes paging safe: whoever changes meanwhile moves to the end and is seen twice.
            &[("search", EVERYBODY), ("sortBy", "lastUpdated"), ("sortOrder", "asc"), ("limit", "200")],
        );
        let take = |item, page| told.take(statuses, item, page, |_| true);
        let proof = self.session.listing(USERS, url, Users(&self.source.fields), take).await?;
        told.require_visible(USERS)?;
        if told.count() == 0 {
            let message = "nobody was listed, and every org has at least the administrator who made this credential";
            let hint = "check that the administrator role may view users (Read-only Administrator)";
            return Err(PullError::new(PullErrorKind::Implausible, USERS, message, hint).into());
        }
        // Everything up to the latest change was in the list; what the index is behind is in the overlap.
        if told.newest.is_some() {
            let org_time = self.session.org_time(self.state.users);
            self.state.users = DateTime::UNIX_EPOCH;
            advance(&mut self.state.users, told.newest, org_time);
        }
        self.proofs.push(proof);
        self.settle(told);
        Ok(())
    }

    async fn assignments(&mut self, app: &ExternalId) -> Result<(), Fault> {
        let (told, proof) = apps::assigned(self.source, self.session, app).await?;
        self.proofs.push(proof);
        self.edges(app, &told);
        self.settle(told);
        Ok(())
    }

    async fn group(&mut self, group: &ExternalId) -> Result<(), Fault> {
        let scoped = self.state.followed.is_scope(group);
        let listed_at = self.session.org_time(self.state.groups);
        let count = self.counts.get(group).copied();
        let members = groups::members(self.source, self.session, group, count, scoped).await?;
        if let Some(count) = members.short_of {
            self.builder.content.notes.push(short_note(group, members.told.count(), count));
            self.builder.content.silence = Silence::MustBeAsked;
        }
        if let Some(mark) = self.state.followed.groups.get_mut(group) {
            mark.listed_at = Some(listed_at);
        }
        self.proofs.push(members.proof);
        self.edges(group, &members.told);
        self.settle(members.told);
        Ok(())
    }

    fn edges(&mut self, group: &ExternalId, told: &Told) {
        let edges = told.ids.iter().map(|member| Edge { group: group.clone(), member: member.clone() });
        self.builder.content.edges.extend(edges);
    }

    fn settle(&mut self, told: Told) {
        let content = &mut self.builder.content;
        content.unreadable.extend(told.unreadable);
        for (id, Known { record, .. }) in told.records {
            content.users.insert(id, record);
        }
    }

    /// Whether anybody may be hidden from us.
    async fn judge_role(&mut self, previous: Option<&State>, known: &BTreeSet<ExternalId>) -> Result<(), Fault> {
        let before = previous.map(|state| state.everyone);
        let listed = |id: &ExternalId| {
            let content = &self.builder.content;
            self.state
                .followed
                .app
                .as_ref()
                .is_some_and(|app| content.edges.contains(&Edge { group: app.id.clone(), member: id.clone() }))
        };
        // An application is listed every few minutes; where nobody is missing, nothing hangs on the role.
        let everyone = match before {
            Some(before) if known.iter().all(listed) && self.state.followed.app.is_some() => before,
            _ => groups::sees_everyone(self.session).await?,
        };
        if before == Some(true) && !everyone {
            return Err(PullError::new(
                PullErrorKind::Forbidden,
                "GET /api/v1/groups",
                "the administrator role was narrowed: the built-in group Everyone could be seen and cannot any more",
                "give the role back what it had; if it is meant to be narrow, run `rollcall sync now --full`",
            )
            .into());
        }
        if !everyone {
            self.builder.content.silence = Silence::MustBeAsked;
            self.builder.content.notes.push(NARROW.to_owned());
        }
        if self.state.log.is_some() || self.state.followed.app.is_some() {
            // A role may show the group Everyone and yet not every person; who left is told by the log and by point reads.
            self.builder.content.silence = Silence::MustBeAsked;
        }
        self.state.everyone = everyone;
        Ok(())
    }
}

/// What a role that does not show everybody means.
pub(super) const NARROW: &str = "the administrator role is limited: the built-in group Everyone cannot be seen, so whoever is \
                                 not listed may only be hidden, and stays until the System Log tells of the deletion (give \
                                 the credential the role Read-only Administrator)";
