//! Settings that the operator has set for an agent, and what callers may change nevertheless.

use offhook_proto::wire::Fields;
use serde_json::{Map, Value};

use crate::config::speaks_pcm;

/// What an agent's sessions are set to, and how far that holds.
#[derive(Debug)]
pub(super) struct Pins {
    session: Fields,
    /// Paths in it that callers may change.
    overridable: Vec<String>,
}

/// What is left of a change that a caller asked for.
#[derive(Debug, PartialEq)]
pub(super) enum Change {
    /// Everything but what is pinned: `session.updated` shows what holds.
    Allowed(Fields),
    /// Nothing: the caller's audio would not be understood.
    Format,
}

impl Pins {
    pub(super) fn new(session: &Map<String, Value>, overridable: &[String]) -> Self {
        Self {
            session: session.clone(),
            overridable: overridable.to_vec(),
        }
    }

    /// What a session is told first; none if there is nothing to tell.
    pub(super) fn settings(&self) -> Option<Fields> {
        if self.session.is_empty() {
            return None;
        }
        let mut session = self.session.clone();
        session
            .entry("type")
            .or_insert_with(|| Value::from("realtime"));
        Some(session)
    }

    /// What of a caller's change counts.
    pub(super) fn allowed(&self, mut change: Fields) -> Change {
        if !speaks_pcm(&change) {
            return Change::Format;
        }
        // Who answers is the operator's choice, always.
        change.remove("model");
        self.strip(&mut change, &self.session, "");
        Change::Allowed(change)
    }

    fn strip(&self, change: &mut Fields, pinned: &Fields, above: &str) {
        for (name, pin) in pinned {
            let path = match above {
                "" => name.clone(),
                above => format!("{above}.{name}"),
            };
            let is_discriminator = path == "type";
            if is_discriminator || self.overridable.contains(&path) {
                continue;
            }
            if let (Some(Value::Object(inner)), Value::Object(pin)) = (change.get_mut(name), pin) {
                self.strip(inner, pin, &path);
                if inner.is_empty() {
                    change.remove(name);
                }
            } else {
                change.remove(name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fields(value: &Value) -> Fields {
        value.as_object().expect("it is an object").clone()
    }

    fn allowed(pins: &Pins, change: &Value) -> Value {
        match pins.allowed(fields(change)) {
            Change::Allowed(left) => Value::Object(left),
            Change::Format => Value::Null,
        }
    }

    #[test]
    fn what_the_operator_set_stays() {
        let session = json!({
            "instructions": "Be brief.",
            "audio": { "output": { "voice": "marin", "speed": 1.0 } },
        });
        let pins = Pins::new(&fields(&session), &["audio.output.speed".to_owned()]);
        let change = json!({
            "type": "realtime",
            "model": "another",
            "instructions": "Be long.",
            "tools": [],
            "audio": {
                "input": { "turn_detection": null },
                "output": { "voice": "cedar", "speed": 1.5 },
            },
        });
        let left = json!({
            "type": "realtime",
            "tools": [],
            "audio": {
                "input": { "turn_detection": null },
                "output": { "speed": 1.5 },
            },
        });
        assert_eq!(allowed(&pins, &change), left);
        assert_eq!(allowed(&pins, &json!({ "audio": null })), json!({}));
        let nothing = json!({ "audio": { "output": { "voice": "cedar" } } });
        assert_eq!(
            allowed(&pins, &nothing),
            json!({}),
            "not even an empty object"
        );
        let told = pins.settings().expect("there is something to tell");
        assert_eq!(told["type"], "realtime");
        assert_eq!(told["instructions"], "Be brief.");
    }

    #[test]
    fn without_pins_everything_but_the_model_is_the_callers() {
        let pins = Pins::new(&Fields::new(), &[]);
        assert_eq!(pins.settings(), None);
        let change = json!({ "model": "m", "instructions": "Be long." });
        assert_eq!(
            allowed(&pins, &change),
            json!({ "instructions": "Be long." })
        );
    }

    #[test]
    fn audio_comes_in_one_format() {
        let pins = Pins::new(&Fields::new(), &[]);
        let of = |format: &Value| json!({ "audio": { "input": { "format": format } } });
        let out = |format: &Value| json!({ "audio": { "output": { "format": format } } });
        for good in &[
            json!({ "type": "audio/pcm" }),
            json!({ "type": "audio/pcm", "rate": 24_000 }),
        ] {
            assert_eq!(allowed(&pins, &of(good)), of(good));
        }
        for bad in &[
            json!({ "type": "audio/pcmu" }),
            json!({ "type": "audio/pcm", "rate": 16_000 }),
            json!("pcm16"),
        ] {
            assert_eq!(pins.allowed(fields(&of(bad))), Change::Format);
            assert_eq!(pins.allowed(fields(&out(bad))), Change::Format);
        }
    }
}
