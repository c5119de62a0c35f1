//! Walks a paged listing to its end, which is a page without a token.
//!
//! Invariant: a listing that does not end is an error, never a short list: the number of pages is bounded, and a token
//! that comes back is a loop.

use std::collections::BTreeSet;
use std::future::Future;

use crate::model::{CallError, Disposition, Operation};

/// One page: its items and the token of the next page.
pub(super) type Page<T> = (Vec<T>, Option<String>);

/// Everything in a listing.
pub(super) async fn walk<T, F, S>(operation: Operation, most_pages: usize, fetch: F) -> Result<Vec<T>, CallError>
where
    F: Fn(Option<String>) -> S,
    S: Future<Output = Result<Page<T>, CallError>>,
{
    let mut items = Vec::new();
    let mut seen = BTreeSet::new();
    let mut token = None;
    for _ in 0..most_pages {
        let (page, next) = fetch(token).await?;
        items.extend(page);
        let Some(next) = next.filter(|next| !next.is_empty()) else { return Ok(items) };
        if !seen.insert(next.clone()) {
            return Err(unreadable(operation, "repeated_token", "a page token came back: the listing is a loop"));
        }
        token = Some(next);
    }
    let message = format!("the listing did not end within {most_pages} pages");
    Err(unreadable(operation, "bound_reached", &message))
}

/// A look that cannot be trusted.
pub(super) fn unreadable(operation: Operation, code: &str, message: &str) -> CallError {
    CallError {
        operation,
        disposition: Disposition::StopRun,
        code: code.to_owned(),
        message: message.to_owned(),
        hint: "nothing was concluded from it; the next run looks again".to_owned(),
        request_id: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn check(tokens: &[Option<&str>], most_pages: usize) -> Result<Vec<usize>, String> {
        let asked = std::cell::Cell::new(0);
        walk(Operation::ListUsers, most_pages, |_| {
            let at = asked.replace(asked.get() + 1);
            let next = tokens[at].map(str::to_owned);
            async move { Ok((vec![at], next)) }
        })
        .await
        .map_err(|error| error.code)
    }

    #[tokio::test]
    async fn a_listing_ends_with_a_page_without_a_token() {
        assert_eq!(check(&[Some("a"), Some("b"), None], 9).await, Ok(vec![0, 1, 2]));
        assert_eq!(check(&[Some("")], 9).await, Ok(vec![0]));
        assert_eq!(check(&[Some("a"), Some("b"), Some("a")], 9).await, Err("repeated_token".to_owned()));
        assert_eq!(check(&[Some("a"), Some("b"), Some("c")], 3).await, Err("bound_reached".to_owned()));
    }
}
