//! Pulls against a server that remembers.
