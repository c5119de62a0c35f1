//! Every kind of source. One place to add one: a function here, and its name in the list of
//! [`kinds_that_read_absence`] or in that of [`super`].

use std::collections::{BTreeMap, BTreeSet};

use connectors::http::HttpLimits;
use connectors::microsoft::{Credential, Microsoft, MicrosoftConfig};
use connectors::okta::{Okta, OktaConfig, OktaCredential, OktaScope};
use connectors::scim::{AbsentActive, MembershipFrom, Paging, Scim, ScimConfig, ScimCredential};
use connectors::{AttributeName, SecretSource, Source};
use rollcall::sandbox::Sandbox;
use rollcall::sandbox::okta::{AppSettings, PageCaps, RateLimits};
use rollcall::sandbox::scene::{AGENTS, CLIENT_ID, CLIENT_SECRET};
use rollcall::sandbox::scim::{Character, Credential as Accepted};
use url::Url;

use crate::world::now;

/// Hands a macro the kinds that each read absence in a way of their own, and those that it names beside them.
macro_rules! kinds_that_read_absence {
    ($then:ident; $($more:ident)*) => {
        $then! {
            microsoft_everybody
            microsoft_groups
            microsoft_nested
            okta_everybody
            okta_groups
            okta_app
            scim_cursors
            scim_index
            scim_groups
            scim_groups_on_users
            scim_sloppy
            scim_filter_nothing
            scim_page_sized_totals
            $($more)*
        }
    };
}
pub(crate) use kinds_that_read_absence;

/// A kind of source, with its scope and its server's character.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    /// As faults name it.
    pub(crate) service: &'static str,
    /// The operations whose answers say who is there.
    pub(crate) listings: &'static [&'static str],
    /// Whether the whole directory is in scope; the agents' group otherwise.
    pub(crate) everybody: bool,
    /// Whether members of nested groups count.
    pub(crate) nested: bool,
    /// How many people the case of very many has: 100,000 once for each kind of directory, 10,000 for its variants.
    pub(crate) crowd: usize,
    /// Sets the server's character.
    pub(crate) prepare: fn(&Sandbox),
    /// Sets how many people a page has.
    pub(crate) pages: fn(&Sandbox, usize),
    /// Builds the source.
    pub(crate) source: fn(&Sandbox, &SecretSource, HttpLimits) -> Source,
}

fn wanted() -> BTreeSet<AttributeName> {
    ["department", "mail", "title", "business_phone", "mobile_phone"].into_iter().map(AttributeName::from).collect()
}

pub(crate) fn microsoft(
    sandbox: &Sandbox,
    secret: &SecretSource,
    limits: HttpLimits,
    change: impl FnOnce(&mut MicrosoftConfig),
) -> Source {
    let mut config = MicrosoftConfig {
        name: "entra".into(),
        tenant: sandbox.tenant.tenant_id(),
        client_id: CLIENT_ID.to_owned(),
        credential: Credential::Secret(secret.clone()),
        graph_url: Url::parse(&sandbox.addresses.graph_url).unwrap(),
        login_url: Url::parse(&sandbox.addresses.login_url).unwrap(),
        scope_groups: None,
        rule_groups: BTreeSet::new(),
        nested: false,
        wanted: wanted(),
    };
    change(&mut config);
    Source::Microsoft(Box::new(Microsoft::with_limits(config, now, limits).unwrap()))
}

fn graph_pages(sandbox: &Sandbox, size: usize) {
    sandbox.tenant.configure(|settings| {
        settings.user_delta_page = size;
        settings.member_delta_page = size;
        settings.plain_page = size;
    });
}

/// The whole tenant.
pub(crate) fn microsoft_everybody() -> Kind {
    Kind {
        service: "graph",
        listings: &["GET /users/delta"],
        everybody: true,
        nested: false,
        crowd: 100_000,
        prepare: |_| {},
        pages: graph_pages,
        source: |sandbox, secret, limits| microsoft(sandbox, secret, limits, |_| {}),
    }
}

/// Named groups, followed by deltas.
pub(crate) fn microsoft_groups() -> Kind {
    Kind {
        listings: &["GET /groups/{id}/members", "GET /groups/delta"],
        everybody: false,
        source: |sandbox, secret, limits| {
            microsoft(sandbox, secret, limits, |config| config.scope_groups = Some(vec![AGENTS.to_owned()]))
        },
        crowd: 10_000,
        ..microsoft_everybody()
    }
}

/// Named groups with the groups in them, listed anew every time.
pub(crate) fn microsoft_nested() -> Kind {
    Kind {
        listings: &["GET /groups/{id}/transitiveMembers"],
        nested: true,
        source: |sandbox, secret, limits| {
            microsoft(sandbox, secret, limits, |config| {
                config.scope_groups = Some(vec![AGENTS.to_owned()]);
                config.nested = true;
            })
        },
        crowd: 10_000,
        ..microsoft_groups()
    }
}

pub(crate) fn okta(sandbox: &Sandbox, secret: &SecretSource, limits: HttpLimits, scope: OktaScope) -> Source {
    okta_with(sandbox, secret, limits, scope, BTreeSet::new())
}

fn okta_with(
    sandbox: &Sandbox,
    secret: &SecretSource,
    limits: HttpLimits,
    scope: OktaScope,
    rule_groups: BTreeSet<String>,
) -> Source {
    let config = OktaConfig {
        name: "okta".into(),
        org_url: Url::parse(&sandbox.addresses.okta_url).unwrap(),
        credential: OktaCredential::Token(secret.clone()),
        scope,
        rule_groups,
        wanted: wanted(),
        fields: BTreeMap::new(),
        statuses: BTreeMap::new(),
        rate_share: 0.8,
    };
    Source::Okta(Box::new(Okta::with_limits(config, now, limits).unwrap()))
}

/// An org whose rate limits are out of the way; they have tests of their own.
pub(crate) fn okta_org(sandbox: &Sandbox) {
    sandbox.okta.add_api_token(CLIENT_SECRET);
    let agents = sandbox.tenant.group_id(AGENTS).unwrap();
    sandbox.okta.configure(|settings| {
        let many = u32::MAX;
        settings.limits = RateLimits {
            users: many,
            user: many,
            groups: many,
            group: many,
            apps: many,
            app: many,
            logs: many,
            other: many,
            ..RateLimits::default()
        };
        settings.app = AppSettings::default().group(&agents);
    });
}

fn okta_pages(sandbox: &Sandbox, size: usize) {
    sandbox.okta.configure(|settings| {
        let PageCaps { users, groups: _, members, app_users, logs } = &mut settings.caps;
        for cap in [users, members, app_users, logs] {
            *cap = size;
        }
    });
}

/// The whole org.
pub(crate) fn okta_everybody() -> Kind {
    Kind {
        service: "okta",
        listings: &["GET /api/v1/users"],
        everybody: true,
        nested: true,
        crowd: 100_000,
        prepare: okta_org,
        pages: okta_pages,
        source: |sandbox, secret, limits| okta(sandbox, secret, limits, OktaScope::Everybody),
    }
}

/// Named groups.
pub(crate) fn okta_groups() -> Kind {
    Kind {
        listings: &["GET /api/v1/groups/{id}/users"],
        everybody: false,
        source: |sandbox, secret, limits| okta(sandbox, secret, limits, OktaScope::Groups(vec![AGENTS.to_owned()])),
        crowd: 10_000,
        ..okta_everybody()
    }
}

/// So many followed groups that their clocks are asked for by one filter, which answers from the late index.
pub(crate) fn okta_many_groups() -> Kind {
    Kind {
        prepare: |sandbox| {
            okta_org(sandbox);
            for number in 1..=6 {
                sandbox
                    .tenant
                    .add_group(&format!("0a51de00-0000-4000-8000-0000000001{number:02}"), &rule(number))
                    .unwrap();
            }
        },
        source: |sandbox, secret, limits| {
            let scope = OktaScope::Groups(vec![AGENTS.to_owned()]);
            okta_with(sandbox, secret, limits, scope, (1..=6).map(rule).collect())
        },
        ..okta_groups()
    }
}

fn rule(number: u32) -> String {
    format!("Rule {number}")
}

/// An application's people.
pub(crate) fn okta_app() -> Kind {
    Kind {
        listings: &["GET /api/v1/apps/{id}/users"],
        source: |sandbox, secret, limits| okta(sandbox, secret, limits, OktaScope::App("Amazon Connect".to_owned())),
        crowd: 10_000,
        ..okta_groups()
    }
}

pub(crate) fn scim(
    sandbox: &Sandbox,
    secret: &SecretSource,
    limits: HttpLimits,
    change: impl FnOnce(&mut ScimConfig),
) -> Source {
    let mut config = ScimConfig {
        name: "hr".into(),
        base_url: Url::parse(&sandbox.addresses.scim_url).unwrap(),
        credential: ScimCredential::Bearer(secret.clone()),
        extra_headers: BTreeMap::new(),
        scope_groups: None,
        rule_groups: BTreeSet::new(),
        wanted: wanted(),
        fields: BTreeMap::new(),
        page_size: 100,
        paging: Paging::Auto,
        first_index: 1,
        membership: MembershipFrom::Auto,
        nested: false,
        absent_active: AbsentActive::Auto,
        incremental: true,
        extension_aliases: Vec::new(),
        users_path: None,
        groups_path: None,
        max_response_bytes: 32 << 20,
    };
    change(&mut config);
    Source::Scim(Box::new(Scim::with_limits(config, now, limits).unwrap()))
}

pub(crate) fn scim_server(sandbox: &Sandbox, character: Character) {
    sandbox.scim.set_character(character);
    sandbox.scim.accept(Accepted::Bearer(CLIENT_SECRET.to_owned()));
}

fn scim_pages(sandbox: &Sandbox, size: usize) {
    sandbox.scim.configure(|settings| settings.max_page = size);
}

pub(crate) fn agents(config: &mut ScimConfig) {
    config.scope_groups = Some(vec![AGENTS.to_owned()]);
}

/// Everybody on a server that keeps the standard; it announces cursors, so they are used.
pub(crate) fn scim_cursors() -> Kind {
    Kind {
        service: "scim",
        listings: &["GET /Users"],
        everybody: true,
        nested: false,
        crowd: 100_000,
        prepare: |sandbox| scim_server(sandbox, Character::Strict),
        pages: scim_pages,
        source: |sandbox, secret, limits| scim(sandbox, secret, limits, |_| {}),
    }
}

/// Everybody, by index.
pub(crate) fn scim_index() -> Kind {
    Kind {
        source: |sandbox, secret, limits| scim(sandbox, secret, limits, |config| config.paging = Paging::Index),
        crowd: 10_000,
        ..scim_cursors()
    }
}

/// A named group, by the group's members.
pub(crate) fn scim_groups() -> Kind {
    Kind {
        listings: &["GET /Users", "GET /Users/{id}", "GET /Groups", "GET /Groups/{id}"],
        everybody: false,
        crowd: 10_000,
        source: |sandbox, secret, limits| scim(sandbox, secret, limits, agents),
        ..scim_cursors()
    }
}

/// A named group on a server that tells memberships on the users only.
pub(crate) fn scim_groups_on_users() -> Kind {
    Kind {
        listings: &["GET /Users", "GET /Users/{id}"],
        prepare: |sandbox| scim_server(sandbox, Character::GroupsOnUsersOnly),
        ..scim_groups()
    }
}

macro_rules! characters {
    ($($name:ident $character:ident),* $(,)?) => { $(
        /// Everybody, on a server of this character.
        pub(crate) fn $name() -> Kind {
            Kind {
                crowd: 10_000,
                prepare: |sandbox| scim_server(sandbox, Character::$character),
                ..scim_cursors()
            }
        }
    )* };
}

characters! {
    scim_sloppy Sloppy,
    scim_cursor_only CursorOnly,
    scim_filter_ignoring FilterIgnoring,
    scim_filter_nothing FilterNothing,
    scim_case_mangling CaseMangling,
    scim_page_sized_totals PageSizedTotals,
    scim_no_discovery NoDiscovery,
    scim_odd_ids OddIds,
    scim_text_dates TextDates,
}
