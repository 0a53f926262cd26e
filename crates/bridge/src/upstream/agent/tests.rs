//! The agent as a client sees it, without a connection.

use offhook_proto::wire::{decode_pcm16, encode_pcm16};

use super::*;

struct Call {
    agent: Agent,
    now: Time,
    prompts: Arc<Prompts>,
}

impl Call {
    fn start() -> Self {
        let prompts = Arc::new(Prompts::built_in().unwrap());
        let config = Config {
            session_id: "sess_1".into(),
            model: "test".into(),
            expires_at: 3600,
            lifetime: Duration::from_hours(1),
            ids_seed: 1,
        };
        let mut call = Self {
            agent: Agent::new(&config, Arc::clone(&prompts), Time::ZERO),
            now: Time::ZERO,
            prompts,
        };
        assert_eq!(kinds(&call.poll()), ["session.created"]);
        call
    }

    /// What the agent has to say at once.
    fn poll(&mut self) -> Vec<ServerEvent> {
        let mut events = Vec::new();
        while let Output::Event(event) = self.agent.poll() {
            events.push(event);
        }
        events
    }

    /// Sends an event and returns what is said to it at once.
    fn send(&mut self, event: &Value) -> Vec<ServerEvent> {
        let envelope = Envelope::decode(&event.to_string()).unwrap();
        self.agent.handle(self.now, envelope);
        self.poll()
    }

    fn append(&mut self, samples: &[i16]) -> Vec<ServerEvent> {
        self.send(&json!({ "type": "input_audio_buffer.append", "audio": encode_pcm16(samples) }))
    }

    /// Lets time pass until the answer in progress is over.
    fn listen(&mut self) -> Vec<ServerEvent> {
        let mut events = Vec::new();
        while self.agent.answer.is_some() {
            let Output::Wait(Some(until)) = self.agent.poll() else {
                panic!("an answer without a next time");
            };
            self.now = until;
            self.agent.advance(self.now);
            events.extend(self.poll());
        }
        events
    }

    fn error(&mut self, event: &Value) -> (String, Option<String>, Option<String>) {
        let events = self.send(event);
        let [ServerEvent::Error(error)] = &events[..] else {
            panic!("{:?}", kinds(&events));
        };
        let error = error.error.clone();
        (error.code.unwrap(), error.param, error.event_id)
    }

    /// A sentence with a second of quiet on either side.
    fn speech(&self) -> Vec<i16> {
        let mut samples = vec![0; 24_000];
        samples.extend(&self.prompts.nothing_heard.samples);
        samples.resize(samples.len() + 24_000, 0);
        samples
    }
}

fn kinds(events: &[ServerEvent]) -> Vec<&str> {
    let mut kinds: Vec<_> = events.iter().map(ServerEvent::kind).collect();
    kinds.dedup();
    kinds
}

/// The kinds of the events but for deltas, which alternate.
fn milestones(events: &[ServerEvent]) -> Vec<&str> {
    let mut kinds = kinds(events);
    kinds.retain(|kind| !kind.ends_with(".delta"));
    kinds
}

fn audio(events: &[ServerEvent]) -> Vec<i16> {
    let delta = |event: &ServerEvent| match event {
        ServerEvent::OutputAudioDelta(delta) => decode_pcm16(&delta.delta).ok(),
        _ => None,
    };
    events.iter().filter_map(delta).flatten().collect()
}

fn text(events: &[ServerEvent]) -> String {
    let delta = |event: &ServerEvent| match event {
        ServerEvent::OutputAudioTranscriptDelta(delta) => Some(delta.delta.clone()),
        _ => None,
    };
    events.iter().filter_map(delta).collect()
}

fn done(events: &[ServerEvent]) -> &Response {
    match events.last() {
        Some(ServerEvent::ResponseDone(done)) => &done.response,
        other => panic!("{other:?}"),
    }
}

const ANNOUNCED: [&str; 4] = [
    "response.created",
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
];
const FINISHED: [&str; 6] = [
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "conversation.item.done",
    "response.output_item.done",
    "response.done",
];

#[test]
fn it_greets_when_asked_first() {
    let mut call = Call::start();
    let mut events = call.send(&json!({ "type": "response.create" }));
    // The first 100 ms come at once.
    assert_eq!(audio(&events).len(), 2400);
    let started = call.now;
    events.extend(call.listen());
    assert_eq!(milestones(&events), [&ANNOUNCED[..], &FINISHED].concat());
    let greeting = &call.prompts.greeting;
    assert!(audio(&events) == greeting.samples);
    assert_eq!(text(&events), greeting.text);
    assert_eq!(done(&events).status, "completed");
    let lasts = Duration::from_millis(greeting.samples.len() as u64 / 24);
    assert!((call.now - started).abs_diff(lasts / 8) < Duration::from_millis(20));
}

#[test]
fn it_says_the_callers_words_back() {
    let mut call = Call::start();
    let speech = call.speech();
    let mut events = Vec::new();
    for frame in speech.chunks(480) {
        events.extend(call.append(frame));
    }
    events.extend(call.listen());
    let turn = [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
    ];
    assert_eq!(
        milestones(&events),
        [&turn[..], &ANNOUNCED, &FINISHED].concat()
    );
    let (
        ServerEvent::SpeechStarted(started),
        ServerEvent::SpeechStopped(stopped),
        ServerEvent::InputAudioBufferCommitted(committed),
        ServerEvent::ConversationItemAdded(added),
    ) = (&events[0], &events[1], &events[2], &events[3])
    else {
        panic!("{:?}", kinds(&events));
    };
    assert_eq!(started.item_id, stopped.item_id);
    assert_eq!(started.item_id, committed.item_id);
    assert_eq!(started.item_id, added.item.id);
    let said = &speech[started.audio_start_ms as usize * 24..stopped.audio_end_ms as usize * 24];
    assert!(audio(&events).ends_with(said));
    assert!(text(&events).starts_with("You said:"));
    let ServerEvent::ConversationItemAdded(answered) = &events[7] else {
        panic!("{:?}", events[7].kind());
    };
    assert_eq!(answered.previous_item_id.as_ref(), Some(&started.item_id));
}

#[test]
fn it_stops_when_the_caller_speaks() {
    let mut call = Call::start();
    call.send(&json!({ "type": "response.create" }));
    let speech = call.speech();
    let mut events = Vec::new();
    for frame in speech.chunks(480).take(80) {
        events.extend(call.append(frame));
    }
    let interrupted = [&["input_audio_buffer.speech_started"][..], &FINISHED].concat();
    assert_eq!(milestones(&events), interrupted);
    let response = done(&events);
    assert_eq!(response.status, "cancelled");
    let details = response.status_details.as_ref().unwrap();
    assert_eq!(details.kind, "cancelled");
    assert_eq!(details.reason.as_deref(), Some("turn_detected"));
    assert_eq!(response.output[0].status.as_deref(), Some("incomplete"));
    // Only what was sent counts as said, and only that can be truncated.
    let item = response.output[0].id.clone();
    let cut = |ms: u64| {
        json!({
            "type": "conversation.item.truncate", "event_id": "e1",
            "item_id": item, "content_index": 0, "audio_end_ms": ms,
        })
    };
    let (code, param, event_id) = call.error(&cut(101));
    assert_eq!(code, "invalid_value");
    assert_eq!(param.as_deref(), Some("audio_end_ms"));
    assert_eq!(event_id.as_deref(), Some("e1"));
    assert_eq!(kinds(&call.send(&cut(40))), ["conversation.item.truncated"]);
    let retrieve = json!({ "type": "conversation.item.retrieve", "item_id": item });
    let events = call.send(&retrieve);
    let [ServerEvent::ConversationItemRetrieved(retrieved)] = &events[..] else {
        panic!("{:?}", kinds(&events));
    };
    assert_eq!(retrieved.item.content[0].transcript, None);
}

#[test]
fn a_turn_that_does_not_interrupt_is_answered_later() {
    let mut call = Call::start();
    let update = json!({
        "type": "session.update",
        "session": {
            "type": "realtime",
            "audio": { "input": { "turn_detection": {
                "type": "server_vad", "interrupt_response": false,
            } } },
        },
    });
    assert_eq!(kinds(&call.send(&update)), ["session.updated"]);
    call.send(&json!({ "type": "response.create" }));
    let speech = call.speech();
    let mut events = call.append(&speech);
    events.extend(call.listen());
    let answered = |event: &&ServerEvent| matches!(event, ServerEvent::ResponseDone(_));
    assert_eq!(events.iter().filter(answered).count(), 2);
    assert!(text(&events).contains("You said:"));
    assert_eq!(done(&events).status, "completed");
}

#[test]
fn without_turn_detection_the_client_decides() {
    let mut call = Call::start();
    let off = json!({
        "type": "session.update",
        "session": {
            "type": "realtime", "audio": { "input": { "turn_detection": null } },
        },
    });
    assert_eq!(kinds(&call.send(&off)), ["session.updated"]);
    let speech = call.speech();
    assert_eq!(kinds(&call.append(&speech)), [""; 0]);
    let commit = json!({ "type": "input_audio_buffer.commit", "event_id": "e2" });
    let committed = call.send(&commit);
    let expected = [
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
    ];
    assert_eq!(kinds(&committed), expected);
    let mut events = call.send(&json!({ "type": "response.create" }));
    events.extend(call.listen());
    assert!(audio(&events).ends_with(&speech));
    assert_eq!(call.error(&commit).0, "input_audio_buffer_commit_empty");
    call.append(&speech);
    let clear = json!({ "type": "input_audio_buffer.clear" });
    assert_eq!(kinds(&call.send(&clear)), ["input_audio_buffer.cleared"]);
    let mut events = call.send(&json!({ "type": "response.create" }));
    events.extend(call.listen());
    assert_eq!(text(&events), call.prompts.nothing_heard.text);
}

#[test]
fn it_answers_what_is_typed() {
    let mut call = Call::start();
    let created = call.send(&json!({
        "type": "conversation.item.create",
        "item": {
            "id": "mine", "type": "message", "role": "user",
            "content": [{ "type": "input_text", "text": "Hello there" }],
        },
    }));
    assert_eq!(
        kinds(&created),
        ["conversation.item.added", "conversation.item.done"]
    );
    let mut events = call.send(&json!({ "type": "response.create" }));
    events.extend(call.listen());
    assert!(audio(&events) == call.prompts.you_typed.samples);
    assert!(text(&events).ends_with("“Hello there”"));
}

#[test]
fn a_deleted_message_is_not_answered() {
    let mut call = Call::start();
    let item = json!({
        "id": "mine", "type": "message", "role": "user",
        "content": [{ "type": "input_text", "text": "Never mind" }],
    });
    call.send(&json!({ "type": "conversation.item.create", "item": item }));
    let delete = json!({ "type": "conversation.item.delete", "item_id": "mine" });
    assert_eq!(kinds(&call.send(&delete)), ["conversation.item.deleted"]);
    assert_eq!(call.error(&delete).0, "item_delete_invalid_item_id");
    let mut events = call.send(&json!({ "type": "response.create" }));
    events.extend(call.listen());
    assert_eq!(text(&events), call.prompts.greeting.text);
}

#[test]
fn whoever_wants_a_transcription_is_told_that_there_is_none() {
    let mut call = Call::start();
    let update = json!({
        "type": "session.update",
        "session": {
            "type": "realtime",
            "audio": { "input": { "transcription": { "model": "any" } } },
        },
    });
    call.send(&update);
    let speech = call.speech();
    let events = call.append(&speech);
    let failed = "conversation.item.input_audio_transcription.failed";
    assert!(kinds(&events).contains(&failed));
}

#[test]
fn faults_name_what_is_wrong() {
    let mut call = Call::start();
    let append = json!({
        "type": "input_audio_buffer.append", "audio": "?", "event_id": "e3",
    });
    let expected = ("invalid_value", Some("audio".into()), Some("e3".into()));
    let (code, param, event_id) = call.error(&append);
    assert_eq!((code.as_str(), param, event_id), expected);
    let unknown = json!({ "type": "session.dance" });
    let (code, param, _) = call.error(&unknown);
    assert_eq!(
        (code.as_str(), param.as_deref()),
        ("invalid_value", Some("type"))
    );
    let cancel = json!({ "type": "response.cancel" });
    assert_eq!(call.error(&cancel).0, "response_cancel_not_active");
    let create = json!({ "type": "response.create" });
    call.send(&create);
    let active = "conversation_already_has_active_response";
    assert_eq!(call.error(&create).0, active);
    let other = json!({ "type": "response.cancel", "response_id": "resp_other" });
    assert_eq!(call.error(&other).0, "response_cancel_not_active");
    let events = call.send(&cancel);
    assert_eq!(kinds(&events), FINISHED);
    let details = done(&events).status_details.clone().unwrap();
    assert_eq!(details.reason.as_deref(), Some("client_cancelled"));
    let text = json!({ "type": "response.create", "response": { "output_modalities": ["text"] } });
    assert_eq!(
        call.error(&text).1.as_deref(),
        Some("response.output_modalities")
    );
}

#[test]
fn it_hangs_up_after_an_hour() {
    let mut call = Call::start();
    call.agent
        .advance(Time::from_start(Duration::from_mins(60)));
    let Output::Event(ServerEvent::Error(error)) = call.agent.poll() else {
        panic!("no error");
    };
    assert_eq!(error.error.code.as_deref(), Some("session_expired"));
    let Output::Ended(close) = call.agent.poll() else {
        panic!("no end");
    };
    assert_eq!(close.code, Close::GOING_AWAY);
    assert!(matches!(call.agent.poll(), Output::Wait(None)));
    assert!(call.send(&json!({ "type": "response.create" })).is_empty());
}

#[test]
fn the_same_call_gets_the_same_answers() {
    let record = || {
        let mut call = Call::start();
        let speech = call.speech();
        let mut events = call.append(&speech);
        events.extend(call.listen());
        events
    };
    assert!(record() == record());
}
