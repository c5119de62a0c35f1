//! A secret in a file of its own.
//!
//! Invariant: what is looked at is the file that is read, not the name: owner and permissions are those of the open file, so
//! that nobody can put another one there in between. A symbolic link is followed (mounted secrets are links), its target is
//! judged.
//! Invariant: at most [`LONGEST_SECRET`] bytes are read, into memory that is wiped.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::Path;

use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;

use super::{LONGEST_SECRET, SecretError, tidied};

pub(super) fn read(path: &Path) -> Result<SecretString, SecretError> {
    let unreadable = |source| SecretError::Unreadable { path: path.to_owned(), source };
    // A pipe would wait for its writer, before it could be looked at.
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(SecretError::NotAFile(path.to_owned()));
    }
    let file = File::open(path).map_err(unreadable)?;
    require_private(path, &file.metadata().map_err(unreadable)?)?;
    // Of full size from the start: a buffer that grows leaves copies of what it held.
    let mut bytes = Zeroizing::new(vec![0; LONGEST_SECRET + 1]);
    let length = fill(file, &mut bytes).map_err(unreadable)?;
    let Some(read) = bytes.get(..length).filter(|read| read.len() <= LONGEST_SECRET) else {
        return Err(SecretError::TooLong(path.to_owned()));
    };
    let text = std::str::from_utf8(read).map_err(|_| SecretError::NotText(path.to_owned()))?;
    tidied(Zeroizing::new(text.to_owned())).ok_or_else(|| SecretError::Empty(path.to_owned()))
}

/// Reads until the end of the file or of the buffer; gives the number of bytes.
fn fill(mut file: File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match file.read(&mut buffer[length..]) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

#[cfg(unix)]
fn require_private(path: &Path, metadata: &Metadata) -> Result<(), SecretError> {
    use std::os::unix::fs::MetadataExt;
    if !metadata.is_file() {
        return Err(SecretError::NotAFile(path.to_owned()));
    }
    let (mode, owner) = (metadata.mode() & 0o777, metadata.uid());
    if mode & 0o077 != 0 {
        return Err(SecretError::ReadableByOthers { path: path.to_owned(), mode });
    }
    if !may_own(owner, rustix::process::geteuid().as_raw()) {
        return Err(SecretError::NotOurs { path: path.to_owned(), owner });
    }
    Ok(())
}

#[cfg(not(unix))]
fn require_private(path: &Path, metadata: &Metadata) -> Result<(), SecretError> {
    if metadata.is_file() { Ok(()) } else { Err(SecretError::NotAFile(path.to_owned())) }
}

/// Whoever owns a file can change it. Root may do that anyway.
#[cfg(unix)]
fn may_own(owner: u32, we: u32) -> bool {
    owner == we || owner == 0
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::PathBuf;

    use secrecy::ExposeSecret;

    use super::*;

    /// A folder that is gone afterwards.
    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Self {
            let path = std::env::temp_dir().join(format!("rollcall-secret-{}", uuid::Uuid::new_v4()));
            std::fs::create_dir(&path).expect("a file of the test");
            Self(path)
        }

        fn with(&self, name: &str, content: &[u8], mode: u32) -> PathBuf {
            let path = self.0.join(name);
            std::fs::write(&path, content).expect("a file of the test");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("a file of the test");
            path
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_private_file_is_read_up_to_the_bound() {
        let folder = Folder::new();
        let text = |name, content: &[u8]| read(&folder.with(name, content, 0o600));
        assert_eq!(text("a", b"s3cret\n").unwrap().expose_secret(), "s3cret");
        assert_eq!(text("b", &[b'x'; LONGEST_SECRET]).unwrap().expose_secret().len(), LONGEST_SECRET);
        assert!(matches!(text("c", &[b'x'; LONGEST_SECRET + 1]), Err(SecretError::TooLong(_))));
        assert!(matches!(text("d", b" \n"), Err(SecretError::Empty(_))));
        assert!(matches!(text("e", b"\xff\xfe"), Err(SecretError::NotText(_))));
        assert!(matches!(read(&folder.0.join("none")), Err(SecretError::Unreadable { .. })));
        assert!(matches!(read(&folder.0), Err(SecretError::NotAFile(_))));
    }

    #[test]
    fn a_file_that_others_can_read_is_refused_through_a_link_too() {
        let folder = Folder::new();
        for mode in [0o640, 0o604, 0o644, 0o620, 0o601, 0o666] {
            let path = folder.with("open", b"s3cret", mode);
            let link = folder.0.join(format!("link-{mode:o}"));
            symlink(&path, &link).unwrap();
            for path in [&path, &link] {
                let error = read(path).unwrap_err();
                assert!(matches!(error, SecretError::ReadableByOthers { mode: seen, .. } if seen == mode), "{error}");
                assert!(error.hint().starts_with("chmod 600"));
            }
        }
        let private = folder.with("private", b"s3cret", 0o400);
        symlink(&private, folder.0.join("mounted")).unwrap();
        assert_eq!(read(&folder.0.join("mounted")).unwrap().expose_secret(), "s3cret");
    }

    #[test]
    fn a_file_of_another_user_is_refused_unless_that_is_root() {
        assert!(may_own(1000, 1000) && may_own(0, 1000) && may_own(0, 0));
        assert!(!may_own(1001, 1000) && !may_own(1000, 0));
        let error = SecretError::NotOurs { path: "/etc/s".into(), owner: 1001 };
        assert_eq!(error.to_string(), "secret file /etc/s belongs to another user (uid 1001)");
    }
}
