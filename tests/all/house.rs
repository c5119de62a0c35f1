//! The house rules that a compiler does not know: who may import whom, how long a file may be, who makes a capability.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Which rooms a room may look into; floors as in the crate documentation.
fn may_import() -> BTreeMap<&'static str, &'static [&'static str]> {
    BTreeMap::from([
        ("model", &[] as &[_]),
        ("planner", &["model"] as &[_]),
        // How AWS is reached; nothing about what is asked of it.
        ("aws", &[]),
        ("secrets", &["aws"]),
        ("connect", &["model", "aws"]),
        ("store", &["model"]),
        ("report", &["model", "aws"]),
        // The guard and the rules are the planner's, the lease is the store's, sinks are the report's.
        ("reconcile", &["model", "planner", "store", "report"]),
        ("serve", &["model", "planner", "reconcile", "store", "report"]),
        // Pages over the state file: nothing that reaches a remote.
        ("console", &["model", "planner", "store", "reconcile", "serve"]),
        ("config", &["model", "planner", "aws", "connect", "report", "secrets", "serve", "console"]),
        (
            "assemble",
            &["model", "config", "planner", "connect", "console", "report", "secrets", "store", "reconcile", "serve"],
        ),
        // A look at every part: it is built like a part, and asked one question.
        ("checkup", &["model", "config", "planner", "connect", "console", "report", "store", "reconcile", "assemble"]),
        ("sandbox", &[]),
        // A page of documentation, with links.
        ("threat_model", &["planner", "console"]),
        // Entries for the fuzzer, beside the house like the sandbox.
        ("fuzzing", &["model", "planner", "config", "serve", "store"]),
        (
            "cli",
            &[
                "assemble",
                "checkup",
                "config",
                "connect",
                "console",
                "model",
                "planner",
                "reconcile",
                "report",
                "sandbox",
                "secrets",
                "serve",
                "store",
            ],
        ),
    ])
}

fn rust_files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    rust_files(&root.join("src"), &mut files);
    rust_files(&root.join("connectors/src"), &mut files);
    files.sort();
    files
        .into_iter()
        .map(|path| (path.strip_prefix(root).unwrap().to_owned(), fs::read_to_string(&path).unwrap()))
        .collect()
}

fn room(path: &Path) -> Option<String> {
    let name = path.components().nth(1)?.as_os_str().to_str()?;
    Some(name.trim_end_matches(".rs").to_owned())
}

#[test]
fn imports_point_down_only() {
    let allowed = may_import();
    let mut broken = Vec::new();
    for (path, text) in sources().into_iter().filter(|(path, _)| path.starts_with("src")) {
        let Some(room) = room(&path).filter(|room| room != "lib" && room != "main") else { continue };
        let may = allowed.get(room.as_str()).unwrap_or_else(|| panic!("{room} has no floor; give it one here"));
        for (at, line) in text.lines().enumerate() {
            for import in line.split("crate::").skip(1) {
                let target: String = import.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let is_room = allowed.contains_key(target.as_str());
                if is_room && target != room && !may.contains(&target.as_str()) {
                    broken.push(format!("{}:{}: {room} must not know {target}", path.display(), at + 1));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn capabilities_have_one_maker() {
    let makers = [
        ("ApprovedPlan::by_guard(", "src/planner/guard/mod.rs"),
        ("LastPageSeen::witnessed(", "connectors/src/paging/mod.rs"),
    ];
    for (call, maker) in makers {
        let callers: Vec<_> = sources()
            .into_iter()
            .filter(|(_, text)| text.contains(call))
            .map(|(path, _)| path.display().to_string())
            .collect();
        assert_eq!(callers, [maker], "only {maker} may call {call}");
    }
}

#[test]
fn the_planner_decides_without_clocks_or_waiting() {
    for (path, text) in sources().into_iter().filter(|(path, _)| path.starts_with("src/planner")) {
        for word in ["async fn", "Utc::now", "fastrand", "tracing::", "std::env"] {
            assert!(!text.contains(word), "{} has `{word}`", path.display());
        }
    }
}

#[test]
fn every_file_says_what_it_is_for_and_stays_readable() {
    for (path, text) in sources() {
        assert!(text.starts_with("//!"), "{} has no head", path.display());
        let lines = text.lines().count();
        let most = if path.to_string_lossy().contains("test") { 700 } else { 450 };
        assert!(lines <= most, "{} has {lines} lines; look for its second reason to exist", path.display());
    }
}

#[test]
fn nothing_is_unfinished() {
    for (path, text) in sources() {
        for word in ["todo!(", "unimplemented!(", "FIXME", "#[ignore"] {
            assert!(!text.contains(word), "{} has `{word}`", path.display());
        }
    }
}
