//! Tokens and session ids: 256 random bits each, kept as hashes only, compared in constant time.
//!
//! Invariant: a secret that is shown or set as a cookie is never stored, and what is stored cannot be turned back.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::zeroize::Zeroizing;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::store::Hash;

/// What a token begins with, so that people and scanners for leaked secrets know it for what it is.
const PREFIX: &str = "rollcall_";

/// The random source of the operating system failed.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gives no random numbers")]
pub struct NoRandomness(#[source] getrandom::Error);

fn random() -> Result<Zeroizing<String>, NoRandomness> {
    let mut bytes = Zeroizing::new([0_u8; 32]);
    getrandom::fill(bytes.as_mut_slice()).map_err(NoRandomness)?;
    Ok(Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes.as_slice())))
}

/// A new token for the console, to be shown once.
///
/// # Errors
/// If there are no random numbers to be had.
pub fn new_token() -> Result<Zeroizing<String>, NoRandomness> {
    Ok(Zeroizing::new(format!("{PREFIX}{}", random()?.as_str())))
}

/// A new session id, for a cookie.
pub(super) fn new_session() -> Result<Zeroizing<String>, NoRandomness> {
    random()
}

/// What is stored of a secret. 256 random bits need no slow hash: nobody can try them all.
#[must_use]
pub fn hash(secret: &str) -> Hash {
    Sha256::digest(secret.as_bytes()).into()
}

/// Whether two hashes are the same, in a time that does not depend on where they differ.
pub(super) fn same(one: &Hash, other: &Hash) -> bool {
    one.ct_eq(other).into()
}

/// The word that every form of a session must carry. Another site cannot know it: it is made from the cookie, which only
/// this origin is told.
pub(super) fn csrf(session: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(format!("rollcall csrf\n{session}")))
}

/// A session as logs and the audit name it.
pub(super) fn short(hash: &Hash) -> String {
    hash.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_long_and_never_the_same() {
        let (one, other) = (new_token().unwrap(), new_token().unwrap());
        assert_ne!(*one, *other);
        assert!(one.starts_with(PREFIX) && one.len() == PREFIX.len() + 43, "256 bits in base64 are 43 characters");
        assert!(same(&hash(&one), &hash(&one)) && !same(&hash(&one), &hash(&other)));
    }

    #[test]
    fn the_word_of_a_session_gives_neither_cookie_nor_hash_away() {
        let session = new_session().unwrap();
        let word = csrf(&session);
        assert_ne!(word, *session);
        assert_ne!(word, URL_SAFE_NO_PAD.encode(hash(&session)));
        assert_ne!(word, csrf(&new_session().unwrap()));
    }
}
