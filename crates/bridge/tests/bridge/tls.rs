//! TLS that the bridge ends itself: what is spoken, who can hold it up, and new certificates.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::StreamExt as _;
use offhook_bridge::{Access, Bridge, Config, Error, TlsConfig};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ProtocolVersion, RootCertStore, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::rig::{KEY, Rig, in_time};

/// Numbers the folders of this process.
static LAST: AtomicU64 = AtomicU64::new(0);

/// A folder with a certificate for `localhost` and its key, gone when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let number = LAST.fetch_add(1, Ordering::Relaxed);
        let name = format!("offhook-bridge-tls-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        let folder = Self(path);
        Pair::new().write(&folder.files());
        folder
    }

    fn files(&self) -> TlsConfig {
        TlsConfig::new(self.0.join("chain.pem"), self.0.join("key.pem"))
    }

    /// What clients have to trust.
    fn certificate(&self) -> CertificateDer<'static> {
        use rustls::pki_types::pem::PemObject as _;
        CertificateDer::from_pem_file(self.0.join("chain.pem")).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

/// A certificate of its own authority, and its key, in PEM.
struct Pair {
    certificate: String,
    key: String,
}

impl Pair {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        Self {
            certificate: params.self_signed(&key).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }

    fn write(&self, files: &TlsConfig) {
        fs::write(&files.certificate, &self.certificate).unwrap();
        fs::write(&files.key, &self.key).unwrap();
    }
}

async fn rig(folder: &Folder) -> Rig {
    let files = folder.files();
    Rig::start(|config| config.tls = Some(files)).await
}

/// A connection, if the bridge has this certificate.
async fn connect_by(
    address: SocketAddr,
    trusted: CertificateDer<'static>,
    versions: &[&'static SupportedProtocolVersion],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider);
    let config = config.with_protocol_versions(versions).unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    in_time(TlsConnector::from(Arc::new(config)).connect(name, stream)).await
}

async fn connect(
    address: SocketAddr,
    trusted: CertificateDer<'static>,
) -> std::io::Result<TlsStream<TcpStream>> {
    connect_by(address, trusted, rustls::ALL_VERSIONS).await
}

/// What a request is answered with, up to the end of its head.
async fn head(stream: &mut TlsStream<TcpStream>) -> String {
    let request = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    in_time(async {
        while !answer.ends_with(b"}") {
            answer.push(stream.read_u8().await.unwrap());
        }
    })
    .await;
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_call_goes_over_tls() {
    let folder = Folder::new();
    let rig = rig(&folder).await;
    for (version, expected) in [
        (&rustls::version::TLS13, ProtocolVersion::TLSv1_3),
        (&rustls::version::TLS12, ProtocolVersion::TLSv1_2),
    ] {
        let stream = connect_by(rig.address, folder.certificate(), &[version]).await;
        let mut stream = stream.unwrap();
        let (_, session) = stream.get_ref();
        assert_eq!(session.protocol_version(), Some(expected));
        assert_eq!(session.alpn_protocol(), Some(&b"http/1.1"[..]));
        assert!(head(&mut stream).await.starts_with("HTTP/1.1 200"));
    }
    let stream = connect(rig.address, folder.certificate()).await.unwrap();
    let mut request = "wss://localhost/v1/realtime".into_client_request().unwrap();
    let bearer = format!("Bearer {KEY}").parse().unwrap();
    request.headers_mut().insert("authorization", bearer);
    let (mut call, _) = in_time(Box::pin(client_async(request, stream)))
        .await
        .unwrap();
    let event = in_time(call.next()).await.unwrap().unwrap();
    assert!(event.to_text().unwrap().contains("session.created"));
    drop(call);
    rig.stop().await;
}

#[tokio::test]
async fn nobody_is_served_without_it() {
    let folder = Folder::new();
    let rig = rig(&folder).await;
    let mut plain = TcpStream::connect(rig.address).await.unwrap();
    let request = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
    plain.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    // It ends with an alert, and perhaps with a reset.
    drop(in_time(plain.read_to_end(&mut answer)).await);
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    let stranger = Folder::new();
    assert!(connect(rig.address, stranger.certificate()).await.is_err());
    rig.stop().await;
}

#[tokio::test]
async fn who_says_nothing_holds_nobody_up() {
    let folder = Folder::new();
    let rig = rig(&folder).await;
    let mut silent = Vec::new();
    for _ in 0..8 {
        silent.push(TcpStream::connect(rig.address).await.unwrap());
    }
    let mut stream = connect(rig.address, folder.certificate()).await.unwrap();
    assert!(head(&mut stream).await.starts_with("HTTP/1.1 200"));
    drop((silent, stream));
    rig.stop().await;
}

#[tokio::test]
async fn a_new_certificate_is_shown_once_it_can_be_used() {
    let folder = Folder::new();
    let old = folder.certificate();
    let rig = rig(&folder).await;
    let certificate = rig.certificate.clone().unwrap();
    let mut kept = connect(rig.address, old.clone()).await.unwrap();

    let new = Pair::new();
    fs::write(folder.files().certificate, &new.certificate).unwrap();
    certificate.reload().await;
    assert!(connect(rig.address, old.clone()).await.is_ok());
    fs::write(folder.files().key, "nothing of use").unwrap();
    certificate.reload().await;
    assert!(connect(rig.address, old.clone()).await.is_ok());

    new.write(&folder.files());
    certificate.reload().await;
    assert!(connect(rig.address, old).await.is_err());
    assert!(connect(rig.address, folder.certificate()).await.is_ok());
    // What was there before goes on.
    assert!(head(&mut kept).await.starts_with("HTTP/1.1 200"));
    drop(kept);
    rig.stop().await;
}

#[test]
fn a_bridge_does_not_start_with_the_key_of_another_certificate() {
    let folder = Folder::new();
    fs::write(folder.files().key, Pair::new().key).unwrap();
    let mut config = Config::new("127.0.0.1:0".parse().unwrap(), Access::Development);
    config.tls = Some(folder.files());
    let error = Bridge::new(config).unwrap_err();
    assert!(matches!(error, Error::TlsMismatch { .. }), "{error}");
}

#[cfg(unix)]
#[tokio::test]
async fn the_program_reads_its_certificate_anew_when_told_to() {
    use crate::program::{Running, program};

    let folder = Folder::new();
    let old = folder.certificate();
    let files = folder.files();
    let arguments = [
        "--listen",
        "127.0.0.1:0",
        "--tls-certificate",
        files.certificate.to_str().unwrap(),
        "--tls-key",
        files.key.to_str().unwrap(),
    ];
    let running = Running::start(program(&arguments, Some(KEY)));
    assert!(connect(running.address, old).await.is_ok());
    Pair::new().write(&files);
    let id = running.child.id().to_string();
    let told = std::process::Command::new("kill")
        .args(["-HUP", &id])
        .status();
    assert!(told.unwrap().success());
    in_time(async {
        while connect(running.address, folder.certificate())
            .await
            .is_err()
        {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
