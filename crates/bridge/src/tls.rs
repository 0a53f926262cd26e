//! TLS that the bridge ends itself, by a certificate that may be replaced while it serves.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;
use std::{fs, io};

use ring::digest::{Context, SHA256};
use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use secrecy::{ExposeSecret as _, SecretSlice};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::{error, info};

use crate::Error;
use crate::clock::Clock;

/// How long a client may take for its part of the handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// The one protocol that is spoken (RFC 7301).
const HTTP_1_1: &[u8] = b"http/1.1";

/// Where the certificate is, and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsConfig {
    /// The bridge's certificate, and those between it and an authority, in PEM.
    pub certificate: PathBuf,
    /// Its private key, in PEM (PKCS #8, PKCS #1 or SEC 1), not encrypted.
    pub key: PathBuf,
    /// How often the files are looked at for a new certificate; between 1 s and a day.
    pub check_every: Duration,
}

impl TlsConfig {
    /// A certificate that is looked at once a minute.
    pub fn new(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self {
            certificate: certificate.into(),
            key: key.into(),
            check_every: Duration::from_secs(60),
        }
    }

    /// Whether the files can be used as they are now.
    ///
    /// # Errors
    /// Where one cannot be read or has nothing of use, and where key and certificate do not belong
    /// together.
    pub fn check(&self) -> Result<(), Error> {
        Files::read(self)?.certified(self).map(drop)
    }
}

/// The certificate of a bridge that serves; a handle, cheap to copy.
#[derive(Debug, Clone)]
pub struct Certificate {
    current: Arc<Current>,
}

/// What new connections are shown.
#[derive(Debug)]
struct Current {
    files: TlsConfig,
    certified: RwLock<Arc<CertifiedKey>>,
    /// What came of the last look at the files: what they held, or why they could not be read.
    looked: Mutex<Result<Held, String>>,
}

impl Certificate {
    fn load(files: TlsConfig) -> Result<Self, Error> {
        let read = Files::read(&files)?;
        let certified = RwLock::new(Arc::new(read.certified(&files)?));
        let current = Current {
            files,
            certified,
            looked: Mutex::new(Ok(read.held())),
        };
        Ok(Self {
            current: Arc::new(current),
        })
    }

    /// Reads the files anew. New connections get what is there; where that cannot be used, what they
    /// got before, and the log says why. Connections there are stay as they are.
    pub async fn reload(&self) {
        self.look(true).await;
    }

    /// Does so whenever the files have changed, for ever.
    pub(crate) async fn watch(self, clock: Clock) {
        let every = self.current.files.check_every;
        loop {
            clock.wait(Some(clock.now() + every)).await;
            self.look(false).await;
        }
    }

    async fn look(&self, asked: bool) {
        let current = Arc::clone(&self.current);
        // Its only error is a panic in there, and then the certificate stays as well.
        let looked = tokio::task::spawn_blocking(move || current.look(asked));
        drop(looked.await);
    }
}

impl Current {
    fn look(&self, asked: bool) {
        let read = Files::read(&self.files);
        let held = match &read {
            Ok(files) => Ok(files.held()),
            Err(error) => Err(error.to_string()),
        };
        {
            let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
            if *looked == held && !asked {
                return;
            }
            *looked = held;
        }
        match read.and_then(|files| files.certified(&self.files)) {
            Ok(certified) => {
                let mut current = self
                    .certified
                    .write()
                    .unwrap_or_else(PoisonError::into_inner);
                *current = Arc::new(certified);
                info!(certificate = %self.files.certificate.display(), "the certificate was read anew");
            }
            Err(error) => error!(%error, "the certificate stays the one from before"),
        }
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let certified = self
            .certified
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&certified))
    }
}

/// The bridge's end of TLS.
#[derive(Debug)]
pub(crate) struct Tls {
    pub(crate) certificate: Certificate,
    config: Arc<ServerConfig>,
}

impl Tls {
    pub(crate) fn new(files: &TlsConfig) -> Result<Self, Error> {
        let certificate = Certificate::load(files.clone())?;
        let resolver: Arc<dyn ResolvesServerCert> = Arc::clone(&certificate.current) as _;
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring has ciphers for TLS 1.2 and 1.3")
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        config.alpn_protocols = vec![HTTP_1_1.to_vec()];
        Ok(Self {
            certificate,
            config: Arc::new(config),
        })
    }

    /// The handshake with a client that has connected.
    ///
    /// # Errors
    /// Where the client does it wrong, or takes too long.
    pub(crate) async fn accept<S>(&self, stream: S) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let acceptor = TlsAcceptor::from(Arc::clone(&self.config));
        let accepted = timeout(HANDSHAKE, acceptor.accept(stream)).await;
        accepted.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }
}

/// What tells the contents of files from others.
type Held = Vec<u8>;

/// What is in the two files.
struct Files {
    certificate: Vec<u8>,
    key: SecretSlice<u8>,
}

impl Files {
    fn read(files: &TlsConfig) -> Result<Self, Error> {
        let read = |path: &Path| fs::read(path).map_err(|error| unusable(path, error.to_string()));
        Ok(Self {
            certificate: read(&files.certificate)?,
            key: read(&files.key)?.into(),
        })
    }

    /// Modification times would not do: a file may change twice within the grain of a clock, and
    /// links to whole directories are swapped.
    fn held(&self) -> Held {
        let mut context = Context::new(&SHA256);
        context.update(&self.certificate.len().to_be_bytes());
        context.update(&self.certificate);
        context.update(self.key.expose_secret());
        context.finish().as_ref().to_vec()
    }

    fn certified(&self, files: &TlsConfig) -> Result<CertifiedKey, Error> {
        let chain =
            CertificateDer::pem_slice_iter(&self.certificate).collect::<Result<Vec<_>, _>>();
        let chain = chain.ok().filter(|chain| !chain.is_empty());
        let chain = chain.ok_or_else(|| {
            let detail = "there is no certificate in PEM in it (\"-----BEGIN CERTIFICATE-----\")";
            unusable(&files.certificate, detail.to_owned())
        })?;
        // Nothing of what is wrong with a key is said, as that might quote it.
        let key = PrivateKeyDer::from_pem_slice(self.key.expose_secret()).map_err(|_| {
            let detail = "there is no private key in PEM in it that is not encrypted \
                          (\"-----BEGIN PRIVATE KEY-----\")";
            unusable(&files.key, detail.to_owned())
        })?;
        CertifiedKey::from_der(chain, key, &default_provider()).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => Error::TlsMismatch {
                certificate: files.certificate.clone(),
                key: files.key.clone(),
            },
            rustls::Error::InvalidCertificate(_) => unusable(
                &files.certificate,
                "its first certificate is damaged".to_owned(),
            ),
            _ => unusable(
                &files.key,
                "its key is of a kind that is not known".to_owned(),
            ),
        })
    }
}

fn unusable(path: &Path, detail: String) -> Error {
    Error::Tls {
        path: path.to_owned(),
        detail,
    }
}

#[cfg(test)]
#[path = "tls_tests.rs"]
mod tests;
