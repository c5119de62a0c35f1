//! The searches: criteria, filters, and the index that lags behind.
//!
//! Source: Amazon Connect API reference, SearchUsers, UserSearchCriteria, UserSearchFilter, StringCondition,
//! ControlPlaneTagFilter, HierarchyGroupCondition.
//!
//! Case sensitivity of string conditions is undocumented; here they ignore case, so that a caller who needs an exact
//! match has to compare for itself.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::catalogue::{self, Group};
use super::paging::PageRequest;
use super::quick::{self, QuickConnect};
use super::refusal::Refusal;
use super::route::Call;
use super::store::Store;
use super::user::User;
use super::users::with_token;

/// Conditions nest this deep at most.
const MAX_DEPTH: usize = 8;

#[derive(Debug, Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Criteria {
    or_conditions: Option<Vec<Criteria>>,
    and_conditions: Option<Vec<Criteria>>,
    string_condition: Option<StringCondition>,
    list_condition: Option<Value>,
    hierarchy_group_condition: Option<HierarchyCondition>,
}

#[derive(Debug, Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct StringCondition {
    field_name: String,
    value: String,
    comparison_type: String,
}

#[derive(Debug, Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct HierarchyCondition {
    value: String,
    hierarchy_group_match_type: String,
}

#[derive(Debug, Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct TagCondition {
    tag_key: String,
    tag_value: Option<String>,
}

#[derive(Debug, Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct TagFilter {
    or_conditions: Option<Vec<Vec<TagCondition>>>,
    and_conditions: Option<Vec<TagCondition>>,
    tag_condition: Option<TagCondition>,
}

#[derive(Debug, Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct AttributeAnd {
    tag_conditions: Option<Vec<TagCondition>>,
    hierarchy_group_condition: Option<HierarchyCondition>,
}

#[derive(Debug, Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct AttributeFilter {
    or_conditions: Option<Vec<AttributeAnd>>,
    and_condition: Option<AttributeAnd>,
    tag_condition: Option<TagCondition>,
    hierarchy_group_condition: Option<HierarchyCondition>,
}

#[derive(Debug, Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Filter {
    tag_filter: Option<TagFilter>,
    user_attribute_filter: Option<AttributeFilter>,
}

#[derive(Debug, Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Request {
    search_criteria: Option<Criteria>,
    search_filter: Option<Filter>,
}

/// Something that can be searched.
trait Searchable {
    /// The values of a field, by its name in lower case; absent: there is no such field.
    fn field(&self, name: &str) -> Option<Vec<&str>>;
    fn tags(&self) -> &BTreeMap<String, String>;
    fn group(&self) -> Option<&str>;
}

impl Searchable for User {
    fn field(&self, name: &str) -> Option<Vec<&str>> {
        Some(match name {
            "username" => vec![self.username.as_str()],
            "firstname" => self.identity_info.first_name.as_deref().into_iter().collect(),
            "lastname" => self.identity_info.last_name.as_deref().into_iter().collect(),
            "routingprofileid" => vec![self.routing_profile_id.as_str()],
            "securityprofileid" => self.security_profile_ids.iter().map(String::as_str).collect(),
            "resourceid" => vec![self.id.as_str()],
            _ => return None,
        })
    }

    fn tags(&self) -> &BTreeMap<String, String> {
        &self.tags
    }

    fn group(&self) -> Option<&str> {
        self.hierarchy_group_id.as_deref()
    }
}

impl Searchable for Group {
    fn field(&self, name: &str) -> Option<Vec<&str>> {
        Some(match name {
            "name" => vec![self.name.as_str()],
            "parentid" => self.parent.as_deref().into_iter().collect(),
            "resourceid" => vec![self.id.as_str()],
            _ => return None,
        })
    }

    fn tags(&self) -> &BTreeMap<String, String> {
        &self.tags
    }

    fn group(&self) -> Option<&str> {
        None
    }
}

impl Searchable for QuickConnect {
    fn field(&self, name: &str) -> Option<Vec<&str>> {
        Some(match name {
            "name" => vec![self.name.as_str()],
            "description" => self.description.as_deref().into_iter().collect(),
            "resourceid" => vec![self.id.as_str()],
            _ => return None,
        })
    }

    fn tags(&self) -> &BTreeMap<String, String> {
        &self.tags
    }

    fn group(&self) -> Option<&str> {
        None
    }
}

/// Decides what matches. Built once per request, after the request was checked.
struct Matcher {
    request: Request,
    groups: BTreeMap<String, Group>,
}

impl Matcher {
    /// `fields`: the names that may be searched, in lower case.
    fn read(call: &Call, store: &Store, fields: &[&str]) -> Result<Self, Refusal> {
        let request: Request = call.parse()?;
        if let Some(criteria) = &request.search_criteria {
            check(criteria, fields, 0)?;
        }
        if let Some(filter) = &request.search_filter
            && filter.tag_filter.is_some()
            && filter.user_attribute_filter.is_some()
        {
            return Err(Refusal::denied("TagFilter and UserAttributeFilter exclude each other"));
        }
        Ok(Self { request, groups: store.groups.clone() })
    }

    /// Nothing was asked for: everything matches.
    fn is_open(&self) -> bool {
        let Request { search_criteria, search_filter } = &self.request;
        search_criteria.is_none() && search_filter.is_none()
    }

    fn matches(&self, entry: &impl Searchable) -> bool {
        let Request { search_criteria, search_filter } = &self.request;
        search_criteria.as_ref().is_none_or(|criteria| self.meets(criteria, entry))
            && search_filter.as_ref().is_none_or(|filter| self.passes(filter, entry))
    }

    fn meets(&self, criteria: &Criteria, entry: &impl Searchable) -> bool {
        let Criteria { or_conditions, and_conditions, string_condition, list_condition: _, hierarchy_group_condition } =
            criteria;
        or_conditions.as_ref().is_none_or(|list| list.iter().any(|part| self.meets(part, entry)))
            && and_conditions.as_ref().is_none_or(|list| list.iter().all(|part| self.meets(part, entry)))
            && string_condition.as_ref().is_none_or(|condition| compare(condition, entry))
            && hierarchy_group_condition.as_ref().is_none_or(|condition| self.in_group(condition, entry))
    }

    fn passes(&self, filter: &Filter, entry: &impl Searchable) -> bool {
        let Filter { tag_filter, user_attribute_filter } = filter;
        let tags = |list: &[TagCondition]| list.iter().all(|condition| tagged(condition, entry));
        tag_filter.as_ref().is_none_or(|TagFilter { or_conditions, and_conditions, tag_condition }| {
            or_conditions.as_ref().is_none_or(|lists| lists.iter().any(|list| tags(list)))
                && and_conditions.as_ref().is_none_or(|list| tags(list))
                && tag_condition.as_ref().is_none_or(|condition| tagged(condition, entry))
        }) && user_attribute_filter.as_ref().is_none_or(|filter| {
            let AttributeFilter { or_conditions, and_condition, tag_condition, hierarchy_group_condition } = filter;
            let all = |AttributeAnd { tag_conditions, hierarchy_group_condition }: &AttributeAnd| {
                tag_conditions.as_ref().is_none_or(|list| tags(list))
                    && hierarchy_group_condition.as_ref().is_none_or(|condition| self.in_group(condition, entry))
            };
            or_conditions.as_ref().is_none_or(|list| list.iter().any(all))
                && and_condition.as_ref().is_none_or(all)
                && tag_condition.as_ref().is_none_or(|condition| tagged(condition, entry))
                && hierarchy_group_condition.as_ref().is_none_or(|condition| self.in_group(condition, entry))
        })
    }

    fn in_group(&self, condition: &HierarchyCondition, entry: &impl Searchable) -> bool {
        let Some(group) = entry.group() else { return false };
        if condition.hierarchy_group_match_type == "WITH_CHILD_GROUPS" {
            catalogue::chain(&self.groups, group).iter().any(|group| group.id == condition.value)
        } else {
            group == condition.value
        }
    }
}

fn check(criteria: &Criteria, fields: &[&str], depth: usize) -> Result<(), Refusal> {
    let Criteria { or_conditions, and_conditions, string_condition, list_condition, hierarchy_group_condition } =
        criteria;
    if depth > MAX_DEPTH {
        return Err(Refusal::parameter("SearchCriteria nests too deep"));
    }
    if list_condition.is_some() {
        return Err(Refusal::parameter("ListCondition needs proficiencies, which this instance does not use"));
    }
    if let Some(HierarchyCondition { value: _, hierarchy_group_match_type }) = hierarchy_group_condition
        && !matches!(hierarchy_group_match_type.as_str(), "EXACT" | "WITH_CHILD_GROUPS")
    {
        return Err(Refusal::parameter("HierarchyGroupMatchType is not valid"));
    }
    if let Some(StringCondition { field_name, value, comparison_type }) = string_condition {
        if !fields.contains(&field_name.to_lowercase().as_str()) {
            return Err(Refusal::parameter("FieldName cannot be searched"));
        }
        match comparison_type.as_str() {
            "EXACT" | "STARTS_WITH" => {}
            "CONTAINS" if (2..=25).contains(&value.chars().count()) => {}
            "CONTAINS" => return Err(Refusal::parameter("A value for CONTAINS has 2 to 25 characters")),
            _ => return Err(Refusal::parameter("ComparisonType is not valid")),
        }
    }
    let nested = or_conditions.iter().flatten().chain(and_conditions.iter().flatten());
    nested.into_iter().try_for_each(|part| check(part, fields, depth + 1))
}

fn compare(condition: &StringCondition, entry: &impl Searchable) -> bool {
    let wanted = condition.value.to_lowercase();
    let values = entry.field(&condition.field_name.to_lowercase()).unwrap_or_default();
    values.into_iter().map(str::to_lowercase).any(|value| match condition.comparison_type.as_str() {
        "STARTS_WITH" => value.starts_with(&wanted),
        "CONTAINS" => value.contains(&wanted),
        _ => value == wanted,
    })
}

fn tagged(condition: &TagCondition, entry: &impl Searchable) -> bool {
    let TagCondition { tag_key, tag_value } = condition;
    entry.tags().get(tag_key).is_some_and(|value| tag_value.as_ref().is_none_or(|wanted| wanted == value))
}

/// `POST /search-users`: the state of one lag ago.
pub(super) fn users(store: &mut Store, call: &Call) -> Result<Value, Refusal> {
    let page = PageRequest::read(call, store, 100, 500)?;
    let fields = ["username", "firstname", "lastname", "routingprofileid", "securityprofileid", "resourceid"];
    let matcher = Matcher::read(call, store, &fields)?;
    let index = store.searchable();
    let total = if matcher.is_open() {
        index.len()
    } else {
        index.values().filter(|user| matcher.matches(user.as_ref())).count()
    };
    let (users, token) = page.cut(index, |user| matcher.matches(user.as_ref()), |user| user.found());
    Ok(with_token(json!({ "Users": users, "ApproximateTotalCount": total }), token))
}

/// `POST /search-user-hierarchy-groups`: with the chain of ancestors of each.
pub(super) fn hierarchy_groups(store: &mut Store, call: &Call) -> Result<Value, Refusal> {
    let page = PageRequest::read(call, store, 100, 100)?;
    let matcher = Matcher::read(call, store, &["name", "parentid", "resourceid"])?;
    let mut entries: BTreeMap<String, Value> = store
        .groups
        .values()
        .filter(|group| matcher.matches(*group))
        .map(|group| (group.id.clone(), catalogue::group_entry(store, group)))
        .collect();
    if matcher.is_open() {
        entries.insert(store.settings.instance_id.clone(), catalogue::ground_entry(store));
    }
    let (groups, token) = page.cut(&entries, |_| true, Value::clone);
    Ok(with_token(json!({ "UserHierarchyGroups": groups, "ApproximateTotalCount": entries.len() }), token))
}

/// `POST /search-quick-connects`: with what they lead to.
pub(super) fn quick_connects(store: &mut Store, call: &Call) -> Result<Value, Refusal> {
    let page = PageRequest::read(call, store, 100, 100)?;
    let matcher = Matcher::read(call, store, &["name", "description", "resourceid"])?;
    let total = store.quick_connects.values().filter(|quick| matcher.matches(*quick)).count();
    let (list, token) =
        page.cut(&store.quick_connects, |quick| matcher.matches(quick), |entry| quick::entry(store, entry));
    Ok(with_token(json!({ "QuickConnects": list, "ApproximateTotalCount": total }), token))
}
