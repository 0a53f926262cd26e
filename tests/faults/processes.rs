//! Processes that stand still, crash and restart.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use offhook_tests::clock::{Stamp, lasts};
use offhook_tests::counting::{Note, What};
use offhook_tests::program::Program;
use offhook_tests::softphone::Bridge;
use offhook_tests::together::Scene;

use crate::line::{ANY_PORT, Line, STEP};

/// What is said before it is answered.
const UTTERANCE: Duration = Duration::from_secs(4);
/// So much is answered for more than a second.
const LONG_UTTERANCE: Duration = Duration::from_secs(8);
/// The bridge says every 250 ms what it has used. A new session hears what it could not say again.
const ACKNOWLEDGED: Duration = Duration::from_millis(400);
/// How long a process stands still: less than a line may be silent, more than that, and more than
/// a bridge waits for its client.
const STANDSTILLS: [Duration; 3] = [
    Duration::from_secs(3),
    Duration::from_secs(8),
    Duration::from_secs(12),
];
/// How soon audio flows once the process runs again: what is waited for meanwhile is still there.
const SOON: Duration = Duration::from_millis(1500);
/// How soon it does with a bridge that was started anew: while none is there, attempts are up to
/// 5 s apart.
const ASKED_AGAIN: Duration = Duration::from_millis(5500);

pub(crate) fn scenes() -> Vec<Scene<'static>> {
    let mut scenes = vec![
        Scene::new("a bridge that crashes while the caller speaks", crash),
        Scene::new(
            "a bridge that crashes in the middle of an answer",
            crash_in_mid_answer,
        ),
        Scene::new("a bridge that is stopped and started anew", restart),
    ];
    for standstill in STANDSTILLS {
        let seconds = standstill.as_secs();
        scenes.push(Scene::new(
            &format!("a bridge that stands still for {seconds} s"),
            move || stand_still(standstill, |line| &line.bridge.program),
        ));
        scenes.push(Scene::new(
            &format!("a caller that stands still for {seconds} s"),
            move || stand_still(standstill, |line| &line.caller.program),
        ));
    }
    scenes
}

/// Stops a process in the middle of an answer, and lets it go on.
fn stand_still(standstill: Duration, who: fn(&Line) -> &Program) -> Result<String> {
    let line = Line::start(UTTERANCE)?;
    line.settle()?;
    line.in_mid_answer()?;
    who(&line).freeze()?;
    lasts(standstill);
    let thawed = Stamp::now();
    who(&line).thaw()?;
    line.caller.answered_after(thawed, STEP)?;
    let notes = line.caller.notes()?;
    let up = notes
        .iter()
        .rev()
        .find(|note| matches!(note.what, What::Back { .. }));
    let again = up.map_or(Duration::ZERO, |note| note.at.since(thawed));
    ensure!(again <= SOON, "audio flowed again only after {again:?}");
    let account = line.caller.whole_account()?;
    Ok(format!(
        "audio again after {} ms; {account}",
        again.as_millis()
    ))
}

/// The session is lost, and with it nothing that was said: a new one hears it from where the old
/// one had used it.
fn crash() -> Result<String> {
    let mut line = Line::start(UTTERANCE)?;
    line.settle()?;
    // A second after an answer nothing is owed, and the next utterance has begun.
    lasts(Duration::from_secs(1));
    line.bridge.program.kill()?;
    line.bridge.program.exit(STEP)?;
    lasts(Duration::from_secs(2));
    line.restart(&[])?;
    let (again, told) = begin_anew(&line)?;
    ensure!(
        again <= ASKED_AGAIN,
        "audio flowed again only after {again:?}"
    );
    let account = line.caller.account()?;
    ensure!(
        account.lost.is_zero() && account.unanswered == 0,
        "{account:#?}"
    );
    Ok(format!("{told} after {} ms; {account}", again.as_millis()))
}

/// The rest of the answer is lost, and that is said; nothing else is.
fn crash_in_mid_answer() -> Result<String> {
    let mut line = Line::start(LONG_UTTERANCE)?;
    line.settle()?;
    line.in_mid_answer()?;
    lasts(ACKNOWLEDGED);
    line.bridge.program.kill()?;
    line.bridge.program.exit(STEP)?;
    line.restart(&[])?;
    let (again, told) = begin_anew(&line)?;
    ensure!(
        again <= ASKED_AGAIN,
        "audio flowed again only after {again:?}"
    );
    let account = line.caller.account()?;
    ensure!(
        account.lost.is_zero() && account.unanswered == 1,
        "{account:#?}"
    );
    Ok(format!(
        "{told} after {} ms, one answer lost and said so; {account}",
        again.as_millis()
    ))
}

/// A bridge that is asked to stop tells its clients, and is gone soon; another takes its place.
fn restart() -> Result<String> {
    let drain = ["--drain", "2"];
    let mut command = Bridge::command(ANY_PORT)?;
    let mut line = Line::to(command.args(drain), UTTERANCE)?;
    line.settle()?;
    line.bridge.program.terminate()?;
    let status = line.bridge.program.exit(STEP)?;
    ensure!(status.success(), "the bridge ended with {status}");
    line.restart(&drain)?;
    let (again, told) = begin_anew(&line)?;
    // Every client is told a moment of its own within 5 s to come back at.
    ensure!(
        again <= Duration::from_secs(11),
        "audio flowed again only after {again:?}"
    );
    let account = line.caller.account()?;
    ensure!(
        account.lost.is_zero() && account.unanswered == 0,
        "{account:#?}"
    );
    Ok(format!("{told} after {} ms; {account}", again.as_millis()))
}

/// Waits for a new session that knows of the old one: how soon it was there after the bridge was,
/// and that in words.
fn begin_anew(line: &Line) -> Result<(Duration, &'static str)> {
    let there = Stamp::now();
    let back = line.caller.note("a new session", STEP, |note| {
        matches!(note.what, What::Back { resumed: false, .. }) && note.at > there
    })?;
    line.caller.answered_after(back.at, STEP)?;
    let notes = line.caller.notes()?;
    let (before, after): (Vec<&Note>, Vec<_>) = notes.iter().partition(|note| note.at < back.at);
    let last = before.iter().rev().find_map(|note| match &note.what {
        What::Answering { item } => Some(item),
        _ => None,
    });
    let follows = after.iter().find_map(|note| match &note.what {
        What::Committed { previous, .. } => Some(previous.as_ref()),
        _ => None,
    });
    let follows = follows.context("nothing was said afterwards")?;
    ensure!(
        last.is_some() && follows == last,
        "the last item was {last:?}, and the new session's first one follows {follows:?}"
    );
    Ok((
        back.at.since(there),
        "a new session with the conversation so far",
    ))
}
