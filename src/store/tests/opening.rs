//! The path may lead to anything.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::store::{MIGRATIONS, StoreError, known_version};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn companion(path: &Path, suffix: &str) -> PathBuf {
    PathBuf::from(format!("{}{suffix}", path.display()))
}

#[tokio::test]
async fn the_file_and_its_companions_are_their_owners_alone() {
    let home = Home::new().await;
    home.meta_set("paused", "yes").await.unwrap();
    for suffix in ["", "-wal", "-shm"] {
        assert_eq!(mode(&companion(&home.path, suffix)), 0o600, "{suffix}");
    }
    fs::set_permissions(&home.path, fs::Permissions::from_mode(0o644)).unwrap();
    let again = Store::open(&home.path, at(1)).await.unwrap();
    assert_eq!(mode(&home.path), 0o600);
    assert_eq!(again.meta_get("paused").await.unwrap().as_deref(), Some("yes"));
    assert_eq!(again.meta_get("created_at").await.unwrap(), Some(at(0).to_rfc3339()));
    assert_eq!(again.meta_get("nothing").await.unwrap(), None);
}

#[tokio::test]
async fn what_is_not_a_state_file_is_refused_and_stays_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let text = directory.path().join("notes.txt");
    fs::write(&text, "this is a text that is long enough to be read as the head of a database. ".repeat(20)).unwrap();
    let other = directory.path().join("other.db");
    let mut connection = options(&other).create_if_missing(true).connect().await.unwrap();
    sqlx::query("CREATE TABLE precious (x)").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    for path in [&text, &other, &directory.path().to_path_buf()] {
        let before = fs::read(path).ok();
        for error in [Store::open(path, at(0)).await.unwrap_err(), Store::open_read_only(path).await.unwrap_err()] {
            assert!(matches!(error, StoreError::Foreign { .. }), "{error:?}");
        }
        assert_eq!(fs::read(path).ok(), before);
    }
    let nowhere = directory.path().join("missing").join("rollcall.db");
    assert!(matches!(Store::open(&nowhere, at(0)).await, Err(StoreError::Open { .. })));
    assert!(matches!(Store::open(&text.join("rollcall.db"), at(0)).await, Err(StoreError::Open { .. })));
    assert!(matches!(Store::open_read_only(&nowhere).await, Err(StoreError::Missing { .. })));
}

#[tokio::test]
async fn a_directory_where_everybody_may_exchange_files_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let path = directory.path().join("rollcall.db");
    assert!(matches!(Store::open(&path, at(0)).await, Err(StoreError::Exposed { .. })));
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o1777)).unwrap();
    Store::open(&path, at(0)).await.unwrap();
}

#[tokio::test]
async fn another_release_s_file_is_refused_with_both_versions() {
    let home = Home::new().await;
    let mut connection = options(&home.path).connect().await.unwrap();
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9000, 'from the future', 1, x'00', 0)",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    let error = Store::open(&home.path, at(0)).await.unwrap_err();
    let known = known_version();
    assert_eq!(
        error.to_string(),
        format!("the state file has schema version 9000; this program knows versions up to {known}")
    );
    assert!(error.hint().contains("release"));
    sqlx::query("DELETE FROM _sqlx_migrations").execute(&mut connection).await.unwrap();
    assert!(matches!(Store::open_read_only(&home.path).await, Err(StoreError::Older { found: 0, .. })));
}

#[tokio::test]
async fn a_reader_sees_what_the_writer_stored_and_writes_nothing() {
    let home = Home::new().await;
    let reader = Store::open_read_only(&home.path).await.unwrap();
    home.meta_set("paused", "yes").await.unwrap();
    assert_eq!(reader.meta_get("paused").await.unwrap().as_deref(), Some("yes"));
    assert!(matches!(reader.meta_set("paused", "no").await, Err(StoreError::ReadOnly { source: None })));
    let mut connection = reader.reader().await;
    let refused = sqlx::query("DELETE FROM meta").execute(&mut *connection).await.map_err(StoreError::from);
    assert!(matches!(refused, Err(StoreError::ReadOnly { source: Some(_) })), "{refused:?}");
}

#[tokio::test]
async fn two_processes_may_open_a_new_file_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("rollcall.db");
    let (one, two) = tokio::join!(Store::open(&path, at(0)), Store::open(&path, at(0)));
    one.unwrap().meta_set("paused", "yes").await.unwrap();
    assert_eq!(two.unwrap().meta_get("paused").await.unwrap().as_deref(), Some("yes"));
}

/// Threads, each with a runtime of its own: what they do meets at any moment, as it does between processes.
#[test]
fn many_may_open_a_new_file_at_once() {
    for _ in 0..10 {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rollcall.db");
        let open = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async { Store::open(&path, at(0)).await.map(drop) })
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
            for thread in threads {
                thread.join().unwrap().unwrap();
            }
        });
    }
}

#[tokio::test]
async fn the_ledger_is_written_through_to_the_disk() {
    let home = Home::new().await;
    let mut writer = home.writer().await.unwrap();
    let mut tx = writer.begin().await.unwrap();
    for (pragma, expected) in [("synchronous", 2), ("foreign_keys", 1), ("busy_timeout", 30_000)] {
        let statement = AssertSqlSafe(format!("PRAGMA {pragma}"));
        let value: i64 = sqlx::query_scalar(statement).fetch_one(tx.conn().unwrap()).await.unwrap();
        assert_eq!(value, expected, "{pragma}");
    }
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(tx.conn().unwrap()).await.unwrap();
    assert_eq!(mode, "wal");
}

#[test]
fn migrations_are_numbered_strict_and_take_nothing_away() {
    let mut before = 0;
    for migration in MIGRATIONS.iter() {
        assert_eq!(migration.version, before + 1, "{}", migration.description);
        before = migration.version;
        let sql = migration.sql.as_str();
        for statement in sql.split(';').filter(|statement| statement.contains("CREATE TABLE")) {
            assert!(statement.contains("STRICT"), "not strict: {statement}");
            assert!(!statement.contains(" REAL"), "a float: {statement}");
        }
        for taken in ["DROP TABLE", "DROP COLUMN", "DELETE FROM"] {
            assert!(!sql.contains(taken), "{} says {taken}", migration.description);
        }
    }
    assert!(known_version() > 0);
}
