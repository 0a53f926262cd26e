//! Where the call stands.

use std::sync::Arc;
use std::time::Duration;

use offhook_client::proto::Time;

use super::AgentEntry;
use super::live::Live;
use crate::snapshot::{DialStep, EndReason, Stats};

/// The call, from the click to the summary.
#[derive(Debug)]
pub(super) enum Phase {
    Ready,
    Dialling(Dialling),
    Live(Box<Live>),
    Ended(Summary),
}

/// A call that is not up yet.
#[derive(Debug)]
pub(super) struct Dialling {
    pub(super) entry: Arc<AgentEntry>,
    /// The profile that it was called at.
    pub(super) profile: String,
    pub(super) clicked_at: Time,
    pub(super) step: DialStep,
    pub(super) held: Duration,
    pub(super) stats: Stats,
}

#[derive(Debug)]
pub(super) struct Summary {
    pub(super) entry: Arc<AgentEntry>,
    pub(super) reason: EndReason,
    pub(super) duration: Duration,
    pub(super) stats: Stats,
}
