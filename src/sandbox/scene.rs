//! A ready scene: a generated company, a contact centre with profiles and people of its own, and the configuration that
//! joins them.
//!
//! Invariant: the same settings give the same scene, ids included.

use std::io;

use chrono::{DateTime, Utc};

use super::company::{Company, Person};
use super::connect::{ConnectSettings, Destination, IdentityInfo, User};
use super::tenant::{App, Tenant};
use super::{Ports, Sandbox, Settings};

/// The application's client id in the sandbox's tenant.
pub const CLIENT_ID: &str = "7f1c0de0-0000-4000-8000-00000000c11e";
/// Its client secret. It opens nothing but the sandbox.
pub const CLIENT_SECRET: &str = "sandbox-only-not-a-secret";
/// The group whose members are agents.
pub const AGENTS: &str = "Amazon-Connect-Agents";

const SECURITY_PROFILES: &[&str] =
    &["Agent", "CallCenterManager", "QualityAnalyst", "Supervisor", "RecordingAccess", "No Access", "Admin"];
const ROUTING_PROFILES: &[&str] = &[
    "Basic Routing Profile",
    "Care Voice",
    "Sales Voice",
    "Support Voice",
    "Billing Voice",
    "Success Voice",
    "Holding",
];
const HIERARCHY: &[&[&str]] = &[
    &["EMEA", "London", "Care"],
    &["EMEA", "London", "Sales"],
    &["EMEA", "Berlin", "Support"],
    &["EMEA", "Berlin", "Billing"],
];

/// What to put on the scene.
#[derive(Debug, Clone)]
pub struct SceneSettings {
    /// The time there at the start.
    pub now: DateTime<Utc>,
    /// Everything random follows from it.
    pub seed: u64,
    /// Accounts in the directory.
    pub people: usize,
    /// Whether nobody is odd (measurements) or the company is lifelike.
    pub plain: bool,
    /// How many members of the agents' group have a Connect user already, made by hand.
    pub existing: usize,
    /// Connect users that belong to nobody in the directory.
    pub foreign: usize,
    /// Loopback ports.
    pub ports: Ports,
    /// The Connect instance.
    pub connect: ConnectSettings,
}

impl SceneSettings {
    /// A lifelike company on a fresh instance.
    #[must_use]
    pub fn new(now: DateTime<Utc>, people: usize) -> Self {
        Self {
            now,
            seed: 7,
            people,
            plain: false,
            existing: 0,
            foreign: 0,
            ports: Ports::default(),
            connect: ConnectSettings::default(),
        }
    }
}

/// Starts the scene.
///
/// # Errors
/// If a port cannot be listened on.
pub async fn start(scene: SceneSettings) -> io::Result<Sandbox> {
    let SceneSettings { now, seed, people, plain, existing, foreign, ports, connect } = scene;
    let company = if plain { Company::plain(people) } else { Company::generate(seed, people) };
    let app = App::new(CLIENT_ID).secret(CLIENT_SECRET).permissions(&["User.Read.All", "GroupMember.Read.All"]);
    let agents = agents(&company, existing);
    let sandbox = Sandbox::start(Settings { ports, connect, app: Some(app), ..Settings::new(now, company) }).await?;
    furnish(&sandbox, &agents, foreign);
    Ok(sandbox)
}

/// The first members of the agents' group that Connect would take as they are.
fn agents(company: &Company, count: usize) -> Vec<Person> {
    let members = company.groups.iter().filter(|group| group.name == AGENTS).flat_map(|group| &group.members);
    let people = members.filter_map(|member| match member {
        super::company::Belongs::Person(at) => company.people.get(*at),
        _ => None,
    });
    let takable = people.filter(|person| {
        let text = |name: &str| person.properties.get(name).and_then(serde_json::Value::as_str);
        let login = text("userPrincipalName").unwrap_or_default();
        let allowed = |c: char| c.is_ascii_alphanumeric() || "_-.@".contains(c);
        text("surname").is_some() && text("givenName").is_some() && login.len() <= 64 && login.chars().all(allowed)
    });
    takable.take(count).cloned().collect()
}

fn furnish(sandbox: &Sandbox, agents: &[Person], foreign: usize) {
    let connect = &sandbox.connect;
    for name in SECURITY_PROFILES {
        connect.add_security_profile(name);
    }
    for name in ROUTING_PROFILES {
        connect.add_routing_profile(name);
    }
    for path in HIERARCHY {
        connect.add_group(path);
    }
    let agent = connect.security_profile_id("Agent").unwrap_or_default();
    let basic = connect.routing_profile_id("Basic Routing Profile").unwrap_or_default();
    for (number, person) in agents.iter().enumerate() {
        let text = |name: &str| person.properties.get(name).and_then(serde_json::Value::as_str).map(str::to_owned);
        let login = text("userPrincipalName").unwrap_or_default();
        // Whoever made these users by hand gave every seventh the mailbox name only.
        let mailbox = login.split('@').next().unwrap_or_default().to_owned();
        let username = if number % 7 == 6 { mailbox } else { login.clone() };
        let id = connect.put_user(User {
            username: username.clone(),
            identity_info: IdentityInfo {
                first_name: text("givenName"),
                last_name: text("surname"),
                ..IdentityInfo::default()
            },
            security_profile_ids: vec![agent.clone()],
            routing_profile_id: basic.clone(),
            ..User::default()
        });
        if number % 10 == 3 {
            connect.add_quick_connect(
                &format!("Call {username}"),
                Destination::User { user: id, flow: "transfer-to-agent".to_owned() },
            );
        }
    }
    for number in 0..foreign {
        connect.put_user(User {
            username: format!("vendor.bot{number:02}"),
            identity_info: IdentityInfo {
                first_name: Some("Vendor".to_owned()),
                last_name: Some(format!("Bot {number:02}")),
                ..IdentityInfo::default()
            },
            security_profile_ids: vec![agent.clone()],
            routing_profile_id: basic.clone(),
            ..User::default()
        });
    }
}

/// What a configuration for the scene may say differently.
#[derive(Debug, Clone, Default)]
pub struct ConfigText {
    /// `requests a second, burst` of every operation, and the share rollcall takes of it; the documented quota otherwise.
    pub quota: Option<(f64, u32, f64)>,
    /// The whole tenant instead of the agents' group.
    pub everybody: bool,
    /// Replaces the `[leaver]` section.
    pub leaver: Option<String>,
    /// Replaces the `[authority]` section.
    pub authority: Option<String>,
    /// Replaces the `[guard]` section.
    pub guard: Option<String>,
    /// `first_run = "apply"`.
    pub first_run_applies: bool,
    /// More sections.
    pub more: String,
}

/// A configuration for the scene. The secret is expected in the file `client-secret` beside it.
#[must_use]
pub fn configuration(sandbox: &Sandbox, tenant: &Tenant, text: &ConfigText) -> String {
    let addresses = &sandbox.addresses;
    let instance = sandbox.connect.instance_arn();
    let (rate, burst, share) = text.quota.unwrap_or((2.0, 5, 1.0));
    let groups = if text.everybody { String::new() } else { format!("groups        = [\"{AGENTS}\"]\n") };
    let first_run = if text.first_run_applies { "apply" } else { "report" };
    let leaver = text.leaver.as_deref().unwrap_or(
        "grace   = \"0d\"\nsuspend = { security_profiles = [\"No Access\"], routing_profile = \"Holding\", for = \"30d\" }\ndelete  = true",
    );
    let authority = text.authority.as_deref().unwrap_or("routing_profile = \"shared\"");
    let guard = text
        .guard
        .as_deref()
        .unwrap_or("max_removed = { count = 50, fraction = 0.10 }\nmax_changed = { fraction = 0.30 }");
    format!(
        r#"name  = "support-emea"
state = "rollcall.db"

[source.entra]
kind          = "microsoft"
tenant        = "{tenant}"
client_id     = "{CLIENT_ID}"
client_secret = {{ file = "client-secret" }}
graph_url     = "{graph}"
login_url     = "{login}"
{groups}
[connect]
instance     = "{instance}"
endpoint_url = "{connect}"

[connect.quota]
share           = {share:?}
rate_per_second = {rate:?}
burst           = {burst}

[attributes]
username     = "user_principal_name"
phone        = ["mobile_phone", "business_phone"]
phone_region = "GB"

[default]
security_profiles = ["Agent"]
routing_profile   = "Basic Routing Profile"
user_type         = "agent"

[[mapping]]
name              = "care"
departments       = ["Care", "Customer Care"]
security_profiles = ["Agent"]
routing_profile   = "Care Voice"
hierarchy         = "EMEA/London/Care"

[[mapping]]
name              = "sales"
departments       = ["Sales"]
security_profiles = ["Agent"]
routing_profile   = "Sales Voice"
hierarchy         = "EMEA/London/Sales"

[[mapping]]
name              = "support"
departments       = ["Support"]
security_profiles = ["Agent"]
routing_profile   = "Support Voice"
hierarchy         = "EMEA/Berlin/Support"

[[mapping]]
name              = "success"
departments       = ["Customer Success"]
security_profiles = ["Agent"]
routing_profile   = "Success Voice"

[[mapping]]
name              = "leads"
when              = {{ group = "Connect-Leads" }}
security_profiles = ["CallCenterManager"]
user_type         = "supervisor"

[[mapping]]
name              = "recording"
when              = {{ all = [ {{ group = "Connect-Recording" }}, {{ not = {{ attribute = "title", starts_with = "Train" }} }} ] }}
security_profiles = ["RecordingAccess"]

[user_type.supervisor]
tags = {{ tier = "2" }}

[authority]
{authority}

[adopt]
match     = ["owner_tag", "username", "mailbox_name"]
first_run = "{first_run}"

[leaver]
{leaver}

[guard]
{guard}

[schedule]
every       = "2m"
full_every  = "24h"
audit_every = "15m"

[report.audit]
kind         = "cloudwatch_logs"
privacy      = "usernames"
endpoint_url = "{logs}"

[report.file]
kind    = "json_lines"
path    = "report.jsonl"
privacy = "usernames"
{more}
[[example]]
given  = {{ department = "customer  CARE", groups = ["Connect-Leads"] }}
expect = {{ routing_profile = "Care Voice", security_profiles = ["Agent", "CallCenterManager"] }}
"#,
        tenant = tenant.tenant_id(),
        graph = addresses.graph_url,
        login = addresses.login_url,
        connect = addresses.connect_url,
        logs = addresses.logs_url,
        more = text.more,
    )
}
