//! One target under libFuzzer, named by `FUZZ_TARGET`. Arguments are libFuzzer's; `scripts/fuzz` gives them.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use rollcall_fuzz::{Entry, target, targets};

static ENTRY: LazyLock<Entry> = LazyLock::new(|| {
    let name = std::env::var_os("FUZZ_TARGET").unwrap_or_default().to_string_lossy().into_owned();
    target(&name).unwrap_or_else(|| {
        let names: Vec<&str> = targets().map(|(name, _)| name).collect();
        panic!("FUZZ_TARGET is `{name}`, which is none of: {}", names.join(" "))
    })
});

fuzz_target!(|input: &[u8]| (*ENTRY)(input));
