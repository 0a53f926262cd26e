//! Sound that says what it is: the caller's in numbered pieces, the agent's in counted samples.

/// Begins a piece.
const MAGIC: i16 = 0x5EED;
/// The fewest samples that a piece can have: its mark, its number, its length.
pub(crate) const LEAST: u16 = 4;
/// The most that one has here: 100 ms.
pub(crate) const MOST: u16 = 2_400;
/// Samples of the agent's count up to this, and from 0 again. It is a prime, so that no chunk of a
/// round length goes unnoticed when it is lost or repeated.
const ROUND: u64 = 32_749;

/// A piece of the caller's sound.
pub(crate) fn piece(number: u32, samples: u16) -> Vec<i16> {
    let mut piece = vec![0; usize::from(samples.clamp(LEAST, MOST))];
    let [a, b, c, d] = number.to_le_bytes();
    let length = samples.clamp(LEAST, MOST).cast_signed();
    let head = [
        MAGIC,
        i16::from_le_bytes([a, b]),
        i16::from_le_bytes([c, d]),
        length,
    ];
    piece[..head.len()].copy_from_slice(&head);
    piece
}

/// Puts the caller's sound together again.
#[derive(Debug, Default)]
pub(crate) struct Pieces(Vec<i16>);

impl Pieces {
    /// Takes more of the sound in; says which pieces are whole now.
    ///
    /// # Panics
    /// If it is not made of whole pieces.
    pub(crate) fn take(&mut self, samples: &[i16]) -> Vec<u32> {
        self.0.extend_from_slice(samples);
        let mut numbers = Vec::new();
        while let [mark, low, high, length, ..] = self.0[..] {
            assert_eq!(mark, MAGIC, "the caller's sound was torn");
            let length = usize::from(length.cast_unsigned());
            if self.0.len() < length {
                break;
            }
            let ([a, b], [c, d]) = (low.to_le_bytes(), high.to_le_bytes());
            numbers.push(u32::from_le_bytes([a, b, c, d]));
            self.0.drain(..length);
        }
        numbers
    }
}

/// The agent's sound from sample `from` of an item on.
pub(crate) fn speech(from: u64, samples: u16) -> Vec<i16> {
    let count = from..from + u64::from(samples);
    count.map(|at| (at % ROUND) as i16).collect()
}
