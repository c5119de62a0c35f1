//! A tenant on loopback: people, groups and a log of changes, behind the addresses of Microsoft Graph.
//!
//! It keeps state and answers from it; nothing here is a script of expected calls. Faults are put in by the tests.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Map, Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

/// What the tenant holds.
#[derive(Default)]
pub(super) struct Tenant {
    base: String,
    pub(super) page_size: usize,
    pub(super) users: BTreeMap<String, Map<String, Value>>,
    pub(super) deleted: BTreeMap<String, Map<String, Value>>,
    pub(super) groups: BTreeMap<String, (String, BTreeSet<String>)>,
    user_log: Vec<String>,
    edge_log: Vec<(String, String, bool)>,
    /// Members the listing's index does not show yet.
    pub(super) unindexed: BTreeSet<String>,
    /// How many groups each group holds.
    pub(super) inner_groups: u32,
    /// Answers given instead of the real ones: a part of the address, how often, the answer.
    faults: Vec<(String, u32, ResponseTemplate)>,
    token: u32,
    /// Whether every token is refused.
    pub(super) refuse_tokens: bool,
    /// The addresses that were asked, without the host.
    pub(super) seen: Vec<String>,
}

/// The tenant with its server.
pub(super) struct Fake {
    pub(super) server: MockServer,
    tenant: Arc<Mutex<Tenant>>,
}

struct Door(Arc<Mutex<Tenant>>);

impl Respond for Door {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        self.0.lock().unwrap().answer(request)
    }
}

pub(super) fn id(number: u32) -> String {
    format!("0a000000-0000-4000-8000-{number:012}")
}

pub(super) fn group_id(number: u32) -> String {
    format!("0b000000-0000-4000-8000-{number:012}")
}

impl Fake {
    pub(super) async fn start() -> Self {
        let server = MockServer::start().await;
        let tenant = Tenant { base: server.uri(), page_size: 3, ..Tenant::default() };
        let tenant = Arc::new(Mutex::new(tenant));
        Mock::given(any()).respond_with(Door(Arc::clone(&tenant))).mount(&server).await;
        Self { server, tenant }
    }

    pub(super) fn tenant(&self) -> MutexGuard<'_, Tenant> {
        self.tenant.lock().unwrap()
    }
}

impl Tenant {
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    pub(super) fn put(&mut self, number: u32, properties: Value) {
        let user = self.users.entry(id(number)).or_insert_with(|| {
            let login = format!("user{number}@example.com");
            let new = json!({"id": id(number), "userPrincipalName": login, "accountEnabled": true});
            new.as_object().unwrap().clone()
        });
        user.extend(properties.as_object().unwrap().clone());
        self.user_log.push(id(number));
    }

    pub(super) fn delete(&mut self, number: u32) {
        if let Some(user) = self.users.remove(&id(number)) {
            self.deleted.insert(id(number), user);
            self.user_log.push(id(number));
        }
    }

    pub(super) fn restore(&mut self, number: u32) {
        if let Some(user) = self.deleted.remove(&id(number)) {
            self.users.insert(id(number), user);
            self.user_log.push(id(number));
        }
    }

    pub(super) fn group(&mut self, number: u32, name: &str) {
        self.groups.insert(group_id(number), (name.to_owned(), BTreeSet::new()));
    }

    pub(super) fn join(&mut self, group: u32, member: u32) {
        if self.groups.get_mut(&group_id(group)).unwrap().1.insert(id(member)) {
            self.edge_log.push((group_id(group), id(member), true));
        }
    }

    pub(super) fn leave(&mut self, group: u32, member: u32) {
        if self.groups.get_mut(&group_id(group)).unwrap().1.remove(&id(member)) {
            self.edge_log.push((group_id(group), id(member), false));
        }
    }

    /// Answers the next `times` requests whose address holds `part` with this.
    pub(super) fn fault(&mut self, part: &str, times: u32, answer: ResponseTemplate) {
        self.faults.push((part.to_owned(), times, answer));
    }

    pub(super) fn expire_token(&mut self) {
        self.token += 1000;
    }

    fn answer(&mut self, request: &Request) -> ResponseTemplate {
        let path = request.url.path().to_owned();
        if path.ends_with("/oauth2/v2.0/token") {
            self.token += 1;
            return ResponseTemplate::new(200).set_body_json(
                json!({"token_type":"Bearer","expires_in":3599,"access_token":format!("t{}", self.token)}),
            );
        }
        let query: BTreeMap<String, String> = request.url.query_pairs().into_owned().collect();
        let shown: Vec<String> = query.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let address = format!("{path}?{}", shown.join("&"));
        self.seen.push(address.clone());
        let bearer = request.headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
        if self.refuse_tokens || bearer != Some(format!("Bearer t{}", self.token)) {
            return ResponseTemplate::new(401);
        }
        if let Some(fault) = self.faults.iter_mut().find(|(part, left, _)| *left > 0 && address.contains(part)) {
            fault.1 -= 1;
            return fault.2.clone();
        }
        let advanced = request.headers.get("consistencylevel").is_some_and(|level| level == "eventual");
        let parts: Vec<&str> = path.trim_start_matches("/v1.0/").split('/').collect();
        match parts.as_slice() {
            ["users", "delta"] => self.users_delta(&query),
            ["users"] => self.list("/users", self.users.keys().cloned().collect(), &query),
            ["users", user, "memberOf"] => {
                let own = self.groups.iter().filter(|(_, (_, members))| members.contains(*user));
                let own: Vec<Value> = own.map(|(group, _)| json!({"id": group})).collect();
                ResponseTemplate::new(200).set_body_json(json!({ "value": own }))
            }
            ["groups", "delta"] => self.groups_delta(&query),
            ["groups"] => self.named(&query),
            ["groups", group, relation, kind] if advanced => self.members(group, relation, kind, &query),
            ["$batch"] => self.batch(&request.body),
            _ => ResponseTemplate::new(400).set_body_json(json!({"error":{"code":"Request_UnsupportedQuery"}})),
        }
    }

    fn user(&self, id: &str) -> Value {
        match (self.users.get(id), self.deleted.contains_key(id)) {
            (Some(user), _) => Value::Object(user.clone()),
            (None, true) => json!({"id": id, "@removed": {"reason": "changed"}}),
            (None, false) => json!({"id": id, "@removed": {"reason": "deleted"}}),
        }
    }

    /// One page of these ids, from where the query says.
    fn list(&self, address: &str, ids: Vec<String>, query: &BTreeMap<String, String>) -> ResponseTemplate {
        let from: usize = query.get("$skiptoken").map_or(0, |at| at.parse().unwrap());
        let rest = &ids[from.min(ids.len())..];
        let shown: Vec<Value> = rest.iter().take(self.page_size).map(|id| self.user(id)).collect();
        let mut page = json!({"value": shown, "@odata.count": ids.len()});
        if rest.len() > self.page_size {
            let next = format!("{}/v1.0{address}?$skiptoken={}&$count=true", self.base, from + self.page_size);
            page["@odata.nextLink"] = Value::from(next);
        }
        ResponseTemplate::new(200).set_body_json(page)
    }

    /// A token is where the round started in the log (`new`: with everybody), where it ends, and how far it was read.
    fn users_delta(&self, query: &BTreeMap<String, String>) -> ResponseTemplate {
        let now = self.user_log.len();
        let link = |kind: &str, token: String| Value::from(format!("{}/v1.0/users/delta?${kind}={token}", self.base));
        let (start, end, from) = match (query.get("$deltatoken"), query.get("$skiptoken")) {
            (Some(token), _) if token == "latest" => {
                let body = json!({"value": [], "@odata.deltaLink": link("deltatoken", now.to_string())});
                return ResponseTemplate::new(200).set_body_json(body);
            }
            (Some(token), _) => (token.clone(), now, 0),
            (None, Some(token)) => {
                let parts: Vec<&str> = token.split('_').collect();
                (parts[0].to_owned(), parts[1].parse().unwrap(), parts[2].parse().unwrap())
            }
            (None, None) => ("new".to_owned(), now, 0),
        };
        let ids: Vec<String> = match start.parse::<usize>() {
            Ok(start) => self.user_log[start..end].to_vec(),
            Err(_) => self.users.keys().cloned().collect(),
        };
        let shown: Vec<Value> = ids.iter().skip(from).take(self.page_size).map(|id| self.user(id)).collect();
        let mut page = json!({ "value": shown });
        if ids.len() > from + self.page_size {
            page["@odata.nextLink"] = link("skiptoken", format!("{start}_{end}_{}", from + self.page_size));
        } else {
            page["@odata.deltaLink"] = link("deltatoken", end.to_string());
        }
        ResponseTemplate::new(200).set_body_json(page)
    }

    /// The first round shows a group over several pages with an empty one between; later rounds show the log.
    fn groups_delta(&self, query: &BTreeMap<String, String>) -> ResponseTemplate {
        let now = self.edge_log.len();
        let link = |kind: &str, token: &str| Value::from(format!("{}/v1.0/groups/delta?${kind}={token}", self.base));
        let member = |id: &String, there: bool| {
            let mut entry = json!({"@odata.type": "#microsoft.graph.user", "id": id});
            if !there {
                entry["@removed"] = json!({"reason": "deleted"});
            }
            entry
        };
        let body = if let Some(token) = query.get("$deltatoken") {
            let (start, asked) = token.split_once('~').unwrap();
            let changes = &self.edge_log[start.parse().unwrap()..];
            let shown: Vec<Value> = changes
                .iter()
                .filter(|(group, ..)| asked.contains(group))
                .map(|(group, id, there)| json!({"id": group, "members@delta": [member(id, *there)]}))
                .collect();
            json!({"value": shown, "@odata.deltaLink": link("deltatoken", &format!("{now}~{asked}"))})
        } else if let Some(asked) = query.get("$skiptoken") {
            match asked.strip_prefix("empty~") {
                Some(asked) => json!({"value": [], "@odata.nextLink": link("skiptoken", asked)}),
                None => {
                    let groups = self.groups.iter().filter(|(id, _)| asked.contains(*id));
                    let shown = groups.map(|(id, (_, members))| {
                        let members: Vec<Value> = members.iter().skip(1).map(|id| member(id, true)).collect();
                        json!({"id": id, "members@delta": members})
                    });
                    let shown: Vec<Value> = shown.collect();
                    json!({"value": shown, "@odata.deltaLink": link("deltatoken", &format!("{now}~{asked}"))})
                }
            }
        } else {
            let filter = &query["$filter"];
            let groups = self.groups.iter().filter(|(id, _)| filter.contains(&format!("id eq '{id}'")));
            let asked: Vec<&str> = groups.clone().map(|(id, _)| id.as_str()).collect();
            let shown = groups.map(|(id, (name, members))| {
                let members: Vec<Value> = members.iter().take(1).map(|id| member(id, true)).collect();
                json!({"id": id, "displayName": name, "members@delta": members})
            });
            let shown: Vec<Value> = shown.collect();
            json!({"value": shown, "@odata.nextLink": link("skiptoken", &format!("empty~{}", asked.join("+")))})
        };
        ResponseTemplate::new(200).set_body_json(body)
    }

    fn named(&self, query: &BTreeMap<String, String>) -> ResponseTemplate {
        let wanted = query["$filter"].trim_start_matches("displayName eq '").trim_end_matches('\'').replace("''", "'");
        let found = self.groups.iter().filter(|(_, (name, _))| *name == wanted);
        let found: Vec<Value> = found.map(|(id, (name, _))| json!({"id": id, "displayName": name})).collect();
        ResponseTemplate::new(200).set_body_json(json!({ "value": found }))
    }

    fn members(&self, group: &str, relation: &str, kind: &str, query: &BTreeMap<String, String>) -> ResponseTemplate {
        let Some((_, members)) = self.groups.get(group) else {
            return ResponseTemplate::new(404).set_body_json(json!({"error":{"code":"Request_ResourceNotFound"}}));
        };
        if kind != "microsoft.graph.user" {
            return ResponseTemplate::new(200).set_body_json(json!({"value": [], "@odata.count": self.inner_groups}));
        }
        let there = |id: &&String| self.users.contains_key(*id) && !self.unindexed.contains(*id);
        let ids = members.iter().filter(there).cloned().collect();
        self.list(&format!("/groups/{group}/{relation}/{kind}"), ids, query)
    }

    fn batch(&mut self, body: &[u8]) -> ResponseTemplate {
        let body: Value = serde_json::from_slice(body).unwrap();
        let parts = body["requests"].as_array().unwrap();
        assert!(parts.len() <= 20, "a batch holds twenty parts at most");
        let answers: Vec<Value> = parts
            .iter()
            .rev()
            .map(|part| {
                let address = part["url"].as_str().unwrap();
                if let Some(fault) = self.faults.iter_mut().find(|(part, left, _)| *left > 0 && address.contains(part))
                {
                    fault.1 -= 1;
                    return json!({"id": part["id"], "status": 429, "headers": {"Retry-After": "0.05"},
                        "body": {"error": {"code": "TooManyRequests"}}});
                }
                let user = address.trim_start_matches("/users/").split('?').next().unwrap();
                match self.users.get(user) {
                    Some(user) => json!({"id": part["id"], "status": 200, "body": user}),
                    None => json!({"id": part["id"], "status": 404,
                        "body": {"error": {"code": "Request_ResourceNotFound"}}}),
                }
            })
            .collect();
        ResponseTemplate::new(200).set_body_json(json!({ "responses": answers }))
    }
}
