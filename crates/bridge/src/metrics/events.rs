//! What happens to a bridge, as it is counted.

use std::time::Duration;

use offhook_proto::Close;
use offhook_proto::server::{Config, TokenRefused};

use super::labels::{UpstreamState, close_code, late_refusal, refresh};
use super::{Metrics, Overflow, Refresh};

/// The codes of refusals that say what is wrong with a proof of a key.
const PROOF_CODES: [(&str, &str); 2] = [
    ("invalid_dpop_proof", "invalid"),
    ("use_dpop_nonce", "nonce"),
];
const OTHER_KEY: &str = "other_key";

impl Metrics {
    /// Shows what has not happened yet as nothing, so that the first time is seen as a rise.
    pub(super) fn with_zeros(self) -> Self {
        drop(
            self.connection_results
                .get_or_create(&[("result", "accepted")]),
        );
        drop(self.mints.get_or_create(&[("result", "minted")]));
        let refusals = [
            TokenRefused::Invalid,
            TokenRefused::Foreign,
            TokenRefused::Unproved,
            TokenRefused::OtherKey,
            TokenRefused::Spent,
        ];
        for came in refusals.into_iter().map(Err).chain([Ok(())]) {
            drop(self.refreshes.get_or_create(&[("result", refresh(came))]));
        }
        for reason in [PROOF_CODES[0].1, PROOF_CODES[1].1, OTHER_KEY] {
            drop(self.proofs_failed.get_or_create(&[("reason", reason)]));
        }
        for result in ["resumed", "unknown_session", "bad_sequence"] {
            drop(self.resumes.get_or_create(&[("result", result)]));
        }
        drop(self.gaps.get_or_create(&[("direction", "input")]));
        for state in UpstreamState::ALL {
            drop(self.upstreams.get_or_create(&[("state", state.label())]));
        }
        for queue in Overflow::ALL {
            drop(self.overflows.get_or_create(&[("queue", queue.label())]));
        }
        drop(
            self.closes
                .get_or_create(&[("by", "server"), ("code", "1012")]),
        );
        drop(self.upstream_ends.get_or_create(&[("code", "1011")]));
        let most = Config::default().ring_bytes;
        self.kept_limit.set(i64::try_from(most).unwrap_or(i64::MAX));
        self
    }

    /// A connection has its session, so long after it was asked for.
    pub(crate) fn accepted(&self, took: Duration) {
        self.handshakes.observe(took);
        self.connection_results
            .get_or_create(&[("result", "accepted")])
            .inc();
    }

    /// An upgrade is refused. `code` is that of the refusal.
    pub(crate) fn refused(&self, code: &'static str) {
        self.connection_results
            .get_or_create(&[("result", code)])
            .inc();
    }

    /// A connection gets no session after it was upgraded.
    pub(crate) fn refused_late(&self, close: &Close) {
        self.refused(late_refusal(close.code));
    }

    /// A request for a token was answered: with one, or with a refusal of this code.
    pub(crate) fn minted(&self, refusal: Option<&'static str>) {
        let result = refusal.unwrap_or("minted");
        self.mints.get_or_create(&[("result", result)]).inc();
    }

    /// Whatever was asked for was refused; it counts where a proof of a key is the reason.
    pub(crate) fn unproved(&self, code: &'static str) {
        let known = PROOF_CODES.iter().find(|(known, _)| *known == code);
        if let Some((_, reason)) = known {
            self.proof_failed(reason);
        }
    }

    /// A fresh token came over a connection.
    pub(crate) fn refreshed(&self, came: Refresh) {
        self.refreshes
            .get_or_create(&[("result", refresh(came))])
            .inc();
        match came {
            Err(TokenRefused::Unproved) => self.proof_failed(PROOF_CODES[0].1),
            Err(TokenRefused::OtherKey) => self.proof_failed(OTHER_KEY),
            Ok(()) | Err(TokenRefused::Invalid | TokenRefused::Foreign | TokenRefused::Spent) => {}
        }
    }

    /// A connection of a session is closed from here.
    pub(crate) fn closed_here(&self, close: &Close) {
        self.closed("server", close_code(close.code));
    }

    /// A connection of a session is given up without a word.
    pub(crate) fn dropped(&self) {
        self.closed("server", "none");
    }

    /// A connection of a session was closed by its client, or by the network.
    pub(crate) fn closed_there(&self, close: Option<&Close>) {
        self.closed(
            "client",
            close.map_or("none", |close| close_code(close.code)),
        );
    }

    /// A bounded queue was full.
    pub(crate) fn overflowed(&self, queue: Overflow) {
        self.overflows
            .get_or_create(&[("queue", queue.label())])
            .inc();
    }

    fn closed(&self, by: &'static str, code: &'static str) {
        self.closes
            .get_or_create(&[("by", by), ("code", code)])
            .inc();
    }

    fn proof_failed(&self, reason: &'static str) {
        self.proofs_failed
            .get_or_create(&[("reason", reason)])
            .inc();
    }
}
