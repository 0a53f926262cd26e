//! What events are about: items, their content, responses, errors.
//!
//! Statuses, roles and content types are strings, not enums: the API adds new ones without notice.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::Fields;

/// One element of the conversation: a message, a function call or its output.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Unique within the session; made by whoever creates the item.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// `message`, `function_call`, `function_call_output`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// `in_progress`, `completed` or `incomplete`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// `user`, `assistant` or `system`, for a message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The parts of a message.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub content: Vec<ContentPart>,
    /// Fields not named here, kept as they came.
    #[serde(flatten)]
    pub extra: Fields,
}

impl Item {
    /// A message with one part.
    #[must_use]
    pub fn message(id: &str, role: &str, status: &str, part: ContentPart) -> Self {
        Self {
            id: id.into(),
            kind: "message".into(),
            status: Some(status.into()),
            role: Some(role.into()),
            content: alloc::vec![part],
            extra: Fields::new(),
        }
    }
}

/// One part of a message.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ContentPart {
    /// `input_text`, `input_audio`, `output_text` or `output_audio`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The text of a text part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What is said in an audio part, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transcript: Option<String>,
    /// Fields not named here (`audio` among them), kept as they came.
    #[serde(flatten)]
    pub extra: Fields,
}

impl ContentPart {
    /// A part of the agent's speech.
    #[must_use]
    pub fn output_audio(transcript: &str) -> Self {
        Self {
            kind: "output_audio".into(),
            transcript: Some(transcript.into()),
            ..Self::default()
        }
    }

    /// A part of the caller's speech, not transcribed.
    #[must_use]
    pub fn input_audio() -> Self {
        Self {
            kind: "input_audio".into(),
            ..Self::default()
        }
    }

    /// A text the caller typed.
    #[must_use]
    pub fn input_text(text: &str) -> Self {
        Self {
            kind: "input_text".into(),
            text: Some(text.into()),
            ..Self::default()
        }
    }
}

/// One answer of the model.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Response {
    /// Unique within the session.
    #[serde(default)]
    pub id: String,
    /// `in_progress`, `completed`, `cancelled`, `incomplete` or `failed`.
    #[serde(default)]
    pub status: String,
    /// Why the status is what it is; null while all is well.
    #[serde(default)]
    pub status_details: Option<StatusDetails>,
    /// The items it made.
    #[serde(default)]
    pub output: Vec<Item>,
    /// Fields not named here, kept as they came.
    #[serde(flatten)]
    pub extra: Fields,
}

/// Why a response is not simply completed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StatusDetails {
    /// The status again.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// `turn_detected` or `client_cancelled` for a cancelled response, and others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Fields not named here, kept as they came.
    #[serde(flatten)]
    pub extra: Fields,
}

/// The `error` of an error event, and of a refused request's body.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ErrorDetail {
    /// `invalid_request_error`, `server_error`, …
    #[serde(rename = "type", default)]
    pub kind: String,
    /// A short name for programs.
    #[serde(default)]
    pub code: Option<String>,
    /// A sentence for people.
    #[serde(default)]
    pub message: String,
    /// The field at fault.
    #[serde(default)]
    pub param: Option<String>,
    /// The client event at fault.
    #[serde(default)]
    pub event_id: Option<String>,
    /// Fields not named here, kept as they came.
    #[serde(flatten)]
    pub extra: Fields,
}

impl ErrorDetail {
    /// A client event that cannot be done.
    #[must_use]
    pub fn invalid_request(code: &str, message: &str) -> Self {
        Self {
            kind: "invalid_request_error".into(),
            code: Some(code.into()),
            message: message.into(),
            ..Self::default()
        }
    }
}
