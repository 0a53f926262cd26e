//! What a keeper needs of a provider, and what can go wrong there.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use offhook_client::proto::client::Failure;

use crate::grant::{Grant, Refreshed};

/// A provider, as far as a sign-in that exists needs it.
pub trait Issuer: fmt::Debug + Send + Sync {
    /// New tokens for the grant's refresh token (RFC 6749 section 6). May be called again with the
    /// same one after an answer was lost.
    fn refresh<'a>(&'a self, grant: &'a Grant) -> Work<'a, Refreshed>;

    /// Tells the provider that the user is signed out (RFC 7009).
    fn revoke<'a>(&'a self, grant: &'a Grant) -> Work<'a, ()>;
}

/// A request to a provider.
pub type Work<'a, T> = Pin<Box<dyn Future<Output = Result<T, IssuerError>> + Send + 'a>>;

/// Why a provider did not do what it was asked for.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum IssuerError {
    /// It does not take the refresh token any more (`invalid_grant`, RFC 6749 section 5.2): the user
    /// has to sign in again.
    #[error("the sign-in is not valid any more ({detail}); sign in again")]
    Ended {
        /// What it said.
        detail: String,
    },
    /// It cannot be reached, or has no time: nobody is signed out by that.
    #[error("the sign-in service does not answer ({detail}); it will be asked again")]
    Away {
        /// What happened on the way.
        detail: String,
    },
    /// It refuses for a reason that somebody has to do something about.
    #[error("the sign-in service refuses ({code}: {detail}); ask whoever runs it")]
    Refused {
        /// Its code (RFC 6749 section 5.2).
        code: String,
        /// What it said.
        detail: String,
    },
    /// It answers with something that it must not.
    #[error("the sign-in service's answer is not to be trusted: {detail}")]
    Untrustworthy {
        /// What is wrong with it.
        detail: String,
    },
}

impl From<Failure> for IssuerError {
    fn from(failure: Failure) -> Self {
        let detail = match failure {
            Failure::HostUnknown => "its name cannot be found".to_owned(),
            Failure::SignedOut => "nobody is signed in".to_owned(),
            Failure::Unreachable { detail }
            | Failure::Untrusted { detail }
            | Failure::NotTheProtocol { detail }
            | Failure::NoCredential { detail }
            | Failure::Refused { detail, .. } => detail,
        };
        Self::Away { detail }
    }
}
