//! Tables as CSV (RFC 4180), safe to open in a spreadsheet.
//!
//! Invariant: no cell begins with a character that a spreadsheet takes for a formula; such a cell gets an apostrophe before it
//! (OWASP, "CSV Injection").

use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

use super::page;

/// A table being written.
pub(super) struct Table(csv::Writer<Vec<u8>>);

impl Table {
    pub(super) fn new<const N: usize>(head: [&str; N]) -> Self {
        let mut table = Self(
            csv::WriterBuilder::new()
                .terminator(csv::Terminator::CRLF)
                // Spreadsheets of many countries split cells at semicolons, unless they are quoted.
                .quote_style(csv::QuoteStyle::Always)
                .from_writer(Vec::new()),
        );
        table.row(head);
        table
    }

    pub(super) fn row<const N: usize>(&mut self, cells: [&str; N]) {
        // Writing to memory fails only for rows of different lengths; the types rule that out within a table's one length.
        let _ = self.0.write_record(cells.map(harmless));
    }

    /// The file, to be saved under this name.
    pub(super) fn file(self, name: &str) -> Response {
        let Ok(bytes) = self.0.into_inner() else {
            return page::Trouble::Unwritten.into_response();
        };
        let plain: String =
            name.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '.') { c } else { '-' }).collect();
        let disposition = format!("attachment; filename=\"{plain}.csv\"");
        ([(CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()), (CONTENT_DISPOSITION, disposition)], bytes)
            .into_response()
    }
}

/// A cell as text and nothing else.
fn harmless(cell: &str) -> String {
    // Some spreadsheets skip blanks before they look for a formula; full-width signs are taken for the plain ones.
    let first = cell.trim_start().chars().next();
    let formula = matches!(first, Some('=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠'));
    if formula || cell.starts_with(['\t', '\r', '\n']) { format!("'{cell}") } else { cell.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        for cell in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "\r=1", "＝1"] {
            assert_eq!(harmless(cell), format!("'{cell}"));
        }
        for cell in ["", "Ada", "a=1", "Care → Sales", "李"] {
            assert_eq!(harmless(cell), cell);
        }
    }

    #[test]
    fn cells_keep_their_commas_quotes_and_lines() {
        let mut table = Table::new(["who", "what"]);
        table.row(["O\"Neil, Kim", "two\nlines"]);
        table.row(["Care;=1+1", ""]);
        let bytes = table.0.into_inner().unwrap();
        assert_eq!(
            String::from_utf8(bytes).unwrap(),
            "\"who\",\"what\"\r\n\"O\"\"Neil, Kim\",\"two\nlines\"\r\n\"Care;=1+1\",\"\"\r\n"
        );
    }
}
