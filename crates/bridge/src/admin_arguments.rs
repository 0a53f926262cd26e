//! The flags for the operator's side of a bridge.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::{env, fs, io};

use clap::Args;
use offhook_bridge::AdminConfig;
use secrecy::SecretString;

/// Holds the admin token, for whoever does not give a file.
pub(crate) const ADMIN_TOKEN: &str = "OFFHOOK_BRIDGE_ADMIN_TOKEN";

/// Where the operator's side listens.
#[derive(Debug, Args)]
pub(crate) struct AdminArguments {
    /// Serve metrics and the admin API there as well; port 0 takes any free one.
    ///
    /// Without an admin token, in OFFHOOK_BRIDGE_ADMIN_TOKEN or a file, only loopback addresses work.
    #[arg(long, value_name = "ADDRESS")]
    admin_listen: Option<SocketAddr>,
    /// A file that holds the admin token and nothing else.
    #[arg(long, value_name = "FILE", requires = "admin_listen")]
    admin_token_file: Option<PathBuf>,
}

/// Why the admin token is not known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoAdminToken {
    #[error("the admin token cannot be read from {}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("the admin token in {ADMIN_TOKEN} is not text")]
    Environment,
}

impl AdminArguments {
    /// What they come to, with the token from the file or the environment.
    pub(crate) fn config(self) -> Result<Option<AdminConfig>, NoAdminToken> {
        let Some(listen) = self.admin_listen else {
            return Ok(None);
        };
        let token = match self.admin_token_file {
            Some(path) => {
                let text = fs::read_to_string(&path);
                Some(text.map_err(|source| NoAdminToken::File { path, source })?)
            }
            None => match env::var(ADMIN_TOKEN) {
                Ok(token) => Some(token),
                Err(env::VarError::NotPresent) => None,
                Err(env::VarError::NotUnicode(_)) => return Err(NoAdminToken::Environment),
            },
        };
        let token = token.map(|token| SecretString::from(token.trim()));
        Ok(Some(AdminConfig { listen, token }))
    }
}
