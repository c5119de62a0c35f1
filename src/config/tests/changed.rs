//! Rules with some sections replaced by another text.

use super::*;
use crate::config::rules_with;

const CURRENT: &str = r#"
[[mapping]]
name = "care"
departments = ["Care"]
security_profiles = ["Agent"]
routing_profile = "Care Voice"
user_type = "supervisor"
[user_type.supervisor]
security_profiles = ["Supervisor"]
[user_type.trainee]
tags = { level = "1" }
[attributes]
phone = "mobile"
phone_region = "GB"
[[example]]
given = { department = "Care" }
expect = { routing_profile = "Care Voice" }
"#;

fn current() -> Config {
    smallest_with(&CURRENT.replace("phone = \"mobile\"", "phone = [\"mobile\"]"))
}

fn problems_of(text: &str) -> Vec<String> {
    match rules_with(&current(), text, Path::new("next.toml")) {
        Ok(changed) => panic!("{changed:#?}"),
        Err(problems) => problems
            .list
            .iter()
            .map(|Problem { line, place, message, hint }| {
                format!("{line} {place}: {message} → {}", hint.as_deref().unwrap_or_default())
            })
            .collect(),
    }
}

#[test]
fn what_the_text_has_replaces_the_same_section_and_the_rest_stays() {
    let config = current();
    let changed = |text: &str| {
        rules_with(&config, text, Path::new("next.toml")).unwrap_or_else(|problems| panic!("{text}\n{problems}"))
    };
    let mapped = changed(
        "[[mapping]]\nname = \"sales\"\ndepartments = [\"Sales\"]\nsecurity_profiles = [\"Agent\"]\nuser_type = \"trainee\"",
    );
    assert_eq!(mapped.sections, ["[[mapping]]"]);
    let names: Vec<&str> = mapped.rules.mappings.iter().map(|mapping| mapping.name.as_str()).collect();
    assert_eq!(names, ["sales"], "all mappings together are one section");
    assert_eq!(mapped.rules.mappings[0].line, 1, "a line of the text");
    let rest = Rules { mappings: config.rules.mappings.clone(), ..mapped.rules };
    assert_eq!(rest, config.rules);
    assert_eq!(mapped.examples, config.examples);

    let typed =
        changed("[user_type.supervisor]\nsecurity_profiles = [\"Lead\"]\n[user_type.manager]\ntags = { a = \"b\" }");
    assert_eq!(typed.sections, ["[user_type.manager]", "[user_type.supervisor]"]);
    assert_eq!(typed.rules.user_types["supervisor"].security_profiles, ["Lead"]);
    assert_eq!(typed.rules.user_types["trainee"], config.rules.user_types["trainee"], "each type is one of its own");

    let fields = changed("[attributes]\ndepartment = \"costCenter\"");
    assert_eq!(fields.rules.fields.department.as_str(), "cost_center");
    assert!(fields.rules.fields.phone.is_empty(), "a key that is left out has its default, as in the file");

    let deciding = changed("[authority]\nrouting_profile = \"connect\"");
    assert_eq!(deciding.rules.authority[&Facet::Routing], Authority::Connect);
    let default = changed("[default]\nsecurity_profiles = [\"Lead\"]\nrouting_profile = \"Holding\"");
    assert_eq!(default.rules.default.unwrap().security_profiles, ["Lead"]);
    let none =
        changed("mapping = []\n[[example]]\ngiven = { title = \"x\" }\nexpect = { routing_profile = \"Basic\" }");
    assert!(none.rules.mappings.is_empty());
    assert_eq!((none.examples.len(), none.sections.len()), (1, 2));
}

#[test]
fn the_sections_of_the_file_itself_change_nothing() {
    let changed =
        rules_with(&current(), &CURRENT.replace("phone = \"mobile\"", "phone = [\"mobile\"]"), Path::new("x"));
    assert_eq!(changed.unwrap().rules.spoken(), current().rules.spoken());
}

#[test]
fn problems_are_told_at_once_with_line_and_nearest_key() {
    let text = "[[maping]]\nname = \"x\"\n[[mapping]]\nname = \"care\"\ndepartments = [\"Care\"]\nrouting_profil = \"X\"\n\
                user_type = \"trainer\"\n[guard]\nmax_removd = 3\n";
    let sections =
        "remove it; [[mapping]], [default], [user_type.*], [attributes], [authority] or [[example]] may stand here";
    let mut expected = vec![
        "1 maping: unknown key → did you mean mapping?".to_owned(),
        "3 [[mapping]] \"care\": gives nothing → add one of security_profiles, routing_profile, user_type, hierarchy, tags, \
         desk_phone, auto_accept, after_contact_work, persistent_connection"
            .to_owned(),
        "6 [[mapping]] \"care\" routing_profil: unknown key → did you mean routing_profile?".to_owned(),
        "7 [[mapping]] \"care\" user_type = \"trainer\": expected a user type → did you mean \"trainee\"?".to_owned(),
        format!("8 guard: says nothing about what people get → {sections}"),
    ];
    // A persona key is there, so something is meant to be given.
    expected.remove(1);
    assert_eq!(problems_of(text), expected);
    assert_eq!(problems_of("mapping = [\n")[0].split(' ').next(), Some("1"));
}

#[test]
fn a_text_without_rules_is_a_problem() {
    let sections = "[[mapping]], [default], [user_type.*], [attributes], [authority] or [[example]]";
    assert_eq!(problems_of("# nothing\n"), [format!("0 : changes nothing → put changed rules into it: {sections}")]);
}

#[test]
fn every_section_of_a_configuration_is_either_taken_or_refused_by_name() {
    let table: toml::Table = template().parse().unwrap();
    for key in table.keys() {
        let text = format!("{key} = 3\n");
        let found = problems_of(&text);
        assert!(found.iter().all(|problem| !problem.contains("unknown key")), "{key}: {found:?}");
    }
}
