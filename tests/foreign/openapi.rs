//! What other people's tools say of `/api`: whether its document is one (openapi-spec-validator), and whether the running service
//! answers as it says, asked by somebody who reads nothing but the document (schemathesis).

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use rollcall::sandbox::QuotaSettings;
use rollcall::sandbox::Sandbox;
use rollcall::sandbox::scene::{self, CLIENT_SECRET, ConfigText, SceneSettings};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

use crate::server::installed;
use crate::whole::now;

/// Longest wait for the service, and for a tool.
const PATIENCE: Duration = Duration::from_secs(10 * 60);

/// A service with a console, over a sandbox.
struct Service {
    _sandbox: Sandbox,
    folder: TempDir,
    address: SocketAddr,
    token: String,
    _process: Child,
}

impl Service {
    async fn start() -> Self {
        let mut settings = SceneSettings::new(now(), 30);
        settings.plain = true;
        settings.connect.quota = QuotaSettings::unlimited();
        settings.connect.search_lag = Duration::ZERO;
        let sandbox = scene::start(settings).await.unwrap();
        let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let text = ConfigText {
            quota: Some((10_000.0, 10_000, 1.0)),
            first_run_applies: true,
            more: format!("[console]\nlisten = \"{address}\"\n"),
            ..ConfigText::default()
        };
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("rollcall.toml");
        std::fs::write(&config, scene::configuration(&sandbox, &sandbox.tenant, &text)).unwrap();
        let secret = folder.path().join("client-secret");
        std::fs::write(&secret, CLIENT_SECRET).unwrap();
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
        let rollcall = |verb: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
            command.arg("--config").arg(&config).args(verb).kill_on_drop(true);
            command
        };
        assert!(rollcall(&["sync", "now"]).output().await.unwrap().status.success());
        let rotated = rollcall(&["token", "rotate"]).output().await.unwrap();
        let said = String::from_utf8(rotated.stdout).unwrap();
        let token = said.split_whitespace().find(|word| word.starts_with("rollcall_")).expect("a token").to_owned();
        let process = rollcall(&["serve"]).stderr(Stdio::null()).spawn().unwrap();
        let service = Self { _sandbox: sandbox, folder, address, token, _process: process };
        service.up().await;
        service
    }

    fn url(&self) -> String {
        format!("http://{}/api/openapi.json", self.address)
    }

    async fn document(&self) -> Option<String> {
        let answer = reqwest::Client::new().get(self.url()).bearer_auth(&self.token).send().await.ok()?;
        answer.error_for_status().ok()?.text().await.ok()
    }

    async fn up(&self) {
        let wait = async {
            while self.document().await.is_none() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("the console is up");
    }
}

/// Runs a module of the installed Python packages: whether it was content, and what it said.
async fn python(module: &str, arguments: &[&str], service: &Service) -> (bool, String) {
    let program: PathBuf = installed("python").join("bin/python");
    let mut command = Command::new(program);
    command.args(["-m", module]).args(arguments).current_dir(service.folder.path()).kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, command.output()).await.expect("it ends").unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_document_is_one_and_the_service_answers_as_it_says() {
    let service = Service::start().await;
    let file = service.folder.path().join("openapi.json");
    std::fs::write(&file, service.document().await.unwrap()).unwrap();
    let (ok, said) = python("openapi_spec_validator", &[file.to_str().unwrap()], &service).await;
    println!("openapi-spec-validator: {}", said.trim());
    assert!(ok, "{said}");

    let (url, bearer) = (service.url(), format!("Authorization: Bearer {}", service.token));
    let arguments = [
        "run",
        &url,
        "--header",
        &bearer,
        "--checks",
        "all",
        // It shows wrong tokens by the hundred and wants 401 each time; after five we say 429.
        "--exclude-checks",
        "ignored_auth",
        "--phases",
        "examples,coverage,fuzzing",
        "--max-examples",
        "25",
        "--seed",
        "1",
        "--generation-database",
        "none",
        "--request-timeout",
        "25",
        "--no-color",
    ];
    let (ok, said) = python("schemathesis.cli", &arguments, &service).await;
    println!("{}", said.lines().rev().take(20).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n"));
    assert!(ok, "{said}");
}
