//! An Okta org over a tenant: the same people and groups, in Okta's wire form.

use axum::Router;

use crate::sandbox::faults::Faults;
use crate::sandbox::tenant::Tenant;

/// An Okta org over a tenant: the same people and groups, in Okta's wire form. Clones are the same one.
#[derive(Debug, Clone)]
pub struct OktaOrg {
    tenant: Tenant,
}

impl OktaOrg {
    /// One over this tenant.
    #[must_use]
    pub fn new(tenant: Tenant) -> Self {
        Self { tenant }
    }

    /// Its HTTP interface; `root` is its own address as clients call it.
    pub fn router(&self, _faults: Faults, _root: String) -> Router {
        Router::new().with_state(self.tenant.clone())
    }
}
