//! The guides of the command line: every example in them is run.

use std::path::Path;
use std::process::{Command, Output};

use crate::world::World;

const GUIDE: &str = include_str!("../../../../docs/guides/command-line.md");

/// Their examples for a shell are run as well.
const MORE: [&str; 2] = [
    include_str!("../../../../docs/guides/other-programs.md"),
    include_str!("../../../../docs/guides/when-it-fails.md"),
];

/// The examples in this language.
fn examples(guide: &'static str, language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}\n");
    let examples: Vec<&str> =
        guide.split(&*fence).skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(!examples.is_empty());
    examples
}

/// Runs an example where a person would: in an empty folder, with the client in the environment and the program on the
/// path.
fn run(world: &World, folder: &Path, program: &[&str], example: &str) -> Output {
    let (first, more) = program.split_first().unwrap();
    let tool = Path::new(env!("CARGO_BIN_EXE_butlr-auth")).parent().unwrap();
    Command::new(first)
        .args(more)
        .arg(example)
        .current_dir(folder)
        .env_clear()
        .env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", tool.display()))
        .env("HOME", folder)
        .envs(world.client())
        .output()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_for_a_shell_works() {
    let world = World::new().await;
    let more = MORE.into_iter().flat_map(|guide| examples(guide, "sh"));
    for example in examples(GUIDE, "sh").into_iter().chain(more) {
        let folder = tempfile::tempdir().unwrap();
        let output = run(&world, folder.path(), &["sh", "-euc"], example);
        assert!(output.status.success(), "{example}{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{example}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_for_a_notebook_works() {
    if !butlr_auth_testkit::servers::is_there("python3", "python3") {
        return;
    }
    let world = World::new().await;
    for example in examples(GUIDE, "python") {
        let folder = tempfile::tempdir().unwrap();
        let example = format!("BASE_URL = {:?}\n{example}", world.server.base_url());
        let output = run(&world, folder.path(), &["python3", "-c"], &example);
        assert!(output.status.success(), "{example}{}", String::from_utf8_lossy(&output.stderr));
        assert!(String::from_utf8_lossy(&output.stdout).contains("'id'"), "{output:?}");
    }
}

#[tokio::test]
async fn every_profile_of_the_configuration_can_be_used() {
    let world = World::new().await;
    for example in examples(GUIDE, "toml") {
        world.configure(example);
        for (name, _) in example.lines().filter_map(|line| line.strip_prefix("[profile.")?.split_once(']')) {
            if !name.contains('.') {
                let redis = [("REDIS_URL", "redis://127.0.0.1:9")];
                let ended = world.run_with(&["-p", name, "status"], &redis, "");
                // Nobody listens there, which is found out by asking.
                assert_eq!(ended.code, if name == "nightly" { 6 } else { 0 }, "{name}: {}", ended.stderr);
            }
        }
        world
            .run(&["-p", "nightly", "status"])
            .failed(3, "the URL of redis is configured to be in REDIS_URL");
    }
}
