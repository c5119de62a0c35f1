//! Changed rules, asked about before anybody changes the file: nothing is reached, nothing is written.

use serde_json::Value;

use crate::process::output;
use crate::world::World;

/// One rule for everybody.
const OTHER: &str = "
[[mapping]]
name              = \"everybody\"
when              = \"always\"
security_profiles = [\"Agent\"]
routing_profile   = \"Holding\"
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changed_rules_would_do_is_what_the_next_plan_says_and_costs_nothing() {
    let world = World::of(30).await;
    world.settle().await;
    let other = world.folder.path().join("next.toml");
    std::fs::write(&other, OTHER).unwrap();
    let other = other.to_str().unwrap().to_owned();

    let (calls, asked) = (world.sandbox.connect.journal().len(), world.sandbox.tenant.requests());
    let journal = world.store().await.journal(0, 10_000).await.unwrap().len();
    let (code, screen, stderr) = output(&world, &["rules", "--what-if", &other]).await;
    assert_eq!(code, 0, "{stderr}");
    assert!(screen.contains("would be treated otherwise") && screen.contains("Nothing was written"), "{screen}");
    assert!(screen.contains("→ everybody"), "{screen}");
    let (code, json, _) = output(&world, &["rules", "--what-if", &other, "--json"]).await;
    assert_eq!(code, 0);
    let found: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(world.sandbox.connect.journal().len(), calls);
    assert_eq!(world.sandbox.tenant.requests(), asked);
    assert_eq!(world.store().await.journal(0, 10_000).await.unwrap().len(), journal);

    // Now for real: the rules of the file, without those it replaces.
    let kept = without_mappings(&std::fs::read_to_string(world.config_path()).unwrap());
    std::fs::write(world.config_path(), format!("{kept}{OTHER}")).unwrap();
    let (_, plan, _) = output(&world, &["plan", "--json"]).await;
    let plan: Value = serde_json::from_str(&plan).unwrap();
    assert_eq!(found["forecast_then"], plan["ran"]["plan"]["forecast"], "{plan:#}");
}

/// The configuration without its mappings and their examples.
fn without_mappings(text: &str) -> String {
    let mut kept = String::new();
    let mut inside = false;
    for line in text.lines() {
        if line.starts_with('[') {
            inside = line.starts_with("[[mapping]]") || line.starts_with("[[example]]");
        }
        if !inside {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_text_is_told_like_a_broken_configuration() {
    let world = World::of(5).await;
    world.settle().await;
    let file = world.folder.path().join("next.toml");
    std::fs::write(&file, "[[maping]]\n[default]\nsecurity_profile = [\"Agent\"]\nrouting_profile = \"Holding\"\n")
        .unwrap();
    let file = file.to_str().unwrap().to_owned();
    let (code, stdout, stderr) = output(&world, &["rules", "--what-if", &file]).await;
    assert_eq!((code, stdout.as_str()), (1, ""));
    assert!(stderr.contains("next.toml has 2 problems"), "{stderr}");
    assert!(stderr.contains("did you mean mapping?") && stderr.contains("did you mean security_profiles?"), "{stderr}");
    assert_eq!(output(&world, &["rules", "--what-if", "/nowhere/next.toml"]).await.0, 1);
    assert_eq!(output(&world, &["rules", "--all"]).await.0, 64);
}
