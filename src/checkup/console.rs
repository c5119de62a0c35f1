//! The console: where it is, whether what it needs is there, and whether anybody can sign in.
//!
//! Invariant: nothing is listened on; a running service has the address.
//! Deliberately absent: when the certificate ends. Nothing here reads certificates but the TLS library, which does not say.

use crate::config::Config;
use crate::console::{ConsoleConfig, usable};
use crate::model::words::relative;
use crate::model::{Checked, Time};
use crate::store::{Store, StoreError};

const PLACE: &str = "console";

/// Its line, if there is a console.
pub(super) async fn look(config: &Config, now: Time) -> Option<Checked> {
    let console = config.console.as_ref()?;
    if let Err(error) = usable(console).await {
        return Some(Checked::bad(PLACE, crate::reconcile::chain(&error), error.hint()));
    }
    Some(match token(config).await {
        Ok(made) => signed(console, made, now),
        Err(error) => Checked::bad(PLACE, error.to_string(), error.hint()),
    })
}

/// When its token was made, if one was.
async fn token(config: &Config) -> Result<Option<Time>, StoreError> {
    let store = match Store::open_read_only(&config.state).await {
        Ok(store) => store,
        // The first run makes it, and so does the token; an older one is brought up to date by whoever writes to it.
        Err(StoreError::Missing { .. } | StoreError::Older { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(store.console_token().await?.map(|(_, made)| made))
}

fn signed(console: &ConsoleConfig, made: Option<Time>, now: Time) -> Checked {
    let address = console.address();
    match made {
        Some(made) => Checked::good(PLACE, format!("{address}, token made {}", relative(made, now))),
        None if console.listen.ip().is_loopback() => {
            Checked::good(PLACE, format!("{address}, no token yet: rollcall token rotate makes one"))
        }
        None => {
            let text = format!("{address} is not opened on {} before a token was made", console.listen);
            Checked::bad(PLACE, text, "make one with: rollcall token rotate")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::Transport;

    #[test]
    fn a_token_is_needed_beyond_this_machine_only() {
        let now: Time = "2026-05-04T09:12:00Z".parse().unwrap();
        let at = |listen: &str| ConsoleConfig {
            listen: listen.parse().unwrap(),
            transport: Transport::Plain,
            public_host: None,
        };
        let here = at("127.0.0.1:7655");
        let made = Some(now - chrono::TimeDelta::days(3));
        let line = signed(&here, made, now);
        assert_eq!((line.ok, line.text.as_str()), (true, "http://127.0.0.1:7655/, token made 3 days ago"));
        assert!(signed(&here, None, now).ok);
        let beyond = ConsoleConfig {
            transport: Transport::BehindProxy,
            public_host: Some("rollcall.example.com".to_owned()),
            ..at("0.0.0.0:7655")
        };
        let line = signed(&beyond, None, now);
        assert!(!line.ok && line.text.starts_with("https://rollcall.example.com/ is not opened on 0.0.0.0:7655"));
        assert!(signed(&beyond, made, now).ok);
    }
}
