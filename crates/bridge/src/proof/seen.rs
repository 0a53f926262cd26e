//! Proofs that came before, for as long as they could come again.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, PoisonError};

use ring::digest::{SHA256, digest};

use super::{LEEWAY, Proof, Refused};

/// How many proofs of one key are remembered. A client needs two for a connection.
const OF_ONE_KEY: usize = 256;
/// How many of all keys at least, and how many for each session there may be.
const LEAST: usize = 32_768;
const PER_SESSION: usize = 16;

/// A table that rather refuses than forgets.
#[derive(Debug)]
pub(crate) struct Seen {
    inner: Mutex<Inner>,
    most: usize,
}

#[derive(Debug, Default)]
struct Inner {
    /// By thumbprint; the ids as hashes, with when each is over, in s since the Unix epoch.
    keys: HashMap<String, HashMap<[u8; 32], u64>>,
    count: usize,
}

impl Seen {
    /// A table for a bridge with at most so many sessions.
    pub(crate) fn new(max_sessions: u32) -> Self {
        Self {
            inner: Mutex::default(),
            most: LEAST.max((max_sessions as usize).saturating_mul(PER_SESSION)),
        }
    }

    /// Uses a proof up, at `now`, in s since the Unix epoch. Of several at once, one succeeds.
    ///
    /// # Errors
    /// Where it came before, or where nobody could tell.
    pub(crate) fn spend(&self, now: u64, proof: &Proof) -> Result<(), Refused> {
        let mut id = [0; 32];
        id.copy_from_slice(digest(&SHA256, proof.jti.as_bytes()).as_ref());
        // Nothing under this lock panics half-way; a poisoned table is still whole.
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let of_key = |inner: &Inner| inner.keys.get(&proof.jkt).map_or(0, HashMap::len);
        if inner.count >= self.most || of_key(&inner) >= OF_ONE_KEY {
            inner.forget(now);
        }
        if inner.count >= self.most || of_key(&inner) >= OF_ONE_KEY {
            return Err(Refused::Full);
        }
        let ids = inner.keys.entry(proof.jkt.clone()).or_default();
        match ids.entry(id) {
            Entry::Occupied(_) => return Err(Refused::Invalid),
            Entry::Vacant(free) => free.insert(proof.iat + LEEWAY),
        };
        inner.count += 1;
        Ok(())
    }
}

impl Inner {
    fn forget(&mut self, now: u64) {
        for ids in self.keys.values_mut() {
            ids.retain(|_, over| *over >= now);
        }
        self.keys.retain(|_, ids| !ids.is_empty());
        self.count = self.keys.values().map(HashMap::len).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proof(jkt: &str, jti: &str, iat: u64) -> Proof {
        Proof {
            jkt: jkt.into(),
            jti: jti.into(),
            iat,
        }
    }

    #[test]
    fn a_proof_counts_once() {
        let seen = Seen::new(1);
        assert_eq!(seen.spend(1000, &proof("a", "1", 1000)), Ok(()));
        let again = seen.spend(1060, &proof("a", "1", 1000));
        assert_eq!(again, Err(Refused::Invalid));
        assert_eq!(seen.spend(1000, &proof("a", "2", 1000)), Ok(()));
        assert_eq!(seen.spend(1000, &proof("b", "1", 1000)), Ok(()));
    }

    #[test]
    fn one_key_does_not_keep_the_others_out() {
        let seen = Seen::new(1);
        for id in 0..OF_ONE_KEY {
            let spent = seen.spend(1000, &proof("a", &id.to_string(), 1000));
            assert_eq!(spent, Ok(()));
        }
        let full = Err(Refused::Full);
        assert_eq!(seen.spend(1060, &proof("a", "more", 1060)), full);
        assert_eq!(seen.spend(1060, &proof("b", "more", 1060)), Ok(()));
        assert_eq!(seen.spend(1061, &proof("a", "more", 1061)), Ok(()));
    }

    #[test]
    fn a_full_table_refuses_and_forgets_nothing() {
        let seen = Seen::new(1);
        for id in 0..LEAST {
            let key = (id / OF_ONE_KEY).to_string();
            let spent = seen.spend(1000, &proof(&key, &id.to_string(), 1000));
            assert_eq!(spent, Ok(()));
        }
        let full = Err(Refused::Full);
        assert_eq!(seen.spend(1060, &proof("new", "0", 1060)), full);
        assert_eq!(seen.spend(1061, &proof("new", "0", 1061)), Ok(()));
    }
}
