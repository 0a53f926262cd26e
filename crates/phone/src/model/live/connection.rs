//! How the line of a call is doing: healthy, weak, gone and coming back, back, and what that cost.

use std::time::Duration;

use offhook_client::proto::Time;
use offhook_client::proto::client::{Back, Direction, Doing, Gap, State};

use crate::model::millis;
use crate::snapshot::{DropCause, Line, Lost, ReconnectStep, Stats};

/// How long it is shown that a line is back.
const RESUMED_SHOWN: Duration = Duration::from_secs(2);

/// The line of a call that was up. Times are on the model's clock.
#[derive(Debug)]
pub(super) struct Connection {
    state: Standing,
    /// The caller's speech that waits to be sent.
    waiting: Duration,
    /// How much of it is the silence of a muted microphone, as far as is known.
    silence: Duration,
    /// What this loss of the line has cost, or the last one, until the next.
    lost: Lost,
    /// The line is back, which was not shown yet.
    came_back: bool,
    /// Until when it is shown that the line is back.
    shown_until: Time,
}

#[derive(Debug)]
enum Standing {
    Up {
        unstable: bool,
        round_trip: Option<Duration>,
    },
    CatchingUp {
        left: Duration,
        total: Duration,
    },
    Away {
        cause: DropCause,
        attempt: u32,
        doing: Doing,
        gives_up_at: Time,
    },
}

impl Connection {
    pub(super) const fn new() -> Self {
        Self {
            state: Standing::Up {
                unstable: false,
                round_trip: None,
            },
            waiting: Duration::ZERO,
            silence: Duration::ZERO,
            lost: Lost {
                caller_ms: 0,
                agent_ms: 0,
                answer: false,
            },
            came_back: false,
            shown_until: Time::ZERO,
        }
    }

    /// The call's driver says how its line is, and when on its own clock.
    pub(super) fn update(&mut self, now: Time, at: Time, state: &State, stats: &mut Stats) {
        let here = |time: Time| now + (time - at);
        match state {
            State::Live {
                unstable,
                round_trip,
                ..
            } => {
                if std::mem::take(&mut self.came_back) {
                    self.shown_until = now + RESUMED_SHOWN;
                }
                self.state = Standing::Up {
                    unstable: *unstable,
                    round_trip: *round_trip,
                };
            }
            State::CatchingUp { left, total } => {
                self.state = Standing::CatchingUp {
                    left: *left,
                    total: *total,
                };
            }
            State::Reconnecting {
                cause,
                attempt,
                doing,
                gives_up_at,
            } => {
                if !self.is_away() {
                    self.goes(stats);
                }
                let doing = match *doing {
                    Doing::Waiting { until } => Doing::Waiting { until: here(until) },
                    Doing::Pausing { until } => Doing::Pausing { until: here(until) },
                    Doing::Offline { until } => Doing::Offline { until: here(until) },
                    Doing::Trying(step) => Doing::Trying(step),
                };
                self.state = Standing::Away {
                    cause: (*cause).into(),
                    attempt: *attempt,
                    doing,
                    gives_up_at: here(*gives_up_at),
                };
            }
            State::Dialling(_) | State::Ended(_) => {}
        }
    }

    fn goes(&mut self, stats: &mut Stats) {
        stats.reconnects += 1;
        self.silence = Duration::ZERO;
        self.shown_until = Time::ZERO;
        // What the loss before cost was shown, unless this one came too soon for it.
        if !self.came_back {
            self.lost = Lost::default();
        }
        self.came_back = false;
    }

    /// A line that was gone is back. One that was only handed over is no news.
    pub(super) const fn back(&mut self, back: Back) {
        if self.is_away() || !back.away.is_zero() {
            self.came_back = true;
        }
    }

    /// Something is lost for good; while all seems well that is shown like the cost of a loss.
    pub(super) fn lose(&mut self, now: Time, gap: &Gap, stats: &mut Stats) {
        let is_up = matches!(self.state, Standing::Up { .. });
        if is_up && !self.came_back {
            if now >= self.shown_until {
                self.lost = Lost::default();
            }
            self.shown_until = now + RESUMED_SHOWN;
        }
        count(gap, &mut self.lost, stats);
    }

    /// So much of the caller's speech waits to be sent.
    pub(super) const fn waits(&mut self, waiting: Duration) {
        self.waiting = waiting;
    }

    /// The caller said something, muted or not.
    pub(super) fn hear_caller(&mut self, spoke_for: Duration, muted: bool) {
        if self.is_away() && muted {
            self.silence += spoke_for;
        }
    }

    /// What is to be shown at `now`.
    pub(super) fn line(&self, now: Time) -> Line {
        match &self.state {
            Standing::Up { unstable: true, .. } => Line::Unstable,
            Standing::Up { .. } if now < self.shown_until => Line::Resumed { lost: self.lost },
            Standing::Up { round_trip, .. } => Line::Good {
                round_trip_ms: round_trip.map(millis),
            },
            Standing::CatchingUp { left, total } => Line::CatchingUp {
                left_ms: millis(*left),
                total_ms: millis(*total),
            },
            Standing::Away {
                cause,
                attempt,
                doing,
                gives_up_at,
            } => Line::Reconnecting {
                cause: *cause,
                attempt: *attempt,
                step: match *doing {
                    Doing::Waiting { until } => ReconnectStep::Waiting {
                        retry_in_ms: millis(until - now),
                    },
                    Doing::Pausing { until } => ReconnectStep::Pausing {
                        retry_in_ms: millis(until - now),
                    },
                    Doing::Offline { .. } => ReconnectStep::Offline,
                    Doing::Trying(_) => ReconnectStep::Connecting,
                },
                held_ms: millis(self.waiting.saturating_sub(self.silence)),
                overflow_ms: self.lost.caller_ms,
                gives_up_in_ms: millis(*gives_up_at - now),
            },
        }
    }

    /// When [`Self::line`] changes by itself.
    pub(super) fn deadline(&self, now: Time) -> Option<Time> {
        Some(self.shown_until).filter(|until| now < *until)
    }

    pub(super) const fn is_away(&self) -> bool {
        matches!(self.state, Standing::Away { .. })
    }
}

/// Counts what is lost.
pub(in crate::model) fn count(gap: &Gap, lost: &mut Lost, stats: &mut Stats) {
    let ms = u32::try_from(gap.to_ms.saturating_sub(gap.from_ms)).unwrap_or(u32::MAX);
    let add = |counter: &mut u32| *counter = counter.saturating_add(ms);
    match gap.direction {
        Direction::Input => {
            add(&mut lost.caller_ms);
            add(&mut stats.caller_lost_ms);
        }
        Direction::Output if ms == 0 => {
            lost.answer = true;
            stats.answers_lost = stats.answers_lost.saturating_add(1);
        }
        Direction::Output => {
            add(&mut lost.agent_ms);
            add(&mut stats.agent_lost_ms);
        }
    }
}
