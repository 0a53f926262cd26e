//! The numbers an operator may change, and how far.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::{Config, Error};

/// A limit that has a range of its own; the times are in s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// [`Config::max_sessions`].
    MaxSessions,
    /// [`Config::token_grace`].
    TokenGrace,
    /// [`Config::drain`].
    Drain,
    /// [`Config::return_spread`].
    ReturnSpread,
    /// [`TlsConfig::check_every`](crate::TlsConfig::check_every).
    CertificateCheck,
}

impl Limit {
    pub(super) const ALL: [Self; 5] = [
        Self::MaxSessions,
        Self::TokenGrace,
        Self::Drain,
        Self::ReturnSpread,
        Self::CertificateCheck,
    ];

    /// What it may be.
    const fn range(self) -> RangeInclusive<u64> {
        match self {
            Self::MaxSessions => 1..=100_000,
            Self::TokenGrace | Self::Drain | Self::ReturnSpread => 0..=300,
            Self::CertificateCheck => 1..=86_400,
        }
    }

    /// What is wrong with it, if anything is.
    pub(super) fn fault(self, config: &Config) -> Option<Error> {
        let asked = match self {
            Self::MaxSessions => config.max_sessions.into(),
            Self::TokenGrace => seconds(config.token_grace),
            Self::Drain => seconds(config.drain),
            Self::ReturnSpread => seconds(config.return_spread),
            Self::CertificateCheck => seconds(config.tls.as_ref()?.check_every),
        };
        let range = self.range();
        (!range.contains(&asked)).then_some(Error::Limit {
            limit: self,
            asked,
            range,
        })
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MaxSessions => "the number of sessions",
            Self::TokenGrace => "the time after a token's end",
            Self::Drain => "the time to leave",
            Self::ReturnSpread => "the time to come back in",
            Self::CertificateCheck => "the time between looks at the certificate",
        })
    }
}

/// Whole seconds, rounded up, so that nothing above a limit looks as if it were not.
fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}
