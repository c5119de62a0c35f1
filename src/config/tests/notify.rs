//! `[notify.*]`.

use std::collections::BTreeSet;

use super::*;
use crate::model::SubjectKind;
use crate::report::notify::{NotifierConfig, NotifierKind, WebhookUrl};

const SNS: &str = "[notify.ops]\nkind = \"sns\"\ntopic = \"arn:aws:sns:eu-central-1:111122223333:rollcall\"\n";
const HOOK: &str = "[notify.chat]\nkind = \"webhook\"\nurl = \"https://hooks.example.com/a/b\"\n";

fn only(text: &str) -> NotifierConfig {
    let mut config = smallest_with(text);
    assert_eq!(config.notifiers.len(), 1, "{text}");
    config.notifiers.remove(0)
}

#[test]
fn a_topic_names_its_region_and_everything_is_told_unless_said_otherwise() {
    let ops = only(SNS);
    let NotifierKind::Sns(sns) = &ops.kind else { panic!("another kind") };
    assert_eq!((sns.reach.region.as_str(), &sns.reach.profile, &sns.reach.assume_role), ("eu-central-1", &None, &None));
    assert_eq!(ops.hears.on, BTreeSet::from(SubjectKind::ALL));
    assert_eq!(ops.hears.newly_held, 5);
    let connect = "@[connect]\nprofile = \"production\"\nassume_role = \"arn:aws:iam::111122223333:role/r\"";
    let text = edit(connect);
    let config = read_text(&format!("{text}{SNS}")).unwrap();
    let NotifierKind::Sns(sns) = &config.notifiers[0].kind else { panic!("another kind") };
    assert_eq!(sns.reach.profile.as_deref(), Some("production"));
    assert_eq!(sns.reach.assume_role, None, "reports and messages are the identity's own");
    let other = only(&format!("{SNS}profile = \"ops\"\nendpoint_url = \"http://127.0.0.1:1\"\non = [\"run\"]"));
    let NotifierKind::Sns(sns) = &other.kind else { panic!("another kind") };
    assert_eq!(sns.reach.profile.as_deref(), Some("ops"));
    assert_eq!(other.hears.on, BTreeSet::from([SubjectKind::Run]));
}

#[test]
fn the_address_of_a_webhook_may_be_a_secret_and_is_not_shown() {
    let chat = only(HOOK);
    let shown = format!("{chat:?}");
    assert!(shown.contains("hooks.example.com") && !shown.contains("/a/b"), "{shown}");
    let secret = HOOK.replace("\"https://hooks.example.com/a/b\"", "{ aws_secret = \"ops/hook\" }");
    let more = "authorization = { env = \"A\" }\nsigning_key = { aws_parameter = \"/ops/key\" }\nnewly_held = 0";
    let chat = only(&format!("{secret}{more}"));
    let names: Vec<String> = chat.stored_secrets().into_iter().map(|stored| stored.name).collect();
    assert_eq!(names, ["/ops/key", "ops/hook"]);
    let NotifierKind::Webhook(webhook) = &chat.kind else { panic!("another kind") };
    assert!(matches!(webhook.url, WebhookUrl::Secret(_)) && webhook.authorization.is_some());
    assert_eq!(chat.hears.newly_held, 0);
    only("[notify.chat]\nkind = \"webhook\"\nurl = \"http://127.0.0.1:7000/hook\"\n");
}

#[test]
fn what_is_wrong_with_a_notifier_is_told_all_at_once() {
    check("[notify.ops]\n", &["[notify.ops] kind: missing → for example kind = \"sns\""]);
    check("[notify.ops]\nkind = \"email\"", &["[notify.ops] kind = \"email\": expected \"sns\" or \"webhook\""]);
    check("[notify]\nops = 1", &["[notify] ops = 1: expected a table"]);
    check(
        "[notify.ops]\nkind = \"sns\"\ntopik = \"x\"\non = [\"runs\", \"colour\"]\nurl = \"x\"",
        &[
            "[notify.ops] topik: unknown key → did you mean topic?",
            "[notify.ops] on[1] = \"runs\": expected \"run\", \"source\", \"approval\", \"quarantine\", \"people\" or \
             \"report\" → did you mean \"run\"?",
            "[notify.ops] on[2] = \"colour\": expected \"run\", \"source\", \"approval\", \"quarantine\", \"people\" or \
             \"report\"",
            "[notify.ops] url: unknown key → known here: kind, on, newly_held, topic, profile, endpoint_url",
        ],
    );
    check(
        &format!("{SNS}on = []"),
        &["[notify.ops] on = []: expected at least one kind of trouble → leave the key out for all"],
    );
    check(&format!("{SNS}on = \"run\""), &["[notify.ops] on = \"run\": expected a list such as [\"run\", \"source\"]"]);
    check(
        &format!("{SNS}on = [\"run\"]\nnewly_held = 3"),
        &["[notify.ops] newly_held: means nothing unless \"people\" is in on → add it there, or remove this line"],
    );
    check(&format!("{SNS}newly_held = -1"), &["[notify.ops] newly_held = -1: expected a whole number, 0 or more"]);
    check(
        &format!("{SNS}endpoint_url = \"http://sns.example.com\""),
        &[
            "[notify.ops] endpoint_url = \"http://sns.example.com\": expected an https address (plain http is for loopback only)",
        ],
    );
}

#[test]
fn a_topic_is_a_standard_topic() {
    let topic = "the ARN of a topic such as \"arn:aws:sns:eu-west-2:111122223333:rollcall\"";
    for bad in ["rollcall", "arn:aws:sqs:eu-west-2:111122223333:q", "arn:aws:sns::111122223333:t", "arn:aws:sns:x:1:t"]
    {
        let found = read_text(&edit(&format!("[notify.a]\nkind = \"sns\"\ntopic = \"{bad}\""))).unwrap_err();
        assert_eq!(found.list[0].message, format!("expected {topic}"), "{bad}");
    }
    for bad in ["t.fifo", "a:b", ""] {
        let found = format!("[notify.a]\nkind = \"sns\"\ntopic = \"arn:aws:sns:eu-west-2:111122223333:{bad}\"");
        assert_eq!(read_text(&edit(&found)).unwrap_err().list[0].message, format!("expected {topic}"), "{bad}");
    }
}

/// Somebody may have written the key itself: no address is ever shown.
#[test]
fn a_wrong_address_is_told_and_not_shown() {
    let store = "an address that carries a key belongs where secrets are: url = { env = \"NAME\" }";
    for (url, expected) in [
        ("\"hunter2\"", "an https address, or a reference to a secret"),
        ("7", "an https address, or a reference to a secret"),
        ("\"https://a.example/x?sig=hunter2\"", "an address without user, password, ? and #"),
        ("\"https://u:hunter2@a.example/\"", "an address without user, password, ? and #"),
        ("\"http://a.example/hunter2\"", "an https address (plain http is for loopback only)"),
        ("\"ftp://a.example/hunter2\"", "an https address (plain http is for loopback only)"),
    ] {
        let found = read_text(&edit(&format!("[notify.chat]\nkind = \"webhook\"\nurl = {url}"))).unwrap_err();
        assert_eq!(found.list.len(), 1, "{found}");
        assert_eq!(found.list[0].message, format!("expected {expected}"));
        assert_eq!(found.list[0].hint.as_deref(), Some(store));
        assert!(!found.to_string().contains("hunter2"), "{found}");
    }
    let usage = "a secret may not stand in this file";
    let found = read_text(&edit(&format!("{HOOK}authorization = \"hunter2\"\nsigning_key = \"hunter2\""))).unwrap_err();
    assert_eq!(found.list.iter().map(|one| one.message.as_str()).collect::<Vec<_>>(), [usage, usage]);
    assert!(!found.to_string().contains("hunter2"));
}
