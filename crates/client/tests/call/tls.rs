//! Whose certificates are trusted.

use std::sync::Arc;

use futures_util::SinkExt;
use offhook_client::proto::client::{self, End, Failure};
use offhook_client::{Connector, Credential};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::tungstenite::Message;

use crate::peer::{PLAIN, upgrade};
use crate::rig::{Bridge, dial, dial_through, soon};

/// A TLS server's certificate for `localhost`, and what trusts it.
fn tls() -> (TlsAcceptor, Arc<ClientConfig>) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (TlsAcceptor::from(Arc::new(server)), Arc::new(client))
}

#[tokio::test]
async fn a_certificate_of_an_authority_of_ones_own_is_taken_only_where_trusted() {
    let bridge = Bridge::start().await;
    let url = bridge.address.replace("127.0.0.1", "wss://localhost");
    let (acceptor, trusting) = tls();

    let key = || Credential::Key("key".into());
    let mut caller = dial(&url, key(), client::Config::default());
    let accepted = soon(acceptor.accept(bridge.accept().await)).await;
    assert!(accepted.is_err(), "the client goes before it says anything");
    let end = caller.ended().await;
    assert!(
        matches!(end, End::Failed(Failure::Untrusted { .. })),
        "{end:?}"
    );

    let trusting = Connector::with_tls(trusting);
    let mut caller = dial_through(trusting, &url, key(), client::Config::default());
    let accepted = soon(acceptor.accept(bridge.accept().await)).await;
    let (mut socket, _) = Box::pin(upgrade(accepted.unwrap(), PLAIN)).await;
    let created = r#"{"type":"session.created","session":{"id":"sess_1"}}"#;
    socket.send(Message::text(created)).await.unwrap();
    caller.live().await;
}
