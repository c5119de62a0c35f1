//! What a handler sees: the tenant, the org, and the call.

use std::collections::BTreeSet;

use axum::http::{HeaderMap, Method, Uri};
use serde_json::Value;

use super::call::Call;
use super::cursor::Place;
use super::expression::Held;
use super::ids;
use super::org::Org;
use super::reply::{Refusal, Reply};
use crate::sandbox::tenant::State as TenantState;
use crate::sandbox::tenant::store::Life;

/// The tenant and the org behind their locks, and the call that is answered.
pub(super) struct World<'a> {
    pub(super) tenant: &'a TenantState,
    pub(super) org: &'a Org,
    pub(super) call: &'a Call,
    /// The org's own address, without a slash at its end.
    pub(super) root: &'a str,
}

/// Users as a list shows them: as they are, or late.
pub(super) trait Listed {
    /// Indexes from this one on, ascending.
    fn from(&self, index: usize) -> Box<dyn Iterator<Item = usize> + '_>;
    /// Everybody by the time of the last update.
    fn order(&self) -> &BTreeSet<(i64, usize)>;
    /// What somebody has at a path of an expression.
    fn held(&self, index: usize, path: &str) -> Held<'_>;
    /// The whole user.
    fn object(&self, index: usize) -> Option<Value>;
}

impl Listed for World<'_> {
    fn from(&self, index: usize) -> Box<dyn Iterator<Item = usize> + '_> {
        let end = self.org.people.len();
        Box::new((index.min(end)..end).filter(|index| self.org.people[*index].life != Life::Gone))
    }

    fn order(&self) -> &BTreeSet<(i64, usize)> {
        &self.org.order
    }

    fn held(&self, index: usize, path: &str) -> Held<'_> {
        self.user_held(index, path)
    }

    fn object(&self, index: usize) -> Option<Value> {
        self.user_object(index)
    }
}

impl World<'_> {
    /// The world without a call, for what is rendered ahead of one; without an address, links are left out.
    pub(super) fn bare(tenant: &TenantState, org: &Org, work: impl FnOnce(&World<'_>)) {
        let call = Call::read(Method::GET, &Uri::default(), HeaderMap::new(), &[]);
        work(&World { tenant, org, call: &call, root: "" });
    }

    /// The view of the eventually consistent lists.
    pub(super) fn listed(&self) -> &dyn Listed {
        match &self.org.index {
            Some(index) => index,
            None => self,
        }
    }

    /// The user with this id or login name, whatever the status, if the role shows them.
    pub(super) fn find_user(&self, key: &str) -> Result<usize, Refusal> {
        let store = &self.tenant.store;
        let there = |index: &usize| store.users.get(*index).is_some_and(|user| user.life != Life::Gone);
        let found = match ids::user_index(key) {
            Some(index) => Some(index).filter(there),
            // The tenant's own ids mean nothing here.
            None if store.object(key).is_some() => None,
            None => store.user(key).or_else(|| self.deactivated(key)),
        };
        let shown = self.org.visible(self.tenant);
        let found = found.filter(|index| shown.as_ref().is_none_or(|shown| shown.get(*index) == Some(&true)));
        found.ok_or_else(|| Refusal::not_found(key, "User"))
    }

    fn deactivated(&self, wanted: &str) -> Option<usize> {
        let wanted = wanted.to_lowercase();
        let is_wanted = |life: &Life| matches!(life, Life::Deleted { login, .. } if login.to_lowercase() == wanted);
        self.tenant.store.users.iter().position(|user| is_wanted(&user.life))
    }

    /// A page, with a link to itself and, if it goes on after `last`, to the next one.
    pub(super) fn page(&self, items: Vec<Value>, last: Option<&Place>) -> Reply {
        self.page_without(items, last, &[])
    }

    /// The same; the next page is asked for without these parameters.
    pub(super) fn page_without(&self, items: Vec<Value>, last: Option<&Place>, without: &[&str]) -> Reply {
        let listing = self.call.listing(without);
        let next = last.map(|place| self.call.continued(&place.sealed(&listing), without));
        let mut reply = Reply::new(Value::Array(items));
        reply.headers.push(("link", format!("<{}{}>; rel=\"self\"", self.root, self.call.target)));
        reply.next = next.map(|next| format!("{}{next}", self.root));
        reply
    }

    /// Where the listing of this call goes on.
    pub(super) fn place(&self) -> Result<Option<Place>, Refusal> {
        Place::read(self.call.param("after"), &self.call.listing(&[]))
    }
}
