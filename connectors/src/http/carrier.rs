//! Another way than the network: whoever carries a request to its answer within the process.
//!
//! A rehearsal or a simulation puts the remote systems behind a [`Carrier`]: no socket, and time is tokio's alone.
//!
//! Invariant: the bounds of the client hold here too: the time of an answer and the length of its body.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;

use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use url::Url;

use super::{HttpLimits, Outgoing, TransportError};

/// What is below a failure to get an answer.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// A request on its way.
pub struct Parcel {
    /// The method.
    pub method: Method,
    /// Where to.
    pub url: Url,
    /// All headers.
    pub headers: HeaderMap,
    /// The body; empty where there is none.
    pub body: Vec<u8>,
}

/// A whole answer.
pub struct Carried {
    /// The status.
    pub status: StatusCode,
    /// All headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

/// Carries requests.
pub trait Carrier: Debug + Send + Sync {
    /// Carries one request to its answer.
    ///
    /// # Errors
    /// If no whole answer comes back; the cause must not name what the request carried.
    fn carry(&self, parcel: Parcel) -> Pin<Box<dyn Future<Output = Result<Carried, Cause>> + Send + '_>>;
}

/// One attempt, within the bounds of the client.
pub(super) async fn carry(
    carrier: &dyn Carrier,
    out: &Outgoing<'_>,
    headers: HeaderMap,
    limits: &HttpLimits,
) -> Result<Carried, TransportError> {
    let body = out.body.clone().unwrap_or_default();
    let parcel = Parcel { method: out.method.clone(), url: out.url.clone(), headers, body };
    // There are no pieces here: the whole answer must come within the time of the first one.
    let within = limits.read.min(limits.total);
    let carried = match tokio::time::timeout(within, carrier.carry(parcel)).await {
        Ok(carried) => carried.map_err(TransportError::Unreachable)?,
        Err(elapsed) => return Err(TransportError::Unreachable(Box::new(elapsed))),
    };
    if carried.body.len() > limits.body_bytes {
        return Err(TransportError::TooBig { limit: limits.body_bytes });
    }
    Ok(carried)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::super::{HttpClient, Meter};
    use super::*;

    /// Answers with this many bytes after this long.
    #[derive(Debug)]
    struct Slow(Duration, usize);

    impl Carrier for Slow {
        fn carry(&self, _: Parcel) -> Pin<Box<dyn Future<Output = Result<Carried, Cause>> + Send + '_>> {
            Box::pin(async {
                tokio::time::sleep(self.0).await;
                Ok(Carried { status: StatusCode::OK, headers: HeaderMap::new(), body: vec![b' '; self.1] })
            })
        }
    }

    async fn check(secs: u64, bytes: usize) -> Result<usize, TransportError> {
        let carrier: Arc<dyn Carrier> = Arc::new(Slow(Duration::from_secs(secs), bytes));
        let limits = HttpLimits { body_bytes: 10, ..HttpLimits::default() };
        let url = Url::parse("http://127.0.0.1:1/").unwrap();
        let out = Outgoing { method: Method::GET, url: &url, headers: HeaderMap::new(), body: None };
        let client = HttpClient::over(Some(&carrier), limits).unwrap();
        client.once(&out, &Meter::default()).await.map(|answer| answer.body.len())
    }

    #[tokio::test(start_paused = true)]
    async fn a_carrier_is_held_to_the_bounds_of_the_client() {
        assert_eq!(check(29, 10).await.unwrap(), 10);
        assert!(matches!(check(31, 10).await, Err(TransportError::Unreachable(_))));
        assert!(matches!(check(1, 11).await, Err(TransportError::TooBig { limit: 10 })));
    }
}
