//! `kind = "scim"`.

use connectors::scim::{AbsentActive, MembershipFrom, Paging, ScimConfig, ScimCredential};

use super::*;

fn base() -> String {
    smallest_of(
        "[source.hr]\nkind = \"scim\"\nbase_url = \"https://id.example.com/scim/v2\"\nbearer = { env = \"SCIM_TOKEN\" }\n",
    )
}

fn bad(change: &str, expected: &[&str]) {
    check_in(&base(), change, expected);
}

fn scim(config: &Config) -> ScimConfig {
    let SourceConfig::Scim(scim) = &config.sources[0] else { panic!("another kind") };
    scim.clone()
}

fn good(change: &str) -> ScimConfig {
    scim(&base_with(&base(), change))
}

fn credential(lines: &str) -> String {
    base().replace("bearer = { env = \"SCIM_TOKEN\" }", lines)
}

fn env(name: &str) -> SecretSource {
    SecretSource::Env(name.to_owned())
}

#[test]
fn the_least_has_the_documented_defaults() {
    let ScimConfig {
        name,
        base_url,
        credential,
        extra_headers,
        scope_groups,
        rule_groups,
        wanted,
        fields,
        page_size,
        paging,
        first_index,
        membership,
        nested,
        absent_active,
        incremental,
        extension_aliases,
        users_path,
        groups_path,
        max_response_bytes,
    } = good("");
    assert_eq!((name.as_str(), base_url.as_str()), ("hr", "https://id.example.com/scim/v2"));
    assert_eq!(credential, ScimCredential::Bearer(env("SCIM_TOKEN")));
    assert!(extra_headers.is_empty() && scope_groups.is_none() && rule_groups.is_empty() && fields.is_empty());
    let wanted: Vec<&str> = wanted.iter().map(connectors::AttributeName::as_str).collect();
    assert_eq!(wanted, ["department", "family_name", "given_name", "mail", "username"]);
    assert_eq!((page_size, paging, first_index), (100, Paging::Auto, 1));
    assert_eq!((membership, nested, absent_active), (MembershipFrom::Auto, false, AbsentActive::Auto));
    assert!(incremental && extension_aliases.is_empty() && users_path.is_none() && groups_path.is_none());
    assert_eq!(max_response_bytes, 32 << 20);
}

#[test]
fn every_key_is_read() {
    let scim = good(
        "@[source.hr]\ngroups = [\"g\"]\nnested = true\npage_size = 500\npaging = \"cursor\"\nfirst_index = 0\nmembership = \
         \"user.groups\"\nabsent_active = \"left\"\nincremental = \"off\"\nextension_aliases = [\"urn:acme:User\"]\nusers_path = \
         \"/People/\"\ngroups_path = \"v2/Teams\"\nextra_headers = { x-tenant = \"t 1\" }\nmax_response = \"64MiB\"\nattributes \
         = { department = \"urn:acme:User:unit\" }",
    );
    assert_eq!(scim.scope_groups, Some(vec!["g".to_owned()]));
    assert_eq!((scim.nested, scim.page_size, scim.paging, scim.first_index), (true, 500, Paging::Cursor, 0));
    assert_eq!((scim.membership, scim.absent_active), (MembershipFrom::UserGroups, AbsentActive::Left));
    assert!(!scim.incremental);
    assert_eq!(scim.extension_aliases, ["urn:acme:User"]);
    assert_eq!((scim.users_path.as_deref(), scim.groups_path.as_deref()), (Some("People"), Some("v2/Teams")));
    assert_eq!(scim.extra_headers, [("x-tenant".to_owned(), "t 1".to_owned())].into());
    assert_eq!(scim.max_response_bytes, 64 << 20);
    assert_eq!(scim.fields, [("department".into(), "urn:acme:User:unit".to_owned())].into());
    assert_eq!(good("@[source.hr]\nmax_response = 1000000").max_response_bytes, 1_000_000);
}

#[test]
fn there_is_exactly_one_credential() {
    let of = |lines: &str| scim(&base_with(&credential(lines), "")).credential;
    assert_eq!(
        of("basic = { username = \"rollcall\", password = { env = \"P\" } }"),
        ScimCredential::Basic { username: "rollcall".to_owned(), password: env("P") }
    );
    assert_eq!(
        of("header = { name = \"x-api-key\", value = { env = \"K\" } }"),
        ScimCredential::Header { name: "x-api-key".to_owned(), secret: env("K") }
    );
    let table = "[source.hr.oauth]\ntoken_url = \"https://login.example.com/token\"\nclient_id = \"c\"\nclient_secret = { env \
                 = \"S\" }\nscope = \"read write\"\nextra = { audience = \"a\" }\nbasic = true\n";
    let expected = ScimCredential::OAuth {
        token_url: "https://login.example.com/token".parse().unwrap(),
        client_id: "c".to_owned(),
        client_secret: env("S"),
        scopes: vec!["read".to_owned(), "write".to_owned()],
        extra: [("audience".to_owned(), "a".to_owned())].into(),
        basic: true,
    };
    assert_eq!(of(table), expected);
    assert_eq!(of(&table.replace("\"read write\"", "[\"read\", \"write\"]")), expected);

    check_in(
        &credential(""),
        "",
        &["[source.hr] bearer: missing → for example bearer = { env = \"SCIM_TOKEN\" }, or basic, header, oauth"],
    );
    bad(
        "@[source.hr]\nbasic = { username = \"u\", password = { env = \"P\" } }",
        &["[source.hr] basic: does not go together with bearer → keep one of them"],
    );
}

#[test]
fn credentials_are_complete_and_hold_no_secret() {
    let check = |lines: &str, expected: &[&str]| check_in(&credential(lines), "", expected);
    check(
        "bearer = \"hunter2\"",
        &[
            "[source.hr] bearer: a secret may not stand in this file → bearer = { env = \"NAME\" }, { file = \"path\" }, { aws_secret = \"name\" } or { aws_parameter = \"name\" }",
        ],
    );
    check(
        "basic = { username = \"a:b\", password = \"hunter2\" }",
        &[
            "[source.hr] basic.username = \"a:b\": expected a user name without a colon",
            "[source.hr] basic.password: a secret may not stand in this file → password = { env = \"NAME\" }, { file = \"path\" }, { aws_secret = \"name\" } or { aws_parameter = \"name\" }",
        ],
    );
    check(
        "header = { name = \"x api\", vale = { env = \"K\" } }",
        &[
            "[source.hr] header.name = \"x api\": expected the name of a header such as \"x-tenant\"",
            "[source.hr] header.vale: unknown key → did you mean value?",
        ],
    );
    check(
        "oauth = { client_id = \"c\", extra = { scope = \"x\" } }",
        &[
            "[source.hr] oauth.token_url: missing → for example token_url = \"https://login.example.com/oauth2/token\"",
            "[source.hr] oauth.client_secret: missing → for example client_secret = { env = \"SCIM_CLIENT_SECRET\" }",
            "[source.hr] oauth.extra.scope: is set by rollcall itself → take it out of extra",
        ],
    );
    check(
        "oauth = { token_url = \"http://login.example.com\", client_id = \"c\", client_secret = { env = \"S\" } }",
        &[
            "[source.hr] oauth.token_url = \"http://login.example.com\": expected an https address (plain http is for loopback \
         only)",
        ],
    );
}

#[test]
fn words_numbers_and_paths_are_checked() {
    let check =
        |line: &str, expected: &str| bad(&format!("@[source.hr]\n{line}"), &[&format!("[source.hr] {expected}")]);
    for size in ["0", "1001", "-1", "\"100\""] {
        let expected = format!("page_size = {size}: expected a whole number from 1 to 1000");
        check(&format!("page_size = {size}"), &expected);
    }
    check("first_index = 2", "first_index = 2: expected 0 or 1");
    check(
        "paging = \"cursr\"",
        "paging = \"cursr\": expected \"auto\", \"index\" or \"cursor\" → did you mean \"cursor\"?",
    );
    check(
        "membership = \"groups.members\"",
        "membership = \"groups.members\": expected \"auto\", \"group.members\" or \"user.groups\" → did you mean \
         \"group.members\"?",
    );
    check("absent_active = false", "absent_active = false: expected \"auto\", \"employed\", \"left\" or \"hold\"");
    check("incremental = \"on\"", "incremental = \"on\": expected \"auto\" or \"off\"");
    for path in ["../Users", "https://other.example/Users", "Users?x=1", "a//b", "/"] {
        let expected = format!("users_path = {path:?}: expected a path below base_url such as \"Users\"");
        check(&format!("users_path = {path:?}"), &expected);
    }
    for size in ["\"32MB\"", "\"1KiB\"", "\"2GiB\"", "0"] {
        let expected = format!("max_response = {size}: expected a size such as \"32MiB\", from 64KiB to 1GiB");
        check(&format!("max_response = {size}"), &expected);
    }
    bad(
        "@[source.hr]\nextra_headers = { Authorization = \"Bearer x\", Host = \"y\", x-a = \"ü\" }",
        &[
            "[source.hr] extra_headers.Authorization: a secret may not stand in this file → use bearer, basic or header",
            "[source.hr] extra_headers.Host: expected the name of a header such as \"x-tenant\"",
            "[source.hr] extra_headers.x-a = \"ü\": expected text that fits into a header",
        ],
    );
    bad("@[source.hr]\npage_sise = 5", &["[source.hr] page_sise: unknown key → did you mean page_size?"]);
    bad(
        "@[source.hr]\nbase_url = \"http://id.example.com\"",
        &[
            "[source.hr] base_url = \"http://id.example.com\": expected an https address (plain http is for loopback only)",
        ],
    );
}
