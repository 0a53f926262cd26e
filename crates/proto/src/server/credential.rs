//! How long a connection is put up with: its token's expiry, and fresh tokens in band.

use alloc::string::String;
use core::time::Duration;

use super::TokenRefused;
use crate::Time;
use crate::random::Random;

/// An answer to a check that takes longer is not waited for.
const CHECK: Duration = Duration::from_secs(10);

/// The credential of one connection.
#[derive(Debug)]
pub(super) struct Credential {
    expires_at: Option<Time>,
    /// The event whose token is being checked, and since when.
    checking: Option<(Option<String>, Time)>,
    /// A fresh one has to come by then.
    wanted_by: Option<Time>,
}

impl Credential {
    pub(super) const fn new(expires_at: Option<Time>) -> Self {
        Self {
            expires_at,
            checking: None,
            wanted_by: None,
        }
    }

    /// When it expires; none if it does not.
    pub(super) const fn expires_at(&self) -> Option<Time> {
        self.expires_at
    }

    /// When the connection is closed for want of a fresh one, `grace` after the expiry.
    pub(super) fn stops_at(&self, grace: Duration) -> Option<Time> {
        self.expires_at.map(|at| at + grace)
    }

    /// When the connection is closed, as the client is not where its token was minted.
    pub(super) const fn wanted_by(&self) -> Option<Time> {
        self.wanted_by
    }

    /// When the client should send the next one: at 50 to 80 % of what is left, so that those who
    /// came together do not refresh together.
    pub(super) fn refresh_in(&self, now: Time, random: &mut Random) -> Option<Duration> {
        let left = self.expires_at? - now;
        Some(random.between(left / 2, left * 4 / 5))
    }

    /// A fresh one is wanted before its time. The earlier of two deadlines stands.
    pub(super) fn require(&mut self, by: Time) {
        self.wanted_by = Some(self.wanted_by.map_or(by, |earlier| earlier.min(by)));
    }

    /// A fresh one came and goes to be checked, unless another one is.
    pub(super) fn check(&mut self, now: Time, event_id: Option<&String>) -> bool {
        if let Some((_, since)) = self.checking
            && now < since + CHECK
        {
            return false;
        }
        self.checking = Some((event_id.cloned(), now));
        true
    }

    /// A check is done; says when the new token expires, if it counts.
    ///
    /// # Errors
    /// Why it does not count. The old one's expiry stands.
    pub(super) fn checked(
        &mut self,
        now: Time,
        event_id: Option<&String>,
        checked: Result<Time, TokenRefused>,
    ) -> Result<Time, TokenRefused> {
        if let Some((id, _)) = &self.checking
            && id.as_ref() == event_id
        {
            self.checking = None;
        }
        match checked {
            // What it was good for is over.
            Ok(expires_at) if expires_at <= now => Err(TokenRefused::Invalid),
            Ok(expires_at) => {
                self.expires_at = Some(expires_at);
                self.wanted_by = None;
                Ok(expires_at)
            }
            Err(refused) => Err(refused),
        }
    }
}

impl TokenRefused {
    /// The code and the sentence of the error event.
    pub(super) const fn told(self) -> (&'static str, &'static str) {
        match self {
            Self::Invalid => (
                "token_invalid",
                "The token is not valid, or it has expired.",
            ),
            Self::Foreign => ("token_foreign", "The token is of another session or user."),
            Self::Unproved => (
                "proof_invalid",
                "The token is bound to a key, and no proof of it came that counts.",
            ),
            Self::OtherKey => ("token_foreign", "The token is of another key."),
            Self::Spent => ("token_spent", "The token was used before."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::borrow::ToOwned;

    fn at(seconds: u64) -> Time {
        Time::from_start(Duration::from_secs(seconds))
    }

    #[test]
    fn the_next_refresh_is_drawn_from_the_middle_of_what_is_left() {
        let mut random = Random::seeded(1);
        let credential = Credential::new(Some(at(160)));
        for _ in 0..200 {
            let drawn = credential
                .refresh_in(at(60), &mut random)
                .expect("it expires");
            assert!((Duration::from_secs(50)..=Duration::from_secs(80)).contains(&drawn));
        }
        assert_eq!(
            credential.refresh_in(at(200), &mut random),
            Some(Duration::ZERO)
        );
        assert_eq!(Credential::new(None).refresh_in(at(0), &mut random), None);
    }

    #[test]
    fn one_token_is_checked_at_a_time_and_not_for_ever() {
        let mut credential = Credential::new(Some(at(60)));
        let (first, second) = ("event_1".to_owned(), "event_2".to_owned());
        assert!(credential.check(at(30), Some(&first)));
        assert!(!credential.check(at(39), Some(&second)));
        assert!(credential.check(at(40), Some(&second)));
        // The late answer counts, but the second check is still under way.
        assert_eq!(
            credential.checked(at(41), Some(&first), Ok(at(100))),
            Ok(at(100))
        );
        assert!(!credential.check(at(42), Some(&first)));
        let refused = Err(TokenRefused::Spent);
        assert_eq!(credential.checked(at(43), Some(&second), refused), refused);
        assert!(credential.check(at(44), Some(&first)));
        assert_eq!(credential.stops_at(Duration::from_secs(25)), Some(at(125)));
    }

    #[test]
    fn a_fresh_token_does_away_with_the_wish_for_one() {
        let mut credential = Credential::new(Some(at(60)));
        credential.require(at(20));
        credential.require(at(30));
        assert_eq!(credential.wanted_by(), Some(at(20)));
        let expired = credential.checked(at(10), None, Ok(at(10)));
        assert_eq!(expired, Err(TokenRefused::Invalid));
        assert_eq!(credential.wanted_by(), Some(at(20)));
        assert_eq!(credential.checked(at(10), None, Ok(at(70))), Ok(at(70)));
        assert_eq!(credential.wanted_by(), None);
        assert_eq!(credential.expires_at(), Some(at(70)));
    }
}
