//! What a session's settings say about its audio: how long a byte lasts, and who ends a turn.

use serde_json::Value;

use crate::wire::Fields;

/// Positions in audio are counted in ticks: as many a millisecond as PCM16 at 24 kHz has bytes.
pub(super) const TICKS_PER_MS: u64 = 48;
/// And in a second.
pub(super) const TICKS_PER_S: u64 = TICKS_PER_MS * 1000;

/// How audio is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Format {
    bytes_per_s: u64,
}

impl Format {
    /// PCM16 at 24 kHz, the only one that audio frames have.
    pub(super) const PCM_24K: Self = Self {
        bytes_per_s: TICKS_PER_S,
    };
    const G711: Self = Self { bytes_per_s: 8_000 };

    /// How long so many bytes last.
    pub(super) const fn ticks(self, bytes: usize) -> u64 {
        bytes as u64 * TICKS_PER_S / self.bytes_per_s
    }

    fn read(format: &Value) -> Option<Self> {
        match format.get("type")?.as_str()? {
            "audio/pcm" => {
                let rate = format.get("rate").and_then(Value::as_u64);
                let bytes_per_s = rate.map_or(TICKS_PER_S, |rate| rate.clamp(1, 1 << 20) * 2);
                Some(Self { bytes_per_s })
            }
            "audio/pcmu" | "audio/pcma" => Some(Self::G711),
            _ => None,
        }
    }
}

/// The settings that matter here.
#[derive(Debug)]
pub(super) struct Shape {
    /// Of the caller's audio.
    pub(super) input: Format,
    /// Of the agent's audio.
    pub(super) output: Format,
    /// Whether the upstream finds the ends of turns. If not, the client says where they are.
    pub(super) finds_turns: bool,
}

impl Shape {
    pub(super) const fn new() -> Self {
        Self {
            input: Format::PCM_24K,
            output: Format::PCM_24K,
            finds_turns: true,
        }
    }

    /// Takes over what the upstream says the session is. What is left out stays.
    pub(super) fn read(&mut self, session: &Fields) {
        let Some(audio) = session.get("audio") else {
            return;
        };
        let format = |side: &str| audio.get(side)?.get("format").and_then(Format::read);
        if let Some(input) = format("input") {
            self.input = input;
        }
        if let Some(output) = format("output") {
            self.output = output;
        }
        if let Some(detection) = audio.get("input").and_then(|i| i.get("turn_detection")) {
            self.finds_turns = !detection.is_null();
        }
    }
}

/// How many bytes a piece of base64 stands for, without reading it.
pub(super) fn base64_bytes(text: &str) -> usize {
    let padding = text.bytes().rev().take_while(|byte| *byte == b'=').count();
    (text.len() / 4 * 3).saturating_sub(padding)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use serde_json::json;

    fn fields(session: &Value) -> Fields {
        session.as_object().expect("it is an object").clone()
    }

    #[test]
    fn a_second_is_a_second_in_every_format() {
        let mut shape = Shape::new();
        assert_eq!(shape.input.ticks(48_000), TICKS_PER_S);
        for (format, bytes) in [
            (json!({"type": "audio/pcmu"}), 8_000),
            (json!({"type": "audio/pcma"}), 8_000),
            (json!({"type": "audio/pcm", "rate": 16_000}), 32_000),
            (json!({"type": "audio/pcm"}), 48_000),
            (json!({"type": "audio/pcm", "rate": 0}), 2),
        ] {
            shape.read(&fields(&json!({"audio": {"input": {"format": format}}})));
            assert_eq!(shape.input.ticks(bytes), TICKS_PER_S, "{format}");
            assert_eq!(shape.output, Format::PCM_24K);
        }
    }

    #[test]
    fn what_the_settings_leave_out_stays() {
        let mut shape = Shape::new();
        let manual = json!({"audio": {"input": {"turn_detection": null},
            "output": {"format": {"type": "audio/pcmu"}}}});
        shape.read(&fields(&manual));
        shape.read(&fields(
            &json!({"audio": {"input": {"format": {"type": "audio/x"}}}}),
        ));
        shape.read(&fields(&json!({"type": "realtime"})));
        assert!(!shape.finds_turns);
        assert_eq!(shape.output, Format::G711);
        assert_eq!(shape.input, Format::PCM_24K);
        let vad = json!({"audio": {"input": {"turn_detection": {"type": "server_vad"}}}});
        shape.read(&fields(&vad));
        assert!(shape.finds_turns);
    }

    #[test]
    fn the_length_of_base64_is_known_without_reading_it() {
        use crate::wire::encode_pcm16;
        for samples in 0..9 {
            let text = encode_pcm16(&alloc::vec![1; samples]);
            assert_eq!(base64_bytes(&text), samples * 2);
        }
        assert_eq!(base64_bytes("=="), 0);
        let lengths: Vec<_> = ["AAAA", "AAA=", "AA=="].map(base64_bytes).into();
        assert_eq!(lengths, [3, 2, 1]);
    }
}
