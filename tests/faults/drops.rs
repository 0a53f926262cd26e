//! A connection that is reset while both sides speak: how soon each hears the other again.

use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use offhook_tests::clock::{Stamp, lasts};
use offhook_tests::counting::What;
use offhook_tests::together::{Scene, play};

use crate::line::{Line, STEP};

/// Calls, each of which is dropped
const CALLS: u32 = 24;
/// so many times.
const DROPS: u32 = 2;
/// What is said before it is answered. A line that was up for 10 s counts as well again, so every
/// second answer is dropped.
const UTTERANCE: Duration = Duration::from_secs(6);
/// The policy waits for up to 250 ms, so that those that are dropped together do not come together.
const LIMIT: Duration = Duration::from_millis(300);

/// How long it took until the caller's voice reached the bridge again,
/// and until the agent's reached the caller.
type Again = (Duration, Duration);

pub(crate) fn lone_drops() -> Result<()> {
    let measured = Mutex::new(Vec::new());
    let scenes = (0..CALLS).map(|number| {
        let measured = &measured;
        Scene::new(&format!("call {number}"), move || {
            // Each drop is alone.
            lasts(UTTERANCE / CALLS * number);
            let line = Line::start(UTTERANCE)?;
            let mut told = Vec::new();
            for _ in 0..DROPS {
                let again = drop_once(&line)?;
                told.push(format!(
                    "{} and {} ms",
                    again.0.as_millis(),
                    again.1.as_millis()
                ));
                measured
                    .lock()
                    .expect("no scene panics with it")
                    .push(again);
            }
            Ok(format!(
                "{}; {}",
                told.join(", "),
                line.caller.whole_account()?
            ))
        })
    });
    play(scenes.collect())?;
    let measured = measured.into_inner()?;
    for (way, times) in [
        (
            "the caller's voice",
            measured.iter().map(|again| again.0).collect::<Vec<_>>(),
        ),
        (
            "the agent's voice",
            measured.iter().map(|again| again.1).collect(),
        ),
    ] {
        let (p50, p95) = (percentile(&times, 50), percentile(&times, 95));
        let worst = percentile(&times, 100);
        eprintln!(
            "{way} again after a lone drop, of {}: p50 {} ms, p95 {} ms, longest {} ms",
            times.len(),
            p50.as_millis(),
            p95.as_millis(),
            worst.as_millis()
        );
        ensure!(p95 < LIMIT, "{way}: p95 is {p95:?}");
    }
    Ok(())
}

/// Resets the connection in the middle of an answer, waits for the next one.
fn drop_once(line: &Line) -> Result<Again> {
    line.in_mid_answer()?;
    let dropped = Stamp::now();
    ensure!(line.relay.reset() == 1, "not one connection was up");
    let answered = line.caller.note("the rest of the answer", STEP, |note| {
        matches!(note.what, What::Answered(_)) && note.at > dropped
    })?;
    let What::Answered(answer) = answered.what else {
        anyhow::bail!("it was just looked for");
    };
    let up = line.caller.up_after(dropped, STEP)?;
    // Not the first one after the drop: what had come by then is still told.
    let spoken = answer.pieces.iter().find(|piece| **piece > up.at);
    let spoken = spoken.context("the answer was over before the drop")?;
    let heard = line
        .ear
        .anew_after(dropped)
        .context("the bridge hears nothing")?;
    let again = (heard.since(dropped), spoken.since(dropped));
    // One more answer, over a line that stays up.
    line.caller.answering_after(answered.at, STEP)?;
    Ok(again)
}

fn percentile(times: &[Duration], percent: usize) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    let rank = (times.len() * percent).div_ceil(100).max(1);
    times.get(rank - 1).copied().unwrap_or_default()
}
