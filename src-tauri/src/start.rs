//! Starts the softphone with the built-in agent inside this process.

use offhook_bridge::{AGENT, Embedded};
use offhook_phone::{AccountsConfig, AgentEntry, Config, Connector, Phone, data_folder};

/// Why the softphone does not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The built-in agent does not start.
    #[error("the built-in agent cannot start: {0}")]
    Agent(#[from] offhook_bridge::Error),
    /// Its address is not one.
    #[error("the built-in agent has no usable address: {0}")]
    Address(#[from] offhook_phone::EndpointError),
    /// No certificates can be read.
    #[error("the system's certificates cannot be read: {0}")]
    Certificates(String),
    /// There is no home folder.
    #[error("there is no home folder to remember accounts in; set OFFHOOK_DATA to another folder")]
    NoHome,
}

/// A softphone and the agent it can always call.
pub(crate) struct Started {
    pub(crate) phone: Phone,
    pub(crate) embedded: Embedded,
}

pub(crate) async fn start() -> Result<Started, Error> {
    let embedded = Embedded::start().await?;
    let entry = AgentEntry::built_in(AGENT, &embedded.url(), embedded.access_token())?;
    let connector = Connector::new().map_err(|error| Error::Certificates(error.to_string()))?;
    let config = Config::new(env!("CARGO_PKG_VERSION"), vec![entry]);
    let accounts = AccountsConfig::new(data_folder().ok_or(Error::NoHome)?);
    Ok(Started {
        phone: Phone::start_with(config, connector, accounts),
        embedded,
    })
}
