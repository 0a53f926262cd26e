//! A call between both ends in memory, in virtual time, with whatever bytes say going wrong.

mod drivers;
mod hostile;
mod jobs;
mod line;
mod phone;
mod script;
mod session;
mod sound;
mod world;

use std::time::Duration;

use offhook_proto::{client, server};

use super::bytes::Bytes;
use world::{Luck, World};

/// Bytes of a script that count; what is done in a call takes time to check.
const SCRIPT: usize = 400;
/// How long a call may go on in all.
const CALL: Duration = Duration::from_secs(15 * 60);

/// Runs a script of faults and of what users and agents do, and lets everything be well again.
///
/// # Panics
/// If the script makes an end lose, repeat or keep what it must not, or hang.
pub(crate) fn pair(bytes: &[u8]) {
    let mut bytes = Bytes(&bytes[..bytes.len().min(SCRIPT)]);
    let setting = bytes.byte();
    let mut server = server::Config::default();
    let mut client = client::Config {
        seed: u64::from(bytes.byte()),
        ..client::Config::default()
    };
    if setting & 1 != 0 {
        client.window = Duration::from_secs(3);
    }
    if setting & 2 != 0 {
        (server.ring_bytes, server.in_flight_bytes) = (32 << 10, 8 << 10);
    }
    if setting & 4 != 0 {
        client.plain_lifetime = Duration::from_secs(20);
    }
    if setting & 8 != 0 {
        server.resume_window = Duration::from_secs(4);
    }
    let mut world = World::new(client, server);
    while world.now.since_start() < CALL
        && let Some(operation) = bytes.next()
    {
        script::operate(&mut world, operation, &mut bytes);
        world.settle();
    }
    heal(&mut world);
}

/// Takes every fault away; then a call that has not ended is live, and nothing of it is missing.
fn heal(world: &mut World) {
    world.set_speaking(None);
    world.delay = Duration::from_millis(20);
    world.lateness = Duration::ZERO;
    (world.mint, world.connect, world.refresh) = (Luck::Good, Luck::Good, Luck::Good);
    world.ttl = None;
    world
        .phone
        .client
        .handle(world.now, client::Input::Network(client::Network::Up));
    world.settle();
    let give_up = client::Config::default().give_up + Duration::from_secs(10);
    let healed_at = world.now;
    let mut well_for = 0;
    while world.phone.end().is_none() && well_for < 3 {
        world.run(Duration::from_secs(2));
        well_for = if script::is_well(world) {
            well_for + 1
        } else {
            0
        };
        let took = world.now - healed_at;
        assert!(
            took < give_up * 2,
            "not well after {took:?}: {:?}",
            world.phone.state
        );
    }
    if world.phone.end().is_none() {
        nothing_is_missing(world);
    }
}

fn nothing_is_missing(world: &mut World) {
    let waiting = world.phone.client.waiting();
    assert_eq!(waiting, Duration::ZERO, "something was not sent");
    if world.phone.is_misled {
        return;
    }
    for piece in 0..world.phone.pieces() {
        let is_there = world.arrived.contains(&piece) || world.phone.is_lost(piece);
        assert!(is_there, "piece {piece} got lost, and nobody said so");
    }
    let spoken_to = world
        .sessions
        .iter()
        .filter(|session| session.first_piece().is_some());
    let spoken_to: Vec<_> = spoken_to.collect();
    for (old, new) in spoken_to.iter().zip(spoken_to.iter().skip(1)) {
        let first = new.first_piece().expect("it was spoken to");
        for piece in old.unused().filter(|piece| *piece < first) {
            let is_told = world.phone.is_lost(piece);
            assert!(
                is_told,
                "{} has not heard piece {piece}, which {} has not used",
                new.id, old.id
            );
        }
    }
    let index = world.current().map(|(line, _)| line.session);
    let session = &world.sessions[index.expect("the call is live")];
    session.was_heard(&world.phone);
    for item in &world.created {
        assert!(session.knows(item), "{item} was not told to {}", session.id);
    }
}
