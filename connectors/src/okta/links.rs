//! `Link` headers: where the next page is.
//!
//! Form: RFC 8288. Okta sends one header per link (Okta reference, "Pagination"); several in one header are read as well.
//!
//! Invariant: a header that cannot be read is an error. Taken for "no next page" it would end a list before its end.
//! Invariant: the link itself is taken as it is.

use reqwest::header::{HeaderMap, LINK};

/// A `Link` header nobody can follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum LinkError {
    /// Not of the form `<link>; rel="next"`.
    #[error("a Link header cannot be read")]
    Unreadable,
    /// Two next pages.
    #[error("the page carries two different next links")]
    Two,
}

/// The link with `rel="next"`, if there is one.
pub(super) fn next(headers: &HeaderMap) -> Result<Option<String>, LinkError> {
    let mut found: Option<String> = None;
    for value in headers.get_all(LINK) {
        let mut rest = value.to_str().map_err(|_| LinkError::Unreadable)?;
        loop {
            rest = rest.trim_start_matches([' ', '\t', ',']);
            if rest.is_empty() {
                break;
            }
            let (link, after) =
                rest.strip_prefix('<').and_then(|rest| rest.split_once('>')).ok_or(LinkError::Unreadable)?;
            let (parameters, after) = split_at_comma(after);
            rest = after;
            if is_next(parameters) {
                match &found {
                    Some(other) if other != link => return Err(LinkError::Two),
                    _ => found = Some(link.to_owned()),
                }
            }
        }
    }
    Ok(found)
}

/// Splits before the first comma that is not inside quotes.
fn split_at_comma(text: &str) -> (&str, &str) {
    let mut quoted = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b',' if !quoted => return text.split_at(at),
            _ => {}
        }
    }
    (text, "")
}

fn is_next(parameters: &str) -> bool {
    parameters.split(';').filter_map(|parameter| parameter.split_once('=')).any(|(name, value)| {
        name.trim().eq_ignore_ascii_case("rel")
            && value.trim().trim_matches('"').split_ascii_whitespace().any(|rel| rel.eq_ignore_ascii_case("next"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(headers: &[&str]) -> Result<Option<String>, LinkError> {
        let mut map = HeaderMap::new();
        for header in headers {
            map.append(LINK, header.parse().unwrap());
        }
        next(&map)
    }

    #[test]
    fn the_next_link_is_found_wherever_it_is() {
        let own = "<https://o.example.com/api/v1/users?limit=2>; rel=\"self\"";
        let next = "<https://o.example.com/api/v1/users?after=a,b&limit=2>; rel=\"next\"";
        let found = Ok(Some("https://o.example.com/api/v1/users?after=a,b&limit=2".to_owned()));
        assert_eq!(check(&[]), Ok(None));
        assert_eq!(check(&[own]), Ok(None));
        assert_eq!(check(&[own, next]), found);
        assert_eq!(check(&[next, own]), found);
        assert_eq!(check(&[&format!("{own}, {next}")]), found);
        assert_eq!(check(&[&format!("{next},{own}")]), found);
        assert_eq!(check(&[next, next]), found, "the same said twice");
        for rel in ["rel=next", "REL=\"NEXT\"", "title=\"a, b\"; rel=\"last next\""] {
            assert_eq!(
                check(&[&format!("<https://o.example.com/x>; {rel}")]),
                Ok(Some("https://o.example.com/x".into()))
            );
        }
        assert_eq!(check(&["<https://o.example.com/x>; rel=\"nextish\""]), Ok(None));
    }

    #[test]
    fn a_header_that_cannot_be_read_is_no_end_of_the_list() {
        for header in ["https://o.example.com/x; rel=\"next\"", "<https://o.example.com/x; rel=\"next\"", "x"] {
            assert_eq!(check(&[header]), Err(LinkError::Unreadable), "{header}");
        }
        let two = ["<https://o.example.com/1>; rel=\"next\"", "<https://o.example.com/2>; rel=\"next\""];
        assert_eq!(check(&two), Err(LinkError::Two));
    }

    proptest::proptest! {
        /// Whatever a server sends, a link is a part of it, and nothing panics.
        #[test]
        fn no_link_is_made_up(header in "[<>;,= \"a-z/:]{0,60}") {
            if let Ok(Some(link)) = check(&[&header]) {
                let shown = format!("<{link}>");
                proptest::prop_assert!(header.contains(&shown));
            }
        }
    }
}
