//! The application, and who has it: through which groups, with which profile.
//!
//! Deliberately absent: a second application, provisioning.
//!
//! (Okta reference, `GET /api/v1/apps`, `GET /api/v1/apps/{appId}/users`, `GET /api/v1/apps/{appId}/groups`, schemas
//! `AppUser` and `ApplicationGroupAssignment`.)

use std::borrow::Cow;
use std::ops::Bound;

use serde_json::{Map, Value, json};

use super::cursor::Place;
use super::expression::{Expression, Held, Rules, Verb};
use super::ids;
use super::people::{login, time};
use super::reply::{Refusal, Reply};
use super::settings::AppSettings;
use super::world::World;

const FILTER: Rules = Rules {
    search: false,
    takes: |path, verb| matches!(path, "id" | "name" | "status") && verb == Verb::Eq,
    times: &[],
};

/// The internal name of the application, which is not its label.
const NAME: &str = "contoso_amazonconnect_1";

/// What several groups and a direct assignment make of the application profile: lists are combined, everything else is
/// the first one's. A direct assignment beats all groups.
fn combined(app: &AppSettings, groups: &[usize], direct: Option<&Map<String, Value>>) -> Map<String, Value> {
    let mut profile = Map::new();
    for own in direct.into_iter().chain(groups.iter().map(|at| &app.groups[*at].profile)) {
        for (name, value) in own {
            match (profile.get_mut(name), value) {
                (None, value) => drop(profile.insert(name.clone(), value.clone())),
                // A list of a direct assignment is not added to.
                (Some(Value::Array(_)), Value::Array(_)) if direct.is_some_and(|own| own.contains_key(name)) => {}
                (Some(Value::Array(all)), Value::Array(more)) => {
                    let new: Vec<Value> = more.iter().filter(|one| !all.contains(one)).cloned().collect();
                    all.extend(new);
                }
                (Some(_), _) => {}
            }
        }
    }
    profile
}

impl World<'_> {
    fn app_object(&self) -> Value {
        let began = self.tenant.store.users.first().map_or(0, |user| user.created.timestamp_millis());
        json!({
            "id": ids::app(),
            "orn": format!("orn:okta:idp:00o1rC00000000sK5d7X:apps:{NAME}:{}", ids::app()),
            "name": NAME,
            "label": self.org.settings.app.label,
            "status": "ACTIVE",
            "created": time(began),
            "lastUpdated": time(began),
            "signOnMode": "SAML_2_0",
            "features": [],
        })
    }

    fn find_app(&self, id: &str) -> Result<(), Refusal> {
        if id == ids::app() { Ok(()) } else { Err(Refusal::not_found(id, "AppInstance")) }
    }

    /// `GET /api/v1/apps`.
    pub(super) fn apps(&self) -> Result<Reply, Refusal> {
        self.call.limit(200, 1..=200)?;
        self.place()?;
        let filter = self.call.param("filter").map(|text| Expression::read(text, FILTER)).transpose()?;
        let label = &self.org.settings.app.label;
        let held = |path: &str| match path {
            "id" => Held::Text(Cow::Owned(ids::app())),
            "name" => Held::Text(Cow::Borrowed(NAME)),
            "status" => Held::Text(Cow::Borrowed("ACTIVE")),
            _ => Held::Absent,
        };
        let q = self.call.param("q").map(str::to_lowercase);
        let named = q.is_none_or(|q| label.to_lowercase().starts_with(&q) || NAME.starts_with(&q));
        let shown = named && filter.is_none_or(|filter| filter.fits(&held));
        Ok(self.page(shown.then(|| self.app_object()).into_iter().collect(), None))
    }

    /// `GET /api/v1/apps/{id}`.
    pub(super) fn app(&self, id: &str) -> Result<Reply, Refusal> {
        self.find_app(id)?;
        Ok(Reply::new(self.app_object()))
    }

    fn app_user_object(&self, index: usize, groups: &[usize], embedded: bool) -> Value {
        let (user, account, app) = (&self.tenant.store.users[index], &self.org.people[index], &self.org.settings.app);
        let direct = app.users.get(&user.id);
        let began = self.org.assigned_at.get(&index).copied().unwrap_or(account.created);
        let mut object = json!({
            "id": ids::user(index),
            "externalId": null,
            "created": time(began),
            "lastUpdated": time(began.max(account.updated)),
            "scope": if direct.is_some() { "USER" } else { "GROUP" },
            // Suspending somebody leaves their assignments as they are.
            "status": "ACTIVE",
            "statusChanged": time(began),
            "syncState": "DISABLED",
            "credentials": { "userName": login(user) },
            "profile": combined(app, groups, direct),
        });
        if embedded && let Some(user) = self.user_object(index) {
            object["_embedded"] = json!({ "user": user });
        }
        object
    }

    fn is_visible(&self) -> impl Fn(usize) -> bool + use<> {
        let visible = self.org.visible(self.tenant);
        move |index| visible.as_ref().is_none_or(|visible| visible.get(index) == Some(&true))
    }

    fn expands(&self, what: &str) -> bool {
        self.call.param("expand").is_some_and(|expand| expand.split(',').any(|part| part == what))
    }

    /// `GET /api/v1/apps/{id}/users`.
    pub(super) fn users_of_app(&self, id: &str) -> Result<Reply, Refusal> {
        self.find_app(id)?;
        let limit = self.call.limit(50, 1..=500)?.min(self.org.settings.caps.app_users);
        let from = self.place()?.map_or(Bound::Unbounded, |place| Bound::Excluded(place.index));
        let q = self.call.param("q").map(str::to_lowercase);
        let starts = |index: usize| {
            let Some(q) = &q else { return true };
            let user = &self.tenant.store.users[index];
            let texts = [login(user)].into_iter().chain(
                ["givenName", "surname", "mail"].iter().filter_map(|name| user.get(name).and_then(Value::as_str)),
            );
            texts.into_iter().any(|text| text.to_lowercase().starts_with(q.as_str()))
        };
        let visible = self.is_visible();
        let all = self.org.assigned.range((from, Bound::Unbounded));
        let mut all = all.filter(|(index, _)| visible(**index) && starts(**index));
        let page: Vec<(&usize, &Vec<usize>)> = all.by_ref().take(limit).collect();
        let last = page.last().filter(|_| all.next().is_some()).map(|(index, _)| Place::index(**index));
        let embedded = self.expands("user");
        let items = page.into_iter().map(|(index, groups)| self.app_user_object(*index, groups, embedded)).collect();
        Ok(self.page(items, last.as_ref()))
    }

    /// `GET /api/v1/apps/{id}/users/{uid}`: 404 for whoever does not have the application.
    pub(super) fn user_of_app(&self, id: &str, user: &str) -> Result<Reply, Refusal> {
        self.find_app(id)?;
        let visible = self.is_visible();
        let found = ids::user_index(user).filter(|index| visible(*index));
        let found = found.and_then(|index| Some((index, self.org.assigned.get(&index)?)));
        let (index, groups) = found.ok_or_else(|| Refusal::not_found(user, "AppUser"))?;
        Ok(Reply::new(self.app_user_object(index, groups, self.expands("user"))))
    }

    /// `GET /api/v1/apps/{id}/groups`, the first priority first.
    pub(super) fn groups_of_app(&self, id: &str) -> Result<Reply, Refusal> {
        self.find_app(id)?;
        let limit = self.call.limit(20, 20..=200)?;
        let mut groups: Vec<_> = self.org.settings.app.groups.iter().collect();
        groups.sort_by_key(|one| one.priority);
        let shown = groups.into_iter().filter_map(|one| {
            let index = self.tenant.store.group(&one.group)?;
            self.org.shows_group(self.tenant, index).then_some((index, one))
        });
        let from = self.place()?.map_or(0, |place| place.index);
        let mut rest = shown.skip(from);
        let embedded = self.expands("group");
        let page: Vec<Value> = rest
            .by_ref()
            .take(limit)
            .map(|(index, one)| {
                let began = self.tenant.store.groups[index].created.timestamp_millis();
                let mut object = json!({
                    "id": ids::group(index),
                    "priority": one.priority,
                    "profile": one.profile,
                    "lastUpdated": time(began),
                });
                if embedded {
                    object["_embedded"] = json!({ "group": self.group_object(index) });
                }
                object
            })
            .collect();
        let last = rest.next().map(|_| Place::index(from + page.len()));
        Ok(self.page(page, last.as_ref()))
    }
}
