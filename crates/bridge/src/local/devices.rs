//! Devices whose users sign in with another one (RFC 8628).

use std::collections::HashMap;
use std::time::Duration;

use crate::proof::{hash, same};

/// How many may wait at a time.
const MAX: usize = 1000;
/// The letters of user codes: none that spells a word or looks like another (section 6.1).
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
/// How much slower a device has to ask that asks too often, in ms (section 3.5).
const SLOWER: u64 = 5000;

/// A device that waits, or whose user has signed in.
#[derive(Debug)]
struct Device {
    user_code: String,
    scope: String,
    sub: Option<String>,
    /// In ms, and in ms since the Unix epoch.
    interval: u64,
    asked_at: u64,
    until: u64,
}

/// What a device is told that asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    Pending,
    SlowDown,
    Expired,
    Unknown,
}

/// All devices, by the hashes of their codes.
#[derive(Debug, Default)]
pub(super) struct Devices {
    all: HashMap<String, Device>,
}

impl Devices {
    /// One more waits, from `now`, in ms since the Unix epoch; says whether there is room for it.
    pub(super) fn add(
        &mut self,
        now: u64,
        (code, user_code): (&str, &str),
        scope: String,
        (interval, life): (Duration, Duration),
    ) -> bool {
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        // A device that asks for one that is over is told so for as long again.
        self.all
            .retain(|_, it| it.until.saturating_add(ms(life)) > now);
        let is_taken = self.all.values().any(|it| it.user_code == user_code);
        if self.all.len() >= MAX || is_taken {
            return false;
        }
        let device = Device {
            user_code: user_code.to_owned(),
            scope,
            sub: None,
            interval: ms(interval),
            asked_at: now,
            until: now.saturating_add(ms(life)),
        };
        self.all.insert(hash(code), device);
        true
    }

    /// A user has signed in for the device that shows this code; says whether there is one.
    pub(super) fn approve(&mut self, now: u64, typed: &str, sub: &str) -> bool {
        let typed = user_code(typed.bytes());
        let mut waiting = self.all.values_mut();
        let device = waiting.find(|it| it.sub.is_none() && same(&it.user_code, &typed));
        match device.filter(|device| now < device.until) {
            Some(device) => {
                device.sub = Some(sub.to_owned());
                true
            }
            None => false,
        }
    }

    /// A device asks whether its user has signed in; then says who it is, and what was asked for,
    /// once.
    pub(super) fn ask(&mut self, now: u64, code: &str) -> Result<(String, String), Refused> {
        let hashed = hash(code);
        let device = self.all.get_mut(&hashed).ok_or(Refused::Unknown)?;
        if now >= device.until {
            return Err(Refused::Expired);
        }
        if now < device.asked_at.saturating_add(device.interval) {
            device.interval = device.interval.saturating_add(SLOWER);
            device.asked_at = now;
            return Err(Refused::SlowDown);
        }
        device.asked_at = now;
        let sub = device.sub.take().ok_or(Refused::Pending)?;
        let scope = std::mem::take(&mut device.scope);
        self.all.remove(&hashed);
        Ok((sub, scope))
    }
}

/// A user code of these: letters as they are typed, or random numbers.
pub(super) fn user_code(from: impl Iterator<Item = u8>) -> String {
    let letters = from
        .map(|byte| byte.to_ascii_uppercase())
        .filter(|byte| LETTERS.contains(byte));
    let mut code = String::new();
    for (index, letter) in letters.take(8).enumerate() {
        if index == 4 {
            code.push('-');
        }
        code.push(char::from(letter));
    }
    code
}

/// The letters that random bytes stand for.
pub(super) fn letters(random: &[u8]) -> impl Iterator<Item = u8> {
    random
        .iter()
        .map(|byte| LETTERS[usize::from(*byte) % LETTERS.len()])
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(600));

    fn waiting() -> Devices {
        let mut devices = Devices::default();
        assert!(devices.add(0, ("code", "BCDF-GHJK"), "openid".into(), TIMES));
        devices
    }

    #[test]
    fn a_device_is_signed_in_by_its_user_code() {
        let mut devices = waiting();
        assert_eq!(devices.ask(1000, "code"), Err(Refused::Pending));
        assert_eq!(devices.ask(2000, "other"), Err(Refused::Unknown));
        assert!(!devices.approve(2000, "BCDF-GHJL", "anna"));
        assert!(devices.approve(2000, "bcdf ghjk", "anna"));
        assert!(!devices.approve(2000, "BCDF-GHJK", "eve"));
        let expected = ("anna".to_owned(), "openid".to_owned());
        assert_eq!(devices.ask(2000, "code"), Ok(expected));
        assert_eq!(devices.ask(3000, "code"), Err(Refused::Unknown));
    }

    #[test]
    fn a_device_that_asks_too_often_has_to_slow_down() {
        let mut devices = waiting();
        assert_eq!(devices.ask(999, "code"), Err(Refused::SlowDown));
        assert_eq!(devices.ask(6998, "code"), Err(Refused::SlowDown));
        assert_eq!(devices.ask(17_998, "code"), Err(Refused::Pending));
    }

    #[test]
    fn a_device_does_not_wait_for_ever() {
        let mut devices = waiting();
        assert!(!devices.approve(600_000, "BCDF-GHJK", "anna"));
        assert_eq!(devices.ask(600_000, "code"), Err(Refused::Expired));
        let mut devices = Devices::default();
        for number in 0..MAX {
            let (code, name) = (number.to_string(), format!("{number}"));
            assert!(devices.add(0, (&code, &name), String::new(), TIMES));
        }
        assert!(!devices.add(0, ("more", "more"), String::new(), TIMES));
    }

    #[test]
    fn user_codes_are_eight_letters() {
        assert_eq!(user_code(letters(&[0, 1, 2, 3, 4, 5, 6, 7])), "BCDF-GHJK");
        assert_eq!(user_code(letters(&[255; 8])), "TTTT-TTTT");
        assert_eq!(user_code("bc-df1a ghjk".bytes()), "BCDF-GHJK");
    }
}
