//! Entries for the parsers of a SCIM server's answers and of our own cursors.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::OnceLock;

use chrono::{DateTime, TimeDelta, Utc};
use url::Url;

use super::Scim;
use super::config::{AbsentActive, MembershipFrom, Paging, ScimConfig, ScimCredential};
use super::cursor::State;
use super::discovery::{provider_config, resource_types};
use super::fault::{Fault, not_a_list, not_a_resource};
use super::fields::{Fields, Otherwise};
use super::lenient::Loose;
use super::path::{Path, Taken, take};
use super::server::last_segment;
use super::wire::{self, Item, ListPage};
use crate::attributes;
use crate::directory::{Cursor, ExternalId};
use crate::error::PullError;
use crate::fuzzing::{
    answer, pages, require_bounded, require_own, require_private, require_private_error, require_whole,
};
use crate::http::GaveUp;
use crate::paging::{CursorTurn, CursorWalker, Ended, IndexTurn, IndexWalker, Sheet, Verdict};
use crate::secret::SecretSource;

const MOST_PAGES: u32 = 8;

fn config() -> ScimConfig {
    let wanted = [
        attributes::MAIL,
        attributes::TITLE,
        attributes::DEPARTMENT,
        attributes::BUSINESS_PHONE,
        attributes::MOBILE_PHONE,
        attributes::ENTITLEMENTS,
        attributes::ROLES,
        attributes::MANAGER,
    ];
    ScimConfig {
        name: "hr".into(),
        base_url: Url::parse("https://idp.example.com/scim/v2").expect("an address"),
        credential: ScimCredential::Bearer(SecretSource::Env("UNUSED".into())),
        extra_headers: BTreeMap::new(),
        scope_groups: None,
        rule_groups: BTreeSet::from(["Agents".to_owned()]),
        wanted: wanted.into_iter().map(Into::into).collect(),
        fields: BTreeMap::new(),
        page_size: 100,
        paging: Paging::Auto,
        first_index: 1,
        membership: MembershipFrom::Auto,
        nested: true,
        absent_active: AbsentActive::Auto,
        incremental: true,
        extension_aliases: Vec::new(),
        users_path: None,
        groups_path: None,
        max_response_bytes: 1 << 20,
    }
}

fn noon() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000)
}

/// A source, of which only the addresses are used.
fn source() -> &'static Scim {
    static SOURCE: OnceLock<Scim> = OnceLock::new();
    SOURCE.get_or_init(|| Scim::new(config(), noon).expect("the configuration is good"))
}

/// The two ways to walk, fed with the same pages.
struct Walks {
    index: Option<IndexWalker>,
    cursor: Option<CursorWalker>,
    shown: HashSet<ExternalId>,
    pages: u32,
}

impl Walks {
    fn new() -> Self {
        let (index, cursor) = (Some(IndexWalker::new(1, MOST_PAGES)), Some(CursorWalker::new(MOST_PAGES)));
        Self { index, cursor, shown: HashSet::new(), pages: 0 }
    }

    fn show(&mut self, ids: &[ExternalId], total: Option<u64>, next: Option<&str>) {
        self.shown.extend(ids.iter().cloned());
        self.pages += 1;
        let sheet = Sheet { ids, total };
        let index = self.index.take().map(|walker| (walker.start(), walker.turn(sheet)));
        self.index = index.and_then(|(before, turn)| match turn {
            Ok(IndexTurn::More(more)) => {
                assert!(more.start() > before, "a walk does not advance");
                Some(more)
            }
            Ok(IndexTurn::Ended(ended)) => self.end(&ended),
            Err(error) => {
                require_private(&error.to_string());
                None
            }
        });
        let cursor = self.cursor.take().map(|walker| walker.turn(sheet, next));
        self.cursor = cursor.and_then(|turn| match turn {
            Ok(CursorTurn::More(more)) => {
                assert_eq!(Some(more.cursor()), next);
                Some(more)
            }
            Ok(CursorTurn::Ended(ended)) => {
                assert!(next.is_none() || matches!(ended.verdict, Verdict::Doubtful(_)), "a next cursor and the whole");
                self.end(&ended)
            }
            Err(error) => {
                require_private(&error.to_string());
                None
            }
        });
    }

    /// Law: what a walk says is what was shown, and the whole only if that is as many as the server says.
    fn end<T>(&self, ended: &Ended) -> Option<T> {
        assert_eq!((&ended.ids, ended.pages), (&self.shown, self.pages));
        if let (Verdict::Whole(_), Some(total)) = (&ended.verdict, ended.total) {
            assert_eq!(total, self.shown.len() as u64, "a listing that does not add up is taken for the whole");
        }
        None
    }
}

/// A listing, in both ways; `see` is shown each readable entry and says who it is.
fn listing<T: std::fmt::Debug>(
    input: &[u8],
    read: impl Fn(&[u8]) -> Result<ListPage<T>, wire::NotAList>,
    see: impl Fn(&T) -> (ExternalId, usize),
) {
    let mut walks = Walks::new();
    for body in pages(input) {
        if let Err(why) = read(body) {
            require_private_error(&not_a_list("GET /Users", &answer(b"200"), &why));
        }
        let Some(page) = require_whole(body, &read) else { return };
        assert!(page.resources.len() <= body.len(), "more entries than bytes");
        let (mut ids, mut kept) = (Vec::new(), 0);
        for item in &page.resources {
            match item {
                Item::Read(it) => {
                    let (id, size) = see(it);
                    kept += size;
                    ids.push(id);
                }
                Item::Unreadable { id, why } => {
                    require_private(why);
                    ids.extend(id.clone());
                }
            }
        }
        require_bounded(body, kept);
        walks.show(&ids, page.total, page.next_cursor.as_deref());
        if walks.index.is_none() && walks.cursor.is_none() {
            return;
        }
    }
}

/// A listing of users, and a user alone.
pub(crate) fn users(input: &[u8]) {
    let fields = source().fields();
    listing(
        input,
        |body| wire::users(body, fields),
        |user| {
            assert!(!user.id.as_str().is_empty(), "somebody without an id");
            for group in user.groups.iter().flatten() {
                let _ = group.reference.as_deref().map(last_segment);
            }
            (user.id.clone(), user.attributes.iter().map(|(_, value)| value.len()).sum())
        },
    );
    if let Err(why) = wire::one_user(input, fields) {
        require_private_error(&not_a_resource("GET /Users/{id}", &answer(b"200"), &why));
    }
    if let Some(Item::Read(user)) = require_whole(input, |body| wire::one_user(body, fields)) {
        address(&user.id);
    }
}

/// A listing of groups, and a group alone.
pub(crate) fn groups(input: &[u8]) {
    listing(input, wire::groups, |group| {
        let members = group.members.as_deref().unwrap_or_default();
        for member in members {
            let _ = member.reference.as_deref().map(last_segment);
        }
        assert!(members.len() <= input.len(), "more members than bytes");
        let size = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        (
            group.id.clone(),
            size(&group.name) + size(&group.version) + members.iter().map(|it| size(&it.value)).sum::<usize>(),
        )
    });
    if let Some(Item::Read(group)) = require_whole(input, wire::one_group) {
        address(&group.id);
    }
}

/// Law: whatever an id is made of, its address is below the base.
fn address(id: &ExternalId) {
    match source().server.session().url_of("Users", id, &[]) {
        Ok(url) => require_below(&url),
        Err(error) => assert_eq!(error.kind, crate::PullErrorKind::Protocol),
    }
}

fn require_below(url: &Url) {
    let base = Url::parse("https://idp.example.com/scim/v2").expect("an address");
    require_own(&base, url);
    assert!(url.path().starts_with("/scim/v2/"), "an address outside the base");
}

/// What a server says about itself.
pub(crate) fn discovery(input: &[u8]) {
    let told = provider_config(input);
    assert_eq!(told, provider_config(input));
    require_bounded(input, told.auth_schemes.iter().map(String::len).sum());
    let types = resource_types(input);
    assert_eq!(types, resource_types(input));
    let server = &source().server;
    for endpoint in [types.users_endpoint, types.groups_endpoint].into_iter().flatten() {
        if let Some(url) = server.path_of(&endpoint).and_then(|path| server.session().url(&path, &[]).ok()) {
            require_below(&url);
        }
    }
}

/// An answer that is not a success.
pub(crate) fn error(input: &[u8]) {
    let answer = answer(input);
    for gave_up in [None, Some(GaveUp::Tries(5))] {
        let fault = Fault::answer("GET /Users", &answer, gave_up).on_page(1);
        // Only the status may say that somebody is gone.
        assert_eq!(fault.is_gone(), answer.status.as_u16() == 404);
        require_private_error(&PullError::from(fault));
    }
}

/// A path of the configuration, and after a line break a value it is applied to.
pub(crate) fn path(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let (text, value) = text.split_once('\n').unwrap_or((text, ""));
    let path = match Path::parse(text) {
        Ok(path) => path,
        Err(why) => return require_private(why),
    };
    assert!(Path::parse(&path.asked()).is_ok(), "what is asked for is no path");
    let attribute = crate::AttributeName::from("badge");
    let own = ScimConfig {
        wanted: BTreeSet::from([attribute.clone()]),
        fields: BTreeMap::from([(attribute.clone(), text.to_owned())]),
        ..config()
    };
    if let Ok(fields) = Fields::new(&own) {
        assert!(!fields.attributes_parameter().contains(char::is_whitespace), "a path changes the query");
    }
    let field = super::fields::Field { attribute, path, otherwise: Otherwise::PrimaryThenUntyped };
    if let Ok(told) = serde_json::from_str::<Loose<'_>>(value)
        && let Taken::Value(value) = take(&field, &told)
    {
        require_bounded(input, value.len());
    }
}

/// A stored cursor.
pub(crate) fn cursor(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let cursor = Cursor::new(text.to_owned());
    let Some(state) = State::read(&cursor, "fingerprint", noon()) else { return };
    assert!(State::read(&cursor, "another", noon()).is_none(), "a cursor of another configuration was taken");
    assert_eq!(State::read(&state.write(), "fingerprint", noon()), Some(state));
}
