//! Microsoft Graph.
mod config;
use crate::directory::*;
use crate::*;
pub use config::{Credential, MicrosoftConfig};
use std::collections::BTreeMap;

/// x
#[derive(Debug)]
pub struct Microsoft {
    name: SourceName,
}
#[expect(missing_docs)]
#[expect(clippy::todo)]
#[expect(unused_variables)]
impl Microsoft {
    pub fn name(&self) -> &SourceName {
        &self.name
    }
    pub async fn pull(&self, request: PullRequest<'_>) -> Result<Pull, PullError> {
        todo!()
    }
    pub async fn confirm(&self, ids: &[ExternalId]) -> Result<BTreeMap<ExternalId, Presence>, PullError> {
        todo!()
    }
    pub async fn check(&self) -> Vec<CheckLine> {
        todo!()
    }
}
