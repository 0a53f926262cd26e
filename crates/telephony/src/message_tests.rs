//! Twilio's documented messages, what is near them, and what is not.

use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::*;

fn read(message: &Value) -> Result<Message, Malformed> {
    Message::read(&message.to_string())
}

fn start() -> Value {
    json!({"event": "start", "sequenceNumber": "1", "streamSid": "MZ1",
        "start": {"accountSid": "AC1", "streamSid": "MZ1", "callSid": "CA1", "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": {"token": "hush", "Name": "Jane"}}})
}

fn media() -> Value {
    json!({"event": "media", "sequenceNumber": "3", "streamSid": "MZ1",
        "media": {"track": "inbound", "chunk": "2", "timestamp": "25", "payload": "/39/"}})
}

#[test]
fn a_start_says_who_calls() {
    let message = read(&start()).expect("it is a message");
    assert_eq!(message.stream_sid.as_deref(), Some("MZ1"));
    assert_eq!(message.sequence, Some(1));
    let Event::Start(start) = message.event else {
        panic!("{message:?}");
    };
    assert_eq!((&*start.stream_sid, &*start.call_sid), ("MZ1", "CA1"));
    assert_eq!(start.account_sid.as_deref(), Some("AC1"));
    assert_eq!(start.parameters["token"].expose_secret(), "hush");
    assert_eq!(start.parameters["Name"].expose_secret(), "Jane");
    assert!(!format!("{start:?}").contains("hush"));
}

#[test]
fn media_has_its_place_and_its_bytes() {
    let expected = Media {
        is_inbound: true,
        chunk: Some(2),
        timestamp: Some(25),
        payload: vec![0xFF, 0x7F, 0x7F],
    };
    let mut as_numbers = media();
    as_numbers["media"]["chunk"] = json!(2);
    as_numbers["media"]["timestamp"] = json!(25);
    for message in [media(), as_numbers] {
        let event = read(&message).expect("it is a message").event;
        assert!(
            matches!(event, Event::Media(media) if media == expected),
            "{message}"
        );
    }
    let mut outbound = media();
    outbound["media"]["track"] = json!("outbound");
    let event = read(&outbound).expect("it is a message").event;
    assert!(matches!(event, Event::Media(media) if !media.is_inbound));
}

#[test]
fn the_other_events_are_known() {
    let connected = json!({"event": "connected", "protocol": "Call", "version": "1.0.0"});
    let message = read(&connected).expect("it is a message");
    assert!(matches!(message.event, Event::Connected));
    assert_eq!((message.stream_sid, message.sequence), (None, None));
    let dtmf = json!({"event": "dtmf", "streamSid": "MZ1", "sequenceNumber": "5",
        "dtmf": {"track": "inbound_track", "digit": "#"}});
    assert!(matches!(
        read(&dtmf).expect("it is a message").event,
        Event::Dtmf('#')
    ));
    let mark = json!({"event": "mark", "sequenceNumber": "4", "streamSid": "MZ1",
        "mark": {"name": "item_1:20:0"}});
    let event = read(&mark).expect("it is a message").event;
    assert!(matches!(event, Event::Mark(name) if name == "item_1:20:0"));
    let stop = json!({"event": "stop", "sequenceNumber": "5", "streamSid": "MZ1",
        "stop": {"accountSid": "AC1", "callSid": "CA1"}});
    assert!(matches!(
        read(&stop).expect("it is a message").event,
        Event::Stop
    ));
}

#[test]
fn what_is_new_does_no_harm() {
    for event in ["video", "", "Media"] {
        let message = json!({"event": event, "media": 5, "start": [], "x": {"y": [null]}});
        assert!(matches!(
            read(&message).expect("it is a message").event,
            Event::Unknown
        ));
    }
    let mut message = media();
    message["media"]["level"] = json!({"db": -20});
    message["new"] = json!([1, 2]);
    assert!(matches!(
        read(&message).expect("it is a message").event,
        Event::Media(_)
    ));
}

#[test]
fn what_is_not_a_message_is_refused_by_name() {
    for text in [
        "",
        "{",
        "[]",
        "null",
        "{}",
        r#"{"event":1}"#,
        r#"{"event":"stop""#,
    ] {
        assert_eq!(
            Message::read(text).err(),
            Some(Malformed::NotAnEvent),
            "{text}"
        );
    }
    for (pointer, value, expected) in [
        ("/media", Value::Null, Malformed::Missing("media")),
        ("/media", json!("x"), Malformed::Shape("media")),
        ("/media/chunk", json!("-1"), Malformed::Shape("media")),
        ("/media/chunk", json!("2.5"), Malformed::Shape("media")),
        (
            "/media/timestamp",
            json!("99999999999999999999"),
            Malformed::Shape("media"),
        ),
        (
            "/media/payload",
            Value::Null,
            Malformed::Missing("media.payload"),
        ),
        ("/media/payload", json!("/39"), Malformed::NotBase64),
        ("/media/payload", json!("/3 9"), Malformed::NotBase64),
        ("/sequenceNumber", json!("three"), Malformed::NotAnEvent),
        (
            "/streamSid",
            json!("M".repeat(65)),
            Malformed::TooLarge("streamSid"),
        ),
    ] {
        let mut message = media();
        *message.pointer_mut(pointer).expect("it is there") = value;
        assert_eq!(read(&message).err(), Some(expected), "{message}");
    }
    for (pointer, value, expected) in [
        ("/start", Value::Null, Malformed::Missing("start")),
        (
            "/start/callSid",
            json!(""),
            Malformed::Missing("start.callSid"),
        ),
        (
            "/start/streamSid",
            Value::Null,
            Malformed::Missing("start.streamSid"),
        ),
        (
            "/start/mediaFormat/encoding",
            json!("audio/l16"),
            Malformed::Format,
        ),
        (
            "/start/mediaFormat/sampleRate",
            json!("16000"),
            Malformed::Format,
        ),
        (
            "/start/customParameters",
            json!({"n": 5}),
            Malformed::Shape("start"),
        ),
    ] {
        let mut message = start();
        *message.pointer_mut(pointer).expect("it is there") = value;
        assert_eq!(read(&message).err(), Some(expected), "{message}");
    }
    for digit in ["", "12", "w", "é"] {
        let message = json!({"event": "dtmf", "dtmf": {"digit": digit}});
        assert_eq!(read(&message).err(), Some(Malformed::Digit));
    }
}

#[test]
fn limits_hold_to_the_byte() {
    let mut message = media();
    for (bytes, is_taken) in [(MAX_PAYLOAD, true), (MAX_PAYLOAD + 1, false)] {
        message["media"]["payload"] = json!(BASE64_STANDARD.encode(vec![0; bytes]));
        assert_eq!(read(&message).is_ok(), is_taken, "{bytes}");
    }
    for (count, is_taken) in [(MAX_PARAMETERS, true), (MAX_PARAMETERS + 1, false)] {
        let parameters: BTreeMap<_, _> = (0..count).map(|n| (format!("{n}"), "")).collect();
        let mut message = start();
        message["start"]["customParameters"] = json!(parameters);
        assert_eq!(read(&message).is_ok(), is_taken, "{count}");
    }
    let text = media().to_string();
    let padded = |length: usize| format!("{text}{}", " ".repeat(length - text.len()));
    assert!(Message::read(&padded(MAX_MESSAGE)).is_ok());
    let refused = Message::read(&padded(MAX_MESSAGE + 1)).err();
    assert_eq!(refused, Some(Malformed::TooLong(MAX_MESSAGE + 1)));
}

#[test]
fn no_byte_that_is_another_does_harm() {
    for message in [start(), media()] {
        let text = message.to_string();
        for at in 0..text.len() {
            for byte in *b"\0\"\\{}[]:,0-e~" {
                let mut changed = text.clone().into_bytes();
                changed[at] = byte;
                let changed = String::from_utf8(changed).expect("all of it is ASCII");
                if let Ok(Message {
                    event: Event::Media(media),
                    ..
                }) = Message::read(&changed)
                {
                    assert!(media.payload.len() <= 3);
                }
            }
            assert!(Message::read(&text[..at]).is_err());
        }
    }
}

#[test]
fn errors_say_nothing_of_what_was_in_the_message() {
    let mut message = start();
    message["start"]["customParameters"] = json!(["hush"]);
    let error = read(&message).expect_err("parameters are an object");
    assert!(!format!("{error} {error:?}").contains("hush"));
}

#[test]
fn commands_are_what_twilio_documents() {
    let written = |command: Command| -> Value {
        serde_json::from_str(&command.to_json("MZ\"1")).expect("it is JSON")
    };
    assert_eq!(
        written(Command::Media(vec![0xFF, 0x7F, 0x7F])),
        json!({"event": "media", "streamSid": "MZ\"1", "media": {"payload": "/39/"}})
    );
    assert_eq!(
        written(Command::Mark("a\"b".to_owned())),
        json!({"event": "mark", "streamSid": "MZ\"1", "mark": {"name": "a\"b"}})
    );
    assert_eq!(
        written(Command::Clear),
        json!({"event": "clear", "streamSid": "MZ\"1"})
    );
}
