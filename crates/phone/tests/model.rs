//! The softphone's decisions, state by state: inputs and the time in, effects and a snapshot out.
#![allow(clippy::unwrap_used, reason = "a test's helper may fail the test")]

use std::time::Duration;

use offhook_client::Event as Line;
use offhook_client::proto::client::{End, Failure, State, Step};
use offhook_client::proto::wire::{ClientEvent, Envelope, ServerEvent, encode_pcm16};
use offhook_client::proto::{Close, Protocol, Time};
use offhook_phone::audio::{self, Event as Sound};
use offhook_phone::model::{Effect, Input, Model};
use offhook_phone::{
    Activity, AgentEntry, Call, Config, DeviceChoice, DialStep, EndReason, EntryStatus, Intent,
    Message, Party, Problem, Snapshot, TranscriptEntry,
};
use serde_json::{Value, json};

/// A model with its clock and everything it did.
struct Phone {
    model: Model,
    now: Time,
    did: Vec<Effect>,
}

impl Phone {
    fn ready() -> Self {
        let entry = AgentEntry::built_in("test", "http://127.0.0.1:8084", "token".into()).unwrap();
        let config = Config {
            version: "0.0.0".to_owned(),
            agents: vec![entry],
            microphone: audio::Microphone::Default,
            speaker: audio::Speaker::Default,
            echo_cancellation: true,
        };
        Self {
            model: Model::new(config),
            now: Time::ZERO,
            did: Vec::new(),
        }
    }

    fn dialling() -> Self {
        let mut phone = Self::ready();
        phone.want(Intent::Call {
            agent: "test".to_owned(),
        });
        phone.tell(Input::AudioStarted);
        phone
    }

    fn live() -> Self {
        let mut phone = Self::dialling();
        phone.wait(300);
        phone.line_is(false);
        phone.did.clear();
        phone
    }

    /// A call in which the agent speaks: 400 ms of "one two three four" were received as item `a`
    /// of response `r`, whose end has not come.
    fn hearing_the_agent() -> Self {
        let mut phone = Self::live();
        phone.server(json!({"type": "response.created", "response": {"id": "r"}}));
        phone.server(
            json!({"type": "conversation.item.added", "previous_item_id": null,
            "item": {"id": "a", "type": "message", "role": "assistant", "status": "in_progress"}}),
        );
        let part = json!({"response_id": "r", "item_id": "a", "output_index": 0,
            "content_index": 0});
        let mut words = part.clone();
        words["type"] = json!("response.output_audio_transcript.delta");
        words["delta"] = json!("one two three four");
        phone.server(words);
        let mut sound = part;
        sound["type"] = json!("response.output_audio.delta");
        sound["delta"] = json!(encode_pcm16(&[7; 9600]));
        phone.server(sound);
        phone.sound(Sound::Started {
            item: "a/0".to_owned(),
        });
        phone
    }

    fn wait(&mut self, ms: u64) {
        self.now = self.now + Duration::from_millis(ms);
    }

    fn tell(&mut self, input: Input) {
        self.did.extend(self.model.handle(self.now, input));
    }

    fn want(&mut self, intent: Intent) {
        self.tell(Input::Intent(intent));
    }

    fn sound(&mut self, event: Sound) {
        self.tell(Input::Audio(event));
    }

    fn line_is(&mut self, unstable: bool) {
        let protocol = Protocol::OffhookV1;
        let state = State::Live {
            protocol,
            unstable,
            round_trip: None,
        };
        self.tell(Input::Client(Line::State(state)));
    }

    fn line_ends(&mut self, end: End) {
        self.tell(Input::Client(Line::State(State::Ended(end))));
    }

    fn server(&mut self, event: Value) {
        let event = Envelope::<ServerEvent>::decode(&event.to_string())
            .unwrap()
            .event;
        self.tell(Input::Client(Line::Server(Box::new(event))));
    }

    fn caller_says(&mut self, amplitude: i16, frames: u32) {
        for _ in 0..frames {
            self.wait(20);
            self.sound(Sound::Captured {
                samples: vec![amplitude; 480],
            });
        }
    }

    fn snapshot(&self) -> Snapshot {
        self.model.snapshot()
    }

    fn activity(&self) -> Activity {
        match self.snapshot().call {
            Call::Live { activity, .. } => activity,
            other => panic!("{other:?}"),
        }
    }

    fn sent(&self) -> Vec<&str> {
        let sent = self.did.iter().filter_map(|effect| match effect {
            Effect::Send(event) => Some(event.kind()),
            _ => None,
        });
        sent.collect()
    }

    fn entry(&self, id: &str) -> TranscriptEntry {
        self.model
            .transcript()
            .find(|entry| entry.id == id)
            .cloned()
            .unwrap()
    }
}

#[test]
fn a_click_starts_the_microphone_before_the_line() {
    let phone = Phone::dialling();
    let starts = phone
        .did
        .iter()
        .filter(|effect| !matches!(effect, Effect::Publish(_)));
    let starts: Vec<_> = starts.collect();
    assert!(matches!(starts[0], Effect::StartAudio(_)), "{starts:?}");
    assert!(matches!(starts[1], Effect::Dial(0)), "{starts:?}");
    assert!(matches!(
        phone.snapshot().call,
        Call::Dialling {
            step: DialStep::Authorising,
            held_ms: 0,
            ..
        }
    ));
}

#[test]
fn a_second_click_calls_once() {
    let mut phone = Phone::dialling();
    phone.want(Intent::Call {
        agent: "test".to_owned(),
    });
    let dials = phone
        .did
        .iter()
        .filter(|effect| matches!(effect, Effect::Dial(_)));
    assert_eq!(dials.count(), 1);
}

#[test]
fn an_unknown_agent_is_said_and_not_called() {
    let mut phone = Phone::ready();
    phone.want(Intent::Call {
        agent: "nobody".to_owned(),
    });
    let snapshot = phone.snapshot();
    assert_eq!(snapshot.call, Call::Ready);
    assert_eq!(
        snapshot.notice,
        Some(Problem::AgentUnknown {
            agent: "nobody".to_owned()
        })
    );
    phone.want(Intent::DismissNotice);
    assert_eq!(phone.snapshot().notice, None);
}

#[test]
fn what_is_said_while_dialling_goes_to_the_line_which_holds_it() {
    let mut phone = Phone::dialling();
    phone.caller_says(3000, 5);
    assert_eq!(phone.sent(), ["input_audio_buffer.append"; 5]);
    phone.tell(Input::Client(Line::State(State::Dialling(Step::Opening))));
    phone.wait(600);
    phone.tell(Input::Client(Line::Held(Duration::from_millis(100))));
    let call = phone.snapshot().call;
    assert!(matches!(
        call,
        Call::Dialling {
            step: DialStep::Opening,
            held_ms: 100,
            ..
        }
    ));
}

#[test]
fn a_line_that_is_up_asks_the_agent_to_speak_first() {
    let mut phone = Phone::dialling();
    phone.wait(300);
    phone.line_is(false);
    assert_eq!(phone.sent(), ["response.create"]);
    let Call::Live {
        stats, activity, ..
    } = phone.snapshot().call
    else {
        panic!("live")
    };
    assert_eq!(stats.connected_ms, Some(300));
    assert_eq!(activity, Activity::Thinking);
}

#[test]
fn a_weak_line_is_shown_and_recovers() {
    let mut phone = Phone::live();
    phone.line_is(true);
    let line = |phone: &Phone| match phone.snapshot().call {
        Call::Live { line, .. } => line,
        other => panic!("{other:?}"),
    };
    assert_eq!(line(&phone), offhook_phone::Line::Unstable);
    phone.line_is(false);
    assert_eq!(
        line(&phone),
        offhook_phone::Line::Good {
            round_trip_ms: None
        }
    );
    assert_eq!(
        phone.sent(),
        [""; 0],
        "the agent is asked to speak once only"
    );
}

#[test]
fn the_agents_voice_goes_to_the_speaker_and_its_words_to_the_transcript() {
    let mut phone = Phone::hearing_the_agent();
    assert_eq!(phone.activity(), Activity::Speaking);
    let played = phone.did.iter().any(
        |effect| matches!(effect, Effect::Play { item, pcm } if item == "a/0" && pcm.len() == 9600),
    );
    assert!(played);
    assert_eq!(phone.entry("a").text, "one two three four");
    phone.server(
        json!({"type": "response.output_audio.done", "response_id": "r", "item_id": "a",
        "output_index": 0, "content_index": 0}),
    );
    phone.server(
        json!({"type": "conversation.item.done", "item": {"id": "a", "type": "message",
        "role": "assistant", "status": "completed"}}),
    );
    phone.server(json!({"type": "response.done", "response": {"id": "r", "status": "completed"}}));
    assert_eq!(
        phone.activity(),
        Activity::Speaking,
        "until it has been heard"
    );
    phone.sound(Sound::Finished {
        item: "a/0".to_owned(),
    });
    assert_eq!(phone.activity(), Activity::Listening);
    assert_eq!(phone.entry("a").status, EntryStatus::Complete);
    assert!(!phone.did.contains(&Effect::Flush));
}

#[test]
fn a_caller_who_speaks_silences_the_agent_and_says_what_was_heard() {
    let mut phone = Phone::hearing_the_agent();
    phone.server(
        json!({"type": "input_audio_buffer.speech_started", "audio_start_ms": 100,
        "item_id": "c"}),
    );
    assert!(phone.did.contains(&Effect::Flush));
    assert_eq!(phone.activity(), Activity::Hearing);
    phone.did.clear();
    phone.sound(Sound::Flushed {
        item: Some("a/0".to_owned()),
        heard_samples: 4900,
        heard_ms: 204,
    });
    let truncates: Vec<_> = phone
        .did
        .iter()
        .filter_map(|effect| match effect {
            Effect::Send(ClientEvent::ConversationItemTruncate(truncate)) => Some(truncate),
            _ => None,
        })
        .collect();
    assert_eq!(truncates.len(), 1);
    assert_eq!(
        (truncates[0].item_id.as_str(), truncates[0].audio_end_ms),
        ("a", 204)
    );
    let entry = phone.entry("a");
    assert_eq!(
        (entry.text.as_str(), entry.unheard.as_str()),
        ("one two", " three four")
    );
    assert_eq!(entry.status, EntryStatus::Interrupted);
}

#[test]
fn audio_of_an_interrupted_answer_that_comes_late_is_not_played() {
    let mut phone = Phone::hearing_the_agent();
    phone.want(Intent::Interrupt);
    assert!(phone.sent().contains(&"response.cancel"));
    phone.sound(Sound::Flushed {
        item: None,
        heard_samples: 0,
        heard_ms: 0,
    });
    phone.did.clear();
    phone.server(
        json!({"type": "response.output_audio.delta", "response_id": "r", "item_id": "a",
        "output_index": 0, "content_index": 0, "delta": encode_pcm16(&[7; 480])}),
    );
    assert!(
        !phone
            .did
            .iter()
            .any(|effect| matches!(effect, Effect::Play { .. }))
    );
    phone.want(Intent::Interrupt);
    assert_eq!(phone.sent(), [""; 0], "interrupting twice cancels once");
    phone.server(json!({"type": "response.done", "response": {"id": "r", "status": "cancelled"}}));
    assert_eq!(phone.activity(), Activity::Listening);
}

#[test]
fn the_answers_delay_counts_from_the_callers_last_sound_to_the_speaker() {
    let mut phone = Phone::live();
    phone.caller_says(4000, 10);
    phone.caller_says(2, 25);
    phone.server(
        json!({"type": "input_audio_buffer.speech_stopped", "audio_end_ms": 700,
        "item_id": "c"}),
    );
    assert_eq!(phone.activity(), Activity::Thinking);
    phone.wait(40);
    phone.sound(Sound::Started {
        item: "a/0".to_owned(),
    });
    let Call::Live { stats, .. } = phone.snapshot().call else {
        panic!("live")
    };
    assert_eq!(stats.answer_ms, Some(25 * 20 + 40));
    assert_eq!(stats.frames_sent, 35);
}

#[test]
fn the_callers_turn_stands_in_the_transcript_with_its_length() {
    let mut phone = Phone::live();
    phone.server(
        json!({"type": "input_audio_buffer.speech_started", "audio_start_ms": 100,
        "item_id": "c"}),
    );
    phone.server(
        json!({"type": "input_audio_buffer.speech_stopped", "audio_end_ms": 1600,
        "item_id": "c"}),
    );
    let item = json!({"id": "c", "type": "message", "role": "user", "status": "completed",
        "content": [{"type": "input_audio", "transcript": null}]});
    phone.server(
        json!({"type": "conversation.item.added", "previous_item_id": null,
        "item": item}),
    );
    phone.server(
        json!({"type": "conversation.item.done", "previous_item_id": null,
        "item": item}),
    );
    let entry = phone.entry("c");
    assert_eq!(
        (entry.speaker, entry.spoken_ms),
        (Party::Caller, Some(1500))
    );
    assert_eq!(entry.status, EntryStatus::Complete);
}

#[test]
fn a_text_is_sent_once_and_interrupts() {
    let mut phone = Phone::hearing_the_agent();
    phone.did.clear();
    for _ in 0..2 {
        phone.want(Intent::SendText {
            id: "t1".to_owned(),
            text: " hello ".to_owned(),
        });
    }
    assert_eq!(
        phone.sent(),
        [
            "response.cancel",
            "conversation.item.create",
            "response.create"
        ]
    );
    phone.want(Intent::SendText {
        id: "t2".to_owned(),
        text: "  ".to_owned(),
    });
    assert_eq!(phone.sent().len(), 3, "nothing is not a text");
}

#[test]
fn mute_holds_across_calls_and_reaches_sound_whenever_it_starts() {
    let mut phone = Phone::ready();
    phone.want(Intent::SetMuted { muted: true });
    assert!(phone.snapshot().muted);
    phone.want(Intent::Call {
        agent: "test".to_owned(),
    });
    phone.did.clear();
    phone.tell(Input::AudioStarted);
    assert!(phone.did.contains(&Effect::SetMuted(true)));
    phone.want(Intent::SetMuted { muted: false });
    assert!(phone.did.contains(&Effect::SetMuted(false)));
}

#[test]
fn a_device_chosen_in_a_call_is_used_at_once() {
    let mut phone = Phone::live();
    let choice = DeviceChoice::Device {
        id: "usb".to_owned(),
    };
    phone.want(Intent::ChooseMicrophone {
        choice: choice.clone(),
    });
    let wanted = audio::Microphone::Device("usb".to_owned());
    assert!(phone.did.contains(&Effect::UseMicrophone(wanted)));
    assert_eq!(phone.snapshot().microphone.choice, choice);
    phone.sound(Sound::MicrophoneInUse {
        name: "USB".to_owned(),
    });
    assert_eq!(phone.snapshot().microphone.in_use.as_deref(), Some("USB"));
    phone.sound(Sound::MicrophoneGone {
        name: "USB".to_owned(),
    });
    let gone = Problem::DeviceGone {
        device: "USB".to_owned(),
    };
    assert_eq!(phone.snapshot().notice, Some(gone));
    assert!(
        matches!(phone.snapshot().call, Call::Live { .. }),
        "the call goes on"
    );
}

#[test]
fn hanging_up_shows_the_summary_at_once_and_lets_go_of_everything() {
    let mut phone = Phone::hearing_the_agent();
    phone.wait(1000);
    phone.did.clear();
    phone.want(Intent::HangUp);
    let Call::Ended {
        reason,
        duration_ms,
        ..
    } = phone.snapshot().call
    else {
        panic!("ended")
    };
    assert_eq!((reason, duration_ms), (EndReason::HungUp, 1000));
    assert!(phone.did.contains(&Effect::HangUp) && phone.did.contains(&Effect::StopAudio));
    assert_eq!(phone.entry("a").status, EntryStatus::Interrupted);
    phone.did.clear();
    phone.line_ends(End::HungUp);
    phone.want(Intent::HangUp);
    assert!(phone.did.is_empty(), "{:?}", phone.did);
    phone.want(Intent::DismissSummary);
    assert_eq!(phone.snapshot().call, Call::Ready);
    assert_eq!(phone.model.transcript().count(), 0);
}

#[test]
fn every_way_a_line_ends_is_told() {
    let cases = [
        (End::FarEnd, None),
        (End::Failed(Failure::HostUnknown), Some("host_unknown")),
        (
            End::Closed {
                close: Close::new(Close::INTERNAL, "upstream.down"),
                error: None,
            },
            Some("closed_by_server"),
        ),
        (
            End::Silent {
                after: Duration::from_secs(6),
            },
            Some("connection_lost"),
        ),
        (End::TooBig { limit: 1 << 20 }, Some("message_too_big")),
    ];
    for (end, code) in cases {
        let mut phone = Phone::live();
        phone.line_ends(end);
        let Call::Ended { reason, .. } = phone.snapshot().call else {
            panic!("ended")
        };
        let told = serde_json::to_value(&reason).unwrap();
        assert_eq!(told["problem"]["code"].as_str(), code, "{told}");
        assert!(phone.did.contains(&Effect::StopAudio));
    }
}

#[test]
fn sound_that_cannot_start_ends_the_call_with_its_reason() {
    let mut phone = Phone::dialling();
    phone.tell(Input::AudioRefused(audio::Error::NoMicrophone));
    let Call::Ended { reason, .. } = phone.snapshot().call else {
        panic!("ended")
    };
    assert_eq!(
        reason,
        EndReason::Failed {
            problem: Problem::NoMicrophone
        }
    );
    assert!(phone.did.contains(&Effect::HangUp));
}

#[test]
fn counters_alone_do_not_redraw_the_screen_all_the_time() {
    let mut phone = Phone::live();
    phone.caller_says(0, 100);
    let snapshots = phone
        .did
        .iter()
        .filter(|effect| matches!(effect, Effect::Publish(Message::Snapshot(_))))
        .count();
    assert!((3..=5).contains(&snapshots), "{snapshots} in two seconds");
}

#[test]
fn a_snapshot_stays_small() {
    let mut phone = Phone::live();
    let devices = |kind: &str| {
        let device = |n| audio::Device {
            id: format!("alsa_{kind}.usb-Some_Very_Long_Vendor_Name-{n:02}.analog-stereo"),
            name: format!("Some Very Long Vendor Name Headset {n} Analog Stereo"),
            is_default: n == 0,
        };
        (0..16).map(device).collect()
    };
    phone.tell(Input::Devices(audio::Devices {
        microphones: devices("input"),
        speakers: devices("output"),
    }));
    let bytes = serde_json::to_string(&Message::Snapshot(Box::new(phone.snapshot()))).unwrap();
    assert!(bytes.len() < 8192, "{} bytes", bytes.len());
}
