//! The examples, run as they stand: each brings its own server and fails if anything does.

#[cfg(feature = "blocking")]
#[path = "../../examples/blocking.rs"]
mod blocking;

#[test]
#[cfg(feature = "blocking")]
fn blocking() {
    blocking::main().unwrap();
}
