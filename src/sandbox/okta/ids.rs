//! Okta's ids for what the tenant holds.
//!
//! Invariant: an id is made of the index of an object, which is never given to another one; ids sort as indexes do.

/// The index that stands for the built-in group Everyone, which the tenant does not know.
pub(super) const EVERYONE: usize = usize::MAX;

/// Digits in the order of their bytes, so that ids sort as numbers.
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// What stands before and behind the number, as in every id of one org.
const HEAD: &str = "1rC";
const TAIL: &str = "sK5d7X";
const WIDTH: usize = 8;

/// The id of a user.
pub(super) fn user(index: usize) -> String {
    written("00u", index)
}

/// The id of a group.
pub(super) fn group(index: usize) -> String {
    written("00g", if index == EVERYONE { 0 } else { index + 1 })
}

/// The id of the application.
pub(super) fn app() -> String {
    written("0oa", 0)
}

/// The index a user's id stands for, whether there is such a user or not.
pub(super) fn user_index(id: &str) -> Option<usize> {
    number("00u", id)
}

/// The index a group's id stands for, whether there is such a group or not.
pub(super) fn group_index(id: &str) -> Option<usize> {
    number("00g", id).map(|number| number.checked_sub(1).unwrap_or(EVERYONE))
}

fn written(prefix: &str, mut number: usize) -> String {
    let mut digits = [DIGITS[0]; WIDTH];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[number % DIGITS.len()];
        number /= DIGITS.len();
    }
    let digits: String = digits.into_iter().map(char::from).collect();
    format!("{prefix}{HEAD}{digits}{TAIL}")
}

fn number(prefix: &str, id: &str) -> Option<usize> {
    let digits = id.strip_prefix(prefix)?.strip_prefix(HEAD)?.strip_suffix(TAIL)?;
    if digits.len() != WIDTH {
        return None;
    }
    digits.bytes().try_fold(0_usize, |sum, byte| {
        let value = DIGITS.iter().position(|digit| *digit == byte)?;
        sum.checked_mul(DIGITS.len())?.checked_add(value)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ids_lead_back_and_sort_as_indexes(one in 0_usize..1 << 40, other in 0_usize..1 << 40) {
            prop_assert_eq!(user_index(&user(one)), Some(one));
            prop_assert_eq!(group_index(&group(one)), Some(one));
            prop_assert_eq!(user(one).cmp(&user(other)), one.cmp(&other));
            prop_assert_eq!(user(one).len(), 20);
            prop_assert_eq!(user_index(&group(one)), None);
        }
    }

    #[test]
    fn everyone_has_an_id_and_nonsense_has_none() {
        assert_eq!(group_index(&group(EVERYONE)), Some(EVERYONE));
        for text in ["", "00u", "00u1rC00000000sK5d7", "00u1rC0000000-sK5d7X", "00u1rC000000000sK5d7X"] {
            assert_eq!(user_index(text), None, "{text}");
        }
    }
}
