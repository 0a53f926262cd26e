//! A user who is signed in, as far as a call needs it: someone to ask for an access token at every
//! attempt, because the last one may have expired meanwhile.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use offhook_proto::client::Failure;
use secrecy::SecretString;

use crate::dpop::ProofKey;

/// Who has the user's access tokens. Asked at every attempt; keeps what it has for as long as that
/// is good.
pub trait SignIn: fmt::Debug + Send + Sync {
    /// An access token that is good now. `refused` is one that the server has just refused: another
    /// one is wanted. May be dropped at any point.
    ///
    /// A user who has to sign in again is [`Failure::SignedOut`]; whatever else keeps a token from
    /// being had (no network, a provider that is down, a locked keyring) says so as
    /// [`Failure::NoCredential`]: the user is not signed out by it.
    fn access<'a>(&'a self, refused: Option<&'a SecretString>) -> Accessing<'a>;
}

/// A request for an access token.
pub type Accessing<'a> = Pin<Box<dyn Future<Output = Result<Access, Failure>> + Send + 'a>>;

/// An access token.
#[derive(Debug, Clone)]
pub struct Access {
    /// The token.
    pub token: SecretString,
    /// Whether it is bound to the key (`token_type` DPoP, RFC 9449 section 5).
    pub bound: bool,
    /// The user's key. What is bought with the token is bound to it, in any case.
    pub key: Arc<ProofKey>,
}
