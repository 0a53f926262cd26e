//! What the targets do with their bytes; shared with the test that replays the corpus.

#[path = "../../crates/proto/tests/fuzzed/mod.rs"]
mod fuzzed;

/// Does what the target of this name does.
///
/// # Panics
/// If the bytes show a fault, or there is no such target.
pub fn run(name: &str, bytes: &[u8]) {
    let found = fuzzed::TARGETS.iter().find(|(other, _)| *other == name);
    let (_, target) = found.expect("each target is in the list");
    target(bytes);
}
