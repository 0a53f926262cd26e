//! What waits for the client is bounded, and what it takes lets the upstream go on.

use offhook_proto::server::Config;
use offhook_proto::wire::client::ConversationItemTruncate;
use offhook_proto::wire::server::{SessionCreated, SessionUpdated};
use offhook_proto::{Close, Protocol};

use crate::harness::{Rig, Told, config, ms};

const V1: Protocol = Protocol::OffhookV1;
const BIN: Protocol = Protocol::OffhookV1Bin;

fn tight() -> Config {
    Config {
        ring_bytes: 100_000,
        in_flight_bytes: 20_000,
        ..config()
    }
}

/// Speaks for as long as the upstream may.
fn fill(rig: &mut Rig) -> u64 {
    let mut pieces = 0;
    while rig.server.takes_upstream() {
        rig.speak("item_1", &[pieces as i16; 480]);
        pieces += 1;
        assert!(pieces < 1_000, "it is never full");
    }
    pieces
}

#[test]
fn a_client_that_takes_nothing_stops_the_upstream() {
    for protocol in [V1, BIN] {
        let mut rig = Rig::live_with(tight(), protocol);
        let pieces = fill(&mut rig);
        assert!(pieces > 40, "{pieces}");
        assert!(rig.server.kept_bytes() <= 100_000 + 2_000);
        let sent = rig.seqs(1);
        assert!(sent.len() < 25, "{protocol}: 20 kB are on their way");
        assert!(!rig.server.takes_upstream());

        // Every acknowledgement brings more, without a number left out.
        let mut last = 0;
        while let Some(newest) = rig.seqs(1).last().copied().filter(|seq| *seq > last) {
            last = newest;
            rig.ack(1, newest);
        }
        let audio = rig
            .kinds(1)
            .iter()
            .filter(|kind| kind.contains("audio"))
            .count() as u64;
        assert_eq!(audio, pieces, "{protocol}");
        let seqs = rig.seqs(1);
        assert!(seqs.iter().zip(2..).all(|(seq, expected)| *seq == expected));
        assert!(rig.server.takes_upstream());
        assert!(rig.server.kept_bytes() < 100);
    }
}

#[test]
fn never_more_is_on_its_way_than_allowed_not_even_after_a_resume() {
    let mut rig = Rig::live_with(tight(), BIN);
    rig.drop(1);
    let pieces = fill(&mut rig);
    for (conn, protocol) in [(2, BIN), (3, V1), (4, BIN)] {
        rig.attach(conn, protocol, true);
        rig.resume(conn, 1, 1);
        let seqs = rig.seqs(conn);
        let most = if protocol == BIN { 21 } else { 15 };
        assert!(
            (most - 5..=most).contains(&seqs.len()),
            "{protocol}: {}",
            seqs.len()
        );
        rig.run(ms(100));
        assert_eq!(rig.seqs(conn).len(), seqs.len());
    }
    assert!(pieces > 40);
}

#[test]
fn what_is_known_to_have_arrived_is_not_repeated() {
    let mut rig = Rig::live_with(tight(), V1);
    fill(&mut rig);
    let sent = rig.seqs(1);
    let last = *sent.last().unwrap();
    rig.drop(1);
    rig.attach(2, V1, true);
    rig.resume(2, last, 1);
    assert_eq!(rig.seqs(2).first(), Some(&(last + 1)));
}

#[test]
fn the_upstream_waits_for_the_first_connection() {
    let mut rig = Rig::new(config());
    let mut early = 0;
    while rig.server.takes_upstream() {
        rig.upstream(SessionUpdated::default());
        early += 1;
        assert!(early < 1_000);
    }
    assert!(rig.outputs.is_empty());
    rig.attach(1, V1, false);
    assert_eq!(rig.seqs(1), (1..=early).collect::<Vec<_>>());
    assert!(rig.server.takes_upstream());
}

#[test]
fn a_client_cannot_fill_the_memory_with_its_own_errors() {
    let mut rig = Rig::live_with(tight(), V1);
    let mut seq = 0;
    while rig.close_of(1).is_none() {
        seq += 1;
        rig.send(1, Some(seq), ConversationItemTruncate::default());
        assert!(rig.server.kept_bytes() < 1_500_000);
        assert!(seq < 10_000, "it may go on for ever");
    }
    assert_eq!(rig.code_of(1), Some(Close::POLICY));
}

#[test]
fn a_long_call_takes_no_more_memory_than_a_short_one() {
    let mut rig = Rig::live(BIN);
    let mut most = 0;
    for second in 0..120_u64 {
        for piece in 1..=50 {
            rig.say_binary(1, second * 50 + piece);
        }
        rig.speak(&format!("item_{second}"), &[1; 24_000]);
        rig.run(ms(1_000));
        let newest = rig.seqs(1).last().copied().unwrap_or(0);
        rig.ack(1, newest);
        most = most.max(rig.server.kept_bytes());
        rig.clear();
    }
    assert!(most < 100_000, "{most}");
}

#[test]
fn every_text_has_an_id_and_every_number_is_used_once() {
    let mut rig = Rig::live(BIN);
    rig.upstream(SessionCreated::default());
    rig.speak("item_1", &[1; 480]);
    rig.text(1, "x");
    rig.run(ms(1_000));
    let told = rig.sent(1);
    assert!(told.iter().all(|told| match told {
        Told::Event(envelope) => envelope.event_id.is_some(),
        Told::Audio { .. } => true,
    }));
    assert_eq!(rig.seqs(1), [2, 3, 4, 5]);
}
