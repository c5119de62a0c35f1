//! A console with the service behind it, in one process.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use axum::http::{Request, StatusCode};
use rollcall::assemble::Blueprint;
use rollcall::connect::{AmazonConnect, Quotas};
use rollcall::console::{self, Centre};
use rollcall::model::Pause;
use rollcall::serve::{self, Phase, Serving, Standing};
use serde_json::Value;
use tokio::sync::watch;

use super::{Answer, Desk, HERE, bound, centre, local, now, rotate, word_of};
use crate::world::{self, World};

/// Longest wait for the service before a test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// A desk and the service behind it.
pub(super) struct Office {
    pub(super) desk: Desk,
    pub(super) cookie: String,
    pub(super) serving: Serving<AmazonConnect>,
    stop: watch::Sender<bool>,
}

impl Office {
    /// Serves this contact centre, its first run over.
    pub(super) async fn of(world: World) -> Self {
        Self::beside(world, Vec::new()).await
    }

    /// The same beside others that are only shown.
    pub(super) async fn beside(world: World, others: Vec<Centre>) -> Self {
        let (stop, stopped) = watch::channel(false);
        let config = world.config();
        let name = config.name.clone();
        let blueprint = Arc::new(Blueprint::new(config, world::now, Arc::new(Quotas::new())));
        let mut serving = serve::serve(blueprint, &name, world::now, stopped).unwrap();
        (&mut serving.started).await.unwrap().unwrap();
        let token = rotate(&world).await;
        let shown = Centre { service: Some(serving.handle.clone()), ..centre(&world).await };
        let centres = std::iter::once(shown).chain(others).collect();
        let pages = console::pages(local(), bound(), centres, now).unwrap();
        let desk = Desk { world, pages, token };
        let cookie = desk.sign_in().await;
        let office = Self { desk, cookie, serving, stop };
        office.until(|standing| standing.last.is_some() && standing.phase == Phase::Waiting).await;
        office
    }

    /// Nothing runs by the clock any more, so that a test sees what it asks for only.
    pub(super) async fn quiet(self) -> Self {
        self.serving.handle.pause(None).await.unwrap();
        self
    }

    pub(super) fn paused(&self) -> Option<Pause> {
        self.serving.handle.standing().paused
    }

    pub(super) async fn until(&self, so: impl Fn(&Standing) -> bool) {
        let wait = async {
            while !so(&self.serving.handle.standing()) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("the service gets there in time");
    }

    /// A form of the page at `from`, sent as a browser sends it.
    pub(super) async fn send(&self, from: &str, to: &str, form: &[(&str, &str)]) -> Answer {
        let page = self.desk.get(&self.desk.at(from), &self.cookie).await.ok();
        let word = word_of(&page);
        let form: Vec<(&str, &str)> = std::iter::once(("csrf", word.as_str())).chain(form.iter().copied()).collect();
        self.desk.post(&self.desk.at(to), &self.cookie, &form).await
    }

    pub(super) async fn page(&self, path: &str) -> String {
        self.desk.get(&self.desk.at(path), &self.cookie).await.ok()
    }

    /// Follows the question that a form led to, to its end: the last page.
    pub(super) async fn followed(&self, answer: &Answer) -> String {
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
        let wait = async {
            loop {
                let page = self.desk.get(answer.to(), &self.cookie).await.ok();
                if !page.contains("Waits for its turn") && !page.contains("Goes on.") {
                    return page;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("the run ends in time")
    }

    /// A question with the token.
    pub(super) fn asking(&self, method: &str, path: &str, body: Option<&Value>) -> Request<Body> {
        let token = format!("Bearer {}", self.desk.token);
        let request = Request::builder().method(method).uri(path).header(HOST, HERE).header(AUTHORIZATION, token);
        match body {
            None => request.body(Body::empty()).unwrap(),
            Some(body) => {
                let request = request.header(CONTENT_TYPE, "application/json");
                request.body(Body::from(body.to_string())).unwrap()
            }
        }
    }

    pub(super) async fn api(&self, method: &str, path: &str, body: Option<&Value>) -> (StatusCode, Value) {
        let answer = self.desk.ask(self.asking(method, path, body)).await;
        (answer.status, serde_json::from_str(&answer.body).unwrap_or(Value::Null))
    }

    /// Ends the service.
    pub(super) async fn close(mut self) -> World {
        self.stop.send(true).unwrap();
        let departed = tokio::time::timeout(PATIENCE, &mut self.serving.departed).await;
        assert!(!departed.expect("it ends in time").unwrap().abandoned);
        self.desk.world
    }
}
