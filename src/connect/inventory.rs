//! Looks at Connect: everybody by pages, or some in every detail.
//!
//! Invariant: a look is whole or an error. Pages are bounded and end without a token; nothing is left out in silence.
//! Invariant: what a search says about a user we have just written is not believed.
//! Deliberately absent: decisions. What a difference means is the planner's business.
//!
//! `SearchUsers` is an index that lags behind writes by some seconds and returns neither e-mail addresses nor mobile
//! number; `ListUsers` returns the modification time. Both have their own quota, so a whole look reads them side by side:
//! who is listed exists, what the search says of them is what they have.
//!
//! Details are taken from the last inventory as long as the modification time stands still, or moved with a write of our
//! own (within [`OWN_WRITE`]). Blind spot: somebody who changes an e-mail address by hand within those few seconds of our
//! own write to the same user is seen only when the user changes again, or is read in detail.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_connect::types::{
    DirectoryType, InstanceStatus, QuickConnectType, StringComparisonType, StringCondition, UserSearchCriteria,
    UserSearchSummary, UserSummary,
};
use chrono::TimeDelta;
use futures_util::future::{join_all, try_join_all};

use super::call::Caller;
use super::names::{self, Names};
use super::pages::{unreadable, walk};
use super::{codec, errors};
use crate::model::{
    CallError, Catalogue, ConnectUser, ConnectUserId, Disposition, IdentityManagement, Instance, Inventory, Look,
    Named, Operation, QuickConnect, Seen, Time,
};

/// Users on a page of `SearchUsers`, the most there can be.
pub(super) const SEARCH_PAGE: usize = 500;
/// Users on a page of `ListUsers`, the most there can be.
pub(super) const LIST_PAGE: usize = 1_000;
/// Quick connects on a page of `SearchQuickConnects`, the most there can be.
const QUICK_CONNECT_PAGE: i32 = 100;
/// Usernames asked for in one search.
pub(super) const USERNAMES_PER_SEARCH: usize = 50;
/// A million users, at the smaller page.
const MOST_PAGES: usize = 2_000;
/// Users that are listed and not found by the search yet, and are read one by one. More of them is no lag.
const MOST_STRAGGLERS: usize = 200;
/// Users changed by somebody else within [`INDEX_LAG`] that are read one by one; of further ones the index is believed, and
/// the next look corrects it.
const MOST_SUSPECTS: usize = 50;
/// How far Connect's time of our own write may be from ours.
const OWN_WRITE: TimeDelta = TimeDelta::seconds(5);
/// For how long after our own write the index is not believed.
const INDEX_LAG: TimeDelta = TimeDelta::seconds(30);

/// When we last wrote to whom.
pub(super) type OwnWrites = BTreeMap<ConnectUserId, Time>;

/// The look that takes fewer calls: these users in detail, or everybody of `users` by pages.
#[must_use]
pub fn cheapest(ids: BTreeSet<ConnectUserId>, usernames: BTreeSet<String>, users: usize) -> Look {
    let some = ids.len() + usernames.len().div_ceil(USERNAMES_PER_SEARCH);
    let everybody = users.div_ceil(SEARCH_PAGE).max(1) + users.div_ceil(LIST_PAGE).max(1);
    if some <= everybody { Look::These { ids, usernames } } else { Look::Everybody }
}

/// One look.
pub(super) struct Looking<'a> {
    pub(super) caller: &'a Caller,
    pub(super) own_writes: &'a OwnWrites,
    pub(super) last: Option<&'a Inventory>,
    pub(super) at: Time,
}

impl Looking<'_> {
    /// Everybody by pages, with the names.
    pub(super) async fn everybody(&self, quick_connects: bool) -> Result<Inventory, CallError> {
        let (instance, catalogue, found, listed, quick_connects) = tokio::try_join!(
            instance(self.caller),
            names::read(self.caller),
            search(self.caller, None),
            list(self.caller),
            quick_connects_if(self.caller, quick_connects),
        )?;
        let names = Names::of(&catalogue);
        let users = self.join(found, listed, &names).await?;
        Ok(Inventory { at: self.at, instance, catalogue, users, quick_connects })
    }

    /// Who is listed exists; what is known of them comes from the search, our memory, or a read of their own.
    async fn join(
        &self,
        found: Vec<UserSearchSummary>,
        listed: Vec<UserSummary>,
        names: &Names,
    ) -> Result<BTreeMap<ConnectUserId, ConnectUser>, CallError> {
        let mut found: BTreeMap<String, UserSearchSummary> =
            found.into_iter().filter_map(|user| Some((user.id.clone()?, user))).collect();
        let mut users = BTreeMap::new();
        let mut stragglers = BTreeSet::new();
        let mut suspects = BTreeSet::new();
        for summary in listed {
            let Some(id) = summary.id else {
                return Err(unreadable(Operation::ListUsers, "no_id", "a listed user has no id"));
            };
            let modified_at = summary.last_modified_time.as_ref().and_then(codec::time);
            let id_ = ConnectUserId::from(id.as_str());
            match found.remove(&id).and_then(|user| codec::from_search(user, modified_at, names)) {
                Some(user) => {
                    // Somebody else changed this user just now; the index may still show what was before.
                    let suspect = self.last.is_some() && self.is_fresh(&user) && !self.is_ours(&user);
                    if suspect && suspects.len() < MOST_SUSPECTS {
                        suspects.insert(id_.clone());
                    }
                    users.insert(id_, self.with_memory(user));
                }
                None => {
                    stragglers.insert(id_);
                }
            }
        }
        if stragglers.len() > MOST_STRAGGLERS {
            let message = format!("{} listed users are not found by the search", stragglers.len());
            return Err(unreadable(Operation::SearchUsers, "index_incomplete", &message));
        }
        stragglers.append(&mut suspects);
        for (id, user) in details(self.caller, &stragglers, names).await? {
            match user {
                Some(user) => users.insert(id, user),
                None => users.remove(&id),
            };
        }
        Ok(users)
    }

    /// Whether the index may not have caught up with the last change of this user.
    fn is_fresh(&self, user: &ConnectUser) -> bool {
        user.modified_at.is_some_and(|modified| self.at - modified < INDEX_LAG)
    }

    /// Whether the last change of this user was ours.
    fn is_ours(&self, user: &ConnectUser) -> bool {
        match (user.modified_at, self.own_writes.get(&user.id)) {
            (Some(modified), Some(written)) => (modified - *written).abs() <= OWN_WRITE,
            _ => false,
        }
    }

    /// What the search did not say, or says too late, as far as the last inventory still knows it.
    fn with_memory(&self, mut user: ConnectUser) -> ConnectUser {
        let Some(last) = self.last.and_then(|last| last.users.get(&user.id)) else { return user };
        let ours = self.is_ours(&user);
        if ours && self.is_fresh(&user) {
            // The remembered user has our confirmed writes in it; the index may not have them yet.
            return ConnectUser { modified_at: user.modified_at, ..last.clone() };
        }
        let unmoved = user.modified_at.is_some() && user.modified_at == last.modified_at;
        if unmoved || ours {
            for (attribute, seen) in &last.attributes {
                if user.seen(*attribute) == &Seen::Unread {
                    user.attributes.insert(*attribute, seen.clone());
                }
            }
        }
        user
    }

    /// Some, in every detail, merged into the last inventory.
    pub(super) async fn these(
        &self,
        last: &Inventory,
        ids: &BTreeSet<ConnectUserId>,
        usernames: &BTreeSet<String>,
        quick_connects: bool,
    ) -> Result<Inventory, CallError> {
        let wanted: Vec<&String> = usernames.iter().collect();
        let searches = wanted.chunks(USERNAMES_PER_SEARCH).map(|chunk| search(self.caller, Some(chunk)));
        let (instance, catalogue, found, quick_connects) = tokio::try_join!(
            instance(self.caller),
            names::read(self.caller),
            try_join_all(searches),
            quick_connects_if(self.caller, quick_connects),
        )?;
        let mut ids = ids.clone();
        ids.extend(found.into_iter().flatten().filter_map(|user| Some(ConnectUserId::from(user.id?.as_str()))));
        // The index may not know a user that was made or removed seconds ago; the users we know by these names tell.
        let folded: BTreeSet<String> = usernames.iter().map(|name| name.to_lowercase()).collect();
        let known = last.users.values().filter(|user| folded.contains(&user.username.to_lowercase()));
        ids.extend(known.map(|user| user.id.clone()));

        let names = Names::of(&catalogue);
        let mut users = last.users.clone();
        for (id, user) in details(self.caller, &ids, &names).await? {
            match user {
                Some(user) => users.insert(id, user),
                None => users.remove(&id),
            };
        }
        Ok(Inventory { at: last.at, instance, catalogue, users, quick_connects })
    }
}

/// Some users in every detail, each by a read of its own; `None` for those that do not exist (any more).
pub(super) async fn details(
    caller: &Caller,
    ids: &BTreeSet<ConnectUserId>,
    names: &Names,
) -> Result<BTreeMap<ConnectUserId, Option<ConnectUser>>, CallError> {
    // All at once: the bucket lets them through one by one, in this order.
    let reads = ids.iter().map(|id| async move { Ok((id.clone(), describe(caller, id, names).await?)) });
    Ok(try_join_all(reads).await?.into_iter().collect())
}

/// The same, leaving out who cannot be read for a reason of their own.
///
/// # Errors
/// If nobody could be read, or nobody will be.
pub(super) async fn readable(
    caller: &Caller,
    ids: &BTreeSet<ConnectUserId>,
    names: &Names,
) -> Result<BTreeMap<ConnectUserId, Option<ConnectUser>>, CallError> {
    let reads = ids.iter().map(|id| async move { (id.clone(), describe(caller, id, names).await) });
    let (mut found, mut failed) = (BTreeMap::new(), None);
    for (id, read) in join_all(reads).await {
        match read {
            Ok(user) => {
                found.insert(id, user);
            }
            Err(error) if error.disposition == Disposition::Misconfigured => return Err(error),
            Err(error) => {
                tracing::warn!(user = id.as_str(), hint = error.hint, "a user cannot be read now: {error}");
                failed = Some(error);
            }
        }
    }
    failed.filter(|_| found.is_empty()).map_or(Ok(found), Err)
}

async fn describe(caller: &Caller, id: &ConnectUserId, names: &Names) -> Result<Option<ConnectUser>, CallError> {
    let operation = Operation::DescribeUser;
    let request = caller.client.describe_user().instance_id(&caller.instance_id).user_id(id.as_str());
    let reply = match caller.call(operation, &[], || request.clone().send()).await {
        Ok(answer) => answer.reply,
        Err(error) if error.code == errors::NOT_FOUND => return Ok(None),
        Err(error) => return Err(error),
    };
    match reply.user.and_then(|user| codec::from_describe(user, names)) {
        Some(user) => Ok(Some(user)),
        None => Err(unreadable(operation, "no_user", "the reply holds no user")),
    }
}

/// Everybody, or whoever has one of these usernames.
async fn search(caller: &Caller, usernames: Option<&[&String]>) -> Result<Vec<UserSearchSummary>, CallError> {
    let operation = Operation::SearchUsers;
    let personal: Vec<String> = usernames.unwrap_or_default().iter().map(|name| (*name).clone()).collect();
    let criteria = usernames.map(any_of);
    walk(operation, MOST_PAGES, |token| {
        let request = caller.client.search_users().instance_id(&caller.instance_id);
        let request = request.set_search_criteria(criteria.clone()).set_next_token(token);
        let request = request.max_results(i32::try_from(SEARCH_PAGE).expect("500 fits"));
        let personal = &personal;
        async move {
            let reply = caller.call(operation, personal, || request.clone().send()).await?.reply;
            Ok((reply.users.unwrap_or_default(), reply.next_token))
        }
    })
    .await
}

fn any_of(usernames: &[&String]) -> UserSearchCriteria {
    let conditions = usernames.iter().map(|username| {
        let exact = StringCondition::builder()
            .field_name("Username")
            .value(username.as_str())
            .comparison_type(StringComparisonType::Exact)
            .build();
        UserSearchCriteria::builder().string_condition(exact).build()
    });
    UserSearchCriteria::builder().set_or_conditions(Some(conditions.collect())).build()
}

async fn list(caller: &Caller) -> Result<Vec<UserSummary>, CallError> {
    let operation = Operation::ListUsers;
    walk(operation, MOST_PAGES, |token| async move {
        let request = caller.client.list_users().instance_id(&caller.instance_id);
        let request = request.max_results(i32::try_from(LIST_PAGE).expect("1000 fits")).set_next_token(token);
        let reply = caller.call(operation, &[], || request.clone().send()).await?.reply;
        Ok((reply.user_summary_list.unwrap_or_default(), reply.next_token))
    })
    .await
}

async fn quick_connects_if(caller: &Caller, wanted: bool) -> Result<Vec<QuickConnect>, CallError> {
    if !wanted {
        return Ok(Vec::new());
    }
    let operation = Operation::SearchQuickConnects;
    let all = walk(operation, MOST_PAGES, |token| async move {
        let request = caller.client.search_quick_connects().instance_id(&caller.instance_id);
        let request = request.max_results(QUICK_CONNECT_PAGE).set_next_token(token);
        let reply = caller.call(operation, &[], || request.clone().send()).await?.reply;
        Ok((reply.quick_connects.unwrap_or_default(), reply.next_token))
    });
    let to_users = all.await?.into_iter().filter_map(|entry| {
        let config = entry.quick_connect_config?;
        let user = config.user_config.filter(|_| config.quick_connect_type == QuickConnectType::User)?;
        let id = entry.quick_connect_id?;
        let name = entry.name.as_deref().unwrap_or(&id);
        Some(QuickConnect {
            named: Named::new(&id, name),
            user: ConnectUserId::from(user.user_id.as_str()),
            flow: user.contact_flow_id.as_str().into(),
        })
    });
    let mut to_users: Vec<QuickConnect> = to_users.collect();
    to_users.sort_by(|a, b| (&a.user, &a.named).cmp(&(&b.user, &b.named)));
    Ok(to_users)
}

/// The instance, if it is in use.
pub(super) async fn instance(caller: &Caller) -> Result<Instance, CallError> {
    let operation = Operation::DescribeInstance;
    let request = caller.client.describe_instance().instance_id(&caller.instance_id);
    let reply = caller.call(operation, &[], || request.clone().send()).await?.reply;
    let Some(instance) = reply.instance else {
        return Err(unreadable(operation, "no_instance", "the reply holds no instance"));
    };
    if let Some(status) = instance.instance_status.filter(|status| *status != InstanceStatus::Active) {
        return Err(unreadable(operation, "not_active", &format!("the instance is {status}, not ACTIVE")));
    }
    let identity_management = match instance.identity_management_type {
        Some(DirectoryType::Saml) => IdentityManagement::Saml,
        Some(DirectoryType::ConnectManaged) => IdentityManagement::ConnectManaged,
        Some(DirectoryType::ExistingDirectory) => IdentityManagement::ExistingDirectory,
        other => {
            let message = format!("identity management type {:?} is not known", other.map(|kind| kind.to_string()));
            return Err(unreadable(operation, "unknown_identity_management", &message));
        }
    };
    Ok(Instance {
        id: instance.id.unwrap_or_else(|| caller.instance_id.clone()),
        arn: instance.arn.unwrap_or_else(|| caller.instance_arn.clone()),
        alias: instance.instance_alias,
        identity_management,
    })
}

/// Users, profiles and groups as `check` counts them.
pub(super) async fn head_count(caller: &Caller) -> Result<(Option<i64>, Catalogue), CallError> {
    let operation = Operation::SearchUsers;
    let request = caller.client.search_users().instance_id(&caller.instance_id).max_results(1);
    let (answer, catalogue) =
        tokio::try_join!(caller.call(operation, &[], || request.clone().send()), names::read(caller))?;
    Ok((answer.reply.approximate_total_count, catalogue))
}
