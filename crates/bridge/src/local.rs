//! The issuer inside the bridge: lets anyone on this machine sign in by any name (OpenID Connect,
//! OAuth 2.0 for native apps and for devices), for development and tests.
//!
//! It does what a good issuer does, so that clients can be tried with it: PKCE, DPoP with nonces,
//! refresh tokens that change at each use, and a reuse interval for answers that were lost.

mod authorize;
mod codes;
mod device;
mod devices;
mod file;
mod grants;
mod keys;
mod metadata;
mod page;
mod refusal;
mod ticket;
mod token;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::routing::{get, post};
use jsonwebtoken::jwk::Jwk;

use crate::config::LOCAL_CLIENT;
use crate::http::State;
use crate::proof::Seen;
use crate::{DEFAULT_SCOPE, Error, LocalIssuerConfig};
use codes::Codes;
use devices::Devices;
use file::File;
use grants::Grants;
use keys::Keys;
use refusal::Refusal;

/// The scopes that are granted if they are asked for.
const SCOPES: [&str; 3] = ["openid", "offline_access", DEFAULT_SCOPE];

/// The issuer of one bridge.
#[derive(Debug)]
pub(crate) struct Local {
    config: LocalIssuerConfig,
    keys: Keys,
    file: Option<File>,
    /// Proofs that came to the token endpoint. Anyone may send some there: they have a table of
    /// their own.
    seen: Seen,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    grants: Grants,
    codes: Codes,
    devices: Devices,
}

impl Local {
    /// An issuer with what its file has, or with nothing.
    ///
    /// # Errors
    /// Where the file cannot be used, or where the system has no entropy.
    pub(crate) fn new(config: &LocalIssuerConfig) -> Result<Self, Error> {
        let file = config.state_file.clone().map(File::new);
        let stored = file.as_ref().map(File::load).transpose()?.flatten();
        let (keys, grants) = match stored {
            Some(stored) => stored,
            None => (Keys::generate()?, Grants::default()),
        };
        let local = Self {
            config: config.clone(),
            keys,
            file,
            seen: Seen::new(0),
            inner: Mutex::new(Inner {
                grants,
                ..Inner::default()
            }),
        };
        if let Some(file) = &local.file {
            // A file that cannot be written is better known now.
            file.save(&local.keys, &local.lock().grants)?;
        }
        Ok(local)
    }

    /// The key that its tokens are signed with.
    pub(crate) fn jwk(&self) -> Jwk {
        self.keys.jwk()
    }

    /// Keeps what has changed. Until it is kept, nobody is told.
    fn keep(&self, inner: &Inner) -> Result<(), Refusal> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        file.save(&self.keys, &inner.grants).map_err(|error| {
            tracing::error!(%error, "who is signed in could not be kept");
            Refusal::fault()
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing under this lock panics half-way; a poisoned table is still whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The paths of the issuer.
pub(crate) fn router() -> axum::Router<Arc<State>> {
    axum::Router::new()
        .route(
            "/.well-known/openid-configuration",
            get(metadata::configuration),
        )
        .route("/oauth/jwks", get(metadata::keys))
        .route(
            "/oauth/authorize",
            get(authorize::ask).post(authorize::answer),
        )
        .route("/oauth/token", post(token::token))
        .route("/oauth/device_authorization", post(device::begin))
        .route("/oauth/device", get(device::ask).post(device::answer))
        .route("/oauth/revoke", post(token::revoke))
}

fn local(state: &State) -> &Local {
    let local = state.local.as_ref();
    local.expect("its paths are there only where it is")
}

/// What is granted of what is asked for.
fn granted(asked: Option<&str>) -> String {
    let asked = asked.unwrap_or(DEFAULT_SCOPE);
    let granted = SCOPES.into_iter();
    let granted = granted.filter(|scope| asked.split(' ').any(|asked| asked == *scope));
    granted.collect::<Vec<_>>().join(" ")
}

fn is_client(id: Option<&str>) -> bool {
    id == Some(LOCAL_CLIENT)
}

/// A name that somebody may sign in by.
fn user(name: &str) -> Option<&str> {
    let name = name.trim();
    let is_shown = !name.chars().any(char::is_control);
    ((1..=64).contains(&name.chars().count()) && is_shown).then_some(name)
}
