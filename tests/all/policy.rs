//! `check --policy` grants what a run calls, and nothing that no run calls.

use std::collections::BTreeSet;

use rollcall::cli::policy::{Grant, Policy, Statement};
use rollcall::config::{self, Options};

use crate::world::World;

/// Granted although no call has this name: AWS checks them with another action, by the reason that is said.
const CHECKED_WITH_ANOTHER: &[&str] = &[
    "ds:DescribeDirectories",
    "connect:ListUserProficiencies",
    "connect:DescribeUserHierarchyGroup",
    "connect:DescribeQuickConnect",
];

fn called(world: &World) -> BTreeSet<String> {
    let connect = world.sandbox.connect.quota().calls().into_keys().map(|name| format!("connect:{name}"));
    let logs = world.sandbox.logs.quota().calls().into_keys().map(|name| format!("logs:{name}"));
    connect.chain(logs).collect()
}

/// The policy is neither short nor fat: joiners, movers, leavers, adoption, drift and reports.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_policy_is_what_a_contact_centre_calls() {
    let phones = "[[mapping]]\nname = \"phones\"\ndepartments = [\"Care\", \"Sales\"]\nauto_accept = true\n";
    let mut world = World::with(
        20,
        |scene| scene.existing = 10,
        |text| {
            text.leaver = Some("delete = true".to_owned());
            text.more = phones.to_owned();
        },
    )
    .await;
    world.sync().await.unwrap();
    let (joiner, login) = world.hire("Care");
    let leads = world.sandbox.tenant.group_id("Connect-Leads").unwrap();
    world.sandbox.tenant.add_member(&leads, &joiner).unwrap();
    world.sync().await.unwrap();

    world.sandbox.tenant.remove_member(&leads, &joiner).unwrap();
    let patch = serde_json::json!({"department": "Sales", "surname": "Renamed"});
    world.sandbox.tenant.update_user(&joiner, patch.as_object().cloned().unwrap()).unwrap();
    world.sync().await.unwrap();
    world.edit(&login, |user| user.phone_config.auto_accept = Some(false));
    world.sync_full().await.unwrap();

    let quick = world.sandbox.connect.quick_connects();
    let named = quick[0].name.strip_prefix("Call ").unwrap();
    let leaver = world.user(named).unwrap().tags["rollcall:person"].strip_prefix("entra/").unwrap().to_owned();
    world.sandbox.tenant.hard_delete(&leaver).unwrap();
    world.sync().await.unwrap();

    let (policy, called) = (Policy::of(&world.config()), called(&world));
    let granted: BTreeSet<String> = policy.actions().into_iter().map(str::to_owned).collect();
    let short: Vec<_> = called.difference(&granted).collect();
    assert!(short.is_empty(), "a run calls what is not granted: {short:?}");
    let fat: Vec<_> =
        granted.difference(&called).filter(|action| !CHECKED_WITH_ANOTHER.contains(&action.as_str())).collect();
    assert!(fat.is_empty(), "granted and never called: {fat:?}");
}

const BASE: &str = r#"
name = "emea"
[source.entra]
kind = "microsoft"
tenant = "contoso.onmicrosoft.com"
client_id = "00000000-0000-0000-0000-000000000000"
client_secret = { env = "NOT_SET" }
[connect]
instance = "arn:aws-us-gov:connect:us-gov-west-1:111122223333:instance/12345678-1234-1234-1234-123456789012"
"#;
const DEFAULT: &str = "[default]\nsecurity_profiles = [\"Agent\"]\nrouting_profile = \"Basic\"\n";

fn policy(more: &str) -> Policy {
    let text = format!("{BASE}{more}");
    let options = Options { check_secrets: false };
    Policy::of(&config::parse_with(&text, "/nowhere/rollcall.toml".as_ref(), options).unwrap_or_else(|e| panic!("{e}")))
}

fn check(more: &str, has: &[&str], has_not: &[&str]) {
    let policy = policy(&format!("{DEFAULT}{more}"));
    let actions = policy.actions();
    for action in has {
        assert!(actions.contains(action), "{action} is not granted with {more}");
    }
    for action in has_not {
        assert!(!actions.contains(action), "{action} is granted with {more}");
    }
}

#[test]
fn what_cannot_happen_is_not_granted() {
    let delete = ["connect:DeleteUser", "connect:DeleteQuickConnect", "connect:SearchQuickConnects"];
    check("", &delete, &["connect:UpdateUserHierarchy", "connect:UntagResource", "connect:UpdateUserPhoneConfig"]);
    check("[leaver]\ndelete = false\n", &[], &delete);
    let connect =
        "[authority]\nsecurity_profiles = \"connect\"\nrouting_profile = \"connect\"\nidentity = \"connect\"\n";
    let movers = ["connect:UpdateUserSecurityProfiles", "connect:UpdateUserRoutingProfile"];
    check(connect, &["connect:CreateUser"], &movers);
    check(connect, &[], &["connect:UpdateUserIdentityInfo"]);
    let suspend = "[leaver]\nsuspend = { security_profiles = [\"No Access\"] }\n";
    check(&format!("{connect}{suspend}"), &movers[..1], &[movers[1], delete[0]]);
    let tagged = "[[mapping]]\nname = \"a\"\ndepartments = [\"A\"]\nhierarchy = \"EMEA\"\ntags = { a = \"b\" }\n";
    check(tagged, &["connect:UpdateUserHierarchy", "connect:UntagResource", "connect:TagResource"], &[]);
    check("", &[], &["logs:PutLogEvents", "sts:AssumeRole"]);
    check("[report.audit]\nkind = \"cloudwatch_logs\"\n", &["logs:PutLogEvents", "logs:PutRetentionPolicy"], &[]);
}

/// What a statement is on is this instance's, in its own partition; only what has no resource type is on `*`.
#[test]
fn resources_are_this_instance_and_this_log_group() {
    let policy = policy(&format!("{DEFAULT}[report.audit]\nkind = \"cloudwatch_logs\"\n"));
    let own = [
        "arn:aws-us-gov:connect:us-gov-west-1:111122223333:instance/12345678-1234-1234-1234-123456789012",
        "arn:aws-us-gov:logs:us-gov-west-1:111122223333:log-group:/rollcall/emea",
    ];
    let mut anything = BTreeSet::new();
    for Statement { actions, resources, .. } in policy.aws.iter().flat_map(|grant| &grant.statements) {
        for resource in resources {
            if resource == "*" {
                anything.extend(actions.iter().map(|action| action.name.as_str()));
            } else {
                assert!(own.iter().any(|own| resource.starts_with(own)), "{resource}");
            }
        }
    }
    assert_eq!(anything, ["ds:DescribeDirectories", "logs:DescribeLogGroups"].into());
}

/// A notifier may publish to its topic and look at it, and nothing else; a webhook needs nothing of AWS but its secrets.
#[test]
fn a_notifier_may_do_two_things_to_its_own_topic() {
    let topic = "arn:aws-us-gov:sns:us-gov-east-1:444455556666:rollcall";
    let sns = format!("[notify.on-call]\nkind = \"sns\"\ntopic = \"{topic}\"\n");
    let hook = "[notify.chat]\nkind = \"webhook\"\nurl = { aws_secret = \"ops/hook\" }\n";
    let policy = policy(&format!("assume_role = \"arn:aws-us-gov:iam::111122223333:role/r\"\n{DEFAULT}{sns}{hook}"));
    let [own, assumed] = &policy.aws[..] else { panic!("{:?}", policy.aws) };
    let statement = own.statements.iter().find(|statement| statement.sid == "Notifyoncall").unwrap();
    let actions: Vec<&str> = statement.actions.iter().map(|action| action.name.as_str()).collect();
    assert_eq!(
        (actions, &statement.resources),
        (vec!["sns:Publish", "sns:GetTopicAttributes"], &vec![topic.to_owned()])
    );
    let secrets = assumed.statements.iter().find(|statement| statement.sid == "Secrets").unwrap();
    assert!(secrets.resources[0].ends_with(":secret:ops/hook-??????"), "{secrets:?}");
    check("", &[], &["sns:Publish", "sns:GetTopicAttributes"]);
}

/// A role to assume divides the policy: the identity may take the role and report, the role may work on Connect.
#[test]
fn an_assumed_role_has_a_document_of_its_own() {
    let role = "arn:aws-us-gov:iam::111122223333:role/rollcall-connect";
    let text = format!("assume_role = \"{role}\"\n{DEFAULT}[report.audit]\nkind = \"cloudwatch_logs\"\n");
    let policy = policy(&text);
    let [own, assumed] = &policy.aws[..] else { panic!("{:?}", policy.aws) };
    let services = |grant: &Grant| -> BTreeSet<String> {
        let actions = grant.statements.iter().flat_map(|statement| &statement.actions);
        actions.map(|action| action.name.split(':').next().unwrap().to_owned()).collect()
    };
    assert_eq!(services(own), ["logs".to_owned(), "sts".to_owned()].into());
    assert_eq!(services(assumed), ["connect".to_owned(), "ds".to_owned()].into());
    assert_eq!(own.document()["Statement"][0]["Resource"][0], role);
    let mut sids: Vec<&str> = own.statements.iter().map(|statement| statement.sid.as_str()).collect();
    sids.dedup();
    assert!(sids.iter().all(|sid| sid.chars().all(|c| c.is_ascii_alphanumeric())), "{sids:?}");
}

#[test]
fn directories_are_asked_for_what_the_scope_needs() {
    let names = |more: &str| -> Vec<String> {
        let policy = policy(&format!("{DEFAULT}{more}"));
        policy.directories[0].permissions.iter().map(|permission| permission.name.clone()).collect()
    };
    assert_eq!(names(""), ["User.Read.All"]);
    let ruled = names("[[mapping]]\nname = \"a\"\nwhen = { group = \"Leads\" }\nsecurity_profiles = [\"Lead\"]\n");
    assert_eq!(ruled, ["User.Read.All", "GroupMember.Read.All", "Member.Read.Hidden (perhaps)"]);
}
