//! What the administrator says about reports.

use std::path::PathBuf;

use connectors::http::Tls;
use url::Url;

/// How much of a person a report shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Privacy {
    /// Person keys only; no values of text attributes.
    Keys,
    /// Keys and usernames; no other text values.
    Usernames,
    /// Everything, names and numbers included.
    Full,
}

/// One `[report.*]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkConfig {
    /// The configured name.
    pub name: String,
    /// How much of a person it shows.
    pub privacy: Privacy,
    /// Where to.
    pub kind: SinkKind,
}

/// Where a report goes. One place to add a sink: a file in this folder and a variant here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SinkKind {
    /// Amazon CloudWatch Logs.
    CloudwatchLogs(CloudwatchConfig),
    /// A file, one JSON object a line; `-` is standard output.
    JsonLines {
        /// The file.
        path: PathBuf,
    },
}

/// A log group in CloudWatch Logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudwatchConfig {
    /// The log group; `/rollcall/<contact centre>` unless configured.
    pub group: String,
    /// Days, one of the values CloudWatch Logs accepts; `None` leaves the group as it is.
    pub retention_days: Option<u32>,
    /// AWS Region.
    pub region: String,
    /// Named AWS profile.
    pub profile: Option<String>,
    /// Another endpoint: the sandbox. Plain `http` for loopback only.
    pub endpoint_url: Option<Url>,
    /// Who is trusted.
    pub tls: Tls,
    /// Whether the event of a finished run holds metrics that CloudWatch takes out by itself.
    pub metrics: bool,
}

/// Retention periods CloudWatch Logs accepts, in days. Source: CloudWatch Logs API reference, `PutRetentionPolicy`.
pub const RETENTION_DAYS: &[u32] =
    &[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];
