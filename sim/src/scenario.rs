//! One call's circumstances, drawn from its seed.

mod classes;
mod draws;

use std::time::Duration;

use offhook_proto::{client, server};

use crate::fault::{Fault, Offer};
use crate::net::Way;
use crate::random::Random;
use crate::time::{HOUR, MINUTE, MS, PER_MS, S, Us, duration};
use crate::upstream::Script;
pub use classes::Class;

/// Everything about a call that is not what the machines do.
#[derive(Debug)]
pub(crate) struct Scenario {
    pub(crate) class: Class,
    /// How long the caller talks while things go wrong. Then all is well again, and the call has to
    /// be, too.
    pub(crate) talk: Us,
    /// Samples in a frame of the microphone.
    pub(crate) frame: u64,
    pub(crate) client: client::Config,
    pub(crate) server: server::Config,
    pub(crate) offer: Offer,
    pub(crate) up: Way,
    pub(crate) down: Way,
    /// How long a token lives, and how long it takes to be minted.
    pub(crate) ttl: Us,
    pub(crate) mint: Us,
    pub(crate) upgrade: Us,
    /// The driver is told how long a token lives.
    pub(crate) tells_expiry: bool,
    pub(crate) script: Script,
    pub(crate) caller: Caller,
    /// The longest life of an upstream session.
    pub(crate) upstream_life: Us,
    pub(crate) faults: Vec<(Us, Fault)>,
    /// For everything that is drawn while the call runs.
    pub(crate) random: Random,
}

/// What the caller does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller {
    pub(crate) speech: (Us, Us),
    pub(crate) silence: (Us, Us),
    /// In a thousand frames during which the agent is heard, so many begin an interruption by the
    /// button.
    pub(crate) interrupts: u64,
    /// In a thousand frames so many bring a typed message or another event.
    pub(crate) types: u64,
    /// Claims to have heard more than there is.
    pub(crate) exaggerates: bool,
}

impl Scenario {
    pub(crate) fn draw(seed: u64) -> Self {
        let mut random = Random::seeded(seed);
        let class = Class::draw(&mut random);
        let mut scenario = Self::usual(class, &mut random);
        scenario.adapt(&mut random);
        scenario.faults.sort_by_key(|(at, _)| *at);
        scenario.random = random;
        scenario
    }

    /// A call of which only the seed is left to chance and nothing goes wrong.
    pub(crate) fn calm(seed: u64) -> Self {
        let mut random = Random::seeded(seed);
        let mut scenario = Self::usual(Class::Calm, &mut random);
        scenario.offer = Offer::Bin;
        scenario.up = Way::GOOD;
        scenario.down = Way::GOOD;
        scenario.frame = 480;
        scenario.client.window = client::Config::default().window;
        scenario.talk = 20 * S;
        scenario.ttl = 60 * S;
        scenario.server.ring_bytes = 8 << 20;
        scenario.server.in_flight_bytes = 1 << 20;
        scenario.random = random;
        scenario
    }

    fn usual(class: Class, random: &mut Random) -> Self {
        let talk = match class {
            Class::Hour => 61 * MINUTE,
            Class::TenHours => 10 * HOUR,
            _ => random.spread(4 * S, 32 * S),
        };
        let is_long = talk > MINUTE;
        let ms = if is_long {
            100
        } else {
            random.pick(&[20, 20, 20, 20, 40, 60, 100])
        };
        let client = client::Config {
            seed: random.bits(),
            // Small ones now and then, so that they are full now and then.
            window: if random.per_mille(60) {
                duration(random.within(10 * S, 20 * S))
            } else {
                client::Config::default().window
            },
            ..client::Config::default()
        };
        let server = server::Config {
            unix_ms: 1_700_000_000_000 + random.below(HOUR),
            ring_bytes: random.pick(&[256 << 10, 1 << 20, 8 << 20, 8 << 20]),
            in_flight_bytes: random.pick(&[64 << 10, 256 << 10, 1 << 20, 1 << 20]),
            ..server::Config::default()
        };
        let offers = [
            Offer::Bin,
            Offer::Bin,
            Offer::Bin,
            Offer::Bin,
            Offer::Bin,
            Offer::Bin,
        ];
        let more = [Offer::Json, Offer::Alternating];
        let offer = if random.per_mille(750) || is_long {
            random.pick(&offers)
        } else {
            random.pick(&more)
        };
        let longest = if random.per_mille(30) { 60_000 } else { 6_000 };
        Self {
            class,
            talk,
            frame: ms * PER_MS,
            client,
            server,
            offer,
            up: way(random),
            down: way(random),
            ttl: if is_long {
                random.pick(&[60 * S, 120 * S])
            } else {
                random.pick(&[12 * S, 20 * S, 20 * S, 60 * S, 120 * S])
            },
            mint: random.spread(5 * MS, 300 * MS),
            upgrade: random.spread(MS, 50 * MS),
            tells_expiry: random.per_mille(900),
            script: Script {
                latency: random.spread(2 * MS, 300 * MS),
                think: random.spread(10 * MS, 800 * MS),
                delta: random.pick(&[50, 100, 200, 400]) * PER_MS,
                speed: random.pick(&[2, 5, 10, 40]),
                answer: (200 * PER_MS, longest * PER_MS),
                hang: random.pick(&[200, 300, 500]) * PER_MS,
            },
            caller: Caller {
                speech: (300 * MS, random.pick(&[1_000, 3_000, 8_000]) * MS),
                silence: (120 * MS, random.pick(&[600, 2_000, 5_000]) * MS),
                interrupts: random.pick(&[0, 2, 10]),
                types: random.pick(&[0, 0, 3, 20]),
                exaggerates: random.per_mille(300),
            },
            upstream_life: HOUR,
            faults: Vec::new(),
            random: random.fork(),
        }
    }

    /// Twenty-four hours of the day are no different from an hour: a plain session's life is drawn
    /// short, so that a hand-over is seen in short calls as well.
    fn short_plain_life(&mut self, random: &mut Random) {
        let life = random.within(12 * S, 25 * S);
        self.client.plain_lifetime = duration(life);
        self.upstream_life = life + 20 * S;
        self.talk = self.talk.max(life * 2);
    }

    pub(crate) fn window(&self) -> Duration {
        self.client.window
    }
}

fn way(random: &mut Random) -> Way {
    let latency = random.spread(MS, 200 * MS);
    Way {
        latency,
        jitter: random.below(latency + MS),
        bandwidth: random.pick(&[128_000, 500_000, 4_000_000, 20_000_000]),
    }
}
