//! Which pages there are: what links and forms lead to, one of each kind, and two where there are many, like people.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::Deserialize;
use url::Url;

use crate::browser::Browser;

/// Where a page leads by a link, or by a form that only asks. Words to look for are put into empty searches.
const LEADS: &str = "const links = [...document.querySelectorAll('a[href]')].map((a) => a.href);
    const forms = [...document.forms].filter((form) => form.method === 'get').map((form) => {
        const asked = new URLSearchParams(new FormData(form));
        for (const field of form.querySelectorAll('input[type=search]')) if (!field.value) asked.set(field.name, 'an');
        return `${form.action}?${asked}`;
    });
    return [...links, ...forms]";

/// One page.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Page {
    /// Its kind, as the name of a file: `today`, `people-entra-one`, `people-by-is`.
    pub(crate) name: String,
    /// Path and query.
    pub(crate) path: String,
}

/// Pages that wait to be looked at, and kinds that were met.
#[derive(Debug, Default)]
pub(crate) struct Crawl {
    waiting: VecDeque<Page>,
    /// Addresses of each kind.
    met: BTreeMap<String, BTreeSet<String>>,
}

impl Crawl {
    /// Begins at this address.
    pub(crate) fn from(path: &str) -> Self {
        let mut crawl = Self::default();
        crawl.add(path.to_owned());
        crawl
    }

    /// The next page, in the order in which links were found.
    pub(crate) fn next(&mut self) -> Option<Page> {
        self.waiting.pop_front()
    }

    /// Takes in where the page that is shown leads to.
    pub(crate) async fn look_around(&mut self, browser: &Browser) {
        let narrowed = browser.at().await.contains('?');
        for to in Vec::<String>::deserialize(browser.ask(LEADS).await).unwrap() {
            let to = Url::parse(&to).unwrap();
            // A list that is narrowed down leads to the same list, narrowed down in every other way.
            if narrowed && to.query().is_some() {
                continue;
            }
            self.add(to[url::Position::BeforePath..url::Position::AfterQuery].to_owned());
        }
    }

    fn add(&mut self, path: String) {
        let Some(kind) = kind(&path) else { return };
        let met = self.met.entry(kind.clone()).or_default();
        // The newest run may have changed nothing, the first person may be one of few words.
        let most = if kind.contains("one") { 2 } else { 1 };
        if met.len() < most && met.insert(path.clone()) {
            let name = if met.len() == 1 { kind } else { format!("{kind}-{}", met.len()) };
            self.waiting.push_back(Page { name, path });
        }
    }
}

/// The kind of a page of a contact centre: its path without ids, and what it is narrowed down by. Files are no pages.
fn kind(path: &str) -> Option<String> {
    let url = Url::parse("http://here/").unwrap().join(path).unwrap();
    let mut words: Vec<&str> = url.path_segments()?.collect();
    if words.first() != Some(&"c") || words.len() < 3 || words.last()?.ends_with(".csv") {
        return None;
    }
    let is_id = |word: &&str| word.contains(|c: char| c.is_ascii_digit());
    words.drain(..2);
    let words: Vec<&str> = words.into_iter().map(|word| if is_id(&word) { "one" } else { word }).collect();
    let asked: BTreeSet<String> = url.query_pairs().map(|(name, _)| name.into_owned()).collect();
    let asked: Vec<String> = asked.into_iter().collect();
    let by = if asked.is_empty() { String::new() } else { format!("-by-{}", asked.join("-")) };
    Some(format!("{}{by}", words.join("-")))
}
