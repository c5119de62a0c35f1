//! What somebody did to the directory.

use std::collections::{BTreeMap, BTreeSet};

use rollcall::sandbox::okta::{AppSettings, Role};
use rollcall::sandbox::scene::{AGENTS, CLIENT_ID, CLIENT_SECRET};
use rollcall::sandbox::tenant::{App, DeadToken};
use serde_json::json;

use super::site::{Site, start, status};
use crate::contract::rig::limits;

/// Groups that nobody follows at first.
const ASIDE: &str = "0a51de00-0000-4000-8000-000000000001";
const ANEW: &str = "0a51de00-0000-4000-8000-000000000002";

/// A synchronisation between two directories failed and left the group empty: the listing is whole, and nobody is in it.
pub(super) async fn group_emptied_upstream(site: &mut Site) {
    let tenant = site.sandbox.tenant.clone();
    let groups = tenant.groups().into_iter().map(|(id, _)| (id.clone(), tenant.members(&id, false)));
    let before: BTreeMap<String, Vec<String>> = groups.collect();
    for (group, members) in &before {
        members.iter().for_each(|member| tenant.remove_member(group, member).unwrap());
    }
    site.runs(&[false, true, true]).await;
    site.must_have_said(&["now has none", "no membership", "nobody"]);
    for (group, members) in &before {
        members.iter().for_each(|member| tenant.add_member(group, member).unwrap());
    }
}

/// The only group of the scope is deleted, or the application is taken from it, and "members of no group" was nobody.
pub(super) async fn one_group_to_none(site: &mut Site) {
    let tenant = site.sandbox.tenant.clone();
    let agents = site.agents();
    let (direct, all) = (tenant.members(&agents, false), tenant.members(&agents, true));
    tenant.delete_group(&agents).unwrap();
    site.runs(&[false, true, true]).await;
    site.must_have_said(&["does not exist", "there is no group", "now has none", "no group", "nobody"]);
    // Made anew under the old name, as whoever deleted it would.
    tenant.add_group(ANEW, AGENTS).unwrap();
    let wanted: BTreeSet<String> = if site.subject.struck().nested { all } else { direct }.into_iter().collect();
    wanted.iter().for_each(|member| tenant.add_member(ANEW, member).unwrap());
    site.sandbox.okta.configure(|settings| settings.app = AppSettings::default().group(ANEW));
}

/// The human resources department renames every department overnight: everybody moves, nobody leaves.
pub(super) async fn department_renamed_for_everybody(site: &mut Site) {
    let tenant = site.sandbox.tenant.clone();
    let people = tenant.users();
    let set = |id: &str, department: &Option<String>| {
        tenant.update_user(id, json!({"department": department}).as_object().cloned().unwrap()).unwrap();
    };
    people.iter().for_each(|user| set(&user.id, &Some("Reorganised".to_owned())));
    site.runs(&[false, true]).await;
    site.must_have_said(&["no rule for this department: the default persona"]);
    assert_eq!(site.ours(), site.expected);
    people.iter().for_each(|user| set(&user.id, &user.department));
}

/// Links to what changed are refused after a week of standstill, and starting anew was read as "everybody is new".
pub(super) async fn expired_delta(site: &mut Site) {
    for shape in [DeadToken::Gone, DeadToken::SyncStateNotFound, DeadToken::UnsupportedQuery] {
        site.sandbox.tenant.expire_delta_tokens(shape);
        site.runs(&[false, false]).await;
    }
    site.must_have_said(&["no longer accepted"]);
}

/// Somebody narrows the role of the credential: whoever is hidden by it looks like somebody who is gone.
pub(super) async fn narrow_admin_role(site: &mut Site) {
    let tenant = site.sandbox.tenant.clone();
    match site.subject.struck().service {
        "graph" => {
            let app = |permissions: &[&str]| App::new(CLIENT_ID).secret(CLIENT_SECRET).permissions(permissions);
            for permissions in [&["GroupMember.Read.All"][..], &["User.ReadBasic.All"], &[]] {
                tenant.set_app(app(permissions));
                tenant.revoke_tokens();
                site.runs(&[true, false]).await;
            }
            site.must_have_said(&["User.Read.All", "GroupMember.Read.All", "permission"]);
            tenant.set_app(app(&["User.Read.All", "GroupMember.Read.All"]));
            tenant.revoke_tokens();
        }
        "okta" => {
            let agents = tenant.members(&site.agents(), true);
            tenant.add_group(ASIDE, "Aside").unwrap();
            agents.iter().take(5).for_each(|member| tenant.add_member(ASIDE, member).unwrap());
            // One that hides the group of everybody, and one that shows it and yet not everybody.
            let hidden: BTreeSet<String> = agents.iter().skip(5).step_by(2).cloned().collect();
            for role in [Role::Groups([ASIDE.to_owned()].into()), Role::Without(hidden), Role::Nobody] {
                site.sandbox.okta.configure(|settings| settings.role = role);
                site.runs(&[true, false, true, true]).await;
            }
            site.must_have_said(&["role"]);
            site.sandbox.okta.configure(|settings| settings.role = Role::Full);
        }
        _ => {
            // A server has no roles that could be seen from outside: it refuses.
            site.strike_listings(0, &status(403, "forbidden"));
            site.runs(&[true, false, true]).await;
            site.must_have_said(&["403", "rights"]);
            site.well_again();
        }
    }
}

/// The credentials of the test tenant in the production configuration, or the other way round: another company, which knows
/// nobody of ours, and says so of everybody it is asked for.
pub(super) async fn another_tenants_credentials(site: &mut Site) {
    let kind = *site.subject.struck();
    let elsewhere = start(99, false).await;
    (kind.prepare)(&elsewhere);
    (kind.pages)(&elsewhere, 7);
    site.build(limits(), |kind, _, secret, limits| (kind.source)(&elsewhere, secret, limits));
    site.runs(&[false, true, true]).await;
    site.must_have_said(&["none of them", "belong to other people", "their ids have changed"]);
    site.as_configured();
}
