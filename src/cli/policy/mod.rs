//! `check --policy`: the least that must be granted for *this* configuration, before anything is reached.
//!
//! ```text
//! aws         which operations of Connect this configuration can come to, and the IAM statements that allow exactly them
//! directory   permissions of the application in Entra ID, scopes and role in Okta, what a SCIM server must let be read
//! ```
//!
//! Invariant: an action stands in a policy because this configuration can lead to it, and the reason is said; whatever it
//! cannot lead to is not granted.
//! Invariant: nothing is read but the file: no secret, no remote system.

mod aws;
mod directory;

use std::collections::BTreeSet;
use std::fmt::Write;

use serde::Serialize;
use serde_json::{Value, json};

use super::style::Style;
use super::{Door, Exit};
use crate::config::{self, Config, Options};

/// Everything that must be granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Policy {
    /// IAM, one document for each identity.
    pub aws: Vec<Grant>,
    /// The directories, in order of precedence.
    pub directories: Vec<DirectoryGrant>,
}

/// What one AWS identity needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Grant {
    /// Who: the identity rollcall runs as, or the role it assumes.
    pub to: String,
    /// What, and why.
    pub statements: Vec<Statement>,
}

/// One statement of an IAM policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Statement {
    /// Its `Sid`.
    pub sid: String,
    /// Actions, with why each is there.
    pub actions: Vec<Permission>,
    /// ARNs.
    pub resources: Vec<String>,
}

/// One permission, with why it is there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Permission {
    /// As the remote system names it.
    pub name: String,
    /// Why.
    pub why: String,
}

/// What one directory must grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DirectoryGrant {
    /// The source's configured name.
    pub source: String,
    /// Where it is granted.
    pub place: String,
    /// What.
    pub permissions: Vec<Permission>,
}

impl Permission {
    fn new(name: impl Into<String>, why: impl Into<String>) -> Self {
        Self { name: name.into(), why: why.into() }
    }
}

impl Policy {
    /// The least for a configuration.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let directories = config.sources.iter().map(directory::grant).collect();
        Self { aws: aws::grants(config), directories }
    }

    /// Every IAM action that is granted to anybody.
    #[must_use]
    pub fn actions(&self) -> BTreeSet<&str> {
        let statements = self.aws.iter().flat_map(|grant| &grant.statements);
        statements.flat_map(|statement| &statement.actions).map(|action| action.name.as_str()).collect()
    }
}

impl Grant {
    /// The policy document.
    #[must_use]
    pub fn document(&self) -> Value {
        let statement = |statement: &Statement| {
            let actions: Vec<&str> = statement.actions.iter().map(|action| action.name.as_str()).collect();
            json!({"Sid": statement.sid, "Effect": "Allow", "Action": actions, "Resource": statement.resources})
        };
        json!({"Version": "2012-10-17", "Statement": self.statements.iter().map(statement).collect::<Vec<_>>()})
    }
}

/// `rollcall check --policy`.
///
/// # Errors
/// None that is not said on the screen.
pub(super) fn show(door: &Door) -> anyhow::Result<Exit> {
    // Whoever grants permissions need not have the secrets.
    let text = match std::fs::read_to_string(&door.config) {
        Ok(text) => text,
        Err(_) => return Ok(door.load().err().unwrap_or(Exit::Failed)),
    };
    let config = match config::parse_with(&text, &door.config, Options { check_secrets: false }) {
        Ok(config) => config,
        Err(problems) => {
            eprintln!("{problems}");
            return Ok(Exit::Failed);
        }
    };
    let policy = Policy::of(&config);
    if door.json {
        println!("{}", data(&config, &policy));
    } else {
        print!("{}", screen(&config, &policy, Style::of_stdout()));
    }
    Ok(Exit::Done)
}

/// What `--json` prints: the documents as AWS takes them, and the reasons beside them.
fn data(config: &Config, policy: &Policy) -> Value {
    let aws: Vec<Value> = policy
        .aws
        .iter()
        .map(|grant| json!({"to": grant.to, "document": grant.document(), "statements": grant.statements}))
        .collect();
    json!({"contact_centre": config.name, "aws": aws, "directories": policy.directories})
}

fn screen(config: &Config, policy: &Policy, style: Style) -> String {
    let mut out = format!("{}  {}\n", style.bold(&config.name), config.path.display());
    for grant in &policy.aws {
        let _ = writeln!(out, "\n{}", style.bold(format!("AWS: {}", grant.to)));
        reasons(&mut out, grant.statements.iter().flat_map(|statement| &statement.actions), style);
        let document = serde_json::to_string_pretty(&grant.document()).unwrap_or_default();
        let _ = writeln!(out, "\n{document}");
    }
    for DirectoryGrant { source, place, permissions } in &policy.directories {
        let _ = writeln!(out, "\n{}", style.bold(format!("source {source}: {place}")));
        reasons(&mut out, permissions.iter(), style);
    }
    let _ = writeln!(
        out,
        "\nNothing else is needed. Nothing was reached and no secret was read; prove it with: rollcall check"
    );
    out
}

fn reasons<'a>(out: &mut String, permissions: impl Iterator<Item = &'a Permission> + Clone, style: Style) {
    let width = permissions.clone().map(|permission| permission.name.chars().count()).max().unwrap_or(0);
    for Permission { name, why } in permissions {
        let _ = writeln!(out, "  {name:width$}  {}", style.dim(why));
    }
}
