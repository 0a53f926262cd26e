//! What comes from the client is taken once, in order, and only if it can be read.

use offhook_proto::server::Received;
use offhook_proto::wire::client::{
    Ack, ConversationItemTruncate, Gap, ResponseCreate, SessionResume,
};
use offhook_proto::wire::server::{ConversationItemDeleted, SessionUpdated, SpeechStopped};
use offhook_proto::wire::{ClientEvent, Fields, ServerEvent};
use offhook_proto::{Close, Protocol};

use crate::harness::{Rig, Told, ms};

const V1: Protocol = Protocol::OffhookV1;

fn error_of(rig: &Rig) -> (Option<String>, Option<String>) {
    match rig.last(1, "error") {
        ServerEvent::Error(error) => (error.error.code, error.error.event_id),
        other => panic!("{other:?}"),
    }
}

fn gap(through: u64) -> Gap {
    Gap {
        through,
        to_ms: 20 * through,
        reason: "window_full".into(),
        ..Gap::default()
    }
}

#[test]
fn every_event_is_given_once_and_a_missing_one_ends_the_session() {
    let mut rig = Rig::live(V1);
    rig.say(1, 1);
    rig.send(1, Some(2), ResponseCreate::default());
    rig.send(1, Some(2), ResponseCreate::default());
    rig.say(1, 1);
    let seqs: Vec<_> = rig.given().iter().map(|envelope| envelope.seq).collect();
    assert_eq!(seqs, [Some(1), Some(2)]);
    rig.say(1, 4);
    let close = Close::new(Close::BAD_SEQUENCE, "sequence.gap");
    assert_eq!(rig.close_of(1), Some(close));
    rig.closes(1, Close::BAD_SEQUENCE);
    assert!(rig.ended());
    assert_eq!(rig.given().len(), 2);
}

#[test]
fn an_event_that_counts_needs_a_number() {
    let mut rig = Rig::live(V1);
    rig.send(1, None, ResponseCreate::default());
    assert_eq!(rig.code_of(1), Some(Close::BAD_SEQUENCE));
    assert!(rig.given().is_empty());
}

#[test]
fn a_loss_is_taken_in_place_of_what_is_lost() {
    let mut rig = Rig::live(V1);
    rig.say(1, 1);
    rig.send(1, Some(2), gap(40));
    rig.send(1, Some(2), gap(40));
    rig.say(1, 41);
    assert_eq!(rig.heartbeat(1).0, 41);
    assert_eq!(
        rig.server.tally().lost_ms,
        800,
        "what came twice counts once"
    );
    assert_eq!(
        rig.given().len(),
        2,
        "the loss itself is not for the upstream"
    );
    rig.upstream(SpeechStopped {
        audio_end_ms: 20,
        ..SpeechStopped::default()
    });
    assert_eq!(rig.heartbeat(1), (41, 40));
    rig.send(1, Some(43), gap(50));
    assert_eq!(rig.code_of(1), Some(Close::BAD_SEQUENCE));
}

#[test]
fn what_becomes_used_is_told_at_once() {
    let mut rig = Rig::live(V1);
    for seq in 1..=5 {
        rig.say(1, seq);
    }
    let mut acks = Vec::new();
    for (audio_end_ms, after) in [(40, 40), (40, 40), (80, 10)] {
        rig.run(ms(after));
        rig.upstream(SpeechStopped {
            audio_end_ms,
            ..SpeechStopped::default()
        });
        let told = rig.sent(1).into_iter().filter_map(|told| match told {
            Told::Event(envelope) => match envelope.event {
                ServerEvent::Ack(ack) => Some((ack.up_to, ack.commit)),
                _ => None,
            },
            Told::Audio { .. } => None,
        });
        acks.push(told.collect::<Vec<_>>());
    }
    assert_eq!(acks[0], [(5, 2)], "after the event, not with the heartbeat");
    assert_eq!(acks[1], [(5, 2)], "nothing new is used");
    assert_eq!(acks[2], [(5, 2), (5, 4)]);
}

#[test]
fn what_is_used_upstream_is_told() {
    let mut rig = Rig::live(V1);
    rig.send(1, Some(1), ResponseCreate::default());
    for seq in 2..=11 {
        rig.say(1, seq);
    }
    rig.upstream(SessionUpdated::default());
    assert_eq!(rig.heartbeat(1), (11, 1));
    rig.upstream(SpeechStopped {
        audio_end_ms: 100,
        ..SpeechStopped::default()
    });
    assert_eq!(rig.heartbeat(1), (11, 6));
    rig.drop(1);
    rig.attach(2, V1, true);
    rig.resume(2, 3, 12);
    let ServerEvent::SessionResumed(resumed) = rig.last(2, "session.resumed") else {
        panic!("it resumed")
    };
    assert_eq!((resumed.recv, resumed.commit), (11, 6));
}

#[test]
fn the_settings_say_how_long_a_byte_is() {
    let mut rig = Rig::live(V1);
    let session = r#"{"audio":{"input":{"format":{"type":"audio/pcmu"}}}}"#;
    let session: Fields = serde_json::from_str(session).unwrap();
    rig.upstream(SessionUpdated {
        session,
        ..SessionUpdated::default()
    });
    // 960 bytes are 120 ms of it.
    rig.say(1, 1);
    rig.say(1, 2);
    rig.upstream(SpeechStopped {
        audio_end_ms: 239,
        ..SpeechStopped::default()
    });
    assert_eq!(rig.heartbeat(1), (2, 1));
}

#[test]
fn an_event_that_cannot_be_read_is_answered_and_counts() {
    let mut rig = Rig::live(V1);
    rig.text(
        1,
        r#"{"type":"input_audio_buffer.append","event_id":"e","seq":1}"#,
    );
    let expected = (Some("invalid_event".to_owned()), Some("e".to_owned()));
    assert_eq!(error_of(&rig), expected);
    rig.text(1, r#"{"event_id":"f","seq":2}"#);
    assert_eq!(error_of(&rig).1.as_deref(), Some("f"));
    assert_eq!(rig.heartbeat(1), (2, 2), "and nothing more will come of it");
    rig.text(1, "no json");
    assert_eq!(error_of(&rig).1, None);
    rig.clear();
    rig.text(1, r#"{"event_id":"f","seq":2}"#);
    assert!(rig.outputs.is_empty(), "once is enough");
    rig.say(1, 3);
    assert_eq!(rig.given().len(), 1);
    rig.text(1, r#"{"seq":5}"#);
    assert_eq!(rig.code_of(1), Some(Close::BAD_SEQUENCE));
}

#[test]
fn events_of_unknown_types_are_given_as_they_are() {
    let mut rig = Rig::live(V1);
    rig.text(1, r#"{"type":"new.thing","event_id":"e","seq":1,"x":[1]}"#);
    let given = rig.given();
    assert!(matches!(&given[0].event, ClientEvent::Other(other) if other.fields["x"][0] == 1));
    assert_eq!(given[0].event_id.as_deref(), Some("e"));
}

#[test]
fn too_much_that_cannot_be_read_ends_the_session() {
    for protocol in [V1, Protocol::OffhookV1Bin, Protocol::Plain] {
        let mut rig = Rig::live(protocol);
        for _ in 0..64 {
            rig.text(1, "x");
        }
        assert!(rig.close_of(1).is_none(), "{protocol}");
        rig.received(1, Received::Binary(b"x"));
        let close = Close::new(Close::POLICY, "message.too_many_malformed");
        assert_eq!(rig.close_of(1), Some(close), "{protocol}");
        rig.closes(1, Close::POLICY);
        assert!(rig.ended());
    }
}

#[test]
fn a_message_too_large_costs_the_connection() {
    let mut rig = Rig::live(V1);
    rig.received(1, Received::TooBig);
    let close = Close::new(Close::TOO_BIG, "message.too_big");
    assert_eq!(rig.close_of(1), Some(close));
    rig.attach(2, V1, true);
    rig.resume(2, 1, 1);
    assert!(rig.kinds(2).contains(&"session.resumed".to_owned()));
}

#[test]
fn an_acknowledgement_of_what_was_never_sent_is_refused() {
    let mut rig = Rig::live(V1);
    rig.ack(1, 2);
    assert_eq!(error_of(&rig).0.as_deref(), Some("invalid_ack"));
    rig.send(1, None, SessionResume::default());
    assert_eq!(error_of(&rig).0.as_deref(), Some("unexpected_resume"));
    let extra = Fields::new();
    rig.send(1, None, Ack { up_to: 0, extra });
    assert_eq!(rig.kinds(1).len(), 2);
}

#[test]
fn nothing_is_cut_beyond_what_was_sent() {
    let cut = |item: &str, audio_end_ms| ConversationItemTruncate {
        item_id: item.into(),
        audio_end_ms,
        ..ConversationItemTruncate::default()
    };
    for protocol in [V1, Protocol::OffhookV1Bin, Protocol::Plain] {
        let mut rig = Rig::live(protocol);
        rig.speak("item_1", &[1; 24 * 700]);
        rig.speak("item_1", &[1; 24 * 300]);
        rig.clear();
        for (seq, ms) in (1..).zip([1_500, 400, 600]) {
            rig.send(1, Some(seq), cut("item_1", ms));
        }
        let given = rig.given();
        let cuts = given.iter().map(|envelope| match &envelope.event {
            ClientEvent::ConversationItemTruncate(cut) => cut.audio_end_ms,
            other => panic!("{other:?}"),
        });
        let cuts: Vec<_> = cuts.collect();
        assert_eq!(cuts, [1_000, 400, 400], "{protocol}");
        // Of what nobody said there is nothing to cut, which plain clients hear from upstream.
        rig.clear();
        rig.upstream(ConversationItemDeleted {
            item_id: "item_1".into(),
            ..ConversationItemDeleted::default()
        });
        rig.send(1, Some(4), cut("item_1", 100));
        if protocol == Protocol::Plain {
            assert_eq!(rig.given().len(), 1);
        } else {
            assert!(rig.given().is_empty());
            let expected = (Some("unknown_item".to_owned()), Some("client_4".to_owned()));
            assert_eq!(error_of(&rig), expected);
            assert_eq!(rig.heartbeat(1).0, 4);
        }
    }
}

#[test]
fn what_is_not_sent_yet_cannot_have_been_heard() {
    let mut config = crate::harness::config();
    config.in_flight_bytes = 1_000;
    let mut rig = Rig::live_with(config, Protocol::OffhookV1Bin);
    rig.speak("item_1", &[1; 480]);
    rig.speak("item_1", &[1; 480]);
    rig.run(ms(10));
    rig.send(
        1,
        Some(1),
        ConversationItemTruncate {
            item_id: "item_1".into(),
            audio_end_ms: 40,
            ..ConversationItemTruncate::default()
        },
    );
    let given = rig.given();
    let ClientEvent::ConversationItemTruncate(cut) = &given[0].event else {
        panic!("it is given")
    };
    assert_eq!(cut.audio_end_ms, 0);
}
