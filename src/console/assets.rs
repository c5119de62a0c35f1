//! The style sheet, a few lines of script, the icon. Each is served under a name that changes with its content, so that it may
//! be kept for ever.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::page;

const STYLE: &str = include_str!("console.css");
const SCRIPT: &str = include_str!("console.js");
const ICON: &str = include_str!("icon.svg");

/// Eight bytes of the hash of everything: enough to tell one release from the next.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let hash = Sha256::digest([STYLE, SCRIPT, ICON].concat());
    hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
});

/// Where a file is.
pub(super) fn at(name: &str) -> String {
    format!("/assets/{}/{name}", *VERSION)
}

/// `GET /assets/{version}/{name}`.
pub(super) async fn serve(Path((version, name)): Path<(String, String)>) -> Response {
    let file = match name.as_str() {
        "console.css" => ("text/css; charset=utf-8", STYLE),
        "console.js" => ("text/javascript; charset=utf-8", SCRIPT),
        "icon.svg" => ("image/svg+xml", ICON),
        _ => ("", ""),
    };
    let (kind, text) = file;
    if version != *VERSION || text.is_empty() {
        return page::plain(StatusCode::NOT_FOUND, "there is no such file", "reload the page").into_response();
    }
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "public, max-age=31536000, immutable")], text).into_response()
}
