//! A request as the org reads it: the operation its path names, its parameters, the bucket that pays for it.

use axum::http::{HeaderMap, Method, Uri};
use url::form_urlencoded;

use super::reply::Refusal;

/// What a path and method ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Operation {
    Users,
    User(String),
    UserGroups(String),
    Groups,
    Group(String),
    GroupUsers(String),
    Apps,
    App(String),
    AppUsers(String),
    AppUser(String, String),
    AppGroups(String),
    Logs,
    Token,
    /// A known path, another method.
    WrongMethod,
    /// No such path.
    Unknown,
}

impl Operation {
    fn of(method: &Method, path: &[String]) -> Self {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let own = |id: &str| id.to_owned();
        let (wanted, operation) = match path.as_slice() {
            ["api", "v1", "users"] => (Method::GET, Self::Users),
            ["api", "v1", "users", id] => (Method::GET, Self::User(own(id))),
            ["api", "v1", "users", id, "groups"] => (Method::GET, Self::UserGroups(own(id))),
            ["api", "v1", "groups"] => (Method::GET, Self::Groups),
            ["api", "v1", "groups", id] => (Method::GET, Self::Group(own(id))),
            ["api", "v1", "groups", id, "users"] => (Method::GET, Self::GroupUsers(own(id))),
            ["api", "v1", "apps"] => (Method::GET, Self::Apps),
            ["api", "v1", "apps", id] => (Method::GET, Self::App(own(id))),
            ["api", "v1", "apps", id, "users"] => (Method::GET, Self::AppUsers(own(id))),
            ["api", "v1", "apps", id, "users", user] => (Method::GET, Self::AppUser(own(id), own(user))),
            ["api", "v1", "apps", id, "groups"] => (Method::GET, Self::AppGroups(own(id))),
            ["api", "v1", "logs"] => (Method::GET, Self::Logs),
            ["oauth2", "v1", "token"] => (Method::POST, Self::Token),
            _ => return Self::Unknown,
        };
        if *method == wanted { operation } else { Self::WrongMethod }
    }

    /// Its name in counts and faults.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Users => "GET /api/v1/users",
            Self::User(_) => "GET /api/v1/users/{id}",
            Self::UserGroups(_) => "GET /api/v1/users/{id}/groups",
            Self::Groups => "GET /api/v1/groups",
            Self::Group(_) => "GET /api/v1/groups/{id}",
            Self::GroupUsers(_) => "GET /api/v1/groups/{id}/users",
            Self::Apps => "GET /api/v1/apps",
            Self::App(_) => "GET /api/v1/apps/{id}",
            Self::AppUsers(_) => "GET /api/v1/apps/{id}/users",
            Self::AppUser(..) => "GET /api/v1/apps/{id}/users/{uid}",
            Self::AppGroups(_) => "GET /api/v1/apps/{id}/groups",
            Self::Logs => "GET /api/v1/logs",
            Self::Token => "POST /oauth2/v1/token",
            Self::WrongMethod | Self::Unknown => "other",
        }
    }

    /// The scope that lets a client ask for it.
    pub(super) fn scope(&self) -> &'static str {
        match self {
            Self::Users | Self::User(_) => "okta.users.read",
            Self::UserGroups(_) | Self::Groups | Self::Group(_) | Self::GroupUsers(_) => "okta.groups.read",
            Self::Apps | Self::App(_) | Self::AppUsers(_) | Self::AppUser(..) | Self::AppGroups(_) => "okta.apps.read",
            Self::Logs => "okta.logs.read",
            Self::Token | Self::WrongMethod | Self::Unknown => "",
        }
    }
}

/// One request.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) operation: Operation,
    /// The path, as sent.
    pub(super) path: String,
    /// Path and query, as sent.
    pub(super) target: String,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    /// Fields of a form.
    form: Vec<(String, String)>,
}

impl Call {
    pub(super) fn read(method: Method, uri: &Uri, headers: HeaderMap, body: &[u8]) -> Self {
        let path = uri.path();
        let segments: Vec<String> = path.split('/').filter(|part| !part.is_empty()).map(decoded).collect();
        let kind = headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let form = if kind.starts_with("application/x-www-form-urlencoded") {
            form_urlencoded::parse(body).into_owned().collect()
        } else {
            Vec::new()
        };
        Self {
            operation: Operation::of(&method, &segments),
            path: path.to_owned(),
            target: uri.path_and_query().map_or(path, |target| target.as_str()).to_owned(),
            query: form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect(),
            method,
            headers,
            form,
        }
    }

    /// A header, by its name in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// How often a header was sent.
    pub(super) fn count_of(&self, name: &str) -> usize {
        self.headers.get_all(name).iter().count()
    }

    /// A parameter of the query; an empty one is none.
    pub(super) fn param(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
        found.filter(|value| !value.is_empty())
    }

    /// A field of the form.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let found = self.form.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
        found.filter(|value| !value.is_empty())
    }

    /// `limit`, between these bounds.
    pub(super) fn limit(&self, default: usize, bounds: std::ops::RangeInclusive<usize>) -> Result<usize, Refusal> {
        let Some(text) = self.param("limit") else { return Ok(default) };
        let found = text.parse().ok().filter(|limit| bounds.contains(limit));
        found.ok_or_else(|| Refusal::invalid(&format!("limit must be between {} and {}", bounds.start(), bounds.end())))
    }

    /// The query that gives the next page: as it was, but for `after`, and without what only a first request may say.
    pub(super) fn continued(&self, after: &str, without: &[&str]) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("after", after);
        for (name, value) in self.query.iter().filter(|(name, _)| name != "after" && !without.contains(&name.as_str()))
        {
            query.append_pair(name, value);
        }
        format!("{}?{}", self.path, query.finish())
    }

    /// What a cursor belongs to: everything but where the page begins.
    pub(super) fn listing(&self, without: &[&str]) -> String {
        let kept = self.query.iter().filter(|(name, _)| name != "after" && !without.contains(&name.as_str()));
        kept.fold(self.path.clone(), |text, (name, value)| format!("{text}\n{name}={value}"))
    }
}

/// Percent-decoded; a plus sign in a path is a plus sign.
fn decoded(segment: &str) -> String {
    let safe = segment.replace('+', "%2B").replace('&', "%26").replace('=', "%3D");
    form_urlencoded::parse(safe.as_bytes()).next().map(|(name, _)| name.into_owned()).unwrap_or_default()
}
