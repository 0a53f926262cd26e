//! From a server's name to a stream of bytes: name, TCP, proxy, TLS.

use std::net::IpAddr;
use std::sync::Arc;

use offhook_proto::client::Failure;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;

use crate::dial::{Names, dial};
use crate::limits::{Limits, Step, within};
use crate::origin::Origin;
use crate::proxy::{Kind, Proxies, Proxy};
use crate::tls;
use crate::tunnel::tunnel;

/// A connection, encrypted or not, through a proxy or not.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A stream and which of this machine's addresses it comes from; none where the system does not say.
pub(crate) struct Connection {
    pub(crate) stream: Box<dyn Stream>,
    pub(crate) from: Option<IpAddr>,
}

/// Makes connections; holds what they share. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Connector {
    tls: Arc<ClientConfig>,
    proxies: Proxies,
    names: Names,
    limits: Limits,
}

impl Connector {
    /// A connector that trusts the system's certificates and the public roots, and goes through
    /// the proxy that the environment or the system sets, if any.
    ///
    /// # Errors
    /// Where the system's certificate store cannot be read at all.
    pub fn new() -> Result<Self, rustls::Error> {
        Ok(Self::with_tls(tls::client_config()?))
    }

    /// A connector with TLS settings of one's own, otherwise like [`new`](Self::new)'s.
    #[must_use]
    pub fn with_tls(tls: Arc<ClientConfig>) -> Self {
        Self {
            tls,
            proxies: Proxies::system(),
            names: Names::system(),
            limits: Limits::default(),
        }
    }

    /// Goes through `proxy` to every server, this machine's own included, whatever the environment
    /// and the system say.
    #[must_use]
    pub fn with_proxy(self, proxy: Proxy) -> Self {
        Self {
            proxies: Proxies::Always(proxy),
            ..self
        }
    }

    /// Goes through no proxy, whatever the environment and the system say.
    #[must_use]
    pub fn without_proxy(self) -> Self {
        Self {
            proxies: Proxies::Never,
            ..self
        }
    }

    /// Waits as long as `limits` say.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Looks up names by `names`.
    #[cfg(test)]
    fn with_names(self, names: Names) -> Self {
        Self { names, ..self }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// A connection to `origin`, ready for HTTP.
    ///
    /// # Errors
    /// Which step failed, and why.
    pub(crate) async fn connect(&self, origin: &Origin) -> Result<Connection, Failure> {
        let host = bare(origin.host());
        let connection = match self.proxies.to(origin)? {
            Some(proxy) => self
                .through(&proxy, origin)
                .await
                .map_err(|failure| proxy.blame(failure))?,
            None => self.dial(host, origin.port()).await?,
        };
        if origin.is_secure() {
            self.encrypt(host, connection).await
        } else {
            Ok(connection)
        }
    }

    async fn through(&self, proxy: &Proxy, origin: &Origin) -> Result<Connection, Failure> {
        let mut connection = self.dial(proxy.host(), proxy.port()).await?;
        if proxy.kind() == Kind::Https {
            connection = self.encrypt(proxy.host(), connection).await?;
        }
        let authority = origin.to_string();
        let Connection { stream, from } = connection;
        let tunnel = tunnel(proxy, stream, &authority);
        let stream = within(Step::Proxy, self.limits.proxy, tunnel).await?;
        Ok(Connection { stream, from })
    }

    async fn dial(&self, host: &str, port: u16) -> Result<Connection, Failure> {
        let tcp = dial(&self.names, host, port, &self.limits).await?;
        Ok(Connection {
            from: tcp.local_addr().ok().map(|address| address.ip()),
            stream: Box::new(tcp),
        })
    }

    async fn encrypt(&self, host: &str, connection: Connection) -> Result<Connection, Failure> {
        let Connection { stream, from } = connection;
        let name = ServerName::try_from(host.to_owned()).map_err(|error| Failure::Untrusted {
            detail: error.to_string(),
        })?;
        let tls = TlsConnector::from(Arc::clone(&self.tls));
        let handshake = async {
            let handshake = tls.connect(name, stream).await;
            handshake.map_err(|error| tls::failure(&error))
        };
        let stream = within(Step::Tls, self.limits.tls, handshake).await?;
        Ok(Connection {
            stream: Box::new(stream),
            from,
        })
    }
}

/// An IPv6 address without the brackets that URLs need.
pub(crate) fn bare(host: &str) -> &str {
    host.strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host)
}

#[cfg(test)]
#[path = "connect_tests.rs"]
mod tests;
