//! `kind = "microsoft"`, and what a directory is asked for.

use super::*;

#[test]
fn a_misspelt_kind_is_a_problem_and_not_a_source_less() {
    check_in(
        &SMALLEST.replacen("kind = ", "kinD = ", 1),
        "",
        &["[source.entra] kinD: unknown key → did you mean kind?"],
    );
    check(
        "[report.audit]\nkinds = \"cloudwatch_logs\"\nprivacy = \"full\"",
        &["[report.audit] kinds: unknown key → did you mean kind?"],
    );
}

#[test]
fn sources_are_checked() {
    check(
        "@[source.entra]\nkind = \"microsft\"",
        &[
            "[source.entra] kind = \"microsft\": expected \"microsoft\", \"okta\" or \"scim\" → did you mean \"microsoft\"?",
        ],
    );
    check(
        "@[source.entra]\ntenant = \"common\"",
        &["[source.entra] tenant = \"common\": expected a tenant id or domain such as \"contoso.onmicrosoft.com\""],
    );
    check(
        "@[source.entra]\nclient_secret = { env = \"hunter2!\" }",
        &["[source.entra] client_secret.env: expected the name of an environment variable"],
    );
    check(
        "@[source.entra]\ncertificate = { file = \"x.pem\" }",
        &["[source.entra] certificate: does not go together with client_secret → keep one of them"],
    );
    check(
        "@[source.entra]\nassigned_to_app = \"x\"\nfederated_token = { env = \"X\" }",
        &[
            "[source.entra] assigned_to_app: not supported yet in this version → use groups",
            "[source.entra] federated_token: not supported yet in this version → use client_secret or certificate",
        ],
    );
    check(
        "@[source.entra]\ngroups = []",
        &["[source.entra] groups: nobody would be in scope → name a group, or leave groups out for everybody"],
    );
    check(
        "@[source.entra]\ngraph_url = \"http://graph.example\"",
        &[
            "[source.entra] graph_url = \"http://graph.example\": expected an https address (plain http is for loopback only)",
        ],
    );
    check(
        "@[source.entra]\nlogin_url = \"https://me:hunter2@login.example\"",
        &["[source.entra] login_url: expected an address without user, password, ? and #"],
    );
    check("@[source.entra]\ngraph_url = \"http://127.0.0.1:1\"\nlogin_url = \"http://localhost:1\"", &[]);
}

#[test]
fn a_source_reads_what_the_rules_look_at() {
    let config = smallest_with(
        "[attributes]\nusername = \"mailbox_name\"\nphone = [\"mobile\"]\n[[mapping]]\nname = \"m\"\nuser_type = \
         \"agent\"\nwhen = { any = [{ not = { group = \"g\" } }, { attribute = \"costCenter\", equals = \"7\" }] }",
    );
    let SourceConfig::Microsoft(source) = &config.sources[0] else { panic!("another kind") };
    let wanted: Vec<&str> = source.wanted.iter().map(|name| name.as_str()).collect();
    let expected =
        ["cost_center", "department", "family_name", "given_name", "mail", "mobile_phone", "user_type", "username"];
    assert_eq!(wanted, expected);
    assert_eq!(source.rule_groups.iter().collect::<Vec<_>>(), ["g"]);
    let with_guests = smallest_with("@[source.entra]\nguests = true");
    let SourceConfig::Microsoft(source) = &with_guests.sources[0] else { panic!("another kind") };
    assert!(!source.wanted.iter().any(|name| name.as_str() == "user_type"));
}

#[test]
fn clouds_have_addresses_of_their_own() {
    let change = "@[source.entra]\ncloud = \"china\"\nclient_secret = { env = \"S\" }";
    let SourceConfig::Microsoft(source) = &smallest_with(change).sources[0] else { panic!("another kind") };
    assert_eq!(source.graph_url.as_str(), "https://microsoftgraph.chinacloudapi.cn/");
    let certificate = SMALLEST.replace("client_secret = ", "certificate = ");
    let SourceConfig::Microsoft(source) = &base_with(&certificate, "").sources[0] else { panic!("another kind") };
    let variable = "ROLLCALL_TEST_SECRET_THAT_IS_NOT_SET".to_owned();
    assert_eq!(source.credential, Credential::Certificate(SecretSource::Env(variable)));
}
