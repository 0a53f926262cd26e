//! A herd in virtual time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use offhook_proto::wire::server::GoAway;

use super::gate::Gate;
use super::people::{Happening, Person, Plans};
use super::{Course, Herd, Loss};
use crate::pattern::Backoff;
use crate::random::Random;
use crate::reconnect::Client;

/// How long everybody has been up before the drop: no wait before it matters any more.
const UP: Duration = Duration::from_secs(15);
/// The time over which they made their first connection.
const COMING: Duration = Duration::from_secs(4);
/// How long after the drop it is looked on.
const AFTER: Duration = Duration::from_secs(120);
/// How often a server says something. Seldom, for this costs most of the time.
const BEAT: Duration = Duration::from_secs(1);
/// How long the server refuses connections after [`Loss::Refused`].
const CLOSED: Duration = Duration::from_secs(3);
/// How long connections stay after [`Loss::GoAway`], as a bridge has it.
const DRAIN: Duration = Duration::from_secs(5);
/// How many clients a second a bridge lets come back where it lost them all; its own rule.
const RETURNS: u32 = 2500;
/// The least and the longest time over which it has them come back.
const SPREAD: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(10));

/// Something that is to happen: when, in which order, to whom.
#[derive(Debug)]
struct Entry {
    at: Duration,
    order: u64,
    person: usize,
    happening: Happening,
}

/// Drops so many clients at once and looks on until they are back.
#[must_use]
pub fn simulate(client: Client, loss: Loss, clients: usize, seed: u64) -> Herd {
    let mut random = Random::seeded(seed);
    let count = u32::try_from(clients).unwrap_or(u32::MAX);
    let spread = (Duration::from_secs(1) / RETURNS).saturating_mul(count);
    let spread = spread.clamp(SPREAD.0, SPREAD.1);
    let starts: Vec<Duration> = (0..clients).map(|_| random.up_to(COMING)).collect();
    let people = starts.iter().map(|starts| match client {
        Client::Offhook => Person::offhook(random.bits(), spread, *starts),
        _ => Person::naive(Backoff::new(Random::seeded(random.bits()))),
    });
    let mut world = World {
        people: people.collect(),
        courses: vec![Course::default(); clients],
        gate: Gate::default(),
        entries: BinaryHeap::new(),
        order: 0,
        back: 0,
    };
    if client == Client::Offhook {
        world.come_up(&starts, &mut random);
    }
    world.lose(loss, &mut random);
    world.run(UP + AFTER);
    for course in &mut world.courses {
        for time in course.dials.iter_mut().chain(&mut course.tokens) {
            *time -= UP;
        }
        course.back = course.back.map(|back| back - UP);
    }
    Herd::new(client, loss, true, &world.courses)
}

struct World {
    people: Vec<Person>,
    courses: Vec<Course>,
    gate: Gate,
    entries: BinaryHeap<Reverse<Entry>>,
    order: u64,
    back: usize,
}

impl World {
    /// Lets everybody make their first connection, at a server that takes all of them.
    fn come_up(&mut self, starts: &[Duration], random: &mut Random) {
        for (person, starts) in starts.iter().enumerate() {
            self.plan(person, *starts, Happening::Woken);
            let mut beat = random.up_to(BEAT);
            while beat < UP + AFTER {
                self.plan(person, beat, Happening::Beat);
                beat += BEAT;
            }
        }
        self.run(UP);
        for course in &mut self.courses {
            assert_eq!(course.dials.len(), 1, "not everybody came up");
            *course = Course::default();
        }
        self.back = 0;
        self.gate = Gate::default();
    }

    /// Drops everybody.
    fn lose(&mut self, loss: Loss, random: &mut Random) {
        if loss == Loss::Refused {
            self.gate.closed_until = UP + CLOSED;
        }
        for person in 0..self.people.len() {
            if loss == Loss::GoAway {
                let after = random.up_to(DRAIN);
                let go_away = GoAway {
                    reason: "restart".to_owned(),
                    deadline_ms: ms(DRAIN),
                    reconnect_after_ms: ms(after),
                    ..GoAway::default()
                };
                self.plan(person, UP, Happening::GoneAway(Box::new(go_away.into())));
                // The naive client was closed at once.
                if matches!(self.people[person], Person::Offhook(_)) {
                    self.plan(person, UP + DRAIN, Happening::Closed);
                }
            } else {
                self.plan(person, UP, Happening::Broken);
            }
        }
    }

    fn plan(&mut self, person: usize, at: Duration, happening: Happening) {
        self.order += 1;
        self.entries.push(Reverse(Entry {
            at,
            order: self.order,
            person,
            happening,
        }));
    }

    /// Lets happen what is to happen before `end`, or until everybody is back.
    fn run(&mut self, end: Duration) {
        let mut plans = Plans::new();
        while self.back < self.people.len()
            && let Some(Reverse(next)) = self.entries.peek()
            && next.at < end
            && let Some(Reverse(entry)) = self.entries.pop()
        {
            let course = &mut self.courses[entry.person];
            let was_away = course.back.is_none();
            self.people[entry.person].happen(
                entry.at,
                entry.happening,
                &mut self.gate,
                course,
                &mut plans,
            );
            self.back += usize::from(was_away && course.back.is_some());
            for (at, happening) in plans.drain(..) {
                self.plan(entry.person, at, happening);
            }
        }
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl Eq for Entry {}

fn ms(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENTS: usize = 300;

    #[test]
    fn everybody_comes_back_however_they_were_dropped() {
        for loss in [Loss::Break, Loss::GoAway, Loss::Refused] {
            for client in [Client::Offhook, Client::Naive] {
                let herd = simulate(client, loss, CLIENTS, 1);
                assert_eq!(herd.back, CLIENTS, "{herd:?}");
                assert!(herd.dials >= CLIENTS, "{herd:?}");
            }
        }
    }

    #[test]
    fn the_naive_peak_is_what_its_formula_says() {
        // All of them dial between 0.8 and 1.2 s: an eighth in 50 ms.
        let herd = simulate(Client::Naive, Loss::Break, 10_000, 7);
        assert!((1200..1450).contains(&herd.peak_dials), "{herd:?}");
    }

    #[test]
    fn the_same_seed_is_the_same_herd() {
        let herd = |seed| simulate(Client::Offhook, Loss::Refused, CLIENTS, seed);
        assert_eq!(herd(3), herd(3));
        assert_ne!(herd(3), herd(4));
    }
}
