//! The names people know profiles and hierarchy groups by, read anew with each look.
//!
//! Invariant: a hierarchy group is named by its whole path, because names alone repeat under different parents.
//! Deliberately absent: queues, flows, agent statuses; no rule speaks of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_sdk_connect::types::{HierarchyGroup, HierarchyGroupSummary};

use super::call::Caller;
use super::pages::walk;
use crate::model::{CallError, Catalogue, Named, Operation, ResourceId};

/// Items on a page of `ListRoutingProfiles` and `ListSecurityProfiles`, the most there can be.
const PROFILE_PAGE: i32 = 1_000;
/// Items on a page of `SearchUserHierarchyGroups`, the most there can be.
const GROUP_PAGE: i32 = 100;
/// Many times the instance quotas (500 routing profiles, 100 security profiles, 500 groups), should they be raised.
const MOST_PAGES: usize = 200;
/// Connect's own root below the hierarchy; nobody can choose it.
const INVISIBLE_LEVEL: &str = "0";

/// Names by id, the other way round than in the [`Catalogue`].
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    routing_profiles: BTreeMap<String, Arc<str>>,
    security_profiles: BTreeMap<String, Arc<str>>,
    hierarchy_groups: BTreeMap<String, Arc<str>>,
}

impl Names {
    pub(super) fn of(catalogue: &Catalogue) -> Self {
        let Catalogue { security_profiles, routing_profiles, hierarchy_groups } = catalogue;
        Self {
            routing_profiles: inverse(routing_profiles),
            security_profiles: inverse(security_profiles),
            hierarchy_groups: inverse(hierarchy_groups),
        }
    }

    pub(super) fn routing_profile(&self, id: &str) -> Named {
        named(&self.routing_profiles, id)
    }

    pub(super) fn security_profile(&self, id: &str) -> Named {
        named(&self.security_profiles, id)
    }

    pub(super) fn hierarchy_group(&self, id: &str) -> Named {
        named(&self.hierarchy_groups, id)
    }
}

fn inverse(by_name: &BTreeMap<String, ResourceId>) -> BTreeMap<String, Arc<str>> {
    by_name.iter().map(|(name, id)| (id.as_str().to_owned(), name.as_str().into())).collect()
}

/// A thing made after the names were read is called by its id.
fn named(names: &BTreeMap<String, Arc<str>>, id: &str) -> Named {
    match names.get(id) {
        Some(name) => Named { id: id.into(), name: Arc::clone(name) },
        None => Named::new(id, id),
    }
}

/// All names.
pub(super) async fn read(caller: &Caller) -> Result<Catalogue, CallError> {
    let (routing_profiles, security_profiles, hierarchy_groups) =
        tokio::try_join!(routing_profiles(caller), security_profiles(caller), hierarchy_groups(caller))?;
    Ok(Catalogue { security_profiles, routing_profiles, hierarchy_groups })
}

async fn routing_profiles(caller: &Caller) -> Result<BTreeMap<String, ResourceId>, CallError> {
    let operation = Operation::ListRoutingProfiles;
    let profiles = walk(operation, MOST_PAGES, |token| async move {
        let request = caller.client.list_routing_profiles().instance_id(&caller.instance_id);
        let request = request.max_results(PROFILE_PAGE).set_next_token(token);
        let reply = caller.call(operation, &[], || request.clone().send()).await?.reply;
        Ok((reply.routing_profile_summary_list.unwrap_or_default(), reply.next_token))
    });
    Ok(profiles.await?.into_iter().filter_map(|profile| entry(profile.name, profile.id)).collect())
}

async fn security_profiles(caller: &Caller) -> Result<BTreeMap<String, ResourceId>, CallError> {
    let operation = Operation::ListSecurityProfiles;
    let profiles = walk(operation, MOST_PAGES, |token| async move {
        let request = caller.client.list_security_profiles().instance_id(&caller.instance_id);
        let request = request.max_results(PROFILE_PAGE).set_next_token(token);
        let reply = caller.call(operation, &[], || request.clone().send()).await?.reply;
        Ok((reply.security_profile_summary_list.unwrap_or_default(), reply.next_token))
    });
    Ok(profiles.await?.into_iter().filter_map(|profile| entry(profile.name, profile.id)).collect())
}

fn entry(name: Option<String>, id: Option<String>) -> Option<(String, ResourceId)> {
    Some((name?, id?.as_str().into()))
}

async fn hierarchy_groups(caller: &Caller) -> Result<BTreeMap<String, ResourceId>, CallError> {
    let operation = Operation::SearchUserHierarchyGroups;
    let groups = walk(operation, MOST_PAGES, |token| async move {
        let request = caller.client.search_user_hierarchy_groups().instance_id(&caller.instance_id);
        let request = request.max_results(GROUP_PAGE).set_next_token(token);
        let reply = caller.call(operation, &[], || request.clone().send()).await?.reply;
        Ok((reply.user_hierarchy_groups.unwrap_or_default(), reply.next_token))
    });
    Ok(paths(&groups.await?))
}

fn paths(groups: &[HierarchyGroup]) -> BTreeMap<String, ResourceId> {
    let own_names: BTreeMap<&str, &str> =
        groups.iter().filter_map(|group| Some((group.id()?, group.name()?))).collect();
    groups
        .iter()
        .filter(|group| group.level_id() != Some(INVISIBLE_LEVEL))
        .filter_map(|group| Some((path(group, &own_names)?, group.id()?.into())))
        .collect()
}

/// The levels above, then the group itself. Ancestors may come without their names; those are looked up.
fn path(group: &HierarchyGroup, own_names: &BTreeMap<&str, &str>) -> Option<String> {
    let above = group
        .hierarchy_path()
        .map(|path| [path.level_one(), path.level_two(), path.level_three(), path.level_four(), path.level_five()]);
    let mut names = Vec::new();
    for level in above.into_iter().flatten().flatten().filter(|level| level.id() != group.id()) {
        names.push(level_name(level, own_names)?);
    }
    names.push(group.name()?);
    Some(names.join("/"))
}

fn level_name<'a>(level: &'a HierarchyGroupSummary, own_names: &BTreeMap<&str, &'a str>) -> Option<&'a str> {
    level.name().or_else(|| own_names.get(level.id()?).copied())
}

#[cfg(test)]
mod tests {
    use aws_sdk_connect::types::HierarchyPath;

    use super::*;

    fn level(id: &str, name: Option<&str>) -> HierarchyGroupSummary {
        HierarchyGroupSummary::builder().id(id).set_name(name.map(str::to_owned)).build()
    }

    #[test]
    fn groups_are_named_by_their_path() {
        let emea = HierarchyGroup::builder().id("g1").name("EMEA").level_id("1");
        let emea = emea.hierarchy_path(HierarchyPath::builder().level_one(level("g1", Some("EMEA"))).build()).build();
        let care = HierarchyPath::builder().level_one(level("g1", None)).level_two(level("g2", Some("Care"))).build();
        let care = HierarchyGroup::builder().id("g2").name("Care").level_id("2").hierarchy_path(care).build();
        let root = HierarchyGroup::builder().id("g0").name("root").level_id("0").build();
        let paths = paths(&[root, emea, care]);
        let paths: Vec<_> = paths.iter().map(|(path, id)| (path.as_str(), id.as_str())).collect();
        assert_eq!(paths, [("EMEA", "g1"), ("EMEA/Care", "g2")]);
    }

    #[test]
    fn an_unknown_id_is_its_own_name() {
        let catalogue =
            Catalogue { routing_profiles: [("Basic".to_owned(), "r1".into())].into(), ..Catalogue::default() };
        let names = Names::of(&catalogue);
        assert_eq!(&*names.routing_profile("r1").name, "Basic");
        assert_eq!(&*names.routing_profile("r2").name, "r2");
        assert_eq!(&*names.security_profile("r1").name, "r1");
    }
}
