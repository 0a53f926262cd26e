//! One JSON object a line: `call` whenever its state changes, `microphone` and `speaker` whenever
//! another device is in use, `notice`, `transcript` for each finished line, `microphone_file_ended`,
//! and a last `summary`.

use std::time::Duration;

use offhook_phone::{Call, EntryStatus, Message, Problem, Snapshot, TranscriptEntry, english};
use serde_json::{Value, json};

/// Remembers what was printed, so that each thing is printed once.
#[derive(Debug, Default)]
pub(crate) struct Json {
    call: Option<Value>,
    microphone: Option<String>,
    speaker: Option<String>,
    notice: Option<Problem>,
    growing: Vec<TranscriptEntry>,
}

impl Json {
    pub(super) fn lines(&mut self, now: Duration, message: &Message) -> Vec<Value> {
        let mut lines = match message {
            Message::Snapshot(snapshot) => self.snapshot(snapshot),
            Message::Transcript(entry) => self.transcript(entry),
            Message::TranscriptDelta { id, delta } => {
                if let Some(entry) = self.growing.iter_mut().find(|entry| entry.id == *id) {
                    entry.text.push_str(delta);
                }
                Vec::new()
            }
            Message::MicrophoneFileEnded => vec![json!({ "event": "microphone_file_ended" })],
            Message::Meters(_) | Message::TranscriptCleared => Vec::new(),
        };
        for line in &mut lines {
            line["at_ms"] = json!(u64::try_from(now.as_millis()).unwrap_or(u64::MAX));
        }
        lines
    }

    fn snapshot(&mut self, snapshot: &Snapshot) -> Vec<Value> {
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
        // A new measurement alone is no news either, and is shown with the next event.
        let mut news = call.clone();
        if let Some(line) = news.get_mut("line").and_then(Value::as_object_mut) {
            line.remove("round_trip_ms");
        }
        if self.call.as_ref() != Some(&news) {
            self.call = Some(news);
            call["event"] = json!("call");
            lines.push(call);
        }
        lines
    }

    fn transcript(&mut self, entry: &TranscriptEntry) -> Vec<Value> {
        self.growing.retain(|growing| growing.id != entry.id);
        if entry.status == EntryStatus::Growing {
            self.growing.push(entry.clone());
            return Vec::new();
        }
        let mut line = serde_json::to_value(entry).unwrap_or_default();
        line["event"] = json!("transcript");
        vec![line]
    }
}
