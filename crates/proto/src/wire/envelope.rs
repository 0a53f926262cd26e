//! What every event has around it: its type, its id, its sequence number.

use alloc::string::{String, ToString};

use serde::{Deserialize, Serialize};

use super::Fields;

/// An event with what the wire adds to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Envelope<E> {
    /// The sender's id for the event, echoed in errors about it.
    pub event_id: Option<String>,
    /// The sender's sequence number, from 1; only in `offhook.v1`.
    pub seq: Option<u64>,
    /// The event.
    pub event: E,
}

/// Why a text frame is not an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not a JSON object at all.
    #[error("it is not a JSON object ({0})")]
    NotJson(String),
    /// No `type`, or one that is not a string.
    #[error("it has no \"type\"")]
    NoType {
        /// The event's id, where it has one.
        event_id: Option<String>,
    },
    /// A known type with a field missing or of the wrong kind.
    #[error("the {kind} event in it is malformed ({detail})")]
    Malformed {
        /// The event's `type`.
        kind: String,
        /// What is wrong, as the JSON parser says it.
        detail: String,
        /// The event's id, where it has one.
        event_id: Option<String>,
        /// Its sequence number, where it has one: it counts all the same.
        seq: Option<u64>,
    },
}

impl DecodeError {
    /// The id of the event at fault, where it could be read.
    #[must_use]
    pub fn event_id(&self) -> Option<&str> {
        match self {
            Self::NotJson(_) => None,
            Self::NoType { event_id } | Self::Malformed { event_id, .. } => event_id.as_deref(),
        }
    }
}

/// An enum of events, made by `events!`.
pub trait Event: Sized {
    /// Reads the event of type `kind` out of `text`.
    ///
    /// # Errors
    /// The parser's, where a field is missing or of the wrong kind.
    fn decode(kind: &str, text: &str) -> Result<Self, serde_json::Error>;

    /// Writes the event with `head` before its fields.
    ///
    /// # Errors
    /// The serialiser's; none for events that were decoded or built from plain data.
    fn encode(&self, head: Head<'_>) -> Result<String, serde_json::Error>;
}

impl<E: Event> Envelope<E> {
    /// Reads one text frame.
    ///
    /// # Errors
    /// Says what is wrong with the frame. An unknown type is not an error.
    pub fn decode(text: &str) -> Result<Self, DecodeError> {
        #[derive(Deserialize)]
        struct Peek {
            #[serde(rename = "type")]
            kind: Option<serde_json::Value>,
            event_id: Option<String>,
            seq: Option<u64>,
        }
        let peek: Peek =
            serde_json::from_str(text).map_err(|error| DecodeError::NotJson(error.to_string()))?;
        let Some(serde_json::Value::String(kind)) = peek.kind else {
            return Err(DecodeError::NoType {
                event_id: peek.event_id,
            });
        };
        match E::decode(&kind, text) {
            Ok(event) => Ok(Self {
                event_id: peek.event_id,
                seq: peek.seq,
                event,
            }),
            Err(error) => Err(DecodeError::Malformed {
                kind,
                detail: error.to_string(),
                event_id: peek.event_id,
                seq: peek.seq,
            }),
        }
    }

    /// Writes one text frame.
    #[must_use]
    pub fn encode(&self) -> String {
        self.event
            .encode(Head {
                event_id: self.event_id.as_deref(),
                seq: self.seq,
            })
            .expect("events hold strings, numbers and JSON values, which always serialise")
    }
}

impl<E> From<E> for Envelope<E> {
    fn from(event: E) -> Self {
        Self {
            event_id: None,
            seq: None,
            event,
        }
    }
}

/// The envelope's own fields, while an event is written.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    event_id: Option<&'a str>,
    seq: Option<u64>,
}

impl Head<'_> {
    pub(super) fn encode(
        self,
        kind: &str,
        body: &impl Serialize,
    ) -> Result<String, serde_json::Error> {
        #[derive(Serialize)]
        struct Framed<'a, B> {
            #[serde(rename = "type")]
            kind: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            event_id: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            seq: Option<u64>,
            #[serde(flatten)]
            body: &'a B,
        }
        serde_json::to_string(&Framed {
            kind,
            event_id: self.event_id,
            seq: self.seq,
            body,
        })
    }
}

/// Takes out of a decoded event's other fields what the envelope holds.
pub(super) fn strip(fields: &mut Fields) {
    for name in ["type", "event_id", "seq"] {
        fields.remove(name);
    }
}
