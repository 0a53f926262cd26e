//! A user's sign-in in a process of its own, whose surroundings a test chooses: the program
//! `signed-in`.

use std::path::PathBuf;

use anyhow::Result;
use offhook_signin::Client;
use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::issuer::Issuer;
use crate::local_issuer::LocalIssuer;
use crate::orders::Orders;
use crate::program::workspace_program;

/// The variable with the passphrase of encrypted files.
pub const PASSPHRASE: &str = "SIGNED_IN_PASSPHRASE";

/// What the program is started with: nothing that is secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Setup {
    /// At which provider, and as what.
    pub client: Client,
    /// Where the sign-in is kept.
    pub vault: Kept,
    /// The folder of the lock files.
    pub locks: PathBuf,
    /// The step of a refresh at which it is killed, from the start.
    pub die_at: Option<String>,
}

/// Where a sign-in is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Kept {
    /// In the keyring, filed under this.
    Keyring(String),
    /// In encrypted files in this folder, with the passphrase of [`PASSPHRASE`].
    Files(PathBuf),
    /// Nowhere.
    Memory,
}

impl Setup {
    /// Starts the program. It obeys
    ///
    /// - `standing`, `standings`: who is signed in, now or one after the other since its start;
    /// - `access`: an access token; `refuse`: another one than the last, which a server has refused.
    ///   The answer has the token's digest, its type and its key's thumbprint;
    /// - `show URL`: the status of a request with the last access token;
    /// - `browser`: begins to sign in, and answers with the address; `device`: with the code, where to
    ///   type it, and the same in one; `finish`: waits for what becomes of it, and keeps it;
    /// - `dial URL`: calls there, and answers once the line is up; `stays SECONDS`: whether it stays so;
    /// - `sign-out`;
    /// - `die-at MOMENT`: is killed when a refresh gets there.
    ///
    /// # Errors
    /// When it is not built or does not start.
    pub fn start(&self, environment: &Environment) -> Result<Orders> {
        let mut command = workspace_program("signed-in")?;
        Orders::start(command.arg(serde_json::to_string(self)?), environment)
    }
}

/// What a softphone asks this provider for.
#[must_use]
pub fn client_of(issuer: &Issuer) -> Client {
    let scopes = ["offline_access", "profile", "email", issuer.scope()];
    Client {
        issuer: issuer.url().to_owned(),
        client_id: issuer.client_id().to_owned(),
        scopes: scopes.map(str::to_owned).into(),
        resource: Some(issuer.resource().to_owned()),
    }
}

/// The same of a bridge that is its own issuer.
#[must_use]
pub fn client_of_local(issuer: &LocalIssuer) -> Client {
    Client {
        issuer: issuer.url().to_owned(),
        client_id: "offhook".to_owned(),
        scopes: ["offline_access", "offhook.call"].map(str::to_owned).into(),
        resource: Some(issuer.url().to_owned()),
    }
}
