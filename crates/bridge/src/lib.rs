//! The server the softphone talks to: tokens, upgrade checks, sessions, and the built-in agent.
//!
//! ```text
//! socket ── session.rs ── proto::Server ── Upstream ── the built-in agent
//! ```
//!
//! [`Bridge`] serves on a listener; [`Embedded`] is a bridge inside another program, reachable by
//! that program only. Seen from outside it is the OpenAI Realtime API (GA) on WebSocket:
//!
//! - `POST /v1/realtime/client_secrets` mints a token of 10 to 120 s for one session.
//! - `GET /v1/realtime?agent=NAME` opens the session; without an agent, any `model=NAME` is
//!   answered by the built-in agent, as SDKs insist on naming a model.
//! - `GET /healthz` says that the bridge is up, and with how many sessions.
//!
//! # Who may call
//!
//! A token (`ek_…`) is minted with the access token and presented on the upgrade as
//! `Authorization: Bearer`, or as the subprotocol `openai-insecure-api-key.<token>`, which is never
//! selected. It opens one session; minted with `"offhook": {"reusable": true}` in the body, as many
//! as are asked for until it expires. As the official SDKs send their API key there, the access
//! token itself is taken on the upgrade too. In development mode ([`Access::Development`]) any
//! other key stands for the access token. Browser pages are refused unless their origin is allowed.
//!
//! Every refusal comes before the upgrade, as `application/problem+json` (RFC 9457) with an `error`
//! member in OpenAI's shape.

mod clock;
mod config;
mod credential;
mod embedded;
mod error;
mod http;
mod serve;
mod session;
mod token;
mod upstream;

use std::future::Future;
use std::sync::Arc;

use tokio::net::TcpListener;

pub use config::{Access, Config, DEFAULT_ADDRESS};
pub use embedded::Embedded;
pub use error::Error;
pub use upstream::AGENT;

use http::State;

/// A bridge that is configured and can serve.
#[derive(Debug)]
pub struct Bridge {
    state: Arc<State>,
}

impl Bridge {
    /// Prepares a bridge; nothing listens yet.
    ///
    /// # Errors
    /// Where anyone on the network could call without a token, where the system has no entropy,
    /// or where a prompt in this program is not a usable sound file.
    pub fn new(config: Config) -> Result<Self, Error> {
        config.check(config.listen)?;
        Ok(Self {
            state: Arc::new(State::new(config)?),
        })
    }

    /// Listens on the configured address.
    ///
    /// # Errors
    /// Where the address is taken, or is not this machine's.
    pub async fn bind(&self) -> Result<TcpListener, Error> {
        let address = self.state.config.listen;
        TcpListener::bind(address)
            .await
            .map_err(|source| Error::listen(address, source))
    }

    /// The bridge as a router, to be served by someone else. Sessions on it are not told of a
    /// shutdown.
    pub fn router(&self) -> axum::Router {
        http::router(Arc::clone(&self.state))
    }

    /// Serves until `shutdown` is ready, then closes every session with 1001 and returns; after
    /// at most 5 s, whether or not every client has answered.
    ///
    /// # Errors
    /// Where the listener has no address, or one that the configured access does not allow.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send,
    ) -> Result<(), Error> {
        let configured = self.state.config.listen;
        let address = listener
            .local_addr()
            .map_err(|source| Error::listen(configured, source))?;
        self.state.config.check(address)?;
        serve::serve(self.state, listener, shutdown).await;
        Ok(())
    }
}
