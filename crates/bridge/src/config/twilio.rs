//! Phone calls by Twilio: whose account, and which agent answers.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::secret::{Place, read};
use secrecy::SecretString;
use serde::Deserialize;

/// Phone calls that come as Twilio Media Streams. They need [`Config::public_url`](super::Config) to
/// be an https address, as Twilio connects to nothing else.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TwilioConfig {
    /// The environment variable that holds the account's auth token, with which Twilio signs.
    #[serde(default)]
    pub auth_token_env: Option<String>,
    /// Or the file that holds it and nothing else.
    #[serde(default)]
    pub auth_token_file: Option<PathBuf>,
    /// Which agent answers at which of the account's numbers, as in `+15550100`; at all others the
    /// first one does.
    #[serde(default)]
    pub numbers: BTreeMap<String, String>,
}

impl TwilioConfig {
    pub(crate) fn auth_token(&self) -> Result<SecretString, String> {
        self.place().and_then(|place| read("auth token", &place))
    }

    /// What is wrong with it, apart from the token, which is only looked for when it is needed.
    pub(super) fn fault(&self, agents: &[super::Agent]) -> Option<String> {
        let unknown = |id: &&String| !agents.iter().any(|agent| agent.id == **id);
        if let Some(id) = self.numbers.values().find(unknown) {
            return Some(format!("there is no agent {id:?} to answer"));
        }
        self.place().err()
    }

    fn place(&self) -> Result<Place<'_>, String> {
        let (env, file) = (&self.auth_token_env, &self.auth_token_file);
        Place::of(env.as_deref(), file.as_deref()).ok_or_else(|| {
            "exactly one of auth_token_env and auth_token_file says where the auth token is"
                .to_owned()
        })
    }
}
