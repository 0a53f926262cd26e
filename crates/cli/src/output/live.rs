//! For people: the transcript as it is finished, and one line that says how the call is doing.

use std::collections::HashMap;
use std::time::Duration;

use offhook_phone::{
    Activity, Call, DialStep, EndReason, EntryStatus, Line, Locale, Lost, Message, Meters, Party,
    Snapshot, Stats, TranscriptEntry,
};

use super::{is_finished, line};

/// Cells of a level meter.
const METER: usize = 12;
/// The quietest level a meter shows, in dBFS.
const METER_FLOOR: f32 = -60.0;

/// What to print for a message.
#[derive(Debug, Default)]
pub(super) struct Shown {
    /// Whether the line in place has to go first.
    pub(super) clear: bool,
    /// Lines that stay.
    pub(super) lines: Vec<String>,
    /// The line in place.
    pub(super) status: Option<String>,
}

/// The call as far as it was shown.
#[derive(Debug)]
pub(crate) struct Live {
    terminal: bool,
    locale: Locale,
    /// What was last said about the call, less what counts down in it.
    state: String,
    /// The line, and when it was told of: what counts down goes on from there.
    line: Option<(Line, Duration)>,
    meters: Option<Meters>,
    entries: HashMap<String, TranscriptEntry>,
    notice: Option<String>,
    muted: bool,
}

impl Live {
    /// With a terminal there is a line that changes in place; without, each change is a line.
    pub(super) fn new(terminal: bool) -> Self {
        Self {
            terminal,
            locale: Locale::english(),
            state: String::new(),
            line: None,
            meters: None,
            entries: HashMap::new(),
            notice: None,
            muted: false,
        }
    }

    pub(super) fn show(&mut self, now: Duration, message: &Message) -> Shown {
        let mut lines = Vec::new();
        match message {
            Message::Snapshot(snapshot) => self.snapshot(now, snapshot, &mut lines),
            Message::Meters(meters) => self.meters = Some(*meters),
            Message::Transcript(entry) => lines.extend(self.entry(entry)),
            Message::TranscriptDelta { id, delta } => {
                if let Some(entry) = self.entries.get_mut(id) {
                    entry.text.push_str(delta);
                }
            }
            Message::Directory(_) => {}
            Message::TranscriptCleared => self.entries.clear(),
            Message::MicrophoneFileEnded => lines.push("(the sound file has ended)".to_owned()),
        }
        Shown {
            clear: self.terminal,
            lines,
            status: self
                .terminal
                .then(|| self.status(now))
                .filter(|status| !status.is_empty()),
        }
    }

    fn snapshot(&mut self, now: Duration, snapshot: &Snapshot, lines: &mut Vec<String>) {
        self.muted = snapshot.muted;
        let problem = snapshot.notice.as_ref();
        let notice = problem.map(|problem| self.locale.problem(problem));
        if notice != self.notice {
            lines.extend(notice.as_ref().map(|text| format!("Note: {text}")));
            self.notice = notice;
        }
        self.line = match snapshot.call {
            Call::Live { line, .. } => Some((line, now)),
            _ => None,
        };
        let news = self.line.map(|(line, _)| line.without_counters());
        let state = self.state(&snapshot.call, news);
        if state != self.state {
            // On a terminal the line in place shows it; elsewhere it is worth a line.
            if !self.terminal && !state.is_empty() {
                let line = self.line.map(|(line, _)| line);
                lines.push(format!("[{}]", self.state(&snapshot.call, line)));
            }
            // What was lost is worth a line anywhere.
            if let (true, Some((Line::Resumed { lost }, _))) = (self.terminal, self.line)
                && lost != Lost::default()
            {
                lines.push(format!("({})", self.locale.resumed(lost)));
            }
            self.state = state;
        }
        if let Call::Ended {
            reason,
            duration_ms,
            stats,
            ..
        } = &snapshot.call
        {
            self.state.clear();
            lines.push(ended(reason, *duration_ms));
            lines.extend(summary(stats));
            lines.push(format!(
                "  line                      {}",
                self.locale.kept(stats)
            ));
        }
    }

    /// What is said about a call in a few words.
    fn state(&self, call: &Call, line: Option<Line>) -> String {
        line.and_then(|line| line::words(&self.locale, &line, self.muted, Duration::ZERO))
            .unwrap_or_else(|| state(call))
    }

    fn entry(&mut self, entry: &TranscriptEntry) -> Option<String> {
        let shown = self.entries.insert(entry.id.clone(), entry.clone());
        if !is_finished(entry) || shown.is_some_and(|shown| is_finished(&shown)) {
            return None;
        }
        let who = match entry.speaker {
            Party::Caller => "You:  ",
            Party::Agent => "Agent:",
        };
        let spoken = entry
            .spoken_ms
            .map(|ms| format!("(spoke for {})", seconds(ms)));
        let text = if entry.text.is_empty() {
            spoken.unwrap_or_default()
        } else {
            entry.text.trim().to_owned()
        };
        let unheard = match entry.unheard.trim() {
            "" => String::new(),
            unheard => format!(" [not heard: {unheard}]"),
        };
        let broken_off = match entry.status {
            EntryStatus::BrokenOff => " [connection lost]",
            _ => "",
        };
        Some(format!("{who} {text}{unheard}{broken_off}"))
    }

    fn status(&self, now: Duration) -> String {
        let clock = |meters: &Meters| {
            let clock = Duration::from_millis(meters.elapsed_ms.into()).as_secs();
            format!("{:02}:{:02}", clock / 60, clock % 60)
        };
        // The question is whether the call is all right, not how loud it is.
        if let Some((line, told_at)) = self.line
            && line != Line::Unstable
            && let Some(words) =
                line::words(&self.locale, &line, self.muted, now.saturating_sub(told_at))
        {
            let clock = self.meters.as_ref().map(clock).unwrap_or_default();
            return format!("{clock}  {words}");
        }
        let Some(meters) = self.meters.filter(|_| !self.state.is_empty()) else {
            return self.state.clone();
        };
        format!(
            "{}  you {}  agent {}  {}",
            clock(&meters),
            if self.muted {
                "-- muted --".to_owned()
            } else {
                meter(meters.microphone_db)
            },
            meter(meters.speaker_db),
            self.state
        )
    }
}

fn state(call: &Call) -> String {
    match call {
        Call::Ready | Call::Ended { .. } => String::new(),
        Call::Dialling { agent, step, .. } => {
            let step = match step {
                DialStep::Authorising => "asking for permission",
                DialStep::Connecting => "connecting",
                DialStep::Opening => "opening the session",
            };
            format!(
                "calling {}: {step}; go ahead, you are being recorded",
                agent.name
            )
        }
        Call::Live { activity, .. } => match activity {
            Activity::Listening => "listening",
            Activity::Hearing => "hears you",
            Activity::Thinking => "thinking",
            Activity::Speaking => "speaking",
        }
        .to_owned(),
    }
}

fn ended(reason: &EndReason, duration_ms: u32) -> String {
    let why = match reason {
        EndReason::HungUp => "Hung up",
        EndReason::FarEnd => "The agent ended the call",
        EndReason::TakenOver => "The call goes on elsewhere",
        EndReason::Failed { .. } => "The call failed",
    };
    format!("{why} after {} on the line.", seconds(duration_ms))
}

fn summary(stats: &Stats) -> Vec<String> {
    let time = |ms: Option<u32>| ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms} ms"));
    vec![
        format!("  connected after           {}", time(stats.connected_ms)),
        format!("  end of utterance → answer {}", time(stats.answer_ms)),
        format!(
            "  20 ms frames              {} sent, {} received, {} lost",
            stats.frames_sent, stats.frames_received, stats.frames_lost
        ),
        format!("  underruns                 {}", stats.underruns),
    ]
}

fn meter(db: f32) -> String {
    let share = ((db - METER_FLOOR) / -METER_FLOOR).clamp(0.0, 1.0);
    let filled = (share * METER as f32).round() as usize;
    format!("{}{}", "█".repeat(filled), "·".repeat(METER - filled))
}

fn seconds(ms: u32) -> String {
    format!("{:.1} s", f64::from(ms) / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshots::live as snapshot;
    use offhook_phone::{DropCause, ReconnectStep};

    fn at(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn waiting(attempt: u32, retry_in_ms: u32, held_ms: u32) -> Message {
        snapshot(
            Activity::Listening,
            Line::Reconnecting {
                cause: DropCause::ServerRestarting,
                attempt,
                step: ReconnectStep::Waiting { retry_in_ms },
                held_ms,
                overflow_ms: 0,
                gives_up_in_ms: 90_000,
            },
        )
    }

    #[test]
    fn a_countdown_is_one_line_in_a_file_and_runs_on_a_terminal() {
        let meters = Message::Meters(Meters {
            elapsed_ms: 61_000,
            microphone_db: -90.0,
            speaker_db: -90.0,
        });
        let mut file = Live::new(false);
        assert_eq!(
            file.show(at(0), &waiting(2, 4000, 0)).lines,
            ["[The server is restarting: attempt 2 in 4 s]"]
        );
        assert!(file.show(at(500), &waiting(2, 3500, 500)).lines.is_empty());
        assert_eq!(file.show(at(500), &meters).status, None);
        assert_eq!(
            file.show(at(4100), &waiting(3, 2000, 900)).lines,
            ["[The server is restarting: attempt 3 in 2 s, held 900 ms]"]
        );

        let mut terminal = Live::new(true);
        terminal.show(at(0), &meters);
        let shown = terminal.show(at(0), &waiting(2, 4000, 500));
        assert_eq!(shown.lines, [""; 0]);
        assert_eq!(
            shown.status.as_deref(),
            Some("01:01  The server is restarting: attempt 2 in 4 s, held 500 ms")
        );
        let status = terminal.show(at(1500), &meters).status.unwrap();
        assert!(status.contains("attempt 2 in 3 s"), "{status}");
    }

    #[test]
    fn what_was_lost_stays_on_the_terminal() {
        let resumed = |agent_ms| {
            let lost = Lost {
                agent_ms,
                ..Lost::default()
            };
            snapshot(Activity::Listening, Line::Resumed { lost })
        };
        let mut terminal = Live::new(true);
        assert_eq!(terminal.show(at(0), &resumed(0)).lines, [""; 0]);
        terminal.show(at(2000), &waiting(1, 100, 0));
        assert_eq!(
            terminal.show(at(3000), &resumed(1300)).lines,
            ["(Back: 1.3 s of the agent was lost)"]
        );
    }

    #[test]
    fn a_line_of_the_conversation_is_shown_once_and_whole() {
        let mut live = Live::new(false);
        let entry = |status, text: &str, unheard: &str| {
            Message::Transcript(TranscriptEntry {
                id: "a".to_owned(),
                after: None,
                speaker: Party::Agent,
                text: text.to_owned(),
                unheard: unheard.to_owned(),
                status,
                spoken_ms: None,
            })
        };
        assert!(
            live.show(at(0), &entry(EntryStatus::Growing, "", ""))
                .lines
                .is_empty()
        );
        let cut = entry(EntryStatus::Interrupted, "You said", " hello");
        assert_eq!(
            live.show(at(0), &cut).lines,
            ["Agent: You said [not heard: hello]"]
        );
        assert!(
            live.show(
                at(0),
                &entry(EntryStatus::Interrupted, "You", " said hello")
            )
            .lines
            .is_empty()
        );
    }

    #[test]
    fn meters_stay_in_their_frame() {
        assert_eq!(meter(-90.0), "·".repeat(METER));
        assert_eq!(meter(6.0), "█".repeat(METER));
        assert_eq!(
            meter(-30.0).chars().filter(|c| *c == '█').count(),
            METER / 2
        );
    }
}
