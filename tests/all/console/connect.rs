//! Amazon Connect on a page: the names that rules may use, what was called of what was allowed, who is told.

use std::time::Duration;

use rollcall::model::Operation;
use rollcall::sandbox::faults::FaultKind;
use rollcall::sandbox::scene;

use super::pages::{lifelike, rows, says, text};
use super::{Desk, later};
use crate::several::with_second;
use crate::world::World;

fn table(csv: &str) -> Vec<Vec<String>> {
    let records = csv::Reader::from_reader(csv.as_bytes()).into_records();
    records.map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect()
}

#[tokio::test]
async fn the_names_of_connect_are_listed_with_the_rules_that_use_them() {
    let desk = lifelike().await;
    let cookie = desk.sign_in().await;
    let page = desk.get(&desk.at("/connect"), &cookie).await.ok();
    let seen = desk.world.store().await.inventory().await.unwrap().unwrap();
    says(
        &page,
        &[
            "example-service-desk",
            &desk.world.sandbox.connect.instance_arn(),
            "Region eu-central-1, at 127.0.0.1:",
            "users sign in by SAML",
            &format!("{} users", seen.users.len()),
            "looked at just now",
            "looked for every 15 min",
            &format!("routing profiles {}", seen.catalogue.routing_profiles.len()),
            &format!("security profiles {}", seen.catalogue.security_profiles.len()),
            &format!("hierarchy groups {}", seen.catalogue.hierarchy_groups.len()),
        ],
    );
    let csv = async |query: &str| table(&desk.get(&desk.at(&format!("/connect/names.csv{query}")), &cookie).await.ok());
    let all = csv("").await;
    let known = &seen.catalogue;
    assert_eq!(all.len(), known.routing_profiles.len() + known.security_profiles.len() + known.hierarchy_groups.len());
    let used = |name: &str| all.iter().find(|row| row[1] == name).map(|row| row[2].clone()).unwrap();
    assert_eq!(used("Care Voice"), "rule care");
    assert!(used("Agent").contains("rule sales") && used("Agent").contains("(default)"), "{}", used("Agent"));
    assert!(used("No Access").contains("leavers"), "{}", used("No Access"));
    assert_eq!(used("EMEA/London/Sales"), "rule sales");
    assert!(csv("?kind=security+profile").await.iter().all(|row| row[0] == "security profile"));
    assert_eq!(csv("?q=care+voice").await.len(), 1);
    assert_eq!(csv("?q=leavers").await.len(), 2, "a search looks at who names it, too");
    let by_name: Vec<String> = csv("?sort=-name").await.into_iter().map(|row| row[1].to_lowercase()).collect();
    assert!(by_name.iter().rev().is_sorted(), "{by_name:?}");
    says(&desk.get(&desk.at("/connect?q=nothing-like-it"), &cookie).await.ok(), &["No name is about nothing-like-it"]);
}

#[tokio::test]
async fn what_was_called_stands_against_what_was_allowed() {
    let mut desk = lifelike().await;
    desk.world.text.quota = Some((2.0, 5, 0.8));
    desk.world.write_config();
    let desk = Desk::of(desk.world).await;
    let mut called = std::collections::BTreeMap::<Operation, u64>::new();
    for run in desk.world.store().await.runs(10).await.unwrap() {
        for (operation, n) in run.summary.unwrap().calls {
            *called.entry(operation).or_default() += u64::from(n);
        }
    }
    let cookie = desk.sign_in().await;
    let quota = table(&desk.get(&desk.at("/connect/quota.csv"), &cookie).await.ok());
    assert_eq!(quota.len(), Operation::ALL.len());
    for row in &quota {
        let operation = Operation::ALL.iter().find(|operation| operation.name() == row[0]).unwrap();
        let n = called.get(operation).copied().unwrap_or(0).to_string();
        // 80 % of 2/s for an hour and for a day, and a burst of four.
        let expected = ["1.6", "4", &n, "5764", &n, "138244", "0"];
        assert_eq!(row[1..], expected, "{operation}");
    }
    let most: Vec<u64> = quota.iter().map(|row| row[3].parse().unwrap()).collect();
    assert!(most.iter().rev().is_sorted() && most[0] > 20, "the busiest first: {most:?}");
    let page = desk.get(&desk.at("/connect"), &cookie).await.ok();
    let first = format!("{} 1.6/s, 4 at once {} of 5,764", quota[0][0], quota[0][3]);
    says(&page, &["80 % of what AWS allows each operation", &first]);
    assert!(page.contains("<svg class=\"thin\"") && page.contains("rect class=\"part\""), "{page}");
    let today = desk.get(&desk.at("/today"), &cookie).await.ok();
    says(&today, &[&format!("Quota use {} {} of 5,764 in the last hour.", quota[0][0], quota[0][3])]);
    assert!(today.contains(&format!("href=\"{}#quota\"", desk.at("/connect"))), "it leads there");
    assert_eq!(rows(&desk.get(&desk.at("/connect/quota.csv?q=createuser"), &cookie).await.ok()), 1);

    later(Duration::from_secs(2 * 3_600));
    let cookie = desk.sign_in().await;
    let row = |csv: &str, name: &str| table(csv).into_iter().find(|row| row[0] == name).unwrap();
    let create = row(&desk.get(&desk.at("/connect/quota.csv?quota=-day"), &cookie).await.ok(), "CreateUser");
    assert_eq!((create[3].as_str(), create[5].as_str()), ("0", called[&Operation::CreateUser].to_string().as_str()));
    says(&desk.get(&desk.at("/today"), &cookie).await.ok(), &["No call to Connect in the last hour ."]);
    later(Duration::from_secs(23 * 3_600));
    let cookie = desk.sign_in().await;
    let create = row(&desk.get(&desk.at("/connect/quota.csv"), &cookie).await.ok(), "CreateUser");
    assert_eq!(create[5], "0", "a day is over");
}

#[tokio::test]
async fn reports_say_how_far_they_are_and_notifiers_what_they_told() {
    let mut world = World::of(8).await;
    world.text.more = scene::notifier(&world.sandbox);
    with_second(&world, "spare", false, false);
    world.sync().await.unwrap();
    let desk = Desk::of(world).await;
    let cookie = desk.sign_in().await;
    let page = desk.get(&desk.at("/connect"), &cookie).await.ok();
    says(
        &page,
        &[
            "audit CloudWatch Logs log group /rollcall/support-emea in eu-central-1, kept 90 days; shows people by username",
            "everything is delivered; the last event is of",
            "file JSON lines",
            "report.jsonl",
            "chat webhook 127.0.0.1:",
            "hears of run, source,",
            "was told of nothing yet",
        ],
    );
    assert!(!page.contains("/chat"), "the address of a webhook may carry a key");

    // CloudWatch takes nothing, and a directory refuses us.
    let refused = FaultKind::Status {
        status: 400,
        code: "InvalidParameterException".to_owned(),
        message: String::new(),
        retry_after: None,
    };
    desk.world.fault("logs", "PutLogEvents", 0, 50, refused);
    with_second(&desk.world, "spare", false, true);
    desk.world.sync().await.unwrap();
    let behind = desk.world.store().await.delivery("audit").await.unwrap();
    assert!(behind.waiting > 0 && behind.oldest > behind.last, "{behind:?}");
    let page = desk.get(&desk.at("/connect"), &cookie).await.ok();
    says(&page, &[&format!("{} events wait, the first since", behind.waiting), "; delivered up to"]);
    says(&page, &["source spare cannot be read: since just now , told 1 time; again in 60 min, if it lasts"]);
    assert_eq!(text(&page).matches("everything is delivered").count(), 1, "the file goes on");
}

#[tokio::test]
async fn before_the_first_look_it_says_what_is_configured() {
    let desk = Desk::of(World::of(6).await).await;
    let cookie = desk.sign_in().await;
    let page = desk.get(&desk.at("/connect"), &cookie).await.ok();
    says(
        &page,
        &[
            "nobody has looked yet",
            "rollcall plan",
            "Region eu-central-1",
            "nothing to deliver yet",
            "Nobody is configured.",
        ],
    );
    assert_eq!(rows(&desk.get(&desk.at("/connect/names.csv"), &cookie).await.ok()), 0);
}
