//! Secrets of a store that is asked over the network: what they are called, and the port behind which the store is.
//!
//! Invariant: two references are the same if they name the same secret, whoever answers for them.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use secrecy::SecretString;

use super::SecretError;

/// What a secret is called in its store.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct VaultName {
    /// The configuration's word for the store; only the store's own code knows what it means.
    pub store: &'static str,
    /// The name in the store.
    pub name: String,
    /// The member of a JSON object that is the secret; absent: the whole value is.
    pub key: Option<String>,
}

impl fmt::Display for VaultName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.store, self.name)?;
        self.key.as_ref().map_or(Ok(()), |key| write!(f, ", key `{key}`"))
    }
}

/// What a store is asked for, when it comes.
pub type Fetched<'a> = Pin<Box<dyn Future<Output = Result<SecretString, SecretError>> + Send + 'a>>;

/// A store of secrets.
pub trait SecretVault: fmt::Debug + Send + Sync {
    /// The value of a secret. It may be the one of some minutes ago, unless that is `refused`: then the store is asked
    /// again. However often that happens, the store is asked at a bounded rate.
    fn fetch<'a>(&'a self, name: &'a VaultName, refused: Option<&'a SecretString>) -> Fetched<'a>;
}

/// A secret of a store.
#[derive(Clone)]
pub struct VaultSecret {
    name: VaultName,
    vault: Option<Arc<dyn SecretVault>>,
}

impl VaultSecret {
    /// A secret by its name; whom to ask is said later.
    #[must_use]
    pub fn new(name: VaultName) -> Self {
        Self { name, vault: None }
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &VaultName {
        &self.name
    }

    pub(super) fn bind(&mut self, vault: &Arc<dyn SecretVault>) {
        self.vault = Some(Arc::clone(vault));
    }

    pub(super) async fn fetch(&self, refused: Option<&SecretString>) -> Result<SecretString, SecretError> {
        match &self.vault {
            Some(vault) => vault.fetch(&self.name, refused).await,
            None => Err(self.unbound()),
        }
    }

    pub(super) fn unbound(&self) -> SecretError {
        SecretError::Vault {
            message: format!("{} was not connected to its store", self.name),
            hint: "report this as a fault of rollcall".to_owned(),
        }
    }
}

impl PartialEq for VaultSecret {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for VaultSecret {}

impl fmt::Debug for VaultSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VaultSecret({})", self.name)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use secrecy::ExposeSecret;

    use super::*;
    use crate::secret::SecretSource;

    /// Tells a new value each time it is asked, and keeps what was refused.
    #[derive(Debug, Default)]
    struct Counting(Mutex<Vec<Option<String>>>);

    impl SecretVault for Counting {
        fn fetch<'a>(&'a self, _: &'a VaultName, refused: Option<&'a SecretString>) -> Fetched<'a> {
            let mut asked = self.0.lock().unwrap();
            asked.push(refused.map(|value| value.expose_secret().to_owned()));
            let value = SecretString::from(format!("v{}", asked.len()));
            Box::pin(async move { Ok(value) })
        }
    }

    fn source() -> SecretSource {
        SecretSource::Vault(VaultSecret::new(VaultName {
            store: "shelf",
            name: "okta".to_owned(),
            key: Some("token".to_owned()),
        }))
    }

    #[tokio::test]
    async fn a_store_is_told_what_was_refused() {
        let counting = Arc::new(Counting::default());
        let vault: Arc<dyn SecretVault> = counting.clone();
        let mut bound = source();
        bound.bind(&vault);
        let first = bound.read().await.unwrap();
        let second = bound.read_again(&first).await.unwrap();
        assert_eq!((first.expose_secret(), second.expose_secret()), ("v1", "v2"));
        assert_eq!(*counting.0.lock().unwrap(), [None, Some("v1".to_owned())]);
        assert_eq!(bound, source(), "who answers is no part of the reference");
        assert!(bound.check().is_ok());
    }

    #[tokio::test]
    async fn a_reference_without_a_store_is_an_error_and_not_a_value() {
        let error = source().read().await.unwrap_err();
        assert_eq!(error.to_string(), "shelf `okta`, key `token` was not connected to its store");
        assert_eq!(format!("{:?}", source()), "Vault(VaultSecret(shelf `okta`, key `token`))");
    }
}
