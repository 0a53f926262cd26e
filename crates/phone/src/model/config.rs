//! How a softphone starts: who can be called, which devices are used.

use offhook_audio as audio;
use offhook_client::{Credential, Endpoint, EndpointError};
use secrecy::SecretString;

use super::book::Book;
use crate::snapshot::{Agent, SecretPlace, Secrets};

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
            language: None,
            color: None,
            favourite: false,
            built_in: true,
        };
        Ok(Self {
            agent,
            endpoint: Endpoint::new(address, credential)?,
        })
    }
}

/// The same agent at the same server; credentials do not count.
impl PartialEq for AgentEntry {
    fn eq(&self, other: &Self) -> bool {
        self.agent == other.agent && self.endpoint.authority() == other.endpoint.authority()
    }
}

/// How a softphone starts.
#[derive(Debug, Clone)]
pub struct Config {
    /// The program's version.
    pub version: String,
    /// Who can be called at the built-in profile.
    pub agents: Vec<AgentEntry>,
    /// What is remembered of the others.
    pub book: Book,
    /// Where secrets are kept at first.
    pub secrets: Secrets,
    /// The time of day at the start of the clock, in s since the Unix epoch.
    pub started_at_s: u32,
    /// The microphone at first.
    pub microphone: audio::Microphone,
    /// The speaker at first.
    pub speaker: audio::Speaker,
    /// Whether what the speaker plays is removed from what the microphone hears.
    pub echo_cancellation: bool,
}

impl Config {
    /// A softphone that can call these agents and no others, with the system's devices.
    #[must_use]
    pub fn new(version: &str, agents: Vec<AgentEntry>) -> Self {
        Self {
            version: version.to_owned(),
            agents,
            book: Book::default(),
            secrets: Secrets::Kept {
                place: SecretPlace::Memory,
            },
            started_at_s: 0,
            microphone: audio::Microphone::Default,
            speaker: audio::Speaker::Default,
            echo_cancellation: true,
        }
    }
}
