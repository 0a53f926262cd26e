//! Audio inside events: base64 of PCM16, little-endian, 24 kHz, mono.

use alloc::string::String;
use alloc::vec::Vec;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Why a piece of audio cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PcmError {
    /// Not base64 (RFC 4648 section 4).
    #[error("the audio is not valid base64")]
    NotBase64,
    /// Half a sample at the end.
    #[error("the audio has an odd number of bytes, and samples have two")]
    HalfSample,
}

/// Samples as the `audio` of `input_audio_buffer.append` or the `delta` of
/// `response.output_audio.delta`.
#[must_use]
pub fn encode_pcm16(samples: &[i16]) -> String {
    let bytes: Vec<u8> = samples
        .iter()
        .flat_map(|sample| sample.to_le_bytes())
        .collect();
    encode_pcm16_bytes(&bytes)
}

/// The same of samples that are bytes already, little-endian.
#[must_use]
pub fn encode_pcm16_bytes(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// How many bytes a piece of base64 stands for, without reading it.
#[must_use]
pub fn base64_length(text: &str) -> usize {
    let padding = text.bytes().rev().take_while(|byte| *byte == b'=').count();
    (text.len() / 4 * 3).saturating_sub(padding)
}

/// The samples in a piece of base64 audio.
///
/// # Errors
/// Where it is not base64, or not whole samples.
pub fn decode_pcm16(audio: &str) -> Result<Vec<i16>, PcmError> {
    let bytes = STANDARD.decode(audio).map_err(|_| PcmError::NotBase64)?;
    let (samples, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(PcmError::HalfSample);
    }
    Ok(samples
        .iter()
        .map(|sample| i16::from_le_bytes(*sample))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn samples_survive_and_bad_audio_is_named() {
        let samples = vec![0, 1, -1, i16::MIN, i16::MAX];
        let encoded = encode_pcm16(&samples);
        assert_eq!(base64_length(&encoded), 10);
        assert_eq!(decode_pcm16(&encoded), Ok(samples));
        // 0x0100 little-endian is 1.
        assert_eq!(decode_pcm16("AQA="), Ok(vec![1]));
        assert_eq!(decode_pcm16("AQ=="), Err(PcmError::HalfSample));
        assert_eq!(decode_pcm16("not base64!"), Err(PcmError::NotBase64));
    }
}
