//! `sandbox`: the made-up remote systems, and a configuration for them.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;

use super::Exit;
use crate::sandbox::scene::{self, CLIENT_SECRET, ConfigText, PartnerSettings, SceneSettings, SceneSource};
use crate::sandbox::scim::Character;
use crate::sandbox::{Ports, QuotaSettings, Sandbox};

/// The kinds of directory the sandbox speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Directory {
    /// Microsoft Entra ID.
    Entra,
    /// Okta.
    Okta,
    /// A SCIM 2.0 server.
    Scim,
    /// Microsoft Entra ID, and a partner company on a SCIM 2.0 server; some people are in both.
    Both,
}

/// Agents of the company who are in the partner's directory as well.
const SHARED: usize = 10;

impl Directory {
    /// The directories of the configuration, in order of precedence.
    pub(super) fn sources(self, character: Character) -> Vec<SceneSource> {
        match self {
            Self::Entra => vec![SceneSource::Entra],
            Self::Okta => vec![SceneSource::Okta { app: false }],
            Self::Scim => vec![SceneSource::Scim { character }],
            Self::Both => vec![SceneSource::Entra, SceneSource::Partner { character }],
        }
    }

    /// The company beside a company of so many people, if there is one.
    pub(super) fn partner(self, people: usize) -> Option<PartnerSettings> {
        (self == Self::Both).then_some(PartnerSettings { people: people / 3, shared: SHARED })
    }
}

fn character(name: &str) -> Result<Character, String> {
    serde_json::from_value(name.replace('-', "_").into()).map_err(|error| error.to_string())
}

/// What `sandbox` takes.
#[derive(Debug, Clone, Args)]
pub(super) struct SandboxArgs {
    /// Which directory the configuration names.
    #[arg(long, value_enum, default_value = "entra")]
    source: Directory,
    /// What kind of SCIM server it is (`strict`, `sloppy`, `cursor_only`, …).
    #[arg(long, value_name = "NAME", default_value = "strict", value_parser = character)]
    character: Character,
    /// Accounts in the directory; a partner company has a third of that.
    #[arg(long, default_value_t = 120)]
    people: usize,
    /// Agents who have a Connect user already.
    #[arg(long, default_value_t = 40)]
    existing: usize,
    /// Everything random follows from it.
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Nobody is odd.
    #[arg(long)]
    plain: bool,
    /// The whole tenant is in scope, not one group.
    #[arg(long)]
    everybody: bool,
    /// Users the instance may have.
    #[arg(long, default_value_t = 500)]
    user_limit: usize,
    /// Throttle nobody, and let rollcall call as fast as it likes.
    #[arg(long)]
    unlimited: bool,
    /// The first run needs no approval.
    #[arg(long)]
    first_run_applies: bool,
    /// Port of the sandbox's own interface (faults, edits); any free one otherwise.
    #[arg(long, default_value_t = 0)]
    control_port: u16,
    /// Write configuration and secret into this folder instead of printing the configuration.
    #[arg(long, value_name = "FOLDER")]
    into: Option<PathBuf>,
}

/// `rollcall sandbox`. Runs until Ctrl-C.
///
/// # Errors
/// If a port cannot be listened on or a file cannot be written.
pub(super) async fn sandbox(args: &SandboxArgs) -> anyhow::Result<Exit> {
    let mut settings = SceneSettings::new(super::now(), args.people);
    settings.seed = args.seed;
    settings.existing = args.existing;
    settings.foreign = 3;
    settings.plain = args.plain;
    settings.partner = args.source.partner(args.people);
    settings.ports = Ports { control: args.control_port, ..Ports::default() };
    settings.connect.user_limit = args.user_limit;
    if args.unlimited {
        settings.connect.quota = QuotaSettings::unlimited();
    }
    let sandbox = scene::start(settings).await.context("the sandbox cannot listen on loopback")?;
    let text = ConfigText {
        sources: args.source.sources(args.character),
        quota: args.unlimited.then_some((10_000.0, 10_000, 1.0)),
        everybody: args.everybody,
        first_run_applies: args.first_run_applies,
        more: scene::notifier(&sandbox),
        ..ConfigText::default()
    };
    let configuration = scene::configuration(&sandbox, &sandbox.tenant, &text);
    match &args.into {
        Some(folder) => {
            write_files(folder, &configuration)?;
            eprintln!("wrote {} and the directory's secret beside it", folder.join("rollcall.toml").display());
        }
        None => {
            println!(
                "# The secret of every directory goes into a file `client-secret` beside this one (mode 0600): {CLIENT_SECRET}"
            );
            println!("{configuration}");
        }
    }
    eprintln!("sandbox: {}", addresses(&sandbox, args.source));
    eprintln!("AWS credentials: any, for example AWS_ACCESS_KEY_ID=sandbox AWS_SECRET_ACCESS_KEY=sandbox");
    eprintln!("Ctrl-C ends it");
    tokio::signal::ctrl_c().await?;
    sandbox.shutdown().await;
    Ok(Exit::Done)
}

/// Where everything is that the configuration names.
fn addresses(sandbox: &Sandbox, directory: Directory) -> String {
    let at = &sandbox.addresses;
    let directories = match directory {
        Directory::Entra => format!("login {} · graph {}", at.login_url, at.graph_url),
        Directory::Okta => format!("okta {}", at.okta_url),
        Directory::Scim => format!("scim {}", at.scim_url),
        Directory::Both => format!("login {} · graph {} · scim {}", at.login_url, at.graph_url, at.scim_url),
    };
    let (connect, logs, webhook) = (&at.connect_url, &at.logs_url, &at.webhook_url);
    format!("{directories} · connect {connect} · logs {logs} · webhook {webhook} · control {}", at.control_url)
}

/// Writes a configuration and the secret it refers to, readable by their owner only.
pub(super) fn write_files(folder: &Path, configuration: &str) -> anyhow::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    for (name, text) in [("rollcall.toml", configuration), ("client-secret", CLIENT_SECRET)] {
        let path = folder.join(name);
        let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
        file.write_all(text.as_bytes())?;
    }
    Ok(())
}
