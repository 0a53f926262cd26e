//! The token service: what it gave out, to whom, until when, and whether it was used.

use crate::time::Us;

/// What a token is for.
#[derive(Debug)]
struct Token {
    session: String,
    expires_at: Us,
    spent: bool,
    /// The client has sent it.
    shown: bool,
}

/// Every token there ever was; a token's number is its place.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    all: Vec<Token>,
}

/// Why a token is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    Expired,
    Spent,
    Foreign,
    Unknown,
}

const PREFIX: &str = "ek_canary_";

impl Tokens {
    pub(crate) fn mint(&mut self, session: String, expires_at: Us) -> usize {
        self.all.push(Token {
            session,
            expires_at,
            spent: false,
            shown: false,
        });
        self.all.len() - 1
    }

    /// Takes a token in; it counts once.
    pub(crate) fn spend(
        &mut self,
        number: usize,
        session: Option<&str>,
        now: Us,
    ) -> Result<(String, Us), Refused> {
        let token = self.all.get_mut(number).ok_or(Refused::Unknown)?;
        if token.expires_at <= now {
            return Err(Refused::Expired);
        }
        if token.spent {
            return Err(Refused::Spent);
        }
        if session.is_some_and(|session| session != token.session) {
            return Err(Refused::Foreign);
        }
        token.spent = true;
        Ok((token.session.clone(), token.expires_at))
    }

    /// The client sends it; whether it is the first time.
    pub(crate) fn show(&mut self, number: usize) -> bool {
        let token = self.all.get_mut(number);
        token.is_some_and(|token| !std::mem::replace(&mut token.shown, true))
    }

    /// How much longer a token counts.
    pub(crate) fn left(&self, number: usize, now: Us) -> Us {
        let token = self.all.get(number);
        token.map_or(0, |token| token.expires_at.saturating_sub(now))
    }
}

/// A token as the wire has it. Whoever finds these letters where they do not belong has found a
/// leak.
pub(crate) fn spoken(number: usize) -> String {
    format!("{PREFIX}{number}")
}

pub(crate) fn number(spoken: &str) -> Option<usize> {
    spoken.strip_prefix(PREFIX)?.parse().ok()
}

/// Whether a text that anybody may read holds a token.
pub(crate) fn leaks(text: &str) -> bool {
    text.contains(PREFIX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_counts_once_for_one_session_until_it_expires() {
        let mut tokens = Tokens::default();
        let first = tokens.mint("a".into(), 100);
        assert_eq!(tokens.spend(first, Some("b"), 0), Err(Refused::Foreign));
        assert_eq!(tokens.spend(first, Some("a"), 100), Err(Refused::Expired));
        assert_eq!(tokens.spend(first, Some("a"), 99), Ok(("a".into(), 100)));
        assert_eq!(tokens.spend(first, Some("a"), 99), Err(Refused::Spent));
        assert_eq!(tokens.spend(7, None, 0), Err(Refused::Unknown));
        assert!(tokens.show(first) && !tokens.show(first));
        assert_eq!(number(&spoken(first)), Some(first));
        assert!(leaks(&spoken(3)) && !leaks("token"));
    }
}
