//! What a bridge is told: where it listens, who may use it, how much it takes.

use std::net::SocketAddr;

use secrecy::SecretString;

use crate::Error;

/// Where a bridge listens unless told otherwise.
pub const DEFAULT_ADDRESS: &str = "127.0.0.1:8084";

/// How a bridge behaves.
#[derive(Debug, Clone)]
pub struct Config {
    /// The address and port to listen on; port 0 for any free one.
    pub listen: SocketAddr,
    /// Who may mint tokens.
    pub access: Access,
    /// The origins whose pages may connect, exactly as a browser sends them
    /// (`https://phone.example`). Programs other than browsers send none and are not concerned.
    pub allowed_origins: Vec<String>,
    /// How many sessions there may be at a time.
    pub max_sessions: u32,
}

/// Who may mint tokens and open sessions.
#[derive(Debug, Clone)]
pub enum Access {
    /// Whoever has this token, presented as `Authorization: Bearer`.
    Token(SecretString),
    /// Anyone on this machine; only on a loopback address.
    Development,
}

impl Config {
    /// A bridge on `listen` for whoever `access` says, with no browser pages allowed and 256
    /// sessions at a time.
    #[must_use]
    pub const fn new(listen: SocketAddr, access: Access) -> Self {
        Self {
            listen,
            access,
            allowed_origins: Vec::new(),
            max_sessions: 256,
        }
    }

    /// Whether these rules of access may be served on `address`.
    pub(crate) fn check(&self, address: SocketAddr) -> Result<(), Error> {
        match self.access {
            Access::Development if !address.ip().is_loopback() => {
                Err(Error::OpenToTheNetwork { address })
            }
            Access::Development | Access::Token(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_token_only_this_machine_is_served() {
        let open = |listen: &str| Config::new(listen.parse().unwrap(), Access::Development);
        let check = |config: Config| config.check(config.listen);
        assert!(check(open(DEFAULT_ADDRESS)).is_ok());
        assert!(check(open("[::1]:0")).is_ok());
        assert!(matches!(
            check(open("0.0.0.0:8084")),
            Err(Error::OpenToTheNetwork { .. })
        ));
        let access = Access::Token("secret".into());
        assert!(check(Config::new("0.0.0.0:8084".parse().unwrap(), access)).is_ok());
    }
}
