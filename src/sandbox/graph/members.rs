//! Members of a group, direct or through nested groups.
//!
//! A cast makes an advanced query: without the header and `$count=true` it is refused. Soft-deleted users are not
//! listed, though they are still members.

use std::ops::Bound;

use serde_json::{Value, json};

use super::cursor::Cursor;
use super::render::{GroupSelection, Selection, reference};
use super::{Context, Refusal, groups};
use crate::sandbox::tenant::State;
use crate::sandbox::tenant::store::{Group, Member};

/// Which members a cast lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cast {
    None,
    User,
    Group,
    Device,
}

impl Cast {
    fn read(cast: Option<&str>) -> Result<Self, Refusal> {
        match cast {
            None => Ok(Self::None),
            Some("microsoft.graph.user") => Ok(Self::User),
            Some("microsoft.graph.group") => Ok(Self::Group),
            Some("microsoft.graph.device") => Ok(Self::Device),
            Some(other) => Err(Refusal::unsupported(format!("'{other}' is not a type a member can be cast to."))),
        }
    }

    fn lets(self, member: Member) -> bool {
        match self {
            Self::None => true,
            Self::User => matches!(member, Member::User(_)),
            Self::Group => matches!(member, Member::Group(_)),
            Self::Device => matches!(member, Member::Device(_)),
        }
    }
}

impl Context<'_> {
    /// `GET /groups/{id}/members` and `/transitiveMembers`, with or without a cast.
    pub(super) fn members(
        &self,
        state: &State,
        id: &str,
        transitive: bool,
        cast: Option<&str>,
    ) -> Result<Value, Refusal> {
        self.require(groups::READ)?;
        let index = state.store.group(id).ok_or_else(|| Refusal::not_found(id))?;
        let group = &state.store.groups[index];
        if group.hidden {
            self.require(&["Member.Read.Hidden"])?;
        }
        let kind = Cast::read(cast)?;
        let (mut cursor, first) = Cursor::of_listing(state, self)?;
        if kind != Cast::None && !cursor.advanced {
            let message = "OData cast is an advanced query: the ConsistencyLevel header and $count=true are required.";
            return Err(Refusal::unsupported(message));
        }
        if cursor.filter.is_some() {
            return Err(Refusal::unsupported("Filters on members are not supported here."));
        }
        let selection = Selection::users(cursor.select.as_deref())?;
        let shown = |member: &Member| kind.lets(*member) && state.store.is_there(*member);
        let (found, more, count) = if transitive {
            let all: Vec<Member> = state.store.transitive(index).into_iter().filter(shown).collect();
            let (found, more) = page_by_place(&mut cursor, &all);
            (found, more, all.len())
        } else {
            let (found, more) = page_by_number(&mut cursor, group, shown);
            let count =
                if first && cursor.advanced { group.members.values().filter(|one| shown(one)).count() } else { 0 };
            (found, more, count)
        };
        let counted = first && cursor.advanced;
        let items = found.iter().map(|&member| self.member(state, member, kind, &selection)).collect();
        let of = if kind == Cast::User { format!("users{}", selection.text) } else { "directoryObjects".to_owned() };
        let mut body = cursor.page(state, self, &of, items, more);
        if counted {
            body.insert("@odata.count".to_owned(), json!(count));
        }
        Ok(Value::Object(body))
    }

    /// `GET /users/{id}/memberOf` and `/transitiveMemberOf`: groups only; other things one may be a member of do not exist
    /// here.
    pub(super) fn member_of(&self, state: &State, user: &str, transitive: bool) -> Result<Value, Refusal> {
        self.require(&["User.Read.All", "Directory.Read.All"])?;
        let user = state.store.user(user).ok_or_else(|| Refusal::not_found(user))?;
        let (mut cursor, _) = Cursor::of_listing(state, self)?;
        let member = Member::User(user);
        let has = |at: usize| match transitive {
            true => state.store.transitive(at).contains(&member),
            false => state.store.groups[at].has(member),
        };
        let groups = &state.store.groups;
        let all: Vec<Member> =
            (0..groups.len()).filter(|at| groups[*at].is_active() && has(*at)).map(Member::Group).collect();
        let (found, more) = page_by_place(&mut cursor, &all);
        let selection = Selection::users(None)?;
        let items = found.iter().map(|&group| self.member(state, group, Cast::None, &selection)).collect();
        Ok(Value::Object(cursor.page(state, self, "directoryObjects", items, more)))
    }

    fn member(&self, state: &State, member: Member, kind: Cast, selection: &Selection) -> Value {
        let mut object = reference(&state.store, member);
        match member {
            Member::User(index) if !self.may_read_users() => object.extend(selection.nulls(&state.store.users[index])),
            Member::User(index) => {
                if kind == Cast::User {
                    object.remove("@odata.type");
                }
                object.extend(selection.listed(&state.store.users[index]));
            }
            Member::Group(index) => {
                let properties =
                    GroupSelection::of(Some("displayName")).map(|of| of.object(&state.store.groups[index], false));
                object.extend(properties.unwrap_or_default());
            }
            Member::Device(_) => {}
        }
        Value::Object(object)
    }
}

/// A page of direct members; joining numbers survive what happens between two pages.
fn page_by_number(cursor: &mut Cursor, group: &Group, shown: impl Fn(&Member) -> bool) -> (Vec<Member>, bool) {
    let mut rest =
        group.members.range((Bound::Included(cursor.inside), Bound::Unbounded)).filter(|(_, member)| shown(member));
    let found: Vec<Member> = rest.by_ref().take(cursor.top).map(|(_, member)| *member).collect();
    let next = rest.next();
    cursor.inside = next.map_or(cursor.inside, |(number, _)| *number);
    (found, next.is_some())
}

/// A page of transitive members, which have no order of their own: a change between two pages may shift them.
fn page_by_place(cursor: &mut Cursor, all: &[Member]) -> (Vec<Member>, bool) {
    let end = all.len().min(cursor.at + cursor.top);
    let found = all[cursor.at.min(end)..end].to_vec();
    cursor.at = end;
    (found, end < all.len())
}
