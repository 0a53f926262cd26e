//! The caller's turns: from audio in the input buffer to items that are answered.

use offhook_proto::Time;
use offhook_proto::wire::server::{InputAudioBufferCommitted, SpeechStarted, SpeechStopped};
use offhook_proto::wire::{ContentPart, Item, Other, ServerEvent, decode_pcm16};
use serde_json::json;

use super::Agent;
use super::answer::Outcome;
use super::fault::{Fault, sentence};
use super::input::Heard;
use super::script::Message;
use super::turn_detection::TurnDetection;

impl Agent {
    pub(super) fn append(&mut self, now: Time, audio: &str) -> Result<(), Fault> {
        let samples =
            decode_pcm16(audio).map_err(|error| Fault::value("audio", &sentence(&error)))?;
        self.listen(now, &samples);
        Ok(())
    }

    pub(super) fn listen(&mut self, now: Time, samples: &[i16]) {
        for heard in self.input.append(samples) {
            match heard {
                Heard::Started { at_ms } => self.speech_started(now, at_ms),
                Heard::Stopped { at_ms, audio } => self.speech_stopped(now, at_ms, audio),
                Heard::Full { audio } => self.commit(audio),
            }
        }
    }

    fn speech_started(&mut self, now: Time, at_ms: u64) {
        let item_id = self.ids.next("item");
        self.turn = Some(item_id.clone());
        self.say(SpeechStarted {
            audio_start_ms: at_ms,
            item_id,
            ..SpeechStarted::default()
        });
        let interrupts = |set: &TurnDetection| set.interrupt_response;
        if self
            .settings
            .turn_detection
            .as_ref()
            .is_some_and(interrupts)
        {
            self.finish(now, Outcome::TurnDetected);
        }
    }

    fn speech_stopped(&mut self, now: Time, at_ms: u64, audio: Vec<i16>) {
        let item_id = self.turn.clone().unwrap_or_else(|| self.ids.next("item"));
        self.turn = Some(item_id.clone());
        self.say(SpeechStopped {
            audio_end_ms: at_ms,
            item_id,
            ..SpeechStopped::default()
        });
        self.commit(audio);
        let answers = |set: &TurnDetection| set.create_response;
        if self.settings.turn_detection.as_ref().is_some_and(answers) {
            self.owed = true;
            self.respond_if_owed(now);
        }
    }

    pub(super) fn commit_by_hand(&mut self) -> Result<(), Fault> {
        let audio = self.input.commit().map_err(|short| {
            let message = format!(
                "There are {} ms of audio in the buffer, and a commit takes at least 100 ms.",
                short.ms
            );
            Fault::new("input_audio_buffer_commit_empty", &message)
        })?;
        self.commit(audio);
        Ok(())
    }

    /// Makes an utterance an item.
    fn commit(&mut self, audio: Vec<i16>) {
        let id = self.turn.take().unwrap_or_else(|| self.ids.next("item"));
        self.say(InputAudioBufferCommitted {
            previous_item_id: self.conversation.last(),
            item_id: id.clone(),
            ..InputAudioBufferCommitted::default()
        });
        let item = Item::message(&id, "user", "completed", ContentPart::input_audio());
        let previous = self.conversation.push(item.clone());
        self.added(previous, item);
        if self.settings.wants_transcription() {
            // Said once for each item, as the API does, so that nobody waits for a text.
            self.say(transcription_failed(&id));
        }
        self.message = Some((id, Message::Spoken(audio)));
    }
}

/// The agent does not understand speech, and says so to whoever asked for a transcription.
fn transcription_failed(item_id: &str) -> ServerEvent {
    let fields = json!({
        "item_id": item_id,
        "content_index": 0,
        "error": {
            "type": "transcription_error",
            "code": "transcription_unavailable",
            "message": "The built-in agent does not transcribe.",
            "param": null,
        },
    });
    ServerEvent::Other(Other {
        kind: "conversation.item.input_audio_transcription.failed".into(),
        fields: fields.as_object().cloned().unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use offhook_proto::wire::encode_pcm16;

    use super::super::{Config, Output, Prompts};
    use super::*;

    /// What the agent says to an utterance.
    fn said(hear: impl Fn(&mut Agent, &[i16])) -> Vec<ServerEvent> {
        let prompts = Arc::new(Prompts::built_in().unwrap());
        let config = Config {
            session_id: "sess_1".into(),
            model: "test".into(),
            expires_at: 3600,
            lifetime: Duration::from_hours(1),
            ids_seed: 1,
        };
        let mut agent = Agent::new(&config, Arc::clone(&prompts), Time::ZERO);
        let mut samples = prompts.nothing_heard.samples.clone();
        samples.resize(samples.len() + 24_000, 0);
        samples.chunks(480).for_each(|it| hear(&mut agent, it));
        std::iter::from_fn(|| match agent.poll() {
            Output::Event(event) => Some(event),
            _ => None,
        })
        .collect()
    }

    #[test]
    fn bytes_are_heard_as_events_are() {
        let by_event = said(|agent, samples| {
            let audio = encode_pcm16(samples);
            agent.append(Time::ZERO, &audio).unwrap();
        });
        let by_bytes = said(|agent, samples| {
            let bytes: Vec<u8> = samples.iter().flat_map(|it| it.to_le_bytes()).collect();
            agent.hear(Time::ZERO, &bytes);
        });
        let heard = |event: &ServerEvent| event.kind() == "input_audio_buffer.committed";
        assert!(by_event.iter().any(heard));
        let kinds = |events: &[ServerEvent]| -> Vec<_> {
            let lasting = events.iter().filter(|it| !it.kind().ends_with(".delta"));
            lasting.map(|it| it.kind().to_owned()).collect()
        };
        assert_eq!(kinds(&by_bytes), kinds(&by_event));
    }
}
