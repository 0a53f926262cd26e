//! The server the softphone talks to: tokens, upgrade checks, sessions, phone calls, and what
//! answers them.
//!
//! ```text
//! sockets ── session/link.rs ──┐
//!                              ├─ session.rs ── proto::Server
//! registry.rs (who has which) ─┘       └──┬──── Upstream ─┬ the built-in agent
//! twilio/call.rs ── telephony::Leg ───────┘               └ a server of the OpenAI Realtime API
//! ```
//!
//! [`Bridge`] serves on a listener; [`Embedded`] is a bridge inside another program, reachable by
//! that program only. Seen from outside it is the OpenAI Realtime API (GA) on WebSocket:
//!
//! - `POST /v1/realtime/client_secrets` mints a token of 10 to 120 s for one session: a new one, or
//!   the one that `session.id` in the body names.
//! - `GET /v1/realtime?agent=NAME` opens the session; without an agent, any `model=NAME` is
//!   answered by the first one, as SDKs insist on naming a model. With `session=ID` a client
//!   of `offhook.v1` goes on with a session, by a token for it.
//! - `GET /.well-known/offhook` says how to sign in, `GET /v1/agents` whom one can call.
//! - `POST /v1/twilio/voice` and `GET /v1/twilio` are for Twilio ([`Config::twilio`]).
//! - `GET /healthz` says that the bridge is up, and with how many sessions. One that waits for its
//!   client to come back counts, here and against [`Config::max_sessions`], as it holds as much.
//!
//! # Who may call
//!
//! A token (`ek_…`) is minted with the access token and presented on the upgrade, in one way:
//!
//! | how | |
//! |---|---|
//! | `Authorization: Bearer` | not if it is bound to a key |
//! | `Authorization: DPoP` | with a proof of the client's key (RFC 9449) |
//! | subprotocol `openai-insecure-api-key.<token>` | never selected |
//! | `?token=` | if allowed ([`AuthMethod::Query`]) |
//! | cookie `offhook_token` | if allowed; the page's origin has to be, too |
//! | first message after `?auth=message` | if allowed; nothing is done for the client before |
//!
//! It opens one session; minted with `"offhook": {"reusable": true}` in the body, as many as are
//! asked for until it expires. As the official SDKs send their API key there, the access token
//! itself is taken in the first three ways. In development mode ([`Access::Development`]) any other
//! key stands for the access token. Browser pages are refused unless their origin is allowed.
//!
//! The access token is the operator's ([`Access::Token`]), or one of an issuer's
//! ([`Access::Issuers`], RFC 9068); for development the bridge can be that issuer
//! ([`Access::Local`]). A token whose mint came with a proof of a key is bound to that key, as is
//! its session: without the key, a token is worth nothing. `docs/sign-in.md` has it all.
//!
//! A token remembers, as a keyed hash, from where and by which program it was minted;
//! [`FingerprintPolicy`] says what becomes of it elsewhere. [`Sessions`] revokes.
//!
//! Every refusal comes before the upgrade, as `application/problem+json` (RFC 9457) with an `error`
//! member in OpenAI's shape; where the credential comes after it, as an `error` event and a close
//! frame.
//!
//! # The operator
//!
//! [`Config::admin`] opens a second listener: `/metrics` for Prometheus, `/healthz` and `/readyz`,
//! and `/admin/v1/…`, which lists and revokes sessions and drains the bridge. `docs/admin.md` and
//! `docs/metrics.md` have it all.
//!
//! # In front of it
//!
//! The bridge ends TLS itself ([`Config::tls`]), or something in front of it does. Proxies say for
//! whom they ask; those in [`Config::trusted_proxies`] are believed, anybody else is not.
//! `docs/bridge.md` is the operator's page.
//!
//! # The end
//!
//! Clients of `offhook.v1` are told to come back ([`Config::drain`], [`Config::return_spread`])
//! before they are closed with 1012; others are closed with 1001. Who comes meanwhile gets a 503
//! with `Retry-After`.

mod admin;
mod clock;
mod config;
mod credential;
mod embedded;
mod error;
mod fingerprint;
mod forwarded;
mod http;
mod issuer;
mod local;
mod metrics;
mod proof;
mod registry;
mod reload;
mod serve;
mod session;
mod sessions;
mod spread;
mod tls;
mod token;
mod twilio;
mod upstream;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

pub use admin::AdminConfig;
pub use config::{
    Access, Agent, AuthMethod, Caller, Config, DEFAULT_ADDRESS, DEFAULT_SCOPE, FingerprintPolicy,
    ForwardedBy, IssuerConfig, Limit, LocalIssuerConfig, Network, NotACaller, NotANetwork,
    TwilioConfig, UpstreamAuth, UpstreamConfig,
};
pub use embedded::Embedded;
pub use error::Error;
pub use reload::Reloader;
pub use sessions::{SessionInfo, SessionState, Sessions};
pub use tls::{Certificate, TlsConfig};
pub use upstream::AGENT;

use http::State;

/// A bridge that is configured and can serve.
#[derive(Debug)]
pub struct Bridge {
    state: Arc<State>,
    /// The operator's, once it listens.
    admin: OnceLock<TcpListener>,
}

impl Bridge {
    /// Prepares a bridge; nothing listens yet.
    ///
    /// # Errors
    /// Where anyone on the network could call without a token, where a certificate cannot be used,
    /// where the system has no entropy, or where a prompt in this program is not a usable sound file.
    pub fn new(config: Config) -> Result<Self, Error> {
        config.check(config.listen)?;
        Ok(Self {
            state: Arc::new(State::new(config)?),
            admin: OnceLock::new(),
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

    /// Listens on the address of [`Config::admin`] and returns it, if there is one. What comes is
    /// answered by [`Self::serve`], which does this itself where nobody did before.
    ///
    /// # Errors
    /// Where the address is taken, or is not this machine's.
    pub async fn bind_admin(&self) -> Result<Option<SocketAddr>, Error> {
        let Some(admin) = &self.state.config.admin else {
            return Ok(None);
        };
        let failed = |source| Error::listen(admin.listen, source);
        let listener = match self.admin.get() {
            Some(listener) => listener,
            None => {
                let listener = TcpListener::bind(admin.listen).await.map_err(failed)?;
                self.admin.get_or_init(|| listener)
            }
        };
        listener.local_addr().map(Some).map_err(failed)
    }

    /// The bridge as a router, to be served by someone else, who ends TLS too. Sessions on it are not
    /// told of a shutdown, and the addresses of clients are not known.
    pub fn router(&self) -> axum::Router {
        self.state.listens(self.state.config.listen);
        http::router(Arc::clone(&self.state))
    }

    /// What has its files read anew, while it serves.
    #[must_use]
    pub fn reloader(&self) -> Reloader {
        Reloader {
            state: Arc::clone(&self.state),
        }
    }

    /// Its certificate, to have it read anew; none where it does not end TLS.
    #[must_use]
    pub fn certificate(&self) -> Option<Certificate> {
        let tls = self.state.tls.as_ref();
        tls.map(|tls| tls.certificate.clone())
    }

    /// Its sessions, to look at and to revoke.
    #[must_use]
    pub fn sessions(&self) -> Sessions {
        Sessions {
            state: Arc::clone(&self.state),
        }
    }

    /// Serves until `shutdown` is ready or the operator says so, then lets clients go and returns:
    /// 5 s after [`Config::drain`] at most, whether or not every client has answered.
    ///
    /// # Errors
    /// Where the listener has no address, or one that the configured access does not allow; those of
    /// [`Self::bind_admin`].
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
        self.state.listens(address);
        self.bind_admin().await?;
        let Self { state, admin } = self;
        // Stopped with this future, whichever way it ends.
        let mut beside = JoinSet::new();
        let (serving, over) = watch::channel(());
        if let Some(admin) = admin.into_inner() {
            beside.spawn(admin::serve(Arc::clone(&state), admin, over));
        }
        let told = Arc::clone(&state);
        let shutdown = async move {
            tokio::select! {
                () = shutdown => {}
                () = told.leave.notified() => {}
            }
        };
        let beat = async {
            match state.config.admin {
                Some(_) => metrics::beat(&state).await,
                // Nobody could see it, and a program that waits should not wake up for it.
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = serve::serve(Arc::clone(&state), listener, shutdown) => {}
            never = beat => match never {},
        }
        drop(serving);
        while beside.join_next().await.is_some() {}
        Ok(())
    }
}
