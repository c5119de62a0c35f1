//! The file as a whole: how problems read, what is missing, what is not known, defaults, the digest.

use super::*;

#[test]
fn a_broken_file_reads_like_this() {
    let text = r#"name  = "support-emea"
state = "rollcall.db"

[source.entra]
kind         = "microsoft"
tenant       = "contoso.onmicrosoft.com"
client_id    = "00000000-0000-0000-0000-000000000000"
client_secrt = { env = "ENTRA_CLIENT_SECRET" }

[connect]
instance = "arn:aws:connect:eu-west-2:111122223333:instance/12345678-1234-1234-1234-123456789012"

[[mapping]]
name           = "care"
departments    = ["Care"]
routing_profil = "Care Voice"
user_type      = "supervisr"

[schedule]
every = "2x"

[console]
listn = "127.0.0.1:7655"
"#;
    let problems = parse_with(text, Path::new("rollcall.toml"), Options { check_secrets: false }).unwrap_err();
    insta::assert_snapshot!(problems, @r#"
    rollcall.toml has 5 problems

      line 8    [source.entra] client_secrt                 unknown key → did you mean client_secret?
      line 16   [[mapping]] "care" routing_profil           unknown key → did you mean routing_profile?
      line 17   [[mapping]] "care" user_type = "supervisr"  expected a user type → did you mean "supervisor"?
      line 20   [schedule] every = "2x"                     expected a duration such as "90s", "2m", "1h"
      line 23   [console] listn                             unknown key → did you mean listen?
    "#);
}

#[test]
fn syntax_errors_have_a_line_and_hide_the_value() {
    let text = "name = \"a\"\n[source.entra]\nclient_secret = \"hunter2\nkind = \"microsoft\"\n";
    let problems = parse_with(text, Path::new("rollcall.toml"), Options::default()).unwrap_err();
    insta::assert_snapshot!(problems, @r#"
    rollcall.toml has 1 problem

      line 3   client_secret  invalid basic string, expected `"`
    "#);
    let text = "name = \"a\"\n[connect]\ninstance = \"x\"\ninstance = \"y\"\n";
    let problems = parse_with(text, Path::new("rollcall.toml"), Options::default()).unwrap_err();
    insta::assert_snapshot!(problems, @r"
    rollcall.toml has 1 problem

      line 4   instance  duplicate key
    ");
}

#[test]
fn a_file_that_is_not_there_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let problems = load(&folder.path().join("rollcall.toml")).unwrap_err();
    let text = problems.to_string();
    assert!(text.contains("cannot be read") && text.contains("→ write one with rollcall init"), "{text}");
}

#[test]
fn unknown_keys_name_the_nearest() {
    check("[adopt]\nmatsh = []", &["[adopt] matsh: unknown key → did you mean match?"]);
    check("[guard]\nmax-removed = {}", &["[guard] max-removed: unknown key → did you mean max_removed?"]);
    check(
        "[guard]\nmax_removed = { count = 1, fractoin = 0.1 }",
        &["[guard] max_removed.fractoin: unknown key → did you mean fraction?"],
    );
    check("[schedules]\nevery = \"1m\"", &["schedules: unknown key → did you mean schedule?"]);
    check(
        "[schedule]\ncolour = 1",
        &[
            "[schedule] colour: unknown key → known here: every, cron, time_zone, jitter, stop_within, full_every, audit_every",
        ],
    );
    check(
        "[connect.quota.CreateUsr]\nburst = 1",
        &["[connect] quota.CreateUsr: unknown key → did you mean CreateUser?"],
    );
    check(
        "[connect.quota.CreateUser]\nbrst = 1",
        &["[connect.quota.CreateUser] brst: unknown key → did you mean burst?"],
    );
    check("@[source.entra]\ntennant = \"x\"", &["[source.entra] tennant: unknown key → did you mean tenant?"]);
    check(
        "[authority]\nrouting = \"shared\"",
        &[
            "[authority] routing: unknown key → known here: security_profiles, routing_profile, hierarchy, identity, phone, tags",
        ],
    );
}

#[test]
fn what_is_missing_is_shown() {
    let found = read_text("").unwrap_err().to_string();
    for expected in [
        "name     ",
        "missing → for example name = \"support-emea\"",
        "[connect] instance",
        "missing → add a table such as [source.entra]",
        "no rule gives anybody anything → add [default] or [[mapping]]",
    ] {
        assert!(found.contains(expected), "{expected} is not in\n{found}");
    }
    check(
        "@[default]\nsecurity_profiles = []",
        &["[default] security_profiles = []: expected at least one text in the list"],
    );
}

#[test]
fn the_rest_is_checked() {
    check(
        "@\nname = \"support emea\"",
        &["name = \"support emea\": expected letters, digits, - _ and . (at most 64), for example \"support-emea\""],
    );
    check("@\nenabled = \"yes\"", &["enabled = \"yes\": expected true or false"]);
    check("@\nconsole = true", &["console = true: expected a table"]);
    check(
        "[attributes]\nphone_region = \"UK\"\ngiven_name = []\nemail = [\"a b\"]",
        &[
            "[attributes] phone_region = \"UK\": expected a country code such as \"GB\"",
            "[attributes] given_name: Amazon Connect demands a name → leave given_name out for the usual attribute",
            "[attributes] email: \"a b\" cannot be the name of an attribute",
        ],
    );
    check(
        "[[example]]\ngiven = { department = 5 }\nexpect = {}",
        &[
            "[[example]] given.department = 5: expected text in quotes",
            "[[example]] expect: expects nothing → name at least one thing that must come out",
        ],
    );
}

#[test]
fn the_smallest_file_has_the_documented_defaults() {
    let config = smallest_with("");
    let names = |list: &[connectors::AttributeName]| list.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    let fields = &config.rules.fields;
    assert_eq!(fields.username.as_str(), "username");
    assert_eq!(names(&fields.given_name), "given_name");
    assert_eq!(names(&fields.family_name), "family_name");
    assert_eq!(names(&fields.email), "mail");
    assert!(fields.phone.is_empty() && fields.desk_phone.is_empty() && fields.phone_region.is_none());
    assert!(config.rules.authority.values().all(|who| *who == Authority::Directory));
    assert_eq!(config.rules.authority.len(), Facet::ALL.len());
    let all = [AdoptBy::OwnerTag, AdoptBy::Username, AdoptBy::MailboxName, AdoptBy::Email];
    assert_eq!(config.rules.adopt, all);
    assert!(!config.rules.sources[0].guests && !config.rules.sources[0].first_run_applies);
    assert!(config.rules.leaver.delete && config.rules.leaver.suspend.is_none());
    assert_eq!(config.limits.max_removed, Limit { count: Some(50), fraction: Some(0.10) });
    assert_eq!(config.limits.max_changed, Limit { count: None, fraction: Some(0.30) });
    assert_eq!(config.limits.max_leaving_profile, Limit { count: None, fraction: Some(0.50) });
    assert_eq!(config.limits.max_raised, Limit { count: Some(5), fraction: None });
    assert_eq!(config.limits.max_emptied, Emptied { count: 0, from: 5 });
    assert!(config.limits.privileged.is_empty() && config.limits.never_below.is_empty());
    assert!(config.limits.protected.is_empty() && config.rules.canaries.is_empty());
    assert_eq!(config.limits.approval_secs, 86_400);
    assert_eq!(config.schedule.every, Every::Interval { secs: 120 });
    assert_eq!((config.schedule.full_every_secs, config.schedule.audit_every_secs), (86_400, 900));
    assert!(config.reports.is_empty());
    assert_eq!((config.connect.region.as_str(), config.connect.account.as_str()), ("eu-west-2", "111122223333"));
    assert_eq!(config.connect.instance_id, "12345678-1234-1234-1234-123456789012");
    let SourceConfig::Microsoft(source) = &config.sources[0] else { panic!("another kind") };
    assert_eq!(source.graph_url.as_str(), "https://graph.microsoft.com/");
    assert_eq!(source.login_url.as_str(), "https://login.microsoftonline.com/");
    assert!(source.scope_groups.is_none() && !source.nested);
}

#[test]
fn the_digest_changes_exactly_if_the_rules_do() {
    let rule = "[[mapping]]\nname = \"m\"\nwhen = \"always\"\nuser_type = \"agent\"";
    let digest = |change: &str| smallest_with(change).rules_digest;
    let of_rule = digest(rule);
    assert_eq!(of_rule.len(), 64);
    for same in [
        format!("\n# moved down\n\n{rule}"),
        format!("{rule}\n[schedule]\nevery = \"5m\""),
        format!("{rule}\n[report.x]\nkind = \"json_lines\"\npath = \"-\""),
        format!("{rule}\n[authority]\nidentity = \"directory\""),
        format!("{rule}\n[connect.quota]\nshare = 0.5"),
    ] {
        assert_eq!(digest(&same), of_rule, "{same}");
    }
    for other in [
        rule.replace("agent", "manager"),
        format!("{rule}\nrouting_profile = \"R\""),
        format!("{rule}\n[authority]\nidentity = \"shared\""),
        format!("{rule}\n[leaver]\ngrace = \"1d\""),
        format!("{rule}\n[attributes]\nphone = [\"mobile\"]"),
    ] {
        assert_ne!(digest(&other), of_rule, "{other}");
    }
}

#[test]
fn secrets_are_looked_for() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "s3cret\n").unwrap();
    let text = edit("@[source.entra]\nclient_secret = { file = \"secret\" }");
    let path = folder.path().join("rollcall.toml");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o644)).unwrap();
        let problems = parse(&text, &path).unwrap_err();
        assert_eq!(problems.list.len(), 1, "{problems}");
        assert_eq!(problems.list[0].place, "[source.entra] client_secret");
        assert!(problems.list[0].message.contains("can be read by others (mode 644)"), "{problems}");
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let config = parse(&text, &path).unwrap_or_else(|problems| panic!("{problems}"));
    let SourceConfig::Microsoft(source) = &config.sources[0] else { panic!("another kind") };
    assert_eq!(source.credential, Credential::Secret(SecretSource::File(secret)));
    let unset = parse(SMALLEST, &path).unwrap_err().to_string();
    assert!(unset.contains("environment variable ROLLCALL_TEST_SECRET_THAT_IS_NOT_SET is not set"), "{unset}");
}
