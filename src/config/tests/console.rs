//! `[console]`.

use super::*;
use crate::console::{ConsoleConfig, Transport};

fn console(text: &str) -> ConsoleConfig {
    smallest_with(&format!("[console]\n{text}")).console.expect("a console")
}

#[test]
fn a_console_is_there_only_if_it_is_asked_for() {
    assert_eq!(smallest_with("").console, None);
    let listen = "127.0.0.1:7655".parse().unwrap();
    let plain = ConsoleConfig { listen, transport: Transport::Plain, public_host: None };
    assert_eq!(console("listen = \"127.0.0.1:7655\""), plain);
    assert!(!plain.secure());
    assert_eq!(console("listen = \"[::1]:7655\"\nbehind_proxy = false").transport, Transport::Plain);
}

#[test]
fn beyond_this_machine_it_is_https() {
    let tls = "listen = \"10.0.0.5:443\"\ntls = { certificate = \"console.pem\", key = { env = \"CONSOLE_KEY\" } }";
    let transport = Transport::Tls {
        certificate: "/etc/rollcall/console.pem".into(),
        key: SecretSource::Env("CONSOLE_KEY".to_owned()),
    };
    assert_eq!(console(tls).transport, transport);
    assert!(console(tls).secure());
    let proxy = "listen = \"0.0.0.0:7655\"\nbehind_proxy = true\npublic_host = \"Rollcall.example.com\"";
    assert_eq!(console(proxy).transport, Transport::BehindProxy);
    assert_eq!(console(proxy).address(), "https://rollcall.example.com/");
    check(
        "[console]\nlisten = \"0.0.0.0:7655\"",
        &[
            "[console] public_host: missing → the name people type, for example public_host = \"rollcall.example.com\"",
            "[console] listen: plain http beyond this machine → add tls = { certificate = …, key = … }, or behind_proxy = \
             true, or listen on 127.0.0.1",
        ],
    );
    check(
        "[console]\nlisten = \"127.0.0.1:7655\"\nbehind_proxy = true",
        &["[console] public_host: missing → the name people type, for example public_host = \"rollcall.example.com\""],
    );
}

#[test]
fn what_is_wrong_is_told_with_what_was_expected() {
    check("[console]", &["[console] listen: missing → for example listen = \"127.0.0.1:7655\""]);
    check(
        "[console]\nlisten = \"localhost\"\npublic_host = \"https://rollcall.example.com/\"",
        &[
            "[console] listen = \"localhost\": expected an address and a port such as \"127.0.0.1:7655\"",
            "[console] public_host = \"https://rollcall.example.com/\": expected a host name, with its port unless that is \
             the usual one, such as \"rollcall.example.com\"",
        ],
    );
    check(
        "[console]\nlisten = \"127.0.0.1:7655\"\nbehind_proxy = true\npublic_host = \"a.example\"\ntls = { certificate = \
         \"a.pem\", key = \"-----BEGIN\", kex = 1 }",
        &[
            "[console] behind_proxy: does not go together with tls → keep one of them",
            "[console] tls.key: a secret may not stand in this file → key = { env = \"NAME\" }, { file = \"path\" }, { \
             aws_secret = \"name\" } or { aws_parameter = \"name\" }",
            "[console] tls.kex: unknown key → did you mean key?",
        ],
    );
}
