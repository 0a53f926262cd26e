//! See `wire::binary_frame` in `crates/proto/tests/fuzzed`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| offhook_fuzz::run("binary_frame", bytes));
