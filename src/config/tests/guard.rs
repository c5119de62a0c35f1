//! `[guard]`.

use super::*;

#[test]
fn every_limit_is_read() {
    let text = r#"[guard]
max_removed = { count = 3 }
max_changed = { fraction = 0.2 }
max_leaving_profile = { count = 9, fraction = 1 }
max_emptied = { count = 2 }
privileged = ["Admin", "CallCenterManager"]
max_raised = { fraction = 0.0 }
never_below = { "Care Voice" = 3, Admin = 1 }
protected = ["ops@example.com", "entra/7"]
canaries = "entra/9f0c"
approval = "90m"
"#;
    let config = smallest_with(text);
    let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
    assert_eq!(
        config.limits,
        Limits {
            max_removed: Limit { count: Some(3), fraction: None },
            max_changed: Limit { count: None, fraction: Some(0.2) },
            privileged: texts(&["Admin", "CallCenterManager"]),
            max_raised: Limit { count: None, fraction: Some(0.0) },
            max_leaving_profile: Limit { count: Some(9), fraction: Some(1.0) },
            max_emptied: Emptied { count: 2, from: 5 },
            never_below: [("Care Voice".to_owned(), 3), ("Admin".to_owned(), 1)].into(),
            protected: texts(&["ops@example.com", "entra/7"]),
            approval_secs: 5_400,
        }
    );
    assert_eq!(config.rules.canaries, texts(&["entra/9f0c"]));
    let emptied = |text: &str| smallest_with(&format!("[guard]\nmax_emptied = {text}")).limits.max_emptied;
    assert_eq!(emptied("{ from = 12 }"), Emptied { count: 0, from: 12 });
    assert_eq!(emptied("{ count = 1, from = 1 }"), Emptied { count: 1, from: 1 });
}

#[test]
fn wrong_limits_are_told_with_what_was_expected() {
    check(
        "[guard]\nmax_removed = {}\nmax_leaving_profile = {}\nmax_emptied = {}",
        &[
            "[guard] max_removed: expected a bound → add count, fraction or both",
            "[guard] max_leaving_profile: expected a bound → add count, fraction or both",
            "[guard] max_emptied: expected a bound → add count, from or both",
        ],
    );
    check(
        "[guard]\nmax_leaving_profile = { fraction = 2 }\nmax_emptied = { count = -1, from = 0 }\nmax_removed = 5",
        &[
            "[guard] max_leaving_profile.fraction = 2: expected a fraction from 0 to 1",
            "[guard] max_emptied.count = -1: expected a whole number, 0 or more",
            "[guard] max_emptied.from = 0: expected a whole number, 1 or more",
            "[guard] max_removed = 5: expected a table",
        ],
    );
    check(
        "[guard]\nnever_below = { \"Care Voice\" = 0, Admin = \"one\" }\nprivileged = [1]\napproval = \"0s\"",
        &[
            "[guard] never_below.Care Voice = 0: expected a whole number, 1 or more",
            "[guard] never_below.Admin = \"one\": expected a whole number, 1 or more",
            "[guard] privileged[1] = 1: expected text in quotes",
            "[guard] approval = \"0s\": expected a duration above zero",
        ],
    );
    check("[guard]\nnever_below = 3", &["[guard] never_below = 3: expected a table"]);
}

#[test]
fn a_slip_of_the_pen_is_told_with_the_nearest_key() {
    for (written, nearest) in [
        ("max_raise = { count = 1 }", "max_raised"),
        ("max_empty = { count = 1 }", "max_emptied"),
        ("max_leaving_profiles = { count = 1 }", "max_leaving_profile"),
        ("never_bellow = { A = 1 }", "never_below"),
        ("canarys = []", "canaries"),
        ("priviledged = []", "privileged"),
    ] {
        let key = written.split(' ').next().unwrap_or_default();
        check(&format!("[guard]\n{written}"), &[&format!("[guard] {key}: unknown key → did you mean {nearest}?")]);
    }
    check(
        "[guard]\nmax_emptied = { form = 3, count = 0 }",
        &["[guard] max_emptied.form: unknown key → did you mean from?"],
    );
}

#[test]
fn people_of_a_directory_that_is_not_there_would_guard_nobody() {
    check(
        "[guard]\nprotected = [\"entr/7\", \"okta/7\"]\ncanaries = [\"ada@example.com\", \"entra/7\", \"a/b@example.com\", \"x/1\"]",
        &[
            "[guard] protected: \"entr/7\": there is no [source.entr] → did you mean [source.entra]?",
            "[guard] protected: \"okta/7\": there is no [source.okta] → write the username, or the key as rollcall explain \
             shows it",
            "[guard] canaries: \"x/1\": there is no [source.x] → write the username, or the key as rollcall explain shows it",
        ],
    );
}

#[test]
fn a_limit_on_raises_needs_to_know_what_is_privileged() {
    check(
        "[guard]\nmax_raised = { count = 1 }",
        &[
            "[guard] max_raised: no security profile is named privileged → add privileged = [\"Admin\"]: the security profiles \
             that mean power over others",
        ],
    );
    check("[guard]\nmax_raised = { count = 1 }\nprivileged = []", &[]);
}

/// A canary gives nobody anything, so no change is one of the configuration because of it.
#[test]
fn canaries_are_not_rules() {
    let digest = |change: &str| smallest_with(change).rules_digest;
    assert_eq!(digest("[guard]\ncanaries = [\"ada@example.com\"]"), digest(""));
}
