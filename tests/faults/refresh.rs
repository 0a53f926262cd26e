//! Tokens that live for 20 s under a call that lives for longer.

use std::time::Duration;

use anyhow::{Result, ensure};
use offhook_tests::clock::{Stamp, lasts};
use offhook_tests::counting::{Answer, Line as State, What};
use offhook_tests::relay::Arrivals;
use offhook_tests::softphone::Bridge;

use crate::line::{ANY_PORT, Line, STEP};

/// What is said before it is answered.
const UTTERANCE: Duration = Duration::from_secs(5);
/// How long the token service is not to be had.
const OUTAGE: Duration = Duration::from_secs(15);
/// Pieces of voice are 20 ms apart, those of an answer less. Only a busy machine makes more of it
/// than a few; a voice that waits for the token service waits for seconds.
const PAUSE: Duration = Duration::from_millis(500);

/// A call for `time`, in whose middle no token can be had: new connections are refused, the one
/// there is goes on.
pub(crate) fn refreshed(time: Duration) -> Result<String> {
    let mut bridge = Bridge::command(ANY_PORT)?;
    let line = Line::to(bridge.args(["--token-ttl", "20"]), UTTERANCE)?;
    line.settle()?;
    let settled = Stamp::now();
    let before = time.saturating_sub(OUTAGE) / 2;
    lasts(before);
    line.relay.arrivals(Arrivals::Refused)?;
    let refused_from = line.relay.connections().len();
    lasts(OUTAGE);
    let refused = line.relay.connections().len() - refused_from;
    line.relay.arrivals(Arrivals::Forwarded)?;
    lasts(time.saturating_sub(OUTAGE) - before);

    line.caller.answered_after(Stamp::now(), STEP)?;
    let account = line.caller.whole_account()?;
    let unsettled = line.caller.notes()?.into_iter().find(|note| {
        let away = matches!(&note.what, What::State { line, .. } if *line != State::Live);
        away && note.at > settled
    });
    ensure!(unsettled.is_none(), "the line was not up: {unsettled:?}");
    let connections = line.relay.connections();
    let count = |request: &str| {
        let of = connections.iter();
        let of = of.filter(|made| {
            made.request
                .as_deref()
                .is_some_and(|it| it.starts_with(request))
        });
        of.count()
    };
    let (minted, upgraded) = (count("POST"), count("GET"));
    ensure!(upgraded == 1, "{upgraded} connections");
    // A fresh one after 16 s at the latest.
    let least = (time - OUTAGE).as_secs() / 16;
    ensure!(minted as u64 > least, "only {minted} tokens");
    let up = line.ear.widest_after(settled);
    let widest = account.answers.iter().map(Answer::widest).max();
    let down = widest.unwrap_or_default();
    let most = up.max(down);
    ensure!(
        most < PAUSE,
        "{up:?} without the caller, {down:?} without the agent"
    );
    ensure!(
        refused > 0,
        "no token was asked for while none could be had"
    );
    Ok(format!(
        "{minted} tokens and {refused} attempts in vain; the longest time between two pieces of \
         audio as received {:.1} ms of the caller's (one every 20 ms), {:.1} ms of the agent's; \
         {} discontinuities; {account}",
        up.as_secs_f32() * 1000.0,
        down.as_secs_f32() * 1000.0,
        account.backs.len()
    ))
}
