//! One direction of a connection: reads, holds back as long as the weather says, hands over.

use std::collections::VecDeque;
use std::io;
use std::net::Shutdown;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::TcpStream;

use super::frames::Frames;
use super::{Link, Passed, Shared, Way};

/// What may be held back; beyond it the sender is not read, and TCP slows it.
const CAPACITY: usize = 256 << 10;
/// The most that is read at once.
const PIECE: usize = 16 << 10;

/// How a direction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// The sender said that nothing more comes; the receiver was told.
    Finished,
    /// A side is gone, or the connection is to be cut.
    Broken,
}

/// Carries one direction until it ends.
pub(super) async fn pump(
    shared: &Shared,
    connection: usize,
    way: Way,
    from: &TcpStream,
    to: &TcpStream,
) -> Ended {
    let mut weather = shared.weather.subscribe();
    let mut held = Held::default();
    let mut frames = Frames::default();
    let mut random = Random(connection as u64 * 2 + way as u64);
    let mut ended = None;
    loop {
        let link = weather.borrow_and_update().links[way as usize];
        let now = shared.clock.elapsed();
        let next = held.next_at().filter(|_| !link.stalled);
        if let (Some(ended), true, false) = (ended, held.pieces.is_empty(), link.stalled) {
            if ended == Ended::Finished {
                // Fails only for a connection that is gone.
                drop(SockRef::from(to).shutdown(Shutdown::Write));
            }
            return ended;
        }
        tokio::select! {
            // A change holds for all that comes after it.
            biased;
            // The relay holds the other end for as long as there are connections.
            _ = weather.changed() => {}
            () = shared.clock.shows(next.unwrap_or_default()), if next.is_some_and(|at| at > now) => {}
            writable = to.writable(), if next.is_some_and(|at| at <= now) => {
                let bytes = held.sendable(link);
                match writable.and_then(|()| to.try_write(bytes)) {
                    Ok(count) => {
                        let bytes = &bytes[..count];
                        shared.passed(Passed { connection, way, bytes });
                        held.sent(count, shared.clock.elapsed(), link);
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(_) => return Ended::Broken,
                }
            }
            readable = from.readable(), if ended.is_none() && held.size < CAPACITY => {
                match readable.and_then(|()| read(from)) {
                    Ok(mut bytes) if !bytes.is_empty() => {
                        frames.cut_after(link.cut);
                        if let Some(place) = frames.pass(&bytes) {
                            bytes.truncate(place);
                            ended = Some(Ended::Broken);
                            shared.weather.send_modify(|weather| {
                                weather.links[way as usize].cut = None;
                            });
                        }
                        let delay = link.latency + random.up_to(link.jitter);
                        held.keep(bytes, shared.clock.elapsed() + delay);
                    }
                    Ok(_) => ended = Some(Ended::Finished),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(_) => ended = Some(Ended::Broken),
                }
            }
        }
    }
}

/// What came next; nothing at the end.
fn read(from: &TcpStream) -> io::Result<Vec<u8>> {
    let mut piece = [0; PIECE];
    let count = from.try_read(&mut piece)?;
    Ok(piece[..count].to_vec())
}

/// What was read and is not handed over yet.
#[derive(Debug, Default)]
struct Held {
    pieces: VecDeque<Piece>,
    size: usize,
    /// When the line is free again.
    free: Duration,
}

#[derive(Debug)]
struct Piece {
    due: Duration,
    bytes: Vec<u8>,
    sent: usize,
}

impl Held {
    /// When the next piece may be handed over.
    fn next_at(&self) -> Option<Duration> {
        self.pieces.front().map(|piece| piece.due.max(self.free))
    }

    /// Keeps a piece until `due`, and until those before it are gone.
    fn keep(&mut self, bytes: Vec<u8>, due: Duration) {
        self.size += bytes.len();
        self.pieces.push_back(Piece {
            due,
            bytes,
            sent: 0,
        });
    }

    /// What may be handed over at once: a hundredth of what passes in a second.
    fn sendable(&self, link: Link) -> &[u8] {
        let Some(piece) = self.pieces.front() else {
            return &[];
        };
        let rest = &piece.bytes[piece.sent..];
        let most = link.bandwidth.map_or(usize::MAX, |bytes| {
            usize::try_from(bytes / 100).unwrap_or(usize::MAX).max(1)
        });
        &rest[..rest.len().min(most)]
    }

    fn sent(&mut self, count: usize, now: Duration, link: Link) {
        self.size -= count;
        if let Some(bytes) = link.bandwidth {
            let takes =
                Duration::from_secs(count as u64) / u32::try_from(bytes.max(1)).unwrap_or(u32::MAX);
            self.free = now.max(self.free) + takes;
        }
        if let Some(piece) = self.pieces.front_mut() {
            piece.sent += count;
            if piece.sent == piece.bytes.len() {
                self.pieces.pop_front();
            }
        }
    }
}

/// SplitMix64; jitter needs no more.
struct Random(u64);

impl Random {
    fn up_to(&mut self, most: Duration) -> Duration {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let part = ((bits ^ (bits >> 31)) >> 40) as f64 / (1_u64 << 24) as f64;
        most.mul_f64(part)
    }
}
