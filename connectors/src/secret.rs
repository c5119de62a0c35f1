//! Secrets as references: a value is read late, from where the configuration says, and never printed.
//!
//! Invariant: nothing here implements `Serialize`, and `Debug` of a secret is empty.
//! Deliberately absent: AWS Secrets Manager and SSM; they need the AWS credential chain and are resolved above this crate.

use std::path::PathBuf;

use secrecy::SecretString;

/// Where a secret is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// An environment variable.
    Env(String),
    /// A file; refused when group or others can read it.
    File(PathBuf),
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
    /// The file holds nothing.
    #[error("secret file {0} is empty")]
    Empty(PathBuf),
}

impl SecretError {
    /// One thing to do.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::NoVariable(name) => format!("set {name} in the environment of rollcall"),
            Self::Unreadable { path, .. } => format!("check that {} exists and belongs to this user", path.display()),
            Self::ReadableByOthers { path, .. } => format!("chmod 600 {}", path.display()),
            Self::Empty(path) => format!("write the secret into {}", path.display()),
        }
    }
}

impl SecretSource {
    /// Reads the secret now. One trailing newline is dropped; a literal `\n` in a PEM from the environment becomes a
    /// newline.
    ///
    /// # Errors
    /// See [`SecretError`].
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where a configured secret is read from the environment"
    )]
    pub fn read(&self) -> Result<SecretString, SecretError> {
        match self {
            Self::Env(name) => match std::env::var(name) {
                Ok(value) if !value.trim().is_empty() => {
                    let value = if value.contains("-----BEGIN") { value.replace("\\n", "\n") } else { value };
                    Ok(SecretString::from(value))
                }
                _ => Err(SecretError::NoVariable(name.clone())),
            },
            Self::File(path) => read_private_file(path),
        }
    }
}

fn read_private_file(path: &std::path::Path) -> Result<SecretString, SecretError> {
    let unreadable = |source| SecretError::Unreadable { path: path.to_owned(), source };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(path).map_err(unreadable)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(SecretError::ReadableByOthers { path: path.to_owned(), mode });
        }
    }
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.trim().is_empty() {
        return Err(SecretError::Empty(path.to_owned()));
    }
    Ok(SecretString::from(text.to_owned()))
}
