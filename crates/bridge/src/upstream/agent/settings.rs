//! The session's settings: the object the client sees, and the few fields the agent acts on.
//!
//! What OpenAI's API takes and the agent has no use for (instructions, voice, tools, …) is taken
//! and shown, so that programs written for that API run. What would change the audio on the wire
//! and is not supported is refused, with the field's name.

use offhook_proto::wire::Fields;
use serde_json::{Value, json};

use super::fault::Fault;
use super::turn_detection::TurnDetection;

/// What a session is set to.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    /// The session object, as sent to the client.
    session: Value,
    /// How turns are found; none where the client commits by itself.
    pub(super) turn_detection: Option<TurnDetection>,
}

impl Settings {
    /// The defaults of the API.
    pub(super) fn new(id: &str, model: &str, expires_at: u64) -> Self {
        let turn_detection = TurnDetection::default();
        let session = json!({
            "type": "realtime",
            "object": "realtime.session",
            "id": id,
            "model": model,
            "output_modalities": ["audio"],
            "instructions": "",
            "tools": [],
            "tool_choice": "auto",
            "max_output_tokens": "inf",
            "tracing": null,
            "truncation": "auto",
            "prompt": null,
            "include": null,
            "expires_at": expires_at,
            "audio": {
                "input": {
                    "format": format(),
                    "transcription": null,
                    "noise_reduction": null,
                    "turn_detection": turn_detection.to_json(),
                },
                "output": { "format": format(), "voice": "espeak", "speed": 1.0 },
            },
        });
        Self {
            session,
            turn_detection: Some(turn_detection),
        }
    }

    /// The session object.
    pub(super) fn to_fields(&self) -> Fields {
        match &self.session {
            Value::Object(fields) => fields.clone(),
            _ => Fields::new(),
        }
    }

    /// Whether the client wants to know what the caller said, as text.
    pub(super) fn wants_transcription(&self) -> bool {
        !self.session["audio"]["input"]["transcription"].is_null()
    }

    pub(super) fn output_audio(&self) -> &Value {
        &self.session["audio"]["output"]
    }

    pub(super) fn max_output_tokens(&self) -> &Value {
        &self.session["max_output_tokens"]
    }

    /// Merges `change` in: all of it or, with a fault, nothing.
    pub(super) fn update(&mut self, change: &Fields) -> Result<(), Fault> {
        if !change.contains_key("type") {
            return Err(Fault::missing("session.type"));
        }
        let mut next = self.clone();
        for (name, value) in change {
            let param = format!("session.{name}");
            match name.as_str() {
                "type" => same(&param, value, &json!("realtime"))?,
                "model" => same(&param, value, &self.session["model"])?,
                "audio" => next.update_audio(value)?,
                _ => {
                    check_common(&param, name, value)?;
                    next.session[name] = value.clone();
                }
            }
        }
        *self = next;
        Ok(())
    }

    fn update_audio(&mut self, audio: &Value) -> Result<(), Fault> {
        for (direction, fields) in object("session.audio", audio)? {
            let path = format!("session.audio.{direction}");
            for (name, value) in object(&path, fields)? {
                let param = format!("{path}.{name}");
                match (direction.as_str(), name.as_str()) {
                    ("input" | "output", "format") => check_format(&param, value)?,
                    ("input", "turn_detection") => {
                        self.turn_detection = TurnDetection::from_json(&param, value)?;
                        let shown = self.turn_detection.as_ref().map(TurnDetection::to_json);
                        self.session["audio"][direction][name] = json!(shown);
                        continue;
                    }
                    ("input", "transcription" | "noise_reduction") => {
                        if !value.is_null() {
                            object(&param, value)?;
                        }
                    }
                    ("output", "voice") if value.is_string() || value.is_object() => {}
                    ("output", "speed") => {
                        if value.as_f64() != Some(1.0) {
                            let message = "The built-in agent speaks at speed 1 only.";
                            return Err(Fault::value(&param, message));
                        }
                    }
                    ("output", "voice") => {
                        return Err(Fault::value(&param, "A voice is a name or an object."));
                    }
                    ("input" | "output", _) => return Err(Fault::unknown(&param)),
                    _ => return Err(Fault::unknown(&path)),
                }
                self.session["audio"][direction][name] = value.clone();
            }
        }
        Ok(())
    }
}

/// Checks a setting that a session and a single response have in common.
pub(super) fn check_common(param: &str, name: &str, value: &Value) -> Result<(), Fault> {
    let (fits, expected) = match name {
        "output_modalities" => (
            *value == json!(["audio"]),
            "The built-in agent speaks: [\"audio\"] is the only choice.",
        ),
        "instructions" => (value.is_string(), "Instructions are a string."),
        "tools" => (value.is_array(), "Tools are a list."),
        "tool_choice" => (
            value.is_string() || value.is_object(),
            "A tool choice is a string or an object.",
        ),
        "max_output_tokens" => (
            *value == json!("inf") || value.as_u64().is_some_and(|n| (1..=4096).contains(&n)),
            "The limit is \"inf\" or a number from 1 to 4096.",
        ),
        "tracing" | "truncation" | "prompt" | "include" => (true, ""),
        _ => return Err(Fault::unknown(param)),
    };
    if fits {
        Ok(())
    } else {
        Err(Fault::value(param, expected))
    }
}

/// Checks the settings of a single response; returns its metadata.
pub(super) fn check_response(asked: &Value) -> Result<Value, Fault> {
    for (name, value) in object("response", asked)? {
        let param = format!("response.{name}");
        match name.as_str() {
            "conversation" => same(&param, value, &json!("auto"))?,
            "metadata" if value.is_null() || value.is_object() => {}
            "input" => {
                let message = "The built-in agent answers the conversation and nothing else.";
                return Err(Fault::value(&param, message));
            }
            "audio" => {
                let format = value.pointer("/output/format");
                let param = "response.audio.output.format";
                format.map_or(Ok(()), |format| check_format(param, format))?;
            }
            _ => check_common(&param, name, value)?,
        }
    }
    Ok(asked["metadata"].clone())
}

/// The only format of audio there is.
fn format() -> Value {
    json!({ "type": "audio/pcm", "rate": 24_000 })
}

fn check_format(param: &str, value: &Value) -> Result<(), Fault> {
    for (name, value) in object(param, value)? {
        let param = format!("{param}.{name}");
        match name.as_str() {
            "type" => same(&param, value, &json!("audio/pcm"))?,
            "rate" => same(&param, value, &json!(24_000))?,
            _ => return Err(Fault::unknown(&param)),
        }
    }
    Ok(())
}

fn same(param: &str, value: &Value, only: &Value) -> Result<(), Fault> {
    if value == only {
        return Ok(());
    }
    let message = format!("Only {only} is supported here, not {value}.");
    Err(Fault::value(param, &message))
}

pub(super) fn object<'a>(param: &str, value: &'a Value) -> Result<&'a Fields, Fault> {
    value
        .as_object()
        .ok_or_else(|| Fault::value(param, &format!("\"{param}\" has to be an object.")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn update(settings: &mut Settings, change: &Value) -> Result<(), Fault> {
        settings.update(change.as_object().unwrap())
    }

    #[test]
    fn fields_left_out_stay() {
        let mut settings = Settings::new("sess_1", "test", 0);
        let change = json!({
            "type": "realtime",
            "instructions": "Be brief.",
            "audio": { "input": { "transcription": { "model": "whisper-1" } } },
        });
        assert_eq!(update(&mut settings, &change), Ok(()));
        let session = Value::Object(settings.to_fields());
        assert_eq!(session["instructions"], "Be brief.");
        assert_eq!(session["audio"]["output"]["voice"], "espeak");
        assert_eq!(
            session["audio"]["input"]["turn_detection"]["type"],
            "server_vad"
        );
        assert!(settings.wants_transcription());
        let off = json!({ "type": "realtime", "audio": { "input": { "turn_detection": null } } });
        assert_eq!(update(&mut settings, &off), Ok(()));
        assert!(settings.turn_detection.is_none());
        assert!(settings.to_fields()["audio"]["input"]["turn_detection"].is_null());
    }

    #[test]
    fn what_is_not_supported_is_refused_by_name_and_changes_nothing() {
        let mut settings = Settings::new("sess_1", "test", 0);
        let before = settings.to_fields();
        let audio = |direction: &str, field: Value| json!({ "audio": { direction: field } });
        for (mut change, code, param) in [
            (
                audio("input", json!({ "format": { "type": "audio/pcmu" } })),
                "invalid_value",
                "session.audio.input.format.type",
            ),
            (
                audio("output", json!({ "speed": 1.5 })),
                "invalid_value",
                "session.audio.output.speed",
            ),
            (
                json!({ "output_modalities": ["text"] }),
                "invalid_value",
                "session.output_modalities",
            ),
            (
                json!({ "model": "another" }),
                "invalid_value",
                "session.model",
            ),
            (
                json!({ "modalities": ["audio"] }),
                "unknown_parameter",
                "session.modalities",
            ),
            (json!({ "audio": 1 }), "invalid_value", "session.audio"),
        ] {
            change["instructions"] = json!("Changed.");
            change["type"] = json!("realtime");
            let fault = update(&mut settings, &change).unwrap_err();
            assert_eq!(fault.code_and_param(), (Some(code), Some(param)));
            assert_eq!(settings.to_fields(), before);
        }
        let fault = update(&mut settings, &json!({})).unwrap_err();
        let expected = (Some("missing_required_parameter"), Some("session.type"));
        assert_eq!(fault.code_and_param(), expected);
    }
}
