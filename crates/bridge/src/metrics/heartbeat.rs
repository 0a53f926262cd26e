//! The dead man's heartbeat: it moves only while the bridge can run sessions.

use std::convert::Infallible;
use std::time::Duration;

use tracing::error;

use crate::http::State;

/// How often it moves.
const EVERY: Duration = Duration::from_secs(1);

/// Moves the heartbeat for as long as it is polled. Each time the runtime has to run a task of its
/// own, as a session is one, and the table of sessions has to let go of its lock; where one of them
/// hangs, so does the heartbeat, whoever asks for it.
pub(crate) async fn beat(state: &State) -> Infallible {
    loop {
        match tokio::spawn(async {}).await {
            Ok(()) => {
                state.registry.count();
                state.metrics.heartbeat.set(state.clock.unix_s());
            }
            Err(error) => error!(%error, "the runtime runs no more tasks"),
        }
        state.clock.wait(Some(state.clock.now() + EVERY)).await;
    }
}
