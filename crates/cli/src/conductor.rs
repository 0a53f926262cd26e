//! Plays the person's part where none is there: types what is to be said, hangs up when all is
//! done. Pure: messages and the time in, intents out.

use std::collections::VecDeque;
use std::time::Duration;

use offhook_phone::{Activity, Call, Intent, Line, Message};

/// The agent counts as done after listening for this long.
const QUIET: Duration = Duration::from_millis(1500);
/// An agent that neither answers nor listens is given up after this long.
const STUCK: Duration = Duration::from_secs(30);

/// What is to happen in a call by itself.
#[derive(Debug)]
pub(crate) struct Conductor {
    say: VecDeque<String>,
    said: u32,
    limit: Option<Duration>,
    /// Whether the call ends by itself once everything was said.
    scripted: bool,
    /// Whether a sound file still speaks.
    file_speaks: bool,
    live_since: Option<Duration>,
    /// What the agent does, and since when.
    activity: Option<(Activity, Duration)>,
    hung_up: bool,
}

impl Conductor {
    pub(crate) fn new(say: Vec<String>, limit: Option<Duration>, microphone_is_file: bool) -> Self {
        Self {
            scripted: microphone_is_file || !say.is_empty(),
            say: say.into(),
            said: 0,
            limit,
            file_speaks: microphone_is_file,
            live_since: None,
            activity: None,
            hung_up: false,
        }
    }

    pub(crate) fn hear(&mut self, now: Duration, message: &Message) {
        match message {
            Message::MicrophoneFileEnded => {
                self.file_speaks = false;
                // The answer to its last words may still begin.
                self.activity = self.activity.map(|(activity, _)| (activity, now));
            }
            Message::Snapshot(snapshot) => {
                let Call::Live { activity, line, .. } = snapshot.call else {
                    return;
                };
                self.live_since.get_or_insert(now);
                if matches!(line, Line::Reconnecting { .. } | Line::CatchingUp { .. }) {
                    // What the agent does is known once the line is back.
                    self.activity = None;
                    return;
                }
                if self.activity.is_none_or(|(before, _)| before != activity) {
                    self.activity = Some((activity, now));
                }
            }
            _ => {}
        }
    }

    /// What to do at `now`, if anything.
    pub(crate) fn act(&mut self, now: Duration) -> Option<Intent> {
        if self.hung_up || self.deadline().is_none_or(|deadline| now < deadline) {
            return None;
        }
        let over = self.limit_at().is_some_and(|limit| now >= limit);
        if !over && let Some(text) = self.next_text() {
            self.said += 1;
            self.activity = self.activity.map(|(activity, _)| (activity, now));
            return Some(Intent::SendText {
                id: format!("say-{}", self.said),
                text,
            });
        }
        self.hung_up = true;
        Some(Intent::HangUp)
    }

    /// When to ask again.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        if self.hung_up {
            return None;
        }
        let quiet = self.activity.and_then(|(activity, since)| {
            let patience = if activity == Activity::Listening {
                QUIET
            } else {
                STUCK
            };
            let waits = !self.say.is_empty() || (self.scripted && !self.file_speaks);
            waits.then_some(since + patience)
        });
        [quiet, self.limit_at()].into_iter().flatten().min()
    }

    fn limit_at(&self) -> Option<Duration> {
        Some(self.live_since? + self.limit?)
    }

    fn next_text(&mut self) -> Option<String> {
        let listens = matches!(self.activity, Some((Activity::Listening, _)));
        if listens { self.say.pop_front() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshots;
    use offhook_phone::{DropCause, ReconnectStep};

    const GOOD: Line = Line::Good {
        round_trip_ms: None,
    };

    fn live(activity: Activity) -> Message {
        snapshots::live(activity, GOOD)
    }

    fn at(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_person_is_left_alone() {
        let mut conductor = Conductor::new(Vec::new(), None, false);
        conductor.hear(at(0), &live(Activity::Listening));
        assert_eq!(conductor.deadline(), None);
        assert_eq!(conductor.act(at(1_000_000)), None);
    }

    #[test]
    fn a_limit_is_kept_whatever_happens() {
        let mut conductor = Conductor::new(vec!["late".to_owned()], Some(at(3000)), false);
        conductor.hear(at(500), &live(Activity::Speaking));
        assert_eq!(conductor.act(at(3499)), None);
        assert_eq!(conductor.act(at(3500)), Some(Intent::HangUp));
        assert_eq!(conductor.act(at(9000)), None);
    }

    #[test]
    fn texts_wait_for_the_agent_to_listen_and_the_end_for_its_answer() {
        let mut conductor = Conductor::new(vec!["hello".to_owned()], None, false);
        conductor.hear(at(0), &live(Activity::Speaking));
        assert_eq!(conductor.act(at(5000)), None);
        conductor.hear(at(5000), &live(Activity::Listening));
        assert_eq!(conductor.act(at(6499)), None);
        let said = Intent::SendText {
            id: "say-1".to_owned(),
            text: "hello".to_owned(),
        };
        assert_eq!(conductor.act(at(6500)), Some(said));
        conductor.hear(at(6550), &live(Activity::Thinking));
        conductor.hear(at(6600), &live(Activity::Speaking));
        assert_eq!(conductor.act(at(9000)), None);
        conductor.hear(at(9000), &live(Activity::Listening));
        assert_eq!(conductor.act(at(10_500)), Some(Intent::HangUp));
    }

    #[test]
    fn a_line_that_is_gone_is_waited_for() {
        let mut conductor = Conductor::new(Vec::new(), Some(at(60_000)), true);
        conductor.hear(at(0), &live(Activity::Listening));
        conductor.hear(at(500), &Message::MicrophoneFileEnded);
        let gone = Line::Reconnecting {
            cause: DropCause::NetworkDown,
            attempt: 1,
            step: ReconnectStep::Offline,
            held_ms: 0,
            overflow_ms: 0,
            gives_up_in_ms: 120_000,
        };
        conductor.hear(at(1000), &snapshots::live(Activity::Listening, gone));
        assert_eq!(conductor.act(at(40_000)), None);
        conductor.hear(at(41_000), &live(Activity::Listening));
        assert_eq!(conductor.act(at(42_499)), None);
        assert_eq!(conductor.act(at(42_500)), Some(Intent::HangUp));
    }

    #[test]
    fn a_file_is_heard_to_its_end_and_a_stuck_agent_is_given_up() {
        let mut conductor = Conductor::new(Vec::new(), None, true);
        conductor.hear(at(0), &live(Activity::Listening));
        assert_eq!(conductor.act(at(60_000)), None);
        conductor.hear(at(60_000), &live(Activity::Thinking));
        conductor.hear(at(61_000), &Message::MicrophoneFileEnded);
        assert_eq!(conductor.act(at(90_999)), None);
        assert_eq!(conductor.act(at(91_000)), Some(Intent::HangUp));
    }
}
