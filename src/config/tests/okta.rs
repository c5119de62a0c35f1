//! `kind = "okta"`.

use connectors::okta::{OktaConfig, OktaCredential, OktaScope, StatusMeaning};

use super::*;

fn base() -> String {
    smallest_of(
        "[source.okta]\nkind = \"okta\"\norg_url = \"https://example.okta.com\"\napi_token = { env = \"OKTA_TOKEN\" }\n",
    )
}

fn bad(change: &str, expected: &[&str]) {
    check_in(&base(), change, expected);
}

fn good(change: &str) -> OktaConfig {
    let config = base_with(&base(), change);
    let SourceConfig::Okta(okta) = &config.sources[0] else { panic!("another kind") };
    okta.clone()
}

#[test]
fn the_least_has_the_documented_defaults() {
    let OktaConfig { name, org_url, credential, scope, rule_groups, wanted, fields, statuses, rate_share } = good("");
    assert_eq!((name.as_str(), org_url.as_str()), ("okta", "https://example.okta.com/"));
    assert_eq!(credential, OktaCredential::Token(SecretSource::Env("OKTA_TOKEN".to_owned())));
    assert_eq!((scope, rate_share), (OktaScope::Everybody, 0.8));
    assert!(rule_groups.is_empty() && fields.is_empty() && statuses.is_empty());
    let wanted: Vec<&str> = wanted.iter().map(connectors::AttributeName::as_str).collect();
    assert_eq!(wanted, ["department", "family_name", "given_name", "mail", "status", "username"]);
}

#[test]
fn addresses_are_those_of_an_org() {
    bad(
        "@[source.okta]\norg_url = \"https://example-admin.okta.com\"",
        &[
            "[source.okta] org_url = \"https://example-admin.okta.com\": expected the org itself, not its admin console → use \
         \"https://example.okta.com\"",
        ],
    );
    bad(
        "@[source.okta]\norg_url = \"https://example.okta.com/api/v1\"",
        &["[source.okta] org_url = \"https://example.okta.com/api/v1\": expected an address without a path → use \
         \"https://example.okta.com\""],
    );
    bad(
        "@[source.okta]\norg_url = \"http://example.okta.com\"",
        &[
            "[source.okta] org_url = \"http://example.okta.com\": expected an https address (plain http is for loopback only)",
        ],
    );
    assert_eq!(good("@[source.okta]\norg_url = \"http://127.0.0.1:8080\"").org_url.port(), Some(8080));
    assert_eq!(good("@[source.okta]\norg_url = \"https://login.example.com/\"").org_url.path(), "/");
}

#[test]
fn a_token_or_a_service_app() {
    let with = |lines: &str| base().replace("api_token = { env = \"OKTA_TOKEN\" }", lines);
    let service = "client_id = \"0oa1\"\nprivate_key = { file = \"okta.pem\" }\nkey_id = \"k1\"\ndpop = true";
    let config = base_with(&with(service), "");
    let SourceConfig::Okta(okta) = &config.sources[0] else { panic!("another kind") };
    let OktaCredential::Service { client_id, private_key, key_id, dpop } = &okta.credential else { panic!("a token") };
    assert_eq!((client_id.as_str(), key_id.as_deref(), *dpop), ("0oa1", Some("k1"), true));
    assert_eq!(*private_key, SecretSource::File("/etc/rollcall/okta.pem".into()));

    check_in(
        &with(""),
        "",
        &["[source.okta] api_token: missing → for example api_token = { env = \"OKTA_API_TOKEN\" }, or client_id and \
         private_key of a service app"],
    );
    check_in(
        &with("client_id = \"0oa1\""),
        "",
        &["[source.okta] private_key: missing → for example private_key = { file = \"okta.pem\" }"],
    );
    check_in(
        &with("private_ky = { env = \"K\" }\nclient_id = \"0oa1\""),
        "",
        &["[source.okta] private_ky: unknown key → did you mean private_key?"],
    );
    bad(
        "@[source.okta]\nclient_id = \"0oa1\"\nprivate_key = { env = \"K\" }",
        &["[source.okta] client_id: does not go together with api_token → keep one of them"],
    );
    bad(
        "@[source.okta]\napi_token = \"00abc\"",
        &[
            "[source.okta] api_token: a secret may not stand in this file → api_token = { env = \"NAME\" }, { file = \"path\" }, { aws_secret = \"name\" } or { aws_parameter = \"name\" }",
        ],
    );
}

#[test]
fn scope_is_an_application_or_groups_or_everybody() {
    assert_eq!(good("@[source.okta]\napp = \"Amazon Connect\"").scope, OktaScope::App("Amazon Connect".to_owned()));
    let groups = OktaScope::Groups(vec!["a".to_owned(), "b".to_owned()]);
    assert_eq!(good("@[source.okta]\ngroups = [\"a\", \"b\"]").scope, groups);
    bad(
        "@[source.okta]\napp = \"x\"\ngroups = [\"a\"]",
        &["[source.okta] groups: does not go together with app → keep one of them"],
    );
    bad(
        "@[source.okta]\ngroups = []",
        &["[source.okta] groups: nobody would be in scope → name a group, or leave groups out for everybody"],
    );
    let app = base_with(&base(), "@[source.okta]\napp = \"x\"");
    let SourceConfig::Okta(okta) = &app.sources[0] else { panic!("another kind") };
    let reads = |name: &str| okta.wanted.iter().any(|wanted| wanted.as_str() == name);
    assert!(reads("entitlements") && reads("roles"));
    assert!(app.rules.sources[0].application_profile);
    assert!(!base_with(&base(), "").rules.sources[0].application_profile);
}

#[test]
fn statuses_have_three_meanings() {
    let okta = good("[source.okta.status]\nPASSWORD_EXPIRED = \"hold\"\nSTAGED = \"active\"\nON_LEAVE = \"disabled\"");
    let expected = [
        ("ON_LEAVE", StatusMeaning::Disabled),
        ("PASSWORD_EXPIRED", StatusMeaning::Hold),
        ("STAGED", StatusMeaning::Active),
    ];
    assert_eq!(okta.statuses, expected.map(|(status, meaning)| (status.to_owned(), meaning)).into());
    bad(
        "[source.okta.status]\nlocked_out = \"active\"\nSTAGED = \"Active\"",
        &[
            "[source.okta.status] locked_out: is no status of Okta → did you mean LOCKED_OUT?",
            "[source.okta.status] STAGED = \"Active\": expected \"active\", \"disabled\" or \"hold\" → did you mean \"active\"?",
        ],
    );
}

#[test]
fn fields_and_shares() {
    let okta = good("[source.okta.attributes]\ncostCenter = \"cost_centre\"\nbadge = \"profile.badgeNumber\"");
    let fields: Vec<_> = okta.fields.iter().map(|(name, field)| (name.as_str(), field.as_str())).collect();
    assert_eq!(fields, [("badge", "profile.badgeNumber"), ("cost_center", "cost_centre")]);
    assert!(okta.wanted.iter().any(|name| name.as_str() == "badge"), "what is named is read");
    bad(
        "[source.okta.attributes]\ntitle = \"a\"\njobTitle = \"b\"\n\"a b\" = \"c\"\nmail = \" \"",
        &[
            "[source.okta.attributes] jobTitle: title is said twice, in two spellings → keep one of them",
            "[source.okta.attributes] a b: cannot be the name of an attribute",
            "[source.okta.attributes] mail = \" \": expected the directory's own name of a field",
        ],
    );
    assert_eq!(good("@[source.okta]\nrate_share = 0.5").rate_share, 0.5);
    for share in ["0", "1.5", "nan", "\"half\""] {
        let expected = format!("[source.okta] rate_share = {share}: expected a share above 0, up to 1");
        bad(&format!("@[source.okta]\nrate_share = {share}"), &[&expected]);
    }
    bad("@[source.okta]\nnested = true", &[&format!("[source.okta] nested: unknown key → known here: {KNOWN}")]);
}

const KNOWN: &str =
    "kind, org_url, client_id, private_key, key_id, dpop, api_token, app, groups, attributes, status, rate_share";
