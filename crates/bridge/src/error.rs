//! Why a bridge cannot start.

use std::io;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use crate::Limit;

/// Why a bridge cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another program listens there.
    #[error("the address {address} is taken: another program listens there; choose another one")]
    AddressTaken {
        /// The address.
        address: SocketAddr,
    },
    /// The address cannot be listened on for another reason.
    #[error("the bridge cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// No access token is set, and other machines could reach the address.
    #[error(
        "the bridge will not listen on {address} without an access token, as anyone on the network could use it; give it a token, or let it listen on 127.0.0.1"
    )]
    OpenToTheNetwork {
        /// The address.
        address: SocketAddr,
    },
    /// Other machines could reach an issuer that asks for no password.
    #[error(
        "the bridge will not listen on {address} with its own issuer, which lets everybody sign in; let it listen on 127.0.0.1, or name another issuer"
    )]
    LocalOnTheNetwork {
        /// The address.
        address: SocketAddr,
    },
    /// Access tokens are to be those of an issuer, and there is none.
    #[error("no issuer of access tokens is named, so nobody could use the bridge")]
    NoIssuer,
    /// No admin token is set, and other machines could reach the admin listener.
    #[error(
        "the admin listener will not listen on {address} without a token, as anyone on the network could end calls; give it a token, or let it listen on 127.0.0.1"
    )]
    AdminOpenToTheNetwork {
        /// The address.
        address: SocketAddr,
    },
    /// The admin token is no secret.
    #[error("the admin token is empty, so anyone could guess it")]
    EmptyAdminToken,
    /// Clients cannot reach a bridge by this address.
    #[error(
        "clients cannot reach a bridge by {address}; its public address begins with https:// or http://"
    )]
    PublicUrl {
        /// The address.
        address: String,
    },
    /// A browser never names an origin like this.
    #[error(
        "{origin} is not an origin as browsers send it, like https://phone.example or http://127.0.0.1:5173, without a path"
    )]
    Origin {
        /// What was configured.
        origin: String,
    },
    /// Something in front of the bridge would let everybody in.
    #[error(
        "a bridge behind proxies, or with a public address, needs an access token or an issuer: whoever reaches that could use it"
    )]
    OpenBehindProxies,
    /// A file with a certificate or its key cannot be used.
    #[error("the TLS file {} cannot be used: {detail}", path.display())]
    Tls {
        /// The file.
        path: PathBuf,
        /// Why.
        detail: String,
    },
    /// The key is another certificate's.
    #[error(
        "the key in {} does not belong to the certificate in {}, which has to be the first one of its file",
        key.display(),
        certificate.display()
    )]
    TlsMismatch {
        /// The file with the certificate.
        certificate: PathBuf,
        /// The file with the key.
        key: PathBuf,
    },
    /// The file of the local issuer cannot be used.
    #[error("the local issuer's file {} cannot be used: {detail}", path.display())]
    LocalState {
        /// The file.
        path: PathBuf,
        /// Why.
        detail: String,
    },
    /// The list of agents cannot be used.
    #[error("the list of agents cannot be used: {detail}")]
    Agents {
        /// Why.
        detail: String,
    },
    /// Phone calls cannot be taken.
    #[error("phone calls by Twilio cannot be taken: {detail}")]
    Twilio {
        /// Why.
        detail: String,
    },
    /// What comes from an issuer's address could be changed on its way.
    #[error(
        "the issuer's address {address} does not begin with https://, so anyone on the way could change its keys"
    )]
    InsecureIssuer {
        /// The address.
        address: String,
    },
    /// Issuers cannot be asked for their keys.
    #[error("issuers cannot be asked for their keys: {detail}")]
    Outgoing {
        /// Why.
        detail: String,
    },
    /// The file with the keys of tokens cannot be used.
    #[error("the keys of tokens in {} cannot be used: {detail}", path.display())]
    TokenKeys {
        /// The file.
        path: PathBuf,
        /// Why.
        detail: String,
    },
    /// Tokens cannot live for as long as configured.
    #[error(
        "tokens cannot live for {usual} s, and {shortest} s at least: their lifetimes are between 1 and 120 s, and the usual one is not below the shortest"
    )]
    TokenTtl {
        /// The shortest lifetime that may be asked for, in s.
        shortest: u32,
        /// The lifetime where none is asked for, in s.
        usual: u32,
    },
    /// Sessions cannot be kept for as long as configured.
    #[error("sessions cannot be kept for {} s without a connection: 120 s is the most", asked.as_secs())]
    ResumeWindow {
        /// The time asked for.
        asked: Duration,
    },
    /// A limit is outside of what makes sense.
    #[error(
        "{limit} cannot be {asked}: it is between {} and {}",
        range.start(),
        range.end()
    )]
    Limit {
        /// Which one.
        limit: Limit,
        /// What it was to be.
        asked: u64,
        /// What it may be.
        range: RangeInclusive<u64>,
    },
    /// The system gives no random numbers, and tokens need them.
    #[error("the system gives no random numbers, which access tokens need: {detail}")]
    Entropy {
        /// What the system said.
        detail: String,
    },
    /// A prompt that was built into this program cannot be used.
    #[error("the built-in agent's prompt \"{name}\" is unusable: {detail}")]
    Prompt {
        /// The prompt.
        name: &'static str,
        /// Why.
        detail: String,
    },
}

impl Error {
    pub(crate) fn listen(address: SocketAddr, source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::AddrInUse {
            Self::AddressTaken { address }
        } else {
            Self::Listen { address, source }
        }
    }
}

impl From<getrandom::Error> for Error {
    fn from(error: getrandom::Error) -> Self {
        Self::Entropy {
            detail: error.to_string(),
        }
    }
}
