//! A request as Graph reads it: the operation its path names, its query options, what it costs.

use serde_json::Value;
use url::form_urlencoded;

use super::Refusal;

/// What a path and method ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Operation {
    Users,
    User(String),
    UserDelta,
    DeletedUsers,
    Groups,
    Group(String),
    GroupDelta,
    Members {
        group: String,
        transitive: bool,
        cast: Option<String>,
    },
    /// The groups somebody is in.
    MemberOf {
        user: String,
        transitive: bool,
    },
    GetByIds,
    Batch,
    /// A known path, another method.
    WrongMethod,
    /// No such path; the segment that is not known.
    Unknown(String),
}

impl Operation {
    fn of(method: &str, path: &[String]) -> Self {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let (wanted, operation) = match path.as_slice() {
            ["users"] => ("GET", Self::Users),
            ["users", "delta" | "delta()" | "microsoft.graph.delta()"] => ("GET", Self::UserDelta),
            ["users", key] => ("GET", Self::User((*key).to_owned())),
            ["users", user, list @ ("memberOf" | "transitiveMemberOf")] => {
                ("GET", Self::MemberOf { user: (*user).to_owned(), transitive: *list != "memberOf" })
            }
            ["groups"] => ("GET", Self::Groups),
            ["groups", "delta" | "delta()" | "microsoft.graph.delta()"] => ("GET", Self::GroupDelta),
            ["groups", id] => ("GET", Self::Group((*id).to_owned())),
            ["groups", id, list @ ("members" | "transitiveMembers"), cast @ ..] if cast.len() < 2 => {
                let cast = cast.first().map(|&cast| cast.to_owned());
                ("GET", Self::Members { group: (*id).to_owned(), transitive: *list != "members", cast })
            }
            ["directory", "deletedItems", "microsoft.graph.user"] => ("GET", Self::DeletedUsers),
            ["directoryObjects", "getByIds"] => ("POST", Self::GetByIds),
            ["$batch"] => ("POST", Self::Batch),
            other => return Self::Unknown(other.last().copied().unwrap_or_default().to_owned()),
        };
        if method.eq_ignore_ascii_case(wanted) { operation } else { Self::WrongMethod }
    }

    /// Its name in counts and faults.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Users => "GET /users",
            Self::User(_) => "GET /users/{id}",
            Self::UserDelta => "GET /users/delta",
            Self::DeletedUsers => "GET /directory/deletedItems/microsoft.graph.user",
            Self::Groups => "GET /groups",
            Self::Group(_) => "GET /groups/{id}",
            Self::GroupDelta => "GET /groups/delta",
            Self::Members { transitive: false, .. } => "GET /groups/{id}/members",
            Self::Members { transitive: true, .. } => "GET /groups/{id}/transitiveMembers",
            Self::MemberOf { transitive: false, .. } => "GET /users/{id}/memberOf",
            Self::MemberOf { transitive: true, .. } => "GET /users/{id}/transitiveMemberOf",
            Self::GetByIds => "POST /directoryObjects/getByIds",
            Self::Batch => "POST /$batch",
            Self::WrongMethod | Self::Unknown(_) => "other",
        }
    }
}

/// One request, alone or part of a batch.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) operation: Operation,
    /// The path under `/v1.0`, as sent.
    pub(super) path: String,
    /// Path and query under `/v1.0`, as sent.
    pub(super) target: String,
    query: Vec<(String, String)>,
    /// Names in lower case.
    headers: Vec<(String, String)>,
    pub(super) body: Value,
}

impl Call {
    /// `target` is relative to `/v1.0` and starts with a slash.
    pub(super) fn read(method: &str, target: &str, headers: Vec<(String, String)>, body: Value) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let segments: Vec<String> = path.split('/').filter(|part| !part.is_empty()).map(decoded).collect();
        Self {
            operation: Operation::of(method, &segments),
            path: path.to_owned(),
            target: target.to_owned(),
            query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            headers: headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect(),
            body,
        }
    }

    /// A header, by its name in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// All headers, for the parts of a batch to inherit the token.
    pub(super) fn authorization(&self) -> Option<(String, String)> {
        Some(("authorization".to_owned(), self.header("authorization")?.to_owned()))
    }

    /// A query option, with its dollar sign, compared without case.
    pub(super) fn option(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Whether any option beside `name` is there.
    pub(super) fn has_others_than(&self, name: &str) -> bool {
        self.query.iter().any(|(own, _)| !own.eq_ignore_ascii_case(name))
    }

    /// Whether the index of advanced queries was asked for: the header and the parameter.
    pub(super) fn is_eventual(&self) -> bool {
        self.header("consistencylevel").is_some_and(|level| level.eq_ignore_ascii_case("eventual"))
    }

    pub(super) fn wants_count(&self) -> bool {
        self.option("$count").is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    pub(super) fn prefers_minimal(&self) -> bool {
        self.header("prefer").is_some_and(|value| value.replace(' ', "").contains("return=minimal"))
    }

    /// `$top` of a listing: 1 to 999, else 100.
    pub(super) fn top(&self) -> Result<usize, Refusal> {
        let Some(text) = self.option("$top") else { return Ok(100) };
        match text.parse() {
            Ok(top @ 1..=999) => Ok(top),
            _ => {
                let message = format!("Invalid page size specified: '{text}'. Must be between 1 and 999 inclusive.");
                Err(Refusal::unsupported(message))
            }
        }
    }

    /// Resource units: base cost, `$select` one less, `$expand` one more, a small `$top` one less, never below one.
    pub(super) fn cost(&self) -> u32 {
        let selects = self.option("$select").is_some();
        let base: i32 = match self.operation {
            Operation::Users => 2,
            Operation::Members { transitive: false, .. } => 3,
            Operation::Members { transitive: true, .. } => 5,
            Operation::GetByIds if selects => 3,
            Operation::GetByIds => 5,
            _ => 1,
        };
        let small = self.option("$top").and_then(|top| top.parse::<u32>().ok()).is_some_and(|top| top < 20);
        let cost = base - i32::from(selects) + i32::from(self.option("$expand").is_some()) - i32::from(small);
        cost.max(1).unsigned_abs()
    }

    /// Refuses options nobody supports here. A delta function ignores what it does not know.
    pub(super) fn check_options(&self) -> Result<(), Refusal> {
        if matches!(self.operation, Operation::UserDelta | Operation::GroupDelta) {
            return Ok(());
        }
        for (name, _) in self.query.iter().filter(|(name, _)| name.starts_with('$')) {
            match name.to_ascii_lowercase().as_str() {
                "$select" | "$filter" | "$top" | "$count" | "$skiptoken" => {}
                "$skip" => return Err(Refusal::unsupported("'$skip' is not supported by the service.")),
                "$orderby" => return Err(Refusal::unsupported("Sorting not supported for current query.")),
                "$expand" | "$search" => return Err(Refusal::unsupported(format!("'{name}' is not supported here."))),
                _ => {
                    let message = format!("The query parameter '{name}' is not supported.");
                    return Err(Refusal::new(400, "BadRequest", message));
                }
            }
        }
        Ok(())
    }
}

/// Percent-decoded; a plus sign in a path is a plus sign.
fn decoded(segment: &str) -> String {
    let safe = segment.replace('+', "%2B").replace('&', "%26").replace('=', "%3D");
    form_urlencoded::parse(safe.as_bytes()).next().map(|(name, _)| name.into_owned()).unwrap_or_default()
}
