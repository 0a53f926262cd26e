//! Audio as binary frames (`offhook.v1.bin`): a header of 16 bytes, then PCM16 little-endian,
//! 24 kHz, mono.
//!
//! ```text
//! byte 0      1      2        4              12          16
//!      0x1k   flags  stream   seq            media_ts    payload …
//! ```
//!
//! All numbers are big-endian. `k` is the kind, `seq` the event's sequence number, `media_ts` where
//! the payload begins, in samples since the start of the session's input (or of the item), modulo
//! 2^32.

use alloc::vec::Vec;

/// Bytes before the payload.
pub const HEADER: usize = 16;
/// The largest frame, header included, in bytes: 1.36 s of audio.
pub const MAX: usize = 64 << 10;

/// Whose audio it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// The caller's, on its way to the agent.
    Input = 1,
    /// The agent's, on its way to the caller.
    Output = 2,
}

/// What else is said about a frame.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flags(u8);

impl Flags {
    /// The first of its item.
    pub const FIRST: Self = Self(1);
    /// The last of its item.
    pub const LAST: Self = Self(2);
    /// Sent before, over a connection that is gone.
    pub const REPLAYED: Self = Self(4);
    /// Nothing but silence in it.
    pub const SILENCE: Self = Self(8);

    /// Whether all of `flags` are set.
    #[must_use]
    pub const fn has(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }

    /// These and `flags`.
    #[must_use]
    pub const fn with(self, flags: Self) -> Self {
        Self(self.0 | flags.0)
    }
}

/// A piece of audio between its header's fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Whose it is.
    pub kind: Kind,
    /// What else is said about it. Bits that are not known are kept.
    pub flags: Flags,
    /// 0 for input; for output a number that `offhook.stream` announced.
    pub stream: u16,
    /// The event's sequence number.
    pub seq: u64,
    /// Where it begins, in samples, modulo 2^32.
    pub media_ts: u32,
    /// PCM16 little-endian.
    pub payload: &'a [u8],
}

/// Why a binary message is not audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Shorter than a header.
    #[error("it has {0} bytes, and its header alone has 16")]
    Short(usize),
    /// Longer than is taken.
    #[error("it has {0} bytes, and 65536 are allowed")]
    Long(usize),
    /// Neither input nor output.
    #[error("its first byte is {0:#04x}, not 0x11 or 0x12")]
    Kind(u8),
    /// Half a sample at the end.
    #[error("its payload has an odd number of bytes, and samples have two")]
    HalfSample,
}

impl<'a> Frame<'a> {
    /// Reads one binary message.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, FrameError> {
        if bytes.len() > MAX {
            return Err(FrameError::Long(bytes.len()));
        }
        let Some((header, payload)) = bytes.split_first_chunk::<HEADER>() else {
            return Err(FrameError::Short(bytes.len()));
        };
        let [
            kind,
            flags,
            s0,
            s1,
            q0,
            q1,
            q2,
            q3,
            q4,
            q5,
            q6,
            q7,
            t0,
            t1,
            t2,
            t3,
        ] = *header;
        let kind = match kind {
            0x11 => Kind::Input,
            0x12 => Kind::Output,
            other => return Err(FrameError::Kind(other)),
        };
        if payload.len() % 2 != 0 {
            return Err(FrameError::HalfSample);
        }
        Ok(Self {
            kind,
            flags: Flags(flags),
            stream: u16::from_be_bytes([s0, s1]),
            seq: u64::from_be_bytes([q0, q1, q2, q3, q4, q5, q6, q7]),
            media_ts: u32::from_be_bytes([t0, t1, t2, t3]),
            payload,
        })
    }

    /// Writes one binary message.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER + self.payload.len());
        bytes.push(0x10 | self.kind as u8);
        bytes.push(self.flags.0);
        bytes.extend_from_slice(&self.stream.to_be_bytes());
        bytes.extend_from_slice(&self.seq.to_be_bytes());
        bytes.extend_from_slice(&self.media_ts.to_be_bytes());
        bytes.extend_from_slice(self.payload);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn a_frame_survives_and_its_bytes_are_those_of_the_specification() {
        let frame = Frame {
            kind: Kind::Output,
            flags: Flags::FIRST.with(Flags::REPLAYED),
            stream: 0x0203,
            seq: 0x0405_0607_0809_0A0B,
            media_ts: 0x0C0D_0E0F,
            payload: &[1, 0, 2, 0],
        };
        let bytes = frame.encode();
        let expected = vec![
            0x12, 5, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 1, 0, 2, 0,
        ];
        assert_eq!(bytes, expected);
        assert_eq!(Frame::decode(&bytes), Ok(frame));
        assert!(frame.flags.has(Flags::REPLAYED) && !frame.flags.has(Flags::LAST));
    }

    #[test]
    fn what_is_no_frame_is_named() {
        assert_eq!(Frame::decode(&[0x11; 15]), Err(FrameError::Short(15)));
        assert_eq!(Frame::decode(&[0x21; 16]), Err(FrameError::Kind(0x21)));
        assert_eq!(Frame::decode(&[0x11; 17]), Err(FrameError::HalfSample));
        let long = vec![0x11; MAX + 1];
        assert_eq!(Frame::decode(&long), Err(FrameError::Long(MAX + 1)));
    }
}
