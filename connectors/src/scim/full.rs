//! A full pull: groups, then users, then who is in which group.
//!
//! What is known to be whole becomes a snapshot. What is not, and is still worth something, becomes a delta without
//! removals: people who came are brought up to date, nobody is missing from it, and the next pull is a full one again.
//!
//! Invariant: a snapshot is made only of listings that are whole and member lists that nothing contradicts.
//! Invariant: nobody where there were people is an error, and so are strangers only.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::Scim;
use super::config::{AbsentActive, MembershipFrom};
use super::cursor::{Filter, Join, Learned, Side, State, Tagged, Watermark, digest};
use super::fault::Fault;
use super::follow::{self, Found};
use super::listing::Facts;
use super::members::{Choice, Members, Resolved, Sides, choose, is_group, resolve};
use super::people::People;
use super::poll;
use super::probe;
use super::server::Session;
use super::users::{self, Came};
use crate::directory::{
    Cursor, DirectoryDelta, DirectoryGroup, Edge, ExternalId, LastPageSeen, Pull, Scope, Silence, SnapshotBuilder,
};
use crate::error::{PullError, PullErrorKind};
use crate::source::PullRequest;

/// Fewer people than this may all leave and be replaced from one pull to the next.
const FEW: usize = 5;

/// A full pull in the making.
pub(super) struct Survey {
    pub(super) learned: Learned,
    pub(super) found: Found,
    pub(super) people: People,
    /// Of the followed groups, by the chosen side.
    pub(super) members: Members,
    pub(super) scope: Scope,
    /// Why people may exist who did not come.
    pub(super) doubt: Option<String>,
    /// Whether somebody may have slipped through the listing.
    pub(super) moving: bool,
    /// `None` if people were read one by one.
    pub(super) facts: Option<Facts>,
    pub(super) proofs: Vec<LastPageSeen>,
    pub(super) notes: Vec<String>,
}

/// Reads everybody in scope.
pub(super) async fn full(
    source: &Scim,
    session: &Session<'_>,
    learned: Option<Learned>,
    request: PullRequest<'_>,
) -> Result<Pull, Fault> {
    let learned = match learned {
        Some(learned) => learned,
        None => probe::discover(source, session, request.at).await?,
    };
    let mut survey = survey(source, session, learned).await?;
    survey.refuse_strangers(request.known)?;
    if survey.doubt.is_some() {
        return Ok(Pull::Delta(survey.partly(source, session, request)?));
    }
    if survey.people.ids().next().is_none() && !request.known.is_empty() {
        let hint = "check the credential's rights and the server; nobody was removed";
        let message = "the server lists nobody, and people are known";
        return Err(PullError::new(PullErrorKind::Implausible, "GET /Users", message, hint).into());
    }
    let state = survey.state(source, session, request.at).await?;
    source.remember(&survey.learned, survey.people.ids().next());
    Ok(Pull::Full(survey.wholly(source, session, &state.write())))
}

/// Reads groups and users and puts them together.
pub(super) async fn survey(source: &Scim, session: &Session<'_>, mut learned: Learned) -> Result<Survey, Fault> {
    let config = source.config();
    let scope_names: Option<BTreeSet<String>> =
        config.scope_groups.as_ref().map(|names| names.iter().cloned().collect());
    if scope_names.as_ref().is_some_and(BTreeSet::is_empty) {
        // A scope of no groups would be a listing of nobody, which is never what is meant.
        let hint = "name at least one group, or leave `groups` out to read everybody";
        return Err(PullError::new(PullErrorKind::Refused, "GET /Groups", "the scope names no group", hint).into());
    }
    let names = scope_names.iter().flatten().chain(&config.rule_groups).cloned().collect();
    let mut found = follow::find(source, session, &learned, &names).await?;
    learned.lists_members = found.lists_members.or(learned.lists_members);
    let ids_of = |found: &Found| {
        scope_names.as_ref().map(|names| names.iter().filter_map(|name| found.ids.get(name).cloned()).collect())
    };
    let scope: Option<BTreeSet<ExternalId>> = ids_of(&found);
    let came = users::read(source, session, &mut learned, &found, scope.as_ref()).await?;
    let Came { people, proofs, doubt, moving, facts } = came;
    name_by_users(&mut found, &people, doubt.is_none())?;
    let scope = ids_of(&found).map_or(Scope::Everybody, Scope::Groups);
    let members = Members::new();
    let proofs = found.proofs.drain(..).chain(proofs).collect();
    let notes = Vec::new();
    let mut survey = Survey { learned, found, people, members, scope, doubt, moving, facts, proofs, notes };
    survey.join(source)?;
    survey.count_twins();
    survey.count_silent(source);
    let said = survey.people.says_active();
    survey.learned.active_said = said || (survey.doubt.is_some() && survey.learned.active_said);
    Ok(survey)
}

/// Where groups cannot be listed, users tell their ids and names.
fn name_by_users(found: &mut Found, people: &People, whole: bool) -> Result<(), PullError> {
    for name in std::mem::take(&mut found.unnamed) {
        let same = |text: &Option<String>| text.as_deref().is_some_and(|text| text.eq_ignore_ascii_case(&name));
        let by_id = people.named_groups().iter().filter(|named| named.id.as_deref() == Some(&name));
        let by_name = people.named_groups().iter().filter(|named| same(&named.display));
        let ids: BTreeSet<&String> = by_id.chain(by_name).filter_map(|named| named.id.as_ref()).collect();
        let ids: Vec<&String> = ids.into_iter().collect();
        let [id] = ids.as_slice() else {
            let message =
                format!("groups cannot be listed, and {} groups that users name are called `{name}`", ids.len());
            let hint = "use the group's id, and check that users show their `groups`";
            let kind = if whole { PullErrorKind::NotFound } else { PullErrorKind::Implausible };
            return Err(PullError::new(kind, "GET /Users", message, hint));
        };
        let id = ExternalId::from(id.as_str());
        let name_of = people.named_groups().iter().find(|named| named.id.as_deref() == Some(id.as_str()));
        let group = follow::Followed { name: name_of.and_then(|named| named.display.clone()), ..Default::default() };
        found.followed.insert(id.clone(), group);
        found.ids.insert(name, id);
    }
    Ok(())
}

impl Survey {
    /// Decides who is in which followed group.
    fn join(&mut self, source: &Scim) -> Result<(), PullError> {
        let followed: BTreeSet<ExternalId> = self.found.followed.keys().cloned().collect();
        if followed.is_empty() {
            return Ok(());
        }
        let config = source.config();
        let shown: BTreeMap<ExternalId, Vec<_>> = (self.found.followed.iter())
            .map(|(id, group)| (id.clone(), group.members.clone().unwrap_or_default()))
            .collect();
        let users = self.people.by_group(&followed, config.nested);
        let groups_read = self.found.followed.values().any(|group| group.members.is_some());
        let by_members = config.membership != MembershipFrom::UserGroups && (groups_read || users.is_empty());
        let resolved = by_members.then(|| resolve(&shown, &self.found.all, &self.people));
        // Half a listing resolves a part of the members only, and perhaps nobody.
        let resolved = match resolved {
            Some(Err(error))
                if self.doubt.is_none() && (config.membership == MembershipFrom::GroupMembers || users.is_empty()) =>
            {
                return Err(error);
            }
            Some(Err(_)) | None => None,
            Some(Ok(resolved)) => Some(resolved),
        };
        let is_person = |id: &ExternalId| self.people.has(id);
        let holding_groups = (shown.iter())
            .filter(|(_, list)| list.iter().any(|member| is_group(member, &self.found.all, is_person)))
            .map(|(id, _)| id.clone())
            .collect();
        let lengths = shown.iter().map(|(id, list)| (id.clone(), list.len())).collect();
        let sides = Sides {
            configured: config.membership,
            before: self.learned.side,
            whole: self.doubt.is_none() && self.facts.is_some(),
            members: resolved.as_ref().map(|resolved| &resolved.members),
            lengths: &lengths,
            holding_groups: &holding_groups,
            longest: self.found.longest,
            users: &users,
        };
        let Choice { side, doubt } = choose(&sides)?;
        self.doubt = self.doubt.take().or(doubt);
        self.learned.side = Some(side);
        self.members = match (side, resolved) {
            (Side::Users, _) => users,
            (Side::Members, Some(Resolved { members, join, nobody })) => {
                self.learned.join = join.or(self.learned.join);
                if nobody > 0 {
                    self.notes.push(format!(
                        "{nobody} members of the followed groups are no users who were listed; they are passed over"
                    ));
                }
                members
            }
            (Side::Members, None) => Members::new(),
        };
        self.refuse_nobody()
    }

    /// Groups without anybody, on a server that shows no member of any group.
    fn refuse_nobody(&mut self) -> Result<(), PullError> {
        let somebody = self.members.values().any(|members| !members.is_empty()) || self.found.longest > 0;
        if somebody || self.doubt.is_some() {
            return Ok(());
        }
        let message = "no membership is shown: neither by `members` of the groups nor by `groups` of the users";
        if matches!(self.scope, Scope::Groups(_)) {
            let hint = "check the credential's rights to read memberships";
            return Err(PullError::new(PullErrorKind::Implausible, "GET /Groups", message, hint));
        }
        self.notes.push(format!("{message}; check the credential's rights if the groups of the rules are not empty"));
        Ok(())
    }

    /// Everybody on the server, and nobody of those who are known: ids of another form, or another server. Taken as it is,
    /// everybody would be removed and made anew.
    fn refuse_strangers(&self, known: &BTreeSet<ExternalId>) -> Result<(), PullError> {
        let people = self.people.ids().count();
        let enough =
            self.facts.is_some() && known.len() >= FEW && people > 0 && (self.doubt.is_none() || people >= known.len());
        if !enough || known.iter().any(|id| self.people.has(id)) {
            return Ok(());
        }
        let message = format!(
            "the server lists {people} users, and none of the {} who are known: their ids have changed",
            known.len()
        );
        let hint = "undo what changed the ids; if this is another server now, give the source another name; nobody was removed";
        Err(PullError::new(PullErrorKind::Implausible, "GET /Users", message, hint))
    }

    /// Some say `active: true` and some say nothing: perhaps because they are not any more.
    fn count_silent(&mut self, source: &Scim) {
        let silent = self.people.persons.values().filter(|person| person.active.is_none()).count();
        if source.config().absent_active == AbsentActive::Auto && silent > 0 && self.people.says_active() {
            self.notes.push(format!(
                "{silent} users do not say `active` and others do; they count as employed; set absent_active to \"left\" if the server leaves it out for disabled users, or to \"employed\""
            ));
        }
    }

    fn count_twins(&mut self) {
        let twins = self.people.by_username().values().filter(|who| who.is_none()).count();
        if twins > 0 {
            self.notes.push(format!(
                "{twins} usernames are used by more than one user, or differ in case only; they are kept apart by id, look at them on the server"
            ));
        }
    }

    fn edges(&self) -> BTreeSet<Edge> {
        let edge = |(group, members): (&ExternalId, &BTreeSet<ExternalId>)| -> Vec<Edge> {
            members.iter().map(|member| Edge { group: group.clone(), member: member.clone() }).collect()
        };
        self.members.iter().flat_map(edge).collect()
    }

    fn groups(&self) -> Vec<DirectoryGroup> {
        let group =
            |(id, group): (&ExternalId, &follow::Followed)| DirectoryGroup { id: id.clone(), name: group.name.clone() };
        self.found.followed.iter().map(group).collect()
    }

    /// Ids of the people in scope; `None` is everybody.
    fn in_scope(&self) -> Option<BTreeSet<ExternalId>> {
        match &self.scope {
            Scope::Everybody => None,
            Scope::Groups(groups) => {
                Some(groups.iter().filter_map(|group| self.members.get(group)).flatten().cloned().collect())
            }
        }
    }

    /// The cursor, with a watermark if polls are possible.
    pub(super) async fn state(
        &mut self,
        source: &Scim,
        session: &Session<'_>,
        at: DateTime<Utc>,
    ) -> Result<State, Fault> {
        let follows = !self.found.followed.is_empty();
        let by_users = follows && self.learned.side == Some(Side::Users);
        let by_name = follows && self.learned.join == Some(Join::Username);
        let mut watermark = None;
        let nested = follows && source.config().nested;
        if source.config().incremental && !by_users && !by_name && !nested {
            let newest = self.people.newest(at);
            let counted = self.facts.filter(|_| !self.moving);
            if let (None, Some(newest), Some(everybody)) = (&self.learned.filter, newest, counted) {
                let outcome = probe::filter(source, session, &self.learned, everybody.distinct, newest).await?;
                self.learned.filter = Some(outcome);
            }
            if let (Some(Filter::Proven), Some((newest, who))) = (&self.learned.filter, newest) {
                watermark = Some(Watermark::of(newest, who, at));
            }
        }
        if watermark.is_some() && self.learned.tags.is_none() {
            self.learned.tags = tags(session, &self.learned, &self.found).await?;
        }
        self.learned.sizes = self.members.iter().map(|(id, people)| (id.clone(), people.len())).collect();
        let mut state = State::new(source.fingerprint(), self.learned.clone(), self.scope.clone());
        let use_tags = self.learned.tags == Some(true) && !source.config().nested;
        let followed = self.found.followed.keys().cloned().collect();
        let join = self.learned.join.unwrap_or(Join::Id);
        let tagged = |(id, group): (&ExternalId, &follow::Followed)| {
            let tag = group.tag.clone().filter(|_| use_tags);
            let entries = group.members.as_deref().and_then(|list| poll::entries(list, &followed, join));
            let digest = entries.as_ref().filter(|_| tag.is_some()).map(digest);
            let people = self.members.get(id).map_or(0, BTreeSet::len);
            (id.clone(), Tagged { name: group.name.clone(), tag, people, digest })
        };
        state.groups = self.found.followed.iter().map(tagged).collect();
        state.watermark = watermark;
        Ok(state)
    }

    fn wholly(mut self, source: &Scim, session: &Session<'_>, cursor: &Cursor) -> crate::directory::DirectorySnapshot {
        let mut builder = SnapshotBuilder::default();
        let in_scope = self.in_scope();
        let by_users = self.learned.side == Some(Side::Users);
        let spoilt: BTreeSet<ExternalId> = self.people.spoilt.keys().cloned().collect();
        // Whoever cannot be read may have said to be in a group.
        let wanted = |id: &ExternalId| {
            in_scope.as_ref().is_none_or(|people| people.contains(id) || (by_users && spoilt.contains(id)))
        };
        builder.content.groups = self.groups();
        builder.content.edges = self.edges();
        let people = std::mem::take(&mut self.people);
        let (users, unreadable) = people.records(wanted, source.config().absent_active, self.learned.active_said);
        builder.content.users = users;
        builder.content.unreadable = unreadable;
        if self.moving {
            // Two readings in a row may miss the same person; a leaver is one of whom a single read says so.
            builder.content.silence = Silence::MustBeAsked;
        }
        builder.content.notes = std::mem::take(&mut self.notes);
        builder.content.requests = session.requests();
        builder.complete(self.scope, cursor.clone(), self.proofs)
    }

    /// What came, without a word about those who did not.
    fn partly(
        mut self,
        source: &Scim,
        session: &Session<'_>,
        request: PullRequest<'_>,
    ) -> Result<DirectoryDelta, PullError> {
        let doubt = self.doubt.take().unwrap_or_default();
        let hint = "nobody is removed on the strength of it; see `rollcall check`, and the settings paging, page_size, first_index and membership";
        if request.known.is_empty() {
            let message = format!("the listing is not known to be whole: {doubt}");
            return Err(PullError::new(PullErrorKind::Implausible, "GET /Users", message, hint));
        }
        self.notes.push(format!("the listing is not known to be whole: {doubt}; {hint}"));
        let in_scope = self.in_scope();
        let wanted =
            |id: &ExternalId| in_scope.as_ref().is_none_or(|people| people.contains(id)) || request.known.contains(id);
        let (joined, groups) = (self.edges(), self.groups());
        let cursor = State::new(source.fingerprint(), self.learned.clone(), self.scope.clone()).write();
        let people = std::mem::take(&mut self.people);
        let modified = people.modified();
        let (users, unreadable) = people.records(wanted, source.config().absent_active, self.learned.active_said);
        Ok(DirectoryDelta {
            patches: Vec::new(),
            records: users.into_values().collect(),
            joined,
            left: BTreeSet::new(),
            relisted: BTreeMap::new(),
            groups,
            modified,
            unreadable,
            notes: self.notes,
            cursor,
            requests: session.requests(),
        })
    }
}

/// Whether a group can be asked for with its tag: a wrong one must bring it, the right one must not.
async fn tags(session: &Session<'_>, learned: &Learned, found: &Found) -> Result<Option<bool>, Fault> {
    let Some((id, _)) = found.followed.iter().find(|(_, group)| group.tag.is_some()) else { return Ok(None) };
    let operation = follow::operation_of(&learned.groups_path);
    let url = session.url_of(&learned.groups_path, id, &[])?;
    let works = async {
        let Some(answer) = session.get_unless(&operation, &url, "W/\"rollcall-probe\"").await? else {
            return Ok(false);
        };
        let Some(tag) = follow::read_group(&operation, id, &answer)?.version else { return Ok(false) };
        Ok(session.get_unless(&operation, &url, &tag).await?.is_none())
    };
    match works.await {
        Ok(works) => Ok(Some(works)),
        Err(fault) => {
            let fault: Fault = fault;
            if fault.status().is_some() { Ok(Some(false)) } else { Err(fault) }
        }
    }
}
