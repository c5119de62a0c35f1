//! One event a line, appended to a file or written to standard output.
//!
//! Invariant: a file is created readable by its owner only, and a delivery counts once its lines are on the disk.
//! Invariant: a line that a crash has torn is closed by a line end before anything is appended: a reader skips that one
//! line, and its event comes again whole, because it was never confirmed.
//! Deliberately absent: rotation. The file is opened for each delivery, so any tool may move it away in between.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};

use connectors::CheckLine;

use super::config::Privacy;
use super::event;
use super::sink::{Delivered, Row, SinkError};

/// The path that means standard output.
const STDOUT: &str = "-";
/// Longest line. Far above any real event; keeps one entry from filling a disk.
const MAX_LINE_BYTES: usize = 1024 * 1024;

/// A file of JSON lines, or standard output.
#[derive(Debug)]
pub struct JsonLines {
    name: String,
    privacy: Privacy,
    path: PathBuf,
    centre: String,
}

impl JsonLines {
    pub(super) fn new(name: &str, privacy: Privacy, path: &Path, centre: &str) -> Self {
        Self { name: name.to_owned(), privacy, path: path.to_owned(), centre: centre.to_owned() }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) async fn deliver(&self, rows: &[Row]) -> Result<Delivered, SinkError> {
        let mut text = String::new();
        for row in rows {
            text.push_str(&event::line(row, &self.centre, self.privacy, MAX_LINE_BYTES));
            text.push('\n');
        }
        let path = self.path.clone();
        // A write may wait for a disk, or for whoever reads our standard output.
        let written = tokio::task::spawn_blocking(move || match path == Path::new(STDOUT) {
            true => write_whole(io::stdout().lock(), &text),
            false => append(&path, &text),
        });
        written.await.unwrap_or_else(|e| Err(io::Error::other(e))).map_err(|source| self.error(source))?;
        Ok(Delivered { through: rows.last().map(|row| row.0), ..Delivered::default() })
    }

    fn error(&self, source: io::Error) -> SinkError {
        let hint = match source.kind() {
            io::ErrorKind::PermissionDenied => "let the user that runs rollcall write there",
            io::ErrorKind::NotFound => "create the directory, or name another file",
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "make room on the disk",
            _ => "see the cause, or name another file",
        };
        SinkError {
            message: format!("report.{}: {} cannot be written", self.name, self.path.display()),
            hint: hint.to_owned(),
            source: Some(source.into()),
        }
    }

    pub(super) fn check(&self) -> Vec<CheckLine> {
        let (name, path) = (&self.name, self.path.display());
        if self.path == Path::new(STDOUT) {
            let text = format!("report.{name}: standard output");
            return vec![CheckLine { ok: true, text, hint: None }];
        }
        // Opening what exists proves that it can be written; what does not exist must not be made by a look.
        let seen = match OpenOptions::new().append(true).open(&self.path) {
            Ok(_) => Ok(format!("report.{name}: {path} can be written")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => match directory_of(&self.path).metadata() {
                Ok(directory) if !directory.is_dir() => Err(io::ErrorKind::NotADirectory.into()),
                Ok(directory) if directory.permissions().readonly() => Err(io::ErrorKind::PermissionDenied.into()),
                Ok(_) => Ok(format!("report.{name}: the first delivery creates {path}")),
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        };
        vec![match seen {
            Ok(text) => CheckLine { ok: true, text, hint: None },
            Err(error) => {
                let cause = error.to_string();
                let SinkError { message, hint, source: _ } = self.error(error);
                CheckLine { ok: false, text: format!("{message}: {cause}"), hint: Some(hint) }
            }
        }]
    }
}

fn write_whole(mut to: impl Write, text: &str) -> io::Result<()> {
    to.write_all(text.as_bytes())?;
    to.flush()
}

fn append(path: &Path, text: &str) -> io::Result<()> {
    let created = !path.try_exists()?;
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut file = options.open(path)?;
    // A pipe or a device has no past to look at and nothing to sync.
    if !file.metadata()?.is_file() {
        return write_whole(file, text);
    }
    let start = if is_torn(path)? { "\n" } else { "" };
    file.write_all(format!("{start}{text}").as_bytes())?;
    file.sync_all()?;
    if created {
        // The name is on the disk only once its directory is.
        File::open(directory_of(path))?.sync_all()?;
    }
    Ok(())
}

/// Whether the file ends in the middle of a line.
fn is_torn(path: &Path) -> io::Result<bool> {
    let mut file = File::open(path)?;
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::event::tests::{approved, at};

    fn sink(path: &Path) -> JsonLines {
        JsonLines::new("audit", Privacy::Keys, path, "support")
    }

    fn ids(path: &Path) -> Vec<String> {
        let text = std::fs::read_to_string(path).unwrap();
        let parsed = text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        parsed.map(|event| event["event_id"].as_str().unwrap().to_owned()).collect()
    }

    #[tokio::test]
    async fn lines_are_appended_to_a_private_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.jsonl");
        let done = sink(&path).deliver(&[approved(1, at(0)), approved(2, at(1))]).await.unwrap();
        assert_eq!(done.through, Some(2));
        assert_eq!(sink(&path).deliver(&[approved(3, at(2))]).await.unwrap().through, Some(3));
        assert_eq!(ids(&path), ["e1", "e2", "e3"]);
        assert!(std::fs::read_to_string(&path).unwrap().ends_with("}\n"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[tokio::test]
    async fn a_torn_line_costs_only_itself_and_its_event_comes_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.jsonl");
        let rows = [approved(1, at(0)), approved(2, at(1))];
        sink(&path).deliver(&rows).await.unwrap();
        let whole = std::fs::read(&path).unwrap();
        let first = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        // A crash may leave any number of bytes of the second line; the cursor still stands before it.
        for kept in first..whole.len() {
            std::fs::write(&path, &whole[..kept]).unwrap();
            sink(&path).deliver(&rows[1..]).await.unwrap();
            let mut seen = ids(&path);
            seen.dedup();
            assert_eq!(seen, ["e1", "e2"], "torn after {kept} bytes");
        }
    }

    #[tokio::test]
    async fn a_directory_that_is_not_there_is_an_error_with_a_hint() {
        let dir = tempfile::tempdir().unwrap();
        let sink = sink(&dir.path().join("missing/audit.jsonl"));
        let error = sink.deliver(&[approved(1, at(0))]).await.unwrap_err();
        assert!(error.hint.contains("create the directory"), "{}", error.hint);
        let lines = sink.check();
        assert!(!lines[0].ok && lines[0].hint.as_deref() == Some(error.hint.as_str()), "{lines:?}");
    }

    #[tokio::test]
    async fn a_check_creates_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.jsonl");
        let lines = sink(&path).check();
        assert!(lines[0].ok && lines[0].text.contains("creates"), "{lines:?}");
        assert!(!path.exists());
    }

    #[test]
    fn standard_output_is_written_whole() {
        let mut out = Vec::new();
        write_whole(&mut out, "a\nb\n").unwrap();
        assert_eq!(out, b"a\nb\n");
        assert!(sink(Path::new("-")).check()[0].ok);
    }
}
