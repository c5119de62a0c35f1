//! Talking to one SCIM server: addresses, one request, one page.
//!
//! Invariant: requests go out one at a time, and a conversation has an upper bound of them.
//! Invariant: an address is the configured base with a path below it; ids are percent-encoded, and no `$ref` or
//! `meta.location` of the server is ever fetched.

use reqwest::Method;
use reqwest::header::{ACCEPT, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH};
use url::Url;

use super::config::ScimConfig;
use super::fault::Fault;
use crate::directory::ExternalId;
use crate::error::{PullError, PullErrorKind};
use crate::http::{Answer, Meter};
use crate::remote::{Ask, Remote, Unpaced};

/// Requests of one conversation: ten times what a million users take at 100 a page.
const MAX_REQUESTS: u32 = 100_000;

/// RFC 7644, 3.1; many servers say `application/json`.
const MEDIA_TYPES: &str = "application/scim+json, application/json;q=0.9";

/// The server, ready to be asked.
#[derive(Debug)]
pub(super) struct Server {
    remote: Remote,
    base: String,
    headers: HeaderMap,
}

/// One pull's (or check's) conversation; counts its requests.
#[derive(Debug)]
pub(super) struct Session<'s> {
    server: &'s Server,
    meter: Meter,
}

/// Parameters of a request, not yet encoded.
pub(super) type Query = Vec<(&'static str, String)>;

impl Server {
    /// # Errors
    /// If an extra header cannot be one.
    pub(super) fn new(remote: Remote, config: &ScimConfig) -> Result<Self, PullError> {
        let mut headers = HeaderMap::new();
        for (name, value) in &config.extra_headers {
            let pair = HeaderName::from_bytes(name.as_bytes()).ok().zip(HeaderValue::from_str(value).ok());
            let (header, mut value) = pair.ok_or_else(|| {
                let message = format!("`{name}` or its value cannot be a header");
                PullError::new(PullErrorKind::Refused, "configuration", message, "check extra_headers")
            })?;
            // It may be a second credential.
            value.set_sensitive(true);
            headers.insert(header, value);
        }
        headers.entry(ACCEPT).or_insert(HeaderValue::from_static(MEDIA_TYPES));
        let mut base = config.base_url.clone();
        base.set_query(None);
        base.set_fragment(None);
        let base = base.as_str().trim_end_matches('/').to_owned();
        Ok(Self { remote, base, headers })
    }

    pub(super) fn session(&self) -> Session<'_> {
        Session { server: self, meter: Meter::default() }
    }

    /// The path below the base that an `endpoint` of ResourceTypes means. It may be whole, or start at the host's root.
    pub(super) fn path_of(&self, endpoint: &str) -> Option<String> {
        let own = Url::parse(&self.base).ok()?;
        let path = match Url::parse(endpoint) {
            Ok(whole) if crate::paging::same_origin(&own, &whole) => whole.path().to_owned(),
            Ok(_) => return None,
            Err(_) => endpoint.split(['?', '#']).next().unwrap_or_default().to_owned(),
        };
        let own = own.path().trim_matches('/');
        let path = path.trim_matches('/');
        let below = match path.strip_prefix(own) {
            Some(rest) if !own.is_empty() && rest.starts_with('/') => rest.trim_matches('/'),
            _ => path,
        };
        let plain = below.split('/').all(|segment| !segment.is_empty() && segment != "." && segment != "..");
        (plain && !below.contains('\\')).then(|| below.to_owned())
    }
}

/// Percent-encodes a value of a query or a segment of a path.
pub(super) fn encode(value: &str) -> String {
    value.bytes().fold(String::with_capacity(value.len()), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b',') {
            text.push(char::from(byte));
        } else {
            text.push('%');
            text.push(char::from(b"0123456789ABCDEF"[usize::from(byte >> 4)]));
            text.push(char::from(b"0123456789ABCDEF"[usize::from(byte & 15)]));
        }
        text
    })
}

/// The id at the end of a `$ref`, decoded. Compared with ids only, never fetched.
pub(super) fn last_segment(reference: &str) -> Option<String> {
    let path = reference.split(['?', '#']).next()?.trim_end_matches('/');
    let segment = path.rsplit('/').next().filter(|segment| !segment.is_empty())?;
    let bytes = segment.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let pair = bytes.get(at + 1..at + 3).and_then(|pair| std::str::from_utf8(pair).ok());
        match pair.filter(|_| bytes[at] == b'%').and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(byte) => {
                decoded.push(byte);
                at += 3;
            }
            None => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8(decoded).ok()
}

impl Session<'_> {
    pub(super) fn server(&self) -> &Server {
        self.server
    }

    /// Pages of one reading; reaching it is an error.
    pub(super) fn most_pages(&self) -> u32 {
        self.server.remote.most_pages()
    }

    /// Requests so far.
    pub(super) fn requests(&self) -> u32 {
        self.meter.requests()
    }

    /// The address of a list, or of anything else below the base.
    pub(super) fn url(&self, path: &str, query: &[(&'static str, String)]) -> Result<Url, PullError> {
        let mut text = format!("{}/{}", self.server.base, path.trim_matches('/'));
        for (at, (name, value)) in query.iter().enumerate() {
            text.push(if at == 0 { '?' } else { '&' });
            text.push_str(name);
            text.push('=');
            text.push_str(&encode(value));
        }
        Url::parse(&text).map_err(|_| {
            PullError::new(
                PullErrorKind::Refused,
                "GET",
                "the request's URL cannot be built",
                "check base_url and paths",
            )
        })
    }

    /// The address of one resource.
    pub(super) fn url_of(
        &self,
        path: &str,
        id: &ExternalId,
        query: &[(&'static str, String)],
    ) -> Result<Url, PullError> {
        if matches!(id.as_str(), "" | "." | "..") {
            let hint = "report this to the server's administrator: no address can have this id";
            return Err(PullError::new(PullErrorKind::Protocol, "GET", format!("`{id}` cannot be an id"), hint));
        }
        self.url(&format!("{}/{}", path.trim_matches('/'), encode(id.as_str())), query)
    }

    /// A successful answer.
    pub(super) async fn get(&self, operation: &str, url: &Url) -> Result<Answer, Fault> {
        let answer = self.ask(operation, url, None).await?;
        if answer.status.is_success() { Ok(answer) } else { Err(Fault::answer(operation, &answer, None)) }
    }

    /// A successful answer, or `None` if the resource is still the one with this tag.
    pub(super) async fn get_unless(&self, operation: &str, url: &Url, tag: &str) -> Result<Option<Answer>, Fault> {
        let answer = self.ask(operation, url, HeaderValue::from_str(tag).ok()).await?;
        match answer.status.as_u16() {
            304 => Ok(None),
            _ if answer.status.is_success() => Ok(Some(answer)),
            _ => Err(Fault::answer(operation, &answer, None)),
        }
    }

    async fn ask(&self, operation: &str, url: &Url, unless: Option<HeaderValue>) -> Result<Answer, Fault> {
        if self.requests() >= MAX_REQUESTS {
            let message = format!("more than {MAX_REQUESTS} requests would be needed");
            let hint = "raise page_size if the server allows it, or name groups as the scope of this source";
            return Err(PullError::new(PullErrorKind::BoundReached, operation, message, hint).into());
        }
        let mut headers = self.server.headers.clone();
        headers.extend(unless.map(|tag| (IF_NONE_MATCH, tag)));
        let ask = Ask { method: Method::GET, url, headers, body: None };
        let replied = self
            .server
            .remote
            .ask(&ask, &Unpaced, &self.meter)
            .await
            .map_err(|error| Fault::remote(operation, error))?;
        match replied.gave_up {
            Some(_) => Err(Fault::answer(operation, &replied.answer, replied.gave_up)),
            None => Ok(replied.answer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_reference_is_an_id() {
        let table = [
            ("https://idp.example.com/scim/v2/Users/u1", Some("u1")),
            ("../Users/u1/", Some("u1")),
            ("https://idp.example.com/Users/a%2Fb%40c%20d", Some("a/b@c d")),
            ("Users/50%", Some("50%")),
            ("u1", Some("u1")),
            ("", None),
        ];
        for (reference, id) in table {
            assert_eq!(last_segment(reference).as_deref(), id, "{reference}");
        }
        assert_eq!(last_segment(&format!("https://x/Users/{}", encode("ä/ %@"))).as_deref(), Some("ä/ %@"));
    }
}
