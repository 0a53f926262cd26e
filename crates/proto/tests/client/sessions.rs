//! New sessions that go on where another one ended: history, what is heard again, what is lost.

use std::time::Duration;

use offhook_proto::client::{Direction, Input, State};
use offhook_proto::wire::client::{
    ConversationItemCreate, ConversationItemTruncate, ResponseCreate, SessionUpdate,
};
use offhook_proto::wire::server::{
    ConversationItemAdded, ConversationItemDone, InputAudioBufferCommitted, OutputAudioDelta,
    OutputAudioTranscriptDelta, OutputItemAdded, ResponseCreated, ResponseDone, SpeechStarted,
    SpeechStopped,
};
use offhook_proto::wire::{ClientEvent, ContentPart, Fields, Item, encode_pcm16};
use offhook_proto::{Conn, Protocol};
use serde_json::json;

use super::ms;
use crate::harness::{Asked, Far, Sent};

/// The agent answers with `text`; it goes on unless `done`.
fn answer(far: &mut Far, id: &str, text: &str, done: bool) {
    let item = Item::message(
        id,
        "assistant",
        "in_progress",
        ContentPart::output_audio(""),
    );
    far.say(ResponseCreated::default());
    far.say(OutputItemAdded {
        item: item.clone(),
        ..OutputItemAdded::default()
    });
    far.say(ConversationItemAdded {
        item,
        ..ConversationItemAdded::default()
    });
    far.say(OutputAudioTranscriptDelta {
        item_id: id.into(),
        delta: text.into(),
        ..OutputAudioTranscriptDelta::default()
    });
    far.say(OutputAudioDelta {
        item_id: id.into(),
        delta: encode_pcm16(&[0; 2400]),
        ..OutputAudioDelta::default()
    });
    if done {
        far.say(ResponseDone::default());
    }
}

fn type_text(far: &mut Far, text: &str) {
    let item = Item::message("", "user", "completed", ContentPart::input_text(text));
    far.tell(Input::Send(
        ConversationItemCreate {
            item,
            ..ConversationItemCreate::default()
        }
        .into(),
    ));
}

/// The events sent, less pings and acknowledgements.
fn events(far: &mut Far) -> Vec<ClientEvent> {
    let sent = far.sent.drain(..).filter_map(|(_, sent)| match sent {
        Sent::Event(envelope) => Some(envelope.event),
        Sent::Audio(..) => None,
    });
    sent.filter(|event| !event.is_of_connection()).collect()
}

fn text_of(event: &ClientEvent) -> Option<&str> {
    match event {
        ClientEvent::ConversationItemCreate(create) => create.item.content[0].text.as_deref(),
        _ => None,
    }
}

fn settings(value: &str) -> ClientEvent {
    let mut session = Fields::new();
    session.insert("instructions".into(), json!(value));
    SessionUpdate {
        session,
        extra: Fields::new(),
    }
    .into()
}

#[test]
fn a_new_session_is_told_the_conversation_and_hears_again_what_was_not_used() {
    for protocol in [Protocol::OffhookV1, Protocol::Plain] {
        let mut far = Far::live(protocol);
        far.tell(Input::Send(settings("be brief").into()));
        answer(&mut far, "item_a", "Hello there", true);
        type_text(&mut far, "Hi");
        for sample in 1..=4 {
            far.audio(sample);
        }
        if protocol == Protocol::OffhookV1 {
            // The settings, the text and two pieces of audio have arrived, one is used.
            far.ack(4, 3);
        } else {
            far.say(SpeechStopped {
                audio_end_ms: 20,
                ..SpeechStopped::default()
            });
            far.say(InputAudioBufferCommitted::default());
            far.say(ResponseCreated::default());
            far.say(ResponseDone::default());
        }
        far.sent.clear();
        far.drop_line();
        far.audio(5);
        far.run_for(ms(250));
        far.open("epoch_2");
        let events = events(&mut far);
        assert!(
            matches!(&events[0], ClientEvent::SessionUpdate(update)
                if update.session["instructions"] == "be brief"),
            "{protocol}: {events:?}"
        );
        assert_eq!(text_of(&events[1]), Some("Hello there"));
        assert_eq!(text_of(&events[2]), Some("Hi"));
        let audio = events[3..].iter().map(|event| match event {
            ClientEvent::InputAudioBufferAppend(append) => {
                offhook_proto::wire::decode_pcm16(&append.audio).unwrap()[0]
            }
            other => panic!("{protocol}: {other:?}"),
        });
        assert_eq!(audio.collect::<Vec<_>>(), [2, 3, 4, 5], "{protocol}");
        assert!(!far.backs[0].resumed && !far.backs[0].answer_lost);
        assert!(far.lost.is_empty());
    }
}

#[test]
fn a_session_that_begins_anew_counts_anew() {
    let mut far = Far::live(Protocol::OffhookV1);
    type_text(&mut far, "Hi");
    far.audio(1);
    far.drop_line();
    far.run_for(ms(250));
    far.sent.clear();
    far.open("epoch_2");
    let seqs: Vec<_> = far.sent.iter().filter_map(|(_, sent)| sent.seq()).collect();
    // The text is told as history and not sent a second time.
    assert_eq!(seqs, [1, 2]);
}

#[test]
fn the_echo_of_what_was_told_is_not_news() {
    let mut far = Far::live(Protocol::OffhookV1);
    answer(&mut far, "item_a", "Hello", true);
    far.drop_line();
    far.run_for(ms(250));
    far.open("epoch_2");
    let news = far.events.len();
    let item = Item::message("item_a", "assistant", "completed", ContentPart::default());
    far.say(ConversationItemAdded {
        item: item.clone(),
        ..ConversationItemAdded::default()
    });
    far.say(ConversationItemDone {
        item: item.clone(),
        ..ConversationItemDone::default()
    });
    assert_eq!(far.events.len(), news);
    far.say(ConversationItemDone {
        item,
        ..ConversationItemDone::default()
    });
    assert_eq!(far.events.len(), news + 1);
}

#[test]
fn an_answer_that_is_lost_with_its_session_is_reported() {
    let mut far = Far::live(Protocol::OffhookV1);
    answer(&mut far, "item_a", "Hello there", false);
    far.tell(Input::Send(
        ConversationItemTruncate {
            item_id: "item_a".into(),
            audio_end_ms: 50,
            ..ConversationItemTruncate::default()
        }
        .into(),
    ));
    far.drop_line();
    far.run_for(ms(250));
    far.open("epoch_2");
    assert!(far.backs[0].answer_lost);
    let [gap] = &far.lost[..] else {
        panic!("{:?}", far.lost);
    };
    assert_eq!(gap.direction, Direction::Output);
    // What was cut is told cut, and the cut itself means nothing to the new session.
    let events = events(&mut far);
    let create = events.iter().find_map(text_of);
    assert_eq!(create, Some("Hello"));
    let truncates = events.iter();
    let truncates =
        truncates.filter(|event| matches!(event, ClientEvent::ConversationItemTruncate(_)));
    assert_eq!(
        truncates.count(),
        1,
        "the one that was sent before the drop"
    );
}

#[test]
fn an_answer_that_was_due_is_asked_for_again_by_whoever_asked() {
    let mut far = Far::live(Protocol::OffhookV1);
    far.tell(Input::Send(ResponseCreate::default().into()));
    far.ack(1, 0);
    far.drop_line();
    far.run_for(ms(250));
    far.open("epoch_2");
    assert!(
        far.backs[0].answer_lost,
        "it had arrived: nobody repeats it"
    );

    let mut far = Far::live(Protocol::OffhookV1);
    far.drop_line();
    far.tell(Input::Send(ResponseCreate::default().into()));
    far.run_for(ms(250));
    far.open("epoch_2");
    assert!(!far.backs[0].answer_lost, "it had not arrived: it is sent");
    assert!(
        events(&mut far)
            .iter()
            .any(|event| matches!(event, ClientEvent::ResponseCreate(_)))
    );
}

#[test]
fn a_plain_session_is_left_for_a_new_one_before_it_ends_when_nobody_speaks() {
    let mut far = Far::live(Protocol::Plain);
    answer(&mut far, "item_a", "Hello", true);
    far.run_alive(Duration::from_secs(54 * 60));
    far.say(SpeechStarted::default());
    far.run_alive(Duration::from_secs(120));
    assert_eq!(far.dials().len(), 1, "somebody speaks");
    far.say(SpeechStopped::default());
    far.run_alive(ms(250));
    assert_eq!(far.dials().len(), 1, "an answer is due");
    far.say(ResponseCreated::default());
    far.say(ResponseDone::default());
    let old = far.conn;
    far.run_for(ms(1));
    assert_eq!(far.dials().len(), 2);
    far.audio(9);
    assert_eq!(far.sent.back().map(|(conn, _)| *conn), Some(old));
    far.sent.clear();
    far.open("");
    assert!(far.asked.iter().any(
        |(_, asked)| matches!(asked, Asked::Close(conn, close) if *conn == old && close.code == 1000)
    ));
    assert!(matches!(far.state(), State::Live { .. }));
    let back = far.backs[0];
    assert_eq!(
        (back.away, back.resumed, back.answer_lost),
        (Duration::ZERO, false, false)
    );
    let events = events(&mut far);
    assert_eq!(text_of(&events[0]), Some("Hello"));
    // The last word was on its way to a session that nobody listens to any more.
    assert!(
        events
            .iter()
            .any(|event| matches!(event, ClientEvent::InputAudioBufferAppend(_)))
    );
    assert!(
        !far.states
            .iter()
            .any(|(_, state)| matches!(state, State::Reconnecting { .. }))
    );
}

#[test]
fn a_plain_session_that_is_over_goes_on_in_another_one() {
    let mut far = Far::live(Protocol::Plain);
    far.close(1001, "");
    far.run_for(ms(1));
    assert_eq!(far.dials().len(), 2);
    assert_eq!(far.dials()[1].1, None);
    far.open("");
    assert!(matches!(far.state(), State::Live { .. }));
}

#[test]
fn a_session_that_cannot_be_resumed_is_not_asked_for_again() {
    let mut far = Far::live(Protocol::OffhookV1);
    far.drop_line();
    far.run_for(ms(250));
    far.hello("epoch_1", None);
    far.close(4410, "session.window_over");
    far.run_for(ms(1));
    assert_eq!(
        far.dials().last().and_then(|(_, session)| session.clone()),
        None
    );
    assert_eq!(far.conn, Conn(3));
    far.open("epoch_2");
    assert!(matches!(far.state(), State::Live { .. }));
}
