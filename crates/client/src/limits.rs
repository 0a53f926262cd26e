//! How long each step of a connection may take.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use offhook_proto::client::Failure;
use tokio::time::timeout;

/// How long the steps of a connection may take. A step that takes longer fails, and says so by its
/// name.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Looking up a host's name.
    pub lookup: Duration,
    /// Connecting to one address. Another address is not kept waiting by it.
    pub attempt: Duration,
    /// Connecting to any of a host's addresses.
    pub dial: Duration,
    /// A proxy's answer. It does the same steps on the way to the server.
    pub proxy: Duration,
    /// The TLS handshake.
    pub tls: Duration,
    /// The answer to a request: of the token service, or to the upgrade.
    pub answer: Duration,
}

impl Default for Limits {
    /// Whole steps stay under the session's own limit of 10 s, which knows no names.
    fn default() -> Self {
        Self {
            lookup: Duration::from_secs(5),
            attempt: Duration::from_secs(5),
            dial: Duration::from_secs(8),
            proxy: Duration::from_secs(8),
            tls: Duration::from_secs(5),
            answer: Duration::from_secs(8),
        }
    }
}

/// A step, with the name of what does not answer where that is not the server.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    Lookup,
    Dial,
    Proxy,
    Tls,
    Upgrade,
    Mint,
    Answer,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lookup => "looking up its name",
            Self::Dial => "connecting",
            Self::Proxy => "its answer to CONNECT",
            Self::Tls => "the TLS handshake",
            Self::Upgrade => "the answer to the upgrade",
            Self::Mint => "the token service's answer",
            Self::Answer => "the answer",
        })
    }
}

/// What `work` comes to, unless it takes longer than `limit`.
///
/// # Errors
/// What `work` says, or which step took how long.
pub(crate) async fn within<T>(
    step: Step,
    limit: Duration,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    timeout(limit, work)
        .await
        .unwrap_or_else(|_| Err(took_too_long(step, limit)))
}

fn took_too_long(step: Step, limit: Duration) -> Failure {
    Failure::Unreachable {
        detail: format!("{step} took longer than {limit:?}"),
    }
}
