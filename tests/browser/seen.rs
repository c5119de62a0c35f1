//! What a browser knows of the page it shows: whether it is sound, and how long it took.

use serde::Deserialize;

use crate::browser::Browser;

/// Everything that must hold of every page, asked in one go.
const SEEN: &str = include_str!("seen.js");
/// The times of the page that is shown, once it is loaded to the end.
const TIMES: &str = "const [page] = performance.getEntriesByType('navigation');
    if (!page || page.loadEventEnd === 0) return null;
    return {answer: page.responseEnd - page.requestStart, loaded: page.loadEventEnd - page.requestStart,
            bytes: page.decodedBodySize}";

/// What is wrong with a page; nothing, one hopes.
#[derive(Debug, Deserialize)]
struct Seen {
    wrong: Vec<String>,
}

/// How long a page took, in milliseconds, and how large it is.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct Times {
    /// From the request to the last byte.
    pub(crate) answer: f64,
    /// From the request until everything is drawn that is on the page.
    pub(crate) loaded: f64,
    pub(crate) bytes: u64,
}

/// What is wrong with the page that is shown: headings, labels, contrast, width. Nothing if it is sound.
async fn wrong(browser: &Browser) -> Vec<String> {
    serde_json::from_value::<Seen>(browser.ask(SEEN).await).unwrap().wrong
}

/// Asserts that the page that is shown is sound and that the browser has nothing to complain about.
pub(crate) async fn is_sound(browser: &Browser) {
    let (wrong, complaints) = (wrong(browser).await, browser.complaints().await);
    let at = browser.at().await;
    assert!(wrong.is_empty(), "{at}: {wrong:#?}");
    assert!(complaints.is_empty(), "{at}: {complaints:#?}");
}

/// The same of a page that says why something was refused: the browser notes its status, and nothing else.
pub(crate) async fn is_sound_though_refused(browser: &Browser, status: u16) {
    let (wrong, complaints) = (wrong(browser).await, browser.complaints().await);
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(complaints.len() == 1 && complaints[0].contains(&status.to_string()), "{complaints:#?}");
}

/// The times of the page that is shown.
pub(crate) async fn times(browser: &Browser) -> Times {
    let mut glance = tokio::time::interval(std::time::Duration::from_millis(5));
    let times = async {
        loop {
            let told = browser.ask(TIMES).await;
            if !told.is_null() {
                return serde_json::from_value(told).unwrap();
            }
            glance.tick().await;
        }
    };
    tokio::time::timeout(crate::browser::PATIENCE, times).await.expect("a page is loaded to its end")
}
