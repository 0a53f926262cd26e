//! The kinds of calls there are, and what goes wrong in each.

use std::fmt;

use super::Scenario;
use super::draws::{
    anything, anything_plain, crash, cut, drain, flap, intruder, mobile, nap, outage, pause,
    refusal, slow, token,
};
use crate::fault::{Fault, Offer};
use crate::random::Random;
use crate::time::S;

macro_rules! classes {
    ($($name:ident = $share:literal, $text:literal;)*) => {
        /// What a call is about.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "their texts say it")]
        pub enum Class { $($name),* }

        impl Class {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),*];
            const SHARES: &[u64] = &[$($share),*];

            const fn text(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }
        }
    };
}

// Shares are in ten thousand.
classes! {
    Calm = 1000, "calm";
    Drop = 1400, "one drop";
    Storm = 900, "many drops";
    Outage = 1100, "network away";
    Mobile = 500, "network changes";
    Slow = 800, "slow and stalling";
    Crash = 700, "server lost its state";
    Drain = 600, "server drains";
    Pause = 300, "a process stops";
    Refused = 500, "401 403 409 429 503";
    Token = 500, "token service";
    Sleep = 400, "sleep";
    Revoked = 200, "revoked";
    Flap = 200, "flapping server";
    Intruder = 100, "somebody else";
    Plain = 400, "plain upstream";
    Planned = 150, "plain hand-over";
    FirstDial = 147, "first dial";
    Chaos = 100, "everything";
    Hour = 2, "61 minutes";
    TenHours = 1, "10 hours";
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.text())
    }
}

impl Class {
    pub(super) fn draw(random: &mut Random) -> Self {
        let total: u64 = Self::SHARES.iter().sum();
        let mut drawn = random.below(total);
        for (class, share) in Self::ALL.iter().zip(Self::SHARES) {
            if drawn < *share {
                return *class;
            }
            drawn -= share;
        }
        Self::Calm
    }
}

impl Scenario {
    /// Lets go wrong what the class is about.
    pub(super) fn adapt(&mut self, random: &mut Random) {
        match self.class {
            Class::Calm => {}
            Class::Drop => self.some(random, 1, 1, cut),
            Class::Storm => self.some(random, 2, 12, cut),
            Class::Outage => self.some(random, 1, 3, outage),
            Class::Mobile => self.some(random, 1, 5, mobile),
            Class::Slow => {
                self.some(random, 1, 8, slow);
                if random.per_mille(300) {
                    self.script.speed = 40;
                    self.script.answer.1 = 60_000 * 24;
                }
            }
            Class::Crash => self.some(random, 1, 2, crash),
            Class::Drain => self.some(random, 1, 2, drain),
            Class::Pause => self.some(random, 1, 3, pause),
            Class::Refused => {
                self.some(random, 1, 3, refusal);
                self.some(random, 1, 3, cut);
            }
            Class::Token => {
                self.ttl = random.pick(&[8 * S, 12 * S, 20 * S]);
                self.some(random, 1, 3, token);
                self.some(random, 0, 1, cut);
            }
            Class::Sleep => self.some(random, 1, 2, nap),
            Class::Revoked => {
                self.some(random, 0, 1, cut);
                self.some(random, 1, 1, |_| Fault::Revoke);
            }
            Class::Flap => {
                self.some(random, 1, 2, flap);
                self.some(random, 1, 1, cut);
            }
            Class::Intruder => {
                self.some(random, 1, 2, intruder);
                self.some(random, 0, 1, cut);
            }
            Class::Plain => {
                self.offer = Offer::Plain;
                self.some(random, 0, 4, anything_plain);
            }
            Class::Planned => {
                self.offer = Offer::Plain;
                self.short_plain_life(random);
                self.some(random, 0, 1, anything_plain);
            }
            Class::FirstDial => self.first_dial(random),
            Class::Chaos => {
                if random.per_mille(100) {
                    self.offer = Offer::Plain;
                }
                self.some(random, 3, 20, anything);
            }
            Class::Hour => {
                if random.per_mille(300) {
                    self.offer = Offer::Plain;
                    self.some(random, 0, 10, anything_plain);
                } else {
                    self.some(random, 0, 30, anything);
                }
            }
            Class::TenHours => self.some(random, 0, 100, anything),
        }
        if random.per_mille(20) {
            self.some(random, 1, 1, |_| Fault::HangUp);
        }
    }

    fn some(
        &mut self,
        random: &mut Random,
        least: u64,
        most: u64,
        mut fault: impl FnMut(&mut Random) -> Fault,
    ) {
        for _ in 0..random.within(least, most) {
            let at = random.below(self.talk);
            self.faults.push((at, fault(random)));
        }
    }

    /// What goes wrong is there before the call is.
    fn first_dial(&mut self, random: &mut Random) {
        let fault = match random.below(5) {
            0 => token(random),
            1 => outage(random),
            2 => flap(random),
            _ => refusal(random),
        };
        let at = if random.per_mille(700) {
            0
        } else {
            random.below(S)
        };
        self.faults.push((at, fault));
        self.talk = self.talk.min(15 * S);
    }
}
