//! How things stand: what works at the moment, and what does not.

use offhook_proto::Conn;
use offhook_proto::client::Failure;

use crate::fault::{Door, Flap, Offer, Refresh};
use crate::net::Way;
use crate::scenario::Scenario;
use crate::time::{Us, duration};

/// How things stand.
#[derive(Debug)]
pub(crate) struct Conditions {
    pub(super) up: Way,
    pub(super) down: Way,
    pub(super) outage_until: Us,
    pub(super) outage_told: bool,
    pub(super) outage_fails_fast: bool,
    pub(super) client_runs_at: Us,
    pub(super) server_runs_at: Us,
    pub(super) server_down_until: Us,
    /// A server that goes away is gone by then.
    pub(super) drained_by: Us,
    pub(super) refusals: Vec<(Us, Door, u16, Option<Us>)>,
    pub(super) token_service: Option<(Us, Option<Us>)>,
    pub(super) old_tokens: Option<(Us, Us)>,
    pub(super) refresh: Option<(Us, Refresh)>,
    pub(super) flap: Option<(Us, Us, Flap)>,
    pub(super) flaps: Vec<(Conn, Flap)>,
    pub(super) offer: Offer,
    pub(super) upstream_died: bool,
}

impl Conditions {
    pub(super) fn new(scenario: &Scenario) -> Self {
        Self {
            up: scenario.up,
            down: scenario.down,
            outage_until: 0,
            outage_told: false,
            outage_fails_fast: false,
            client_runs_at: 0,
            server_runs_at: 0,
            server_down_until: 0,
            drained_by: 0,
            refusals: Vec::new(),
            token_service: None,
            old_tokens: None,
            refresh: None,
            flap: None,
            flaps: Vec::new(),
            offer: scenario.offer,
            upstream_died: false,
        }
    }

    pub(super) fn refusal(&self, now: Us, door: Door) -> Option<Failure> {
        let mut refusals = self.refusals.iter();
        let refusal =
            refusals.find(|(until, at, ..)| now < *until && (*at == door || *at == Door::Both));
        refusal.map(|(_, _, status, retry_after)| Failure::Refused {
            status: *status,
            retry_after: retry_after.map(duration),
            detail: "refused".into(),
        })
    }
}
