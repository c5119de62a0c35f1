//! Whether a call may be answered: its token, its proof, its scope, the administrator role.
//!
//! (okta-developer-docs, "Core Okta API", "Authentication", and "Okta API error codes"; RFC 9449, 7.)

use chrono::{DateTime, Utc};

use super::call::{Call, Operation};
use super::dpop::{self, Demand, Doubt};
use super::org::Org;
use super::reply::Refusal;
use super::settings::Role;

impl Org {
    /// Refuses a call that may not be answered. `root` is the org's own address.
    pub(super) fn admit(&mut self, call: &Call, root: &str, now: DateTime<Utc>) -> Result<(), Refusal> {
        let Some((scheme, token)) = call.header("authorization").and_then(|value| value.split_once(' ')) else {
            return Err(Refusal::new(403, "E0000005", "Invalid session"));
        };
        let token = token.trim();
        if scheme.eq_ignore_ascii_case("SSWS") {
            if !self.clients.knows(token, now) {
                return Err(Refusal::invalid_token());
            }
        } else {
            self.admit_grant(call, scheme, token, root, now)?;
        }
        match call.operation {
            Operation::WrongMethod => {
                Err(Refusal::new(405, "E0000022", "The endpoint does not support the provided HTTP method"))
            }
            Operation::Unknown => Err(Refusal::not_found(&call.path, "Resource")),
            _ if self.settings.role == Role::Nobody => Err(Refusal::forbidden()),
            _ => Ok(()),
        }
    }

    fn admit_grant(
        &mut self,
        call: &Call,
        scheme: &str,
        token: &str,
        root: &str,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let bad = |scheme: &str| {
            let told = format!("{scheme} error=\"invalid_token\", error_description=\"The token is invalid.\"");
            Refusal::invalid_token().header("www-authenticate", told)
        };
        let grant = self.clients.grants.get(token).filter(|grant| grant.expires > now).cloned();
        match (grant, scheme.to_ascii_lowercase().as_str()) {
            (Some(grant), "bearer") if grant.bound_to.is_none() => permit(call, &grant.scopes),
            (Some(grant), "dpop") if grant.bound_to.is_some() => {
                let url = format!("{root}{}", call.path);
                let demand = Demand { url: &url, nonce: self.settings.api_nonce, token: Some(token) };
                let told = |error: &str, why: &str| {
                    let told = format!("DPoP error=\"{error}\", error_description=\"{why}\"");
                    Refusal::invalid_token().header("www-authenticate", told)
                };
                match dpop::proven(&mut self.clients, call, &demand, now) {
                    Ok(proven) if proven.is_some() && proven == grant.bound_to => permit(call, &grant.scopes),
                    Ok(Some(_)) => Err(told("invalid_dpop_proof", "The proof is of another key than the token's.")),
                    Ok(None) => Err(told("invalid_dpop_proof", "The DPoP proof JWT header is missing.")),
                    Err(Doubt::Invalid(why)) => Err(told("invalid_dpop_proof", why)),
                    Err(Doubt::Nonce) => Err(told("use_dpop_nonce", "A nonce is required in the DPoP proof.")
                        .header("dpop-nonce", self.clients.nonce(now))),
                }
            }
            // A bound token is worth nothing without its key.
            (Some(grant), _) if grant.bound_to.is_some() => Err(bad("DPoP")),
            _ => Err(bad("Bearer")),
        }
    }
}

fn permit(call: &Call, scopes: &std::collections::BTreeSet<String>) -> Result<(), Refusal> {
    let wanted = call.operation.scope();
    // Who may change may read.
    let manage = wanted.strip_suffix(".read").map(|area| format!("{area}.manage")).unwrap_or_default();
    if wanted.is_empty() || scopes.contains(wanted) || scopes.contains(&manage) {
        return Ok(());
    }
    let told = "Bearer error=\"insufficient_scope\", error_description=\"The access token lacks a scope.\"";
    Err(Refusal::forbidden().header("www-authenticate", told))
}
