//! What a keeper tells of itself: who is signed in, and how far a refresh has come.

use std::sync::Arc;

use crate::grant::User;

/// Who is signed in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Standing {
    /// Nobody.
    #[default]
    SignedOut,
    /// This user.
    SignedIn(User),
    /// This user was, and has to sign in again.
    Ended(User),
}

/// A step of a refresh after which a crash would be felt, for tests that crash there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The machine's lock is taken.
    Locked,
    /// The use of the token is noted in the vault.
    Noted,
    /// The provider has answered; the successor is in memory only.
    Answered,
    /// The successor is in the vault.
    Kept,
}

/// Told of each step.
pub type Watch = Arc<dyn Fn(Moment) + Send + Sync>;
