//! Chromium, told by its driver what a person does: go somewhere, read, click, type, press a key.
//!
//! Invariant: what is started here ends with its value, also when a test fails: the driver, and every Chromium whose profile
//! is in our folder.
//! Invariant: it reaches nothing but this machine.
//! Deliberately absent: what is asserted of pages.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use axum::http::Method;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use fantoccini::actions::{InputSource as _, KeyAction, KeyActions};
use fantoccini::elements::Element;
use fantoccini::key::Key;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use url::Url;

/// Longest wait for anything a page should show.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// How often a page is looked at meanwhile.
const GLANCE: Duration = Duration::from_millis(40);

/// A browser with one window, at one console.
pub(crate) struct Browser {
    client: Client,
    /// Where the console is.
    origin: Url,
    _processes: Processes,
}

/// How a page is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    Light,
    Dark,
    /// A telephone held upright, in light.
    Phone,
}

impl Look {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
            Self::Phone => "phone",
        }
    }

    /// Width and height in CSS pixels.
    pub(crate) fn size(self) -> (u32, u32) {
        match self {
            Self::Light | Self::Dark => (1280, 900),
            Self::Phone => (390, 844),
        }
    }
}

impl Browser {
    pub(crate) async fn open(origin: &Url) -> Self {
        Self::with(origin, json!({})).await
    }

    /// One whose pages run no script.
    pub(crate) async fn without_scripts(origin: &Url) -> Self {
        Self::with(origin, json!({"profile.managed_default_content_settings.javascript": 2})).await
    }

    async fn with(origin: &Url, preferences: Value) -> Self {
        let (processes, address) = Processes::start().await;
        let mut arguments = vec![
            format!("--user-data-dir={}", processes.folder.path().join("profile").display()),
            "--headless=new".to_owned(),
            "--window-size=1280,900".to_owned(),
            "--hide-scrollbars".to_owned(),
            "--disable-background-networking".to_owned(),
            "--disable-component-update".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1".to_owned(),
        ];
        if is_root() {
            // Chromium refuses to start otherwise. What it shows here is ours.
            arguments.push("--no-sandbox".to_owned());
        }
        let wanted = json!({
            "browserName": "chrome",
            "goog:loggingPrefs": {"browser": "ALL"},
            "goog:chromeOptions": {"args": arguments, "prefs": preferences},
        });
        let Value::Object(wanted) = wanted else { unreachable!("it is one") };
        let connected = ClientBuilder::new(HttpConnector::new()).capabilities(wanted).connect(&address).await;
        let client = connected.unwrap_or_else(|error| panic!("Chromium does not start: {error}"));
        let browser = Self { client, origin: origin.clone(), _processes: processes };
        browser.look(Look::Light).await;
        browser
    }

    /// Ends it in good order.
    pub(crate) async fn close(self) {
        self.client.clone().close().await.unwrap();
    }

    /// Looks at pages like this from now on.
    pub(crate) async fn look(&self, look: Look) {
        let (width, height) = look.size();
        let phone = look == Look::Phone;
        let scale = if phone { 2 } else { 1 };
        let size = json!({"width": width, "height": height, "deviceScaleFactor": scale, "mobile": phone});
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
        let scheme = if look == Look::Dark { "dark" } else { "light" };
        // Nothing moves in a picture.
        let features = json!([
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]);
        self.devtools("Emulation.setEmulatedMedia", json!({"features": features})).await;
    }

    /// Goes to an address of the console and waits until it is loaded.
    pub(crate) async fn goto(&self, path: &str) {
        self.client.goto(self.origin.join(path).unwrap().as_str()).await.unwrap();
    }

    pub(crate) async fn reload(&self) {
        self.client.refresh().await.unwrap();
    }

    /// Path and query of the page that is shown.
    pub(crate) async fn at(&self) -> String {
        let url = self.client.current_url().await.unwrap();
        assert_eq!(url.origin(), self.origin.origin(), "nothing leads elsewhere");
        url[url::Position::BeforePath..].to_owned()
    }

    pub(crate) async fn title(&self) -> String {
        self.client.title().await.unwrap()
    }

    /// What a person reads on the page, one space between words.
    pub(crate) async fn text(&self) -> String {
        // While one page makes room for the next there is no body for a moment.
        let text = self.ask("return document.body?.innerText ?? ''").await;
        text.as_str().unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Waits until the page says all of this, without loading it anew.
    pub(crate) async fn says(&self, words: &[&str]) {
        let wait = async {
            let mut glance = tokio::time::interval(GLANCE);
            while !holds(&self.text().await, words) {
                glance.tick().await;
            }
        };
        if tokio::time::timeout(PATIENCE, wait).await.is_err() {
            panic!("{} does not say {words:?}: {}", self.at().await, self.text().await);
        }
    }

    /// Loads the page anew until it says all of this.
    pub(crate) async fn comes_to_say(&self, words: &[&str]) {
        let wait = async {
            let mut glance = tokio::time::interval(10 * GLANCE);
            while !holds(&self.text().await, words) {
                glance.tick().await;
                self.reload().await;
            }
        };
        if tokio::time::timeout(PATIENCE, wait).await.is_err() {
            panic!("{} does not come to say {words:?}: {}", self.at().await, self.text().await);
        }
    }

    pub(crate) async fn does_not_say(&self, words: &str) {
        let text = self.text().await;
        assert!(!text.contains(words), "{} says `{words}`: {text}", self.at().await);
    }

    /// The text of the first of these.
    pub(crate) async fn text_of(&self, css: &str) -> String {
        self.found(Locator::Css(css)).await.text().await.unwrap()
    }

    /// The first of these, as soon as it is there.
    async fn found(&self, what: Locator<'_>) -> Element {
        let found = self.client.wait().at_most(PATIENCE).every(GLANCE).for_element(what).await;
        let Ok(found) = found else {
            panic!("there is no {what:?} on {}: {}", self.at().await, self.text().await)
        };
        found
    }

    pub(crate) async fn has(&self, css: &str) -> bool {
        !self.client.find_all(Locator::Css(css)).await.unwrap().is_empty()
    }

    /// Clicks on the first link, button or heading of details with these words.
    pub(crate) async fn click(&self, words: &str) {
        assert!(!words.contains('"'), "words without quotes, please: {words}");
        let path = format!("//*[self::a or self::button or self::summary][normalize-space()=\"{words}\"]");
        self.found(Locator::XPath(&path)).await.click().await.unwrap();
    }

    /// Clicks on the first of these.
    pub(crate) async fn click_on(&self, css: &str) {
        self.found(Locator::Css(css)).await.click().await.unwrap();
    }

    /// Types into a field what should be in it.
    pub(crate) async fn fill(&self, css: &str, text: &str) {
        let field = self.found(Locator::Css(css)).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// Presses a key, wherever the page has its focus.
    pub(crate) async fn press(&self, key: impl Into<char>) {
        let key = key.into();
        let keys = KeyActions::new("keyboard".to_owned());
        let keys = keys.then(KeyAction::Down { value: key }).then(KeyAction::Up { value: key });
        self.client.perform_actions(keys).await.unwrap();
    }

    pub(crate) async fn enter(&self) {
        self.press(Key::Enter).await;
    }

    pub(crate) async fn tab(&self) {
        self.press(Key::Tab).await;
    }

    /// The value of a script, as the body of a function.
    pub(crate) async fn ask(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap()
    }

    /// What the browser has complained about since it was asked last: scripts that fail, files that are not there, whatever
    /// the content security policy forbids.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let log = self.client.issue_cmd(Post("se/log", json!({"type": "browser"}))).await.unwrap();
        let entries = log.as_array().unwrap().iter();
        entries.map(|entry| format!("{}: {}", entry["level"], entry["message"])).collect()
    }

    /// A picture of the page from its top, as high as the page, but `most` CSS pixels at the most and the window at the least.
    pub(crate) async fn picture(&self, look: Look, most: u32) -> Vec<u8> {
        let (width, least) = look.size();
        let whole = self.ask("return document.documentElement.scrollHeight").await;
        let height = whole.as_f64().unwrap().min(f64::from(most)).max(f64::from(least));
        let clip = json!({"x": 0, "y": 0, "width": width, "height": height, "scale": 1});
        let wanted = json!({"format": "png", "clip": clip, "captureBeyondViewport": true});
        let made = self.devtools("Page.captureScreenshot", wanted).await;
        BASE64_STANDARD.decode(made["data"].as_str().unwrap()).unwrap()
    }

    async fn devtools(&self, command: &str, with: Value) -> Value {
        let command = Post("goog/cdp/execute", json!({"cmd": command, "params": with}));
        self.client.issue_cmd(command).await.unwrap()
    }
}

fn holds(text: &str, words: &[&str]) -> bool {
    words.iter().all(|word| text.contains(word))
}

/// A command of this driver beyond the standard.
#[derive(Debug)]
struct Post(&'static str, Value);

impl WebDriverCompatibleCommand for Post {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.0))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.1.to_string()))
    }
}

/// The driver, and what it starts.
struct Processes {
    driver: Child,
    /// Home, profile and everything else that Chromium writes.
    folder: TempDir,
}

impl Processes {
    /// Starts the driver on a free port; its address.
    async fn start() -> (Self, String) {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").env("HOME", folder.path()).env("TMPDIR", folder.path());
        for name in ["XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"] {
            command.env_remove(name);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let started = command.spawn();
        let mut driver = started.unwrap_or_else(|error| panic!("chromedriver: {error}; run scripts/browser"));
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let ready = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if let Some((_, port)) = line.split_once("started successfully on port ") {
                    return port.trim_end_matches('.').to_owned();
                }
            }
            panic!("chromedriver ended");
        };
        let port = tokio::time::timeout(PATIENCE, ready).await.expect("chromedriver says where it listens");
        // Read on, so that the pipe is neither full nor broken.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        (Self { driver, folder }, format!("http://127.0.0.1:{port}"))
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        let _ = self.driver.start_kill();
        // A driver that is killed leaves its Chromium behind. Its helpers end when it does; until they have, they write into
        // the folder.
        let profile = self.folder.path().to_owned();
        for pid in of_folder(&profile) {
            let _ = std::process::Command::new("kill").args(["-KILL", &pid]).stderr(Stdio::null()).status();
        }
        for _ in 0..100_000 {
            if of_folder(&profile).is_empty() {
                break;
            }
            std::thread::yield_now();
        }
    }
}

/// Processes whose command line names this folder.
fn of_folder(folder: &Path) -> Vec<String> {
    let name = folder.as_os_str().as_encoded_bytes();
    let names = fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.path());
    let ours = names.filter(|path| {
        let line = fs::read(path.join("cmdline")).unwrap_or_default();
        line.windows(name.len()).any(|part| part == name)
    });
    ours.filter_map(|path| path.file_name()?.to_str()?.parse::<u32>().ok().map(|pid| pid.to_string())).collect()
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|ours| ours.uid() == 0)
}
