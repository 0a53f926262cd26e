//! What has to hold whatever happens: the invariants of the protocol, one file each.

pub(crate) mod dials;
pub(crate) mod input;
pub(crate) mod output;
pub(crate) mod pace;
pub(crate) mod sent;
pub(crate) mod spans;

use std::fmt;

/// An invariant. Their numbers are those of the protocol's list, where they have one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    /// 1. Every captured sample reaches the upstream exactly once and in order, or a gap covers it.
    Input,
    /// 2. The same for the agent's audio, and for every event, on its way to the caller.
    Output,
    /// 3. Nothing is processed for a connection that is not authenticated, revoked or superseded.
    Fenced,
    /// 5. No secret where anybody may read it.
    Secret,
    /// 6. Dials keep to the budget, the breaker and the ceilings.
    Dials,
    /// 7. What is kept has a bound.
    Memory,
    /// 8. A refresh delays nothing, and there is one at a time.
    Refresh,
    /// 9. Truncating never yields an error of the upstream's.
    Truncate,
    /// 10. Revoked means closed within a second.
    Revoked,
    /// Tokens are fresh and used once.
    Token,
    /// A call is live or over within its time, for a reason that there is.
    Stuck,
    /// Machines wait for something that comes, not for ever smaller times.
    Spinning,
    /// Both ends keep to the protocol's words: numbers without holes, heartbeats in time.
    Wire,
    /// What the caller does reaches the upstream once, in order and in its place.
    Control,
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Input => "(1) every captured sample reaches the upstream exactly once",
            Self::Output => "(2) everything the agent says reaches the caller exactly once",
            Self::Fenced => "(3) nothing counts that comes over a connection that does not",
            Self::Secret => "(5) no secret in the open",
            Self::Dials => "(6) the dial budget",
            Self::Memory => "(7) bounded memory",
            Self::Refresh => "(8) a refresh delays nothing, one at a time",
            Self::Truncate => "(9) truncating yields no error",
            Self::Revoked => "(10) revoked means closed within 1 s",
            Self::Token => "tokens are fresh and used once",
            Self::Stuck => "live or over within its time",
            Self::Spinning => "no spinning",
            Self::Wire => "the words of the protocol",
            Self::Control => "what the caller does reaches the upstream once and in order",
        })
    }
}

/// An invariant that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub invariant: Invariant,
    /// What was seen instead.
    pub detail: String,
}

/// What a check says.
pub(crate) type Verdict = Result<(), Violation>;

pub(crate) fn violated(invariant: Invariant, detail: impl Into<String>) -> Verdict {
    Err(Violation {
        invariant,
        detail: detail.into(),
    })
}
