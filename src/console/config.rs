//! What the administrator says about the console.

use std::net::SocketAddr;
use std::path::PathBuf;

use connectors::SecretSource;

/// How the pages travel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// Plain http; on loopback only.
    Plain,
    /// Plain http to a reverse proxy that speaks https to everybody else and names the client in `X-Forwarded-For`.
    BehindProxy,
    /// https, by us.
    Tls {
        /// A PEM file: our certificate, then those of the authorities between it and a root.
        certificate: PathBuf,
        /// The private key, as PEM.
        key: SecretSource,
    },
}

/// `[console]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsoleConfig {
    /// Where to listen.
    pub listen: SocketAddr,
    /// How the pages travel.
    pub transport: Transport,
    /// The name people type, with the port if it is not the usual one; absent: the address itself.
    pub public_host: Option<String>,
}

impl ConsoleConfig {
    /// Whether what people see is https, so that cookies may say so.
    #[must_use]
    pub fn secure(&self) -> bool {
        !matches!(self.transport, Transport::Plain)
    }

    /// The address to type, for log lines.
    #[must_use]
    pub fn address(&self) -> String {
        let scheme = if self.secure() { "https" } else { "http" };
        let host = self.public_host.clone().unwrap_or_else(|| self.listen.to_string());
        format!("{scheme}://{host}/")
    }
}
