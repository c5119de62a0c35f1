//! `[notify.*]`: who is told of trouble, and of which.
//!
//! Source of the form of a topic's ARN: Service Authorization Reference, "Actions, resources, and condition keys for Amazon
//! SNS"; of its name: SNS API reference, `CreateTopic`.
//!
//! Invariant: the address of a webhook is never shown in a problem; it may carry a key.

use std::collections::BTreeSet;

use connectors::http::{Tls, require_safe};
use url::Url;

use super::aws;
use super::section::{Item, Section};
use crate::aws::Reach;
use crate::connect::ConnectConfig;
use crate::model::SubjectKind;
use crate::report::notify::{Hears, NotifierConfig, NotifierKind, SnsConfig, WebhookConfig, WebhookUrl};

/// More people held than before that are no news by themselves.
const NEWLY_HELD: u32 = 5;
const TOPIC: &str = "the ARN of a topic such as \"arn:aws:sns:eu-west-2:111122223333:rollcall\"";

#[derive(Clone, Copy)]
enum Kind {
    Sns,
    Webhook,
}

/// Reads every `[notify.*]`.
pub(super) fn read(section: &Section<'_>, connect: Option<&ConnectConfig>, tls: &Tls) -> Vec<NotifierConfig> {
    let entries = section.entries().into_iter();
    entries.filter_map(|(name, item)| notifier(name, &item.section()?, connect, tls)).collect()
}

fn notifier(name: String, section: &Section<'_>, connect: Option<&ConnectConfig>, tls: &Tls) -> Option<NotifierConfig> {
    let words = [("sns", Kind::Sns), ("webhook", Kind::Webhook)];
    let Some(kind) = section.required("kind", "\"sns\"", |item| item.one_of(&words)) else {
        section.ignore_rest();
        return None;
    };
    let hears = hears(section);
    let kind = match kind {
        Kind::Sns => sns(section, connect, tls).map(NotifierKind::Sns),
        Kind::Webhook => webhook(section, tls).map(|webhook| NotifierKind::Webhook(Box::new(webhook))),
    };
    Some(NotifierConfig { name, hears: hears?, kind: kind? })
}

fn hears(section: &Section<'_>) -> Option<Hears> {
    let given = section.get("on").map(|item| kinds(&item));
    let newly_held = section.get("newly_held").map(|item| (item.count(0), item));
    let on = match given {
        None => SubjectKind::ALL.into(),
        Some(on) => on?,
    };
    if let Some((_, item)) = newly_held.as_ref().filter(|_| !on.contains(&SubjectKind::People)) {
        item.problem("means nothing unless \"people\" is in on", "add it there, or remove this line".to_owned());
    }
    let newly_held = match newly_held {
        None => NEWLY_HELD,
        Some((count, _)) => count?,
    };
    Some(Hears { on, newly_held })
}

fn kinds(item: &Item<'_>) -> Option<BTreeSet<SubjectKind>> {
    let words = SubjectKind::ALL.map(|kind| (kind.word(), kind));
    let Some(items) = item.items() else {
        item.unexpected("a list such as [\"run\", \"source\"]", None);
        return None;
    };
    if items.is_empty() {
        item.unexpected("at least one kind of trouble", "leave the key out for all".to_owned());
        return None;
    }
    // Every element is read before any is given up, so that all of them can complain.
    items.iter().map(|item| item.one_of(&words)).collect::<Vec<_>>().into_iter().collect()
}

fn sns(section: &Section<'_>, connect: Option<&ConnectConfig>, tls: &Tls) -> Option<SnsConfig> {
    let example = "\"arn:aws:sns:eu-west-2:111122223333:rollcall\"";
    let topic = section.required("topic", example, |item| item.parsed(TOPIC, topic));
    let profile = section.optional("profile", Item::text);
    let endpoint_url = section.optional("endpoint_url", Item::url);
    let topic = topic?;
    let region = aws::arn(&topic)?.region.to_owned();
    let profile = profile.or_else(|| connect?.profile.clone());
    Some(SnsConfig { topic, reach: Reach { region, profile, assume_role: None, endpoint_url, tls: tls.clone() } })
}

/// A standard topic: e-mail addresses cannot subscribe to FIFO topics, whose names end in `.fifo`.
fn topic(text: &str) -> Option<String> {
    let arn = aws::arn(text)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let name = arn.resource;
    let fits = arn.service == "sns"
        && aws::region(arn.region).is_some()
        && (1..=256).contains(&name.len())
        && name.chars().all(plain);
    fits.then(|| text.to_owned())
}

fn webhook(section: &Section<'_>, tls: &Tls) -> Option<WebhookConfig> {
    let url = section.required("url", "{ env = \"OPS_WEBHOOK\" }", address);
    let authorization = section.get("authorization").map(|item| item.secret());
    let signing_key = section.get("signing_key").map(|item| item.secret());
    let given = |secret: Option<Option<_>>| match secret {
        None => Some(None),
        Some(secret) => secret.map(Some),
    };
    Some(WebhookConfig {
        url: url?,
        authorization: given(authorization)?,
        signing_key: given(signing_key)?,
        tls: tls.clone(),
    })
}

fn address(item: &Item<'_>) -> Option<WebhookUrl> {
    if item.value().is_table() {
        return item.secret().map(WebhookUrl::Secret);
    }
    let complain = |expected: &str, hint: &str| {
        item.problem(format!("expected {expected}"), hint.to_owned());
        None
    };
    let store = "an address that carries a key belongs where secrets are: url = { env = \"NAME\" }";
    let Some(url) = item.value().as_str().and_then(|text| Url::parse(text.trim()).ok()).filter(Url::has_host) else {
        return complain("an https address, or a reference to a secret", store);
    };
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return complain("an address without user, password, ? and #", store);
    }
    if require_safe(&url).is_err() {
        return complain("an https address (plain http is for loopback only)", store);
    }
    Some(WebhookUrl::Plain(url))
}
