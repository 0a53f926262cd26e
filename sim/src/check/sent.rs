//! What the client sends over the wire: numbers without holes, and what of it the server told that it
//! has.

use std::collections::VecDeque;

use offhook_proto::wire::binary;
use offhook_proto::wire::{ClientEvent, Envelope, decode_pcm16};

use super::{Invariant, Verdict, violated};
use crate::pattern::read_input;
use crate::time::PER_MS;

/// One message of the client's, as far as it is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Message {
    /// None for those that are about the connection alone.
    pub(crate) seq: Option<u64>,
    /// The last number it stands for.
    pub(crate) through: u64,
    /// Its audio, in samples of all audio captured.
    pub(crate) audio: Option<(u64, u64)>,
    /// Identifies an event, whatever its number.
    id: u64,
    /// It is a report of a loss.
    pub(crate) is_gap: bool,
}

const APPEND: &str = "{\"type\":\"input_audio_buffer.append\"";

/// Reads a binary message of the client's.
pub(crate) fn read_binary(bytes: &[u8]) -> Result<Message, String> {
    let frame = binary::Frame::decode(bytes).map_err(|error| error.to_string())?;
    let piece = read_input(frame.payload).map_err(|_| "its audio is torn".to_owned())?;
    if frame.stream != 0 || frame.kind != binary::Kind::Input {
        return Err("it is not input".to_owned());
    }
    Ok(Message {
        seq: Some(frame.seq),
        through: frame.seq,
        audio: Some((piece.start, piece.start + piece.samples)),
        id: 0,
        is_gap: false,
    })
}

/// Reads a text message of the client's.
pub(crate) fn read_text(text: &str) -> Result<Message, String> {
    let envelope: Envelope<ClientEvent> =
        Envelope::decode(text).map_err(|error| error.to_string())?;
    let seq = envelope.seq;
    let mut message = Message {
        seq,
        through: seq.unwrap_or(0),
        audio: None,
        id: hash(envelope.event_id.as_deref().unwrap_or_default()),
        is_gap: false,
    };
    match &envelope.event {
        ClientEvent::InputAudioBufferAppend(append) => {
            let samples = decode_pcm16(&append.audio).map_err(|error| error.to_string())?;
            let bytes: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
            let piece = read_input(&bytes).map_err(|_| "its audio is torn".to_owned())?;
            message.audio = Some((piece.start, piece.start + piece.samples));
            message.id = 0;
        }
        ClientEvent::Gap(gap) => {
            message.through = gap.through;
            message.audio = Some((gap.from_ms * PER_MS, gap.to_ms * PER_MS));
            message.is_gap = true;
        }
        _ => {}
    }
    Ok(message)
}

/// Whether a text message is audio, without reading it.
pub(crate) fn is_audio(text: &str) -> bool {
    text.starts_with(APPEND)
}

fn hash(text: &str) -> u64 {
    // FNV-1a: ids differ in more than that mixes up.
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
    text.bytes().fold(0xCBF2_9CE4_8422_2325, mix)
}

/// What the client sent in one session: in one life of the numbers.
#[derive(Debug, Default, Clone)]
pub(crate) struct Sent {
    messages: VecDeque<Message>,
    /// As the client was told.
    pub(crate) recv: u64,
    pub(crate) commit: u64,
    /// Where the first audio began.
    pub(crate) first: Option<u64>,
    /// Up to where audio is known to the client to be used; where it is in flight to.
    pub(crate) used: u64,
    pub(crate) arrived: u64,
    pub(crate) highest: u64,
}

impl Sent {
    /// The client sends a message that has a number; says whether it is the first audio.
    pub(crate) fn send(&mut self, message: Message) -> Result<bool, super::Violation> {
        let Some(seq) = message.seq else {
            return Ok(false);
        };
        if seq <= self.highest {
            // Sent before: it has to be the same again.
            let index = self.messages.partition_point(|sent| sent.through < seq);
            if message.is_gap {
                return self.lose(index, message);
            }
            let same = self.messages.get(index);
            if same.is_none_or(|same| *same != message) {
                let detail = format!("number {seq} was {same:?} and is now {message:?}");
                return violated(Invariant::Wire, detail).map(|()| false);
            }
            return Ok(false);
        }
        if seq != self.highest + 1 {
            let detail = format!("number {seq} follows {}", self.highest);
            return violated(Invariant::Wire, detail).map(|()| false);
        }
        self.highest = message.through;
        self.messages.push_back(message);
        let is_first = message.audio.is_some() && self.first.is_none();
        if let (true, Some((start, _))) = (is_first, message.audio) {
            self.first = Some(start);
        }
        Ok(is_first)
    }

    /// Audio that was sent and has not arrived, as far as the client knows, will not be sent again:
    /// the window was full. A report of it has its numbers.
    fn lose(&mut self, index: usize, gap: Message) -> Result<bool, super::Violation> {
        let covered = self
            .messages
            .partition_point(|sent| sent.through <= gap.through);
        let lost = self.messages.range(index..covered.max(index));
        let starts = self.messages.get(index).map(|sent| (sent.seq, sent.audio));
        let begins = starts.is_some_and(|(seq, audio)| {
            // What of a loss had arrived after all is told as lost all the same.
            seq == gap.seq && audio.map(|(from, _)| from) >= gap.audio.map(|(from, _)| from)
        });
        let all_audio = lost.into_iter().all(|sent| sent.audio.is_some());
        if !begins || !all_audio || gap.through < self.recv {
            let detail = format!("{gap:?} stands for {starts:?}, and for more than audio");
            return violated(Invariant::Wire, detail).map(|()| false);
        }
        self.messages.drain(index..covered);
        self.messages.insert(index, gap);
        self.highest = self.highest.max(gap.through);
        Ok(false)
    }

    /// Samples that the client does not know to have arrived.
    pub(crate) fn in_flight(&self) -> u64 {
        let from = self
            .messages
            .partition_point(|sent| sent.through <= self.recv);
        let sent = self.messages.range(from..).filter(|sent| !sent.is_gap);
        sent.filter_map(|sent| sent.audio)
            .map(|(from, to)| to - from)
            .sum()
    }

    /// The server told the client what has arrived and what is used.
    pub(crate) fn told(&mut self, recv: u64, commit: u64) -> Verdict {
        if recv > self.highest || commit > recv {
            let detail = format!(
                "the server says that it has {recv} and used {commit}, of {} sent",
                self.highest
            );
            return violated(Invariant::Wire, detail);
        }
        self.recv = self.recv.max(recv);
        self.commit = self.commit.max(commit);
        let up_to = |seq: u64, messages: &VecDeque<Message>| {
            let index = messages.partition_point(|sent| sent.through <= seq);
            let audio = messages.range(..index).rev().find_map(|sent| sent.audio);
            audio.map(|(_, end)| end)
        };
        if let Some(end) = up_to(self.recv, &self.messages) {
            self.arrived = self.arrived.max(end);
        }
        if let Some(end) = up_to(self.commit, &self.messages) {
            self.used = self.used.max(end);
        }
        // What has arrived is not sent again.
        while let Some(front) = self.messages.front()
            && front.through <= self.commit.min(self.recv)
        {
            self.messages.pop_front();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn audio(seq: u64, start: u64) -> Message {
        Message {
            seq: Some(seq),
            through: seq,
            audio: Some((start, start + 480)),
            id: 0,
            is_gap: false,
        }
    }

    #[test]
    fn holes_and_changed_repetitions_are_found() {
        let mut sent = Sent::default();
        assert_eq!(sent.send(audio(1, 960)), Ok(true));
        assert_eq!(sent.send(audio(2, 1440)), Ok(false));
        assert_eq!(sent.send(audio(1, 960)), Ok(false), "after a resume");
        assert!(sent.send(audio(2, 0)).is_err());
        assert!(sent.send(audio(4, 2400)).is_err());
        let gap = |seq, start| Message {
            through: 7,
            audio: Some((start, 4320)),
            is_gap: true,
            ..audio(seq, start)
        };
        assert!(
            sent.clone().send(gap(2, 1920)).is_err(),
            "it begins elsewhere"
        );
        let mut lossy = sent.clone();
        assert_eq!(
            lossy.send(gap(2, 1440)),
            Ok(false),
            "sent, not arrived, lost"
        );
        assert_eq!(lossy.send(audio(8, 4320)), Ok(false));
        assert_eq!(sent.told(2, 1), Ok(()));
        assert_eq!((sent.arrived, sent.used), (1920, 1440));
        assert!(sent.told(3, 1).is_err(), "more than was sent");
        assert!(sent.told(2, 3).is_err(), "used before it came");
    }

    #[test]
    fn messages_are_read_as_the_wire_has_them() {
        let text =
            r#"{"type":"offhook.gap","seq":7,"through":9,"from_ms":1,"to_ms":3,"reason":"x"}"#;
        let gap = read_text(text).unwrap();
        assert_eq!(
            (gap.seq, gap.through, gap.audio),
            (Some(7), 9, Some((24, 72)))
        );
        assert!(
            read_text(r#"{"type":"offhook.ack","up_to":3}"#)
                .unwrap()
                .seq
                .is_none()
        );
        assert!(read_binary(&[0x11; 20]).is_err());
    }
}
