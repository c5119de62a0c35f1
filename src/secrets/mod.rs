//! Secrets that are stored in AWS: Secrets Manager and the Parameter Store of Systems Manager.
//!
//! ```text
//! fetch    one call, and what its answer holds
//! fault    what a failed call means, with what to do
//! ```
//!
//! The directories know these stores as [`SecretVault`] only. A value is fetched when a request first needs it, kept in memory
//! for five minutes, and fetched again when the directory refuses it: a rotated secret takes effect without a restart.
//!
//! Invariant: a value is in no error, no `Debug` text and no log line, and in memory that is wiped. What cannot be wiped is in
//! the HTTP client and the SDK below: the body of the answer and its parsed form, for the length of the call.
//! Invariant: one secret is asked for by one caller at a time, at most once in [`PAUSE`], however many requests are refused.
//! Invariant: credentials, trust and time-outs are those of [`crate::aws`]; a loopback endpoint gets no real credentials.
//!
//! Permissions: `secretsmanager:GetSecretValue` or `ssm:GetParameter` on the secret's ARN; with a customer managed key also
//! `kms:Decrypt` on that key. (Secrets Manager user guide, "Permissions for AWS Secrets Manager"; Systems Manager user guide,
//! "Restricting access to Parameter Store parameters using IAM policies".)
//!
//! Deliberately absent: writing, rotating and listing secrets; other stages than the current one.

mod fault;
mod fetch;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_config::{Region, SdkConfig};
use connectors::secret::{Fetched, SecretError, SecretVault, VaultName};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::OnceCell;
use tokio::time::Instant;

use crate::aws::{self, Reach};

/// The configuration's word for a secret of AWS Secrets Manager.
pub const AWS_SECRET: &str = "aws_secret";
/// The configuration's word for a parameter of Systems Manager.
pub const AWS_PARAMETER: &str = "aws_parameter";

/// How long a value is used without asking again.
const KEPT: Duration = Duration::from_secs(300);

/// How long nothing is asked after an answer, whatever it was: many refusals at one time are one question.
pub const PAUSE: Duration = Duration::from_secs(2);

/// The stores of one contact centre. Nothing is sent before the first secret is wanted.
pub struct AwsVault {
    reach: Reach,
    shared: OnceCell<SdkConfig>,
    slots: Mutex<BTreeMap<VaultName, Arc<Slot>>>,
}

/// One secret: whoever fetches it holds the lock, the others wait for what comes.
type Slot = tokio::sync::Mutex<Option<Kept>>;

/// The last answer.
struct Kept {
    at: Instant,
    value: Result<SecretString, Refusal>,
}

/// Why a store did not give a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Refusal {
    message: String,
    hint: String,
}

impl From<Refusal> for SecretError {
    fn from(refusal: Refusal) -> Self {
        let Refusal { message, hint } = refusal;
        Self::Vault { message, hint }
    }
}

impl fmt::Debug for AwsVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AwsVault({})", self.reach.region)
    }
}

impl AwsVault {
    /// The stores as `reach` leads to them; a name that is an ARN says its Region itself.
    #[must_use]
    pub fn new(reach: Reach) -> Self {
        Self { reach, shared: OnceCell::new(), slots: Mutex::default() }
    }

    fn slot(&self, name: &VaultName) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(name.clone()).or_default())
    }

    async fn get(&self, name: &VaultName, refused: Option<&SecretString>) -> Result<SecretString, Refusal> {
        let slot = self.slot(name);
        let mut slot = slot.lock().await;
        let now = Instant::now();
        if let Some(Kept { at, value }) = &*slot {
            let age = now.duration_since(*at);
            let good = match (value, refused) {
                (Ok(value), Some(refused)) => value.expose_secret() != refused.expose_secret(),
                (Ok(_), None) => true,
                (Err(_), _) => false,
            };
            if age < PAUSE || (good && age < KEPT) {
                return value.clone();
            }
        }
        let value = self.ask(name).await;
        *slot = Some(Kept { at: Instant::now(), value: value.clone() });
        value
    }

    async fn ask(&self, name: &VaultName) -> Result<SecretString, Refusal> {
        let region = region(&name.name).unwrap_or(&self.reach.region);
        let shared = self.shared.get_or_try_init(|| aws::open(&self.reach)).await;
        let shared = shared.map_err(|error| Refusal {
            message: format!("{name} cannot be read: {}", fault::chain(&error)),
            hint: error.hint(),
        })?;
        let shared = shared.clone().into_builder().region(Region::new(region.to_owned())).build();
        fetch::fetch(&shared, name).await.map_err(|fault| fault.refusal(name, region))
    }
}

impl SecretVault for AwsVault {
    fn fetch<'a>(&'a self, name: &'a VaultName, refused: Option<&'a SecretString>) -> Fetched<'a> {
        Box::pin(async move { Ok(self.get(name, refused).await?) })
    }
}

/// The Region of an ARN.
fn region(name: &str) -> Option<&str> {
    name.strip_prefix("arn:")?.split(':').nth(2).filter(|region| !region.is_empty())
}
