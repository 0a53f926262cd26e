//! Where the call stands.

use std::time::Duration;

use offhook_client::proto::Time;

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
    pub(super) entry: usize,
    pub(super) clicked_at: Time,
    pub(super) step: DialStep,
    pub(super) held: Duration,
    pub(super) stats: Stats,
}

#[derive(Debug)]
pub(super) struct Summary {
    pub(super) entry: usize,
    pub(super) reason: EndReason,
    pub(super) duration: Duration,
    pub(super) stats: Stats,
}
