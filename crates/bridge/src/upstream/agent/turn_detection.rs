//! The `turn_detection` of a session: when the caller's turn begins and ends.

use serde_json::{Value, json};

use super::fault::Fault;
use super::settings::object;

/// How the caller's turns are found, and what follows from them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TurnDetection {
    /// `server_vad` or `semantic_vad`; the agent tells turns by their sound either way.
    kind: String,
    /// How loud speech has to be, from 0 to 1.
    pub(super) threshold: f32,
    /// How much audio before the speech belongs to the turn, in ms.
    pub(super) prefix_ms: u32,
    /// How long a pause ends a turn, in ms.
    pub(super) silence_ms: u32,
    /// Of `semantic_vad`: how early a turn is taken to be over.
    eagerness: String,
    /// Whether the end of a turn is answered without being asked.
    pub(super) create_response: bool,
    /// Whether the beginning of a turn stops the answer in progress.
    pub(super) interrupt_response: bool,
}

impl Default for TurnDetection {
    fn default() -> Self {
        Self {
            kind: SERVER.into(),
            threshold: 0.5,
            prefix_ms: 300,
            silence_ms: 500,
            eagerness: "auto".into(),
            create_response: true,
            interrupt_response: true,
        }
    }
}

const SERVER: &str = "server_vad";
const SEMANTIC: &str = "semantic_vad";

impl TurnDetection {
    /// Reads the setting; null switches it off.
    pub(super) fn from_json(param: &str, value: &Value) -> Result<Option<Self>, Fault> {
        if value.is_null() {
            return Ok(None);
        }
        let fields = object(param, value)?;
        let kind = match fields.get("type").map(Value::as_str) {
            None => SERVER.into(),
            Some(Some(kind @ (SERVER | SEMANTIC))) => kind.into(),
            Some(_) => {
                let message = "Turns are found by \"server_vad\" or \"semantic_vad\".";
                return Err(Fault::value(&format!("{param}.type"), message));
            }
        };
        let mut read = Self {
            kind,
            ..Self::default()
        };
        for (name, value) in fields {
            let param = format!("{param}.{name}");
            let wrong = |message| Fault::value(&param, message);
            let ms = |limit: u64| {
                let ms = value.as_u64().filter(|ms| *ms <= limit);
                ms.and_then(|ms| u32::try_from(ms).ok())
                    .ok_or_else(|| wrong("A time in ms is expected, not above 10,000."))
            };
            match (read.kind.as_str(), name.as_str()) {
                (_, "type") => {}
                (_, "create_response") => {
                    read.create_response = value
                        .as_bool()
                        .ok_or_else(|| wrong("True or false is expected."))?;
                }
                (_, "interrupt_response") => {
                    read.interrupt_response = value
                        .as_bool()
                        .ok_or_else(|| wrong("True or false is expected."))?;
                }
                (SERVER, "threshold") => {
                    let threshold = value.as_f64().filter(|value| (0.0..=1.0).contains(value));
                    read.threshold =
                        threshold.ok_or_else(|| wrong("A number from 0 to 1 is expected."))? as f32;
                }
                (SERVER, "prefix_padding_ms") => read.prefix_ms = ms(10_000)?,
                (SERVER, "silence_duration_ms") => read.silence_ms = ms(10_000)?,
                (SERVER, "idle_timeout_ms") => {
                    if !value.is_null() {
                        return Err(wrong("The built-in agent does not speak up by itself."));
                    }
                }
                (SEMANTIC, "eagerness") => {
                    read.silence_ms = match value.as_str() {
                        Some("low") => 1000,
                        Some("medium" | "auto") => 500,
                        Some("high") => 300,
                        _ => return Err(wrong("Low, medium, high or auto is expected.")),
                    };
                    read.eagerness = value.as_str().unwrap_or_default().into();
                }
                _ => return Err(Fault::unknown(&param)),
            }
        }
        Ok(Some(read))
    }

    /// The setting as the client sees it.
    pub(super) fn to_json(&self) -> Value {
        if self.kind == SEMANTIC {
            return json!({
                "type": self.kind,
                "eagerness": self.eagerness,
                "create_response": self.create_response,
                "interrupt_response": self.interrupt_response,
            });
        }
        json!({
            "type": self.kind,
            "threshold": self.threshold,
            "prefix_padding_ms": self.prefix_ms,
            "silence_duration_ms": self.silence_ms,
            "idle_timeout_ms": null,
            "create_response": self.create_response,
            "interrupt_response": self.interrupt_response,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_with_their_defaults() {
        let read = |value| TurnDetection::from_json("t", &value).unwrap();
        assert_eq!(read(json!(null)), None);
        let server = read(json!({ "type": "server_vad", "silence_duration_ms": 800 })).unwrap();
        assert_eq!((server.silence_ms, server.prefix_ms), (800, 300));
        let semantic = read(json!({ "type": "semantic_vad", "eagerness": "low" })).unwrap();
        assert_eq!(semantic.silence_ms, 1000);
        assert_eq!(semantic.to_json()["eagerness"], "low");
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (value, param) in [
            (json!("server_vad"), "t"),
            (json!({ "type": "magic" }), "t.type"),
            (json!({ "threshold": 2 }), "t.threshold"),
            (
                json!({ "silence_duration_ms": -1 }),
                "t.silence_duration_ms",
            ),
            (
                json!({ "prefix_padding_ms": 60_000 }),
                "t.prefix_padding_ms",
            ),
            (json!({ "idle_timeout_ms": 5000 }), "t.idle_timeout_ms"),
            (
                json!({ "type": "semantic_vad", "threshold": 0.5 }),
                "t.threshold",
            ),
        ] {
            let fault = TurnDetection::from_json("t", &value).unwrap_err();
            assert_eq!(fault.code_and_param().1, Some(param), "{value}");
        }
    }
}
