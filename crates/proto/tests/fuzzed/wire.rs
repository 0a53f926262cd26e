//! The decoders: they read what they write, keep what they do not know, and never panic.

use std::fmt::Debug;
use std::str;

use offhook_proto::wire::binary::{Frame, HEADER, MAX};
use offhook_proto::wire::{ClientEvent, Envelope, ServerEvent, decode_pcm16, encode_pcm16};
use serde_json::Value;

/// A frame is what its bytes say, and nothing else.
///
/// # Panics
/// If the bytes show a fault.
pub(crate) fn binary_frame(bytes: &[u8]) {
    match Frame::decode(bytes) {
        Ok(frame) => {
            assert_eq!(frame.encode(), bytes);
            assert_eq!(frame.payload.len(), bytes.len() - HEADER);
        }
        Err(error) => {
            let fits = (HEADER..=MAX).contains(&bytes.len()) && bytes.len().is_multiple_of(2);
            let is_audio = fits && matches!(bytes[0], 0x11 | 0x12);
            assert!(!is_audio, "{error}");
        }
    }
}

/// An event of a client.
///
/// # Panics
/// If the bytes show a fault.
pub(crate) fn client_event(bytes: &[u8]) {
    let decode = |text: &str| Envelope::<ClientEvent>::decode(text).map_err(|e| e.to_string());
    let Some(envelope) = event(bytes, decode, Envelope::encode) else {
        return;
    };
    if let ClientEvent::InputAudioBufferAppend(append) = &envelope.event {
        audio(&append.audio);
    }
}

/// An event of a server.
///
/// # Panics
/// If the bytes show a fault.
pub(crate) fn server_event(bytes: &[u8]) {
    let decode = |text: &str| Envelope::<ServerEvent>::decode(text).map_err(|e| e.to_string());
    let Some(envelope) = event(bytes, decode, Envelope::encode) else {
        return;
    };
    if let ServerEvent::OutputAudioDelta(delta) = &envelope.event {
        audio(&delta.delta);
    }
}

/// Reads an event, writes it and reads it again: nothing is lost, nothing else is there, and from
/// the first writing on nothing changes.
fn event<E: PartialEq + Debug>(
    bytes: &[u8],
    decode: impl Fn(&str) -> Result<E, String>,
    encode: impl Fn(&E) -> String,
) -> Option<E> {
    let text = str::from_utf8(bytes).ok()?;
    let event = decode(text).ok()?;
    let written = encode(&event);
    let again = decode(&written).expect("what was written can be read");
    let (before, after): (Value, Value) = (parse(text), parse(&written));
    assert!(is_kept(&before, &after), "{text} became {written}");
    let twice = encode(&again);
    assert!(is_same(&after, &parse(&twice)), "{written} became {twice}");
    Some(event)
}

/// Audio in an event is whole samples, and written as it was read.
fn audio(text: &str) {
    if let Ok(samples) = decode_pcm16(text) {
        assert_eq!(encode_pcm16(&samples), text);
    }
}

fn parse(text: &str) -> Value {
    serde_json::from_str(text).expect("it was read as an event")
}

/// Whether everything in `before` is in `after`. What says nothing may be left out.
fn is_kept(before: &Value, after: &Value) -> bool {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => before.iter().all(|(name, value)| {
            after
                .get(name)
                .map_or_else(|| says_nothing(value), |other| is_kept(value, other))
        }),
        (Value::Array(before), Value::Array(after)) => {
            before.len() == after.len()
                && before
                    .iter()
                    .zip(after)
                    .all(|(before, after)| is_kept(before, after))
        }
        _ => is_same(before, after),
    }
}

fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(elements) => elements.is_empty(),
        _ => false,
    }
}

/// Whether two values are equal, but for the last bit of a number with a fraction: the parser takes
/// the quick way there.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            let (Some(a), Some(b)) = (one.as_f64(), other.as_f64()) else {
                return one == other;
            };
            one == other || ((one.is_f64() || other.is_f64()) && (a - b).abs() <= a.abs() * 1e-14)
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(a, b)| is_same(a, b))
        }
        (Value::Object(one), Value::Object(other)) => {
            let same = |(name, value)| other.get(name).is_some_and(|other| is_same(value, other));
            one.len() == other.len() && one.iter().all(same)
        }
        _ => one == other,
    }
}
