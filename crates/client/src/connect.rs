//! From a host and port to a stream of bytes: name, TCP, TLS.

use std::io;
use std::sync::Arc;

use offhook_proto::client::Failure;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;

use crate::endpoint::Endpoint;
use crate::tls;

/// A connection, encrypted or not.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Makes connections; holds what they share. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Connector {
    tls: Arc<ClientConfig>,
}

impl Connector {
    /// A connector that trusts the system's certificates and the public roots.
    ///
    /// # Errors
    /// Where the system's certificate store cannot be read at all.
    pub fn new() -> Result<Self, rustls::Error> {
        Ok(Self {
            tls: tls::client_config()?,
        })
    }

    /// A connector with TLS settings of one's own.
    #[must_use]
    pub fn with_tls(tls: Arc<ClientConfig>) -> Self {
        Self { tls }
    }

    pub(crate) async fn connect(&self, endpoint: &Endpoint) -> Result<Box<dyn Stream>, Failure> {
        let host = bare(endpoint.host());
        let addresses: Vec<_> = lookup_host((host, endpoint.port()))
            .await
            .map_err(|_| Failure::HostUnknown)?
            .collect();
        let tcp = TcpStream::connect(addresses.as_slice())
            .await
            .map_err(|error| unreachable(&error))?;
        // Frames of 20 ms must not wait for each other (Nagle's algorithm, RFC 896).
        tcp.set_nodelay(true).map_err(|error| unreachable(&error))?;
        if !endpoint.is_secure() {
            return Ok(Box::new(tcp));
        }
        let name = ServerName::try_from(host.to_owned()).map_err(|error| Failure::Untrusted {
            detail: error.to_string(),
        })?;
        let tls = TlsConnector::from(Arc::clone(&self.tls))
            .connect(name, tcp)
            .await
            .map_err(|error| tls::failure(&error))?;
        Ok(Box::new(tls))
    }
}

/// An IPv6 address without the brackets that URLs need.
fn bare(host: &str) -> &str {
    host.strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host)
}

fn unreachable(error: &io::Error) -> Failure {
    Failure::Unreachable {
        detail: error.to_string(),
    }
}
