//! What came of a fault for one call, in figures.

use std::time::Duration;

use offhook_tests::relay::Record;
use serde::Serialize;

use super::caller::Client;
use super::fault::{Fault, Strike};
use super::ledger::{Arrival, Ledger};
use crate::numbered;
use crate::statistics::most_within;

/// Audio that comes later than this, compared with before the fault, is backlog.
const LIVE: Duration = Duration::from_millis(200);
/// The stretch of time in which dials are counted.
const MINUTE: Duration = Duration::from_secs(60);

/// What came of a fault for one call.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// Whose call.
    pub client: Client,
    /// What was done to it.
    pub fault: Fault,
    /// From the end of the fault to the first audio at the server; none if none came.
    pub again_ms: Option<f64>,
    /// From the end of the fault to audio that is not backlog.
    pub live_ms: Option<f64>,
    /// Speech that never arrived.
    pub lost_ms: u64,
    /// Speech that arrived twice in one session.
    pub duplicated_ms: u64,
    /// Speech that arrived again because a new session was told it.
    pub told_again_ms: u64,
    /// How many sessions the server took it for, from the call's beginning.
    pub sessions: usize,
    /// Connections since the beginning of the fault, without those for tokens.
    pub dials: usize,
    /// The most of them in a minute.
    pub dials_a_minute: usize,
    /// Requests for tokens since the beginning of the fault, as far as they came on connections of
    /// their own.
    pub token_requests: usize,
    /// Whether no audio came until the observation ended.
    pub stuck: bool,
    /// Pieces of audio that were damaged.
    pub garbled: u32,
}

/// How far a call is back.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Progress {
    pub(super) again: Option<Duration>,
    pub(super) live: Option<Duration>,
}

impl Progress {
    /// Reads it off what has arrived.
    pub(super) fn of(ledger: &Ledger, strike: &Strike) -> Self {
        let before = ledger.arrivals.iter();
        let before = before.filter(|arrival| arrival.at < strike.began);
        let usual = before.map(Arrival::late).min().unwrap_or_default();
        let mut after = ledger
            .arrivals
            .iter()
            .filter(|arrival| arrival.at >= strike.over && arrival.connection >= strike.connection);
        let first = after.clone().next();
        let live = after.find(|arrival| arrival.late() <= usual + LIVE);
        let since = |arrival: &Arrival| arrival.at - strike.over;
        Self {
            again: first.map(since),
            live: live.map(since),
        }
    }
}

impl Outcome {
    /// Sums up a call that spoke `spoken` frames. Times of connections count from `relay_start`.
    pub(super) fn new(
        (client, fault): (Client, Fault),
        strike: &Strike,
        ledger: &Ledger,
        spoken: u32,
        connections: &[Record],
        relay_start: Duration,
    ) -> Self {
        let progress = Progress::of(ledger, strike);
        let count = ledger.count(spoken);
        let ms = |frames: u32| u64::from(frames) * numbered::MS;
        let since = connections
            .iter()
            .filter(|record| relay_start + record.at >= strike.began);
        let (tokens, dials): (Vec<&Record>, Vec<&Record>) = since.partition(|record| {
            record
                .request
                .as_deref()
                .is_some_and(|request| request.starts_with("POST"))
        });
        let times: Vec<Duration> = dials.iter().map(|record| record.at).collect();
        let in_ms = |time: Duration| time.as_secs_f64() * 1000.0;
        Self {
            client,
            fault,
            again_ms: progress.again.map(in_ms),
            live_ms: progress.live.map(in_ms),
            lost_ms: ms(count.lost),
            duplicated_ms: ms(count.duplicated),
            told_again_ms: ms(count.told_again),
            sessions: ledger.sessions,
            dials: dials.len(),
            dials_a_minute: most_within(&times, MINUTE),
            token_requests: tokens.len(),
            stuck: progress.again.is_none(),
            garbled: ledger.garbled,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn arrival(at: u64, frame: u32, connection: usize) -> Arrival {
        Arrival {
            at: ms(at),
            frame,
            connection,
            session: 0,
        }
    }

    /// Frames 0 to 4 arrive in time; a fault from 100 to 1100; 6 comes late, 55 in time.
    fn broken() -> (Ledger, Strike) {
        let before = (0..5).map(|frame| arrival(10 + u64::from(frame) * 20, frame, 0));
        let in_flight = arrival(1105, 5, 0);
        let after = [in_flight, arrival(1150, 6, 2), arrival(1160, 55, 2)];
        let ledger = Ledger {
            arrivals: before.chain(after).collect(),
            sessions: 1,
            garbled: 0,
        };
        let strike = Strike {
            began: ms(100),
            over: ms(1100),
            connection: 1,
        };
        (ledger, strike)
    }

    #[test]
    fn audio_is_back_when_it_comes_over_a_new_connection_and_live_when_it_is_in_time() {
        let (ledger, strike) = broken();
        let progress = Progress::of(&ledger, &strike);
        assert_eq!(progress.again, Some(ms(50)));
        assert_eq!(progress.live, Some(ms(60)));
        let nothing = Progress::of(&Ledger::default(), &strike);
        assert!(nothing.again.is_none() && nothing.live.is_none());
    }

    #[test]
    fn dials_are_told_from_requests_for_tokens() {
        let (ledger, strike) = broken();
        let record = |at, request: Option<&str>| Record {
            at: ms(at),
            ended: None,
            request: request.map(str::to_owned),
            up: 0,
            down: 0,
        };
        let connections = [
            record(0, Some("GET /v1/realtime")),
            record(150, None),
            record(300, Some("POST /v1/realtime/client_secrets")),
            record(310, Some("GET /v1/realtime")),
        ];
        let of = (Client::Naive, Fault::Reset);
        let outcome = Outcome::new(of, &strike, &ledger, 56, &connections, ms(20));
        assert_eq!((outcome.dials, outcome.token_requests), (2, 1));
        assert_eq!(outcome.lost_ms, (56 - 8) * 20);
        assert!(!outcome.stuck);
    }
}
