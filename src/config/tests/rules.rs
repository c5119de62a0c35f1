//! `[[mapping]]`, conditions and policies.

use super::*;

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
        "[adopt]\nmatch = [\"user\"]\nrename = \"recreat\"",
        &[
            "[adopt] match[1] = \"user\": expected \"owner_tag\", \"username\", \"mailbox_name\" or \"email\"",
            "[adopt] rename = \"recreat\": expected \"report\" or \"recreate\" → did you mean \"recreate\"?",
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
    assert_eq!(config.rules.rename, crate::planner::rules::RenamePolicy::Report);
    let config = smallest_with("[adopt]\nrename = \"recreate\"");
    assert_eq!(config.rules.rename, crate::planner::rules::RenamePolicy::Recreate);
    let leaver = smallest_with("[leaver]\nsuspend = { security_profiles = [\"N\"] }").rules.leaver;
    assert_eq!(leaver.undo_holds_secs, 7 * 24 * 60 * 60);
    assert_eq!(smallest_with("[leaver]\nundo_holds = \"12h\"").rules.leaver.undo_holds_secs, 12 * 60 * 60);
    assert!(!leaver.delete, "a suspension without an end is not followed by a deletion");
    let limits = smallest_with("[guard]\nmax_removed = { count = 3 }").limits;
    assert_eq!(limits.max_removed, Limit { count: Some(3), fraction: None });
}
