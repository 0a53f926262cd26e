//! Where WebSocket frames begin and end in a stream of bytes, so that one can be cut in the middle.

/// Ends the head of an HTTP request or response.
const HEAD_END: &[u8] = b"\r\n\r\n";
/// The longest frame header there is: two bytes, a long length, a mask (RFC 6455 section 5.2).
const LONGEST_HEADER: usize = 14;

/// Follows one direction of a connection: an HTTP head first, then frames.
#[derive(Debug, Default)]
pub(super) struct Frames {
    place: Place,
    cut: Option<Cut>,
}

/// Where to stop.
#[derive(Debug)]
struct Cut {
    /// After so many bytes of a frame that is longer,
    wanted: u64,
    /// of which so many have passed; none where it has not begun.
    passed: Option<u64>,
}

#[derive(Debug)]
enum Place {
    /// In the HTTP head; how much of its end has been seen.
    Head(usize),
    /// In a frame's header; what has been seen of it.
    Header(Vec<u8>),
    /// In a frame's payload; how many bytes are left.
    Payload(u64),
}

impl Default for Place {
    fn default() -> Self {
        Self::Head(0)
    }
}

impl Frames {
    /// Lets [`Self::pass`] stop so many bytes (one at least) into the next frame that is longer, or
    /// not at all.
    pub(super) fn cut_after(&mut self, wanted: Option<u64>) {
        if self.cut.is_some() != wanted.is_some() {
            self.cut = wanted.map(|wanted| Cut {
                wanted: wanted.max(1),
                passed: None,
            });
        }
    }

    /// Follows `bytes`, which come next, up to the cut: how many of them come before it, where it
    /// is in them.
    pub(super) fn pass(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while at < bytes.len() {
            at += match &mut self.place {
                Place::Payload(left) if self.cut.is_none() => {
                    let skipped =
                        (bytes.len() - at).min(usize::try_from(*left).unwrap_or(usize::MAX));
                    self.skip(skipped as u64);
                    skipped
                }
                _ => {
                    let begins = self.is_between();
                    self.take(bytes[at]);
                    if self.is_cut(begins) {
                        return Some(at + 1);
                    }
                    1
                }
            };
        }
        None
    }

    /// Whether the byte that was just taken, and which began a frame or not, is the last one.
    fn is_cut(&mut self, begins: bool) -> bool {
        let between = self.is_between();
        let Some(cut) = &mut self.cut else {
            return false;
        };
        if begins {
            cut.passed = Some(0);
        }
        let Some(passed) = &mut cut.passed else {
            return false;
        };
        *passed += 1;
        *passed == cut.wanted && !between
    }

    /// Whether the next byte begins a frame.
    fn is_between(&self) -> bool {
        matches!(&self.place, Place::Header(header) if header.is_empty())
    }

    fn take(&mut self, byte: u8) {
        match &mut self.place {
            Place::Head(seen) => {
                *seen = match byte {
                    byte if byte == HEAD_END[*seen] => *seen + 1,
                    b'\r' => 1,
                    _ => 0,
                };
                if *seen == HEAD_END.len() {
                    self.place = Place::Header(Vec::with_capacity(LONGEST_HEADER));
                }
            }
            Place::Header(header) => {
                header.push(byte);
                if let Some(payload) = payload(header) {
                    self.place = match payload {
                        0 => Place::Header(Vec::with_capacity(LONGEST_HEADER)),
                        payload => Place::Payload(payload),
                    };
                }
            }
            Place::Payload(_) => self.skip(1),
        }
    }

    /// Leaves so much of the payload behind.
    fn skip(&mut self, skipped: u64) {
        if let Place::Payload(left) = &mut self.place {
            *left -= skipped;
            if *left == 0 {
                self.place = Place::Header(Vec::with_capacity(LONGEST_HEADER));
            }
        }
    }
}

/// The length of the payload that a header announces; nothing where the header goes on.
fn payload(header: &[u8]) -> Option<u64> {
    let second = *header.get(1)?;
    let (wide, short) = match second & 0x7F {
        126 => (2, 0),
        127 => (8, 0),
        short => (0, u64::from(short)),
    };
    let mask = if second & 0x80 == 0 { 0 } else { 4 };
    if header.len() < 2 + wide + mask {
        return None;
    }
    let long = header[2..2 + wide]
        .iter()
        .fold(0, |length, byte| length << 8 | u64::from(*byte));
    Some(if wide == 0 { short } else { long })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

    /// A masked text frame.
    fn frame(length: usize) -> Vec<u8> {
        let mut frame = vec![0x81];
        match length {
            0..126 => frame.push(0x80 | length as u8),
            126..65_536 => {
                frame.push(0x80 | 126);
                frame.extend_from_slice(&(length as u16).to_be_bytes());
            }
            _ => {
                frame.push(0x80 | 127);
                frame.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        frame.extend_from_slice(&[1, 2, 3, 4]);
        // Looks like the end of a head and like headers, and is neither.
        frame.extend(b"\r\n\r\n\x81\x05".iter().cycle().take(length));
        frame
    }

    fn after_the_head() -> Frames {
        let mut frames = Frames::default();
        assert_eq!(frames.pass(HEAD), None);
        frames
    }

    #[test]
    fn frames_of_every_length_are_followed_in_pieces_of_every_length() {
        let lengths = [0, 1, 125, 126, 300, 65_535, 65_536, 70_000, 5];
        let stream: Vec<u8> = lengths.iter().flat_map(|length| frame(*length)).collect();
        for piece in [1, 7, 4096, stream.len()] {
            let mut frames = after_the_head();
            for piece in stream.chunks(piece) {
                assert_eq!(frames.pass(piece), None);
            }
            assert!(frames.is_between(), "pieces of {piece}");
            frames.pass(&stream[..1]);
            assert!(!frames.is_between());
        }
    }

    #[test]
    fn the_cut_is_in_the_next_frame_that_is_long_enough() {
        let stream = [frame(3), frame(100), frame(200)].concat();
        // The second frame is the first with more than 50 bytes.
        let expected = frame(3).len() + 50;
        for piece in [1, 20, stream.len()] {
            let mut frames = after_the_head();
            frames.cut_after(Some(50));
            let mut passed = 0;
            let cut = stream.chunks(piece).find_map(|piece| {
                let cut = frames.pass(piece);
                passed += cut.unwrap_or(piece.len());
                cut
            });
            assert!(cut.is_some());
            assert_eq!(passed, expected, "pieces of {piece}");
        }
        let mut frames = after_the_head();
        frames.cut_after(Some(1000));
        assert_eq!(frames.pass(&stream), None);
        assert!(frames.is_between(), "it followed all the same");
        frames.cut_after(None);
        assert_eq!(
            frames.pass(&frame(2000)),
            None,
            "the cut was made elsewhere"
        );
    }

    #[test]
    fn a_frame_that_is_under_way_is_not_the_next_one() {
        let mut frames = after_the_head();
        let (first, second) = (frame(100), frame(100));
        frames.pass(&first[..10]);
        frames.cut_after(Some(20));
        let rest = [&first[10..], &second].concat();
        assert_eq!(frames.pass(&rest), Some(first.len() - 10 + 20));
    }

    #[test]
    fn a_head_has_no_frames() {
        let mut frames = Frames::default();
        frames.cut_after(Some(1));
        assert_eq!(frames.pass(&[b'x'; 500]), None);
    }
}
