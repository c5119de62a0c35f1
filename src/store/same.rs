//! Whether a listing is of the directory that is known, or of another one.
//!
//! Credentials of another tenant, another organisation behind the same address, a scope that was pointed elsewhere: such a
//! listing is whole and honest, and whoever is known is absent from it, also when asked for by id. Absence from another
//! directory proves nothing.
//!
//! Invariant: a listing that has people and none of those who were there is refused, and so is one in which the ids that
//! are known belong to others: servers that count their ids from 1 have the same ids in every tenant.
//! Deliberately absent: names or ids of anybody in what is found.

use connectors::attributes::{FAMILY_NAME, GIVEN_NAME, MAIL, USERNAME};
use connectors::{Attributes, Scope, SourceName, Standing};

use super::codec::Interner;
use super::error::StoreError;
use super::person::{Draft, Drafts, in_scope};

/// Fewer members of named groups than this may all leave and be replaced from one pull to the next.
const FEW_IN_GROUPS: u32 = 5;
/// The same for a whole directory, where a replacement of everybody is never the work of a day.
const FEW_OF_EVERYBODY: u32 = 2;
/// Fewer ids than this may come to belong to others: a name that was corrected, an account that was handed on.
pub(super) const FEW_OTHERS: u32 = 5;

/// Refuses a complete listing that is of another directory than the one that is known.
///
/// # Errors
/// [`StoreError::Strangers`], [`StoreError::OtherPeople`].
pub(super) fn require_same_directory(
    source: &SourceName,
    drafts: &Drafts,
    (old_scope, new_scope): (Option<&Scope>, Option<&Scope>),
    names: &mut Interner,
) -> Result<(), StoreError> {
    let few = match new_scope {
        Some(Scope::Everybody) => FEW_OF_EVERYBODY,
        _ => FEW_IN_GROUPS,
    };
    let (mut before, mut listed, mut kept, mut others) = (0, 0, 0, 0);
    for draft in drafts.values() {
        let expected = was_here(draft, old_scope);
        before += u32::from(expected);
        if draft.new.is_none() {
            continue;
        }
        listed += 1;
        if !expected {
            continue;
        }
        if is_another(draft, names)? {
            others += 1;
        } else {
            kept += 1;
        };
    }
    if before >= few && kept == 0 && listed > 0 {
        return Err(StoreError::Strangers { source_name: source.clone(), before, listed });
    }
    refuse_others(source, others, kept, before)
}

/// Refuses a pull in which at least as many of the known ids belong to others as to those who had them.
pub(super) fn refuse_others(source: &SourceName, others: u32, kept: u32, before: u32) -> Result<(), StoreError> {
    if others >= FEW_OTHERS && others >= kept {
        return Err(StoreError::OtherPeople { source_name: source.clone(), before, others });
    }
    Ok(())
}

/// Whether somebody was in scope, or is being looked for.
fn was_here(draft: &Draft, scope: Option<&Scope>) -> bool {
    draft.old.as_ref().is_some_and(|old| match old.standing {
        Standing::Active => in_scope(scope, &draft.before),
        Standing::MissingUnconfirmed => true,
        Standing::Disabled | Standing::SoftDeleted | Standing::Deleted | Standing::MissingConfirmed => false,
    })
}

/// Whether the id belongs to another human now.
pub(super) fn is_another(draft: &Draft, names: &mut Interner) -> Result<bool, StoreError> {
    let (Some(old), Some(new)) = (&draft.old, &draft.new) else { return Ok(false) };
    if old.attributes == new.attributes {
        return Ok(false);
    }
    Ok(are_others(&names.attributes(&old.attributes)?, &names.attributes(&new.attributes)?))
}

/// People marry, and companies change the form of their login names; nobody changes everything at once. Where no name of a
/// person is told twice, nothing is known.
fn are_others(old: &Attributes, new: &Attributes) -> bool {
    let mailbox = |text: &str| text.split('@').next().unwrap_or(text).to_lowercase();
    let both = |name: &str| Some((mailbox(old.get(name)?), mailbox(new.get(name)?)));
    let differs = |name: &str| both(name).map(|(old, new)| old != new);
    let logins = [USERNAME, MAIL].map(differs);
    let called = [GIVEN_NAME, FAMILY_NAME].map(differs);
    let known = |of: &[Option<bool>; 2]| of.iter().any(Option::is_some);
    let all_differ = logins.iter().chain(&called).flatten().all(|differs| *differs);
    known(&logins) && known(&called) && all_differ
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(pairs: &[(&str, &str)]) -> Attributes {
        pairs.iter().map(|(name, value)| ((*name).into(), *value)).collect()
    }

    #[test]
    fn whoever_keeps_a_name_is_the_same() {
        let ada = person(&[("username", "ada.king@x.com"), ("given_name", "Ada"), ("family_name", "King")]);
        let table = [
            (
                "another login form",
                &[("username", "E17@x.com"), ("given_name", "Ada"), ("family_name", "King")][..],
                false,
            ),
            ("another domain", &[("username", "Ada.King@y.com"), ("family_name", "Byron")], false),
            ("married", &[("username", "a.byron@x.com"), ("given_name", "Ada"), ("family_name", "Byron")], false),
            ("only a login", &[("username", "bob.low@x.com")], false),
            ("nothing", &[], false),
            ("another human", &[("username", "bob.low@x.com"), ("given_name", "Bob"), ("family_name", "Low")], true),
            ("without a given name", &[("username", "bob.low@x.com"), ("family_name", "Low")], true),
        ];
        for (name, now, expected) in table {
            assert_eq!(are_others(&ada, &person(now)), expected, "{name}");
        }
    }
}
