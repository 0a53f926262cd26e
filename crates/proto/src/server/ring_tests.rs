//! The ring keeps, numbers, limits and repeats.

use alloc::borrow::ToOwned;
use alloc::sync::Arc;
use alloc::vec;

use super::super::parts::Part;
use super::*;

const V1: Protocol = Protocol::OffhookV1;
const BIN: Protocol = Protocol::OffhookV1Bin;
const LIMIT: usize = 1 << 20;

fn ids() -> Ids {
    Ids::seeded(1)
}

fn text(text: &str) -> Body {
    Body::Text {
        text: text.into(),
        spoken: None,
    }
}

fn audio(start: u64, pcm: Vec<u8>) -> Body {
    let part = Part {
        response_id: "resp_1".into(),
        item_id: "item_1".into(),
        output_index: 1,
        content_index: 2,
    };
    let spoken = Spoken {
        part: Arc::new(part),
        end: start * 2 + pcm.len() as u64,
    };
    Body::Audio(Audio {
        stream: 3,
        start,
        pcm,
        spoken,
        event_id: None,
    })
}

fn sent(ring: &mut Ring, protocol: Protocol, limit: usize) -> Vec<Frame> {
    let mut ids = ids();
    let mut frames = Vec::new();
    while let Some((frame, _)) = ring.next(protocol, limit, &mut ids) {
        frames.push(frame);
    }
    frames
}

fn filled(count: usize) -> Ring {
    let mut ring = Ring::new();
    for _ in 0..count {
        ring.push(text("0123456789"));
    }
    ring
}

#[test]
fn what_is_acknowledged_is_let_go_and_counted_down() {
    let mut ring = filled(3);
    assert_eq!(ring.next_seq(), 4);
    let full = ring.bytes();
    assert!(full >= 30, "{full}");
    assert_eq!(ring.acknowledge(1), Err(Unknown::NeverSent));
    assert_eq!(sent(&mut ring, V1, LIMIT).len(), 3);
    assert!(ring.is_sent());
    assert_eq!(ring.acknowledge(4), Err(Unknown::NeverSent));
    assert_eq!(ring.acknowledge(u64::MAX), Err(Unknown::NeverSent));
    assert_eq!(ring.bytes(), full);
    assert_eq!(ring.acknowledge(2), Ok(()));
    assert_eq!(ring.acknowledge(1), Ok(()), "an old one, overtaken");
    assert_eq!((ring.bytes(), ring.first()), (full / 3, 3));
    assert_eq!(ring.acknowledge(3), Ok(()));
    assert_eq!((ring.bytes(), ring.next_seq()), (0, 4));
    assert!(ring.is_empty());
}

#[test]
fn no_more_is_on_its_way_than_the_limit() {
    let mut ring = filled(10);
    assert_eq!(sent(&mut ring, V1, 35).len(), 3);
    assert!(!ring.is_sent());
    assert_eq!(ring.acknowledge(2), Ok(()));
    assert_eq!(sent(&mut ring, V1, 35).len(), 2);
    // Something larger than the limit goes alone.
    assert_eq!(ring.acknowledge(5), Ok(()));
    assert_eq!(sent(&mut ring, V1, 5).len(), 1);
    assert_eq!(ring.acknowledge(6), Ok(()));
    assert_eq!(sent(&mut ring, V1, 40).len(), 4);
}

#[test]
fn audio_counts_as_it_goes_over_the_wire() {
    for protocol in [V1, BIN] {
        let mut ring = Ring::new();
        for piece in 0..40 {
            ring.push(audio(piece * 480, vec![1; 960]));
        }
        let bytes: usize = sent(&mut ring, protocol, 20_000)
            .iter()
            .map(|frame| match frame {
                Frame::Text(text) => text.len(),
                Frame::Binary(bytes) => bytes.len(),
            })
            .sum();
        assert!((17_000..=20_000).contains(&bytes), "{protocol}: {bytes}");
    }
}

#[test]
fn a_newer_connection_gets_what_is_missing_again() {
    let mut ring = filled(4);
    assert_eq!(sent(&mut ring, V1, 20).len(), 2);
    assert_eq!(ring.acknowledge(1), Ok(()));
    assert_eq!(ring.rewind(3, 2), Err(Unknown::NeverSent));
    assert_eq!(ring.rewind(0, 2), Err(Unknown::Gone));
    assert_eq!(ring.rewind(1, 2), Ok((2, 2)));
    // All of it is new to this connection, and nothing is on its way.
    assert_eq!(sent(&mut ring, V1, LIMIT).len(), 3);
    assert_eq!(ring.rewind(4, 2), Ok((5, 4)));
    assert!(ring.is_empty());
    ring.push(text("5"));
    assert_eq!(sent(&mut ring, V1, LIMIT), [Frame::Text("5".to_owned())]);
}

#[test]
fn an_acknowledgement_over_the_old_connection_saves_repeating() {
    let mut ring = filled(4);
    let floor = ring.first();
    assert_eq!(sent(&mut ring, V1, LIMIT).len(), 4);
    assert_eq!(ring.acknowledge(3), Ok(()));
    assert_eq!(ring.rewind(1, floor), Ok((4, 4)));
    // And one that comes for what this connection has not sent yet.
    assert_eq!(ring.acknowledge(4), Ok(()));
    assert!(sent(&mut ring, V1, LIMIT).is_empty() && ring.is_sent());
}

#[test]
fn what_was_ever_sent_is_known_over_every_connection() {
    let mut ring = filled(3);
    assert_eq!(sent(&mut ring, V1, LIMIT).len(), 3);
    assert_eq!(ring.rewind(0, 1), Ok((1, 3)));
    assert_eq!(sent(&mut ring, V1, 10).len(), 1);
    assert_eq!(ring.rewind(0, 1), Ok((1, 3)));
    assert_eq!(ring.acknowledge(3), Ok(()));
}

#[test]
fn audio_is_a_frame_or_an_event_as_the_connection_has_it() {
    let mut ring = Ring::new();
    ring.push(audio(0, vec![0; 4]));
    ring.push(audio(1 << 33 | 7, vec![1, 0]));
    let frames = sent(&mut ring, BIN, LIMIT);
    let read = |frame: &Frame| match frame {
        Frame::Binary(bytes) => {
            let frame = binary::Frame::decode(bytes).expect("it is one");
            (frame.seq, frame.stream, frame.media_ts, frame.flags)
        }
        Frame::Text(text) => panic!("{text}"),
    };
    let first = Flags::FIRST.with(Flags::SILENCE);
    assert_eq!(read(&frames[0]), (1, 3, 0, first));
    assert_eq!(read(&frames[1]), (2, 3, 7, Flags::default()));

    assert_eq!(ring.rewind(0, 1), Ok((1, 2)));
    ring.push(audio(9, vec![1, 0]));
    let frames = sent(&mut ring, BIN, LIMIT);
    assert_eq!(read(&frames[0]).3, first.with(Flags::REPLAYED));
    assert_eq!(read(&frames[1]).3, Flags::REPLAYED);
    assert_eq!(read(&frames[2]).3, Flags::default(), "it was never sent");

    // The client comes back without binary frames, twice.
    assert_eq!(ring.rewind(1, 1), Ok((2, 3)));
    let texts = sent(&mut ring, V1, LIMIT);
    let Frame::Text(text) = &texts[0] else {
        panic!("it is text")
    };
    let envelope = Envelope::<ServerEvent>::decode(text).expect("it is an event");
    assert_eq!(envelope.seq, Some(2));
    assert!(envelope.event_id.is_some());
    let ServerEvent::OutputAudioDelta(delta) = envelope.event else {
        panic!("it is audio")
    };
    assert_eq!(delta.delta, "AQA=");
    assert_eq!(delta.response_id, "resp_1");
    assert_eq!(delta.item_id, "item_1");
    assert_eq!((delta.output_index, delta.content_index), (1, 2));
    assert_eq!(ring.rewind(1, 1), Ok((2, 3)));
    assert_eq!(sent(&mut ring, V1, LIMIT), texts, "under the same ids");
}
