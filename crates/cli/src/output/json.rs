//! One JSON object a line: `call` whenever its state changes, `reconnecting` for each step of coming
//! back, `back` and `lost`, `microphone` and `speaker` whenever another device is in use, `notice`,
//! `transcript` for each finished line, `microphone_file_ended`, and a last `summary`.

use std::time::Duration;

use offhook_phone::{Call, Line, Message, Problem, Snapshot, Stats, TranscriptEntry, english};
use serde_json::{Value, json};

use super::is_finished;

/// Remembers what was printed, so that each thing is printed once.
#[derive(Debug, Default)]
pub(crate) struct Json {
    call: Option<Value>,
    microphone: Option<String>,
    speaker: Option<String>,
    notice: Option<Problem>,
    growing: Vec<TranscriptEntry>,
    /// The line that is gone, less what counts down in it, and since when it is.
    gone: Option<(Line, Duration)>,
    /// What was said to be lost.
    lost: Stats,
}

impl Json {
    pub(super) fn lines(&mut self, now: Duration, message: &Message) -> Vec<Value> {
        let mut lines = match message {
            Message::Snapshot(snapshot) => self.snapshot(now, snapshot),
            Message::Transcript(entry) => self.transcript(entry),
            Message::TranscriptDelta { id, delta } => {
                if let Some(entry) = self.growing.iter_mut().find(|entry| entry.id == *id) {
                    entry.text.push_str(delta);
                }
                Vec::new()
            }
            Message::MicrophoneFileEnded => vec![json!({ "event": "microphone_file_ended" })],
            Message::Directory(_) | Message::Meters(_) | Message::TranscriptCleared => Vec::new(),
        };
        for line in &mut lines {
            line["at_ms"] = json!(u64::try_from(now.as_millis()).unwrap_or(u64::MAX));
        }
        lines
    }

    fn snapshot(&mut self, now: Duration, snapshot: &Snapshot) -> Vec<Value> {
        let mut lines = Vec::new();
        for (event, name, shown) in [
            (
                "microphone",
                &snapshot.microphone.in_use,
                &mut self.microphone,
            ),
            ("speaker", &snapshot.speaker.in_use, &mut self.speaker),
        ] {
            if name.is_some() && name != shown {
                lines.push(json!({ "event": event, "in_use": name }));
                shown.clone_from(name);
            }
        }
        if self.notice != snapshot.notice {
            self.notice.clone_from(&snapshot.notice);
            lines.extend(snapshot.notice.iter().map(
                |problem| json!({ "event": "notice", "problem": problem, "text": english(problem) }),
            ));
        }
        if let Call::Live { stats, .. } | Call::Ended { stats, .. } = &snapshot.call {
            lines.extend(self.lost(stats));
        }
        if let Call::Ended {
            reason,
            duration_ms,
            stats,
            ..
        } = &snapshot.call
        {
            let ended = json!({
                "event": "summary", "reason": reason, "duration_ms": duration_ms, "stats": stats,
            });
            lines.push(ended);
            return lines;
        }
        let mut call = serde_json::to_value(&snapshot.call).unwrap_or_default();
        // Counters change all the time and stand in the summary; the last answer's latency is news.
        if let Some(stats) = call.get_mut("stats").map(Value::take) {
            call["connected_ms"] = stats["connected_ms"].clone();
            call["answer_ms"] = stats["answer_ms"].clone();
            call.as_object_mut().map(|call| call.remove("stats"));
        }
        call.as_object_mut().map(|call| call.remove("held_ms"));
        call["muted"] = json!(snapshot.muted);
        // A new measurement alone is no news either, and is shown with the next event. What is done
        // about a line that is gone has events of its own.
        let mut news = call.clone();
        if let Some(line) = news.get_mut("line").and_then(Value::as_object_mut) {
            line.retain(|name, _| name == "health" || name == "lost");
        }
        if self.call.as_ref() != Some(&news) {
            self.call = Some(news);
            call["event"] = json!("call");
            lines.push(call);
        }
        if let Call::Live { line, .. } = &snapshot.call {
            lines.extend(self.line(now, line));
        }
        lines
    }

    /// Each step of a line that is gone, and that it is back.
    fn line(&mut self, now: Duration, line: &Line) -> Option<Value> {
        if !matches!(line, Line::Reconnecting { .. }) {
            let (_, since) = self.gone.take()?;
            let away = now.saturating_sub(since).as_millis();
            let away = u64::try_from(away).unwrap_or(u64::MAX);
            return Some(json!({ "event": "back", "away_ms": away }));
        }
        let step = line.without_counters();
        let since = self.gone.map_or(now, |(_, since)| since);
        if self.gone.replace((step, since)).map(|(step, _)| step) == Some(step) {
            return None;
        }
        let mut event = serde_json::to_value(line).unwrap_or_default();
        event.as_object_mut().map(|line| line.remove("health"));
        event["event"] = json!("reconnecting");
        Some(event)
    }

    /// What is lost for good since this was last said.
    fn lost(&mut self, stats: &Stats) -> Option<Value> {
        let before = std::mem::replace(&mut self.lost, *stats);
        let more = |now: u32, before: u32| now.saturating_sub(before);
        let caller_ms = more(stats.caller_lost_ms, before.caller_lost_ms);
        let agent_ms = more(stats.agent_lost_ms, before.agent_lost_ms);
        let answers = more(stats.answers_lost, before.answers_lost);
        let lost = json!({
            "event": "lost", "caller_ms": caller_ms, "agent_ms": agent_ms, "answers": answers,
        });
        ((caller_ms, agent_ms, answers) != (0, 0, 0)).then_some(lost)
    }

    fn transcript(&mut self, entry: &TranscriptEntry) -> Vec<Value> {
        self.growing.retain(|growing| growing.id != entry.id);
        if !is_finished(entry) {
            self.growing.push(entry.clone());
            return Vec::new();
        }
        let mut line = serde_json::to_value(entry).unwrap_or_default();
        line["event"] = json!("transcript");
        vec![line]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshots::live;
    use offhook_phone::{Activity, DropCause, Line, ReconnectStep};

    fn reconnecting(attempt: u32, step: ReconnectStep, held_ms: u32) -> Message {
        let line = Line::Reconnecting {
            cause: DropCause::Silent,
            attempt,
            step,
            held_ms,
            overflow_ms: 0,
            gives_up_in_ms: 120_000 - held_ms,
        };
        live(Activity::Listening, line)
    }

    #[test]
    fn each_step_of_coming_back_is_one_event_with_its_numbers() {
        let waiting = |retry_in_ms| ReconnectStep::Waiting { retry_in_ms };
        let good = Line::Good {
            round_trip_ms: None,
        };
        let messages = [
            live(Activity::Listening, good),
            reconnecting(1, waiting(200), 0),
            reconnecting(1, waiting(100), 100),
            reconnecting(1, ReconnectStep::Connecting, 200),
            reconnecting(1, ReconnectStep::Connecting, 700),
            reconnecting(2, waiting(1000), 800),
            live(Activity::Listening, good),
        ];
        let mut json = Json::default();
        let mut events = Vec::new();
        for (at, message) in messages.iter().enumerate() {
            let lines = json.lines(Duration::from_secs(at as u64), message);
            events.extend(lines.into_iter().map(|line| (at, line)));
        }
        let told: Vec<_> = events
            .iter()
            .map(|(at, event)| (*at, event["event"].as_str().unwrap()))
            .collect();
        let expected = [
            (0, "call"),
            (1, "call"),
            (1, "reconnecting"),
            (3, "reconnecting"),
            (5, "reconnecting"),
            (6, "call"),
            (6, "back"),
        ];
        assert_eq!(told, expected);
        assert_eq!(
            events[4].1,
            json!({
                "event": "reconnecting", "at_ms": 5000, "cause": "silent", "attempt": 2,
                "step": { "doing": "waiting", "retry_in_ms": 1000 }, "held_ms": 800,
                "overflow_ms": 0, "gives_up_in_ms": 119_200,
            })
        );
        assert_eq!(events[6].1["away_ms"], 5000);
    }

    #[test]
    fn what_is_lost_is_said_once_as_it_is_known() {
        let lost = |caller_lost_ms, answers_lost| Stats {
            caller_lost_ms,
            answers_lost,
            ..Stats::default()
        };
        let mut json = Json::default();
        assert_eq!(json.lost(&lost(0, 0)), None);
        let event = |caller_ms: u32, answers: u32| json!({ "event": "lost", "caller_ms": caller_ms, "agent_ms": 0, "answers": answers });
        assert_eq!(json.lost(&lost(340, 0)), Some(event(340, 0)));
        assert_eq!(json.lost(&lost(340, 0)), None);
        assert_eq!(json.lost(&lost(500, 1)), Some(event(160, 1)));
    }
}
