//! A full pull: everybody in scope, and links to go on from.
//!
//! Three ways, by what the configuration says: the whole tenant (the first round of `/users/delta` is the listing and
//! brings the cursor), named groups (delta links first, then their members), nested groups (listed anew every time,
//! because Graph has no delta for them).
//!
//! Invariant: a cursor is older than the listing it goes with; what changes in between comes again, nothing is lost.
//! Invariant: two listings tell the members of a group, and a membership that only one of them shows is kept.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use url::Url;

use super::Microsoft;
use super::batch::{Point, point_read};
use super::cursor::{Chain, State};
use super::fault::Fault;
use super::graph::{Listed, Listing, Session, encode};
use super::groups;
use super::users::Round;
use super::wire::Users;
use crate::directory::{
    DirectoryGroup, Edge, ExternalId, LastPageSeen, Pull, Scope, SnapshotBuilder, SnapshotContent, Unreadable,
};
use crate::error::{PullError, PullErrorKind};
use crate::paging::Ending;

pub(super) const USERS_DELTA: &str = "GET /users/delta";

/// The groups of the configuration, by id.
pub(super) struct Followed {
    /// `None` is everybody.
    scope: Option<BTreeSet<ExternalId>>,
    pub(super) all: BTreeSet<ExternalId>,
    names: BTreeMap<String, ExternalId>,
}

/// A full pull in the making.
struct Making<'a, 'g> {
    source: &'a Microsoft,
    session: &'a Session<'g>,
    builder: SnapshotBuilder,
    proofs: Vec<LastPageSeen>,
    state: State,
}

/// Resolves the groups of the configuration.
pub(super) async fn followed(source: &Microsoft, session: &Session<'_>) -> Result<Followed, Fault> {
    let config = source.config();
    let scope_names = config.scope_groups.iter().flatten();
    let wanted = scope_names.clone().chain(&config.rule_groups).cloned().collect();
    let names = groups::resolve(session, wanted).await?;
    let ids_of = |name: &String| names.get(name).cloned();
    let scope = config.scope_groups.as_ref().map(|_| scope_names.filter_map(ids_of).collect::<BTreeSet<_>>());
    if scope.as_ref().is_some_and(BTreeSet::is_empty) {
        // A scope of no groups would be a listing of nobody, which is never what is meant.
        let hint = "name at least one group, or leave `groups` out to read everybody";
        return Err(PullError::new(PullErrorKind::Refused, "GET /groups", "the scope names no group", hint).into());
    }
    let all = names.values().cloned().collect();
    Ok(Followed { scope, all, names })
}

/// Reads everybody. `note` is why, where that is worth a word.
pub(super) async fn full(
    source: &Microsoft,
    session: &Session<'_>,
    at: DateTime<Utc>,
    note: Option<String>,
) -> Result<Pull, Fault> {
    let followed = followed(source, session).await?;
    let scope = followed.scope.clone().map_or(Scope::Everybody, Scope::Groups);
    let state = State::new(source.fingerprint().to_owned(), at, scope.clone());
    let builder = SnapshotBuilder::default();
    let mut making = Making { source, session, builder, proofs: Vec::new(), state };
    match (&followed.scope, source.config().nested) {
        (None, false) => {
            making.whole_tenant().await?;
            making.chains(&followed).await?;
        }
        (Some(scope), false) => making.named_groups(&followed, scope).await?,
        (_, true) => making.nested_groups(&followed).await?,
    }
    let Making { mut builder, proofs, state, .. } = making;
    builder.content.notes.extend(note);
    builder.content.requests = session.requests();
    Ok(Pull::Full(builder.complete(scope, state.write(), proofs)))
}

impl Making<'_, '_> {
    async fn whole_tenant(&mut self) -> Result<(), Fault> {
        let select = self.source.fields().select();
        let first = self.session.graph().url(&format!("/users/delta?$select={select}"))?;
        let listed = self.users(USERS_DELTA, first, Ending::DeltaLink, false).await?;
        self.state.users = listed.delta.map(String::from);
        self.proofs.push(listed.proof);
        self.settle(listed.content).await
    }

    async fn named_groups(&mut self, followed: &Followed, scope: &BTreeSet<ExternalId>) -> Result<(), Fault> {
        // The link of "now" comes first: whatever changes while the groups are listed is told again by it.
        let select = self.source.fields().select();
        let first = self.session.graph().url(&format!("/users/delta?$select={select}&$deltatoken=latest"))?;
        let now = self.users(USERS_DELTA, first, Ending::DeltaLink, false).await?;
        self.state.users = now.delta.map(String::from);
        self.chains(followed).await?;
        for group in scope {
            self.members(group, "members", self.source.fields().select()).await?;
        }
        // Members whom only the delta shows: the listing's index may be behind, or the account is deleted.
        let SnapshotContent { users, edges, unreadable, .. } = &self.builder.content;
        let held: BTreeSet<&ExternalId> = unreadable.iter().filter_map(|one| one.id.as_ref()).collect();
        let in_scope = edges.iter().filter(|edge| scope.contains(&edge.group)).map(|edge| &edge.member);
        let unseen = in_scope.filter(|member| !users.contains_key(*member) && !held.contains(member));
        let unseen: BTreeSet<ExternalId> = unseen.cloned().collect();
        if !unseen.is_empty() {
            tracing::debug!(people = unseen.len(), "members that only one of two listings shows are read one by one");
        }
        self.read(unseen).await
    }

    async fn nested_groups(&mut self, followed: &Followed) -> Result<(), Fault> {
        if followed.scope.is_none() {
            let select = self.source.fields().select();
            let first = self.session.graph().url(&format!("/users?$select={select}&$top=999"))?;
            let listed = self.users("GET /users", first, Ending::NoLink, false).await?;
            self.proofs.push(listed.proof);
            self.settle(listed.content).await?;
        }
        for group in &followed.all {
            let scoped = followed.scope.as_ref().is_some_and(|scope| scope.contains(group));
            let select = if scoped { self.source.fields().select() } else { "id" };
            self.members(group, "transitiveMembers", select).await?;
            let name = followed.names.iter().find(|(name, id)| *id == group && name.as_str() != group.as_str());
            let name = name.map(|(name, _)| name.clone());
            self.builder.content.groups.push(DirectoryGroup { id: group.clone(), name });
        }
        Ok(())
    }

    /// The first rounds of the delta chains over all followed groups.
    async fn chains(&mut self, followed: &Followed) -> Result<(), Fault> {
        let ids: Vec<ExternalId> = followed.all.iter().cloned().collect();
        for block in ids.chunks(groups::BLOCK) {
            let first = groups::first_link(self.session.graph(), block)?;
            let listed = groups::chain(self.session, first, &followed.all).await?;
            groups::require_all(&listed.content, block)?;
            let content = &mut self.builder.content;
            content.groups.extend(listed.content.groups());
            content.edges.extend(listed.content.edges.into_iter().filter(|(_, there)| *there).map(|(edge, _)| edge));
            content.unreadable.extend(listed.content.unreadable);
            let link = listed.delta.map(String::from).unwrap_or_default();
            self.state.chains.push(Chain { groups: block.iter().cloned().collect(), link });
            self.proofs.push(listed.proof);
        }
        Ok(())
    }

    /// One listing of a group's people; `select` of `id` alone reads memberships only.
    async fn members(&mut self, group: &ExternalId, relation: &str, select: &str) -> Result<(), Fault> {
        let operation = format!("GET /groups/{{id}}/{relation}");
        let path = format!(
            "/groups/{}/{relation}/microsoft.graph.user?$select={select}&$top=999&$count=true",
            encode(group.as_str())
        );
        let first = self.session.graph().url(&path)?;
        let listed = self.users(&operation, first, Ending::NoLink, true).await?;
        self.proofs.push(listed.proof);
        let Round { drafts, unreadable } = &listed.content;
        let members = drafts.keys().chain(unreadable.iter().filter_map(|one| one.id.as_ref()));
        let edges = members.map(|member| Edge { group: group.clone(), member: member.clone() });
        self.builder.content.edges.extend(edges);
        if select == "id" {
            self.builder.content.unreadable.extend(listed.content.unreadable);
            return Ok(());
        }
        self.settle(listed.content).await
    }

    async fn users(&self, operation: &str, first: Url, ending: Ending, advanced: bool) -> Result<Listed<Round>, Fault> {
        read_users(self.source, self.session, &Listing { operation, first, ending, advanced }).await
    }

    /// Turns a finished listing into records.
    async fn settle(&mut self, round: Round) -> Result<(), Fault> {
        let Round { drafts, unreadable } = round;
        let mut doubtful = BTreeSet::new();
        let held: BTreeSet<ExternalId> = unreadable.iter().filter_map(|one| one.id.clone()).collect();
        self.builder.content.unreadable.extend(unreadable);
        let mut records = BTreeMap::new();
        for (id, draft) in drafts {
            // One occurrence that could not be read spoils what the others say together.
            if held.contains(&id) || draft.gone().is_some() {
                continue;
            }
            if draft.is_contradictory() {
                doubtful.insert(id);
                continue;
            }
            match draft.into_record(id.clone()) {
                Ok(record) => {
                    records.insert(id, record);
                }
                Err(unreadable) => self.builder.content.unreadable.push(unreadable),
            }
        }
        self.builder.content.users.append(&mut records);
        self.read(doubtful).await
    }

    /// Reads these people one by one; whoever is not found is waited for.
    async fn read(&mut self, ids: BTreeSet<ExternalId>) -> Result<(), Fault> {
        for (id, point) in point_read(self.session, self.source.fields(), ids).await? {
            match point {
                Point::Here(record) => {
                    self.builder.content.users.insert(id, record);
                }
                Point::Gone => {
                    self.state.awaited.insert(id);
                }
                Point::Unreadable(why) => {
                    self.builder.content.unreadable.push(Unreadable { id: Some(id), page: 1, why });
                }
            }
        }
        Ok(())
    }
}

/// Reads a listing of users to its end.
pub(super) async fn read_users(
    source: &Microsoft,
    session: &Session<'_>,
    listing: &Listing<'_>,
) -> Result<Listed<Round>, Fault> {
    let operation = listing.operation;
    session
        .listing(listing, Users(source.fields()), |round: &mut Round, item, page| round.take(operation, item, page))
        .await
}
