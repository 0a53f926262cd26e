//! A real OpenID provider (oidc-provider) that loses, refuses and holds answers when it is told to.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::http;
use crate::program::Program;

/// How long it may take to start; Node reads a hundred files first.
const START: Duration = Duration::from_secs(60);

/// What it announces its address with.
const LISTENING: &str = "listening on ";

/// How a provider is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The one client: public, native, sent back to `http://127.0.0.1:ANY/callback`.
    pub client_id: String,
    /// What its access tokens are for: JWTs (RFC 9068) signed with ES256 and this audience.
    pub resource: String,
    /// The scope of that resource.
    pub scope: String,
    /// Whether a request that names no resource (RFC 8707) is one for [`Options::resource`].
    pub default_resource: bool,
    /// How long an access token is good, in whole seconds.
    pub access_token_ttl: Duration,
    /// Whether tokens are bound to the key of a request that proves one (DPoP, RFC 9449).
    pub dpop: bool,
    /// Whether a request without such a proof is refused.
    pub require_dpop: bool,
    /// Whether a proof has to have a nonce of the provider's.
    pub require_nonce: bool,
    /// Whether devices without a browser may ask for tokens (RFC 8628).
    pub device_flow: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            client_id: "offhook".to_owned(),
            resource: "https://voice.example.com/".to_owned(),
            scope: "offhook.call".to_owned(),
            default_resource: false,
            access_token_ttl: Duration::from_secs(300),
            dpop: true,
            require_dpop: false,
            require_nonce: false,
            device_flow: true,
        }
    }
}

/// What has happened at a provider since its start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Answers that began a grant, by code or by device.
    pub sign_ins: u64,
    /// Answers to a refresh token, by the grant's id. They count when they are worked out, whether
    /// or not they arrive.
    pub refreshes: BTreeMap<String, u64>,
    /// Refresh tokens that came a second time; each has revoked its grant.
    pub reuses: u64,
    /// Requests to the revocation endpoint (RFC 7009).
    pub revocations: u64,
    /// Grants that these have revoked.
    pub revoked: u64,
    /// Requests to the token endpoint, whatever became of them.
    pub token_requests: u64,
    /// Those of them that [`Issuer::refuse`] refused.
    pub refused: u64,
    /// Answers that [`Issuer::lose_answers`] lost.
    pub lost: u64,
    /// Answers that [`Issuer::hold`] holds now.
    pub held: u64,
}

impl Counts {
    /// Refreshes of all grants together.
    #[must_use]
    pub fn refreshed(&self) -> u64 {
        self.refreshes.values().sum()
    }
}

/// A running provider; stops when dropped.
#[derive(Debug)]
pub struct Issuer {
    url: String,
    options: Options,
    program: Program,
}

impl Issuer {
    /// Starts one on a free loopback port.
    ///
    /// # Errors
    /// When Node or the packages of `tests/oidc` are missing, or it does not start.
    pub fn start(options: &Options) -> Result<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("oidc");
        ensure!(
            folder.join("node_modules/oidc-provider").is_dir(),
            "the packages of tests/oidc are not installed: run `npm ci` there, or `cargo xtask \
             setup`"
        );
        let mut command = Command::new("node");
        command
            .arg(folder.join("provider.js"))
            .arg(options.json().to_string());
        let program = Program::start(&mut command)?;
        let is_up = |line: &str| line.starts_with(LISTENING);
        let line = program.line("the provider to listen", START, is_up)?;
        Ok(Self {
            url: line[LISTENING.len()..].to_owned(),
            options: options.clone(),
            program,
        })
    }

    /// The issuer's URL, as in `http://127.0.0.1:34567`, without a slash at its end.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The one client it knows.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.options.client_id
    }

    /// The audience of its access tokens.
    #[must_use]
    pub fn resource(&self) -> &str {
        &self.options.resource
    }

    /// The scope of its access tokens.
    #[must_use]
    pub fn scope(&self) -> &str {
        &self.options.scope
    }

    /// Loses the next answers that have tokens in them: they are worked out, rotation included, and
    /// the connection breaks before their first byte.
    ///
    /// # Errors
    /// When the provider is gone.
    pub fn lose_answers(&self, count: u32) -> Result<()> {
        self.order("lose-answer", &json!({ "count": count }))
            .map(drop)
    }

    /// Refuses the next requests to the token endpoint with this status, changing nothing.
    /// `retry_after` goes into the header of this name, in whole seconds.
    ///
    /// # Errors
    /// When the provider is gone.
    pub fn refuse(&self, status: u16, count: u32, retry_after: Option<Duration>) -> Result<()> {
        let mut order = json!({ "status": status, "count": count });
        if let Some(time) = retry_after {
            order["retryAfter"] = time.as_secs().into();
        }
        self.order("refuse", &order).map(drop)
    }

    /// Works answers that have tokens in them out, and keeps them back until [`Self::release`].
    /// [`Counts::held`] says how many there are.
    ///
    /// # Errors
    /// When the provider is gone.
    pub fn hold(&self) -> Result<()> {
        self.order("hold", &json!({})).map(drop)
    }

    /// Lets go of the answers that are held, and holds none any more.
    ///
    /// # Errors
    /// When the provider is gone.
    pub fn release(&self) -> Result<()> {
        self.order("release", &json!({})).map(drop)
    }

    /// Revokes every grant, as an administrator does. Access tokens stay good until they expire:
    /// they are JWTs.
    ///
    /// # Errors
    /// When the provider is gone.
    pub fn revoke_all(&self) -> Result<()> {
        self.order("revoke-all", &json!({})).map(drop)
    }

    /// Signs with new keys from now on; the old ones are still published. The ids of all, the newest
    /// first.
    ///
    /// # Errors
    /// When the provider is gone.
    pub fn rotate_keys(&self) -> Result<Vec<String>> {
        self.order("rotate-keys", &json!({}))
            .and_then(|answer| ids(&answer))
    }

    /// Publishes only the newest keys from now on; their ids.
    ///
    /// # Errors
    /// When the provider is gone.
    pub fn retire_keys(&self) -> Result<Vec<String>> {
        self.order("retire-keys", &json!({}))
            .and_then(|answer| ids(&answer))
    }

    /// What has happened so far.
    ///
    /// # Errors
    /// When the provider is gone.
    pub fn counts(&self) -> Result<Counts> {
        let answer = http::get(&format!("{}/control/counts", self.url))?;
        serde_json::from_value(answer.json()?).context("the provider counts differently")
    }

    /// What it wrote to standard error so far.
    #[must_use]
    pub fn complaints(&self) -> String {
        self.program.complaints()
    }

    fn order(&self, name: &str, values: &Value) -> Result<Value> {
        let answer = http::post_json(&format!("{}/control/{name}", self.url), values)?;
        ensure!(
            answer.status == 200,
            "the provider does not carry out {name} ({}): {}",
            answer.status,
            self.complaints()
        );
        answer.json()
    }
}

impl Options {
    /// As `provider.js` takes them.
    fn json(&self) -> Value {
        json!({
            "clientId": self.client_id,
            "resource": self.resource,
            "scope": self.scope,
            "defaultResource": self.default_resource,
            "accessTokenTtl": self.access_token_ttl.as_secs(),
            "dpop": self.dpop,
            "requireDpop": self.require_dpop,
            "requireNonce": self.require_nonce,
            "deviceFlow": self.device_flow,
        })
    }
}

fn ids(answer: &Value) -> Result<Vec<String>> {
    serde_json::from_value(answer["kids"].clone()).context("the provider names no keys")
}
