//! What the rules give whom.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use super::problem::{At, Problem};

/// The rules over everybody who is active and in scope.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Rules {
    /// In order, the default persona last.
    rules: Vec<Rule>,
    /// Departments that no rule speaks of, largest first.
    departments: Vec<Department>,
    /// What somebody should correct.
    problems: Vec<Lint>,
}

/// A rule.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Rule {
    /// Its name; `(default)` for the default persona.
    rule: String,
    /// When it applies, as text.
    when: String,
    /// What it gives, as text.
    gives: String,
    /// People it applies to.
    people: u32,
}

/// A department without a rule.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Department {
    /// Absent: people without one.
    department: Option<String>,
    /// People in it.
    people: u32,
    /// The closest department of a rule.
    nearest: Option<String>,
    /// That rule.
    nearest_rule: Option<String>,
}

/// Something to correct.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Lint {
    /// What.
    message: String,
    /// One thing to do.
    hint: String,
}

/// What the rules give whom.
#[utoipa::path(get, path = "/api/centres/{centre}/rules", operation_id = "rules", tag = "rules",
    params(("centre" = String, Path, description = "Its name")), responses(
    (status = 200, description = "The rules", body = Rules),
    (status = 503, description = "Nobody has looked yet", body = Problem)))]
pub(super) async fn rules(At(view): At) -> Result<Json<Rules>, Problem> {
    let known = view.known().await?;
    let rule = |row: &crate::planner::lint::RuleCoverage| Rule {
        rule: row.rule.clone(),
        when: row.when.clone(),
        gives: row.gives.clone(),
        people: row.people,
    };
    let department = |row: &crate::planner::lint::UnmappedDepartment| {
        let (nearest, nearest_rule) = row.nearest.clone().unzip();
        Department { department: row.department.clone(), people: row.people, nearest, nearest_rule }
    };
    Ok(Json(Rules {
        rules: known.coverage.rules.iter().map(rule).collect(),
        departments: known.coverage.departments.iter().map(department).collect(),
        problems: (known.coverage.problems.iter())
            .map(|row| Lint { message: row.message.clone(), hint: row.hint.clone() })
            .collect(),
    }))
}
