//! Tests of what is kept, sent again, and lost.

use super::*;
use crate::wire::client::{ResponseCancel, ResponseCreate};
use alloc::vec;

const FRAME: u64 = 480;

fn outbox(ms: u64) -> Outbox {
    Outbox::new(Duration::from_millis(ms))
}

fn audio(outbox: &mut Outbox) -> Option<Range> {
    outbox.push_audio(vec![0; 960])
}

fn control(outbox: &mut Outbox) -> bool {
    outbox.push_control("event_1".into(), ResponseCreate::default().into())
}

/// Sends all there is; the sequence numbers of it.
fn send(outbox: &mut Outbox) -> Vec<u64> {
    let mut sent = Vec::new();
    while let Some(entry) = outbox.next() {
        sent.push(entry.seq);
        outbox.mark_sent(true);
    }
    sent
}

#[test]
fn what_has_not_arrived_is_sent_again_and_what_is_not_used_is_kept() {
    let mut outbox = outbox(1000);
    for _ in 0..3 {
        audio(&mut outbox);
    }
    control(&mut outbox);
    audio(&mut outbox);
    assert_eq!(outbox.waiting(), 4 * FRAME);
    assert_eq!(send(&mut outbox), [1, 2, 3, 4, 5]);
    assert_eq!((outbox.waiting(), outbox.in_flight()), (0, 4 * FRAME));
    outbox.acknowledge(3, 1);
    assert_eq!((outbox.kept, outbox.in_flight()), (3 * FRAME, FRAME));
    outbox.stop();
    assert_eq!(outbox.waiting(), FRAME);
    outbox.rewind(4, 2);
    assert_eq!(send(&mut outbox), [5]);
    assert_eq!(outbox.kept, 2 * FRAME);
    outbox.acknowledge(5, 5);
    assert_eq!((outbox.kept, outbox.entries.len()), (0, 0));
}

#[test]
fn numbers_that_were_never_given_out_are_not_believed() {
    let mut outbox = outbox(1000);
    audio(&mut outbox);
    outbox.acknowledge(7, 7);
    assert_eq!(send(&mut outbox), [1]);
    outbox.acknowledge(7, 7);
    audio(&mut outbox);
    assert_eq!(send(&mut outbox), [2]);
}

#[test]
fn a_full_window_forgets_what_arrived_before_it_loses_what_did_not() {
    let mut outbox = outbox(100);
    for _ in 0..5 {
        assert_eq!(audio(&mut outbox), None);
    }
    send(&mut outbox);
    outbox.acknowledge(2, 0);
    outbox.stop();
    assert_eq!(audio(&mut outbox), None);
    assert_eq!(audio(&mut outbox), None);
    // What was sent stays: it may have arrived.
    let lost = audio(&mut outbox).unwrap();
    assert_eq!((lost.from, lost.to), (5 * FRAME, 6 * FRAME));
    let lost = audio(&mut outbox).unwrap();
    assert_eq!((lost.from, lost.to), (6 * FRAME, 7 * FRAME));
    assert_eq!(outbox.waiting(), 5 * FRAME);
    // All but the last of it has. One loss stands for both, and the numbers go on without a gap.
    outbox.rewind(4, 0);
    let loss = &outbox.entries[outbox.index_after(5)];
    assert_eq!(loss.seq, 6);
    assert!(
        matches!(loss.what, What::Lost { through: 7, lost } if lost.from == 5 * FRAME
            && lost.to == 7 * FRAME)
    );
    assert_eq!(send(&mut outbox), [5, 6, 8, 9]);
    outbox.acknowledge(9, 9);
    assert!(outbox.entries.is_empty());
}

#[test]
fn a_loss_that_was_told_of_does_not_grow() {
    let mut outbox = outbox(20);
    audio(&mut outbox);
    assert!(audio(&mut outbox).is_some());
    assert_eq!(outbox.next().unwrap().seq, 1);
    outbox.mark_sent(true);
    assert!(audio(&mut outbox).is_some());
    assert_eq!(send(&mut outbox), [2, 3]);
    // Nor over the next line: the server may have been told of it as it was. What was sent stays, as
    // it may have arrived.
    outbox.stop();
    assert!(audio(&mut outbox).is_some());
    assert!(audio(&mut outbox).is_some());
    outbox.rewind(2, 0);
    assert_eq!(send(&mut outbox), [3, 4]);
    assert_eq!(outbox.next_seq(), 6);
}

#[test]
fn a_new_session_hears_again_what_is_not_used_after_what_it_has_to_know() {
    let mut outbox = outbox(1000);
    for _ in 0..4 {
        audio(&mut outbox);
    }
    control(&mut outbox);
    send(&mut outbox);
    outbox.acknowledge(5, 2);
    control(&mut outbox);
    outbox.push_control("event_2".into(), ResponseCancel::default().into());
    let know = [("event_0".into(), ResponseCreate::default().into())];
    let keep = |event: &ClientEvent| matches!(event, ClientEvent::ResponseCreate(_));
    assert_eq!(outbox.restart(know.into_iter(), keep), None);
    let places: Vec<_> = outbox
        .entries
        .iter()
        .map(|entry| (entry.seq, entry.what.samples()))
        .collect();
    assert_eq!(places, [(1, 0), (2, FRAME), (3, FRAME), (4, 0)]);
    assert_eq!(outbox.next_seq(), 5);
}

#[test]
fn what_arrived_but_was_forgotten_is_lost_with_its_session() {
    let mut outbox = outbox(100);
    for _ in 0..8 {
        audio(&mut outbox);
        send(&mut outbox);
        outbox.acknowledge(u64::MAX, 1);
    }
    let lost = outbox
        .restart(core::iter::empty(), |_| true)
        .expect("two frames are neither kept nor used");
    assert_eq!((lost.from, lost.to), (FRAME, 3 * FRAME));
}

#[test]
fn without_acknowledgements_the_place_in_the_input_says_what_is_used() {
    let mut outbox = outbox(1000);
    for _ in 0..5 {
        audio(&mut outbox);
    }
    while outbox.next().is_some() {
        outbox.mark_sent(false);
    }
    outbox.commit_input(3 * FRAME + 1);
    assert_eq!(outbox.kept, 2 * FRAME);
}

#[test]
fn events_have_a_bound() {
    let mut outbox = outbox(1000);
    audio(&mut outbox);
    for _ in 0..CONTROLS {
        assert!(control(&mut outbox));
    }
    assert!(!control(&mut outbox));
    send(&mut outbox);
    outbox.acknowledge(10, 0);
    assert!(control(&mut outbox), "what has arrived makes room");
}
