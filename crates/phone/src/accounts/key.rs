//! API keys: tried with a real connection before they are kept.

use std::time::Duration;

use offhook_client::proto::client::{self, State};
use offhook_client::{Call, Connector, Credential, Endpoint, Event};
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use tokio::time::timeout;

use super::problems::{bad_address, normal};
use super::{Accounts, bridge};
use crate::failure::{Called, end_reason};
use crate::model::{Entry, Report};
use crate::problem::Problem;
use crate::snapshot::{EndReason, KeyHeader, ProfileKind};

/// How long a trial may take. Each step of a connection has a shorter limit.
const TRIAL: Duration = Duration::from_secs(30);

/// Where the key of a profile is kept.
pub(super) fn name(profile: &str) -> String {
    format!("key.{profile}")
}

/// A profile's server with its key.
pub(super) fn endpoint(entry: &Entry, key: SecretString) -> Result<Endpoint, Problem> {
    let (url, credential) = match (&entry.kind, entry.header()) {
        (ProfileKind::Direct { url, .. }, KeyHeader::Authorization) => (url, Credential::Key(key)),
        (ProfileKind::Direct { url, .. }, KeyHeader::ApiKey) => (url, Credential::ApiKey(key)),
        (ProfileKind::Organisation { url }, _) => (
            url,
            Credential::Mint {
                access_token: Some(key),
            },
        ),
        (ProfileKind::BuiltIn, _) => {
            return Err(Problem::Internal {
                detail: "the built-in agent has no key".to_owned(),
            });
        }
    };
    let url = normal(url);
    Endpoint::new(&url, credential).map_err(|error| bad_address(&url, &error))
}

impl Accounts {
    /// Tries a key, and keeps it if it works.
    pub(super) async fn try_key(&self, entry: Entry, key: SecretString) {
        let result = self.tried(&entry, key).await;
        self.report(Report::KeyTried { entry, result }).await;
    }

    async fn tried(&self, entry: &Entry, key: SecretString) -> Result<(), Problem> {
        // Where it cannot be kept, nobody need wait for the trial.
        let vault = self.vault()?;
        let endpoint = endpoint(entry, key.clone())?;
        let host = endpoint.host().to_owned();
        let tried = match &entry.kind {
            ProfileKind::Direct { model, .. } => connect(&self.0.connector, endpoint, model).await,
            _ => bridge::agents(&self.0.connector, &endpoint).await.map(drop),
        };
        tried.map_err(|problem| match problem {
            Problem::NotAuthorised { detail, .. } => Problem::KeyRefused { host, detail },
            other => other,
        })?;
        let bytes = SecretSlice::from(key.expose_secret().as_bytes().to_vec());
        vault.write(&name(&entry.id), &bytes).await?;
        Ok(())
    }
}

/// Opens a session and hangs up: an upgrade alone proves nothing, as some servers say what is wrong
/// with a key only after it.
async fn connect(connector: &Connector, endpoint: Endpoint, model: &str) -> Result<(), Problem> {
    let (call, mut events) = Call::start(offhook_client::Config {
        connector: connector.clone(),
        endpoint: endpoint.clone(),
        agent: model.to_owned(),
        session: client::Config::default(),
    });
    let opened = async {
        while let Some(event) = events.recv().await {
            match event {
                Event::State {
                    state: State::Live { .. },
                    ..
                } => return Ok(()),
                Event::State {
                    state: State::Ended(end),
                    ..
                } => {
                    let called = Called {
                        endpoint: &endpoint,
                        agent: model,
                        was_up: false,
                    };
                    return Err(match end_reason(end, called) {
                        EndReason::Failed { problem } => problem,
                        _ => Problem::ConnectionLost {
                            detail: "the server hung up at once".to_owned(),
                        },
                    });
                }
                _ => {}
            }
        }
        Err(Problem::ConnectionLost {
            detail: "the connection ended without a word".to_owned(),
        })
    };
    let opened = timeout(TRIAL, opened).await.unwrap_or_else(|_| {
        Err(Problem::TimedOut {
            host: endpoint.host().to_owned(),
            seconds: u32::try_from(TRIAL.as_secs()).unwrap_or(u32::MAX),
        })
    });
    // A call that has ended has nothing left to say.
    let _ = call.hang_up();
    opened
}
