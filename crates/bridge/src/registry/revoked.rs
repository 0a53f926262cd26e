//! What was revoked, for as long as a token minted before could still be valid.

use std::collections::HashMap;

use crate::config::TOKEN_TTL;

/// How many of each are remembered. Beyond it, the oldest goes.
const MAX: usize = 10_000;

/// Sessions and users, each with when it was revoked, in s since the Unix epoch.
#[derive(Debug, Default)]
pub(super) struct Revoked {
    sessions: HashMap<String, u64>,
    users: HashMap<String, u64>,
}

impl Revoked {
    pub(super) fn session(&mut self, now: u64, id: &str) {
        remember(&mut self.sessions, now, id);
    }

    pub(super) fn user(&mut self, now: u64, user: &str) {
        remember(&mut self.users, now, user);
    }

    /// Whether the session is revoked, or the user was when the credential was minted or after
    /// that. A credential that was not minted, which is the operator's, outlives that.
    pub(super) fn has(&self, now: u64, id: &str, user: &str, minted: Option<u64>) -> bool {
        let session = self.sessions.get(id).is_some_and(|at| !is_over(*at, now));
        // To the second: what was minted in the same one is refused, to be sure.
        let before = |at: &u64| minted.is_some_and(|minted| minted <= *at);
        session || self.users.get(user).is_some_and(before)
    }
}

fn remember(table: &mut HashMap<String, u64>, now: u64, name: &str) {
    if table.len() >= MAX {
        table.retain(|_, at| !is_over(*at, now));
    }
    if table.len() >= MAX {
        let oldest = table.iter().min_by_key(|(_, at)| **at);
        if let Some(oldest) = oldest.map(|(name, _)| name.clone()) {
            table.remove(&oldest);
        }
    }
    table.insert(name.to_owned(), now);
}

/// Whether every token minted before has expired.
const fn is_over(at: u64, now: u64) -> bool {
    now > at + *TOKEN_TTL.end() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_minted_before_counts_no_more() {
        let mut revoked = Revoked::default();
        revoked.session(1000, "sess_1");
        revoked.user(1000, "eve");
        let has = |now, id, user, minted| revoked.has(now, id, user, minted);
        assert!(has(1000, "sess_1", "bob", Some(1000)));
        assert!(has(1120, "sess_1", "bob", None));
        assert!(!has(1121, "sess_1", "bob", None));
        assert!(!has(1000, "sess_2", "bob", Some(999)));
        assert!(has(1000, "sess_2", "eve", Some(999)));
        assert!(has(1001, "sess_2", "eve", Some(1000)));
        assert!(!has(1001, "sess_2", "eve", Some(1001)));
        assert!(!has(1001, "sess_2", "eve", None));
    }

    #[test]
    fn the_memory_is_bounded_and_the_oldest_goes_first() {
        let mut revoked = Revoked::default();
        revoked.session(1000, "first");
        for at in 0..MAX {
            revoked.session(1001, &format!("sess_{at}"));
        }
        assert_eq!(revoked.sessions.len(), MAX);
        assert!(!revoked.has(1001, "first", "bob", None));
        assert!(revoked.has(1001, "sess_0", "bob", None));
    }
}
