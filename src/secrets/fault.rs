//! What a failed call means, by the code the service gives.
//!
//! Sources: the error lists of `GetSecretValue` (Secrets Manager API reference) and `GetParameter` (Systems Manager API
//! reference), and "Common Errors" of both. A key that may not be used shows as `AccessDeniedException` with KMS in its text,
//! or as `DecryptionFailure` and `InvalidKeyId`.
//!
//! Invariant: the service's own text is looked at and never passed on; of an answer that was read, only what is wrong with it
//! is told.

use std::error::Error;

use aws_sdk_connect::config::http::HttpResponse;
use aws_sdk_connect::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_connect::operation::RequestId;
use connectors::secret::{LONGEST_SECRET, VaultName};

use super::{AWS_PARAMETER, Refusal};

/// Codes that mean: later.
const PASSING: &[&str] = &[
    "ThrottlingException",
    "TooManyRequestsException",
    "Throttling",
    "RequestLimitExceeded",
    "SlowDown",
    "InternalServiceError",
    "InternalServerError",
    "ServiceUnavailable",
];

/// Codes that mean: these credentials are good for nothing.
const CREDENTIALS: &[&str] = &[
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "IncompleteSignature",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
    "OptInRequired",
];

/// What is wrong with a value that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfit {
    /// It is empty.
    Empty,
    /// It is binary.
    NotText,
    /// It is longer than any secret.
    TooLong,
    /// A member was to be read of something that has none.
    NotAnObject,
    /// It has no such member.
    NoSuchKey,
    /// The member is a number, a list, an object.
    KeyNotText,
    /// The parameter is stored in plain text.
    NotSecure,
    /// A store that is none.
    NoSuchStore,
}

/// Why there is no secret.
#[derive(Debug)]
pub(super) struct Fault(Kind);

#[derive(Debug)]
enum Kind {
    Unfit(Unfit),
    /// No answer: no connection, no reply, no certificate that is trusted, no credentials.
    NoAnswer(&'static str, String),
    /// An error answer.
    Answered(Answered),
}

#[derive(Debug)]
struct Answered {
    operation: &'static str,
    status: u16,
    code: String,
    /// The text speaks of a key.
    about_key: bool,
    request_id: Option<String>,
}

impl Fault {
    pub(super) fn unfit(unfit: Unfit) -> Self {
        Self(Kind::Unfit(unfit))
    }

    pub(super) fn of<E>(operation: &'static str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let Some(status) = error.raw_response().map(|reply| reply.status().as_u16()) else {
            return Self(Kind::NoAnswer(operation, chain(error)));
        };
        let plain = |code: &&str| code.len() <= 64 && code.chars().all(|c| c.is_ascii_alphanumeric());
        let text = error.message().unwrap_or_default().to_ascii_lowercase();
        Self(Kind::Answered(Answered {
            operation,
            status,
            code: error.code().filter(plain).unwrap_or("no code").to_owned(),
            about_key: text.contains("kms"),
            request_id: error.request_id().map(str::to_owned),
        }))
    }

    /// Whether the same call may fare better in a moment.
    pub(super) fn may_pass(&self) -> bool {
        match &self.0 {
            Kind::Unfit(_) => false,
            Kind::NoAnswer(_, why) => !why.contains("certificate"),
            Kind::Answered(Answered { status, code, .. }) => *status >= 500 || PASSING.contains(&code.as_str()),
        }
    }

    /// The same in words.
    pub(super) fn refusal(&self, name: &VaultName, region: &str) -> Refusal {
        let (why, hint) = match &self.0 {
            Kind::Unfit(unfit) => unfit.words(name),
            Kind::NoAnswer(operation, why) => (
                format!("{operation} had no answer from {region}: {why}"),
                "check network, proxy and the Region; if a company's own authority signs certificates here, set ca_file under [tls]"
                    .to_owned(),
            ),
            Kind::Answered(answered) => answered.words(name, region),
        };
        Refusal { message: format!("{name} cannot be read: {why}"), hint }
    }
}

impl Unfit {
    fn words(self, name: &VaultName) -> (String, String) {
        let (why, hint) = match self {
            Self::Empty => ("it is empty", "store the secret in it"),
            Self::NotText => ("it is binary and no UTF-8 text", "store a PEM, a JWK or a token as text"),
            Self::TooLong => {
                return (
                    format!("it is longer than {LONGEST_SECRET} bytes"),
                    "check that this is the right secret".to_owned(),
                );
            }
            Self::NotAnObject => ("it is no JSON object", "leave `key` out, or store an object with this key once"),
            Self::NoSuchKey => ("the object has no such key", "check `key`; capitals and small letters differ"),
            Self::KeyNotText => ("the value of this key is no text", "store the secret as a text in quotes"),
            Self::NotSecure => ("the parameter is stored in plain text", "store it anew as a SecureString"),
            Self::NoSuchStore => {
                return (
                    format!("there is no store called {}", name.store),
                    "report this as a fault of rollcall".to_owned(),
                );
            }
        };
        (why.to_owned(), hint.to_owned())
    }
}

impl Answered {
    fn words(&self, name: &VaultName, region: &str) -> (String, String) {
        let Self { operation, status, code, about_key, request_id } = self;
        let request = request_id.as_ref().map(|id| format!(", request {id}")).unwrap_or_default();
        let parameter = name.store == AWS_PARAMETER;
        let permission = if parameter { "ssm:GetParameter" } else { "secretsmanager:GetSecretValue" };
        let (what, hint) = match code.as_str() {
            "DecryptionFailure" | "InvalidKeyId" => (
                "its key cannot be used",
                "allow kms:Decrypt on the key it is encrypted with, and check that the key is enabled".to_owned(),
            ),
            "AccessDeniedException" | "AccessDenied" if *about_key => {
                ("its key may not be used", "allow kms:Decrypt on the key it is encrypted with".to_owned())
            }
            "AccessDeniedException" | "AccessDenied" => (
                "a permission is missing",
                format!("allow {permission} on it, and kms:Decrypt if it is encrypted with a key of your own"),
            ),
            "ResourceNotFoundException" | "ParameterNotFound" | "ParameterVersionNotFound" => (
                "there is none of this name",
                format!("check the name and the Region ({region}); an ARN says the Region itself"),
            ),
            "InvalidRequestException" => {
                ("it cannot be used now", "check that it is not marked for deletion and has a value".to_owned())
            }
            code if CREDENTIALS.contains(&code) => {
                ("the AWS credentials were refused", "check the credentials: `aws sts get-caller-identity`".to_owned())
            }
            _ if *status >= 500 || PASSING.contains(&code.as_str()) => {
                ("the service is busy or down", "wait and try again".to_owned())
            }
            _ => (
                "the call was refused",
                format!(
                    "try `aws {}`",
                    if parameter { "ssm get-parameter" } else { "secretsmanager get-secret-value" }
                ),
            ),
        };
        (format!("{what} ({operation}: {code}{request})"), hint)
    }
}

/// An error with its causes, without saying anything twice.
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}
