//! `token rotate`: a new secret for the console.

use serde_json::json;

use super::{Door, Exit};
use crate::console;
use crate::store::{AuditRow, Store};

/// `rollcall token rotate`. A running service asks for the new one from now on.
///
/// # Errors
/// If the state file cannot be used.
pub(super) async fn rotate(door: &Door) -> anyhow::Result<Exit> {
    let config = door.load()?;
    let now = super::now();
    let store = Store::open(&config.state, now).await?;
    let before = store.console_token().await?;
    let token = console::new_token()?;
    store.set_console_token(&console::hash(&token), now).await?;
    let actor = format!("rollcall token rotate, process {}", std::process::id());
    store.audit(&AuditRow { at: now, actor, action: "token made".to_owned(), about: None }).await?;
    if door.json {
        println!("{}", json!({"token": token.as_str(), "made_at": now}));
    } else {
        println!("{}", token.as_str());
    }
    eprintln!("it is shown this once; keep it like a password");
    if before.is_some() {
        eprintln!("the old token and all sessions have ended");
    }
    match &config.console {
        Some(console) => eprintln!("→ sign in at {}", console.address()),
        None => eprintln!("→ configure the console: [console] listen = \"127.0.0.1:7655\", then: rollcall serve"),
    }
    Ok(Exit::Done)
}
