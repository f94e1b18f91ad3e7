//! The fuzz targets on their named seeds (fuzz/seeds), without libFuzzer: what a seed shows stays mended.

use std::{
    fs,
    path::Path,
    sync::{Mutex, PoisonError},
};

// The targets take their macro from libFuzzer's crate; here it makes a function.
extern crate self as libfuzzer_sys;

macro_rules! fuzz_target {
    (|$input:ident: &[u8]| $body:block) => {
        pub(crate) fn run($input: &[u8]) {
            $body
        }
    };
    (|$input:ident: &str| $body:block) => {
        pub(crate) fn run(bytes: &[u8]) {
            if let Ok($input) = std::str::from_utf8(bytes) {
                $body
            }
        }
    };
}
pub(crate) use fuzz_target;

#[expect(unused_attributes, unused_imports, reason = "a target has no main here, and the macro is in scope")]
#[path = "../../../fuzz/fuzz_targets/capture.rs"]
mod capture;
#[expect(unused_attributes, unused_imports, reason = "a target has no main here, and the macro is in scope")]
#[path = "../../../fuzz/fuzz_targets/config.rs"]
mod config;
#[expect(unused_attributes, unused_imports, reason = "a target has no main here, and the macro is in scope")]
#[path = "../../../fuzz/fuzz_targets/control.rs"]
mod control;
#[expect(unused_attributes, unused_imports, reason = "a target has no main here, and the macro is in scope")]
#[path = "../../../fuzz/fuzz_targets/frame.rs"]
mod frame;
#[expect(unused_attributes, unused_imports, reason = "a target has no main here, and the macro is in scope")]
#[path = "../../../fuzz/fuzz_targets/lists.rs"]
mod lists;
#[expect(unused_attributes, unused_imports, reason = "a target has no main here, and the macro is in scope")]
#[path = "../../../fuzz/fuzz_targets/prefixes.rs"]
mod prefixes;
#[expect(unused_attributes, unused_imports, reason = "a target has no main here, and the macro is in scope")]
#[path = "../../../fuzz/fuzz_targets/rules.rs"]
mod rules;
#[expect(unused_attributes, unused_imports, reason = "a target has no main here, and the macro is in scope")]
#[path = "../../../fuzz/fuzz_targets/signatures.rs"]
mod signatures;

/// A target measures the memory of the whole process, so targets run one after the other.
static ONE: Mutex<()> = Mutex::new(());

/// Runs a target on every file of its directory of seeds.
fn on_seeds(target: &str, run: fn(&[u8])) {
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(target);
    let mut seeds = 0;
    for entry in fs::read_dir(&directory).unwrap() {
        let path = entry.unwrap().path();
        println!("{}", path.display());
        run(&fs::read(&path).unwrap());
        seeds += 1;
    }
    assert!(seeds > 2, "{seeds} seeds in {}", directory.display());
}

#[test]
fn frame_holds_on_the_named_frames() {
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    for named in honeyxdp_frames::named::frames() {
        println!("{}", named.name);
        frame::run(&named.bytes);
    }
}

#[test]
fn capture_holds_on_its_seeds() {
    on_seeds("capture", capture::run);
}

#[test]
fn config_holds_on_its_seeds() {
    on_seeds("config", config::run);
}

#[test]
fn control_holds_on_its_seeds() {
    on_seeds("control", control::run);
}

#[test]
fn lists_holds_on_its_seeds() {
    on_seeds("lists", lists::run);
}

#[test]
fn prefixes_holds_on_its_seeds() {
    on_seeds("prefixes", prefixes::run);
}

#[test]
fn rules_holds_on_its_seeds() {
    on_seeds("rules", rules::run);
}

#[test]
fn signatures_holds_on_its_seeds() {
    on_seeds("signatures", signatures::run);
}
