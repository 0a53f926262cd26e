//! `docs/protocol.md` and the code say the same, in both directions.

mod document;
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use document::{Document, Event};
use offhook_proto::wire::binary::{self, Flags, Frame, Kind};
use offhook_proto::wire::{ClientEvent, Envelope, ServerEvent};
use offhook_proto::{Close, Protocol, client, server};
use serde_json::{Map, Value as Json, json};
use source::Value;

/// One direction: the heading of its events, where they are declared, all their types.
const SIDES: [(&str, &str, &[&str]); 2] = [
    ("### From the client", "wire/client.rs", ClientEvent::TYPES),
    ("### From the server", "wire/server.rs", ServerEvent::TYPES),
];

/// Whether an event of this type is of the superset and not of the OpenAI API.
fn is_extension(kind: &str) -> bool {
    kind.starts_with("offhook.") || kind.starts_with("session.re")
}

#[test]
fn the_extension_events_are_those_of_the_code() {
    let document = Document::read();
    for (heading, _, types) in SIDES {
        let documented: Vec<_> = document
            .events(heading)
            .into_iter()
            .map(|e| e.kind)
            .collect();
        let set: BTreeSet<_> = documented.iter().map(String::as_str).collect();
        assert_eq!(set.len(), documented.len(), "{heading}: described twice");
        let coded = types.iter().copied().filter(|kind| is_extension(kind));
        assert_eq!(set, coded.collect(), "{heading}");
    }
}

#[test]
fn their_fields_are_those_of_the_code() {
    let document = Document::read();
    for (heading, path, _) in SIDES {
        let coded = source::events(&source::read(path));
        for event in document.events(heading) {
            let documented = event.fields.iter().map(|field| field.name.as_str());
            let documented: BTreeSet<_> = documented.collect();
            let coded = coded[&event.kind].iter().map(String::as_str).collect();
            assert_eq!(documented, coded, "{heading}: {}", event.kind);
        }
    }
}

#[test]
fn events_built_by_the_document_are_read_by_the_code() {
    let document = Document::read();
    are_read(&document, "### From the client", |text| {
        Envelope::<ClientEvent>::decode(text).map(|read| read.event.is_of_connection())
    });
    are_read(&document, "### From the server", |text| {
        Envelope::<ServerEvent>::decode(text).map(|read| read.event.is_of_connection())
    });
}

/// Each event under a heading is read, by what says whether it is of its connection.
fn are_read<E: Display>(
    document: &Document,
    heading: &str,
    is_of_connection: impl Fn(&str) -> Result<bool, E>,
) {
    for event in document.events(heading) {
        for text in samples(&event) {
            let read = is_of_connection(&text);
            let is_of_connection = read.unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(!is_of_connection, event.is_numbered, "{}", event.kind);
        }
    }
}

/// An event with all the fields that are described, and one without those that are optional.
fn samples(event: &Event) -> [String; 2] {
    let mut whole = Map::from_iter([("type".to_owned(), json!(event.kind))]);
    let mut least = whole.clone();
    for field in &event.fields {
        let sample = match field.kind.as_str() {
            "string" => json!("x"),
            "integer" => json!(7),
            "strings" => json!(["x", "y"]),
            "array" => json!([{}]),
            other => panic!("{}: what is {other:?}?", event.kind),
        };
        if let Some((array, name)) = field.name.split_once("[].") {
            whole[array][0][name] = sample;
            continue;
        }
        if !field.is_optional {
            least.insert(field.name.clone(), sample.clone());
        }
        whole.insert(field.name.clone(), sample);
    }
    [whole, least].map(|fields| Json::Object(fields).to_string())
}

#[test]
fn every_event_that_is_named_exists() {
    let document = Document::read();
    let known: BTreeSet<_> = [ClientEvent::TYPES, ServerEvent::TYPES]
        .concat()
        .into_iter()
        .collect();
    let protocols = Protocol::OFFERED;
    let families = [
        "offhook.",
        "session.re",
        "session.created",
        "conversation.",
        "response.",
        "input_audio_buffer.",
    ];
    let mut named = 0;
    for code in document.codes() {
        let kind = code.split(['{', ' ', ',']).next().unwrap_or_default();
        let is_event = families.iter().any(|family| kind.starts_with(family));
        if is_event && !protocols.contains(&kind) {
            assert!(
                known.contains(kind),
                "{kind} is in the document and not in the code"
            );
            named += 1;
        }
    }
    assert!(named > 50, "{named}: the document was not read");
}

#[test]
fn the_close_codes_are_those_of_the_code() {
    let document = Document::read();
    let rows = document.rows("## Close codes");
    let documented: Vec<u16> = rows
        .iter()
        .map(|row| row[0].parse().expect("it is a code"))
        .collect();
    let set: BTreeSet<u16> = documented.iter().copied().collect();
    assert_eq!(set.len(), documented.len(), "a code is there twice");
    let coded: BTreeMap<String, u16> = source::codes(&source::read("close.rs"));
    assert!(
        coded.values().any(|code| *code == Close::RATE_LIMITED),
        "close.rs was not read"
    );
    assert_eq!(set, coded.into_values().collect());
}

#[test]
fn the_numbers_are_those_of_the_code() {
    let document = Document::read();
    let known: BTreeMap<&str, Value> = client_numbers()
        .into_iter()
        .chain(server_numbers())
        .chain([
            ("Close::MAX_REASON", Value::Count(Close::MAX_REASON as u64)),
            ("wire::binary::HEADER", Value::Count(binary::HEADER as u64)),
            ("wire::binary::MAX", Value::Count(binary::MAX as u64)),
        ])
        .collect();
    let mut missing: BTreeSet<&str> = known.keys().copied().collect();
    for row in document.rows("## Numbers") {
        let name = row[0].trim_matches('`');
        let documented: Vec<Value> = row[1]
            .split(" and ")
            .map(|value| {
                Value::parse(value).unwrap_or_else(|| panic!("{name}: what is {value:?}?"))
            })
            .collect();
        let coded = match known.get(name) {
            Some(value) => vec![*value],
            None => in_source(name),
        };
        assert_eq!(documented, coded, "{name}");
        missing.remove(name);
    }
    assert_eq!(missing, BTreeSet::new(), "not in the document");
}

/// The values of a constant, or of a structure's field, in a module of the crate.
fn in_source(name: &str) -> Vec<Value> {
    let (module, name) = name.rsplit_once("::").expect("it has a module");
    let path = module.trim_end_matches("::Patience").replace("::", "/") + ".rs";
    let values = source::values(&source::read(&path), name);
    assert!(!values.is_empty(), "{module} sets no {name}");
    values
}

/// Every setting of a client that a peer or a user can notice.
fn client_numbers() -> Vec<(&'static str, Value)> {
    let client::Config {
        seed: _,
        step_timeout,
        window,
        close_timeout,
        max_message_bytes,
        give_up,
        plain_lifetime,
    } = client::Config::default();
    vec![
        ("client::Config::step_timeout", Value::Time(step_timeout)),
        ("client::Config::window", Value::Time(window)),
        ("client::Config::close_timeout", Value::Time(close_timeout)),
        (
            "client::Config::max_message_bytes",
            Value::Count(max_message_bytes.into()),
        ),
        ("client::Config::give_up", Value::Time(give_up)),
        (
            "client::Config::plain_lifetime",
            Value::Time(plain_lifetime),
        ),
    ]
}

/// Every setting of a server that a peer or an operator can notice.
fn server_numbers() -> Vec<(&'static str, Value)> {
    let server::Config {
        session_id: _,
        epoch: _,
        seed: _,
        unix_ms: _,
        heartbeat,
        ping_every,
        client_silence,
        close_timeout,
        resume_timeout,
        resume_window,
        token_grace,
        max_frame_bytes,
        ring_bytes,
        in_flight_bytes,
    } = server::Config::default();
    vec![
        ("server::Config::heartbeat", Value::Time(heartbeat)),
        ("server::Config::ping_every", Value::Time(ping_every)),
        (
            "server::Config::client_silence",
            Value::Time(client_silence),
        ),
        ("server::Config::close_timeout", Value::Time(close_timeout)),
        (
            "server::Config::resume_timeout",
            Value::Time(resume_timeout),
        ),
        ("server::Config::resume_window", Value::Time(resume_window)),
        ("server::Config::token_grace", Value::Time(token_grace)),
        (
            "server::Config::max_frame_bytes",
            Value::Count(max_frame_bytes.into()),
        ),
        (
            "server::Config::ring_bytes",
            Value::Count(ring_bytes as u64),
        ),
        (
            "server::Config::in_flight_bytes",
            Value::Count(in_flight_bytes as u64),
        ),
    ]
}

#[test]
fn the_subprotocols_are_those_of_the_code() {
    let document = Document::read();
    let offer = Protocol::OFFERED.join(", ");
    assert!(
        document.codes().contains(&offer.as_str()),
        "{offer} is not in the document"
    );
    let rows = document.rows("### Subprotocols");
    for name in Protocol::OFFERED {
        assert!(
            rows.iter().any(|row| row[0].contains(&format!("`{name}`"))),
            "{name}"
        );
    }
    let key = format!("{}<token>", Protocol::TOKEN_PREFIX);
    assert!(
        document.codes().contains(&key.as_str()),
        "{key} is not in the document"
    );
}

#[test]
fn the_example_of_a_binary_frame_is_one() {
    let document = Document::read();
    let section = document.section("## Binary audio");
    let line = section
        .iter()
        .find(|line| line.starts_with("12 "))
        .expect("there is an example");
    let bytes: Vec<u8> = line
        .split_whitespace()
        .filter(|byte| *byte != "…")
        .map(|byte| u8::from_str_radix(byte, 16).expect("it is in hexadecimal"))
        .collect();
    let frame = Frame {
        kind: Kind::Output,
        flags: Flags::FIRST.with(Flags::REPLAYED),
        stream: 3,
        seq: 258,
        media_ts: 0,
        payload: &[1, 0, 0xFE, 0xFF],
    };
    assert_eq!(Frame::decode(&bytes), Ok(frame));
    assert_eq!(frame.encode(), bytes);
    assert_eq!(i16::from_le_bytes([0xFE, 0xFF]), -2);
}
