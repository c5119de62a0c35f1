//! An org on loopback: people, groups, applications and a log, behind the addresses of the Okta management API.
//!
//! It keeps state and answers from it, by its own clock; nothing here is a script of expected calls. Faults, and things that
//! happen while an answer is on its way, are put in by the tests.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

pub(super) struct Group {
    pub(super) name: String,
    kind: &'static str,
    pub(super) members: BTreeSet<String>,
    updated: DateTime<Utc>,
    members_updated: DateTime<Utc>,
}

pub(super) struct App {
    label: String,
    pub(super) users: BTreeMap<String, Value>,
}

type Happening = Box<dyn FnOnce(&mut World) + Send>;

/// What the org holds.
pub(super) struct World {
    base: String,
    pub(super) now: DateTime<Utc>,
    /// Pages are never larger than this, whatever is asked for.
    pub(super) page_size: usize,
    pub(super) users: BTreeMap<String, Value>,
    pub(super) groups: BTreeMap<String, Group>,
    pub(super) apps: BTreeMap<String, App>,
    /// Whom the org deleted for good; an id is never given twice.
    buried: BTreeSet<String>,
    events: Vec<Value>,
    /// Groups a limited role may see; `None` sees everything.
    pub(super) role: Option<BTreeSet<String>>,
    pub(super) log_permitted: bool,
    /// What is added to the true count of members; `None` tells no counts.
    pub(super) miscount: Option<i64>,
    /// People that member listings leave out.
    pub(super) unlisted: BTreeSet<String>,
    /// Lists go backwards.
    pub(super) reversed: bool,
    /// Clocks of groups that do not move with their members.
    pub(super) stuck_clocks: bool,
    faults: Vec<(String, u32, ResponseTemplate)>,
    happenings: Vec<(String, Happening)>,
    pub(super) credential: String,
    /// Scopes that were granted to the service app.
    pub(super) granted: Option<&'static [&'static str]>,
    /// The addresses that were asked, without the host, decoded.
    pub(super) seen: Vec<String>,
}

/// The org with its server.
pub(super) struct Fake {
    pub(super) server: MockServer,
    world: Arc<Mutex<World>>,
}

struct Door(Arc<Mutex<World>>);

impl Respond for Door {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let mut world = self.0.lock().unwrap();
        let answer = world.answer(request);
        let address = world.seen.last().cloned().unwrap_or_default();
        if let Some(at) = world.happenings.iter().position(|(part, _)| address.contains(part)) {
            let (_, happening) = world.happenings.remove(at);
            happening(&mut world);
        }
        let now = world.now;
        let has_limit = |answer: &ResponseTemplate| format!("{answer:?}").contains("x-rate-limit-limit");
        let answer = answer.insert_header("date", now.format("%a, %d %b %Y %H:%M:%S GMT").to_string().as_str());
        if has_limit(&answer) {
            return answer;
        }
        answer
            .insert_header("x-rate-limit-limit", "600")
            .insert_header("x-rate-limit-remaining", "599")
            .insert_header("x-rate-limit-reset", (now.timestamp() + 60).to_string().as_str())
    }
}

pub(super) fn id(number: u32) -> String {
    format!("00u{number:017}")
}

pub(super) fn group_id(number: u32) -> String {
    format!("00g{number:017}")
}

pub(super) fn app_id(number: u32) -> String {
    format!("0oa{number:017}")
}

fn stamp(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// The text between the first two quotes.
fn in_quotes(text: &str) -> String {
    let inner = text.split_once('"').map_or("", |(_, rest)| rest);
    let (mut found, mut escaped) = (String::new(), false);
    for letter in inner.chars() {
        match letter {
            '\\' if !escaped => escaped = true,
            '"' if !escaped => break,
            letter => {
                found.push(letter);
                escaped = false;
            }
        }
    }
    found
}

pub(super) fn refusal(status: u16, code: &str) -> ResponseTemplate {
    ResponseTemplate::new(status)
        .set_body_json(json!({"errorCode": code, "errorSummary": "Words of somebody@example.com.",
        "errorLink": code, "errorId": "oaeTest1", "errorCauses": []}))
}

fn ok(body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

impl Fake {
    pub(super) async fn start() -> Self {
        let server = MockServer::start().await;
        let world = World {
            base: server.uri(),
            now: DateTime::from_timestamp(1_772_446_500, 0).unwrap(),
            page_size: 3,
            users: BTreeMap::new(),
            groups: BTreeMap::new(),
            apps: BTreeMap::new(),
            buried: BTreeSet::new(),
            events: Vec::new(),
            role: None,
            log_permitted: true,
            miscount: Some(0),
            unlisted: BTreeSet::new(),
            reversed: false,
            stuck_clocks: false,
            faults: Vec::new(),
            happenings: Vec::new(),
            credential: "SSWS not-a-secret".to_owned(),
            granted: None,
            seen: Vec::new(),
        };
        let world = Arc::new(Mutex::new(world));
        world.lock().unwrap().add_group(0, "Everyone", "BUILT_IN");
        Mock::given(any()).respond_with(Door(Arc::clone(&world))).mount(&server).await;
        Self { server, world }
    }

    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }
}

impl World {
    pub(super) fn tick(&mut self, seconds: i64) {
        self.now += TimeDelta::seconds(seconds);
    }

    /// Creates or changes a user; `more` goes over the whole user.
    pub(super) fn put(&mut self, number: u32, profile: Value) {
        self.tick(1);
        if self.buried.contains(&id(number)) {
            return;
        }
        let user = self.users.entry(id(number)).or_insert_with(|| {
            json!({"id": id(number), "status": "ACTIVE", "profile": {"login": format!("user{number}@example.com"),
                "email": format!("user{number}@example.com"), "firstName": "Ada", "lastName": "Lovelace"}})
        });
        user["profile"].as_object_mut().unwrap().extend(profile.as_object().unwrap().clone());
        user["lastUpdated"] = Value::from(stamp(self.now));
    }

    pub(super) fn status(&mut self, number: u32, status: &str) {
        self.tick(1);
        let user = self.users.get_mut(&id(number)).unwrap();
        user["status"] = Value::from(status);
        user["lastUpdated"] = Value::from(stamp(self.now));
    }

    /// Gone for good: no clock moves, only the log tells.
    pub(super) fn delete(&mut self, number: u32) {
        self.tick(1);
        if self.users.remove(&id(number)).is_some() {
            self.buried.insert(id(number));
            self.groups.values_mut().for_each(|group| {
                group.members.remove(&id(number));
            });
            self.apps.values_mut().for_each(|app| {
                app.users.remove(&id(number));
            });
            self.log("user.lifecycle.delete.completed", "SUCCESS", &[("User", id(number))]);
        }
    }

    pub(super) fn group(&mut self, number: u32, name: &str) {
        self.add_group(number, name, "OKTA_GROUP");
    }

    fn add_group(&mut self, number: u32, name: &str, kind: &'static str) {
        self.tick(1);
        let (updated, members) = (self.now, BTreeSet::new());
        let group = Group { name: name.to_owned(), kind, members, updated, members_updated: updated };
        self.groups.insert(group_id(number), group);
    }

    pub(super) fn rename(&mut self, number: u32, name: &str) {
        self.tick(1);
        let group = self.groups.get_mut(&group_id(number)).unwrap();
        (group.name, group.updated) = (name.to_owned(), self.now);
    }

    pub(super) fn join(&mut self, group: u32, member: u32) {
        self.edge(group, member, true);
    }

    pub(super) fn leave(&mut self, group: u32, member: u32) {
        self.edge(group, member, false);
    }

    fn edge(&mut self, group: u32, member: u32, there: bool) {
        self.tick(1);
        let (now, stuck) = (self.now, self.stuck_clocks);
        let entry = self.groups.get_mut(&group_id(group)).unwrap();
        let moved = if there { entry.members.insert(id(member)) } else { entry.members.remove(&id(member)) };
        if moved {
            if !stuck {
                entry.members_updated = now;
            }
            let event = if there { "group.user_membership.add" } else { "group.user_membership.remove" };
            self.log(event, "SUCCESS", &[("User", id(member)), ("UserGroup", group_id(group))]);
        }
    }

    pub(super) fn app(&mut self, number: u32, label: &str) {
        self.apps.insert(app_id(number), App { label: label.to_owned(), users: BTreeMap::new() });
    }

    pub(super) fn assign(&mut self, app: u32, member: u32, profile: Value) {
        self.tick(1);
        self.apps.get_mut(&app_id(app)).unwrap().users.insert(id(member), profile);
    }

    pub(super) fn unassign(&mut self, app: u32, member: u32) {
        self.tick(1);
        self.apps.get_mut(&app_id(app)).unwrap().users.remove(&id(member));
    }

    pub(super) fn log(&mut self, kind: &str, result: &str, targets: &[(&str, String)]) {
        let targets: Vec<Value> = targets.iter().map(|(kind, id)| json!({"type": kind, "id": id})).collect();
        let uuid = format!("event-{}", self.events.len());
        self.events.push(json!({"uuid": uuid, "published": stamp(self.now), "eventType": kind,
            "outcome": {"result": result}, "target": targets}));
    }

    /// Answers the next `times` requests whose address holds `part` with this.
    pub(super) fn fault(&mut self, part: &str, times: u32, answer: ResponseTemplate) {
        self.faults.push((part.to_owned(), times, answer));
    }

    pub(super) fn all_happened(&self) -> bool {
        self.happenings.is_empty()
    }

    /// No faults any more.
    pub(super) fn heal(&mut self) {
        self.faults.clear();
    }

    /// What happens right after the next answer to an address that holds `part`.
    pub(super) fn happens(&mut self, part: &str, happening: impl FnOnce(&mut World) + Send + 'static) {
        self.happenings.push((part.to_owned(), Box::new(happening)));
    }

    fn answer(&mut self, request: &Request) -> ResponseTemplate {
        let path = request.url.path().to_owned();
        if path == "/oauth2/v1/token" {
            self.seen.push(path);
            return self.token(&request.body);
        }
        let query: BTreeMap<String, String> = request.url.query_pairs().into_owned().collect();
        let shown: Vec<String> = query.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let path = path.trim_start_matches("/api/v1").to_owned();
        let address = if shown.is_empty() { path.clone() } else { format!("{path}?{}", shown.join("&")) };
        self.seen.push(address.clone());
        let header = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        assert!(header("content-type").contains("okta-response=omitCredentials"), "answers are asked for lean");
        assert!(header("accept") == "application/json" && header("user-agent").starts_with("rollcall/"));
        if request.headers.get("authorization").is_none_or(|value| value != self.credential.as_str()) {
            return refusal(401, "E0000011");
        }
        if let Some(fault) = self.faults.iter_mut().find(|(part, left, _)| *left > 0 && address.contains(part)) {
            fault.1 -= 1;
            return fault.2.clone();
        }
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        match parts.as_slice() {
            ["users"] => self.search(&query),
            ["users", user] => match self.users.get(*user).filter(|_| self.may_see(user)) {
                Some(user) => ok(user),
                None => refusal(404, "E0000007"),
            },
            ["users", user, "groups"] => {
                let of = |group: &&String| self.groups[*group].members.contains(*user);
                let shown: Vec<Value> = self.visible().filter(of).map(|group| self.shown(group, false)).collect();
                ok(&Value::from(shown))
            }
            ["groups"] => self.list_groups(&query),
            ["groups", group] => match self.visible().find(|have| have == group) {
                Some(have) => ok(&self.shown(have, query.contains_key("expand"))),
                None => refusal(404, "E0000007"),
            },
            ["groups", group, "users"] => self.members(group, &query),
            ["apps"] => {
                let apps = self.apps.iter().filter(|(_, app)| app.label.starts_with(&query["q"]));
                let shown = apps.map(|(id, app)| json!({"id": id, "label": app.label, "status": "ACTIVE"}));
                ok(&Value::from(shown.collect::<Vec<_>>()))
            }
            ["apps", app] => match self.apps.get(*app) {
                Some(have) => ok(&json!({"id": app, "label": have.label, "status": "ACTIVE"})),
                None => refusal(404, "E0000007"),
            },
            ["apps", app, "users"] => self.assignments(app, &query),
            ["apps", app, "users", user] => {
                match self.apps.get(*app).and_then(|app| app.users.get(*user)).filter(|_| self.may_see(user)) {
                    Some(profile) => ok(&self.assignment(user, profile)),
                    None => refusal(404, "E0000007"),
                }
            }
            ["logs"] => self.events(&query),
            _ => refusal(405, "E0000022"),
        }
    }

    fn token(&self, body: &[u8]) -> ResponseTemplate {
        let form: BTreeMap<String, String> = url::form_urlencoded::parse(body).into_owned().collect();
        let asked: Vec<&str> = form.get("scope").map(|scope| scope.split(' ').collect()).unwrap_or_default();
        match self.granted {
            Some(granted) if asked.iter().all(|scope| granted.contains(scope)) => {
                ok(&json!({"token_type": "Bearer", "expires_in": 3600, "access_token": "t1", "scope": asked.join(" ")}))
            }
            Some(_) => ResponseTemplate::new(400).set_body_json(json!({"error": "invalid_scope"})),
            None => ResponseTemplate::new(401).set_body_json(json!({"error": "invalid_client"})),
        }
    }

    fn may_see(&self, user: &str) -> bool {
        let Some(role) = &self.role else { return true };
        role.iter().any(|group| self.groups.get(group).is_some_and(|group| group.members.contains(user)))
    }

    fn visible(&self) -> impl Iterator<Item = &String> {
        self.groups.keys().filter(|id| self.role.as_ref().is_none_or(|role| role.contains(*id)))
    }

    fn shown(&self, group: &String, stats: bool) -> Value {
        let Group { name, kind, members, updated, members_updated } = &self.groups[group];
        let mut shown = json!({"id": group, "type": kind, "profile": {"name": name, "description": null},
            "lastUpdated": stamp(*updated), "lastMembershipUpdated": stamp(*members_updated)});
        if let Some(miscount) = self.miscount.filter(|_| stats) {
            let count = i64::try_from(members.len()).unwrap() + miscount;
            shown["_embedded"] = json!({"stats": {"usersCount": count}});
        }
        shown
    }

    /// One page of a list whose items have keys that do not change while it is read.
    fn page(&self, path: &str, mut all: Vec<(String, Value)>, query: &BTreeMap<String, String>) -> ResponseTemplate {
        all.sort_by(|one, other| one.0.cmp(&other.0));
        if self.reversed {
            all.reverse();
        }
        let limit = query.get("limit").map_or(50, |limit| limit.parse().unwrap()).min(self.page_size);
        let comes_after = |key: &String| match query.get("after") {
            Some(after) if self.reversed => key < after,
            Some(after) => key > after,
            None => true,
        };
        let rest: Vec<&(String, Value)> = all.iter().filter(|(key, _)| comes_after(key)).collect();
        let shown: Vec<&Value> = rest.iter().take(limit).map(|(_, item)| item).collect();
        let link = |after: Option<&String>, rel: &str| {
            let mut url = url::Url::parse(&format!("{}/api/v1{path}", self.base)).unwrap();
            url.query_pairs_mut().extend_pairs(query.iter().filter(|(name, _)| *name != "after"));
            if let Some(after) = after {
                url.query_pairs_mut().append_pair("after", after);
            }
            format!("<{url}>; rel=\"{rel}\"")
        };
        let answer = ok(&json!(shown)).append_header("link", link(query.get("after"), "self").as_str());
        match rest.get(limit.wrapping_sub(1)).filter(|_| rest.len() > limit) {
            Some((last, _)) => answer.append_header("link", link(Some(last), "next").as_str()),
            None => answer,
        }
    }

    fn search(&self, query: &BTreeMap<String, String>) -> ResponseTemplate {
        let search = &query["search"];
        let since = if search.starts_with("lastUpdated ge ") { in_quotes(search) } else { String::new() };
        let found =
            self.users.iter().filter(|(id, user)| self.may_see(id) && user["lastUpdated"].as_str() >= Some(&since));
        let keyed = found.map(|(id, user)| (format!("{}{id}", user["lastUpdated"].as_str().unwrap()), user.clone()));
        self.page("/users", keyed.collect(), query)
    }

    fn list_groups(&self, query: &BTreeMap<String, String>) -> ResponseTemplate {
        let wanted = |group: &&String| {
            let Group { name, kind, updated, members_updated, .. } = &self.groups[*group];
            match (query.get("search"), query.get("filter")) {
                (Some(search), _) => name.eq_ignore_ascii_case(&in_quotes(search)),
                (_, Some(filter)) if filter.starts_with("type eq ") => *kind == in_quotes(filter),
                (_, Some(filter)) if filter.starts_with("lastMembershipUpdated ge ") => {
                    stamp(*updated.max(members_updated)) >= in_quotes(filter)
                }
                _ => true,
            }
        };
        let stats = query.contains_key("expand");
        let found = self.visible().filter(wanted).map(|group| (group.clone(), self.shown(group, stats)));
        self.page("/groups", found.collect(), query)
    }

    fn members(&self, group: &str, query: &BTreeMap<String, String>) -> ResponseTemplate {
        if !self.visible().any(|have| have == group) {
            return refusal(404, "E0000007");
        }
        let members = self.groups[group].members.iter().filter(|id| !self.unlisted.contains(*id));
        let found = members.filter_map(|id| Some((id.clone(), self.users.get(id)?.clone())));
        self.page(&format!("/groups/{group}/users"), found.collect(), query)
    }

    fn assignment(&self, user: &str, profile: &Value) -> Value {
        json!({"id": user, "scope": "GROUP", "status": "ACTIVE", "credentials": {"userName": "x"}, "profile": profile,
            "_embedded": {"user": self.users[user]}})
    }

    fn assignments(&self, app: &str, query: &BTreeMap<String, String>) -> ResponseTemplate {
        let Some(have) = self.apps.get(app) else { return refusal(404, "E0000007") };
        let seen = have.users.iter().filter(|(user, _)| self.may_see(user));
        let found = seen.map(|(user, profile)| (user.clone(), self.assignment(user, profile)));
        self.page(&format!("/apps/{app}/users"), found.collect(), query)
    }

    /// Events in the order they were stored, with a next link that never ends.
    fn events(&self, query: &BTreeMap<String, String>) -> ResponseTemplate {
        if !self.log_permitted {
            return refusal(403, "E0000006");
        }
        let filter = query.get("filter").map_or("", String::as_str);
        let target = filter.split_once("target.id eq ").map(|(_, rest)| in_quotes(rest));
        let since = query.get("since").map_or("", String::as_str);
        let from: usize = query.get("after").map_or(0, |after| after.parse().unwrap());
        let limit: usize = query["limit"].parse().unwrap();
        let wanted = |(at, event): &(usize, &Value)| {
            *at >= from
                && event["published"].as_str() >= Some(since)
                && filter.contains(event["eventType"].as_str().unwrap())
                && target.as_ref().is_none_or(|id| event["target"].to_string().contains(id.as_str()))
        };
        let found: Vec<(usize, &Value)> = self.events.iter().enumerate().filter(wanted).take(limit).collect();
        let after = if found.len() == limit { found[limit - 1].0 + 1 } else { self.events.len().max(from) };
        let mut url = url::Url::parse(&format!("{}/api/v1/logs", self.base)).unwrap();
        let kept = query.iter().filter(|(name, _)| !matches!(name.as_str(), "after" | "since"));
        url.query_pairs_mut().extend_pairs(kept).append_pair("after", &after.to_string());
        let shown: Vec<&Value> = found.into_iter().map(|(_, event)| event).collect();
        ok(&json!(shown)).append_header("link", format!("<{url}>; rel=\"next\"").as_str())
    }
}
