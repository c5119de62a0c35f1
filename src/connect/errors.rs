//! What a failed call means, by the code Connect gives and never by the HTTP status alone.
//!
//! Invariant: a create whose reply was lost is in doubt; it is never repeated here.
//! Invariant: no message carries a personal value. Connect's own text can quote one, so it passes through
//! [`without_personal_values`] first.
//!
//! Why codes: throttling and a full instance are both 429, and only the first goes away by waiting.
//! Source: Amazon Connect API reference, the error lists of the operations called here, and "Common Errors".

use std::error::Error;

use aws_sdk_connect::config::http::HttpResponse;
use aws_sdk_connect::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_connect::operation::RequestId;

use crate::model::{CallError, Disposition, Operation};

/// The code of a call that met the instance's user limit. Waiting does not help, and every further create of the run would
/// end like this; updates and deletes still can be made.
pub const INSTANCE_FULL: &str = "LimitExceededException";
/// Somebody or something that was asked for does not exist.
pub(super) const NOT_FOUND: &str = "ResourceNotFoundException";
/// The most characters of Connect's text that are passed on.
const MESSAGE_CHARS: usize = 300;

/// Codes that mean: too fast, wait. Connect documents the first; its text elsewhere names the second; the others are what
/// AWS front ends say.
const THROTTLING: &[&str] = &[
    "ThrottlingException",
    "TooManyRequestsException",
    "Throttling",
    "ThrottledException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
];

/// Codes that mean: these credentials are good for nothing.
const CREDENTIALS: &[&str] = &[
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "IncompleteSignature",
    "IncompleteSignatureException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
    "OptInRequired",
];

/// How a call failed, without the SDK's generics.
#[derive(Debug)]
pub(super) struct Failure {
    how: How,
    status: Option<u16>,
    code: Option<String>,
    message: Option<String>,
    request_id: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// Nothing was sent: the request could not be built.
    NotBuilt,
    /// Nothing was sent: no credentials.
    NoCredentials,
    /// Nothing was sent: no connection.
    Unreachable,
    /// Sent, and no reply in time.
    TimedOut,
    /// Sent, and the reply was lost or unreadable.
    NoReply,
    /// Connect answered with an error.
    Answered,
}

impl Failure {
    pub(super) fn of<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let status = error.raw_response().map(|reply| reply.status().as_u16());
        let how = match error {
            SdkError::ConstructionFailure(_) => How::NotBuilt,
            SdkError::TimeoutError(_) => How::TimedOut,
            SdkError::DispatchFailure(failure) => dispatch(error, failure.is_timeout()),
            // A success that cannot be read: the call happened, its result is unknown.
            SdkError::ServiceError(_) if status.is_some_and(|status| (200..300).contains(&status)) => How::NoReply,
            SdkError::ServiceError(_) => How::Answered,
            _ => How::NoReply,
        };
        Self {
            how,
            status,
            code: error.code().map(str::to_owned),
            message: error.message().map(str::to_owned),
            request_id: error.request_id().map(str::to_owned),
        }
    }

    fn has_code(&self, codes: &[&str]) -> bool {
        self.code.as_deref().is_some_and(|code| codes.contains(&code))
    }
}

/// Tells "never left this machine" from "sent, and no answer". The SDK knows but does not say, so the chain of causes is
/// read; whatever is not recognised counts as sent, because that is the careful answer for a create.
fn dispatch(error: &(dyn Error + 'static), timeout: bool) -> How {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.downcast_ref::<std::io::Error>().is_some_and(|io| io.kind() == std::io::ErrorKind::ConnectionRefused) {
            return How::Unreachable;
        }
        let text = error.to_string();
        if text.starts_with("client error (Connect)") || text.starts_with("HTTP connect timeout") {
            return How::Unreachable;
        }
        if text.contains("credential") || text.contains("identity") {
            return How::NoCredentials;
        }
        cause = error.source();
    }
    if timeout { How::TimedOut } else { How::NoReply }
}

/// What to do about a failed call.
#[derive(Debug)]
pub(super) enum Verdict {
    /// Too fast: slow down and try again; the error is for when that does not end.
    Throttled(CallError),
    /// May pass and may be repeated without harm; the error is for when it does not pass.
    Transient(CallError),
    /// No use trying again.
    Final(CallError),
}

/// Operations that read. Their errors end the look, and with it the run: nothing may be concluded from half a look.
pub(super) fn reads(operation: Operation) -> bool {
    match operation {
        Operation::DescribeInstance
        | Operation::ListUsers
        | Operation::SearchUsers
        | Operation::DescribeUser
        | Operation::ListRoutingProfiles
        | Operation::ListSecurityProfiles
        | Operation::SearchUserHierarchyGroups
        | Operation::SearchQuickConnects => true,
        Operation::CreateUser
        | Operation::DeleteUser
        | Operation::UpdateUserIdentityInfo
        | Operation::UpdateUserPhoneConfig
        | Operation::UpdateUserRoutingProfile
        | Operation::UpdateUserSecurityProfiles
        | Operation::UpdateUserHierarchy
        | Operation::TagResource
        | Operation::UntagResource
        | Operation::DeleteQuickConnect
        | Operation::UpdateQuickConnectConfig => false,
    }
}

/// Judges a failed call. `personal` holds the values the call carried.
pub(super) fn judge(operation: Operation, failure: &Failure, personal: &[String]) -> Verdict {
    let judge = Judge { operation, failure, personal };
    match failure.how {
        How::NotBuilt => Verdict::Final(judge.error(
            judge.skip(),
            "not_built",
            "the request could not be built",
            "report this as a fault of rollcall, with the change it concerns",
        )),
        How::NoCredentials => Verdict::Final(judge.error(
            Disposition::Misconfigured,
            "no_credentials",
            "the AWS credentials could not be had",
            "check that the configured profile or role still works: `aws sts get-caller-identity`",
        )),
        // Nothing was sent, so even a create may be tried again.
        How::Unreachable => Verdict::Transient(judge.error(
            Disposition::StopRun,
            "unreachable",
            "no connection could be made to Connect",
            "check network, proxy, DNS and the Region of [connect]",
        )),
        How::TimedOut => judge.lost("timeout", "no reply in time"),
        How::NoReply => judge.lost("no_reply", "the reply was lost or cannot be read"),
        How::Answered => judge.answered(),
    }
}

struct Judge<'a> {
    operation: Operation,
    failure: &'a Failure,
    personal: &'a [String],
}

impl Judge<'_> {
    /// What "this call failed for good" means: one person for a write, the whole look for a read.
    fn skip(&self) -> Disposition {
        if reads(self.operation) { Disposition::StopRun } else { Disposition::SkipPerson }
    }

    /// What "this call failed for now" means: the next run tries again, or the whole look ends.
    fn for_now(&self) -> Disposition {
        if reads(self.operation) { Disposition::StopRun } else { Disposition::NextRun }
    }

    fn error(&self, disposition: Disposition, code: &str, message: &str, hint: &str) -> CallError {
        CallError {
            operation: self.operation,
            disposition,
            code: code.to_owned(),
            message: message.to_owned(),
            hint: hint.to_owned(),
            request_id: self.failure.request_id.clone(),
        }
    }

    /// Sent, and no usable reply. Updates set values and deletes end in the same state, so both may be repeated; a create
    /// may not.
    fn lost(&self, code: &str, message: &str) -> Verdict {
        let hint = "nothing to do: the next run looks at Connect before it plans";
        let disposition = if reads(self.operation) { Disposition::StopRun } else { Disposition::InDoubt };
        let error = self.error(disposition, code, message, hint);
        if self.operation == Operation::CreateUser { Verdict::Final(error) } else { Verdict::Transient(error) }
    }

    fn answered(&self) -> Verdict {
        let failure = self.failure;
        let status = failure.status.unwrap_or_default();
        if failure.has_code(THROTTLING) || (status == 429 && failure.code.is_none()) {
            return Verdict::Throttled(self.said(
                self.for_now(),
                "somebody else uses up this account's API quota: lower `share` under [connect.quota], or run at another time",
            ));
        }
        if failure.has_code(&["InternalServiceException"]) || status >= 500 {
            return self.server_failed();
        }
        if failure.has_code(CREDENTIALS) || status == 401 {
            let hint = "renew the AWS credentials, check the machine's clock: `aws sts get-caller-identity`";
            return Verdict::Final(self.said(Disposition::Misconfigured, hint));
        }
        if failure.has_code(&["AccessDeniedException", "AccessDenied"]) || status == 403 {
            let hint = format!("allow connect:{} on the instance in the IAM policy of the role in use", self.operation);
            return Verdict::Final(self.said(Disposition::Misconfigured, &hint));
        }
        Verdict::Final(self.refused())
    }

    fn server_failed(&self) -> Verdict {
        let hint = "nothing to do: the next run tries again; see the AWS health dashboard if it lasts";
        if self.operation == Operation::CreateUser {
            return Verdict::Final(self.said(Disposition::InDoubt, hint));
        }
        Verdict::Transient(self.said(self.for_now(), hint))
    }

    fn refused(&self) -> CallError {
        let create = self.operation == Operation::CreateUser;
        match (self.failure.code.as_deref().unwrap_or_default(), self.operation) {
            // Other operations can still succeed, so the run goes on; every further create would end like this one.
            (INSTANCE_FULL | "ServiceQuotaExceededException", _) => {
                self.said(self.skip(), "ask AWS for a higher quota of users per instance, or remove users nobody needs")
            }
            ("DuplicateResourceException", _) if create => {
                self.said(self.for_now(), "a user with this username exists already; the next run looks for it")
            }
            (NOT_FOUND, Operation::DeleteUser | Operation::DeleteQuickConnect) => {
                self.said(Disposition::AlreadySo, "nothing to do: it is gone already")
            }
            // A list is of the instance, so it is the instance that is not there.
            (NOT_FOUND, operation) if reads(operation) && operation != Operation::DescribeUser => {
                self.said(Disposition::Misconfigured, "check `instance` and `region` under [connect]")
            }
            (NOT_FOUND, _) => {
                self.said(self.for_now(), "it was removed in Connect in the meantime; the next run looks again")
            }
            _ => self.said(self.skip(), "see what Connect says about the value; the other people are not affected"),
        }
    }

    /// What Connect said, without personal values.
    fn said(&self, disposition: Disposition, hint: &str) -> CallError {
        let code = self.failure.code.clone().unwrap_or_else(|| format!("http_{}", self.failure.status.unwrap_or(0)));
        let message = match &self.failure.message {
            Some(text) => without_personal_values(text, self.personal),
            None => "Connect gave no reason".to_owned(),
        };
        self.error(disposition, &code, &message, hint)
    }
}

/// Connect's text with everything taken out that may be about a person: the values the call carried, and any word that
/// looks like an address or a telephone number.
pub(super) fn without_personal_values(text: &str, personal: &[String]) -> String {
    let mut values: Vec<&str> = personal.iter().map(|value| value.trim()).filter(|value| !value.is_empty()).collect();
    // Longest first: a first name must not tear a hole into a username that contains it.
    values.sort_unstable_by_key(|value| std::cmp::Reverse(value.len()));
    let mut text = text.to_owned();
    for value in values {
        text = without(&text, value);
    }
    let words: Vec<&str> = text.split_whitespace().map(|word| if looks_personal(word) { "…" } else { word }).collect();
    let text = words.join(" ");
    match text.char_indices().nth(MESSAGE_CHARS) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

/// Replaces `value`, whatever its case. Very short values only as whole words: a user called "A" must not empty the text.
fn without(text: &str, value: &str) -> String {
    let lower = text.to_lowercase();
    // Lower-casing can change the length of exotic letters; positions would not fit then, and nothing may slip through.
    if lower.len() != text.len() {
        return "…".to_owned();
    }
    let needle = value.to_lowercase();
    let mut result = String::with_capacity(text.len());
    let mut from = 0;
    for (at, _) in lower.match_indices(&needle) {
        let end = at + needle.len();
        let letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let inside = letter(lower[..at].chars().next_back()) || letter(lower[end..].chars().next());
        if value.chars().count() < 3 && inside {
            continue;
        }
        if !text.is_char_boundary(at) || !text.is_char_boundary(end) {
            return "…".to_owned();
        }
        result.push_str(&text[from..at]);
        result.push('…');
        from = end;
    }
    result.push_str(&text[from..]);
    result
}

fn looks_personal(word: &str) -> bool {
    let digits = word.chars().filter(char::is_ascii_digit).count();
    word.contains('@') || (word.contains('+') && digits >= 6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn personal_values_do_not_pass() {
        let check = |text: &str, personal: &[&str], expected: &str| {
            let personal: Vec<String> = personal.iter().map(|value| (*value).to_owned()).collect();
            assert_eq!(without_personal_values(text, &personal), expected);
        };
        check("Username ada.l already exists", &["ada.l", "Ada"], "Username … already exists");
        check("User ADA.L is taken", &["ada.l"], "User … is taken");
        check("Invalid email: ada@example.com.", &[], "Invalid email: …");
        check("Mobile '+442079460000' is invalid", &[], "Mobile … is invalid");
        check("A value of Al is not Allowed", &["Al", "A"], "… value of … is not Allowed");
        check("nothing to hide", &["", " "], "nothing to hide");
        check("Jürgen's name", &["JÜRGEN"], "…'s name");
    }

    #[test]
    fn long_texts_are_cut() {
        let text = without_personal_values(&"word ".repeat(200), &[]);
        assert_eq!(text.chars().count(), MESSAGE_CHARS + 1);
    }

    #[test]
    fn every_operation_either_reads_or_writes_and_only_creates_are_final_when_lost() {
        for operation in Operation::ALL {
            let failure = Failure { how: How::TimedOut, status: None, code: None, message: None, request_id: None };
            let verdict = judge(*operation, &failure, &[]);
            let (again, error) = match verdict {
                Verdict::Transient(error) => (true, error),
                Verdict::Final(error) => (false, error),
                Verdict::Throttled(_) => panic!("a time-out is not throttling"),
            };
            assert_eq!(again, *operation != Operation::CreateUser, "{operation}");
            let expected = if reads(*operation) { Disposition::StopRun } else { Disposition::InDoubt };
            assert_eq!(error.disposition, expected, "{operation}");
        }
    }
}
