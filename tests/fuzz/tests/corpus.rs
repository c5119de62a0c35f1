//! Every file of the corpus through its entry, without a fuzzer.

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

use rollcall_fuzz::{target, targets};

/// What the corpus may take in the repository.
const MOST_BYTES: u64 = 300 * 1024;

fn corpus() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/corpus"))
}

#[test]
fn every_input_of_the_corpus_keeps_the_laws() {
    let mut broken = Vec::new();
    for (name, entry) in targets() {
        let folder = corpus().join(name);
        let mut inputs = 0;
        for file in fs::read_dir(&folder).unwrap_or_else(|_| panic!("{name} has no corpus")) {
            let path = file.unwrap().path();
            let input = fs::read(&path).unwrap();
            inputs += 1;
            if catch_unwind(|| entry(&input)).is_err() {
                broken.push(path.display().to_string());
            }
        }
        assert!(inputs > 0, "{name} has an empty corpus");
        entry(b"");
    }
    assert!(broken.is_empty(), "laws are broken by:\n{}", broken.join("\n"));
}

#[test]
fn the_corpus_is_small_and_has_no_strangers() {
    let mut bytes = 0;
    for folder in fs::read_dir(corpus()).unwrap() {
        let folder = folder.unwrap();
        let name = folder.file_name().into_string().unwrap();
        assert!(target(&name).is_some(), "{name} is no target");
        bytes += fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum::<u64>();
    }
    assert!(bytes <= MOST_BYTES, "the corpus has {bytes} bytes, it may have {MOST_BYTES}");
}
