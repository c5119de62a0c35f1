//! References to secrets, `[tls]` and `[secrets]`.

use connectors::http::Roots;
use connectors::{VaultName, VaultSecret};

use super::*;
use crate::secrets::{AWS_PARAMETER, AWS_SECRET};

const USAGE: &str = "client_secret = { env = \"NAME\" }, { file = \"path\" }, { aws_secret = \"name\" } or { aws_parameter = \
                     \"name\" }";

/// What a reference is read as, or the first problem with it.
fn reference(text: &str) -> Result<SecretSource, String> {
    let text = edit(&format!("@[source.entra]\nclient_secret = {text}"));
    let config = read_text(&text).map_err(|problems| {
        let Problem { place, message, hint, .. } = problems.list[0].clone();
        format!("{place}: {message} → {}", hint.unwrap_or_default())
    })?;
    let SourceConfig::Microsoft(source) = &config.sources[0] else { panic!("another kind") };
    let Credential::Secret(secret) = &source.credential else { panic!("another credential") };
    Ok(secret.clone())
}

fn stored(store: &'static str, name: &str, key: Option<&str>) -> SecretSource {
    SecretSource::Vault(VaultSecret::new(VaultName { store, name: name.to_owned(), key: key.map(str::to_owned) }))
}

#[test]
fn a_secret_may_lie_in_a_store() {
    let arn = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:rollcall/entra-AbCdEf";
    let check = |text: &str, expected: SecretSource| assert_eq!(reference(text), Ok(expected), "{text}");
    check("{ aws_secret = \"rollcall/entra\" }", stored(AWS_SECRET, "rollcall/entra", None));
    check(
        "{ aws_secret = \"rollcall\", key = \"entra.secret\" }",
        stored(AWS_SECRET, "rollcall", Some("entra.secret")),
    );
    check(&format!("{{ aws_secret = \"{arn}\" }}"), stored(AWS_SECRET, arn, None));
    check("{ aws_parameter = \"/rollcall/okta\" }", stored(AWS_PARAMETER, "/rollcall/okta", None));
    check("{ aws_parameter = \"/rollcall/okta:3\" }", stored(AWS_PARAMETER, "/rollcall/okta:3", None));
}

/// Somebody may have written the secret itself: no value is ever shown.
#[test]
fn a_reference_that_is_none_is_told_and_not_shown() {
    let check = |text: &str, expected: &str| {
        let problem = reference(text).unwrap_err();
        assert_eq!(problem, format!("[source.entra] client_secret{expected}"), "{text}");
        assert!(!problem.contains("hunter2"), "{problem}");
    };
    check("\"hunter2\"", &format!(": a secret may not stand in this file → {USAGE}"));
    check("{}", &format!(": expected a reference to a secret → {USAGE}"));
    check("{ key = \"hunter2\" }", &format!(": expected a reference to a secret → {USAGE}"));
    let name = "the name of a secret (letters, digits and /_+=.@-), or its ARN";
    check("{ aws_secret = \"hunter2!\" }", &format!(".aws_secret: expected {name} → "));
    check("{ aws_secret = 2 }", &format!(".aws_secret: expected {name} → "));
    check(
        "{ aws_secret = \"arn:aws:ssm:eu-west-2:111122223333:parameter/hunter2\" }",
        &format!(".aws_secret: expected {name} → "),
    );
    check("{ aws_secret = \"a\", key = \"\" }", ".key: expected the name of a member of the secret's JSON object → ");
    let parameter = "the name of a parameter (letters, digits and /_.-), or its ARN";
    check("{ aws_parameter = \"hunter2 \" }", &format!(".aws_parameter: expected {parameter} → "));
    check(
        "{ aws_parameter = \"/a\", key = \"k\" }",
        ".key: unknown key → known here: env, file, aws_secret, aws_parameter",
    );
    check(
        "{ aws_parameter = \"/a\", aws_secret = \"b\" }",
        ".aws_parameter: does not go together with aws_secret → keep one of them",
    );
    check("{ env = \"A\", aws_secret = \"b\" }", ".aws_secret: does not go together with env → keep one of them");
}

/// One file with every kind of credential there is; each of them can be a stored one, and none is forgotten.
#[test]
fn every_secret_of_every_source_can_be_stored() {
    let secret = |name: &str| format!("{{ aws_secret = \"{name}\" }}");
    let sources = [
        ("kind = \"microsoft\"\ntenant = \"t\"\nclient_id = \"c\"\nclient_secret = ", "", "a"),
        ("kind = \"microsoft\"\ntenant = \"t\"\nclient_id = \"c\"\ncertificate = ", "", "b"),
        ("kind = \"okta\"\norg_url = \"https://o.example\"\napi_token = ", "", "c"),
        (
            "kind = \"okta\"\norg_url = \"https://o.example\"\nclient_id = \"c\"\nkey_id = \"k\"\nprivate_key = ",
            "",
            "d",
        ),
        ("kind = \"scim\"\nbase_url = \"https://s.example\"\nbearer = ", "", "e"),
        ("kind = \"scim\"\nbase_url = \"https://s.example\"\nbasic = { username = \"u\", password = ", " }", "f"),
        ("kind = \"scim\"\nbase_url = \"https://s.example\"\nheader = { name = \"x-key\", value = ", " }", "g"),
        (
            "kind = \"scim\"\nbase_url = \"https://s.example\"\noauth = { token_url = \"https://l.example\", client_id = \"c\", \
             client_secret = ",
            " }",
            "h",
        ),
    ];
    for (before, after, name) in sources {
        let source = format!("[source.one]\n{before}{}{after}\n", secret(name));
        let config = read_text(&smallest_of(&source)).unwrap_or_else(|problems| panic!("{source}\n{problems}"));
        let names: Vec<String> = config.sources[0].stored_secrets().into_iter().map(|stored| stored.name).collect();
        assert_eq!(names, [name], "{source}");
    }
    assert!(smallest_with("").sources[0].stored_secrets().is_empty());
}

#[test]
fn stores_are_asked_by_whoever_asks_connect() {
    let plain = smallest_with("").secrets;
    assert_eq!(
        (plain.region.as_str(), plain.profile, plain.assume_role, plain.endpoint_url),
        ("eu-west-2", None, None, None)
    );
    let role = "arn:aws:iam::111122223333:role/rollcall";
    let change = format!("@[connect]\nregion = \"eu-west-1\"\nprofile = \"p\"\nassume_role = \"{role}\"");
    let same = smallest_with(&change).secrets;
    assert_eq!((same.region.as_str(), same.profile.as_deref()), ("eu-west-1", Some("p")));
    assert_eq!(same.assume_role.as_deref(), Some(role));
    let here = smallest_with("[secrets]\nendpoint_url = \"http://127.0.0.1:4566\"").secrets;
    assert_eq!(here.endpoint_url.unwrap().as_str(), "http://127.0.0.1:4566/");
    check(
        "[secrets]\nendpoint_url = \"https://vault.example\"",
        &[
            "[secrets] endpoint_url = \"https://vault.example\": expected an address on this machine → leave it out; AWS is found by \
           the Region",
        ],
    );
    check(
        "[secrets]\nendpoint_url = \"http://vault.example\"",
        &[
            "[secrets] endpoint_url = \"http://vault.example\": expected an https address (plain http is for loopback only)",
        ],
    );
}

const AUTHORITY: &str = include_str!("../../../tests/all/testdata/test-only-ca.pem");

#[test]
fn trust_is_the_systems_unless_configured() {
    let tls = smallest_with("").tls;
    assert_eq!((tls.roots(), tls.own()), (Roots::System, 0));
    assert_eq!(smallest_with("[tls]\nroots = \"bundled\"").tls.roots(), Roots::Bundled);
    check("[tls]\nroots = \"none\"", &["[tls] roots = \"none\": expected \"system\" or \"bundled\""]);
    check("[tls]\nverify = false", &["[tls] verify: unknown key → known here: roots, ca_file"]);
    let folder = tempfile::tempdir().unwrap();
    let read = |content: &str| {
        std::fs::write(folder.path().join("ca.pem"), content).unwrap();
        let text = edit("[tls]\nroots = \"bundled\"\nca_file = \"ca.pem\"\n[report.a]\nkind = \"cloudwatch_logs\"");
        parse_with(&text, &folder.path().join("rollcall.toml"), Options { check_secrets: false })
    };
    let config = read(AUTHORITY).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!((config.tls.roots(), config.tls.own()), (Roots::Bundled, 1));
    // One word for everybody who is reached.
    assert_eq!((&config.connect.tls, &config.secrets.tls), (&config.tls, &config.tls));
    let SinkKind::CloudwatchLogs(logs) = &config.reports[0].kind else { panic!("another kind") };
    assert_eq!(logs.tls, config.tls);
    for (content, why) in [
        ("", "there is no certificate in it"),
        (&AUTHORITY[..AUTHORITY.len() - 40], "certificate 1 in it cannot be read"),
        ("-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----", "there is a private key in it"),
    ] {
        let problems = read(content).unwrap_err().to_string();
        assert!(
            problems.contains(why) && problems.contains("[tls] ca_file") && !problems.contains("hunter2"),
            "{problems}"
        );
    }
    std::fs::remove_file(folder.path().join("ca.pem")).unwrap();
    let text = edit("[tls]\nca_file = \"ca.pem\"");
    let gone = parse_with(&text, &folder.path().join("rollcall.toml"), Options { check_secrets: false }).unwrap_err();
    assert!(gone.to_string().contains("cannot be read"), "{gone}");
}

/// Addresses that credentials or names of people go to: each of them is TLS or this machine.
#[test]
fn no_address_beyond_this_machine_is_plain() {
    let refuses = |text: String| {
        let problems = read_text(&text).expect_err(&text).to_string();
        assert!(problems.contains("expected an https address"), "{problems}");
    };
    for plain in
        ["http://10.0.0.1", "http://host.example", "http://localhost.example.com", "http://127.0.0.1.example.com"]
    {
        for (section, key) in
            [("[source.entra]", "graph_url"), ("[source.entra]", "login_url"), ("[connect]", "endpoint_url")]
        {
            refuses(edit(&format!("@{section}\n{key} = \"{plain}\"")));
        }
        refuses(edit(&format!("[secrets]\nendpoint_url = \"{plain}\"")));
        refuses(edit(&format!("[report.a]\nkind = \"cloudwatch_logs\"\nendpoint_url = \"{plain}\"")));
        let secret = "{ env = \"A\" }";
        refuses(smallest_of(&format!("[source.o]\nkind = \"okta\"\norg_url = \"{plain}\"\napi_token = {secret}\n")));
        refuses(smallest_of(&format!("[source.s]\nkind = \"scim\"\nbase_url = \"{plain}\"\nbearer = {secret}\n")));
        refuses(smallest_of(&format!(
            "[source.s]\nkind = \"scim\"\nbase_url = \"https://s.example\"\noauth = {{ token_url = \"{plain}\", client_id = \"c\", \
             client_secret = {secret} }}\n"
        )));
    }
}
