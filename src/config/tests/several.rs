//! Several directories: their order, who counts as one person, and who is asked for what.

use super::*;

const SECOND: &str =
    "[source.hr]\nkind = \"scim\"\nbase_url = \"https://id.example.com/scim/v2\"\nbearer = { env = \"T\" }";
const THIRD: &str =
    "[source.okta]\nkind = \"okta\"\norg_url = \"https://example.okta.com\"\napi_token = { env = \"T\" }";

/// The smallest file with two more directories, and these lines at its top.
fn three(top: &str) -> String {
    format!("{top}\n{SMALLEST}{SECOND}\n{THIRD}\n")
}

fn bad(top: &str, expected: &[&str]) {
    check_in(&three(top), "", expected);
}

#[test]
fn the_order_is_the_one_that_was_written() {
    let config = base_with(&three("precedence = [\"okta\", \"entra\", \"hr\"]"), "");
    let names: Vec<&str> = config.sources.iter().map(|source| source.name().as_str()).collect();
    assert_eq!(names, ["okta", "entra", "hr"]);
    let rules: Vec<&str> = config.rules.sources.iter().map(|source| source.name.as_str()).collect();
    assert_eq!(rules, names);
    let guests: Vec<bool> = config.rules.sources.iter().map(|source| source.guests).collect();
    assert_eq!(guests, [true, false, true], "only Entra ID knows guests of its own");
    let products: Vec<&str> = config.sources.iter().map(SourceConfig::product).collect();
    assert_eq!(products, ["Okta", "Microsoft Entra ID", "SCIM 2.0"]);
}

#[test]
fn several_directories_need_an_order() {
    let list = "[\"entra\", \"hr\", \"okta\"]";
    bad("", &[&format!("precedence: missing → say whose record counts first: precedence = {list}")]);
    bad(&format!("precedense = {list}"), &["precedense: unknown key → did you mean precedence?"]);
    bad(
        "precedence = [\"entra\", \"hr\"]",
        &["precedence: does not name \"okta\" → put it where its record should count"],
    );
    bad(
        "precedence = [\"okta\", \"entra\", \"hrr\"]",
        &["precedence[3] = \"hrr\": expected the name of a source → did you mean \"hr\"?"],
    );
    bad(
        "precedence = [\"okta\", \"hr\", \"okta\", \"entra\", \"sap\", 5]",
        &[
            "precedence[3]: \"okta\" stands in the list twice → remove one of them",
            "precedence[5] = \"sap\": expected the name of a source → add a table [source.sap], or take it out",
            "precedence[6] = 5: expected text in quotes",
        ],
    );
    bad(
        "precedence = \"entra\"",
        &[&format!("precedence = \"entra\": expected a list of all sources → for example precedence = {list}")],
    );
    let twice = read_text(&three("precedence = [\"entra\",\n  \"entra\"]")).unwrap_err();
    let lines: Vec<usize> = twice.list.iter().map(|problem| problem.line).collect();
    assert_eq!(lines, [1, 1, 2], "{twice}");
}

#[test]
fn one_directory_needs_no_order_but_may_say_it() {
    assert_eq!(base_with(&format!("precedence = [\"entra\"]\n{SMALLEST}"), "").sources.len(), 1);
    check(
        "@\nprecedence = [\"hr\"]",
        &[
            "precedence[1] = \"hr\": expected the name of a source → add a table [source.hr], or take it out",
            "precedence: does not name \"entra\" → put it where its record should count",
        ],
    );
}

#[test]
fn a_source_that_cannot_be_read_is_still_named() {
    let text = three("precedence = [\"entra\", \"hr\", \"okta\"]").replace("kind = \"scim\"", "kind = \"skim\"");
    check_in(
        &text,
        "",
        &["[source.hr] kind = \"skim\": expected \"microsoft\", \"okta\" or \"scim\" → did you mean \"scim\"?"],
    );
}

#[test]
fn people_may_be_the_same_by_attributes_that_all_read() {
    let top = "precedence = [\"entra\", \"hr\", \"okta\"]\nsame_person = [\"login\", \"employeeNumber\"]";
    let config = base_with(&three(top), "");
    let names: Vec<&str> = config.rules.same_person.iter().map(connectors::AttributeName::as_str).collect();
    assert_eq!(names, ["username", "employee_id"]);
    for source in &config.sources {
        let wanted = match source {
            SourceConfig::Microsoft(source) => &source.wanted,
            SourceConfig::Okta(source) => &source.wanted,
            SourceConfig::Scim(source) => &source.wanted,
        };
        assert!(wanted.iter().any(|name| name.as_str() == "employee_id"), "{}", source.name());
    }
    assert_eq!(smallest_with("").rules.same_person, Rules::SAME_PERSON.map(Into::into));
    assert!(smallest_with("@\nsame_person = []").rules.same_person.is_empty());
    check(
        "@\nsame_person = [\"mail\", \"email\", \"a b\"]",
        &[
            "same_person[2]: mail stands in the list twice → remove one of them",
            "same_person[3] = \"a b\": expected the name of a directory attribute",
        ],
    );
    check(
        "@\nsame_person = true",
        &["same_person = true: expected a list of attributes → for example same_person = [\"username\", \"mail\"]"],
    );
}

#[test]
fn what_one_kind_alone_can_have_is_asked_of_that_kind() {
    let urn = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:division";
    let rule = format!(
        "[[mapping]]\nname = \"m\"\nuser_type = \"agent\"\nwhen = {{ any = [{{ attribute = \"{urn}\", present = true }}, {{ \
         attribute = \"profile.team\", present = true }}, {{ attribute = \"extensionAttribute3\", present = true }}] }}"
    );
    let config = base_with(&three("precedence = [\"entra\", \"hr\", \"okta\"]"), &rule);
    let [SourceConfig::Microsoft(entra), SourceConfig::Scim(hr), SourceConfig::Okta(okta)] = &config.sources[..] else {
        panic!("another order")
    };
    let odd = |wanted: &std::collections::BTreeSet<connectors::AttributeName>| -> Vec<String> {
        let names = wanted.iter().map(ToString::to_string);
        names.filter(|name| name.contains([':', '.']) || name.starts_with("extension")).collect()
    };
    assert_eq!(odd(&entra.wanted), ["extensionAttribute3"]);
    assert_eq!(odd(&hr.wanted), ["extensionAttribute3", urn]);
    assert_eq!(odd(&okta.wanted), ["extensionAttribute3", "profile.team"]);
    let alone = smallest_with(&rule);
    let SourceConfig::Microsoft(entra) = &alone.sources[0] else { panic!("another kind") };
    assert!(odd(&entra.wanted).contains(&urn.to_owned()), "its own complaint says more than silence");
}
