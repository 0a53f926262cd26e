//! How a softphone starts: who can be called, which devices are used.

use offhook_audio as audio;
use offhook_client::{Credential, Endpoint, EndpointError};
use secrecy::SecretString;

use crate::snapshot::Agent;

/// An agent and where it is reached.
#[derive(Debug, Clone)]
pub struct AgentEntry {
    /// What people see of it.
    pub agent: Agent,
    /// Where it is.
    pub endpoint: Endpoint,
}

impl AgentEntry {
    /// The agent inside this process, at its bridge's address and with its access token.
    ///
    /// # Errors
    /// Where the address cannot be called.
    pub fn built_in(
        id: &str,
        address: &str,
        access_token: SecretString,
    ) -> Result<Self, EndpointError> {
        let credential = Credential::Mint {
            access_token: Some(access_token),
        };
        let agent = Agent {
            id: id.to_owned(),
            name: "Test agent".to_owned(),
            description: None,
            built_in: true,
        };
        Ok(Self {
            agent,
            endpoint: Endpoint::new(address, credential)?,
        })
    }
}

/// How a softphone starts.
#[derive(Debug, Clone)]
pub struct Config {
    /// The program's version.
    pub version: String,
    /// Who can be called.
    pub agents: Vec<AgentEntry>,
    /// The microphone at first.
    pub microphone: audio::Microphone,
    /// The speaker at first.
    pub speaker: audio::Speaker,
    /// Whether what the speaker plays is removed from what the microphone hears.
    pub echo_cancellation: bool,
}
