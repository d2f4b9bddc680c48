#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| butlr_auth_fuzz::run("jwt", input));
