//! One listing, read until it is known to be whole, or known not to be.
//!
//! A reading that does not add up is repeated once, in a slightly different way: with smaller pages (which tells a full
//! last page from a server that stopped), advancing by new records only if pages overlapped, from index 0 if exactly one record is missing, or by cursor if the server does
//! not seem to know numbers.
//!
//! Invariant: a reading that starts again starts empty.
//! Invariant: a record without an id fails the listing; a record with one is counted, readable or not.
//! Invariant: readings, restarts and pages are bounded.

use super::fault::{Fault, not_a_list};
use super::server::{Query, Session};
use super::wire::{Item, ListPage, NotAList};
use crate::directory::{ExternalId, LastPageSeen};
use crate::error::{PullError, PullErrorKind};
use crate::paging::{
    CursorTurn, CursorWalker, Doubt, Ended, IndexTurn, IndexWalker, PagingError, Sheet, Verdict, agreed, moving,
};

use super::cursor::Method;

/// How often a reading is started again because its token died.
const RESTARTS: u32 = 3;

/// What is done with the records of a listing.
pub(super) trait Reader: Sync {
    /// One record.
    type Record: Send;
    /// What the records add up to.
    type Content: Send;

    /// A page, from its bytes.
    fn page(&self, body: &[u8]) -> Result<ListPage<Self::Record>, NotAList>;
    /// The id of a record.
    fn id<'r>(&self, record: &'r Self::Record) -> &'r ExternalId;
    /// Nothing yet.
    fn nothing(&self) -> Self::Content;
    /// Takes in a record; of two with the same id the later one counts.
    fn take(&self, content: &mut Self::Content, record: Self::Record, page: u32);
    /// Takes note of a record that could not be read.
    fn spoilt(&self, content: &mut Self::Content, id: ExternalId, why: String, page: u32);
    /// Adds what a second reading brought; it is the later word.
    fn add(&self, content: &mut Self::Content, later: Self::Content);
}

/// How pages are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct How {
    pub(super) method: Method,
    /// Whether the method may be changed by what the answers show.
    pub(super) auto: bool,
    /// Whether the server says that it knows tokens, so that a first page without one is the end.
    pub(super) announced: bool,
    pub(super) count: u32,
    pub(super) first: u32,
    /// Whether pages are known to overlap.
    pub(super) careful: bool,
}

/// Decides on the first page, by the server's total and the records that came, whether to go on.
pub(super) type Stop<'a> = &'a (dyn Fn(u64, u64) -> bool + Sync);

/// A listing to be read.
pub(super) struct Listing<'a> {
    pub(super) operation: &'a str,
    pub(super) path: &'a str,
    pub(super) query: Query,
    pub(super) how: How,
    /// `None` reads on in any case.
    pub(super) stop: Option<Stop<'a>>,
}

/// What a listing came to.
pub(super) enum Listed<C> {
    /// Everybody.
    Whole { content: C, proof: LastPageSeen, facts: Facts },
    /// Everybody but, perhaps, somebody who slipped through two readings while others came and left.
    Moving { content: C, proof: LastPageSeen, facts: Facts },
    /// What was seen; others may exist.
    Part { content: C, why: String, facts: Facts },
    /// The first page was enough to see that another way is cheaper.
    Stopped,
}

/// What was found out about the server on the way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts {
    /// How pages were asked for in the end.
    pub(super) how: How,
    /// Distinct records.
    pub(super) distinct: u64,
    /// The server's total, if it can be trusted.
    pub(super) total: Option<u64>,
    /// The most records a page had.
    pub(super) largest: u64,
}

enum Walk {
    Index(IndexWalker),
    Cursor(CursorWalker),
}

enum Pass<C> {
    Read {
        content: C,
        ended: Ended,
        method: Method,
    },
    Stopped,
    /// The server does not answer by cursor.
    NoCursor,
}

/// Reads a listing. Asking for one page costs one request.
pub(super) async fn list<R: Reader>(
    session: &Session<'_>,
    listing: &Listing<'_>,
    reader: &R,
) -> Result<Listed<R::Content>, Fault> {
    let mut how = listing.how;
    let mut restarts = 0;
    let mut cursor_tried = how.method == Method::Cursor;
    let mut before: Option<(R::Content, Ended)> = None;
    loop {
        let (content, ended) = match pass(session, listing, how, reader).await {
            Ok(Pass::Stopped) => return Ok(Listed::Stopped),
            Ok(Pass::NoCursor) => {
                how = by_index(how, before.as_ref().map(|(_, first)| first));
                continue;
            }
            Ok(Pass::Read { content, ended, method }) => {
                how.method = method;
                (content, ended)
            }
            Err(fault) if fault.is_dead_cursor() && restarts < RESTARTS => {
                tracing::debug!(operation = listing.operation, "a page token died; the listing is started again");
                restarts += 1;
                continue;
            }
            Err(fault) if how.auto && how.method == Method::Cursor && fault.is_refusal() && !fault.is_dead_cursor() => {
                how = by_index(how, before.as_ref().map(|(_, first)| first));
                continue;
            }
            Err(fault) if fault.is_too_much() && how.count > 1 => {
                how.count = (how.count / 4).max(1);
                continue;
            }
            Err(fault) => return Err(fault),
        };
        let Ended { total, largest, .. } = ended;
        let distinct = u64::try_from(ended.ids.len()).unwrap_or(u64::MAX);
        let facts = Facts { how, distinct, total, largest };
        let doubt = match ended.verdict {
            Verdict::Whole(proof) => return Ok(Listed::Whole { content, proof, facts }),
            Verdict::Doubtful(doubt) => doubt,
        };
        let Some((mut earlier, first_end)) = before.take() else {
            if doubt == (Doubt::NotPaging { page: 2 }) && how.auto && !cursor_tried {
                cursor_tried = true;
                how.method = Method::Cursor;
            } else {
                how = otherwise(how, &ended);
            }
            before = Some((content, ended));
            continue;
        };
        if let Some(proof) = agreed(&first_end, &ended) {
            return Ok(Listed::Whole { content, proof, facts });
        }
        let distrusted = matches!(first_end.verdict, Verdict::Doubtful(Doubt::NotPaging { .. }));
        if doubt == Doubt::Unwitnessed && distrusted {
            // Found out how to page; now there is something to compare another reading with.
            reader.add(&mut earlier, content);
            before = Some((earlier, ended));
            continue;
        }
        reader.add(&mut earlier, content);
        let unsettled = moving(&first_end, &ended);
        let distinct = first_end.ids.union(&ended.ids).count().try_into().unwrap_or(u64::MAX);
        let facts = Facts { distinct, ..facts };
        return Ok(match unsettled {
            Some(proof) => Listed::Moving { content: earlier, proof, facts },
            None => Listed::Part { content: earlier, why: words(doubt), facts },
        });
    }
}

/// How to read where cursors do not work; the second time, if there was a first.
fn by_index(how: How, first: Option<&Ended>) -> How {
    let how = How { method: Method::Index, ..how };
    first.map_or(how, |first| otherwise(how, first))
}

/// How to read the second time.
fn otherwise(how: How, first: &Ended) -> How {
    let Verdict::Doubtful(doubt) = first.verdict else { return how };
    match doubt {
        Doubt::Miscounted { .. } | Doubt::Overlapping if first.overlapped => How { careful: true, ..how },
        Doubt::Miscounted { distinct, total } if how.first == 1 && distinct + 1 == total => How { first: 0, ..how },
        Doubt::NotPaging { .. } if how.method == Method::Index => {
            let came = u32::try_from(first.ids.len()).unwrap_or(u32::MAX);
            let fewer = if came <= 2 { 1 } else { came / 2 + 1 };
            How { count: (how.count / 4 * 3).min(fewer).max(1), ..how }
        }
        _ => how,
    }
}

fn words(doubt: Doubt) -> String {
    match doubt {
        Doubt::NotPaging { page } => format!("page {page} brought nobody new, so the server does not page as asked"),
        Doubt::Miscounted { distinct, total } => {
            format!("{distinct} different records came and the server says that there are {total}")
        }
        Doubt::Moved => "the server's total changed twice while it was read".to_owned(),
        Doubt::Overlapping | Doubt::Unwitnessed => {
            "the server gives no total that could be trusted, and two readings differ".to_owned()
        }
    }
}

async fn pass<R: Reader>(
    session: &Session<'_>,
    listing: &Listing<'_>,
    how: How,
    reader: &R,
) -> Result<Pass<R::Content>, Fault> {
    let mut content = reader.nothing();
    let most_pages = session.most_pages();
    let mut method = how.method;
    let mut walk = match method {
        Method::Index => Walk::Index(IndexWalker::new(how.first.into(), most_pages).careful(how.careful)),
        Method::Cursor => Walk::Cursor(CursorWalker::new(most_pages)),
    };
    loop {
        let (number, at) = match &walk {
            Walk::Index(walker) => (walker.page(), ("startIndex", walker.start().to_string())),
            Walk::Cursor(walker) => (walker.page(), ("cursor", walker.cursor().to_owned())),
        };
        let mut query = vec![at, ("count", how.count.to_string())];
        query.extend(listing.query.iter().cloned());
        let page = fetch(session, listing.operation, listing.path, &query, reader).await;
        let page = page.map_err(|fault| fault.on_page(number))?;
        let ids = ids_of(listing.operation, &page, number, reader)?;
        let ListPage { resources, total, start_index, next_cursor, .. } = page;
        if number == 1 {
            let received = u64::try_from(ids.len()).unwrap_or(u64::MAX);
            if listing.stop.is_some_and(|stop| total.is_some_and(|total| stop(total, received))) {
                return Ok(Pass::Stopped);
            }
            // A server may answer in the shape it likes better (RFC 9865, 2): what came decides.
            match (&walk, &next_cursor) {
                (Walk::Index(_), Some(_)) if how.auto => {
                    (walk, method) = (Walk::Cursor(CursorWalker::new(most_pages)), Method::Cursor);
                }
                (Walk::Cursor(_), None)
                    if how.auto
                        && (!how.announced || start_index.is_some() || total.is_some_and(|total| total > received)) =>
                {
                    return Ok(Pass::NoCursor);
                }
                _ => {}
            }
        }
        for item in resources {
            match item {
                Item::Read(record) => reader.take(&mut content, record, number),
                Item::Unreadable { id: Some(id), why } => reader.spoilt(&mut content, id, why, number),
                Item::Unreadable { id: None, .. } => {}
            }
        }
        let sheet = Sheet { ids: &ids, total };
        let turned = match walk {
            Walk::Index(walker) => walker.turn(sheet).map(|turn| match turn {
                IndexTurn::More(more) => Ok(Walk::Index(more)),
                IndexTurn::Ended(ended) => Err(ended),
            }),
            Walk::Cursor(walker) => walker.turn(sheet, next_cursor.as_deref()).map(|turn| match turn {
                CursorTurn::More(more) => Ok(Walk::Cursor(more)),
                CursorTurn::Ended(ended) => Err(ended),
            }),
        };
        match turned.map_err(|error| paging_error(listing.operation, &error))? {
            Ok(more) => walk = more,
            Err(ended) => return Ok(Pass::Read { content, ended, method }),
        }
    }
}

/// One page.
pub(super) async fn fetch<R: Reader>(
    session: &Session<'_>,
    operation: &str,
    path: &str,
    query: &[(&'static str, String)],
    reader: &R,
) -> Result<ListPage<R::Record>, Fault> {
    let url = session.url(path, query)?;
    let answer = session.get(operation, &url).await?;
    Ok(reader.page(&answer.body).map_err(|error| not_a_list(operation, &answer, &error))?)
}

fn ids_of<R: Reader>(
    operation: &str,
    page: &ListPage<R::Record>,
    number: u32,
    reader: &R,
) -> Result<Vec<ExternalId>, PullError> {
    let ids = page.resources.iter().map(|item| match item {
        Item::Read(record) => Ok(reader.id(record).clone()),
        Item::Unreadable { id: Some(id), .. } => Ok(id.clone()),
        Item::Unreadable { id: None, why } => {
            let message = format!("page {number} holds a record that names nobody: {why}");
            let hint = "report this to the server's administrator: every resource must have an `id`";
            Err(PullError::new(PullErrorKind::Protocol, operation, message, hint))
        }
    });
    ids.collect()
}

fn paging_error(operation: &str, error: &PagingError) -> PullError {
    let hint = "raise page_size if the server allows it, or name groups as the scope of this source";
    PullError::new(PullErrorKind::BoundReached, operation, error.to_string(), hint)
}
