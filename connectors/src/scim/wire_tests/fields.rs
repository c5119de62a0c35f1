//! Which attribute becomes what, and which value of several is taken.

use super::*;
use crate::scim::fields::NotAField;

fn with_field(attribute: &str, path: &str) -> Result<Fields, NotAField> {
    let mut config = config(&[attribute]);
    config.fields.insert(AttributeName::from(attribute), path.to_owned());
    Fields::new(&config)
}

#[test]
fn choosing_one_of_several() {
    use attributes::{BUSINESS_PHONE, MAIL, MOBILE_PHONE};
    let table: &[(&str, &str, Option<&str>)] = &[
        (
            BUSINESS_PHONE,
            r#""phoneNumbers":[{"type":"mobile","value":"+49170111","primary":true},{"type":"Work","value":"tel:+49-30-123-4567"},{"type":"work","value":"+49 30 999"}]"#,
            Some("+49301234567"),
        ),
        (
            MOBILE_PHONE,
            r#""phoneNumbers":[{"type":"work","value":"1"},{"type":"Mobile","value":"+49 170"}]"#,
            Some("+49 170"),
        ),
        (
            BUSINESS_PHONE,
            r#""phoneNumbers":[{"type":"work","value":"1"},{"type":"work","value":"2","primary":"True"}]"#,
            Some("2"),
        ),
        // Two primaries: the first.
        (
            BUSINESS_PHONE,
            r#""phoneNumbers":[{"type":"work","value":"1","primary":true},{"type":"work","value":"2","primary":true}]"#,
            Some("1"),
        ),
        (BUSINESS_PHONE, r#""phoneNumbers":[{"type":"mobile","value":"1","primary":true}]"#, None),
        (BUSINESS_PHONE, r#""phoneNumbers":[{"type":"fax","value":"1"},{"value":"2"}]"#, Some("2")),
        (BUSINESS_PHONE, r#""phoneNumbers":["TEL:+1(201)555.0123;ext=9;phone-context=x"]"#, Some("+12015550123;ext=9")),
        (BUSINESS_PHONE, r#""phoneNumbers":[{"value":"+49 (30) 12-34","type":"work"}]"#, Some("+49 (30) 12-34")),
        (BUSINESS_PHONE, r#""phoneNumbers":[{"type":"work","value":""},{"type":"work"}]"#, None),
        (MOBILE_PHONE, r#""phoneNumbers":[{"value":"1"}]"#, None),
        (MAIL, r#""emails":[{"type":"home","value":"h","primary":true},{"type":"work","value":"w"}]"#, Some("w")),
        (MAIL, r#""emails":[{"type":"home","value":"h"},{"type":"other","value":"o","primary":1}]"#, Some("o")),
        (MAIL, r#""emails":[{"type":"home","value":"h"},{"value":"u"}]"#, Some("u")),
        (MAIL, r#""emails":[{"type":"home","value":"h"}]"#, None),
        (MAIL, r#""emails":[{"type":"work","value":null,"display":"A","primary":true}]"#, None),
    ];
    for (attribute, rest, expected) in table {
        let user = user(&format!(r#"{{"id":"u1",{rest}}}"#));
        assert_eq!(value(&user, attribute), *expected, "{attribute} of {rest}");
    }
}

#[test]
fn several_values_are_one_a_line() {
    let user = user(
        r#"{"id":"u1","roles":[{"value":"Basic"},{"display":"Night"},"Late\nshift",{"type":"x"},{"value":""}],"entitlements":{"value":"Agent","primary":true}}"#,
    );
    assert_eq!(value(&user, attributes::ENTITLEMENTS), Some("Agent"));
    assert_eq!(value(&user, attributes::ROLES), Some("Basic\nNight\nLate shift"));
    let odd = item(&everything(), r#"{"id":"u1","roles":[{"value":"Basic"},{"role":"Night"}]}"#);
    assert!(matches!(odd, Item::Unreadable { id: Some(_), .. }));
}

#[test]
fn paths_lead_to_values() {
    let entry = r#"{"id":"u1","externalId":"x7","active":true,"title":"Lead","name":{"formatted":"Ada L"},
        "emails":[{"type":"home","value":"h1"},{"type":"Home","value":"h2","primary":true},{"type":"work","value":"w"}],
        "costCenter":"top","meta":{"created":"2026-01-01T00:00:00Z"},
        "addresses":[{"type":"work","locality":"Berlin"}],"tags":["a","b"],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"Support","manager":{"value":"u7","displayName":"Bo"}},
        "urn:acme:scim:2.0:User":{"site":{"code":"BER"},"Desk":12,"teams":["x","y"]}}"#;
    let table = [
        ("title", Some("Lead")),
        ("TITLE", Some("Lead")),
        ("name.formatted", Some("Ada L")),
        ("name.middleName", None),
        ("externalId", Some("x7")),
        ("active", Some("true")),
        ("meta.created", Some("2026-01-01T00:00:00Z")),
        ("costCenter", Some("top")),
        ("department", Some("Support")),
        ("tags", Some("a\nb")),
        ("emails.value", Some("h1\nh2\nw")),
        (r#"emails[type eq "home"].value"#, Some("h2")),
        (r#"emails[type EQ "home"]"#, Some("h2")),
        ("emails[primary eq true].value", Some("h2")),
        (r#"emails[type eq "other"].value"#, None),
        (r#"addresses[type eq "work"].locality"#, Some("Berlin")),
        ("urn:ietf:params:scim:schemas:core:2.0:User:title", Some("Lead")),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", Some("Support")),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value", Some("u7")),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager", Some("u7")),
        ("urn:acme:scim:2.0:User:site.code", Some("BER")),
        ("URN:acme:SCIM:2.0:User:desk", Some("12")),
        ("urn:acme:scim:2.0:User:teams", Some("x\ny")),
        ("urn:acme:scim:2.0:User:title", None),
    ];
    for (path, expected) in table {
        let fields = with_field("title", path).unwrap();
        assert_eq!(value(&user_with(&fields, entry), attributes::TITLE), expected, "{path}");
        assert_eq!(fields.field_of(&attributes::TITLE.into()), path);
    }
    // A custom attribute may be named by its path, without a setting of its own.
    let fields = Fields::new(&config(&["urn:acme:scim:2.0:User:desk"])).unwrap();
    assert_eq!(value(&user_with(&fields, entry), "urn:acme:scim:2.0:User:desk"), Some("12"));
}

#[test]
fn what_is_no_path_is_refused() {
    for path in [
        "",
        " ",
        "a b",
        "a,b",
        "a&b=c",
        "a?b",
        "title;x",
        "emails[",
        "emails[]",
        "emails]",
        r#"emails[type eq "a"#,
        r#"emails[type co "a"].value"#,
        r#"emails[type eq "a"]value"#,
        r#"emails[type eq "a" and x eq "b"].value"#,
        r#"emails.x[type eq "a"]"#,
        "emails[type eq work]",
        r#"emails[type eq ""]"#,
        "name.given.x",
        "http://x:title",
        "urn::",
        "urn:acme:",
        "urn:a&b:title",
        ".x",
        "x.",
        "é",
        "groups",
        "Groups.display",
        "1st",
    ] {
        let error = with_field("title", path).expect_err(path);
        assert!(error.to_string().contains("`title`"), "{error}");
    }
}

#[test]
fn only_what_is_needed_is_asked_for() {
    let asked = |config: &ScimConfig| Fields::new(config).unwrap().attributes_parameter();
    let least = "id,active,meta,displayName,name,userName";
    assert_eq!(asked(&config(&[])), least);
    assert_eq!(asked(&config(&["mailbox_name", "display_name"])), least);
    assert_eq!(
        asked(&config(&["mail", "work_phone", "mobile", "department", "urn:acme:2.0:User:site.code", "active"])),
        "id,active,meta,phoneNumbers,urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department,displayName,\
         name,emails,urn:acme:2.0:User:site,userName"
    );
    let mut follows = config(&[]);
    follows.rule_groups.insert("Berlin".into());
    assert_eq!(asked(&follows), "id,active,meta,groups,displayName,name,userName");
    assert_eq!(Fields::new(&follows).unwrap().attributes_with(false), least);
    follows.membership = MembershipFrom::GroupMembers;
    assert_eq!(asked(&follows), least);
}

#[test]
fn every_attribute_has_the_servers_name() {
    let fields = everything();
    for (attribute, expected) in [
        ("username", "userName"),
        ("mailbox_name", "userName"),
        ("given_name", "name.givenName"),
        ("mail", r#"emails[type eq "work"].value"#),
        ("department", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department"),
        ("extensionAttribute3", "extensionAttribute3"),
    ] {
        assert_eq!(fields.field_of(&attribute.into()), expected);
    }
}
