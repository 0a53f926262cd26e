//! A line that is gone, coming back or just back, in the words of one terminal line.

use std::time::Duration;

use offhook_phone::{Line, Locale, ReconnectStep};

/// When less than this is left until the call is given up, that is what has to be said.
const ENDS_SOON: Duration = Duration::from_secs(60);

/// What is said about `line`, `age` after the snapshot it came in; nothing where all is well.
///
/// Short enough for a terminal of 80 columns with the call's clock before it.
pub(super) fn words(locale: &Locale, line: &Line, muted: bool, age: Duration) -> Option<String> {
    match line {
        Line::Good { .. } => None,
        Line::Unstable => Some("weak connection".to_owned()),
        Line::Reconnecting {
            cause,
            attempt,
            step,
            held_ms,
            overflow_ms,
            gives_up_in_ms,
        } => {
            let cause = locale.cause(*cause);
            let step = match step {
                ReconnectStep::Waiting { retry_in_ms } | ReconnectStep::Pausing { retry_in_ms } => {
                    match left(*retry_in_ms, age) {
                        Duration::ZERO => format!("attempt {attempt}"),
                        left => format!("attempt {attempt} in {}", whole_seconds(left)),
                    }
                }
                ReconnectStep::Connecting => format!("attempt {attempt}"),
                ReconnectStep::Offline => "waiting for one".to_owned(),
            };
            let ends = left(*gives_up_in_ms, age);
            let detail = if ends <= ENDS_SOON {
                format!(", ends in {}", whole_seconds(ends))
            } else if *overflow_ms > 0 {
                format!(", lost {}", locale.short_time(*overflow_ms))
            } else if muted {
                ", muted".to_owned()
            } else if *held_ms > 0 {
                format!(", held {}", locale.short_time(*held_ms))
            } else {
                String::new()
            };
            Some(format!("{cause}: {step}{detail}"))
        }
        Line::CatchingUp { left_ms, total_ms } => Some(format!(
            "Back: sending what you said, {} of {} left",
            locale.short_time(*left_ms),
            locale.short_time((*total_ms).max(*left_ms))
        )),
        Line::Resumed { lost } => Some(locale.resumed(*lost)),
    }
}

fn left(ms: u32, age: Duration) -> Duration {
    Duration::from_millis(ms.into()).saturating_sub(age)
}

/// A countdown says the second that has begun: never 0 before it is over.
fn whole_seconds(left: Duration) -> String {
    format!("{} s", left.as_millis().div_ceil(1000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use offhook_phone::{DropCause, Lost};

    fn say(line: &Line, muted: bool, age_ms: u64) -> String {
        let age = Duration::from_millis(age_ms);
        words(&Locale::english(), line, muted, age).unwrap_or_default()
    }

    fn reconnecting(step: ReconnectStep) -> Line {
        Line::Reconnecting {
            cause: DropCause::NetworkChanged,
            attempt: 3,
            step,
            held_ms: 4200,
            overflow_ms: 0,
            gives_up_in_ms: 100_000,
        }
    }

    #[test]
    fn a_countdown_goes_on_between_snapshots() {
        let line = reconnecting(ReconnectStep::Waiting { retry_in_ms: 4000 });
        for (age, said) in [
            (0, "The network changed: attempt 3 in 4 s, held 4.2 s"),
            (1, "The network changed: attempt 3 in 4 s, held 4.2 s"),
            (1000, "The network changed: attempt 3 in 3 s, held 4.2 s"),
            (3999, "The network changed: attempt 3 in 1 s, held 4.2 s"),
            (4000, "The network changed: attempt 3, held 4.2 s"),
        ] {
            assert_eq!(say(&line, false, age), said);
        }
    }

    #[test]
    fn what_matters_most_is_said() {
        let mut line = reconnecting(ReconnectStep::Connecting);
        assert_eq!(say(&line, true, 0), "The network changed: attempt 3, muted");
        if let Line::Reconnecting { overflow_ms, .. } = &mut line {
            *overflow_ms = 5200;
        }
        assert_eq!(
            say(&line, true, 0),
            "The network changed: attempt 3, lost 5.2 s"
        );
        assert_eq!(
            say(&line, false, 40_000),
            "The network changed: attempt 3, ends in 60 s"
        );
    }

    #[test]
    fn a_connection_that_is_back_says_what_it_cost() {
        let catching_up = Line::CatchingUp {
            left_ms: 400,
            total_ms: 4200,
        };
        assert_eq!(
            say(&catching_up, false, 0),
            "Back: sending what you said, 400 ms of 4.2 s left"
        );
        let lost = Lost {
            agent_ms: 1300,
            ..Lost::default()
        };
        assert_eq!(
            say(&Line::Resumed { lost }, false, 0),
            "Back: 1.3 s of the agent was lost"
        );
    }

    #[test]
    fn everything_fits_a_terminal() {
        let causes = [
            DropCause::ConnectionLost,
            DropCause::Silent,
            DropCause::NetworkDown,
            DropCause::NetworkChanged,
            DropCause::WokeUp,
            DropCause::ServerRestarting,
            DropCause::ServerBusy,
            DropCause::ServerFault,
            DropCause::ServerUnstable,
            DropCause::TokenExpired,
            DropCause::TokenService,
            DropCause::SignedOut,
            DropCause::Unreachable,
        ];
        for cause in causes {
            for overflow_ms in [0, 99_900] {
                let line = Line::Reconnecting {
                    cause,
                    attempt: 99,
                    step: ReconnectStep::Pausing {
                        retry_in_ms: 30_000,
                    },
                    held_ms: 30_000,
                    overflow_ms,
                    gives_up_in_ms: 120_000,
                };
                let said = say(&line, false, 0);
                assert!("1:02:34  ".len() + said.chars().count() < 80, "{said}");
            }
        }
    }
}
