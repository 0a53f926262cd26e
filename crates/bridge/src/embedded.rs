//! A bridge inside another program, for that program only.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::token::random_token;
use crate::{Access, Bridge, Config, Error};

/// The built-in agent on a free loopback port, behind a token that only this process knows.
///
/// Stops when dropped: sessions are closed with 1001 by a task that outlives this value by 5 s at
/// most.
#[derive(Debug)]
pub struct Embedded {
    address: SocketAddr,
    access_token: SecretString,
    /// Dropping it is the signal to stop.
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

impl Embedded {
    /// Starts the bridge on the current tokio runtime.
    ///
    /// # Errors
    /// Those of [`Bridge::new`] and [`Bridge::bind`].
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn start() -> Result<Self, Error> {
        let access_token = random_token()?;
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let bridge = Bridge::new(Config {
            // It does not come back, so that nobody is told to.
            drain: Duration::ZERO,
            ..Config::new(listen, Access::Token(access_token.clone()))
        })?;
        let listener = bridge.bind().await?;
        let address = listener
            .local_addr()
            .map_err(|source| Error::listen(listen, source))?;
        let (stop, stopped) = oneshot::channel();
        let served = tokio::spawn(async move {
            // An error of `stopped` means that the sender was dropped.
            let shutdown = async move { drop(stopped.await) };
            if let Err(error) = bridge.serve(listener, shutdown).await {
                tracing::error!(%error, "the embedded bridge stopped");
            }
        });
        Ok(Self {
            address,
            access_token,
            stop,
            served,
        })
    }

    /// The address to call, as in `http://127.0.0.1:40123`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The credential for minting tokens there.
    #[must_use]
    pub fn access_token(&self) -> SecretString {
        self.access_token.clone()
    }

    /// Stops, and returns when every session is closed; after 5 s at most.
    pub async fn stop(self) {
        drop(self.stop);
        if let Err(error) = self.served.await {
            tracing::error!(%error, "the embedded bridge ended badly");
        }
    }
}
