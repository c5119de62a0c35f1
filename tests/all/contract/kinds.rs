//! Every kind of source. One place to add one: a function here and its name in the list of [`super`].

use std::collections::BTreeSet;

use connectors::http::HttpLimits;
use connectors::microsoft::{Credential, Microsoft, MicrosoftConfig};
use connectors::{AttributeName, SecretSource, Source};
use rollcall::sandbox::Sandbox;
use rollcall::sandbox::scene::{AGENTS, CLIENT_ID};
use url::Url;

use crate::world::now;

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

fn microsoft(
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
        ..microsoft_groups()
    }
}
