//! What a token endpoint's refusal means, and what to do about it.
//!
//! Sources: Microsoft identity platform, "Microsoft Entra authentication and authorization error codes"; Okta,
//! "OAuth 2.0 and OpenID Connect error codes"; RFC 6749, section 5.2; RFC 9449, sections 5 and 8.
//!
//! Invariant: a description is compared with known ones and then dropped. It may echo the request.

use super::AuthError;
use super::exchange::Refused;
use crate::error::PullErrorKind;
use crate::http::{TransportError, UNTRUSTED, is_passing};

/// A refusal that is understood.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Known {
    /// What it means.
    says: &'static str,
    /// What to do.
    hint: &'static str,
    /// Whether a clock is to blame, so that the server's time is worth another attempt.
    pub(super) clock: bool,
}

const fn known(says: &'static str, hint: &'static str) -> Known {
    Known { says, hint, clock: false }
}

const fn clock(says: &'static str) -> Known {
    Known { says, hint: "set this machine's clock (NTP)", clock: true }
}

/// By the number of an AADSTS code.
static ENTRA: &[(u64, Known)] = &[
    (
        7_000_215,
        known("the client secret is wrong", "store the secret's *value*, not its id, from the app registration"),
    ),
    (7_000_222, known("the client secret has expired", "create a new secret in the app registration and store it")),
    (700_016, known("the application is not known in this tenant", "check client_id and tenant")),
    (
        700_027,
        known(
            "the certificate is not the application's",
            "upload this certificate to the app registration's certificates",
        ),
    ),
    (700_024, clock("the assertion is outside its validity")),
    (90_002, known("the tenant does not exist", "check tenant: its id or a verified domain")),
    (900_023, known("the tenant is neither an id nor a domain", "check tenant: its id or a verified domain")),
    (1_002_012, known("the scope is not valid for this cloud", "check graph_url and login_url: same cloud?")),
    (70_011, known("the scope is not valid for this cloud", "check graph_url and login_url: same cloud?")),
    (53_003, known("a conditional-access policy blocks the application", "exclude the application from the policy")),
    (7_000_112, known("the application is disabled in this tenant", "enable it under enterprise applications")),
];

/// By a piece of a description, in small letters; the first that fits counts.
static TEXTS: &[(&str, Known)] = &[
    // About assertions.
    (
        "must be the endpoint invoked",
        known(
            "the assertion's audience is not this endpoint",
            "give the address as the server spells it: the org's own host, not the `-admin` one",
        ),
    ),
    ("client_assertion token is expired", clock("the assertion had expired when it arrived")),
    ("expiration too far into the future", clock("the assertion's end is too far ahead")),
    ("must be issued before the current time", clock("the assertion was made in the server's future")),
    (
        "client_assertion token has already been used",
        known("the assertion was used before", "try again; if it stays so, something repeats requests on their way"),
    ),
    (
        "kid is invalid",
        known("the server has no key with this id", "check key_id against the public keys of the application"),
    ),
    (
        "client_assertion signature is invalid",
        known(
            "the signature is not the registered key's",
            "check that key_id and the private key belong together, and that the key is active",
        ),
    ),
    (
        "signature algorithm is invalid",
        known("the server does not take this key's algorithm", "register an RSA key (RS256) or one on P-256 (ES256)"),
    ),
    ("jwkset", known("no usable public keys are registered for the client", "add the public key to the application")),
    (
        "must use the private_key_jwt",
        known(
            "the server takes signed assertions only",
            "set the application to public key / private key and configure the private key",
        ),
    ),
    (
        "'application_type' of 'service'",
        known("the application is not a service application", "create an API Services application and use its id"),
    ),
    ("not a valid client_id", known("the client is not known", "check client_id")),
    ("invalid value for 'client_id'", known("the client is not known", "check client_id")),
    ("client secret supplied for a confidential client is invalid", known("the secret is wrong", "check the secret")),
    // About proofs of possession.
    ("dpop proof jwt is issued in the future", clock("the proof of possession was made in the server's future")),
    ("dpop proof jwt is issued more than", clock("the proof of possession was too old when it arrived")),
    ("dpop proof jwt is expired", clock("the proof of possession was too old when it arrived")),
    ("'iat' claim in the dpop proof", clock("the time in the proof of possession was refused")),
    ("dpop proof iat is not recent enough", clock("the time in the proof of possession was refused")),
    (
        "'htu' claim in the dpop proof",
        known(
            "the server knows itself by another address",
            "give the address as the server spells it; a proxy may rewrite it",
        ),
    ),
    (
        "dpop proof jwt has already been used",
        known("the proof was used before", "try again; if it stays so, something repeats requests on their way"),
    ),
];

/// By the OAuth error, when nothing more is known.
static ERRORS: &[(&str, Known)] = &[
    (
        "invalid_client",
        known(
            "the client was not accepted",
            "check client id, secret or key, and that the application allows this way of proving it",
        ),
    ),
    ("invalid_scope", known("a scope is unknown or not granted", "grant the scopes to the application")),
    (
        "consent_required",
        known("the scopes are not granted", "let a super administrator grant the scopes to the application"),
    ),
    ("access_denied", known("the server's policy refuses the request", "check policies and scopes of the application")),
    (
        "unauthorized_client",
        known("the client may not use client credentials", "allow the client-credentials grant for the application"),
    ),
    (
        "unsupported_grant_type",
        known("the server has no client-credentials grant here", "check the address of the token endpoint"),
    ),
    ("invalid_target", known("the server does not know the resource", "check the extra parameter `resource`")),
    (
        "invalid_request",
        known("the server does not understand the request", "check scopes, extra parameters and client_id"),
    ),
    (
        "invalid_grant",
        known(
            "the server misses something beside the client's credentials",
            "if the application requires proof of possession (DPoP), allow dpop for this source; else see the server's log",
        ),
    ),
    (
        "invalid_dpop_proof",
        known(
            "the proof of possession was not accepted",
            "allow proof of possession (dpop) for this source, or switch its requirement off in the application",
        ),
    ),
    (
        "use_dpop_nonce",
        known(
            "the server wants another nonce each time",
            "allow proof of possession (dpop) for this source; else see the server's log",
        ),
    ),
];

/// The reason a server states beside the OAuth error.
pub(super) fn stated(codes: &[u64], description: &str) -> Option<&'static Known> {
    let by_code = codes.iter().find_map(|code| ENTRA.iter().find(|(known, _)| known == code));
    let description = description.to_ascii_lowercase();
    let by_text = || TEXTS.iter().find(|(piece, _)| description.contains(piece)).map(|(_, known)| known);
    by_code.map(|(_, known)| known).or_else(by_text)
}

/// The error for a refusal that is final.
pub(super) fn explain(refused: &Refused) -> AuthError {
    const ADDRESS: &str = "check the address of the token endpoint (login_url, org_url or token_url)";
    match refused {
        Refused::Transport(error) => AuthError::new(
            match error {
                TransportError::Unreachable(_) | TransportError::Untrusted(_) => PullErrorKind::Unreachable,
                TransportError::CutShort(_) => PullErrorKind::Protocol,
                TransportError::TooBig { .. } => PullErrorKind::BoundReached,
            },
            format!("the token endpoint gave no usable answer: {error}"),
            match error {
                TransportError::Untrusted(_) => UNTRUSTED.to_owned(),
                _ => format!("{ADDRESS}, name resolution, proxy and firewall"),
            },
        ),
        Refused::NotAToken(why) => AuthError::new(
            PullErrorKind::Protocol,
            format!("the token endpoint's answer is not a token: {why}"),
            format!("{ADDRESS}; a proxy may have answered in its place"),
        ),
        Refused::Unbound => AuthError::new(
            PullErrorKind::Unauthorized,
            "the token is not bound to the key whose possession was proved",
            "require proof of possession (DPoP) in the application, or leave it out of this source's configuration",
        ),
        Refused::Status { status, .. } if (300..400).contains(status) => AuthError::new(
            PullErrorKind::ForeignLink,
            format!("the token endpoint redirects (status {status}); redirects are not followed with a credential"),
            ADDRESS,
        ),
        Refused::Status { status: 429, .. } => {
            AuthError::new(PullErrorKind::Throttled, "the token endpoint is still throttling", "wait and try again")
        }
        Refused::Status { status, .. } if passing(*status) => AuthError::new(
            PullErrorKind::RemoteFailure,
            format!("the token endpoint fails with status {status}"),
            "wait and try again; see the provider's status page",
        ),
        Refused::Status { status: 404 | 405 | 410, error, .. } if error.is_empty() => {
            AuthError::new(PullErrorKind::NotFound, "there is no token endpoint at this address", ADDRESS)
        }
        Refused::Status { status, error, codes, stated, .. } => {
            let by_error = || ERRORS.iter().find(|(known, _)| known == error).map(|(_, known)| known);
            let known = match stated {
                Some(stated) => Some(*stated),
                // An unknown code says something else than the common error it comes with.
                None if codes.is_empty() => by_error(),
                None => None,
            };
            let (says, hint) = known
                .map_or(("no token was given", "check tenant or address, client id and the credential"), |known| {
                    (known.says, known.hint)
                });
            let code = codes.first().map(|code| format!(", AADSTS{code}")).unwrap_or_default();
            let error = if error.is_empty() { "no error code" } else { error };
            AuthError::new(PullErrorKind::Unauthorized, format!("{says} ({error}{code}, status {status})"), hint)
        }
    }
}

/// Whether a status may be another one later.
pub(super) fn passing(status: u16) -> bool {
    reqwest::StatusCode::from_u16(status).is_ok_and(is_passing)
}
