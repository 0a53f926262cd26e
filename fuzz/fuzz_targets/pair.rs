//! See `pair::pair` in `crates/proto/tests/fuzzed`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| offhook_fuzz::run("pair", bytes));
