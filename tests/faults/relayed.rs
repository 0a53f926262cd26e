//! What networks do to a call, done by the relay.

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use offhook_tests::clock::{Stamp, lasts};
use offhook_tests::counting::{Line as State, What};
use offhook_tests::relay::{Arrivals, Record, Relay, Way};
use offhook_tests::softphone::Bridge;
use offhook_tests::together::Scene;

use crate::line::{ANY_PORT, Line, STEP};

/// What is said before it is answered.
const UTTERANCE: Duration = Duration::from_secs(4);
/// A drop, or a network that is there again: what is left is the first wait of 250 ms at most.
const SOON: Duration = Duration::from_secs(1);
/// A server that refuses is asked again after at most 5 s.
const ASKED_AGAIN: Duration = Duration::from_millis(5500);

/// What is usually kept of the caller's speech,
const KEPT: Duration = Duration::from_secs(60);
/// and less, so that it is too little soon.
const KEPT_LESS: Duration = Duration::from_secs(20);
/// How long a server that flaps is left alone.
const PAUSE: Duration = Duration::from_secs(30);

/// What becomes of the line's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Connection {
    Kept,
    /// It is given up for another.
    Replaced,
}
use Connection::{Kept, Replaced};

/// A fault: how it begins and ends, how long it lasts, and what has to come of it.
struct Fault {
    name: &'static str,
    breaks: fn(&Relay) -> Result<()>,
    lasts: Duration,
    mends: fn(&Relay) -> Result<()>,
    /// What becomes of the connection, and how soon after its end audio flows.
    then: (Connection, Duration),
    /// Whether it is tried with audio as text, too.
    in_text_too: bool,
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const FAULTS: [Fault; 15] = [
    Fault {
        name: "late by 80 to 120 ms for 8 s",
        breaks: |relay| {
            for way in Way::BOTH {
                relay.delay(way, Duration::from_millis(80), Duration::from_millis(40));
            }
            Ok(())
        },
        lasts: seconds(8),
        mends: |relay| {
            for way in Way::BOTH {
                relay.delay(way, Duration::ZERO, Duration::ZERO);
            }
            Ok(())
        },
        then: (Kept, SOON),
        in_text_too: false,
    },
    Fault {
        name: "60 kB/s up and 120 kB/s down for 8 s",
        breaks: |relay| narrow(relay, Some(60_000), Some(120_000)),
        lasts: seconds(8),
        mends: |relay| narrow(relay, None, None),
        then: (Kept, SOON),
        in_text_too: false,
    },
    Fault {
        name: "30 kB/s up, less than a voice takes, for 8 s",
        breaks: |relay| narrow(relay, Some(30_000), None),
        lasts: seconds(8),
        mends: |relay| narrow(relay, None, None),
        then: (Kept, SOON),
        in_text_too: false,
    },
    Fault {
        name: "stalled for 3 s",
        breaks: |relay| stall(relay, &Way::BOTH),
        lasts: seconds(3),
        mends: flow,
        then: (Kept, SOON),
        in_text_too: false,
    },
    Fault {
        name: "stalled for 8 s",
        breaks: |relay| stall(relay, &Way::BOTH),
        lasts: seconds(8),
        mends: flow,
        then: (Replaced, SOON),
        in_text_too: true,
    },
    Fault {
        name: "stalled towards the caller for 8 s",
        breaks: |relay| stall(relay, &[Way::Down]),
        lasts: seconds(8),
        mends: flow,
        then: (Replaced, SOON),
        in_text_too: false,
    },
    Fault {
        name: "stalled towards the bridge for 14 s",
        breaks: |relay| stall(relay, &[Way::Up]),
        lasts: seconds(14),
        mends: flow,
        then: (Replaced, ASKED_AGAIN),
        in_text_too: false,
    },
    Fault {
        name: "ended without a word",
        breaks: |relay| once(relay.finish()),
        lasts: Duration::ZERO,
        mends: nothing,
        then: (Replaced, SOON),
        in_text_too: false,
    },
    Fault {
        name: "half-open",
        breaks: |relay| once(relay.silence()),
        // Silence is a drop after 6 s.
        lasts: seconds(6),
        mends: nothing,
        then: (Replaced, SOON),
        in_text_too: false,
    },
    Fault {
        name: "cut in the middle of a frame of the caller's",
        breaks: |relay| {
            relay.cut(Way::Up, 500);
            Ok(())
        },
        lasts: Duration::ZERO,
        mends: nothing,
        then: (Replaced, SOON),
        in_text_too: true,
    },
    Fault {
        name: "cut in the middle of a frame of the agent's",
        breaks: |relay| {
            relay.cut(Way::Down, 2000);
            Ok(())
        },
        lasts: Duration::ZERO,
        mends: nothing,
        then: (Replaced, SOON),
        in_text_too: true,
    },
    Fault {
        name: "cut in the middle of a frame's header",
        breaks: |relay| {
            relay.cut(Way::Down, 1);
            Ok(())
        },
        lasts: Duration::ZERO,
        mends: nothing,
        then: (Replaced, SOON),
        in_text_too: false,
    },
    Fault {
        name: "reset, and everything reset for 5 s",
        breaks: |relay| reset_and(relay, Arrivals::Refused),
        lasts: seconds(5),
        mends: forward,
        then: (Replaced, ASKED_AGAIN),
        in_text_too: false,
    },
    Fault {
        name: "reset, and nobody there for 10 s",
        breaks: |relay| reset_and(relay, Arrivals::Unheard),
        lasts: seconds(10),
        mends: forward,
        then: (Replaced, ASKED_AGAIN),
        in_text_too: true,
    },
    Fault {
        name: "reset, and everything swallowed for 6 s",
        breaks: |relay| reset_and(relay, Arrivals::Swallowed),
        lasts: seconds(6),
        mends: forward,
        // An attempt that was swallowed is given 8 s.
        then: (Replaced, seconds(9)),
        in_text_too: false,
    },
];

/// Every fault that does not take long.
pub(crate) fn scenes() -> Vec<Scene<'static>> {
    let binary = FAULTS.iter().map(|fault| {
        let call = || through(fault, &Line::start(UTTERANCE)?);
        Scene::new(fault.name, call)
    });
    let text = FAULTS.iter().filter(|fault| fault.in_text_too);
    let text = text.map(|fault| {
        let name = format!("with audio as text, {}", fault.name);
        Scene::new(&name, || {
            let line = Line::without_binary(UTTERANCE)?;
            line.caller.note("audio as text", STEP, |note| {
                let What::State { detail, .. } = &note.what else {
                    return false;
                };
                detail.contains("protocol: OffhookV1,")
            })?;
            through(fault, &line)
        })
    });
    let too_long = [("kept", true), ("lost", false)].map(|(what, session_is_kept)| {
        let name = format!("nobody there for longer than speech is kept, session {what}");
        Scene::new(&name, move || too_long(session_is_kept))
    });
    binary.chain(text).chain(too_long).collect()
}

fn through(fault: &Fault, line: &Line) -> Result<String> {
    line.settle()?;
    line.in_mid_answer()?;
    let broken = Stamp::now();
    (fault.breaks)(&line.relay)?;
    lasts(fault.lasts);
    let mended = Stamp::now();
    (fault.mends)(&line.relay)?;
    let (then, limit) = fault.then;
    let again = match then {
        Kept => Duration::ZERO,
        Replaced => line.caller.up_after(mended, STEP)?.at.since(mended),
    };
    line.caller.answered_after(Stamp::now(), STEP)?;
    let account = line.caller.whole_account()?;
    let expected = usize::from(then == Replaced);
    ensure!(
        account.backs.len() == expected,
        "{} reconnects, not {expected}",
        account.backs.len()
    );
    ensure!(again <= limit, "audio flowed again only after {again:?}");
    if fault.lasts > seconds(2) && then == Replaced {
        ensure!(was_unstable(line, broken)?, "a silent line was not told of");
    }
    Ok(format!(
        "audio again after {} ms; {account}",
        again.as_millis()
    ))
}

/// Whether the caller was told that the line is bad.
fn was_unstable(line: &Line, after: Stamp) -> Result<bool> {
    let notes = line.caller.notes()?;
    Ok(notes.iter().any(|note| {
        let state = matches!(
            &note.what,
            What::State {
                line: State::Unstable | State::Reconnecting,
                ..
            }
        );
        state && note.at > after
    }))
}

/// A server that takes every connection and ends it after 50 ms: it is left alone.
pub(crate) fn flapping() -> Result<String> {
    let line = Line::patient(Bridge::command(ANY_PORT)?, UTTERANCE, KEPT)?;
    line.settle()?;
    let flaps = Arrivals::ClosedAfter(Duration::from_millis(50));
    line.relay.arrivals(flaps)?;
    let from = line.relay.now();
    line.relay.reset();
    // It is dialled every 30 s by then, so that the next time is within the minute or soon after.
    lasts(seconds(57));
    line.relay.arrivals(Arrivals::Forwarded)?;
    let mended = Stamp::now();
    let up = line.caller.up_after(mended, PAUSE + SOON)?;
    line.caller.answered_after(up.at, STEP)?;
    let account = line.caller.account()?;
    let made = line.relay.connections().into_iter();
    let made: Vec<Record> = made
        .filter(|made| made.at > from && made.at < from + seconds(60))
        .collect();
    let dials = made.iter().filter(|made| {
        let request = made.request.as_deref().unwrap_or_default();
        request.starts_with("GET")
    });
    let dials = dials.count();
    ensure!((3..=20).contains(&dials), "{dials} dials in a minute");
    Ok(format!(
        "{dials} dials in a minute, {} connections with those for tokens; up again after {:.1} s; \
         {account}",
        made.len(),
        up.at.since(mended).as_secs_f32()
    ))
}

/// Nobody there for longer than speech is kept: what is lost is told to the sample, whether the
/// bridge keeps the session or not.
fn too_long(session_is_kept: bool) -> Result<String> {
    let mut bridge = Bridge::command(ANY_PORT)?;
    if !session_is_kept {
        bridge.args(["--resume-window", "10"]);
    }
    let line = Line::patient(bridge, UTTERANCE, KEPT_LESS)?;
    line.settle()?;
    reset_and(&line.relay, Arrivals::Unheard)?;
    lasts(seconds(25));
    forward(&line.relay)?;
    let mended = Stamp::now();
    let up = line.caller.up_after(mended, STEP)?;
    line.caller.answered_after(up.at, STEP)?;
    let account = line.caller.account()?;
    let [(resumed, away)] = account.backs[..] else {
        bail!("not one reconnect: {account:#?}");
    };
    ensure!(resumed == session_is_kept, "{account:#?}");
    // What was on its way when the line went, and what was said before, may be kept or not.
    let more = away.saturating_sub(KEPT_LESS);
    ensure!(
        account.lost.abs_diff(more) < seconds(2) && account.unanswered == 0,
        "{:?} is lost of {away:?}",
        account.lost
    );
    Ok(format!("away for {:.1} s; {account}", away.as_secs_f32()))
}

fn narrow(relay: &Relay, up: Option<u64>, down: Option<u64>) -> Result<()> {
    relay.bandwidth(Way::Up, up);
    relay.bandwidth(Way::Down, down);
    Ok(())
}

fn stall(relay: &Relay, ways: &[Way]) -> Result<()> {
    relay.stall(ways.iter().copied());
    Ok(())
}

fn flow(relay: &Relay) -> Result<()> {
    relay.flow();
    Ok(())
}

fn once(connections: usize) -> Result<()> {
    ensure!(connections == 1, "{connections} connections were up");
    Ok(())
}

fn reset_and(relay: &Relay, arrivals: Arrivals) -> Result<()> {
    relay.arrivals(arrivals)?;
    once(relay.reset())
}

fn forward(relay: &Relay) -> Result<()> {
    relay.arrivals(Arrivals::Forwarded)
}

#[expect(clippy::unnecessary_wraps, reason = "mends what mends itself")]
fn nothing(_: &Relay) -> Result<()> {
    Ok(())
}
