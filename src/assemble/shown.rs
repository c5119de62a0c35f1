//! What the console shows of a configuration: values and closures, none of which holds a secret or reaches a remote.

use std::sync::Arc;

use connectors::Source;
use connectors::microsoft::MicrosoftConfig;
use connectors::okta::{OktaConfig, OktaCredential, OktaScope};
use connectors::scim::ScimConfig;
use url::Url;

use crate::config::{self, Config, Problem, SourceConfig};
use crate::console::{ConnectPart, NamedPart, Parts, SourcePart, Wrong};
use crate::report::notify::{NotifierConfig, NotifierKind, WebhookUrl};
use crate::report::{CloudwatchConfig, Privacy, SinkConfig, SinkKind};

/// The parts as pages show them.
pub(super) fn parts(config: &Config, sources: Vec<Arc<Source>>) -> Parts {
    let config = Arc::new(config.clone());
    let file = config.path.clone();
    let text = move || config::rules_of(&std::fs::read_to_string(&file).ok()?);
    let rules = Arc::clone(&config);
    Parts {
        file: config.path.clone(),
        rules_text: Arc::new(text),
        rules_with: Arc::new(move |text| {
            config::rules_with(&rules, text, &rules.path)
                .map_err(|problems| problems.list.into_iter().map(wrong).collect())
        }),
        trial: config.trial,
        sources: config.sources.iter().map(source).collect(),
        abilities: Arc::new(move |name, cursor| {
            let source = sources.iter().find(|source| source.name() == name);
            source.map(|source| source.abilities(cursor))
        }),
        full_every_secs: config.schedule.full_every_secs,
        connect: ConnectPart {
            instance: config.connect.instance_arn.clone(),
            region: config.connect.region.clone(),
            endpoint: config.connect.endpoint_url.as_ref().map(host),
            share: config.connect.quota.share,
            audit_every_secs: config.schedule.audit_every_secs,
        },
        reports: config.reports.iter().map(report).collect(),
        notifiers: config.notifiers.iter().map(notifier).collect(),
    }
}

fn report(sink: &SinkConfig) -> NamedPart {
    let SinkConfig { name, privacy, kind } = sink;
    let shows = match privacy {
        Privacy::Keys => "people by key",
        Privacy::Usernames => "people by username",
        Privacy::Full => "everything about people",
    };
    let (kind, place) = match kind {
        SinkKind::CloudwatchLogs(CloudwatchConfig { group, retention_days, region, .. }) => {
            let kept = retention_days.map_or_else(String::new, |days| format!(", kept {days} days"));
            ("CloudWatch Logs", format!("log group {group} in {region}{kept}"))
        }
        SinkKind::JsonLines { path } if path.as_os_str() == "-" => ("JSON lines", "standard output".to_owned()),
        SinkKind::JsonLines { path } => ("JSON lines", path.display().to_string()),
    };
    NamedPart { name: name.clone(), kind, place: format!("{place}; shows {shows}") }
}

/// Whoever has the whole address of a webhook may post there, so its host is shown and nothing else.
fn notifier(config: &NotifierConfig) -> NamedPart {
    let NotifierConfig { name, hears, kind } = config;
    let (kind, place) = match kind {
        NotifierKind::Sns(sns) => ("SNS", sns.topic.clone()),
        NotifierKind::Webhook(webhook) => match &webhook.url {
            WebhookUrl::Plain(url) => ("webhook", host(url)),
            WebhookUrl::Secret(_) => ("webhook", "an address that is kept as a secret".to_owned()),
        },
    };
    let hears: Vec<&str> = hears.on.iter().map(|kind| kind.word()).collect();
    NamedPart { name: name.clone(), kind, place: format!("{place}; hears of {}", hears.join(", ")) }
}

fn source(config: &SourceConfig) -> SourcePart {
    let (place, scope) = match config {
        SourceConfig::Microsoft(config) => {
            let MicrosoftConfig { tenant, client_id, graph_url, scope_groups, nested, .. } = config;
            let place = format!("{tenant} at {}, as application {client_id}", host(graph_url));
            (place, groups(scope_groups.as_deref(), *nested))
        }
        SourceConfig::Okta(config) => {
            let OktaConfig { org_url, credential, scope, .. } = config;
            let who = match credential {
                OktaCredential::Token(_) => "by an API token".to_owned(),
                OktaCredential::Service { client_id, .. } => format!("as service app {client_id}"),
            };
            let scope = match scope {
                OktaScope::Everybody => groups(None, false),
                OktaScope::Groups(names) => groups(Some(names), false),
                OktaScope::App(app) => format!("people assigned to the application {app}"),
            };
            (format!("{}, {who}", host(org_url)), scope)
        }
        SourceConfig::Scim(config) => {
            let ScimConfig { base_url, scope_groups, nested, .. } = config;
            let place = format!("{}{}", host(base_url), base_url.path().trim_end_matches('/'));
            (place, groups(scope_groups.as_deref(), *nested))
        }
    };
    SourcePart { name: config.name().clone(), product: config.product(), place, scope }
}

fn groups(names: Option<&[String]>, nested: bool) -> String {
    let nested = if nested { ", members of nested groups too" } else { "" };
    match names {
        None => "everybody".to_owned(),
        Some([one]) => format!("members of {one}{nested}"),
        Some(several) => format!("members of {}{nested}", several.join(" or ")),
    }
}

/// Host and port; an address may carry more, and some of that may be secret.
fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn wrong(problem: Problem) -> Wrong {
    let Problem { line, place, message, hint } = problem;
    Wrong { line, place, message, hint }
}
