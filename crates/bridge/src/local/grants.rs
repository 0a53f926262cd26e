//! Who is signed in, and the refresh tokens of each: one that was not used, and the one before it.

use std::collections::HashMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::keys::Keys;
use crate::proof::{hash, same};

/// How many there may be. Beyond it, the one that was not used for longest goes.
const MAX: usize = 1000;
/// How refresh tokens start.
const PREFIX: &str = "rt_";

/// All grants, by id.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Grants {
    by_id: HashMap<String, Grant>,
}

/// What one user has granted to one client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Grant {
    pub(super) sub: String,
    pub(super) scope: String,
    /// The thumbprint of the client's key.
    pub(super) jkt: String,
    /// SHA-256 of the refresh token that was not used yet.
    fresh: String,
    /// SHA-256 of the one before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    used: Option<String>,
    /// When that was first used, or else when the grant was made, in ms since the Unix epoch.
    used_at: u64,
}

/// A refresh token was not good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// It is none, or it is of another key; nothing has changed.
    Unknown,
    /// It was used too long ago, or its successor was: somebody else has it. The grant is gone.
    Revoked,
}

impl Grants {
    /// A new grant under this id, and its refresh token.
    pub(super) fn add(
        &mut self,
        keys: &Keys,
        now: u64,
        id: &str,
        (sub, scope, jkt): (&str, &str, &str),
    ) -> String {
        if self.by_id.len() >= MAX {
            let oldest = self.by_id.iter().min_by_key(|(_, grant)| grant.used_at);
            if let Some(oldest) = oldest.map(|(id, _)| id.clone()) {
                self.by_id.remove(&oldest);
            }
        }
        let token = successor(keys, id, "");
        let grant = Grant {
            sub: sub.to_owned(),
            scope: scope.to_owned(),
            jkt: jkt.to_owned(),
            fresh: hash(&token),
            used: None,
            used_at: now,
        };
        self.by_id.insert(id.to_owned(), grant);
        token
    }

    /// Uses a refresh token, at `now`, in ms since the Unix epoch. Returns its grant and successor.
    ///
    /// One that was used already is answered with the same successor, by the same key, within
    /// `interval` and until the successor was used: the answer to it may have been lost on its way.
    pub(super) fn refresh(
        &mut self,
        keys: &Keys,
        now: u64,
        interval: Duration,
        token: &str,
        jkt: &str,
    ) -> Result<(Grant, String), Refused> {
        let id = id(token).ok_or(Refused::Unknown)?;
        let grant = self.by_id.get_mut(id).ok_or(Refused::Unknown)?;
        if !same(&grant.jkt, jkt) {
            return Err(Refused::Unknown);
        }
        let hashed = hash(token);
        let next = successor(keys, id, token);
        let interval = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX);
        let is_again = grant.used.as_ref().is_some_and(|used| same(used, &hashed));
        let is_in_time = now < grant.used_at.saturating_add(interval);
        if same(&grant.fresh, &hashed) {
            grant.used = Some(std::mem::replace(&mut grant.fresh, hash(&next)));
            grant.used_at = now;
        } else if !(is_again && is_in_time) {
            self.by_id.remove(id);
            return Err(Refused::Revoked);
        }
        Ok((grant.clone(), next))
    }

    /// Revokes the grant of a refresh token (RFC 7009). Returns whether there was one.
    pub(super) fn revoke(&mut self, token: &str) -> bool {
        let hashed = hash(token);
        let Some(id) = id(token) else {
            return false;
        };
        let is_of = |grant: &Grant| {
            let used = grant.used.as_ref();
            same(&grant.fresh, &hashed) || used.is_some_and(|used| same(used, &hashed))
        };
        self.by_id.get(id).is_some_and(is_of) && self.remove(id)
    }

    /// Takes a grant away.
    pub(super) fn remove(&mut self, id: &str) -> bool {
        self.by_id.remove(id).is_some()
    }
}

fn id(token: &str) -> Option<&str> {
    let (id, _) = token.strip_prefix(PREFIX)?.split_once('.')?;
    Some(id)
}

/// The refresh token that follows on this one. It can be made again, so that it need not be kept.
fn successor(keys: &Keys, id: &str, token: &str) -> String {
    format!("{PREFIX}{id}.{}", keys.derive("refresh", &[id, token]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(60);
    const NOW: u64 = 1_700_000_000_000;

    struct Rig {
        keys: Keys,
        grants: Grants,
    }

    impl Rig {
        fn new() -> (Self, String) {
            let mut rig = Self {
                keys: Keys::generate().unwrap(),
                grants: Grants::default(),
            };
            let what = ("anna", "openid", "key");
            let token = rig.grants.add(&rig.keys, NOW, "grant", what);
            (rig, token)
        }

        fn use_at(&mut self, now: u64, token: &str, jkt: &str) -> Result<String, Refused> {
            let refreshed = self.grants.refresh(&self.keys, now, INTERVAL, token, jkt);
            refreshed.map(|(grant, next)| {
                assert_eq!(grant.sub, "anna");
                next
            })
        }
    }

    #[test]
    fn a_token_changes_at_each_use() {
        let (mut rig, first) = Rig::new();
        let second = rig.use_at(NOW, &first, "key").unwrap();
        let third = rig.use_at(NOW, &second, "key").unwrap();
        assert!(first != second && second != third);
        let kept = serde_json::to_string(&rig.grants).unwrap();
        assert!(![first, second, third].iter().any(|it| kept.contains(it)));
    }

    #[test]
    fn a_used_token_gives_the_same_successor_for_a_while() {
        let (mut rig, first) = Rig::new();
        let second = rig.use_at(NOW, &first, "key");
        for later in [0, 1, 30_000, 59_999] {
            assert_eq!(rig.use_at(NOW + later, &first, "key"), second);
        }
        // Another key is refused and spoils nothing.
        let unknown = Err(Refused::Unknown);
        assert_eq!(rig.use_at(NOW + 1, &first, "another"), unknown);
        assert_eq!(rig.use_at(NOW + 70_000, &first, "another"), unknown);
        assert!(rig.use_at(NOW + 90_000, &second.unwrap(), "key").is_ok());
    }

    #[test]
    fn a_token_that_is_used_too_late_revokes_all() {
        let (mut rig, first) = Rig::new();
        let second = rig.use_at(NOW, &first, "key").unwrap();
        let late = rig.use_at(NOW + 60_000, &first, "key");
        assert_eq!(late, Err(Refused::Revoked));
        let gone = rig.use_at(NOW + 60_000, &second, "key");
        assert_eq!(gone, Err(Refused::Unknown));
    }

    #[test]
    fn a_token_whose_successor_was_used_revokes_all() {
        let (mut rig, first) = Rig::new();
        let second = rig.use_at(NOW, &first, "key").unwrap();
        let third = rig.use_at(NOW + 1, &second, "key").unwrap();
        let reused = rig.use_at(NOW + 2, &first, "key");
        assert_eq!(reused, Err(Refused::Revoked));
        let gone = rig.use_at(NOW + 3, &third, "key");
        assert_eq!(gone, Err(Refused::Unknown));
    }

    #[test]
    fn whoever_signs_out_is_out() {
        let (mut rig, first) = Rig::new();
        let second = rig.use_at(NOW, &first, "key").unwrap();
        assert!(!rig.grants.revoke("rt_grant.x") && !rig.grants.revoke("x"));
        assert!(rig.grants.revoke(&second));
        assert_eq!(rig.use_at(NOW, &second, "key"), Err(Refused::Unknown));
    }

    #[test]
    fn there_are_not_too_many() {
        let (mut rig, first) = Rig::new();
        for number in 0..MAX as u64 {
            let what = ("anna", "openid", "key");
            let id = number.to_string();
            rig.grants.add(&rig.keys, NOW + number + 1, &id, what);
        }
        assert_eq!(rig.grants.by_id.len(), MAX);
        assert_eq!(rig.use_at(NOW, &first, "key"), Err(Refused::Unknown));
    }
}
