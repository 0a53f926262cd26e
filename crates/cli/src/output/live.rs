//! For people: the transcript as it is finished, and one line that says how the call is doing.

use std::collections::HashMap;
use std::time::Duration;

use offhook_phone::{
    Activity, Call, DialStep, EndReason, EntryStatus, Line, Message, Meters, Party, Snapshot,
    Stats, TranscriptEntry, english,
};

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
    state: String,
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
            state: String::new(),
            meters: None,
            entries: HashMap::new(),
            notice: None,
            muted: false,
        }
    }

    pub(super) fn show(&mut self, message: &Message) -> Shown {
        let mut lines = Vec::new();
        match message {
            Message::Snapshot(snapshot) => self.snapshot(snapshot, &mut lines),
            Message::Meters(meters) => self.meters = Some(*meters),
            Message::Transcript(entry) => lines.extend(self.entry(entry)),
            Message::TranscriptDelta { id, delta } => {
                if let Some(entry) = self.entries.get_mut(id) {
                    entry.text.push_str(delta);
                }
            }
            Message::TranscriptCleared => self.entries.clear(),
            Message::MicrophoneFileEnded => lines.push("(the sound file has ended)".to_owned()),
        }
        Shown {
            clear: self.terminal,
            lines,
            status: self
                .terminal
                .then(|| self.status())
                .filter(|status| !status.is_empty()),
        }
    }

    fn snapshot(&mut self, snapshot: &Snapshot, lines: &mut Vec<String>) {
        self.muted = snapshot.muted;
        let notice = snapshot.notice.as_ref().map(english);
        if notice != self.notice {
            lines.extend(notice.as_ref().map(|text| format!("Note: {text}")));
            self.notice = notice;
        }
        let state = state(&snapshot.call);
        if state != self.state {
            // On a terminal the line in place shows it; elsewhere it is worth a line.
            if !self.terminal && !state.is_empty() {
                lines.push(format!("[{state}]"));
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
        }
    }

    fn entry(&mut self, entry: &TranscriptEntry) -> Option<String> {
        let shown = self.entries.insert(entry.id.clone(), entry.clone());
        let finished_before = shown.is_some_and(|shown| shown.status != EntryStatus::Growing);
        if entry.status == EntryStatus::Growing || finished_before {
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
        Some(format!("{who} {text}{unheard}"))
    }

    fn status(&self) -> String {
        let Some(meters) = self.meters.filter(|_| !self.state.is_empty()) else {
            return self.state.clone();
        };
        let clock = Duration::from_millis(meters.elapsed_ms.into()).as_secs();
        format!(
            "{:02}:{:02}  you {}  agent {}  {}",
            clock / 60,
            clock % 60,
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
        Call::Live {
            line: Line::Unstable,
            ..
        } => "weak connection".to_owned(),
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
            live.show(&entry(EntryStatus::Growing, "", ""))
                .lines
                .is_empty()
        );
        let cut = entry(EntryStatus::Interrupted, "You said", " hello");
        assert_eq!(
            live.show(&cut).lines,
            ["Agent: You said [not heard: hello]"]
        );
        assert!(
            live.show(&entry(EntryStatus::Interrupted, "You", " said hello"))
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
