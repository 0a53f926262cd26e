//! Calls over real sockets against a small server that shows what it was asked.
#![allow(clippy::unwrap_used, reason = "a test's helper may fail the test")]

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use offhook_client::proto::client::{self, End, Failure, State};
use offhook_client::proto::wire::client::InputAudioBufferAppend;
use offhook_client::proto::wire::encode_pcm16;
use offhook_client::{Call, Config, Connector, Credential, Endpoint, Event};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::{Message, protocol::frame::coding::CloseCode};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};

const PATIENCE: Duration = Duration::from_secs(20);
const SESSION: &str =
    r#"{"type":"session.created","event_id":"event_1","session":{"id":"sess_1"}}"#;

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address.to_string())
}

fn connector() -> Connector {
    Connector::new().expect("the machine has a certificate store")
}

fn dial(url: &str, credential: Credential, connector: Connector) -> (Call, mpsc::Receiver<Event>) {
    Call::start(Config {
        connector,
        endpoint: Endpoint::new(url, credential).unwrap(),
        agent: "test".to_owned(),
        session: client::Config::default(),
    })
}

async fn next(events: &mut mpsc::Receiver<Event>) -> Event {
    timeout(PATIENCE, events.recv())
        .await
        .expect("in time")
        .expect("not the end")
}

async fn live(events: &mut mpsc::Receiver<Event>) {
    loop {
        match next(events).await {
            Event::State(State::Live { .. }) => return,
            Event::State(State::Ended(end)) => panic!("{end:?}"),
            _ => {}
        }
    }
}

async fn ended(events: &mut mpsc::Receiver<Event>) -> End {
    loop {
        if let Event::State(State::Ended(end)) = next(events).await {
            return end;
        }
    }
}

/// Upgrades with `protocol` selected, and returns the request as it came.
#[expect(clippy::result_large_err, reason = "the library's signature")]
async fn upgrade<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    protocol: Option<&'static str>,
) -> (WebSocketStream<S>, Request) {
    let mut seen = None;
    let callback = |request: &Request, mut response: Response| -> Result<_, ErrorResponse> {
        seen = Some(request.clone());
        if let Some(protocol) = protocol {
            let value = http::HeaderValue::from_static(protocol);
            response
                .headers_mut()
                .insert("sec-websocket-protocol", value);
        }
        Ok(response)
    };
    let socket = accept_hdr_async(stream, callback).await.unwrap();
    (socket, seen.unwrap())
}

fn audio(sample: i16) -> InputAudioBufferAppend {
    InputAudioBufferAppend {
        audio: encode_pcm16(&[sample; 480]),
        ..Default::default()
    }
}

#[tokio::test]
async fn the_key_goes_into_the_header_and_what_was_said_early_comes_first() {
    let (listener, address) = listen().await;
    let key = Credential::Key("canary-key".into());
    let (call, mut events) = dial(&format!("ws://{address}"), key, connector());
    for sample in 0..3 {
        call.send(audio(sample)).unwrap();
    }
    let (stream, _) = listener.accept().await.unwrap();
    let (mut socket, request) = upgrade(stream, Some("realtime")).await;
    assert_eq!(request.uri(), "/v1/realtime?model=test");
    assert_eq!(request.headers()["authorization"], "Bearer canary-key");
    assert_eq!(
        request.headers()["sec-websocket-protocol"],
        "offhook.v1, realtime"
    );
    assert!(
        request.headers()["user-agent"]
            .to_str()
            .unwrap()
            .starts_with("Offhook/")
    );

    socket.send(Message::text(SESSION)).await.unwrap();
    live(&mut events).await;
    call.send(audio(3)).unwrap();
    for sample in 0..4 {
        let text = loop {
            if let Message::Text(text) = socket.next().await.unwrap().unwrap() {
                break text;
            }
        };
        assert!(text.contains(&audio(sample).audio), "{sample}: {text}");
    }

    call.hang_up().unwrap();
    loop {
        match socket.next().await.unwrap().unwrap() {
            Message::Close(Some(frame)) => break assert_eq!(frame.code, CloseCode::Normal),
            _ => continue,
        }
    }
    // The library answers the close frame as it is read on.
    while socket.next().await.is_some() {}
    assert_eq!(ended(&mut events).await, End::HungUp);
}

/// Answers one HTTP request with `response`, and returns the request.
async fn answer(stream: &mut TcpStream, response: &str) -> String {
    let mut request = Vec::new();
    let mut part = [0; 4096];
    loop {
        let count = stream.read(&mut part).await.unwrap();
        request.extend_from_slice(&part[..count]);
        let text = String::from_utf8_lossy(&request);
        let whole = text
            .split_once("\r\n\r\n")
            .is_some_and(|(_, body)| body.ends_with('}'));
        if whole || count == 0 {
            break;
        }
    }
    stream.write_all(response.as_bytes()).await.unwrap();
    String::from_utf8(request).unwrap()
}

fn http(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n{body}")
}

#[tokio::test]
async fn a_token_is_bought_and_shown_once() {
    let (listener, address) = listen().await;
    let credential = Credential::Mint {
        access_token: Some("canary-access".into()),
    };
    let (_call, mut events) = dial(&format!("http://{address}"), credential, connector());

    let (mut stream, _) = listener.accept().await.unwrap();
    let minted = http(
        "200 OK",
        "",
        r#"{"value":"ek_canary","expires_at":1,"session":{}}"#,
    );
    let request = answer(&mut stream, &minted).await;
    assert!(
        request.starts_with("POST /v1/realtime/client_secrets HTTP/1.1"),
        "{request}"
    );
    assert!(
        request.contains("authorization: Bearer canary-access"),
        "{request}"
    );

    let (stream, _) = listener.accept().await.unwrap();
    let (mut socket, request) = upgrade(stream, Some("offhook.v1")).await;
    assert_eq!(request.uri(), "/v1/realtime?agent=test");
    assert_eq!(request.headers()["authorization"], "Bearer ek_canary");
    let session = SESSION.replacen('{', "{\"seq\":1,", 1);
    socket.send(Message::text(session)).await.unwrap();
    live(&mut events).await;
    let Message::Text(ping) = socket.next().await.unwrap().unwrap() else {
        panic!("text")
    };
    assert!(
        ping.contains("offhook.ping") && ping.contains("\"seq\":1"),
        "{ping}"
    );
}

#[tokio::test]
async fn a_refusal_says_what_the_server_said() {
    let (listener, address) = listen().await;
    let credential = Credential::Mint { access_token: None };
    let (_call, mut events) = dial(&format!("http://{address}"), credential, connector());
    let (mut stream, _) = listener.accept().await.unwrap();
    let body = r#"{"title":"Busy","detail":"Full.","error":{"message":"No room left."}}"#;
    answer(
        &mut stream,
        &http("503 Service Unavailable", "retry-after: 7\r\n", body),
    )
    .await;
    let refused = Failure::Refused {
        status: 503,
        retry_after: Some(Duration::from_secs(7)),
        detail: "No room left.".to_owned(),
    };
    assert_eq!(ended(&mut events).await, End::Failed(refused));
}

#[tokio::test]
async fn a_token_service_that_is_none_is_told() {
    for (what, response) in [
        ("no token in it", http("200 OK", "", "{}")),
        ("not HTTP", "220 mail.example ESMTP\r\n\r\n".to_owned()),
        ("endless", http("200 OK", "", &" ".repeat(100_000))),
    ] {
        let (listener, address) = listen().await;
        let credential = Credential::Mint { access_token: None };
        let (_call, mut events) = dial(&format!("http://{address}"), credential, connector());
        let (mut stream, _) = listener.accept().await.unwrap();
        answer(&mut stream, &response).await;
        let end = ended(&mut events).await;
        assert!(
            matches!(end, End::Failed(Failure::NotTheProtocol { .. })),
            "{what}: {end:?}"
        );
    }
}

#[tokio::test]
async fn a_server_that_knows_no_subprotocols_is_asked_again_without() {
    let (listener, address) = listen().await;
    let key = Credential::Key("key".into());
    let (_call, mut events) = dial(&format!("ws://{address}"), key, connector());
    let (stream, _) = listener.accept().await.unwrap();
    drop(upgrade(stream, None).await);
    let (stream, _) = listener.accept().await.unwrap();
    let (mut socket, request) = upgrade(stream, None).await;
    assert!(!request.headers().contains_key("sec-websocket-protocol"));
    socket.send(Message::text(SESSION)).await.unwrap();
    live(&mut events).await;
}

#[tokio::test]
async fn dropping_a_call_closes_its_connection() {
    let (listener, address) = listen().await;
    let (call, mut events) = dial(
        &format!("ws://{address}"),
        Credential::Key("key".into()),
        connector(),
    );
    let (stream, _) = listener.accept().await.unwrap();
    let (mut socket, _) = upgrade(stream, Some("realtime")).await;
    socket.send(Message::text(SESSION)).await.unwrap();
    live(&mut events).await;
    drop(call);
    let closed = async { while let Some(Ok(_)) = socket.next().await {} };
    timeout(PATIENCE, closed)
        .await
        .expect("the connection ends");
}

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
    let (listener, address) = listen().await;
    let url = address.replace("127.0.0.1", "wss://localhost");
    let (acceptor, trusting) = tls();

    let key = || Credential::Key("key".into());
    let (_call, mut events) = dial(&url, key(), connector());
    let (stream, _) = listener.accept().await.unwrap();
    assert!(
        acceptor.accept(stream).await.is_err(),
        "the client goes before it says anything"
    );
    let end = ended(&mut events).await;
    assert!(
        matches!(end, End::Failed(Failure::Untrusted { .. })),
        "{end:?}"
    );

    let (_call, mut events) = dial(&url, key(), Connector::with_tls(trusting));
    let (stream, _) = listener.accept().await.unwrap();
    let stream = acceptor.accept(stream).await.unwrap();
    let (mut socket, _) = upgrade(stream, Some("realtime")).await;
    socket.send(Message::text(SESSION)).await.unwrap();
    live(&mut events).await;
}

#[tokio::test]
async fn nothing_at_the_address_and_no_such_name_are_told_apart() {
    let (listener, address) = listen().await;
    drop(listener);
    let key = || Credential::Key("key".into());
    let (_call, mut events) = dial(&format!("ws://{address}"), key(), connector());
    let end = ended(&mut events).await;
    assert!(
        matches!(end, End::Failed(Failure::Unreachable { .. })),
        "{end:?}"
    );
    let (_call, mut events) = dial("ws://no-such-host.invalid", key(), connector());
    assert_eq!(ended(&mut events).await, End::Failed(Failure::HostUnknown));
}
