//! Entries for the parsers of Graph's answers and of our own cursors.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::batch;
use super::cursor::State;
use super::fault::Fault;
use super::fields::Fields;
use super::groups::GroupRound;
use super::users::{Round, into_record};
use super::wire::{self, GroupItem, Page, Plain, Users};
use crate::attributes::{AttributeName, Attributes};
use crate::directory::{Cursor, ExternalId};
use crate::error::PullError;
use crate::fuzzing::{
    Walk, answer, pages, require_bounded, require_private, require_private_error, require_whole, top,
};
use crate::http::GaveUp;
use crate::paging::{Ending, Links};

const ROOT: &str = "https://graph.example.com/v1.0/users/delta";

fn fields() -> Fields {
    let wanted =
        ["department", "mobilePhone", "jobTitle", "businessPhones", "costCenter", "extensionAttribute3", "badge"];
    Fields::new(&wanted.into_iter().map(AttributeName::from).collect()).expect("these are properties")
}

fn size(attributes: &Attributes) -> usize {
    attributes.iter().map(|(_, value)| value.len()).sum()
}

/// A listing of users.
pub(crate) fn users(input: &[u8]) {
    let fields = fields();
    let (mut walk, mut round, mut came) = (Walk::new(ROOT, Ending::DeltaLink), Round::default(), 0);
    for body in pages(input) {
        let Some(page) = require_whole(body, |body| wire::page(body, Users(&fields))) else { return };
        let Page { next, delta, count: _, items } = page;
        let top = top(body, "value", "@odata.nextLink");
        // A number beyond every type is none for the other reader: then it has nothing to say.
        assert!(top.records == 0 || items.len() == top.records, "of {} records {} are read", top.records, items.len());
        assert!(next.is_some() || top.links == 0, "a page that goes on is taken for the last one");
        came += items.len();
        for item in items {
            if let Err(error) = round.take("GET /users/delta", item, walk.shown + 1) {
                return require_private_error(&error);
            }
        }
        if !walk.turn(Links { next: next.as_deref(), delta: delta.as_deref() }) {
            break;
        }
    }
    let told = round.drafts.len() + round.unreadable.len();
    assert!(told <= came && (told > 0 || came == 0), "{came} records became {told} people");
    let mut kept = 0;
    round.unreadable.iter().for_each(|unreadable| require_private(&unreadable.why));
    for (id, draft) in round.drafts {
        kept += id.as_str().len();
        match draft.into_record(id) {
            Ok(record) => kept += size(&record.attributes),
            Err(unreadable) => require_private(&unreadable.why),
        }
    }
    require_bounded(input, kept);
}

/// A listing of groups with their members.
pub(crate) fn groups(input: &[u8]) {
    let followed: BTreeSet<ExternalId> =
        ["8a7c0000-0000-4000-8000-000000000001", "g1"].into_iter().map(ExternalId::from).collect();
    let (mut walk, mut round) = (Walk::new(ROOT, Ending::DeltaLink), GroupRound::default());
    for body in pages(input) {
        let Some(page) = require_whole(body, |body| wire::page(body, Plain::<GroupItem>::new())) else { return };
        let Page { next, delta, count: _, items } = page;
        for item in items {
            if let Err(error) = round.take(&followed, item, walk.shown + 1) {
                return require_private_error(&error);
            }
        }
        if !walk.turn(Links { next: next.as_deref(), delta: delta.as_deref() }) {
            break;
        }
    }
    assert!(round.edges.len() + round.unreadable.len() <= input.len(), "more memberships than bytes");
    assert!(round.names.keys().all(|group| followed.contains(group)), "a group nobody follows");
    assert!(round.groups().len() <= followed.len());
}

/// The answers of a batch.
pub(crate) fn batch(input: &[u8]) {
    let fields = fields();
    let Some(answers) = require_whole(input, |body| batch::read(body, &fields)) else { return };
    assert!(answers.len() <= input.len(), "more answers than bytes");
    for answered in answers {
        let (wait, body) = answered.waits_and_is();
        assert!(wait.is_none_or(|wait| wait.as_secs_f64() >= 0.0));
        let id = body.id.clone().unwrap_or_else(|| ExternalId::from("u1"));
        match into_record("POST /$batch", &id, body) {
            Ok(Ok(record)) => {
                assert_eq!(record.id, id, "an answer about somebody else");
                require_bounded(input, size(&record.attributes));
            }
            Ok(Err(why)) => require_private(&why),
            Err(error) => require_private_error(&error),
        }
    }
}

/// An answer that is not a success.
pub(crate) fn error(input: &[u8]) {
    let answer = answer(input);
    for gave_up in [None, Some(GaveUp::Tries(5))] {
        let fault = Fault::answer("GET /users/delta", &answer, gave_up).on_page(1);
        // Only a refusal may end a link; a server that fails says nothing about it.
        assert!(!fault.is_dead_link() || answer.status.is_client_error());
        assert!(!fault.is_expired_page() || answer.status.is_client_error());
        require_private_error(&PullError::from(fault));
    }
}

/// A stored cursor.
pub(crate) fn cursor(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let (cursor, at) = (Cursor::new(text.to_owned()), DateTime::<Utc>::UNIX_EPOCH);
    let Some(state) = State::read(&cursor, "fingerprint", at) else { return };
    assert!(State::read(&cursor, "another", at).is_none(), "a cursor of another configuration was taken");
    let again = State::read(&state.clone().write(), "fingerprint", at).expect("what was written can be read");
    assert_eq!((again.users, again.chains, again.scope), (state.users, state.chains, state.scope));
}
