//! The state file as a file: made for its owner alone, and refused where others could exchange it.
//!
//! Invariant: the file exists with mode 0600 before SQLite opens it; SQLite gives `-wal` and `-shm` the same mode.
//! Invariant: an existing file is never opened here: closing a second handle would drop the locks that SQLite holds for
//! this process (<https://www.sqlite.org/howtocorrupt.html>, section 2.2).

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use super::error::StoreError;

/// Makes sure that there is a file that only its owner can read.
pub(super) fn prepare(path: &Path) -> Result<(), StoreError> {
    directory(path)?;
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => tighten(path),
        Err(source) => Err(StoreError::Open { path: path.into(), source }),
    }
}

/// The same for a file that may only be read: nothing is created or changed.
pub(super) fn inspect(path: &Path) -> Result<(), StoreError> {
    match fs::metadata(path) {
        Ok(found) => regular(path, &found),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(StoreError::Missing { path: path.into() }),
        Err(source) => Err(StoreError::Open { path: path.into(), source }),
    }
}

/// The turn to open the file for writing: kept until it is dropped, and by a process that ends.
///
/// The folder is locked, not the file, because closing a handle of the file would drop SQLite's own locks on it.
pub(super) async fn take_turn(path: &Path) -> Result<File, StoreError> {
    let (path, folder) = (path.to_owned(), folder(path).to_owned());
    let lock = move || {
        let folder = File::open(folder)?;
        folder.lock()?;
        Ok(folder)
    };
    let locked = tokio::task::spawn_blocking(lock).await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
    locked.map_err(|source| StoreError::Open { path, source })
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn directory(path: &Path) -> Result<(), StoreError> {
    const OTHERS_WRITE: u32 = 0o002;
    const STICKY: u32 = 0o1000;
    let parent = folder(path);
    let found = fs::metadata(parent).map_err(|source| StoreError::Open { path: path.into(), source })?;
    if found.mode() & OTHERS_WRITE != 0 && found.mode() & STICKY == 0 {
        let why = "everybody may exchange files in this directory".to_owned();
        return Err(StoreError::Exposed { path: parent.into(), why });
    }
    Ok(())
}

fn regular(path: &Path, found: &Metadata) -> Result<(), StoreError> {
    if found.is_file() {
        return Ok(());
    }
    let why = if found.is_dir() { "it is a directory" } else { "it is not a regular file" };
    Err(StoreError::Foreign { path: path.into(), why: why.to_owned() })
}

/// Takes away what group and others may do with the file and its companions, for example after a copy from a backup.
fn tighten(path: &Path) -> Result<(), StoreError> {
    let found = fs::metadata(path).map_err(|source| StoreError::Open { path: path.into(), source })?;
    regular(path, &found)?;
    for suffix in ["", "-wal", "-shm"] {
        let mut companion = path.as_os_str().to_owned();
        companion.push(suffix);
        let companion = Path::new(&companion);
        let Ok(found) = fs::metadata(companion) else { continue };
        if found.mode() & 0o077 != 0 {
            fs::set_permissions(companion, fs::Permissions::from_mode(found.mode() & 0o700)).map_err(|_| {
                StoreError::Exposed {
                    path: companion.into(),
                    why: "others may read it, and it is not ours to close".into(),
                }
            })?;
        }
    }
    Ok(())
}
