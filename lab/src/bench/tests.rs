use clap::{Parser, ValueEnum as _};

use super::{Options, Workload};

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    options: Options,
}

fn parsed(arguments: &[&str]) -> Result<Options, clap::Error> {
    let line = ["bench"].iter().chain(arguments);
    Line::try_parse_from(line).map(|line| line.options)
}

#[test]
fn workloads_have_the_names_of_the_page_and_no_name_means_all() {
    let two = parsed(&["W1", "W10"]).unwrap();
    assert_eq!(two.workloads(), [Workload::OneThread, Workload::MinimalProgram]);
    assert_eq!(parsed(&[]).unwrap().workloads().len(), Workload::value_variants().len());
    parsed(&["W11"]).unwrap_err();
}

#[test]
fn peers_and_the_page_alone_run_no_workload() {
    assert!(parsed(&["--peers"]).unwrap().workloads().is_empty());
    assert!(parsed(&["--write"]).unwrap().workloads().is_empty());
    assert_eq!(parsed(&["W1", "--write"]).unwrap().workloads(), [Workload::OneThread]);
}
