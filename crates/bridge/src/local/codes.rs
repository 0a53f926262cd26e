//! Codes that a user's browser brings to a client (RFC 6749 section 4.1): each for one client that
//! can show where it began (RFC 7636).

use std::collections::HashMap;

use crate::proof::{hash, same};

/// How many there may be at a time; the oldest go first.
const MAX: usize = 1000;

/// What a code stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Code {
    pub(super) redirect_uri: String,
    /// SHA-256 of the verifier, in base64url.
    pub(super) challenge: String,
    /// The thumbprint of the key that it is bound to, if it is (RFC 9449 section 10).
    pub(super) jkt: Option<String>,
    pub(super) nonce: Option<String>,
    pub(super) sub: String,
    pub(super) scope: String,
    /// In ms since the Unix epoch.
    pub(super) until: u64,
}

/// A code was not good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refused {
    Unknown,
    /// It was used before, for this grant, which somebody else may have.
    Used(String),
}

/// All codes, by their hashes.
#[derive(Debug, Default)]
pub(super) struct Codes {
    /// With the grant, once it was used.
    all: HashMap<String, (Code, Option<String>)>,
}

impl Codes {
    pub(super) fn add(&mut self, now: u64, code: &str, what: Code) {
        self.all.retain(|_, (code, _)| code.until > now);
        if self.all.len() >= MAX {
            let oldest = self.all.iter().min_by_key(|(_, (code, _))| code.until);
            if let Some(oldest) = oldest.map(|(hash, _)| hash.clone()) {
                self.all.remove(&oldest);
            }
        }
        self.all.insert(hash(code), (what, None));
    }

    /// Uses a code up for `grant`, at `now`, in ms since the Unix epoch. Whatever is wrong with the
    /// request, it is used up.
    pub(super) fn redeem(
        &mut self,
        now: u64,
        code: &str,
        grant: &str,
        (redirect_uri, verifier, jkt): (&str, &str, &str),
    ) -> Result<Code, Refused> {
        let hashed = hash(code);
        let (what, used) = self.all.get_mut(&hashed).ok_or(Refused::Unknown)?;
        if let Some(grant) = used {
            return Err(Refused::Used(grant.clone()));
        }
        *used = Some(grant.to_owned());
        let is_good = now < what.until
            && what.redirect_uri == redirect_uri
            && same(&what.challenge, &hash(verifier))
            && what.jkt.as_ref().is_none_or(|bound| bound == jkt);
        if is_good {
            Ok(what.clone())
        } else {
            Err(Refused::Unknown)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(challenge: &str) -> Code {
        Code {
            redirect_uri: "http://127.0.0.1:7/back".into(),
            challenge: challenge.into(),
            jkt: Some("key".into()),
            nonce: None,
            sub: "anna".into(),
            scope: "openid".into(),
            until: 2000,
        }
    }

    #[test]
    fn a_code_is_for_who_began_and_once() {
        // RFC 7636 appendix B.
        let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let back = "http://127.0.0.1:7/back";
        for (now, shown, good) in [
            (1999, (back, verifier, "key"), true),
            (2000, (back, verifier, "key"), false),
            (1999, ("http://127.0.0.1:8/back", verifier, "key"), false),
            (1999, (back, "another", "key"), false),
            (1999, (back, verifier, "another"), false),
        ] {
            let mut codes = Codes::default();
            codes.add(1000, "code", code(challenge));
            let redeemed = codes.redeem(now, "code", "grant", shown);
            assert_eq!(redeemed.is_ok(), good, "{now} {shown:?}");
            let again = codes.redeem(1999, "code", "other", (back, verifier, "key"));
            assert_eq!(again, Err(Refused::Used("grant".into())));
        }
        let unknown = Codes::default().redeem(0, "code", "grant", (back, verifier, "key"));
        assert_eq!(unknown, Err(Refused::Unknown));
    }

    #[test]
    fn there_are_not_too_many() {
        let mut codes = Codes::default();
        for number in 0..=MAX {
            codes.add(1000, &number.to_string(), code("challenge"));
        }
        assert_eq!(codes.all.len(), MAX);
        codes.add(2000, "later", code("challenge"));
        assert_eq!(codes.all.len(), 1);
    }
}
