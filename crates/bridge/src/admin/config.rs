//! Where the operator's side of a bridge listens, and who may use it.

use std::net::SocketAddr;

use secrecy::{ExposeSecret as _, SecretString};

use crate::Error;

/// A listener for the operator: metrics, and control over sessions.
#[derive(Debug, Clone)]
pub struct AdminConfig {
    /// The address and port to listen on; port 0 for any free one. It is served without TLS.
    pub listen: SocketAddr,
    /// What `Authorization: Bearer` has to show. None lets in every program of this machine, which
    /// only an address of this machine allows.
    pub token: Option<SecretString>,
}

impl AdminConfig {
    pub(crate) fn check(&self) -> Result<(), Error> {
        let address = self.listen;
        match &self.token {
            Some(token) if token.expose_secret().is_empty() => Err(Error::EmptyAdminToken),
            None if !address.ip().is_loopback() => Err(Error::AdminOpenToTheNetwork { address }),
            Some(_) | None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_token_only_this_machine_is_served() {
        let check = |listen: &str, token: Option<&str>| {
            let admin = AdminConfig {
                listen: listen.parse().unwrap(),
                token: token.map(Into::into),
            };
            admin.check()
        };
        assert!(check("127.0.0.1:0", None).is_ok());
        assert!(check("[::1]:9084", None).is_ok());
        assert!(check("0.0.0.0:9084", Some("secret")).is_ok());
        let open = check("0.0.0.0:9084", None);
        assert!(matches!(open, Err(Error::AdminOpenToTheNetwork { .. })));
        let empty = check("127.0.0.1:0", Some(""));
        assert!(matches!(empty, Err(Error::EmptyAdminToken)));
    }
}
