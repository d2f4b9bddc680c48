use std::time::Duration;

use clap::ValueEnum;

use super::summary::{Outcome, Summary};
use super::{Step, wanted};
use crate::workspace::Workspace;

#[test]
fn all_steps_run_when_none_is_named() {
    assert!(Step::value_variants().iter().all(|step| wanted(&[], *step)));
    assert!(wanted(&[Step::Deps], Step::Deps));
    assert!(!wanted(&[Step::Deps], Step::Fmt));
}

// Security: N3.
#[test]
fn each_feature_of_each_published_crate_is_built_alone() {
    let members = Workspace::open().unwrap().members().unwrap();
    let cache = members.iter().find(|member| member.name == "butlr-auth-cache").unwrap();
    assert!(cache.is_published());
    let features = cache.features();
    for feature in ["encrypted", "keyring", "postgres", "redis", "sqlite"] {
        assert!(features.iter().any(|found| found == feature), "{feature}");
    }
    assert!(!features.iter().any(|found| found == "default"));
    assert!(wanted(&[], Step::Features));
}

#[cfg(unix)]
#[test]
fn step_names_are_the_words_of_the_command_line() {
    let names: Vec<String> = Step::value_variants().iter().map(|step| step.name()).collect();
    assert_eq!(
        names,
        [
            "fmt",
            "clippy",
            "features",
            "test",
            "hostile",
            "model",
            "soak",
            "interop",
            "doc",
            "deps",
            "advisories",
            "security",
            "tidy",
            "msrv"
        ]
    );
}

#[test]
fn summary_names_the_step_that_failed() {
    let mut summary = Summary::default();
    summary.add("fmt".into(), Outcome::Passed(Duration::from_millis(1240)));
    assert_eq!(summary.failed(), None);
    summary.add("clippy".into(), Outcome::Failed(Duration::from_secs(31)));
    summary.add("test".into(), Outcome::NotRun);
    assert_eq!(summary.failed(), Some("clippy"));
    assert_eq!(
        summary.to_string(),
        "fmt        ok           1.2 s\nclippy     FAILED      31.0 s\ntest       not run\n"
    );
}

#[test]
fn summary_says_what_was_not_looked_at() {
    let mut summary = Summary::default();
    summary.add("advisories".into(), Outcome::NotChecked);
    summary.leave_out(["redis", "chromium"].into_iter());
    assert_eq!(summary.failed(), None);
    assert_eq!(summary.to_string(), "advisories not checked\nleft out: what needs redis, chromium\n");
}
