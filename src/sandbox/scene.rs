//! A ready scene: a generated company, a contact centre with profiles and people of its own, and the configuration that
//! joins them.
//!
//! Invariant: the same settings give the same scene, ids included.

use std::collections::BTreeMap;
use std::io;

use axum::Router;
use chrono::{DateTime, Utc};

use super::company::{Company, Mix, Person};
use super::connect::{ConnectSettings, Destination, IdentityInfo, User};
use super::okta::AppSettings;
use super::scim::{Character, Credential};
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

/// One directory of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SceneSource {
    /// `[source.entra]`: the company in Entra ID.
    Entra,
    /// `[source.okta]`: the company in Okta.
    Okta {
        /// Whom the application is assigned to, instead of the agents' group.
        app: bool,
    },
    /// `[source.hr]`: the SCIM server.
    Scim {
        /// What kind of server it is.
        character: Character,
    },
    /// `[source.partner]`: the SCIM server, where it is a partner company's.
    Partner {
        /// What kind of server it is.
        character: Character,
    },
}

impl SceneSource {
    fn name(self) -> &'static str {
        match self {
            Self::Entra => "entra",
            Self::Okta { .. } => "okta",
            Self::Scim { .. } => "hr",
            Self::Partner { .. } => "partner",
        }
    }
}

/// The company beside the company.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartnerSettings {
    /// Accounts that only it has.
    pub people: usize,
    /// Agents of the company who have an account there as well, with the same login name.
    pub shared: usize,
}

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
    /// The SCIM server is a partner company's; otherwise it shows the company.
    pub partner: Option<PartnerSettings>,
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
            partner: None,
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
    let (now, foreign) = (scene.now, scene.foreign);
    let (settings, agents) = cast(scene);
    let sandbox = Sandbox::start(settings).await?;
    dress(&sandbox, now, &agents, foreign);
    Ok(sandbox)
}

/// The same scene without a listener; see [`Sandbox::indoors`].
#[must_use]
pub fn indoors(scene: SceneSettings) -> (Sandbox, BTreeMap<u16, Router>) {
    let (now, foreign) = (scene.now, scene.foreign);
    let (settings, agents) = cast(scene);
    let (sandbox, routers) = Sandbox::indoors(settings);
    dress(&sandbox, now, &agents, foreign);
    (sandbox, routers)
}

/// What to start, and who has a Connect user already.
fn cast(scene: SceneSettings) -> (Settings, Vec<Person>) {
    let SceneSettings { now, seed, people, plain, existing, foreign: _, partner, ports, connect } = scene;
    let company = if plain { Company::plain(people) } else { Company::generate(seed, people) };
    let partner = partner.map(|PartnerSettings { people, shared }| {
        let mix = if plain { Mix::PLAIN } else { Mix::LIFELIKE };
        // Every third, so that some of them are in Connect already and some are not.
        let shared: Vec<Person> = agents(&company, usize::MAX).into_iter().step_by(3).take(shared).collect();
        Company::partner(seed.wrapping_add(1), people, mix, &shared)
    });
    let app = App::new(CLIENT_ID).secret(CLIENT_SECRET).permissions(&["User.Read.All", "GroupMember.Read.All"]);
    let agents = agents(&company, existing);
    let settings = Settings { ports, connect, app: Some(app), partner, ..Settings::new(now, company) };
    (settings, agents)
}

fn dress(sandbox: &Sandbox, now: DateTime<Utc>, agents: &[Person], foreign: usize) {
    // Whoever is there already has been there for a while.
    open_doors(sandbox);
    sandbox.clock.set(now - chrono::TimeDelta::days(90));
    furnish(sandbox, agents, foreign);
    sandbox.clock.set(now);
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

/// Okta and the SCIM server take the client secret as API token and bearer; the application is the agents'.
fn open_doors(sandbox: &Sandbox) {
    sandbox.okta.add_api_token(CLIENT_SECRET);
    if let Some(agents) = sandbox.tenant.group_id(AGENTS) {
        sandbox.okta.configure(|settings| settings.app = AppSettings::default().group(&agents));
    }
    sandbox.scim.accept(Credential::Bearer(CLIENT_SECRET.to_owned()));
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

/// A `[guard]` that lets everything through.
pub const OPEN_GUARD: &str = "max_removed = { fraction = 1.0 }\nmax_changed = { fraction = 1.0 }\n\
                              max_leaving_profile = { fraction = 1.0 }\nmax_emptied = { count = 100000 }";

/// What a configuration for the scene may say differently.
#[derive(Debug, Clone, Default)]
pub struct ConfigText {
    /// The directories, in order of precedence; none means Entra ID.
    pub sources: Vec<SceneSource>,
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
    /// Where the directories' secret is, as the file says it; the file `client-secret` otherwise.
    pub secret: Option<String>,
    /// `rename = "recreate"`.
    pub recreate: bool,
    /// Time between two runs of the schedule; `2m` otherwise.
    pub every: Option<String>,
    /// More sections.
    pub more: String,
}

/// One `[source.*]`; makes the SCIM server what the source says it is.
fn table(source: SceneSource, sandbox: &Sandbox, tenant: &Tenant, everybody: bool, secret: &str) -> String {
    let addresses = &sandbox.addresses;
    let groups = if everybody { String::new() } else { format!("groups        = [\"{AGENTS}\"]\n") };
    match source {
        SceneSource::Entra => format!(
            "[source.entra]\nkind          = \"microsoft\"\ntenant        = \"{}\"\nclient_id     = \"{CLIENT_ID}\"\n\
             client_secret = {secret}\ngraph_url     = \"{}\"\nlogin_url     = \"{}\"\n{groups}",
            tenant.tenant_id(),
            addresses.graph_url,
            addresses.login_url
        ),
        SceneSource::Okta { app } => {
            let scope = if app { format!("app           = \"{}\"\n", sandbox.okta.app_id()) } else { groups };
            let url = &addresses.okta_url;
            format!(
                "[source.okta]\nkind          = \"okta\"\norg_url       = \"{url}\"\napi_token     = {secret}\n{scope}"
            )
        }
        SceneSource::Scim { character } | SceneSource::Partner { character } => {
            sandbox.scim.set_character(character);
            let (name, url) = (source.name(), &addresses.scim_url);
            format!(
                "[source.{name}]\nkind          = \"scim\"\nbase_url      = \"{url}\"\nbearer        = {secret}\n{groups}"
            )
        }
    }
}

/// A configuration for the scene. The secret is expected in the file `client-secret` beside it.
#[must_use]
pub fn configuration(sandbox: &Sandbox, tenant: &Tenant, text: &ConfigText) -> String {
    let ConfigText {
        sources,
        quota,
        everybody,
        leaver,
        authority,
        guard,
        first_run_applies,
        secret,
        recreate,
        every,
        more,
    } = text;
    let secret = secret.as_deref().unwrap_or("{ file = \"client-secret\" }");
    let (rate, burst, share) = quota.unwrap_or((2.0, 5, 1.0));
    let sources = if sources.is_empty() { &[SceneSource::Entra][..] } else { sources };
    let tables: Vec<String> = sources.iter().map(|one| table(*one, sandbox, tenant, *everybody, secret)).collect();
    let names: Vec<&str> = sources.iter().map(|one| one.name()).collect();
    let precedence = if names.len() > 1 { format!("precedence = {names:?}\n") } else { String::new() };
    let or = |given: &Option<String>, otherwise: &str| given.clone().unwrap_or_else(|| otherwise.to_owned());
    let addresses = &sandbox.addresses;
    let words = [
        ("precedence", precedence),
        ("sources", tables.join("\n")),
        ("instance", sandbox.connect.instance_arn()),
        ("connect", addresses.connect_url.clone()),
        ("logs", addresses.logs_url.clone()),
        ("secrets", addresses.secrets_url.clone()),
        ("share", format!("{share:?}")),
        ("rate", format!("{rate:?}")),
        ("burst", burst.to_string()),
        ("authority", or(authority, "routing_profile = \"shared\"")),
        ("first_run", if *first_run_applies { "apply" } else { "report" }.to_owned()),
        ("rename", if *recreate { "rename    = \"recreate\"\n" } else { "" }.to_owned()),
        ("leaver", or(leaver, LEAVER)),
        ("guard", or(guard, GUARD)),
        ("every", or(every, "2m")),
        ("more", more.clone()),
    ];
    let template = include_str!("scene.toml").to_owned();
    words.iter().fold(template, |text, (word, value)| text.replace(&format!("@{word}@"), value))
}

/// A `[notify.*]` that posts to the scene's receiver of webhooks.
#[must_use]
pub fn notifier(sandbox: &Sandbox) -> String {
    let url = &sandbox.addresses.webhook_url;
    format!("\n[notify.chat]\nkind = \"webhook\"\nurl  = \"{url}/chat\"\n")
}

const LEAVER: &str = r#"grace   = "0d"
suspend = { security_profiles = ["No Access"], routing_profile = "Holding", for = "30d" }
delete  = true"#;
const GUARD: &str = "max_removed = { count = 50, fraction = 0.10 }\nmax_changed = { fraction = 0.30 }";
