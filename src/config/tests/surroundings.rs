//! `[connect]`, `[schedule]` and `[report.*]`.

use chrono_tz::Tz;

use super::*;

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
fn the_schedule_is_checked() {
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
        assert_eq!(config.schedule.every, Every::Cron { expression: cron.to_owned(), zone: Tz::UTC });
    }
    let local =
        smallest_with("[schedule]\ncron = \"0 6 * * *\"\ntime_zone = \"Europe/London\"\njitter = \"5m\"").schedule;
    assert_eq!(local.every, Every::Cron { expression: "0 6 * * *".to_owned(), zone: Tz::Europe__London });
    assert_eq!((local.jitter_millis, local.stop_within_secs), (300_000, 30));
    let zone = |name: &str, hint: &str| {
        let expected = format!(
            "[schedule] time_zone = \"{name}\": expected the IANA name of a time zone such as \"Europe/London\" → did you \
             mean \"{hint}\"?"
        );
        check(&format!("[schedule]\ncron = \"0 6 * * *\"\ntime_zone = \"{name}\""), &[&expected]);
    };
    zone("Europe/Londn", "Europe/London");
    zone("London", "Europe/London");
    zone("new york", "America/New_York");
    check(
        "[schedule]\nevery = \"1m\"\ntime_zone = \"Europe/London\"",
        &["[schedule] time_zone: says in which local time cron is meant; there is no cron → remove it"],
    );
    check(
        "[schedule]\nevery = \"1m\"\njitter = \"60s\"",
        &["[schedule] jitter: must be less than the time between two runs → at most \"59s\""],
    );
    check(
        "[schedule]\ncron = \"*/5 * * * *\"\njitter = \"6m\"",
        &["[schedule] jitter: must be less than the time between two runs → at most \"299s\""],
    );
    check("[schedule]\ncron = \"0 0 30 2 *\"", &["[schedule] cron: never comes: there is no such day"]);
    check("[schedule]\nstop_within = \"0s\"", &["[schedule] stop_within = \"0s\": expected a duration above zero"]);
}

#[test]
fn reports_are_checked() {
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
    assert_eq!((logs.retention_days, logs.region.as_str(), logs.metrics), (None, "eu-west-2", true));
    let without = smallest_with("[report.a]\nkind = \"cloudwatch_logs\"\nmetrics = false").reports;
    assert!(matches!(&without[0].kind, SinkKind::CloudwatchLogs(logs) if !logs.metrics));
    check(
        "[report.a]\nkind = \"json_lines\"\npath = \"e.jsonl\"\nmetrics = true",
        &["[report.a] metrics: unknown key → known here: kind, privacy, path"],
    );
}

#[test]
fn a_changed_configuration_is_tried_on_five_people_unless_the_file_says_otherwise() {
    assert_eq!(smallest_with("").trial, 5);
    assert_eq!(smallest_with("[apply]\ntrial = 0").trial, 0);
    check("[apply]\ntrial = -1", &["[apply] trial = -1: expected a whole number, 0 or more"]);
}
