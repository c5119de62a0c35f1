//! SCIM servers of every character and with habits that change overnight.
//!
//! Invariant: after the first good round nobody is called gone who is there, whatever the server does next.
//! Invariant: every server that can be read at all follows joiners, movers, leavers and returners; one that cannot says what
//! to configure.

mod cost;
mod credentials;
mod habits;
mod matrix;

/// Runs a story on a thread of its own, so that one that fails does not hide the others.
async fn apart<F: Future>(story: impl FnOnce() -> F + Send + 'static) -> Result<F::Output, tokio::task::JoinError>
where
    F::Output: Send + 'static,
{
    let runtime = tokio::runtime::Handle::current();
    tokio::task::spawn_blocking(move || runtime.block_on(story())).await
}
