//! See `wire::client_event` in `crates/proto/tests/fuzzed`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| offhook_fuzz::run("client_event", bytes));
