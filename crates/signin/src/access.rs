//! How calls ask a keeper for access tokens, and why there may be none.

use offhook_client::proto::client::Failure;
use offhook_client::{Accessing, SignIn};
use offhook_vault::VaultError;
use secrecy::SecretString;

use crate::grant::GrantError;
use crate::issuer::IssuerError;
use crate::keeper::Keeper;

/// Why there is no access token.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AccessError {
    /// Nobody is signed in.
    #[error("nobody is signed in; sign in first")]
    SignedOut,
    /// The provider does not take the sign-in any more.
    #[error("the sign-in has ended; sign in again")]
    Ended,
    /// The provider did not do what it was asked for.
    #[error("{0}")]
    Issuer(IssuerError),
    /// The place for secrets does not work.
    #[error("{0}")]
    Vault(VaultError),
    /// What is kept cannot be used.
    #[error("{0}; sign in again")]
    Grant(#[from] GrantError),
    /// The machine's lock is not to be had.
    #[error("{0}")]
    Lock(String),
}

impl SignIn for Keeper {
    fn access<'a>(&'a self, refused: Option<&'a SecretString>) -> Accessing<'a> {
        Box::pin(async move {
            Keeper::access(self, refused).await.map_err(|error| {
                tracing::warn!("no access token: {error}");
                match error {
                    AccessError::SignedOut | AccessError::Ended => Failure::SignedOut,
                    other => Failure::NoCredential {
                        detail: other.to_string(),
                    },
                }
            })
        })
    }
}
