//! Many people pulled, stored and planned.

use std::time::Instant;

use rollcall::sandbox::QuotaSettings;
use rollcall::sandbox::scene::{self, CLIENT_ID, CLIENT_SECRET, ConfigText, SceneSettings};
use serde::Deserialize;

use super::process;

/// What the mapping needs of a user; the same properties rollcall selects.
const SELECT: &str = "id,userPrincipalName,accountEnabled,givenName,surname,userType,displayName,department,mail,\
                      businessPhones,mobilePhone,jobTitle";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "parsed, which is what is measured")]
struct User {
    id: String,
    user_principal_name: Option<String>,
    account_enabled: Option<bool>,
    given_name: Option<String>,
    surname: Option<String>,
    user_type: Option<String>,
    display_name: Option<String>,
    department: Option<String>,
    mail: Option<String>,
    #[serde(default)]
    business_phones: Vec<String>,
    mobile_phone: Option<String>,
    job_title: Option<String>,
}

#[derive(Deserialize)]
struct Page {
    value: Vec<User>,
    #[serde(rename = "@odata.nextLink")]
    next: Option<String>,
}

#[derive(Deserialize)]
struct Token {
    access_token: String,
}

/// Measures and prints.
pub(crate) async fn measure(people: usize) {
    let mut settings = SceneSettings::new(chrono::Utc::now(), people);
    settings.plain = true;
    settings.connect.quota = QuotaSettings::unlimited();
    settings.connect.user_limit = people * 2;
    let sandbox = scene::start(settings).await.expect("the sandbox starts");
    let folder = tempfile::tempdir().expect("a folder");
    let text = ConfigText {
        quota: Some((10_000.0, 10_000, 1.0)),
        everybody: true,
        first_run_applies: true,
        guard: Some("max_changed = { fraction = 1.0 }".to_owned()),
        ..ConfigText::default()
    };
    super::day::write(folder.path(), &scene::configuration(&sandbox, &sandbox.tenant, &text));
    let mut floors = Vec::new();
    let mut runs = Vec::new();
    for _ in 0..3 {
        floors.push(fetch_and_parse(&sandbox, people).await);
        for name in ["rollcall.db", "rollcall.db-wal", "rollcall.db-shm"] {
            let _ = std::fs::remove_file(folder.path().join(name));
        }
        let took = process::rollcall(folder.path(), &["plan"]).await;
        assert!(took.status.success(), "plan failed: {}", took.stderr);
        runs.push((took.wall.as_secs_f64(), took.peak_mib));
    }
    floors.sort_by(f64::total_cmp);
    runs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (floor, (wall, peak)) = (floors[1], runs[1]);
    println!("{people} people, medians of 3:");
    println!("  fetch and parse with reqwest and serde   {floor:7.2} s");
    println!("  rollcall plan: pull, store and plan      {wall:7.2} s   peak {peak:.0} MiB");
    println!("  ratio                                    {:7.2}", wall / floor);
    sandbox.shutdown().await;
}

/// The floor: nothing is done with the pages but parsing them.
async fn fetch_and_parse(sandbox: &rollcall::sandbox::Sandbox, people: usize) -> f64 {
    let started = Instant::now();
    let client = reqwest::Client::builder().gzip(true).build().expect("a client");
    let login = format!("{}/{}/oauth2/v2.0/token", sandbox.addresses.login_url, sandbox.tenant.tenant_id());
    let scope = format!("{}/.default", sandbox.addresses.graph_url);
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", CLIENT_ID),
        ("client_secret", CLIENT_SECRET),
        ("scope", &scope),
    ];
    let answer = client.post(&login).form(&form).send().await.expect("a token");
    let Token { access_token } = answer.json().await.expect("a token");
    let mut url = format!("{}/v1.0/users/delta?$select={SELECT}", sandbox.addresses.graph_url);
    let mut seen = 0;
    loop {
        let body =
            client.get(&url).bearer_auth(&access_token).send().await.expect("a page").bytes().await.expect("a body");
        let page: Page = serde_json::from_slice(&body).expect("a page");
        seen += page.value.len();
        match page.next {
            Some(next) => url = next,
            None => break,
        }
    }
    assert_eq!(seen, people);
    started.elapsed().as_secs_f64()
}
