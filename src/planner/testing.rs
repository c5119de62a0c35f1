//! Worlds written as text: the fixtures of the planner's tests, and a model of Connect and memory that plans are applied to.
//!
//! ```text
//! directory   entra/7 ada.king dept=Care groups=leads standing=disabled        (a name is made of the username)
//!             @entra frozen | @entra never | @entra new | @entra scope=agents | @entra profile | @order okta,entra,scim
//!             @moved entra/7 … | @config_changed                     (| in a value separates several values)
//! connect     c-1 ada.king owner=entra/7 sec=Agent route=Basic                 (_ is a space)
//!             memory entra/7 link=c-1 wrote.route=Basic stage=suspended absent=3 suspended=2 former.sec=Agent
//!             memory entra/7 name=ada.king retiring=c-0      quick q-1 c-1
//! plan        + ada.king Agent / Basic [joined]      ~ c-1 routing: Basic → Care Voice [mapped]
//!             = c-1 entra/7 [adopted by username]    - c-1 [left: disabled]
//!             . entra/7 decision                     ! entra/7 quarantined     ? label finding
//!             > q-1 of c-1 to the new user [renamed from ada]
//!             = c-1 okta/7 [handed over from entra/7]                           . okta/7 shadowed by entra/7 (mail)
//! ```

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use connectors::{AttributeName, Attributes, DirectoryGroup, DirectoryUser, GroupKey, PersonKey, Scope, Standing};

use super::rules::{
    AdoptBy, Condition, FieldMapping, LeaverRules, Limits, Mapping, Persona, RenamePolicy, Rules, SourceRules, Suspend,
};
use crate::model::{
    Action, Attribute, AttributeSet, Authority, Catalogue, ConnectUser, ConnectUserId, Decision, DirectoryView, Facet,
    Finding, FindingCode, IdentityManagement, Instance, Inventory, Named, Observation, Plan, QuickConnect, Reason,
    Remembered, ResourceId, Seen, SourceState, SourceView, Stage, Time, Value,
};

pub(super) const SECURITY: [&str; 5] = ["Agent", "Lead", "Recording", "Admin", "No Access"];
pub(super) const ROUTING: [&str; 4] = ["Basic", "Care Voice", "Sales Voice", "Holding"];
const HIERARCHY: [&str; 2] = ["EMEA/London", "EMEA/Paris"];
const DAY_SECS: u64 = 86_400;
/// In the order of precedence, unless a world says otherwise.
const SOURCES: [&str; 3] = ["entra", "okta", "scim"];

/// The moment of all tests.
pub(super) fn now() -> Time {
    "2026-03-01T00:00:00Z".parse().expect("a time")
}

fn days_ago(days: &str) -> Time {
    now() - TimeDelta::days(days.parse().expect("a number of days"))
}

pub(super) fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(|name| (*name).to_owned()).collect()
}

fn mapping(name: &str, when: Condition, gives: Persona) -> Mapping {
    Mapping { name: name.to_owned(), line: 10, when, gives }
}

fn department(names_of: &[&str]) -> Condition {
    Condition::Department(names(names_of))
}

pub(super) fn persona(security: &[&str], routing: Option<&str>) -> Persona {
    Persona { security_profiles: names(security), routing_profile: routing.map(str::to_owned), ..Persona::default() }
}

/// The rules of all tests, unless a test changes them.
pub(super) fn rules() -> Rules {
    let london = Persona { hierarchy: Some("EMEA/London".to_owned()), ..persona(&["Agent"], Some("Basic")) };
    let tier = Persona { tags: BTreeMap::from([("tier".to_owned(), "2".to_owned())]), ..persona(&["Lead"], None) };
    Rules {
        sources: SOURCES
            .map(|name| SourceRules {
                name: name.into(),
                guests: false,
                first_run_applies: false,
                application_profile: false,
            })
            .to_vec(),
        same_person: Rules::SAME_PERSON.map(Into::into).to_vec(),
        fields: FieldMapping {
            username: "username".into(),
            given_name: vec!["given_name".into()],
            family_name: vec!["family_name".into()],
            email: vec!["mail".into()],
            department: "department".into(),
            phone: vec!["mobile".into()],
            phone_region: Some("GB".to_owned()),
            desk_phone: vec!["business_phone".into()],
        },
        default: Some(persona(&["Agent"], Some("Basic"))),
        mappings: vec![
            mapping("care", department(&["Care", "Customer Care"]), persona(&["Agent"], Some("Care Voice"))),
            mapping("sales", department(&["Sales"]), persona(&["Agent"], Some("Sales Voice"))),
            mapping("london", department(&["London"]), london),
            mapping("broken", department(&["Broken"]), persona(&["Agnet"], Some("Basic"))),
            mapping("leads", Condition::Group("leads".to_owned()), tier),
        ],
        user_types: BTreeMap::new(),
        departments_are_security_profiles: false,
        authority: Facet::ALL
            .into_iter()
            .map(|facet| match facet {
                Facet::Security => (facet, Authority::Connect),
                Facet::Routing => (facet, Authority::Shared),
                _ => (facet, Authority::Directory),
            })
            .collect(),
        adopt: vec![AdoptBy::OwnerTag, AdoptBy::Username, AdoptBy::MailboxName, AdoptBy::Email],
        leaver: LeaverRules {
            grace_secs: 0,
            suspend: Some(Suspend {
                security_profiles: names(&["No Access"]),
                routing_profile: Some("Holding".to_owned()),
                for_secs: Some(30 * DAY_SECS),
            }),
            delete: true,
            undo_holds_secs: 7 * DAY_SECS,
        },
        rename: RenamePolicy::Report,
        user_limit: None,
        canaries: BTreeSet::new(),
    }
}

pub(super) fn limits() -> Limits {
    Limits::default()
}

fn ids(kind: &str, of: &[&str]) -> BTreeMap<String, ResourceId> {
    of.iter().map(|name| ((*name).to_owned(), ResourceId::from(&*format!("{kind}-{name}")))).collect()
}

fn named(kind: &str, name: &str) -> Named {
    Named::new(&format!("{kind}-{name}"), name)
}

pub(super) fn security(list: &[&str]) -> Value {
    Value::NamedSet(list.iter().map(|name| named("sec", name)).collect())
}

pub(super) fn routing(name: &str) -> Value {
    Value::Named(named("route", name))
}

/// An observation and the rules, and what applying plans made of them.
#[derive(Clone)]
pub(super) struct World {
    pub(super) seen: Observation,
    pub(super) rules: Rules,
    created: u32,
}

impl std::fmt::Debug for World {
    // A counterexample is read by a person: only what differs from world to world.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { seen, rules, created: _ } = self;
        f.debug_struct("World")
            .field("people", &seen.directory.people)
            .field("users", &seen.connect.users)
            .field("memory", &seen.memory)
            .field("authority", &rules.authority)
            .field("adopt", &rules.adopt)
            .field("leaver", &rules.leaver)
            .finish_non_exhaustive()
    }
}

impl World {
    pub(super) fn new(directory: &str, connect: &str) -> Self {
        let fresh = || SourceView { state: SourceState::Fresh, scope: Some(Scope::Everybody), established: true };
        let mut seen = Observation {
            at: now(),
            directory: DirectoryView {
                sources: SOURCES.map(|name| (name.into(), fresh())).into(),
                ..DirectoryView::default()
            },
            connect: Inventory {
                at: now(),
                instance: Instance {
                    id: "i".to_owned(),
                    arn: "arn:i".to_owned(),
                    alias: None,
                    identity_management: IdentityManagement::Saml,
                },
                catalogue: Catalogue {
                    security_profiles: ids("sec", &SECURITY),
                    routing_profiles: ids("route", &ROUTING),
                    hierarchy_groups: ids("hier", &HIERARCHY),
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
        let mut rules = rules();
        for line in directory.lines().map(str::trim).filter(|line| !line.is_empty()) {
            if !rules_line(line, &mut rules) {
                directory_line(line, &mut seen);
            }
        }
        for line in connect.lines().map(str::trim).filter(|line| !line.is_empty()) {
            connect_line(line, &mut seen);
        }
        Self { seen, rules, created: 0 }
    }

    pub(super) fn plan(&self) -> Plan {
        super::plan(&self.seen, &self.rules, &|_| (2.0, 5))
    }

    /// Carries a plan out: Connect, the memory, and what a run stores besides.
    pub(super) fn apply(&mut self, plan: &Plan) {
        for change in plan.changes.iter().filter(|change| matches!(change.action, Action::Adopt { .. })) {
            let former = change.because.taken_from().and_then(|from| self.seen.memory.remove(from));
            if let Some(former) = former {
                self.seen.memory.insert(change.person.clone(), former);
            }
        }
        for memory in self.seen.memory.values_mut() {
            memory.absent_since = None;
        }
        for (person, (since, _)) in &plan.leaving {
            self.seen.memory.entry(person.clone()).or_default().absent_since = Some(*since);
        }
        for (person, link) in &plan.links {
            self.seen.memory.entry(person.clone()).or_default().link = Some(link.clone());
        }
        for (person, agreed) in &plan.agreed {
            self.seen.memory.entry(person.clone()).or_default().written.extend(agreed);
        }
        let mut made: BTreeMap<PersonKey, ConnectUserId> = BTreeMap::new();
        for (person, undone) in &plan.undone {
            self.seen.undone.insert(person.clone(), undone.clone());
        }
        self.seen.undone.retain(|_, undone| !undone.is_empty());
        for change in &plan.changes {
            let change = &*change.aimed_at(made.get(&change.person));
            let users = &mut self.seen.connect.users;
            let user = change.connect.as_ref().and_then(|id| users.get_mut(id));
            let mut created = None;
            match (&change.action, user) {
                (Action::Create(desired), None) => {
                    self.created += 1;
                    let id = ConnectUserId::from(&*format!("n-{}", self.created));
                    let taken = users.values().any(|user| user.username == desired.username);
                    assert!(!taken, "Connect refuses a second {}", desired.username);
                    let mut user = blank(&id, &desired.username, Some(desired.person.clone()));
                    user.apply(&desired.attributes);
                    users.insert(id.clone(), user);
                    made.insert(change.person.clone(), id.clone());
                    created = Some(id);
                }
                (Action::Adopt { .. }, Some(user)) => user.owner = Some(change.person.clone()),
                (Action::Update(update), Some(user)) => {
                    user.apply(&update.after);
                    user.untag(&update.untag);
                }
                (Action::DeleteQuickConnect(named), Some(_)) => {
                    self.seen.connect.quick_connects.retain(|quick| quick.named != *named);
                }
                (Action::MoveQuickConnect(step), Some(_)) => {
                    let to = step.to.clone().expect("the created user");
                    let quick = &mut self.seen.connect.quick_connects;
                    let quick = quick.iter_mut().find(|quick| quick.named == step.named).expect("it is there");
                    (quick.user, quick.flow) = (to, step.flow.clone());
                }
                (Action::Delete { .. }, Some(user)) => {
                    let id = user.id.clone();
                    users.remove(&id);
                }
                (action, _) => panic!("{action:?} for a user that is not there"),
            }
            let memory = self.seen.memory.entry(change.person.clone()).or_default();
            *memory = memory.after(change, created.as_ref(), self.seen.at);
        }
    }
}

pub(super) fn blank(id: &ConnectUserId, username: &str, owner: Option<PersonKey>) -> ConnectUser {
    let mut attributes: BTreeMap<Attribute, Seen<Value>> =
        crate::model::ATTRIBUTES.iter().map(|row| (row.attribute, Seen::Known(Value::None))).collect();
    attributes.insert(Attribute::Tags, Seen::Known(Value::Tags(BTreeMap::new())));
    ConnectUser {
        id: id.clone(),
        arn: format!("arn:{id}"),
        username: username.to_owned(),
        owner,
        attributes,
        modified_at: None,
    }
}

/// `ada.king@example.com` → Ada, King.
pub(super) fn name_of(username: &str) -> (String, String) {
    let mailbox = username.split('@').next().unwrap_or_default();
    let (given, family) = mailbox.split_once('.').unwrap_or((mailbox, mailbox));
    let capital = |word: &str| {
        let mut chars = word.chars();
        chars.next().map(|first| first.to_uppercase().chain(chars).collect::<String>()).unwrap_or_default()
    };
    (capital(given), capital(family))
}

fn spaced(text: &str) -> String {
    text.replace('_', " ")
}

/// What a line says about the rules; `false` if it is not about them.
fn rules_line(line: &str, rules: &mut Rules) -> bool {
    let by_name = |rules: &Rules, name: &str| rules.rank(&name.into()).expect("a known source");
    match line.split_whitespace().collect::<Vec<_>>().as_slice() {
        ["@order", order] => {
            rules.sources = order.split(',').map(|name| rules.sources[by_name(rules, name)].clone()).collect();
        }
        [source, "profile"] => {
            let at = by_name(rules, &source[1..]);
            rules.sources[at].application_profile = true;
        }
        _ => return false,
    }
    true
}

fn directory_line(line: &str, seen: &mut Observation) {
    let mut words = line.split_whitespace();
    let first = words.next().expect("a word");
    let rest: Vec<&str> = words.collect();
    match (first, rest.as_slice()) {
        ("@config_changed", []) => seen.config_changed = true,
        ("@moved", [key, what]) => {
            seen.directory.moved.insert(key.parse().expect("a key"), spaced(what));
        }
        (source, [word]) if source.starts_with('@') => {
            let view = seen.directory.sources.get_mut(&source[1..].into()).expect("a known source");
            match word.split_once('=') {
                None if *word == "frozen" => view.state = SourceState::Frozen { why: "HTTP 503".to_owned() },
                None if *word == "never" => view.scope = None,
                None if *word == "new" => view.established = false,
                Some(("scope", group)) => view.scope = Some(Scope::Groups([group.into()].into())),
                _ => panic!("unknown: {line}"),
            }
        }
        (key, [username, options @ ..]) => person(key.parse().expect("a key"), username, options, seen),
        _ => panic!("unknown: {line}"),
    }
}

fn person(key: PersonKey, username: &str, options: &[&str], seen: &mut Observation) {
    let mut attributes = Attributes::default();
    let (given, family) = name_of(username);
    if username != "-" {
        attributes.set("username".into(), username);
    }
    attributes.set("given_name".into(), &given);
    attributes.set("family_name".into(), &family);
    let (mut groups, mut standing, mut unreadable) = (BTreeSet::new(), Standing::Active, None);
    for option in options {
        let (name, value) = option.split_once('=').expect("name=value");
        match name {
            "dept" => attributes.set("department".into(), &spaced(value)),
            "groups" => groups.extend(value.split(',').map(|id| GroupKey::new(key.source.clone(), id))),
            "unreadable" => unreadable = Some(spaced(value)),
            "standing" => {
                standing = match value {
                    "disabled" => Standing::Disabled,
                    "soft_deleted" => Standing::SoftDeleted,
                    "deleted" => Standing::Deleted,
                    "missing" => Standing::MissingUnconfirmed,
                    "gone" => Standing::MissingConfirmed,
                    _ => panic!("unknown standing {value}"),
                }
            }
            other => attributes.set(AttributeName::from(other), &spaced(value).replace('|', "\n")),
        }
    }
    for group in &groups {
        let name = Some(group.id.to_string());
        seen.directory.groups.insert(group.clone(), DirectoryGroup { id: group.id.clone(), name });
    }
    let user = DirectoryUser { key: key.clone(), attributes, groups, standing, unreadable };
    seen.directory.people.insert(key, user);
}

fn connect_line(line: &str, seen: &mut Observation) {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        ["memory", key, options @ ..] => {
            let memory = seen.memory.entry(key.parse().expect("a key")).or_default();
            for option in options {
                let (name, value) = option.split_once('=').expect("name=value");
                remember(memory, name, value);
            }
        }
        ["quick", quick, user] => {
            let named = Named::new(quick, quick);
            seen.connect.quick_connects.push(QuickConnect { named, user: (*user).into(), flow: "flow".into() });
        }
        [id, username, options @ ..] => {
            let user = connect_user(id, username, options);
            seen.connect.users.insert((*id).into(), user);
        }
        _ => panic!("unknown: {line}"),
    }
}

fn connect_user(id: &str, username: &str, options: &[&str]) -> ConnectUser {
    let mut user = blank(&id.into(), username, None);
    let (given, family) = name_of(username);
    let mut set: AttributeSet = [
        (Attribute::FirstName, Value::Text(given)),
        (Attribute::LastName, Value::Text(family)),
        (Attribute::SecurityProfiles, security(&["Agent"])),
        (Attribute::RoutingProfile, routing("Basic")),
    ]
    .into_iter()
    .collect();
    for option in options {
        let (name, value) = option.split_once('=').expect("name=value");
        match name {
            "owner" => user.owner = Some(value.parse().expect("a key")),
            "details" => {
                for attribute in [Attribute::Email, Attribute::SecondaryEmail, Attribute::Mobile] {
                    user.attributes.insert(attribute, Seen::Unread);
                }
            }
            _ => set_value(&mut set, name, value),
        }
    }
    user.apply(&set);
    user
}

fn set_value(set: &mut AttributeSet, name: &str, value: &str) {
    let spaced = spaced(value);
    let (attribute, value) = match name {
        "sec" => (Attribute::SecurityProfiles, security(&spaced.split(',').collect::<Vec<_>>())),
        "route" => (Attribute::RoutingProfile, routing(&spaced)),
        "hier" => (Attribute::HierarchyGroup, Value::Named(named("hier", &spaced))),
        "last" => (Attribute::LastName, Value::Text(spaced)),
        "mail" => (Attribute::SecondaryEmail, Value::text(spaced)),
        "mobile" => (Attribute::Mobile, Value::text(spaced)),
        "tags" => {
            let tags = value.split(',').filter_map(|tag| tag.split_once(':'));
            (Attribute::Tags, Value::Tags(tags.map(|(k, v)| (k.to_owned(), v.to_owned())).collect()))
        }
        _ => panic!("unknown: {name}"),
    };
    set.set(attribute, value);
}

fn remember(memory: &mut Remembered, name: &str, value: &str) {
    match (name, name.split_once('.')) {
        (_, Some(("wrote", what))) => set_value(&mut memory.written, what, value),
        (_, Some(("former", what))) => set_value(&mut memory.former, what, value),
        ("link", _) => memory.link = Some(value.into()),
        ("name", _) => memory.username = Some(value.to_owned()),
        ("retiring", _) => {
            memory.retiring.insert(value.into());
        }
        ("absent", _) => memory.absent_since = Some(days_ago(value)),
        ("suspended", _) => {
            memory.stage = Stage::Suspended;
            memory.suspended_since = Some(days_ago(value));
        }
        ("stage", _) if value == "deleted" => memory.stage = Stage::Deleted,
        _ => panic!("unknown: {name}"),
    }
}

/// The one place that compares a plan with its text.
#[track_caller]
pub(super) fn check(directory: &str, connect: &str, plan: &str) {
    check_with(|_| {}, directory, connect, plan);
}

#[track_caller]
pub(super) fn check_with(change: impl FnOnce(&mut World), directory: &str, connect: &str, plan: &str) {
    let mut world = World::new(directory, connect);
    change(&mut world);
    let expected: Vec<&str> = plan.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(render(&world.plan()), expected);
}

/// A plan as text: changes, then decisions worth a line, then findings.
pub(super) fn render(plan: &Plan) -> Vec<String> {
    let mut lines: Vec<String> = plan.changes.iter().map(change_text).collect();
    for (person, decision) in &plan.decisions {
        let text = match decision {
            Decision::InSync | Decision::Changes { .. } => continue,
            Decision::OutOfScope { why } => format!(". {person} out of scope: {why}"),
            Decision::Waiting { until, next, .. } => {
                format!(". {person} waits {} days until {next:?}", (*until - plan.at).num_days())
            }
            Decision::NotObserved { .. } => format!(". {person} not observed"),
            Decision::Shadowed { by, matched } => format!(". {person} shadowed by {by} ({matched})"),
            Decision::Quarantined(finding) => format!("! {person} {:?}", finding.code),
            Decision::Resting { attempts, .. } => format!(". {person} rests after {attempts}"),
        };
        lines.push(text);
    }
    // Whoever is shadowed has the decision's line.
    let told = |finding: &&Finding| !finding.code.quarantines() && finding.code != FindingCode::Shadowed;
    for finding in plan.findings.iter().filter(told) {
        let whom = finding.person.as_ref().map_or_else(|| finding.label.clone(), ToString::to_string);
        lines.push(format!("? {whom} {:?}", finding.code));
    }
    lines
}

fn change_text(change: &crate::model::Change) -> String {
    let because = match &change.because {
        Reason::Joined { .. } => "joined".to_owned(),
        Reason::Mapped { what, .. } if what.is_empty() => "mapped".to_owned(),
        Reason::Mapped { what, .. } => what.clone(),
        Reason::ConfigChanged { .. } => "configuration".to_owned(),
        Reason::Drift => "drift".to_owned(),
        Reason::Left { why, .. } => format!("left: {why}"),
        Reason::Returned => "returned".to_owned(),
        Reason::Adopted { by } => format!("adopted by {by}"),
        Reason::Rebound { from } => format!("rebound from {from}"),
        Reason::HandedOver { from } => format!("handed over from {from}"),
        Reason::Renamed { from, .. } => format!("renamed from {from}"),
        Reason::Undone { .. } => "undone".to_owned(),
    };
    let id = change.connect.as_ref().map(ToString::to_string).unwrap_or_default();
    let what = match &change.action {
        Action::Create(desired) => {
            let of = |attribute| desired.attributes.get(attribute).map(ToString::to_string).unwrap_or_default();
            format!("+ {} {} / {}", desired.username, of(Attribute::SecurityProfiles), of(Attribute::RoutingProfile))
        }
        Action::Adopt { .. } => format!("= {id} {}", change.person),
        Action::Delete { .. } => format!("- {id}"),
        Action::DeleteQuickConnect(named) => format!("- {} of {id}", named.name),
        Action::MoveQuickConnect(step) => {
            let to = step.to.as_ref().map_or("the new user", ConnectUserId::as_str);
            format!("> {} of {id} to {to}", step.named.name)
        }
        Action::Update(update) if !update.untag.is_empty() => {
            format!("~ {id} tags: without {}", update.untag.iter().cloned().collect::<Vec<_>>().join(","))
        }
        Action::Update(update) => {
            let differing = update.after.iter().filter(|(a, v)| update.before.get(*a) != Some(v));
            let parts: Vec<String> = differing
                .map(|(a, v)| {
                    let before = update.before.get(a).map_or_else(|| "?".to_owned(), ToString::to_string);
                    format!("{before} → {v}")
                })
                .collect();
            format!("~ {id} {}: {}", update.facet.short(), parts.join(", "))
        }
    };
    format!("{what} [{because}]")
}
