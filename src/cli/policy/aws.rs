//! IAM: operations this configuration can come to, and the statements that allow exactly them.
//!
//! Resource types and dependent actions: Service Authorization Reference, "Actions, resources, and condition keys for Amazon
//! Connect", "… for Amazon CloudWatch Logs", "… for Amazon SNS", "… for AWS Security Token Service". Form of the ARNs of log groups: CloudWatch
//! Logs user guide, "Overview of managing access permissions".
//!
//! One place to add an operation: its arm in [`connect_action`].

use std::collections::{BTreeMap, BTreeSet};

use connectors::secret::VaultName;

use super::{Grant, Permission, Statement};
use crate::config::Config;
use crate::connect::ConnectConfig;
use crate::model::{Authority, Facet, Operation};
use crate::planner::rules::{Persona, PhoneSettings, RenamePolicy, Rules, UserTypeExtras};
use crate::report::notify::{NotifierConfig, NotifierKind, SnsConfig};
use crate::report::{CloudwatchConfig, SinkConfig, SinkKind};
use crate::secrets::AWS_SECRET;

/// A part of an instance, as its ARN ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum On {
    Instance,
    Users,
    RoutingProfiles,
    SecurityProfiles,
    HierarchyGroups,
    QuickConnects,
    ContactFlows,
    /// The service offers no narrower resource.
    Anything,
}

impl On {
    fn arn(self, instance: &str) -> String {
        let below = match self {
            Self::Anything => return "*".to_owned(),
            Self::Instance => return instance.to_owned(),
            Self::Users => "agent",
            Self::RoutingProfiles => "routing-profile",
            Self::SecurityProfiles => "security-profile",
            Self::HierarchyGroups => "agent-group",
            Self::QuickConnects => "transfer-destination",
            Self::ContactFlows => "contact-flow",
        };
        format!("{instance}/{below}/*")
    }
}

/// What one operation needs.
struct Needs {
    why: &'static str,
    on: Vec<On>,
    /// Actions that the service checks beside it.
    also: Vec<(&'static str, Vec<On>)>,
}

fn needs(why: &'static str, on: &[On]) -> Option<Needs> {
    Some(Needs { why, on: on.to_vec(), also: Vec::new() })
}

/// What the rules can come to.
struct Can {
    /// Somebody who left.
    delete: bool,
    /// A new user in the place of one with another username.
    recreate: bool,
    suspend: bool,
    suspend_routing: bool,
    hierarchy: bool,
    tags: bool,
    phone: bool,
}

impl Can {
    fn of(rules: &Rules) -> Self {
        let personas = || rules.default.iter().chain(rules.mappings.iter().map(|mapping| &mapping.gives));
        let types = || rules.user_types.values();
        let suspend = rules.leaver.suspend.as_ref();
        Self {
            delete: rules.leaver.delete,
            recreate: rules.rename == RenamePolicy::Recreate,
            suspend: suspend.is_some(),
            suspend_routing: suspend.is_some_and(|suspend| suspend.routing_profile.is_some()),
            hierarchy: personas().any(|Persona { hierarchy, .. }| hierarchy.is_some()),
            tags: personas().any(|Persona { tags, .. }| !tags.is_empty())
                || types().any(|UserTypeExtras { tags, .. }| !tags.is_empty()),
            phone: personas().map(|persona| &persona.phone).chain(types().map(|of| &of.phone)).any(sets_phone),
        }
    }
}

fn sets_phone(settings: &PhoneSettings) -> bool {
    let PhoneSettings { desk_phone, auto_accept, after_contact_work_secs, persistent_connection } = settings;
    desk_phone.is_some()
        || auto_accept.is_some()
        || after_contact_work_secs.is_some()
        || persistent_connection.is_some()
}

/// What an operation needs; `None` if this configuration never comes to it.
fn connect_action(operation: Operation, rules: &Rules, can: &Can) -> Option<Needs> {
    let ours = |facet: Facet| rules.authority.get(&facet).is_none_or(|who| *who != Authority::Connect);
    let with = |needs: Option<Needs>, also: &[(&'static str, &[On])]| {
        let also = also.iter().map(|(action, on)| (*action, on.to_vec())).collect();
        Some(Needs { also, ..needs? })
    };
    match operation {
        Operation::DescribeInstance => with(
            needs("is the instance active, and how do users sign in", &[On::Instance]),
            &[("ds:DescribeDirectories", &[On::Anything])],
        ),
        Operation::ListUsers => needs("who is there, and who was changed since", &[On::Instance]),
        Operation::SearchUsers => with(
            needs("what users have, by pages", &[On::Instance]),
            &[("connect:DescribeUser", &[On::Users]), ("connect:ListUserProficiencies", &[On::Instance, On::Users])],
        ),
        Operation::DescribeUser => needs("e-mail and mobile of single users", &[On::Users]),
        Operation::ListRoutingProfiles | Operation::ListSecurityProfiles => {
            needs("names of the rules to ids", &[On::Instance])
        }
        Operation::SearchUserHierarchyGroups => with(
            needs("names of the rules to ids", &[On::Instance]),
            &[("connect:DescribeUserHierarchyGroup", &[On::HierarchyGroups])],
        ),
        Operation::SearchQuickConnects if can.delete || can.recreate => with(
            needs("quick connects of users that are deleted or replaced", &[On::Instance]),
            &[("connect:DescribeQuickConnect", &[On::QuickConnects])],
        ),
        Operation::CreateUser => {
            let mut on = vec![On::Users, On::RoutingProfiles, On::SecurityProfiles];
            on.extend(can.hierarchy.then_some(On::HierarchyGroups));
            needs("people who join", &on)
        }
        Operation::TagResource => needs("the owner mark, at creation and adoption", &[On::Users]),
        Operation::DeleteUser if can.delete => needs("people who left, at the end of [leaver]", &[On::Users]),
        Operation::DeleteUser if can.recreate => needs("the user before a changed username", &[On::Users]),
        Operation::UpdateQuickConnectConfig if can.recreate => {
            needs("quick connects of a user that is replaced", &[On::Users, On::QuickConnects, On::ContactFlows])
        }
        Operation::DeleteQuickConnect if can.delete => {
            needs("quick connects of users that are deleted", &[On::QuickConnects])
        }
        Operation::UpdateUserIdentityInfo if ours(Facet::Identity) => {
            needs("names, e-mail and mobile that change", &[On::Users])
        }
        Operation::UpdateUserPhoneConfig if ours(Facet::Phone) && can.phone => {
            needs("phone settings that the rules give", &[On::Users])
        }
        Operation::UpdateUserRoutingProfile if ours(Facet::Routing) || can.suspend_routing => {
            needs("people who move, are suspended, or come back", &[On::Users, On::RoutingProfiles])
        }
        Operation::UpdateUserSecurityProfiles if ours(Facet::Security) || can.suspend => {
            needs("people who move, are suspended, or come back", &[On::Users, On::SecurityProfiles])
        }
        Operation::UpdateUserHierarchy if ours(Facet::Hierarchy) && can.hierarchy => {
            needs("people who move", &[On::Users, On::HierarchyGroups])
        }
        Operation::UntagResource if ours(Facet::Tags) && can.tags => {
            needs("tags that the rules give no longer", &[On::Users])
        }
        Operation::SearchQuickConnects
        | Operation::DeleteUser
        | Operation::DeleteQuickConnect
        | Operation::UpdateQuickConnectConfig
        | Operation::UpdateUserIdentityInfo
        | Operation::UpdateUserPhoneConfig
        | Operation::UpdateUserRoutingProfile
        | Operation::UpdateUserSecurityProfiles
        | Operation::UpdateUserHierarchy
        | Operation::UntagResource => None,
    }
}

/// One document for the identity rollcall runs as, and one for the role it assumes.
pub(super) fn grants(config: &Config) -> Vec<Grant> {
    let connect = connect(&config.connect, &config.rules);
    let mut own: Vec<Statement> = config.reports.iter().flat_map(|sink| report(sink, &config.connect)).collect();
    own.extend(config.notifiers.iter().filter_map(notifier));
    let connect: Vec<Statement> = connect.into_iter().chain(secrets(config)).collect();
    let runs_as = "the identity rollcall runs as".to_owned();
    match &config.connect.assume_role {
        None => {
            let statements = connect.into_iter().chain(own).collect();
            vec![Grant { to: runs_as, statements }]
        }
        Some(role) => {
            let actions = vec![Permission::new("sts:AssumeRole", "the role of [connect]; its trust policy must agree")];
            own.insert(0, Statement { sid: "Role".to_owned(), actions, resources: vec![role.clone()] });
            let role = format!("the role {role}");
            vec![Grant { to: runs_as, statements: own }, Grant { to: role, statements: connect }]
        }
    }
}

/// Statements by what they are on: whoever may do one thing to a resource is not thereby allowed to do it to another.
fn connect(config: &ConnectConfig, rules: &Rules) -> Vec<Statement> {
    let can = Can::of(rules);
    let mut by: BTreeMap<Vec<On>, BTreeMap<String, Permission>> = BTreeMap::new();
    let mut add = |on: Vec<On>, permission: Permission| {
        by.entry(on).or_default().entry(permission.name.clone()).or_insert(permission);
    };
    let found: Vec<(Operation, Needs)> = Operation::ALL
        .iter()
        .filter_map(|operation| Some((*operation, connect_action(*operation, rules, &can)?)))
        .collect();
    for (operation, Needs { why, on, .. }) in &found {
        add(on.clone(), Permission::new(format!("connect:{operation}"), *why));
    }
    for (operation, Needs { also, .. }) in &found {
        for (action, on) in also {
            add(on.clone(), Permission::new(*action, format!("checked by AWS with {operation}")));
        }
    }
    let sid = |on: &[On]| on.iter().map(|on| format!("{on:?}")).collect::<String>();
    let statement = |(on, actions): (Vec<On>, BTreeMap<String, Permission>)| Statement {
        sid: format!("Connect{}", sid(&on)),
        actions: actions.into_values().collect(),
        resources: on.iter().map(|on| on.arn(&config.instance_arn)).collect(),
    };
    by.into_iter().map(statement).collect()
}

/// What a report needs of AWS.
fn report(sink: &SinkConfig, connect: &ConnectConfig) -> Vec<Statement> {
    let CloudwatchConfig { group, retention_days, region, profile: _, endpoint_url: _, tls: _, metrics: _ } =
        match &sink.kind {
            SinkKind::CloudwatchLogs(config) => config,
            SinkKind::JsonLines { .. } => return Vec::new(),
        };
    let partition = connect.instance_arn.split(':').nth(1).unwrap_or("aws");
    let arn = format!("arn:{partition}:logs:{region}:{}:log-group:{group}", connect.account);
    let mut actions = vec![
        Permission::new("logs:CreateLogGroup", "the group, once"),
        Permission::new("logs:CreateLogStream", "a stream each day"),
        Permission::new("logs:PutLogEvents", "the events"),
    ];
    if retention_days.is_some() {
        actions.push(Permission::new("logs:PutRetentionPolicy", "the retention that is configured"));
    }
    let look = vec![Permission::new("logs:DescribeLogGroups", "is the group there, and how long does it keep")];
    let sid = word(&sink.name);
    vec![
        // The service offers no narrower resource for this one.
        Statement { sid: format!("Report{sid}Look"), actions: look, resources: vec!["*".to_owned()] },
        Statement { sid: format!("Report{sid}"), actions, resources: vec![arn.clone(), format!("{arn}:*")] },
    ]
}

/// What a notifier needs of AWS.
fn notifier(notifier: &NotifierConfig) -> Option<Statement> {
    let SnsConfig { topic, reach: _ } = match &notifier.kind {
        NotifierKind::Sns(config) => config,
        NotifierKind::Webhook(_) => return None,
    };
    let actions = vec![
        Permission::new(
            "sns:Publish",
            "messages of trouble; for a topic with a key of your own also kms:GenerateDataKey and kms:Decrypt on it",
        ),
        Permission::new("sns:GetTopicAttributes", "rollcall check: is the topic there, and does anybody listen"),
    ];
    Some(Statement { sid: format!("Notify{}", word(&notifier.name)), actions, resources: vec![topic.clone()] })
}

/// What the secrets need that are stored in AWS. They are read by whoever calls Amazon Connect.
fn secrets(config: &Config) -> Vec<Statement> {
    let connect = &config.connect;
    let partition = connect.instance_arn.split(':').nth(1).unwrap_or("aws");
    let place = format!("{}:{}", connect.region, connect.account);
    let (mut stored, mut parameters) = (BTreeSet::new(), BTreeSet::new());
    for VaultName { store, name, key: _ } in config.stored_secrets().into_iter().map(|(_, name)| name) {
        let arn = name.starts_with("arn:");
        match store {
            AWS_SECRET if arn => stored.insert(name.clone()),
            // The service adds a hyphen and six characters of its own to the name.
            AWS_SECRET => stored.insert(format!("arn:{partition}:secretsmanager:{place}:secret:{name}-??????")),
            _ if arn => parameters.insert(name.clone()),
            _ => parameters.insert(format!("arn:{partition}:ssm:{place}:parameter/{}", name.trim_start_matches('/'))),
        };
    }
    let statement = |sid: &str, action: &str, resources: BTreeSet<String>| {
        // A key of the customer's own also wants kms:Decrypt on that key, which no configuration names.
        let actions =
            vec![Permission::new(action, "what is stored there; with a key of your own also kms:Decrypt on it")];
        (!resources.is_empty()).then(|| Statement {
            sid: sid.to_owned(),
            actions,
            resources: resources.into_iter().collect(),
        })
    };
    let stored = statement("Secrets", "secretsmanager:GetSecretValue", stored);
    stored.into_iter().chain(statement("Parameters", "ssm:GetParameter", parameters)).collect()
}

/// A `Sid` has letters and digits only.
fn word(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).collect()
}
