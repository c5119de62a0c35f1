//! Secrets as references: a value is read late, from where the configuration says, and never printed.
//!
//! ```text
//! file    a private file: whose it is, who may read it, how long it is
//! vault   a store that is asked over the network; the port, not the store
//! ```
//!
//! Invariant: nothing here implements `Serialize`, and `Debug` of a secret is empty.
//! Invariant: what a secret is read into is wiped when it is dropped. What cannot be wiped: the process's environment, which
//! belongs to the operating system; the buffers of the HTTP client and of TLS; what a library copies while it parses or
//! signs. None of them is written anywhere by rollcall.
//! Deliberately absent: the stores themselves. They need credentials of their own and are built above this crate.

mod file;
mod vault;

use std::path::PathBuf;
use std::sync::Arc;

use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;

pub use vault::{Fetched, SecretVault, VaultName, VaultSecret};

/// The longest secret that is read, in bytes: what AWS Secrets Manager holds ("Quotas", size of a secret value), and more
/// than any key or token.
pub const LONGEST_SECRET: usize = 65_536;

/// Where a secret is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// An environment variable.
    Env(String),
    /// A file; refused when group or others can read it, or when it belongs to another user.
    File(PathBuf),
    /// A store that is asked over the network.
    Vault(VaultSecret),
}

/// A secret that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The variable is not set, or blank.
    #[error("environment variable {0} is not set")]
    NoVariable(String),
    /// The file cannot be read.
    #[error("secret file {path} cannot be read")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Others than the owner can read the file.
    #[error("secret file {path} can be read by others (mode {mode:03o})")]
    ReadableByOthers {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file belongs to somebody else, who could change what it says.
    #[error("secret file {path} belongs to another user (uid {owner})")]
    NotOurs {
        /// Which file.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
    },
    /// A folder, a pipe, a device.
    #[error("secret file {0} is not an ordinary file")]
    NotAFile(PathBuf),
    /// Longer than [`LONGEST_SECRET`].
    #[error("secret file {0} is longer than {LONGEST_SECRET} bytes")]
    TooLong(PathBuf),
    /// The file holds nothing.
    #[error("secret file {0} is empty")]
    Empty(PathBuf),
    /// The file is not text.
    #[error("secret file {0} is not UTF-8 text")]
    NotText(PathBuf),
    /// A store did not give it.
    #[error("{message}")]
    Vault {
        /// What happened, with the secret's name and never its value.
        message: String,
        /// One thing to do.
        hint: String,
    },
}

impl SecretError {
    /// One thing to do.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::NoVariable(name) => format!("set {name} in the environment of rollcall"),
            Self::Unreadable { path, .. } => format!("check that {} exists and belongs to this user", path.display()),
            Self::ReadableByOthers { path, .. } => format!("chmod 600 {}", path.display()),
            Self::NotOurs { path, .. } => {
                format!("chown {} to the user that rollcall runs as, or to root", path.display())
            }
            Self::NotAFile(path) => format!("store the secret in an ordinary file instead of {}", path.display()),
            Self::TooLong(path) => format!("check that {} is the secret and nothing else", path.display()),
            Self::Empty(path) => format!("write the secret into {}", path.display()),
            Self::NotText(path) => format!("store a PEM, a JWK or a token as text in {}", path.display()),
            Self::Vault { hint, .. } => hint.clone(),
        }
    }
}

impl SecretSource {
    /// Reads the secret now; what a store has told lately may be told again.
    ///
    /// # Errors
    /// See [`SecretError`].
    pub async fn read(&self) -> Result<SecretString, SecretError> {
        match self {
            Self::Vault(secret) => secret.fetch(None).await,
            Self::Env(_) | Self::File(_) => self.read_here(),
        }
    }

    /// Reads it once more after the remote has refused `refused`: a rotated secret takes effect without a restart. A store is
    /// asked again, unless it gave another value in the meantime or was asked this very moment.
    ///
    /// # Errors
    /// See [`SecretError`].
    pub async fn read_again(&self, refused: &SecretString) -> Result<SecretString, SecretError> {
        match self {
            Self::Vault(secret) => secret.fetch(Some(refused)).await,
            Self::Env(_) | Self::File(_) => self.read_here(),
        }
    }

    /// Whether it can be had, as far as that is known without a network.
    ///
    /// # Errors
    /// See [`SecretError`].
    pub fn check(&self) -> Result<(), SecretError> {
        match self {
            Self::Vault(_) => Ok(()),
            Self::Env(_) | Self::File(_) => self.read_here().map(drop),
        }
    }

    /// What it is called in its store, if it is in one.
    #[must_use]
    pub fn in_vault(&self) -> Option<&VaultName> {
        match self {
            Self::Vault(secret) => Some(secret.name()),
            Self::Env(_) | Self::File(_) => None,
        }
    }

    /// Says whom to ask for it. Without that, a secret of a store cannot be read.
    pub fn bind(&mut self, vault: &Arc<dyn SecretVault>) {
        if let Self::Vault(secret) = self {
            secret.bind(vault);
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where a configured secret is read from the environment"
    )]
    fn read_here(&self) -> Result<SecretString, SecretError> {
        match self {
            Self::Env(name) => {
                let value = std::env::var(name).map(Zeroizing::new);
                value.ok().and_then(tidied).ok_or_else(|| SecretError::NoVariable(name.clone()))
            }
            Self::File(path) => file::read(path),
            Self::Vault(secret) => Err(secret.unbound()),
        }
    }
}

/// A secret as somebody stored it: one line end behind it is dropped, and in a PEM a spelled-out `\n` becomes a line end, as
/// variables and JSON texts have it. `None` if there is nothing in it.
#[must_use]
pub fn tidied(mut text: Zeroizing<String>) -> Option<SecretString> {
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    if text.contains("-----BEGIN") && text.contains("\\n") {
        text = Zeroizing::new(text.replace("\\n", "\n"));
    }
    // Exact: the conversion below would copy a text with room to spare, and leave the old one behind.
    (!text.trim().is_empty()).then(|| SecretString::from(Box::<str>::from(text.as_str())))
}

/// Texts of which one is secret, one behind the other. Of full size from the start: a text that grows leaves copies behind.
pub(crate) fn joined(parts: &[&str]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(parts.iter().map(|part| part.len()).sum()));
    parts.iter().for_each(|part| text.push_str(part));
    text
}

/// A secret from a text that is wiped.
pub(crate) fn sealed(text: String) -> SecretString {
    let text = Zeroizing::new(text);
    SecretString::from(Box::<str>::from(text.as_str()))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn what_stands_around_a_secret_is_dropped_and_nothing_in_it() {
        let check = |stored: &str, expected: Option<&str>| {
            let got = tidied(Zeroizing::new(stored.to_owned()));
            assert_eq!(got.as_ref().map(ExposeSecret::expose_secret), expected, "{stored:?}");
        };
        check("s3cret", Some("s3cret"));
        check("s3cret\n", Some("s3cret"));
        check("s3cret\r\n", Some("s3cret"));
        check("s3cret\n\n", Some("s3cret\n"));
        check(" s3cret ", Some(" s3cret "));
        check("C:\\new", Some("C:\\new"));
        check("-----BEGIN X-----\\nAA\\n-----END X-----", Some("-----BEGIN X-----\nAA\n-----END X-----"));
        for nothing in ["", "\n", " ", " \r\n"] {
            check(nothing, None);
        }
    }

    #[tokio::test]
    async fn a_variable_that_is_not_there_is_named() {
        let error = SecretSource::Env("ROLLCALL_TEST_NO_SUCH_VARIABLE".to_owned()).read().await.unwrap_err();
        assert!(matches!(&error, SecretError::NoVariable(name) if name == "ROLLCALL_TEST_NO_SUCH_VARIABLE"), "{error}");
    }
}
