//! Calls through real faults: the real client and the real bridge in processes of their own, a
//! relay between them that does what networks do, and processes that stop, crash and restart. The
//! caller counts, so that a sample that is lost or repeated shows.
#![allow(
    clippy::print_stderr,
    reason = "the figures belong into the test's output"
)]

#[path = "faults/drops.rs"]
mod drops;
#[path = "faults/line.rs"]
mod line;
#[path = "faults/processes.rs"]
mod processes;
#[path = "faults/refresh.rs"]
mod refresh;
#[path = "faults/relayed.rs"]
mod relayed;

use std::time::Duration;

use anyhow::Result;
use offhook_tests::together::{Scene, play};

#[test]
fn a_lone_drop_is_over_within_300_ms() -> Result<()> {
    drops::lone_drops()
}

#[test]
fn what_networks_and_processes_do_loses_nothing_that_is_not_told() -> Result<()> {
    let mut scenes = relayed::scenes();
    scenes.extend(processes::scenes());
    play(scenes)
}

#[test]
fn fresh_tokens_are_not_heard_and_a_server_that_flaps_is_left_alone() -> Result<()> {
    play(vec![
        Scene::new(
            "tokens of 20 s under a call of over 90 s, none for 15 s",
            || {
                // And about 20 s before and after it.
                refresh::refreshed(Duration::from_secs(80))
            },
        ),
        Scene::new("a server that flaps for a minute", relayed::flapping),
    ])
}

/// `cargo test -p offhook-tests --test faults -- --ignored --nocapture`
#[test]
#[ignore = "takes ten minutes"]
fn fresh_tokens_are_not_heard_in_ten_minutes() -> Result<()> {
    play(vec![Scene::new("tokens of 20 s for 10 min", || {
        refresh::refreshed(Duration::from_secs(600))
    })])
}
