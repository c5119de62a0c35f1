//! Files in, problems or values out.

use std::fmt::Write as _;

use connectors::SecretSource;
use connectors::microsoft::Credential;

use super::*;
use crate::model::{Authority, Facet, Operation};
use crate::planner::rules::{AdoptBy, Condition, Limit, TextTest};
use crate::report::{Privacy, SinkKind};
use crate::serve::Every;

/// The smallest file that is right; `check` puts snippets behind it.
const SMALLEST: &str = r#"
name = "small"
[source.entra]
kind = "microsoft"
tenant = "contoso.example"
client_id = "app"
client_secret = { env = "ROLLCALL_TEST_SECRET_THAT_IS_NOT_SET" }
[connect]
instance = "arn:aws:connect:eu-west-2:111122223333:instance/12345678-1234-1234-1234-123456789012"
[default]
security_profiles = ["Agent"]
routing_profile = "Basic"
"#;

fn read_text(text: &str) -> Result<Config, Problems> {
    parse_with(text, Path::new("/etc/rollcall/rollcall.toml"), Options { check_secrets: false })
}

fn smallest_with(change: &str) -> Config {
    let text = edit(change);
    read_text(&text).unwrap_or_else(|problems| panic!("{change}\n{problems}"))
}

/// `key = value` lines before the first header replace or join the smallest file's keys of the section named in
/// `@section`; everything else goes to the end.
fn edit(change: &str) -> String {
    let Some((section, lines)) = change.strip_prefix('@').and_then(|rest| rest.split_once('\n')) else {
        return format!("{SMALLEST}{change}\n");
    };
    let mut text = String::new();
    let replaced: Vec<&str> =
        lines.lines().filter_map(|line| line.split_once('=')).map(|(key, _)| key.trim()).collect();
    let mut inside = section.is_empty();
    if inside {
        text.push_str(lines);
        text.push('\n');
    }
    for line in SMALLEST.lines() {
        let key = line.split('=').next().unwrap_or_default().trim();
        if line.starts_with('[') {
            inside = line == section;
        } else if inside && replaced.contains(&key) {
            continue;
        }
        writeln!(text, "{line}").unwrap();
        if !section.is_empty() && line == section {
            writeln!(text, "{lines}").unwrap();
        }
    }
    text
}

/// Problems as `place: message → hint`, one a line; line numbers have tests of their own.
fn check(change: &str, expected: &[&str]) {
    let found: Vec<String> = match read_text(&edit(change)) {
        Ok(_) => Vec::new(),
        Err(problems) => problems
            .list
            .into_iter()
            .map(|Problem { line: _, place, message, hint }| {
                let hint = hint.map(|hint| format!(" → {hint}")).unwrap_or_default();
                format!("{place}: {message}{hint}")
            })
            .collect(),
    };
    assert_eq!(found, expected, "\n{change}");
}

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
listen = "127.0.0.1:7655"
"#;
    let problems = parse_with(text, Path::new("rollcall.toml"), Options { check_secrets: false }).unwrap_err();
    insta::assert_snapshot!(problems, @r#"
    rollcall.toml has 5 problems

      line 8    [source.entra] client_secrt                 unknown key → did you mean client_secret?
      line 16   [[mapping]] "care" routing_profil           unknown key → did you mean routing_profile?
      line 17   [[mapping]] "care" user_type = "supervisr"  expected a user type → did you mean "supervisor"?
      line 20   [schedule] every = "2x"                     expected a duration such as "90s", "2m", "1h"
      line 22   console                                     not supported yet in this version → remove it
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
fn the_example_file_is_right_and_says_what_it_says() {
    let config = read_text(template()).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(config.name, "support-emea");
    assert_eq!(config.state, Path::new("/etc/rollcall/rollcall.db"));
    assert!(config.enabled);
    assert_eq!(config.rules.mappings.len(), 3);
    assert_eq!(config.rules.authority[&Facet::Security], Authority::Connect);
    assert_eq!(config.rules.authority[&Facet::Routing], Authority::Shared);
    assert_eq!(config.rules.leaver.suspend.as_ref().unwrap().for_secs, Some(30 * 24 * 60 * 60));
    assert_eq!(config.examples.len(), 1);
    assert_eq!(config.examples[0].groups, ["Connect-Recording"]);
    let SinkKind::CloudwatchLogs(logs) = &config.reports[0].kind else { panic!("another kind") };
    assert_eq!((logs.group.as_str(), logs.retention_days), ("/rollcall/support-emea", Some(90)));
}

/// What the example's comments call a default is the default: a file without these lines reads the same.
#[test]
fn the_example_file_tells_the_truth_about_defaults() {
    let with = read_text(template()).unwrap();
    let is_default = |line: &&str| line.contains("# default");
    let defaults = template().lines().filter(is_default).count();
    assert!(defaults > 12, "only {defaults} lines speak of a default");
    let text: Vec<&str> = template().lines().filter(|line| !is_default(line)).collect();
    let without = read_text(&text.join("\n")).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(with.rules_digest, without.rules_digest);
    assert_eq!(with.limits, without.limits);
    assert_eq!(with.schedule, without.schedule);
    assert_eq!(with.reports, without.reports);
    assert_eq!(with.connect, without.connect);
}

/// Keys that stand in a comment are keys: switched on one by one, none of them is unknown.
#[test]
fn every_key_the_example_file_mentions_exists() {
    let (keys, table) = template().split_once("\n# [report.file]").expect("it ends with a table in a comment");
    let table: Vec<&str> = table.lines().map(|line| line.trim_start_matches("# ")).collect();
    let text = format!("{keys}\n[report.file]{}", table.join("\n"));
    assert_eq!(read_text(&text).unwrap_or_else(|problems| panic!("{problems}")).reports.len(), 2);

    let mut tried = 0;
    for (at, line) in keys.lines().enumerate() {
        let Some(key) = line.strip_prefix("# ").and_then(|line| line.split_once('=')).map(|(key, _)| key.trim()) else {
            continue;
        };
        if key.is_empty() || !key.chars().all(|c| c.is_ascii_lowercase() || c == '_') && key != "CreateUser" {
            continue;
        }
        tried += 1;
        let lines = template().lines().enumerate();
        let text: String = lines.map(|(i, l)| if i == at { &line[2..] } else { l }).flat_map(|l| [l, "\n"]).collect();
        if let Err(problems) = read_text(&text) {
            let unknown = problems.list.iter().any(|problem| problem.message == "unknown key");
            assert!(!unknown, "line {}: {problems}", at + 1);
        }
    }
    assert!(tried > 20, "only {tried} commented keys were found");
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
    assert_eq!(config.limits.approval_secs, 86_400);
    assert_eq!(config.schedule.every, Every::Interval { secs: 120 });
    assert_eq!((config.schedule.full_every_secs, config.schedule.audit_every_secs), (86_400, 900));
    assert!(config.reports.is_empty());
    assert_eq!((config.connect.region.as_str(), config.connect.account.as_str()), ("eu-west-2", "111122223333"));
    assert_eq!(config.connect.instance_id, "12345678-1234-1234-1234-123456789012");
    let SourceConfig::Microsoft(source) = &config.sources[0];
    assert_eq!(source.graph_url.as_str(), "https://graph.microsoft.com/");
    assert_eq!(source.login_url.as_str(), "https://login.microsoftonline.com/");
    assert!(source.scope_groups.is_none() && !source.nested);
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
        &["[schedule] colour: unknown key → known here: every, cron, full_every, audit_every"],
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
fn sources_are_checked() {
    check(
        "@[source.entra]\nkind = \"okta\"",
        &[
            "[source.entra] kind = \"okta\": expected \"microsoft\" → okta and scim are not supported yet in this version",
        ],
    );
    check(
        "@[source.entra]\nkind = \"microsft\"",
        &["[source.entra] kind = \"microsft\": expected \"microsoft\" → did you mean \"microsoft\"?"],
    );
    check(
        "@[source.entra]\ntenant = \"common\"",
        &["[source.entra] tenant = \"common\": expected a tenant id or domain such as \"contoso.onmicrosoft.com\""],
    );
    check(
        "@[source.entra]\nclient_secret = { aws_secret = \"x\", key = \"k\" }",
        &[
            "[source.entra] client_secret.aws_secret: not supported yet in this version → use env or file",
            "[source.entra] client_secret.key: not supported yet in this version → use env or file",
            "[source.entra] client_secret: expected a reference to a secret → client_secret = { env = \"NAME\" } or { file = \
         \"path\" }",
        ],
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
fn connect_is_checked() {
    check(
        "@[connect]\ninstance = \"arn:aws:connect:eu-west-2:111122223333:queue/1\"",
        &["[connect] instance: expected the ARN of an instance, arn:aws:connect:<region>:<account>:instance/<id>"],
    );
    check(
        "@[connect]\nregion = \"London\"",
        &["[connect] region = \"London\": expected an AWS Region such as \"eu-west-2\""],
    );
    check(
        "@[connect]\nassume_role = \"rollcall\"",
        &["[connect] assume_role = \"rollcall\": expected the ARN of a role, arn:aws:iam::<account>:role/<name>"],
    );
    check("@[connect]\nassume_role = \"arn:aws:iam::111122223333:role/rollcall\"", &[]);
    for share in ["0", "0.0", "1.1", "-1", "nan", "inf", "\"half\""] {
        let expected = format!("[connect.quota] share = {share}: expected a share above 0, up to 1");
        check(&format!("[connect.quota]\nshare = {share}"), &[&expected]);
    }
    check("[connect.quota]\nburst = 0", &["[connect.quota] burst = 0: expected a whole number, 1 or more"]);
    let quota = smallest_with("[connect.quota]\nshare = 1\nburst = 10\nCreateUser.rate_per_second = 5").connect.quota;
    let create = quota.rate(Operation::CreateUser);
    assert_eq!((create.per_second, create.burst), (5.0, 10));
    assert_eq!(quota.rate(Operation::DeleteUser).per_second, 2.0);
}

#[test]
fn mappings_are_checked() {
    let with = |rest: &str| format!("[[mapping]]\nname = \"m\"\n{rest}");
    check(
        &with("departments = [\"A\"]"),
        &[
            "[[mapping]] \"m\": gives nothing → add one of security_profiles, routing_profile, user_type, hierarchy, tags, \
         desk_phone, auto_accept, after_contact_work, persistent_connection",
        ],
    );
    check(
        &with("routing_profile = \"R\""),
        &["[[mapping]] \"m\": has no condition → add departments, groups or when; for everybody: when = \"always\""],
    );
    check(
        &with("departments = []\nrouting_profile = \"R\""),
        &["[[mapping]] \"m\" departments = []: expected at least one text in the list"],
    );
    check(
        &with("when = { all = [] }\nrouting_profile = \"R\""),
        &["[[mapping]] \"m\" when.all = []: expected a list of at least one condition"],
    );
    check(
        &with("when = { any = [{ grup = \"x\" }, { group = \"y\", department = \"z\" }] }\nrouting_profile = \"R\""),
        &[
            "[[mapping]] \"m\" when.any[1]: expected a condition → one of all, any, not, group, department, attribute",
            "[[mapping]] \"m\" when.any[1].grup: unknown key → did you mean group?",
            "[[mapping]] \"m\" when.any[2].department: does not go together with group → keep one of them",
        ],
    );
    check(
        &with("when = { attribute = \"title\" }\nrouting_profile = \"R\""),
        &[
            "[[mapping]] \"m\" when: an attribute is compared with something → add one of equals, starts_with, ends_with, \
         contains, present",
        ],
    );
    check(
        &with("when = { attribute = \"title\", starts_wth = \"x\" }\nrouting_profile = \"R\""),
        &[
            "[[mapping]] \"m\" when: an attribute is compared with something → add one of equals, starts_with, ends_with, \
         contains, present",
            "[[mapping]] \"m\" when.starts_wth: unknown key → did you mean starts_with?",
        ],
    );
    check(
        &with("when = \"always\"\nuser_type = \"agnt\""),
        &["[[mapping]] \"m\" user_type = \"agnt\": expected a user type → did you mean \"agent\"?"],
    );
    check(&with("when = \"always\"\nuser_type = \"trainee\"\n[user_type.trainee]\ntags = { a = \"b\" }"), &[]);
    check(
        &with("when = \"always\"\nsecurity_profiles = [\"A\", \"A\"]"),
        &["[[mapping]] \"m\" security_profiles: \"A\" stands in the list twice → remove one of them"],
    );
    check(
        &with("when = \"always\"\nhierarchy = \"a//b\""),
        &["[[mapping]] \"m\" hierarchy = \"a//b\": expected a path such as \"EMEA/London/Care\""],
    );
    check(
        &with("when = \"always\"\ntags = { \"aws:x\" = \"1\" }"),
        &["[[mapping]] \"m\" tags.aws:x: tags that begin with aws: or rollcall: are reserved → use another key"],
    );
    let twice = "[[mapping]]\nname = \"m\"\nwhen = \"always\"\nuser_type = \"agent\"\n";
    check(&twice.repeat(2), &["[[mapping]] \"m\" name: another mapping has the same name → choose another name"]);
    check(
        &twice.replace("\"m\"", "\"(default)\""),
        &["[[mapping]] \"(default)\" name: is the name of the default persona → choose another name"],
    );
    check("@\nmapping = 5", &["mapping = 5: expected a list of tables, [[mapping]]"]);
}

#[test]
fn conditions_mean_what_they_say() {
    let when = |text: &str| {
        let config = smallest_with(&format!("[[mapping]]\nname = \"m\"\nuser_type = \"agent\"\n{text}"));
        config.rules.mappings[0].when.clone()
    };
    let group = |name: &str| Condition::Group(name.to_owned());
    let care = || Condition::Department(vec!["Care".to_owned()]);
    assert_eq!(when("when = \"always\""), Condition::Always);
    assert_eq!(when("departments = \"Care\""), care());
    assert_eq!(when("groups = [\"a\"]"), group("a"));
    assert_eq!(when("groups = [\"a\", \"b\"]"), Condition::Any(vec![group("a"), group("b")]));
    assert_eq!(when("groups = [\"a\"]\ndepartments = [\"Care\"]"), Condition::All(vec![care(), group("a")]));
    let title = |test| Condition::Attribute { name: "title".into(), test };
    assert_eq!(
        when("when = { all = [{ group = \"a\" }, { not = { attribute = \"job_title\", starts_with = \"Temp\" } }] }"),
        Condition::All(vec![group("a"), Condition::Not(Box::new(title(TextTest::StartsWith("Temp".to_owned()))))])
    );
    assert_eq!(when("when = { attribute = \"title\", present = false }"), title(TextTest::Present(false)));
    let either = TextTest::Equals(vec!["a".to_owned(), "b".to_owned()]);
    assert_eq!(when("when = { attribute = \"title\", equals = [\"a\", \"b\"] }"), title(either));
    assert_eq!(
        when("[mapping.when]\nattribute = \"title\"\ncontains = \"x\""),
        title(TextTest::Contains("x".to_owned()))
    );
}

#[test]
fn policies_are_checked() {
    check(
        "[authority]\nidentity = \"conect\"",
        &[
            "[authority] identity = \"conect\": expected \"directory\", \"connect\" or \"shared\" → did you mean \"connect\"?",
        ],
    );
    check(
        "[adopt]\nmatch = [\"user\"]\nrename = \"recreate\"",
        &[
            "[adopt] match[1] = \"user\": expected \"owner_tag\", \"username\", \"mailbox_name\" or \"email\"",
            "[adopt] rename: \"recreate\" is not supported yet in this version → use rename = \"report\"",
        ],
    );
    check(
        "[leaver]\ndelete = true\nsuspend = { security_profiles = [\"N\"] }",
        &["[leaver] delete: the suspension has no end → add for = \"30d\" to suspend"],
    );
    check(
        "[leaver]\nsuspend = { for = \"1d\" }",
        &["[leaver] suspend.security_profiles: missing → for example security_profiles = [\"No Access\"]"],
    );
    check(
        "[guard]\nmax_removed = {}\nmax_changed = { fraction = 1.5, count = -1 }",
        &[
            "[guard] max_removed: expected a bound → add count, fraction or both",
            "[guard] max_changed.count = -1: expected a whole number, 0 or more",
            "[guard] max_changed.fraction = 1.5: expected a fraction from 0 to 1",
        ],
    );
    let config = smallest_with("[adopt]\nmatch = [\"email\", \"owner_tag\"]\nfirst_run = \"apply\"");
    assert_eq!(config.rules.adopt, [AdoptBy::OwnerTag, AdoptBy::Email]);
    assert!(config.rules.sources[0].first_run_applies);
    let leaver = smallest_with("[leaver]\nsuspend = { security_profiles = [\"N\"] }").rules.leaver;
    assert!(!leaver.delete, "a suspension without an end is not followed by a deletion");
    let limits = smallest_with("[guard]\nmax_removed = { count = 3 }").limits;
    assert_eq!(limits.max_removed, Limit { count: Some(3), fraction: None });
}

#[test]
fn schedule_and_reports_are_checked() {
    check(
        "[schedule]\nevery = 5\nfull_every = \"0s\"",
        &[
            "[schedule] every = 5: expected a duration such as \"90s\", \"2m\", \"1h\"",
            "[schedule] full_every = \"0s\": expected a duration above zero",
        ],
    );
    check(
        "[schedule]\nevery = \"1m\"\ncron = \"* * * * *\"",
        &["[schedule] cron: does not go together with every → keep one of them"],
    );
    check(
        "[schedule]\ncron = \"61 * * * *\"",
        &["[schedule] cron = \"61 * * * *\": expected a cron expression of five or six fields such as \"*/5 * * * *\""],
    );
    for cron in ["*/5 * * * *", "0 */5 * * * *", "0 6 * * MON-FRI"] {
        let config = smallest_with(&format!("[schedule]\ncron = \"{cron}\""));
        assert_eq!(config.schedule.every, Every::Cron(cron.to_owned()));
    }
    check(
        "[report.a]\nkind = \"cloudwatch_logs\"\nretention = \"91d\"\nprivacy = \"none\"\ngroup = \"a b\"",
        &[
            "[report.a] retention = \"91d\": expected a period that CloudWatch Logs knows → the nearest is \"90d\"; \"keep\" \
         leaves the group as it is",
            "[report.a] privacy = \"none\": expected \"keys\", \"usernames\" or \"full\"",
            "[report.a] group = \"a b\": expected letters, digits and _ - / . # (at most 512)",
        ],
    );
    check("[report.a]\nkind = \"json_lines\"", &["[report.a] path: missing → for example path = \"events.jsonl\""]);
    check("[report.a]\nretention = \"1d\"", &["[report.a] kind: missing → for example kind = \"cloudwatch_logs\""]);
    let reports = smallest_with(
        "[report.b]\nkind = \"json_lines\"\npath = \"e.jsonl\"\nprivacy = \"keys\"\n[report.a]\nkind = \
         \"cloudwatch_logs\"\nretention = \"keep\"",
    )
    .reports;
    assert_eq!((reports[0].name.as_str(), reports[0].privacy), ("b", Privacy::Keys));
    assert_eq!(reports[0].kind, SinkKind::JsonLines { path: "/etc/rollcall/e.jsonl".into() });
    let SinkKind::CloudwatchLogs(logs) = &reports[1].kind else { panic!("another kind") };
    assert_eq!((logs.retention_days, logs.region.as_str()), (None, "eu-west-2"));
}

#[test]
fn the_rest_is_checked() {
    check(
        "@\nname = \"support emea\"",
        &["name = \"support emea\": expected letters, digits, - _ and . (at most 64), for example \"support-emea\""],
    );
    check("@\nenabled = \"yes\"", &["enabled = \"yes\": expected true or false"]);
    check("@\nconsole = true", &["console: not supported yet in this version → remove it"]);
    check(
        "[notify.ops]\nkind = \"sns\"",
        &["notify: not supported yet in this version → remove it; [report.*] is supported"],
    );
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
    let SourceConfig::Microsoft(source) = &config.sources[0];
    assert_eq!(source.credential, Credential::Secret(SecretSource::File(secret)));
    let unset = parse(SMALLEST, &path).unwrap_err().to_string();
    assert!(unset.contains("environment variable ROLLCALL_TEST_SECRET_THAT_IS_NOT_SET is not set"), "{unset}");
}

#[test]
fn a_source_reads_what_the_rules_look_at() {
    let config = smallest_with(
        "[attributes]\nusername = \"mailbox_name\"\nphone = [\"mobile\"]\n[[mapping]]\nname = \"m\"\nuser_type = \
         \"agent\"\nwhen = { any = [{ not = { group = \"g\" } }, { attribute = \"costCenter\", equals = \"7\" }] }",
    );
    let SourceConfig::Microsoft(source) = &config.sources[0];
    let wanted: Vec<&str> = source.wanted.iter().map(|name| name.as_str()).collect();
    let expected =
        ["cost_center", "department", "family_name", "given_name", "mail", "mobile_phone", "user_type", "username"];
    assert_eq!(wanted, expected);
    assert_eq!(source.rule_groups.iter().collect::<Vec<_>>(), ["g"]);
    let with_guests = smallest_with("@[source.entra]\nguests = true");
    let SourceConfig::Microsoft(source) = &with_guests.sources[0];
    assert!(!source.wanted.iter().any(|name| name.as_str() == "user_type"));
}

#[test]
fn clouds_and_precedence_follow_the_file() {
    let second = "[source.africa]\nkind = \"microsoft\"\ntenant = \"t\"\nclient_id = \"c\"\ncloud = \"china\"\n\
                  certificate = { env = \"PEM\" }";
    let config = smallest_with(second);
    let names: Vec<&str> = config.rules.sources.iter().map(|source| source.name.as_str()).collect();
    assert_eq!(names, ["entra", "africa"]);
    let SourceConfig::Microsoft(source) = &config.sources[1];
    assert_eq!(source.graph_url.as_str(), "https://microsoftgraph.chinacloudapi.cn/");
    assert_eq!(source.credential, Credential::Certificate(SecretSource::Env("PEM".to_owned())));
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
