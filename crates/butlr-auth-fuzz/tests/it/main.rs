//! The corpora of the fuzz targets, replayed; and each input of them with a few bytes changed.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that cannot go on fails, and says where"
)]

use std::fs;
use std::path::{Path, PathBuf};

use butlr_auth_fuzz::{TARGETS, run};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRng, TestRunner};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn corpus(target: &str) -> PathBuf {
    root().join("corpus").join(target)
}

fn inputs(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[test]
fn every_corpus_is_replayed() {
    for (target, _) in TARGETS {
        let inputs = inputs(&corpus(target));
        assert!(inputs.len() >= 3, "{target} has a corpus of {}", inputs.len());
        for path in inputs {
            // The name of the input that fails stands in front of what it breaks.
            println!("{}", path.display());
            run(target, &fs::read(&path).unwrap());
        }
    }
}

#[test]
fn each_target_has_a_program_and_a_corpus() {
    let stems = |folder: &Path| -> Vec<String> {
        inputs(folder).iter().map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
    };
    let mut names: Vec<_> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    names.sort_unstable();
    assert_eq!(stems(&root().join("fuzz/fuzz_targets")), names);
    assert_eq!(stems(&root().join("corpus")), names);
}

/// Inputs of the corpus with a few bytes changed and the end cut off: the same ones on each run.
fn replay_changed(target: &str) {
    let corpus: Vec<Vec<u8>> = inputs(&corpus(target)).iter().map(|path| fs::read(path).unwrap()).collect();
    let changes = (
        0..corpus.len(),
        prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        prop::option::of(any::<prop::sample::Index>()),
    );
    // The corpus is where failures are kept.
    let config = Config { failure_persistence: None, ..Config::default() };
    let rng = TestRng::deterministic_rng(config.rng_algorithm);
    TestRunner::new_with_rng(config, rng)
        .run(&changes, |(which, bytes, end)| {
            let mut input = corpus[which].clone();
            for (at, byte) in bytes {
                if !input.is_empty() {
                    let at = at.index(input.len());
                    input[at] = byte;
                }
            }
            if let Some(end) = end {
                input.truncate(end.index(input.len() + 1));
            }
            run(target, &input);
            Ok(())
        })
        .unwrap();
}

macro_rules! properties {
    ($($name:ident => $target:literal;)*) => {$(
        #[test]
        fn $name() {
            replay_changed($target);
        }
    )*};
}

// Each is a row of the security bar.
properties! {
    o1_token_responses => "token_response";
    o2_error_responses => "error_response";
    o3_redirects => "redirect";
    o4_metadata => "metadata";
    o5_key_sets => "key_set";
    o6_jwts => "jwt";
    o7_device_authorizations => "device_authorization";
    o8_headers => "headers";
    o9_stored_entries => "stored_entry";
    o10_command_lines => "command_line";
    o11_sessions => "session";
    o12_encodings => "encoding";
}
