//! What the bytes of a script mean.

use std::time::Duration;

use offhook_proto::client::{self, Network, State};
use offhook_proto::server;
use offhook_proto::wire::client::{
    ConversationItemCreate, ConversationItemTruncate, ResponseCancel, ResponseCreate, SessionUpdate,
};
use offhook_proto::wire::{ClientEvent, ContentPart, Item};
use offhook_proto::{Close, Protocol};

use super::super::bytes::Bytes;
use super::hostile;
use super::world::{Luck, World};

const MS: Duration = Duration::from_millis(1);

/// Does one thing.
pub(super) fn operate(world: &mut World, operation: u8, bytes: &mut Bytes<'_>) {
    let now = world.now;
    match operation % 32 {
        0 => world.run(bytes.time(MS)),
        1 => world.run(bytes.time(MS * 20)),
        2 => world.run(bytes.time(MS * 200)),
        3 => {
            let samples = bytes.choice([0, 480, 2_400, 2_400, 481, 240]);
            world.set_speaking((samples > 0).then_some(samples));
        }
        4 => cut(world, bytes.byte()),
        5 => black_out(world, bytes.byte()),
        6 => world.delay = bytes.time(MS * 4),
        7 => stall(world, bytes.time(MS * 50)),
        8 => world.lateness = bytes.time(MS * 20),
        9 => world.tick_client(),
        10 => world.tick_servers(),
        11 => {
            if let Some(session) = world.session() {
                session.turn();
            }
        }
        12 => {
            let (deltas, samples) = (bytes.byte() % 32, bytes.choice([480, 2_400, 4_800, 7]));
            if let Some(session) = world.session() {
                session.answer(deltas, samples);
            }
        }
        13 => {
            for index in 0..world.sessions.len() {
                world.end_session(index);
            }
        }
        14 => world.mint = luck(bytes),
        15 => world.connect = luck(bytes),
        16 => world.refresh = luck(bytes),
        17 => {
            let all = [Protocol::OffhookV1Bin, Protocol::OffhookV1, Protocol::Plain];
            world.protocol = bytes.choice(all);
        }
        18 => {
            let network = bytes.choice([Network::Down, Network::Up, Network::Changed]);
            world
                .phone
                .client
                .handle(now, client::Input::Network(network));
        }
        19 => {
            let slept = bytes.time(MS * 500);
            world.phone.client.handle(now, client::Input::Slept(slept));
        }
        20 => send(world, bytes),
        21 => played(world, bytes),
        22 => world.phone.client.handle(now, client::Input::RetryNow),
        23 => {
            world.ttl = bytes
                .choice([None, Some(10), Some(60)])
                .map(Duration::from_secs);
        }
        24 => operator(world, bytes),
        25 => closes(world, bytes),
        26 => hostile::misleads_client(world, bytes),
        27 => hostile::misleads_server(world, bytes),
        28 if bytes.byte() == 28 => world.phone.client.handle(now, client::Input::HangUp),
        29 => world
            .phone
            .client
            .handle(now, client::Input::WallClockJumped),
        // Nothing, so that a script can be mutated gently.
        _ => {}
    }
}

/// Whether the call is live over a connection that is whole, and everything there was to say has
/// been said.
pub(super) fn is_well(world: &mut World) -> bool {
    let is_live = matches!(
        world.phone.state,
        Some(State::Live {
            unstable: false,
            ..
        })
    );
    let is_sent = world.phone.client.waiting() == Duration::ZERO;
    let soon = world.now + world.delay;
    let current = world.current();
    let is_whole = current.is_some_and(|(line, session)| line.is_whole(soon) && session.is_quiet());
    is_live && is_sent && is_whole
}

/// A connection breaks: both ends learn it, or only one.
fn cut(world: &mut World, how: u8) {
    let Some(conn) = world.line(usize::from(how >> 4)) else {
        return;
    };
    if how % 3 != 1 {
        world.drop_at_client(conn, None);
    }
    if how % 3 != 2 {
        world.drop_at_server(conn, None);
    }
}

/// What is sent over a connection vanishes from now on, and nobody is told.
fn black_out(world: &mut World, how: u8) {
    let conn = world.line(usize::from(how >> 4));
    if let Some(line) = conn.and_then(|conn| world.lines.get_mut(&conn)) {
        line.to_client.is_black |= how % 3 != 1;
        line.to_server.is_black |= how % 3 != 2;
    }
}

/// What is on its way over a connection is held up.
fn stall(world: &mut World, time: Duration) {
    let until = world.now + time;
    let conn = world.line(0);
    if let Some(line) = conn.and_then(|conn| world.lines.get_mut(&conn)) {
        line.to_client.stall(until);
        line.to_server.stall(until);
    }
}

fn luck(bytes: &mut Bytes<'_>) -> Luck {
    match bytes.byte() {
        0..=79 => Luck::Good,
        late @ 80..=159 => Luck::Late(MS * 200 * u32::from(late - 80)),
        160..=199 => Luck::Refused(bytes.choice([503, 429, 401, 409, 403, 404, 500, 502])),
        200..=229 => Luck::Unreachable,
        _ => Luck::Silent,
    }
}

/// The caller does something.
fn send(world: &mut World, bytes: &mut Bytes<'_>) {
    let event: ClientEvent = match bytes.byte() % 8 {
        0..=2 => {
            let id = format!("item_typed{}", world.created.len());
            // Only so many are kept for a new session.
            if world.phone.end().is_some() || world.created.len() > 100 {
                return;
            }
            world.created.push(id.clone());
            let part = ContentPart::input_text("hello");
            let item = Item::message(&id, "user", "completed", part);
            ConversationItemCreate {
                item,
                ..ConversationItemCreate::default()
            }
            .into()
        }
        3 => ResponseCreate::default().into(),
        4 => ResponseCancel::default().into(),
        5 => SessionUpdate::default().into(),
        _ => ConversationItemTruncate {
            item_id: answer(world, bytes),
            audio_end_ms: bytes.number(),
            ..ConversationItemTruncate::default()
        }
        .into(),
    };
    world
        .phone
        .client
        .handle(world.now, client::Input::Send(event.into()));
}

fn played(world: &mut World, bytes: &mut Bytes<'_>) {
    let item_id = &answer(world, bytes);
    let played = client::Input::Played {
        item_id,
        content_index: 0,
        audio_end_ms: bytes.number(),
    };
    world.phone.client.handle(world.now, played);
}

/// The name of an answer that there is, or nearly.
fn answer(world: &World, bytes: &mut Bytes<'_>) -> String {
    let session = world
        .sessions
        .len()
        .saturating_sub(1 + usize::from(bytes.byte() % 2));
    format!("item_sess_{session}_answer{}", bytes.byte() % 4)
}

/// Whoever runs the server does something.
fn operator(world: &mut World, bytes: &mut Bytes<'_>) {
    let now = world.now;
    let input = match bytes.byte() {
        0..=99 => server::Input::RequireRefresh {
            reason: "fingerprint",
            deadline: bytes.time(MS * 50),
        },
        100..=199 => server::Input::Drain {
            reason: "server_restart",
            deadline: bytes.time(MS * 50),
            reconnect_after: bytes.time(MS * 20),
            resume_url: None,
        },
        200..=229 => server::Input::Shutdown,
        230..=249 => server::Input::UpstreamEnded(close(bytes)),
        _ => server::Input::Revoke { reason: "policy" },
    };
    if let Some(session) = world.session() {
        session.server.handle(now, input);
    }
}

/// Something between the two ends closes a connection in the server's name.
fn closes(world: &mut World, bytes: &mut Bytes<'_>) {
    let close = close(bytes);
    if let Some(conn) = world.line(0) {
        world.drop_at_client(conn, Some(close));
        world.drop_at_server(conn, None);
    }
}

fn close(bytes: &mut Bytes<'_>) -> Close {
    let code = bytes.choice([
        1001, 1012, 1013, 1011, 1006, 1005, 1014, 4401, 4408, 4410, 4412, 4422, 4429, 3000, 1009,
        1000, 4409, 4403, 1008, 4999,
    ]);
    let reason = bytes.choice([
        "",
        "server.restart;retry_after_ms=700",
        "x;retry_after_ms=x",
    ]);
    Close::new(code, reason)
}
