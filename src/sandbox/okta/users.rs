//! Users one by one and in lists.
//!
//! A plain list and `q` leave out deactivated users; `search` and `filter` do not. Point reads are always fresh.
//!
//! (Okta reference, `GET /api/v1/users`, `GET /api/v1/users/{id}`, `GET /api/v1/users/{id}/groups`.)

use std::ops::Bound;
use std::sync::Arc;

use serde_json::Value;

use super::cursor::Place;
use super::expression::{Expression, Held, Rules, Verb};
use super::ids::EVERYONE;
use super::people::{is_attribute, time};
use super::reply::{Refusal, Reply};
use super::world::{Listed, World};

/// Paths that hold a time.
pub(super) const TIMES: &[&str] = &["created", "activated", "statusChanged", "lastUpdated"];

const SEARCH: Rules = Rules { search: true, takes: searchable, times: TIMES };
const FILTER: Rules = Rules { search: false, takes: filterable, times: TIMES };

fn searchable(path: &str, verb: Verb) -> bool {
    // There is no `ne`: `lt .. or .. gt` says the same.
    if matches!(verb, Verb::Ne | Verb::Ew) {
        return false;
    }
    if TIMES.contains(&path) {
        return !matches!(verb, Verb::Sw | Verb::Co);
    }
    matches!(path, "id" | "status" | "type.id") || path.strip_prefix("profile.").is_some_and(is_attribute)
}

fn filterable(path: &str, verb: Verb) -> bool {
    match path {
        "lastUpdated" => matches!(verb, Verb::Eq | Verb::Gt | Verb::Ge | Verb::Lt | Verb::Le),
        "id" | "status" | "profile.login" | "profile.email" | "profile.firstName" | "profile.lastName" => {
            verb == Verb::Eq
        }
        _ => false,
    }
}

/// How many `q` shows at most, and unasked.
const Q_DEFAULT: usize = 10;

/// What a list shows.
struct Listing<'a> {
    of: &'a dyn Listed,
    expression: Option<Expression>,
    /// Whether deactivated users are left out.
    plain: bool,
    visible: Option<Arc<Vec<bool>>>,
    limit: usize,
}

impl Listing<'_> {
    fn shows(&self, index: usize) -> bool {
        let visible = self.visible.as_ref().is_none_or(|visible| visible.get(index) == Some(&true));
        let status = || matches!(self.of.held(index, "status"), Held::Text(status) if status == "DEPROVISIONED");
        let fits =
            || self.expression.as_ref().is_none_or(|expression| expression.fits(&|path| self.of.held(index, path)));
        visible && !(self.plain && status()) && fits()
    }

    /// A page of them, and the place of the last one if more follow.
    fn page<K: Copy>(
        &self,
        all: impl Iterator<Item = (K, usize)>,
        place: impl Fn(K, usize) -> Place,
    ) -> (Vec<Value>, Option<Place>) {
        let (mut items, mut last) = (Vec::new(), None);
        for (key, index) in all.filter(|(_, index)| self.shows(*index)) {
            if items.len() == self.limit {
                return (items, last);
            }
            items.extend(self.of.object(index));
            last = Some(place(key, index));
        }
        (items, None)
    }

    /// In the order of their creation.
    fn by_index(&self, from: Option<Place>) -> (Vec<Value>, Option<Place>) {
        let from = from.map_or(0, |place| place.index + 1);
        self.page(self.of.from(from).map(|index| ((), index)), |(), index| Place::index(index))
    }

    /// By the time of the last update.
    fn by_update(&self, from: Option<Place>, descending: bool) -> (Vec<Value>, Option<Place>) {
        let from = from.map(|place| (place.time, place.index));
        let place = |time, index| Place { index, time, text: String::new() };
        let order = self.of.order();
        if descending {
            let end = from.map_or(Bound::Unbounded, Bound::Excluded);
            let all = order.range((Bound::Unbounded, end)).rev().copied();
            return self.page(all, place);
        }
        let early = self.expression.as_ref().and_then(|expression| expression.not_before("lastUpdated"));
        let early = early.map_or(Bound::Unbounded, |time| Bound::Included((time, 0)));
        let start = from.map_or(early, Bound::Excluded);
        self.page(order.range((start, Bound::Unbounded)).copied(), place)
    }

    /// By a text; ties by id. All of them are sorted for every page.
    fn by_text(&self, path: &str, from: Option<Place>, descending: bool) -> (Vec<Value>, Option<Place>) {
        let key = |index| match self.of.held(index, path) {
            Held::Text(text) => text.to_lowercase(),
            Held::Time(at) => time(at).as_str().unwrap_or_default().to_owned(),
            Held::Json(value) => value.as_str().map_or_else(|| value.to_string(), str::to_lowercase),
            Held::Many(_) | Held::Absent => String::new(),
        };
        let shown = self.of.from(0).filter(|index| self.shows(*index));
        let mut all: Vec<(String, usize)> = shown.map(|index| (key(index), index)).collect();
        all.sort_by(|(one, first), (other, second)| {
            let order = if descending { other.cmp(one) } else { one.cmp(other) };
            order.then(first.cmp(second))
        });
        let begin = from.map_or(0, |from| {
            all.partition_point(|(text, index)| {
                let order = if descending { from.text.cmp(text) } else { text.cmp(&from.text) };
                order.then(index.cmp(&from.index)).is_le()
            })
        });
        let end = all.len().min(begin + self.limit);
        let items = all[begin..end].iter().filter_map(|(_, index)| self.of.object(*index)).collect();
        let last = all[begin..end].last().filter(|_| end < all.len());
        (items, last.map(|(text, index)| Place { index: *index, time: 0, text: text.clone() }))
    }
}

impl World<'_> {
    /// `GET /api/v1/users`.
    pub(super) fn users(&self) -> Result<Reply, Refusal> {
        let limit = self.call.limit(200, 1..=200)?.min(self.org.settings.caps.users);
        let (search, filter) = (self.call.param("search"), self.call.param("filter"));
        let expression = match (search, filter) {
            (Some(text), _) => Some(Expression::read(text, SEARCH)?),
            (None, Some(text)) => Some(Expression::read(text, FILTER)?),
            (None, None) => None,
        };
        let plain = expression.is_none();
        let visible = self.org.visible(self.tenant);
        // Only a plain list reads the people themselves; everything else is answered by the index.
        let q = self.call.param("q");
        let of = if plain && q.is_none() { self } else { self.listed() };
        let listing = Listing { of, expression, plain, visible, limit };
        if let (Some(q), true) = (q, plain) {
            return Ok(self.picked(&listing, q));
        }
        let place = self.place()?;
        let descending = self.call.param("sortOrder").is_some_and(|order| order.eq_ignore_ascii_case("desc"));
        let (items, last) = match self.call.param("sortBy").filter(|_| search.is_some()) {
            None => listing.by_index(place),
            Some("lastUpdated") => listing.by_update(place, descending),
            Some(path) if searchable(path, Verb::Eq) => listing.by_text(path, place, descending),
            Some(_) => return Err(Refusal::search("sortBy names no attribute that can be searched.")),
        };
        Ok(self.page(items, last.as_ref()))
    }

    /// `q`: a prefix of a name or the address, a few of them, and no next page.
    fn picked(&self, listing: &Listing<'_>, q: &str) -> Reply {
        let q = q.to_lowercase();
        let wanted = self.call.param("limit").map_or(Q_DEFAULT, |_| listing.limit);
        let starts = |index: &usize| {
            ["profile.firstName", "profile.lastName", "profile.email"].iter().any(|path| {
                matches!(listing.of.held(*index, path), Held::Json(value)
                    if value.as_str().is_some_and(|text| text.to_lowercase().starts_with(&q)))
                    || matches!(listing.of.held(*index, path), Held::Text(text) if text.to_lowercase().starts_with(&q))
            })
        };
        let found = listing.of.from(0).filter(|index| listing.shows(*index) && starts(index)).take(wanted);
        self.page(found.filter_map(|index| listing.of.object(index)).collect(), None)
    }

    /// `GET /api/v1/users/{id}`, by id or login name.
    pub(super) fn user(&self, key: &str) -> Result<Reply, Refusal> {
        let index = self.find_user(key)?;
        self.user_object(index).map(Reply::new).ok_or_else(|| Refusal::not_found(key, "User"))
    }

    /// `GET /api/v1/users/{id}/groups`.
    pub(super) fn groups_of_user(&self, key: &str) -> Result<Reply, Refusal> {
        let user = self.find_user(key)?;
        let is_in = |index: usize| index == EVERYONE || self.org.flat(self.tenant, index).binary_search(&user).is_ok();
        let groups = self.all_groups().into_iter().filter(|index| self.org.shows_group(self.tenant, *index));
        let groups = groups.filter(|index| is_in(*index)).filter_map(|index| self.group_object(index));
        Ok(self.page(groups.collect(), None))
    }
}
