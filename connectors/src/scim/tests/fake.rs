//! A SCIM server on loopback that remembers users and groups, with a character: each way in which real servers differ is a
//! switch.
//!
//! It keeps state and answers from it; nothing here is a script of expected calls.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

/// What `totalResults` holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Total {
    Real,
    OfPage,
    Absent,
}

/// What a filter on a date does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filters {
    Work,
    AreIgnored,
    FindNothing,
    AreRefused(u16),
    /// `eq` works and nothing else does.
    OnlyEq,
}

/// How pages are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pages {
    Index,
    Cursor,
    Both,
}

/// What `attributes=` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Projects {
    Works,
    Ignored,
    Refused,
    DropsExtension,
    DropsUserName,
}

/// Where members are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shows {
    InLists,
    Alone,
    Never,
}

/// What a member's `value` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    Id,
    UserName,
    Reference,
}

/// Everything that differs between servers.
#[derive(Debug, Clone)]
pub(super) struct Character {
    pub(super) page: usize,
    pub(super) total: Total,
    pub(super) pages: Pages,
    pub(super) announces_cursor: bool,
    pub(super) ignores_start: bool,
    /// A start beyond the end brings the last page once more.
    pub(super) repeats_last: bool,
    pub(super) zero_based: bool,
    /// Each page begins this many records too early.
    pub(super) overlap: usize,
    /// This many following pages say that the cursor has expired.
    pub(super) expiries: u32,
    pub(super) filters: Filters,
    pub(super) projects: Projects,
    pub(super) shows: Shows,
    pub(super) names: Names,
    pub(super) cut: Option<usize>,
    pub(super) user_groups: bool,
    pub(super) discovery: bool,
    pub(super) tags: bool,
    pub(super) reads_singly: bool,
    /// Before this page (from 2) of a user listing is answered, this user leaves; once.
    pub(super) leaves_before: Option<(u32, String)>,
    /// Somebody joins before a following page of a user listing, now and then.
    pub(super) busy: bool,
    /// A group's tag stays although its members change.
    pub(super) deaf_tags: bool,
    /// More records than this on one page are too many.
    pub(super) too_many: Option<usize>,
}

impl Default for Character {
    fn default() -> Self {
        Self {
            page: 100,
            total: Total::Real,
            pages: Pages::Index,
            announces_cursor: false,
            ignores_start: false,
            repeats_last: false,
            zero_based: false,
            overlap: 0,
            expiries: 0,
            filters: Filters::Work,
            projects: Projects::Works,
            shows: Shows::InLists,
            names: Names::Id,
            cut: None,
            user_groups: true,
            discovery: true,
            tags: true,
            reads_singly: true,
            leaves_before: None,
            busy: false,
            deaf_tags: false,
            too_many: None,
        }
    }
}

/// What the server holds.
pub(super) struct World {
    pub(super) base: String,
    pub(super) character: Character,
    pub(super) users: Vec<(String, Map<String, Value>)>,
    /// Id, name, members (ids of users or groups), and how often it was changed.
    pub(super) groups: Vec<(String, String, Vec<String>, u32)>,
    pub(super) faults: Vec<(String, u32, ResponseTemplate)>,
    /// The addresses that were asked, below the base.
    pub(super) seen: Vec<String>,
    clock: i64,
}

/// The world with its server.
pub(super) struct Fake {
    _server: MockServer,
    world: Arc<Mutex<World>>,
}

struct Door(Arc<Mutex<World>>);

impl Respond for Door {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        self.0.lock().unwrap().answer(request)
    }
}

type Query = BTreeMap<String, String>;

impl Fake {
    pub(super) async fn start(character: Character) -> Self {
        let server = MockServer::start().await;
        let world = World {
            base: format!("{}/scim/v2", server.uri()),
            character,
            users: Vec::new(),
            groups: Vec::new(),
            faults: Vec::new(),
            seen: Vec::new(),
            clock: 1_772_000_000,
        };
        let world = Arc::new(Mutex::new(world));
        Mock::given(any()).respond_with(Door(Arc::clone(&world))).mount(&server).await;
        Self { _server: server, world }
    }

    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }
}

fn ok(body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(body.to_string(), "application/scim+json")
}

fn refuse(status: u16, scim_type: &str) -> ResponseTemplate {
    let schema = "urn:ietf:params:scim:api:messages:2.0:Error";
    ResponseTemplate::new(status).set_body_json(
        json!({"schemas": [schema], "status": status.to_string(), "scimType": scim_type, "detail": "no"}),
    )
}

/// The path segment as an id.
fn decoded(segment: &str) -> String {
    super::super::server::last_segment(segment).unwrap()
}

impl World {
    /// Adds or changes a user.
    pub(super) fn put(&mut self, id: &str, properties: Value) {
        self.clock += 60;
        let at = DateTime::<Utc>::from_timestamp(self.clock, 0).unwrap().to_rfc3339_opts(SecondsFormat::Secs, true);
        if !self.users.iter().any(|(have, _)| have == id) {
            let new = json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
                "id": id,
                "userName": format!("{id}@example.com"),
                "active": true,
                "name": {"givenName": "Ada", "familyName": "Example"},
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "Care"},
            });
            self.users.push((id.to_owned(), new.as_object().unwrap().clone()));
        }
        let user = &mut self.users.iter_mut().find(|(have, _)| have == id).unwrap().1;
        user.extend(properties.as_object().unwrap().clone());
        user.retain(|_, value| !value.is_null());
        user.insert("meta".to_owned(), json!({"lastModified": at, "version": 7}));
    }

    pub(super) fn leave(&mut self, id: &str) {
        self.users.retain(|(have, _)| have != id);
        for (_, _, members, version) in &mut self.groups {
            let before = members.len();
            members.retain(|member| member != id);
            *version += u32::from(members.len() != before);
        }
    }

    pub(super) fn group(&mut self, id: &str, name: &str, members: impl IntoIterator<Item = String>) {
        self.groups.push((id.to_owned(), name.to_owned(), members.into_iter().collect(), 1));
    }

    pub(super) fn set_members(&mut self, id: &str, members: impl IntoIterator<Item = String>) {
        let group = self.groups.iter_mut().find(|group| group.0 == id).unwrap();
        group.2 = members.into_iter().collect();
        group.3 += 1;
    }

    /// Answers the next `times` requests whose address holds `part` with this.
    pub(super) fn fault(&mut self, part: &str, times: u32, answer: ResponseTemplate) {
        self.faults.push((part.to_owned(), times, answer));
    }

    fn answer(&mut self, request: &Request) -> ResponseTemplate {
        let path = request.url.path().trim_start_matches("/scim/v2/").to_owned();
        let query: Query = request.url.query_pairs().into_owned().collect();
        let shown: Vec<String> = query.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let address = format!("{path}?{}", shown.join("&"));
        self.seen.push(address.clone());
        if request.headers.get("authorization").is_none_or(|value| value != "Bearer not-a-secret") {
            return refuse(401, "");
        }
        if let Some(fault) = self.faults.iter_mut().find(|(part, left, _)| *left > 0 && address.contains(part)) {
            fault.1 -= 1;
            return fault.2.clone();
        }
        let tag = request.headers.get("if-none-match").map(|tag| tag.to_str().unwrap().to_owned());
        let parts: Vec<&str> = path.split('/').collect();
        match parts.as_slice() {
            ["Users"] => self.list_users(&query),
            ["Users", id] if self.character.reads_singly => self.one_user(&decoded(id), &query),
            ["Groups"] => self.list_groups(&query),
            ["Groups", id] => self.one_group(&decoded(id), tag),
            ["ServiceProviderConfig"] if self.character.discovery => ok(&json!({
                "filter": {"supported": true, "maxResults": 1000}, "sort": {"supported": true}, "etag": {"supported": true},
                "pagination": {"cursor": self.character.announces_cursor, "index": true},
                "authenticationSchemes": [{"type": "oauthbearertoken", "name": "Bearer"}],
            })),
            ["ResourceTypes"] if self.character.discovery => ok(&json!({"totalResults": 2, "Resources": [
                {"id": "User", "name": "User", "endpoint": "/Users", "schema": "urn:ietf:params:scim:schemas:core:2.0:User"},
                {"id": "Group", "name": "Group", "endpoint": "/Groups", "schema": "urn:ietf:params:scim:schemas:core:2.0:Group"},
            ]})),
            _ => refuse(404, ""),
        }
    }

    fn user(&self, id: &str, query: &Query) -> Option<Value> {
        let mut user = self.users.iter().find(|(have, _)| have == id)?.1.clone();
        if self.character.user_groups {
            let of = self.groups.iter().filter(|group| group.2.iter().any(|member| member == id));
            let groups: Vec<Value> =
                of.map(|(id, name, ..)| json!({"value": id, "display": name, "type": "direct"})).collect();
            user.insert("groups".to_owned(), Value::from(groups));
        }
        let Some(names) = query.get("attributes") else {
            if query.get("excludedAttributes").is_some_and(|names| names == "groups") {
                user.remove("groups");
            }
            return Some(Value::Object(user));
        };
        let asked = |key: &str| names.split(',').any(|name| name == key || name.starts_with(&format!("{key}:")));
        match self.character.projects {
            Projects::Ignored | Projects::Refused => {}
            Projects::Works => user.retain(|key, _| key == "id" || asked(key)),
            Projects::DropsExtension => user.retain(|key, _| key == "id" || (asked(key) && !key.starts_with("urn:"))),
            Projects::DropsUserName => user.retain(|key, _| key == "id" || (asked(key) && key != "userName")),
        }
        Some(Value::Object(user))
    }

    fn one_user(&self, id: &str, query: &Query) -> ResponseTemplate {
        self.user(id, query).map_or_else(|| refuse(404, ""), |user| ok(&user))
    }

    fn list_users(&mut self, query: &Query) -> ResponseTemplate {
        if query.contains_key("attributes") && self.character.projects == Projects::Refused {
            return refuse(400, "invalidValue");
        }
        let following = query.get("startIndex").is_some_and(|start| start != "1" && start != "0")
            || query.get("cursor").is_some_and(|cursor| !cursor.is_empty());
        if following && let Some((pages, id)) = self.character.leaves_before.take() {
            if pages <= 2 {
                self.leave(&id);
            } else {
                self.character.leaves_before = Some((pages - 1, id));
            }
        }
        if following && self.character.busy && self.seen.len().is_multiple_of(4) {
            let number = 1_000 + self.users.len();
            self.put(&format!("u{number}"), json!({}));
        }
        let ids: Vec<String> = self.users.iter().map(|(id, _)| id.clone()).collect();
        let kept = match query.get("filter").map(|filter| (filter, self.character.filters)) {
            None | Some((_, Filters::AreIgnored)) => ids,
            Some((_, Filters::FindNothing)) => Vec::new(),
            Some((_, Filters::AreRefused(status))) => return refuse(status, "invalidFilter"),
            Some((filter, Filters::OnlyEq)) if filter.contains(" ge ") => return refuse(400, "invalidFilter"),
            Some((filter, _)) => {
                let text = filter.strip_prefix("meta.lastModified ge \"").unwrap().trim_end_matches('"');
                let from = DateTime::parse_from_rfc3339(text).unwrap();
                let changed = |user: &Map<String, Value>| {
                    DateTime::parse_from_rfc3339(user["meta"]["lastModified"].as_str().unwrap()).unwrap() >= from
                };
                self.users.iter().filter(|(_, user)| changed(user)).map(|(id, _)| id.clone()).collect()
            }
        };
        self.page(&kept, query, |world, id| world.user(id, query).unwrap())
    }

    fn member(&self, id: &str) -> Value {
        let kind = if id.starts_with('g') { "Groups" } else { "Users" };
        let reference = format!("{}/{kind}/{}", self.base, super::super::server::encode(id));
        match self.character.names {
            Names::Id => json!({"value": id, "$ref": reference}),
            Names::UserName => json!({"value": format!("{id}@example.com").to_uppercase()}),
            Names::Reference => json!({"value": "opaque", "$ref": reference}),
        }
    }

    fn shown_group(&self, id: &str, members: bool) -> Value {
        let (id, name, list, version) = self.groups.iter().find(|group| group.0 == id).unwrap();
        let version = if self.character.deaf_tags { &0 } else { version };
        let mut group = json!({"id": id, "displayName": name, "meta": {"version": format!("W/\"{version}\"")}});
        if members {
            let most = self.character.cut.unwrap_or(usize::MAX);
            group["members"] = list.iter().take(most).map(|member| self.member(member)).collect();
        }
        group
    }

    fn list_groups(&mut self, query: &Query) -> ResponseTemplate {
        let members = self.character.shows == Shows::InLists && !query.contains_key("excludedAttributes");
        let named = query.get("filter").and_then(|filter| filter.strip_prefix("displayName eq "));
        let named = named.filter(|_| self.character.filters != Filters::AreIgnored).map(|name| name.trim_matches('"'));
        let ids: Vec<String> = (self.groups.iter())
            .filter(|group| named.is_none_or(|name| group.1.eq_ignore_ascii_case(name)))
            .map(|group| group.0.clone())
            .collect();
        self.page(&ids, query, |world, id| world.shown_group(id, members))
    }

    fn one_group(&self, id: &str, tag: Option<String>) -> ResponseTemplate {
        let Some(group) = self.groups.iter().find(|group| group.0 == id) else { return refuse(404, "") };
        let own = format!("W/\"{}\"", if self.character.deaf_tags { 0 } else { group.3 });
        if self.character.tags && tag.as_deref() == Some(&own) {
            return ResponseTemplate::new(304);
        }
        ok(&self.shown_group(id, self.character.shows != Shows::Never)).insert_header("etag", own.as_str())
    }

    /// One page of these records, from where the query says.
    fn page(&mut self, ids: &[String], query: &Query, show: impl Fn(&Self, &String) -> Value) -> ResponseTemplate {
        let character = self.character.clone();
        let asked: usize = query.get("count").map_or(character.page, |count| count.parse().unwrap());
        if character.too_many.is_some_and(|most| asked > most) {
            return refuse(400, "tooMany");
        }
        let size = asked.min(character.page);
        let cursor = query.get("cursor").filter(|_| character.pages != Pages::Index);
        let by_cursor = cursor.is_some() || character.pages == Pages::Cursor;
        let start: usize = query.get("startIndex").map_or(1, |start| start.parse().unwrap());
        let mut from = match cursor.map(String::as_str) {
            _ if character.ignores_start && cursor.is_none() => 0,
            None if by_cursor => 0,
            None if character.zero_based && query.contains_key("startIndex") => start,
            None => start.saturating_sub(1),
            Some("") => 0,
            Some(token) => token.strip_prefix("at-").unwrap().parse().unwrap(),
        };
        if cursor.is_some_and(|cursor| !cursor.is_empty()) && character.expiries > 0 {
            self.character.expiries -= 1;
            return refuse(400, "ExpiredCursor");
        }
        if from > 0 && from < ids.len() {
            from -= character.overlap.min(from);
        }
        if character.repeats_last && from >= ids.len() {
            from = ids.len().saturating_sub(size);
        }
        let shown: Vec<Value> = ids.iter().skip(from).take(size).map(|id| show(self, id)).collect();
        let received = shown.len();
        let mut page =
            json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"], "itemsPerPage": received});
        match character.total {
            Total::Real => page["totalResults"] = Value::from(ids.len()),
            Total::OfPage => page["totalResults"] = Value::from(received),
            Total::Absent => {}
        }
        if by_cursor && from + received < ids.len() {
            page["nextCursor"] = Value::from(format!("at-{}", from + received));
        }
        if !by_cursor {
            page["startIndex"] = Value::from(from + 1);
        }
        // Nothing is no list to some (RFC 7644, 3.4.2).
        if received > 0 || character.total == Total::Absent {
            page["Resources"] = Value::from(shown);
        }
        ok(&page)
    }
}
