//! WebSocket messages out of the bytes of one direction of a connection, as they pass.

/// Ends the head of an HTTP request or response.
const HEAD_END: &[u8] = b"\r\n\r\n";

/// Reads one direction: an HTTP head first, then frames (RFC 6455 section 5.2). Nobody here sends
/// fragments or compressed frames.
#[derive(Debug, Default)]
pub(super) struct Messages {
    rest: Vec<u8>,
    upgraded: bool,
}

/// A message with something in it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Message {
    Text(Vec<u8>),
    Binary(Vec<u8>),
}

impl Messages {
    /// The messages that are complete with `bytes`, which come next.
    pub(super) fn pass(&mut self, bytes: &[u8]) -> Vec<Message> {
        self.rest.extend_from_slice(bytes);
        let mut taken = 0;
        if !self.upgraded {
            let end = self.rest.windows(HEAD_END.len());
            let Some(end) = end.into_iter().position(|window| window == HEAD_END) else {
                return Vec::new();
            };
            self.upgraded = true;
            taken = end + HEAD_END.len();
        }
        let mut messages = Vec::new();
        while let Some((length, message)) = frame(&self.rest[taken..]) {
            taken += length;
            messages.extend(message);
        }
        self.rest.drain(..taken);
        messages
    }
}

/// The frame that `bytes` begin with, and its length; nothing where it is not complete. Control
/// frames have no message.
fn frame(bytes: &[u8]) -> Option<(usize, Option<Message>)> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    let (wide, short) = match second & 0x7F {
        126 => (2, 0),
        127 => (8, 0),
        short => (0, usize::from(short)),
    };
    let mut at = 2 + wide;
    let long = bytes.get(2..at)?.iter();
    let long = long.fold(0, |length, byte| length << 8 | usize::from(*byte));
    let length = if wide == 0 { short } else { long };
    let mut mask = [0; 4];
    if second & 0x80 != 0 {
        mask.copy_from_slice(bytes.get(at..at + 4)?);
        at += 4;
    }
    let payload = bytes.get(at..at + length)?;
    let payload = payload.iter().zip(mask.iter().cycle());
    let payload = payload.map(|(byte, mask)| byte ^ mask).collect();
    let message = match first & 0x0F {
        1 => Some(Message::Text(payload)),
        2 => Some(Message::Binary(payload)),
        _ => None,
    };
    Some((at + length, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, mask: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
        let masked = u8::from(mask.is_some()) << 7;
        let mut frame = vec![0x80 | kind];
        if payload.len() < 126 {
            frame.push(masked | payload.len() as u8);
        } else {
            frame.push(masked | 126);
            frame.extend_from_slice(&(payload.len() as u16).to_be_bytes());
        }
        frame.extend_from_slice(&mask.unwrap_or_default()[..mask.map_or(0, |_| 4)]);
        let mask = mask.unwrap_or_default();
        frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(a, b)| a ^ b));
        frame
    }

    #[test]
    fn messages_are_read_whatever_the_pieces_they_come_in() {
        let mask = Some([1, 2, 3, 4]);
        let stream = [
            b"GET / HTTP/1.1\r\n\r\n".to_vec(),
            frame(1, mask, b"{}"),
            frame(9, mask, b"ping"),
            frame(2, None, &[7; 300]),
            frame(1, mask, b""),
        ]
        .concat();
        let expected = [
            Message::Text(b"{}".to_vec()),
            Message::Binary(vec![7; 300]),
            Message::Text(Vec::new()),
        ];
        for piece in [1, 5, 100, stream.len()] {
            let mut messages = Messages::default();
            let read = stream.chunks(piece).flat_map(|piece| messages.pass(piece));
            assert_eq!(read.collect::<Vec<_>>(), expected, "pieces of {piece}");
        }
    }
}
