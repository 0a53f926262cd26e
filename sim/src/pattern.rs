//! Audio that says which sample it is: two samples are one 32-bit word that holds their place.
//!
//! A place is never mistaken for another (in 24 hours of input, in 87 s of one answer), so a loss, a
//! repetition and a swap are seen for what they are.

/// Set in the words of audio in which the caller speaks.
const VOICE: u32 = 1 << 30;
const PLACE: u32 = VOICE - 1;

/// Writes the caller's samples from `start` on.
pub(crate) fn write_input(samples: &mut [i16], start: u64, voiced: bool) {
    let flag = if voiced { VOICE } else { 0 };
    let first = place(start / 2);
    for (pair, word) in samples.chunks_exact_mut(2).zip(first..) {
        let word = (word & PLACE) | flag;
        pair[0] = low(word);
        pair[1] = high(word);
    }
}

/// What a piece of the caller's audio is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Input {
    /// Its first sample in all audio captured.
    pub(crate) start: u64,
    pub(crate) samples: u64,
    /// How many of its samples are speech; they come at one end of it.
    pub(crate) voiced: u64,
    pub(crate) starts_voiced: bool,
}

/// Audio that is not a piece of what was captured, in whole and in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Torn;

/// Reads PCM16 little-endian of [`write_input`].
pub(crate) fn read_input(pcm: &[u8]) -> Result<Input, Torn> {
    let (words, rest) = pcm.as_chunks::<4>();
    let Some(first) = words.first().filter(|_| rest.is_empty()) else {
        return Err(Torn);
    };
    let first = u32::from_le_bytes(*first);
    let mut wrong = 0;
    let mut voiced = 0;
    for (bytes, expected) in words.iter().zip(first & PLACE..) {
        let word = u32::from_le_bytes(*bytes);
        wrong |= (word & PLACE) ^ (expected & PLACE);
        voiced += (word >> 30) & 1;
    }
    if wrong != 0 {
        return Err(Torn);
    }
    Ok(Input {
        start: u64::from(first & PLACE) * 2,
        samples: words.len() as u64 * 2,
        voiced: u64::from(voiced) * 2,
        starts_voiced: first & VOICE != 0,
    })
}

const ITEM: u32 = 20;
const WITHIN: u32 = (1 << ITEM) - 1;

/// The longest answer whose samples can be told apart.
pub(crate) const LONGEST_ANSWER: u64 = 2 * WITHIN as u64;

/// Writes the agent's samples of the item with this tag, from `start` on.
pub(crate) fn write_output(samples: &mut Vec<i16>, tag: u32, start: u64, count: u64) {
    samples.clear();
    let first = place(start / 2);
    for word in first..first + place(count / 2) {
        let word = (word & WITHIN) | (tag << ITEM);
        samples.extend([low(word), high(word)]);
    }
}

/// Reads samples of [`write_output`]: the item's tag and where in it they begin.
pub(crate) fn read_output(samples: &[i16]) -> Result<(u32, u64), Torn> {
    let (pairs, rest) = samples.as_chunks::<2>();
    let Some(first) = pairs.first().filter(|_| rest.is_empty()) else {
        return Err(Torn);
    };
    let first = joined(*first);
    let whole = pairs
        .iter()
        .zip(first..)
        .all(|(pair, word)| joined(*pair) == word);
    if !whole {
        return Err(Torn);
    }
    Ok((first >> ITEM, u64::from(first & WITHIN) * 2))
}

/// How many tags there are before they repeat.
pub(crate) const TAGS: u32 = 1 << (32 - ITEM);

const fn place(pair: u64) -> u32 {
    (pair & PLACE as u64) as u32
}

const fn low(word: u32) -> i16 {
    (word & 0xFFFF) as u16 as i16
}

const fn high(word: u32) -> i16 {
    (word >> 16) as u16 as i16
}

const fn joined(pair: [i16; 2]) -> u32 {
    pair[0] as u16 as u32 | ((pair[1] as u16 as u32) << 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(samples: &[i16]) -> Vec<u8> {
        samples.iter().flat_map(|s| s.to_le_bytes()).collect()
    }

    #[test]
    fn input_tells_its_place_and_a_swap_is_seen() {
        let mut samples = [0; 480];
        write_input(&mut samples, 1_000_000_002, true);
        let read = read_input(&bytes(&samples)).unwrap();
        assert_eq!(
            (read.start, read.samples, read.voiced),
            (1_000_000_002, 480, 480)
        );
        samples.swap(10, 12);
        assert_eq!(read_input(&bytes(&samples)), Err(Torn));
        assert_eq!(read_input(&bytes(&samples)[..7]), Err(Torn));
    }

    #[test]
    fn output_tells_its_item_and_its_place() {
        let mut samples = Vec::new();
        write_output(&mut samples, 4095, 96_000, 2400);
        assert_eq!(samples.len(), 2400);
        assert_eq!(read_output(&samples), Ok((4095, 96_000)));
        samples.remove(4);
        samples.remove(4);
        assert_eq!(read_output(&samples), Err(Torn));
    }
}
