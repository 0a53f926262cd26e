//! What is done with bytes of every kind: by the fuzzer, which looks for some that break it, and by
//! a test, with those that were found worth keeping.

mod bytes;
pub(crate) mod pair;
pub(crate) mod wire;

/// A fuzz target.
pub(crate) type Target = fn(&[u8]);

/// The targets by name. Their corpora are the folders of that name in `fuzz/corpus`.
pub(crate) const TARGETS: [(&str, Target); 4] = [
    ("binary_frame", wire::binary_frame),
    ("client_event", wire::client_event),
    ("server_event", wire::server_event),
    ("pair", pair::pair),
];
