//! `[tls]` and `[secrets]`: who is trusted, and where the stores of secrets are.

use connectors::http::{Roots, Tls, is_loopback};
use url::Url;

use super::section::{Item, Section};

/// The longest file of certificates, in bytes; the public authorities of the whole world need a fifth of that.
const LONGEST: u64 = 1 << 20;

/// Reads `[tls]`. Nothing in it is a secret; the certificates are read once, here.
pub(super) fn tls(section: &Section<'_>) -> Tls {
    let roots = [("system", Roots::System), ("bundled", Roots::Bundled)];
    let roots = section.optional("roots", |item| item.one_of(&roots)).unwrap_or_default();
    section
        .optional("ca_file", |item| ca_file(item, roots))
        .unwrap_or_else(|| Tls::new(roots, None).unwrap_or_default())
}

fn ca_file(item: &Item<'_>, roots: Roots) -> Option<Tls> {
    let path = item.context.beside(&item.text()?);
    let length = std::fs::metadata(&path).map(|metadata| (metadata.is_file(), metadata.len()));
    let text = match length {
        Ok((true, length)) if length <= LONGEST => std::fs::read_to_string(&path),
        Ok(_) => {
            item.unexpected("a file of at most 1 MiB", "give the certificates of your company's authority".to_owned());
            return None;
        }
        Err(error) => Err(error),
    };
    let text = match text {
        Ok(text) => text,
        Err(error) => {
            let hint = "give a PEM that this user may read; a relative path counts from the configuration's folder";
            item.problem(format!("{} cannot be read: {error}", path.display()), hint.to_owned());
            return None;
        }
    };
    match Tls::new(roots, Some(&text)) {
        Ok(tls) => Some(tls),
        Err(error) => {
            item.problem(format!("{} cannot be used: {error}", path.display()), error.hint().to_owned());
            None
        }
    }
}

/// Reads `[secrets]`: another endpoint for both stores, which must be the sandbox.
pub(super) fn endpoint(section: &Section<'_>) -> Option<Url> {
    section.optional("endpoint_url", |item| {
        let url = item.url()?;
        if is_loopback(&url) {
            return Some(url);
        }
        item.unexpected("an address on this machine", "leave it out; AWS is found by the Region".to_owned());
        None
    })
}
