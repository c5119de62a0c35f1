//! The screen of `rules --what-if`.

use std::collections::{BTreeMap, BTreeSet};

use connectors::{Attributes, DirectoryGroup, DirectoryUser, GroupKey, PersonKey, Scope, Standing};

use super::*;
use crate::config::{Options, parse_with};
use crate::model::{
    Attribute, Catalogue, ConnectUser, ConnectUserId, DirectoryView, IdentityManagement, Instance, Inventory, Named,
    Observation, Remembered, ResourceId, Seen, SourceState, SourceView, Value,
};

const CONFIGURATION: &str = r#"
name = "support-emea"
[source.entra]
kind = "microsoft"
tenant = "contoso.example"
client_id = "app"
client_secret = { env = "ROLLCALL_TEST_SECRET_THAT_IS_NOT_SET" }
[connect]
instance = "arn:aws:connect:eu-west-2:111122223333:instance/12345678-1234-1234-1234-123456789012"
[default]
security_profiles = ["Agent"]
routing_profile = "Basic"
[[mapping]]
name = "care"
departments = ["Care"]
security_profiles = ["Agent"]
routing_profile = "Care Voice"
[[mapping]]
name = "sales"
departments = ["Sales"]
security_profiles = ["Agent"]
routing_profile = "Sales Voice"
[authority]
security_profiles = "connect"
[[example]]
given = { department = "Care" }
expect = { routing_profile = "Care Voice" }
"#;

const NEXT: &str = r#"
[[mapping]]
name = "care"
departments = ["Care"]
security_profiles = ["Agent", "Lead"]
routing_profile = "Support Voice"
[[mapping]]
name = "success"
departments = ["Success"]
security_profiles = ["Agent"]
routing_profile = "Sales Voice"
[[mapping]]
name = "broken"
departments = ["Billing"]
security_profiles = ["Agnet"]
routing_profile = "Basic"
[[mapping]]
name = "recording"
when = { group = "Connect-Recording" }
security_profiles = ["Lead"]
"#;

fn at(text: &str) -> Time {
    text.parse().expect("a time")
}

fn named(name: &str) -> Named {
    Named::new(name, name)
}

/// Somebody, and the user that the rules of now gave.
fn hired(seen: &mut Observation, id: usize, username: &str, department: &str, routing: &str) {
    let key = PersonKey::new("entra", format!("{id}").as_str());
    let mut attributes = Attributes::default();
    let (given, family) = username.split_once('.').expect("two names");
    let family = family.split('@').next().unwrap_or_default();
    for (name, value) in
        [("username", username), ("given_name", given), ("family_name", family), ("department", department)]
    {
        attributes.set(name.into(), value);
    }
    let groups = BTreeSet::new();
    let person = DirectoryUser { key: key.clone(), attributes, groups, standing: Standing::Active, unreadable: None };
    seen.directory.people.insert(key.clone(), person);
    let mut attributes: BTreeMap<Attribute, Seen<Value>> =
        crate::model::ATTRIBUTES.iter().map(|row| (row.attribute, Seen::Known(Value::None))).collect();
    for (attribute, value) in [
        (Attribute::FirstName, Value::Text(given.to_owned())),
        (Attribute::LastName, Value::Text(family.to_owned())),
        (Attribute::SecurityProfiles, Value::NamedSet(BTreeSet::from([named("Agent")]))),
        (Attribute::RoutingProfile, Value::Named(named(routing))),
        (Attribute::Tags, Value::Tags(BTreeMap::new())),
    ] {
        attributes.insert(attribute, Seen::Known(value));
    }
    let id = ConnectUserId::from(format!("c-{id}").as_str());
    let user = ConnectUser {
        id: id.clone(),
        arn: format!("arn:{id}"),
        username: username.to_owned(),
        owner: Some(key.clone()),
        attributes,
        modified_at: None,
    };
    seen.connect.users.insert(id.clone(), user);
    seen.memory
        .insert(key, Remembered { link: Some(id), username: Some(username.to_owned()), ..Remembered::default() });
}

fn observation() -> Observation {
    let ids = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), ResourceId::from(*name))).collect();
    let now = at("2026-05-04T09:12:00Z");
    let view = SourceView { state: SourceState::Fresh, scope: Some(Scope::Everybody), established: true };
    let leads = GroupKey::new("entra", "leads");
    let group = DirectoryGroup { id: leads.id.clone(), name: Some("Connect-Leads".to_owned()) };
    let mut seen = Observation {
        at: now,
        directory: DirectoryView {
            sources: BTreeMap::from([("entra".into(), view)]),
            groups: BTreeMap::from([(leads, group)]),
            ..DirectoryView::default()
        },
        connect: Inventory {
            at: at("2026-05-04T09:09:00Z"),
            instance: Instance {
                id: "i".to_owned(),
                arn: "arn:i".to_owned(),
                alias: None,
                identity_management: IdentityManagement::Saml,
            },
            catalogue: Catalogue {
                security_profiles: ids(&["Agent", "Lead"]),
                routing_profiles: ids(&["Basic", "Care Voice", "Sales Voice", "Support Voice"]),
                hierarchy_groups: BTreeMap::new(),
            },
            users: BTreeMap::new(),
            quick_connects: Vec::new(),
        },
        memory: BTreeMap::new(),
        undone: BTreeMap::new(),
        retries: BTreeMap::new(),
        trial: None,
        config_changed: false,
    };
    hired(&mut seen, 1, "ada.king@contoso.com", "Care", "Care Voice");
    hired(&mut seen, 2, "ben.okoro@contoso.com", "Care", "Support Voice");
    hired(&mut seen, 3, "cy.moss@contoso.com", "Sales", "Sales Voice");
    hired(&mut seen, 4, "dee.ray@contoso.com", "Success", "Basic");
    hired(&mut seen, 5, "kim.oneil@contoso.com", "Billing", "Basic");
    hired(&mut seen, 6, "lee.low@contoso.com", "Legal", "Basic");
    seen
}

fn screens(next: &str) -> String {
    let path = Path::new("rollcall.toml");
    let config = parse_with(CONFIGURATION, path, Options { check_secrets: false }).unwrap();
    let seen = observation();
    let changed = config::rules_with(&config, next, Path::new("next.toml")).unwrap();
    let found = planner::what_if(&seen, &config.rules, &changed.rules, &|_| (2.0, 1));
    let shown = Shown {
        config: &config,
        file: Path::new("next.toml"),
        changed: &changed,
        examples: planner::check_examples(&changed.rules, &changed.examples),
        refusal: planner::guard::refusal(&found.then, &config.limits),
        looked: seen.connect.at,
        found: &found,
        all: false,
    };
    shown.screen(seen.at, Style::plain())
}

#[test]
fn changed_rules_are_shown_with_what_is_written_and_what_is_not() {
    let screens = format!(
        "$ rules --what-if next.toml\n{}\n$ rules --what-if same.toml\n{}",
        screens(NEXT),
        screens("[authority]\nsecurity_profiles = \"connect\"\n")
    );
    insta::assert_snapshot!("what_if", screens);
}
