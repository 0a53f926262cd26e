//! Nonces for proofs: they show that a proof was made a moment ago, and here is nothing to remember.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::hmac::{HMAC_SHA256, Key, sign};

use super::same;

/// How long one is handed out, in s. It is taken for as long again.
const PERIOD: u64 = 60;

/// The nonces of this process (RFC 9449 section 8).
pub(crate) struct Nonces {
    key: Key,
}

impl Nonces {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self {
            key: Key::new(HMAC_SHA256, key),
        }
    }

    /// The one to hand out at `now`, in s since the Unix epoch.
    pub(crate) fn current(&self, now: u64) -> String {
        self.of(now / PERIOD)
    }

    /// Whether this one was handed out a moment ago.
    pub(super) fn has(&self, now: u64, nonce: &str) -> bool {
        let period = now / PERIOD;
        let current = same(nonce, &self.of(period));
        current
            || period
                .checked_sub(1)
                .is_some_and(|it| same(nonce, &self.of(it)))
    }

    fn of(&self, period: u64) -> String {
        let tag = sign(&self.key, &period.to_be_bytes());
        BASE64_URL_SAFE_NO_PAD.encode(&tag.as_ref()[..16])
    }
}

impl std::fmt::Debug for Nonces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Nonces").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_lives_for_one_to_two_minutes() {
        let (nonces, others) = (Nonces::new(&[1; 32]), Nonces::new(&[2; 32]));
        let nonce = nonces.current(600);
        assert_eq!(nonces.current(659), nonce);
        assert_ne!(nonces.current(660), nonce);
        for (now, good) in [(600, true), (719, true), (720, false), (599, false)] {
            assert_eq!(nonces.has(now, &nonce), good, "{now}");
        }
        assert!(!others.has(600, &nonce) && !nonces.has(600, "") && !nonces.has(0, ""));
    }
}
