//! Tokens that come in band: of whom they have to be, and how their key is proved.

use offhook_proto::server::TokenRefused;
use offhook_proto::wire::Token;
use offhook_proto::{Conn, Time};
use secrecy::ExposeSecret as _;
use tracing::warn;

use super::Session;
use crate::FingerprintPolicy;
use crate::http::State;
use crate::proof::{Expected, OverNonce, OverToken, Proof, Target};
use crate::token::{Claims, Refused, random_text};

/// What proofs on one connection have to be.
#[derive(Debug)]
pub(super) struct Proofs {
    /// What they are over.
    pub(super) nonce: String,
    /// What they name: the address of the upgrade.
    target: Target,
}

impl Proofs {
    /// For a connection whose token is bound to this key. Without random numbers there are none, and
    /// the client has to come again when its token expires.
    pub(super) fn of(key: &Option<(String, Target)>) -> Option<Self> {
        let (_, target) = key.as_ref()?;
        let nonce = random_text().ok()?;
        Some(Self {
            nonce,
            target: target.clone(),
        })
    }
}

impl Session {
    /// Whether a token that came in band counts, and until when.
    pub(super) fn check(
        &self,
        conn: Conn,
        token: &Token,
        proof: Option<&str>,
    ) -> Result<Time, TokenRefused> {
        let State { tokens, clock, .. } = &*self.state;
        let now = clock.unix_ms() / 1000;
        let refused = |why| match why {
            Refused::Spent => TokenRefused::Spent,
            Refused::Invalid | Refused::Expired | Refused::Full => TokenRefused::Invalid,
        };
        let claims = tokens.verify(now, token.secret()).map_err(refused)?;
        if claims.sid != self.entry.id || claims.sub != self.user || claims.agent != self.agent {
            return Err(TokenRefused::Foreign);
        }
        if claims.jkt() != self.jkt.as_deref() {
            warn!(session = self.entry.id, %conn, "a fresh token is of another key");
            return Err(TokenRefused::OtherKey);
        }
        self.check_proof(now, conn, &claims, token, proof)?;
        let link = self.links.get(&conn).ok_or(TokenRefused::Invalid)?;
        if let Some(mismatch) = self.state.mismatch(&claims, link.sender()) {
            warn!(session = self.entry.id, %conn, %mismatch, "a fresh token was minted elsewhere");
            if self.state.config.fingerprint == FingerprintPolicy::Enforce {
                return Err(TokenRefused::Foreign);
            }
        }
        tokens.spend(now, &claims).map_err(refused)?;
        Ok(clock.at_unix(claims.exp))
    }

    /// Looks at the proof of a key, where the token is bound to one. A proof for another connection
    /// is over another nonce.
    fn check_proof(
        &self,
        now: u64,
        conn: Conn,
        claims: &Claims,
        token: &Token,
        proof: Option<&str>,
    ) -> Result<(), TokenRefused> {
        let Some(jkt) = claims.jkt() else {
            return Ok(());
        };
        let link = self.links.get(&conn);
        let proofs = link.and_then(|link| link.proofs.as_ref());
        let (Some(proofs), Some(proof)) = (proofs, proof) else {
            return Err(TokenRefused::Unproved);
        };
        let expected = Expected {
            now,
            method: "GET",
            target: &proofs.target,
            token: OverToken::Needed(token.secret().expose_secret()),
            nonce: OverNonce::Exactly(&proofs.nonce),
        };
        let proof = Proof::check(proof, &expected).map_err(|_| TokenRefused::Unproved)?;
        if proof.jkt != jkt {
            warn!(session = self.entry.id, %conn, "a proof is of another key");
            return Err(TokenRefused::OtherKey);
        }
        let spent = self.state.seen.spend(now, &proof);
        spent.map_err(|_| TokenRefused::Unproved)
    }
}
