//! Entries for what a directory writes into a person's fields: numbers, addresses, usernames, names.

use phonenumber::country;

use super::fields::normalise;
use super::fold::{fold, nearest};
use super::validate;
use crate::model::IdentityManagement;

/// One value, taken for each kind of field.
pub(crate) fn fields(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    for region in [None, Some(country::Id::GB), Some(country::Id::DE), Some(country::Id::US)] {
        let number = normalise(text, region);
        if let Some(number) = &number {
            assert!(validate::e164(number), "a number Connect refuses");
            assert_eq!(normalise(number, None).as_ref(), Some(number), "a number that is normalised twice");
        }
        assert_eq!(number, normalise(text, region), "the same number is read in two ways");
    }
    for identity in
        [IdentityManagement::Saml, IdentityManagement::ConnectManaged, IdentityManagement::ExistingDirectory]
    {
        match validate::username(text, identity) {
            None => assert!(text.is_ascii() && (1..=64).contains(&text.len()), "a username Connect refuses"),
            // One character that Connect refuses is named; the username is not. (Words of ours may be one.)
            Some(why) => assert!(!text.contains('@') || text.len() < 8 || !why.contains(text), "it is repeated"),
        }
    }
    assert!(!validate::email(text) || (text.is_ascii() && text.contains('@')), "an address Connect refuses");
    let once = fold(text).into_owned();
    assert_eq!(fold(&once), once, "folding twice is not folding once");
    if let Some(near) = nearest(text, ["Customer Care", "Billing", "Sales EMEA"].into_iter()) {
        assert!(!near.is_empty());
    }
}
