//! `[console]`: where the web pages are, and how they travel.

use std::net::SocketAddr;

use super::section::{Item, Section};
use crate::console::{ConsoleConfig, Transport};

const LISTEN: &str = "an address and a port such as \"127.0.0.1:7655\"";
const PUBLIC: &str = "a host name, with its port unless that is the usual one, such as \"rollcall.example.com\"";

/// The console, if there is one.
pub(super) fn read(item: &Item<'_>) -> Option<ConsoleConfig> {
    let section = item.section()?;
    let listen = section.required("listen", "\"127.0.0.1:7655\"", |item| item.parsed(LISTEN, |text| text.parse().ok()));
    let public_host = section.optional("public_host", |item| item.parsed(PUBLIC, host));
    let transport = transport(&section);
    let (listen, transport): (SocketAddr, Transport) = (listen?, transport?);
    if transport == Transport::Plain && !listen.ip().is_loopback() {
        let hint = "add tls = { certificate = …, key = … }, or behind_proxy = true, or listen on 127.0.0.1";
        section.problem("listen", "plain http beyond this machine", hint.to_owned());
    }
    let nameless = transport == Transport::BehindProxy || listen.ip().is_unspecified();
    if nameless && public_host.is_none() && section.get("public_host").is_none() {
        section.missing("public_host", "the name people type, for example public_host = \"rollcall.example.com\"");
    }
    Some(ConsoleConfig { listen, transport, public_host })
}

fn transport(section: &Section<'_>) -> Option<Transport> {
    let proxy = section.optional("behind_proxy", Item::flag).unwrap_or(false);
    let Some(item) = section.get("tls") else {
        return Some(if proxy { Transport::BehindProxy } else { Transport::Plain });
    };
    if proxy {
        section.problem("behind_proxy", "does not go together with tls", "keep one of them".to_owned());
    }
    let tls = item.section()?;
    let certificate = tls.required("certificate", "\"console.pem\"", Item::text);
    let key = tls.required("key", "{ file = \"console.key\" }", Item::secret);
    Some(Transport::Tls { certificate: section.context.beside(&certificate?), key: key? })
}

/// A host as browsers name it: no scheme, no path.
fn host(text: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ':' | '[' | ']');
    (!text.is_empty() && text.len() <= 255 && text.chars().all(plain)).then(|| text.to_ascii_lowercase())
}
