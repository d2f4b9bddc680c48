use super::{newer_than, parse};
use crate::deps::sketch;

#[test]
fn dependency_that_needs_a_newer_rust_is_refused() {
    let mut graph = sketch("butlr-auth-core: a@1.0.0 ~b@1.0.0\n xtask: b@1.0.0\n a@1.0.0:\n b@1.0.0:");
    for id in ["a 1.0.0", "b 1.0.0"] {
        graph.packages.get_mut(id).unwrap().rust_version = Some("1.90.0".parse().unwrap());
    }
    let promised = parse("1.89").unwrap();
    assert_eq!(newer_than(&graph, &promised), ["a 1.0.0 needs Rust 1.90.0: butlr-auth-core -> a"]);
    assert_eq!(newer_than(&graph, &parse("1.90").unwrap()), [""; 0]);
}

#[test]
fn rust_version_may_leave_the_patch_out() {
    assert_eq!(parse("1.89").unwrap(), parse("1.89.0").unwrap());
    assert!(parse("stable").is_err());
}
