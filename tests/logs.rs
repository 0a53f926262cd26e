//! What the programs of `tests/bin` log.

use std::io::stderr;

use tracing_subscriber::EnvFilter;

/// Logs to standard error what `RUST_LOG` asks for: standard output is for answers.
pub fn to_standard_error() {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::from_default_env())
        .with_writer(stderr)
        .with_ansi(false)
        .init();
}
