//! Who a session's client talks to.

use std::sync::Arc;
use std::time::Duration;

use super::newcomer::{Pass, Shape};
use crate::http::State;
use crate::registry::Entry;
use crate::upstream::{self, Agent, Upstream};

/// A session's longest life, in s, as in the OpenAI API.
const LIFETIME_S: u64 = 60 * 60;

/// Opens the upstream of a session that begins with a client that was let in with `pass`.
pub(super) fn open(state: &State, entry: &Entry, pass: &Pass, seed: u64) -> Upstream {
    let remotes = state.remotes.get(&pass.agent);
    match (pass.shape, remotes) {
        (Shape::Beta, _) => Upstream::beta(),
        (Shape::Ga, Some(remotes)) => {
            Upstream::Remote(Box::new(remotes.open(&entry.id, state.clock)))
        }
        (Shape::Ga, None) => Upstream::Agent(Box::new(Agent::new(
            &upstream::agent::Config {
                session_id: entry.id.clone(),
                model: pass.model.clone(),
                expires_at: state.clock.unix_ms() / 1000 + LIFETIME_S,
                lifetime: Duration::from_secs(LIFETIME_S),
                // Not the machine's sequence, whose ids are those of events.
                ids_seed: seed.rotate_left(32),
            },
            Arc::clone(&state.prompts),
            state.clock.now(),
        ))),
    }
}
