//! Tokens and upgrades through real proxies: tinyproxy and microsocks.
#![allow(clippy::unwrap_used, reason = "a test's helper may fail the test")]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::Stdio;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::time::{interval, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::accept_hdr_async;
use tokio_tungstenite::tungstenite::handshake::server;

use super::*;
use crate::connect::Connector;
use crate::endpoint::{Credential, Endpoint};
use crate::mint::{Order, mint};
use crate::token::Token;
use crate::upgrade::{Wanted, upgrade};

const PATIENCE: Duration = Duration::from_secs(20);
/// Where the proxies connect from, so that the server can tell them from the client.
const PROXY: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

/// A proxy of somebody else's make, ended with the test.
struct Running {
    address: SocketAddr,
    _child: Child,
}

impl Running {
    async fn tinyproxy(login: &str) -> Self {
        let address = free();
        let port = address.port();
        let config = format!("Port {port}\nListen 127.0.0.1\nBind {PROXY}\n{login}\n");
        let mut tinyproxy = Command::new("tinyproxy");
        tinyproxy.args(["-d", "-c", "/dev/stdin"]);
        Self::start(tinyproxy, address, &config).await
    }

    async fn microsocks(login: &[&str]) -> Self {
        let address = free();
        let mut microsocks = Command::new("microsocks");
        microsocks
            .args(["-i", "127.0.0.1", "-p", &address.port().to_string()])
            .args(["-b", &PROXY.to_string()])
            .args(login);
        Self::start(microsocks, address, "").await
    }

    async fn start(mut program: Command, address: SocketAddr, input: &str) -> Self {
        let mut child = program
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("it is installed by `cargo xtask test`");
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input.as_bytes()).await.unwrap();
        drop(stdin);
        let listens = async {
            let mut tries = interval(Duration::from_millis(20));
            while TcpStream::connect(address).await.is_err() {
                tries.tick().await;
            }
        };
        timeout(PATIENCE, listens).await.expect("it listens");
        Self {
            address,
            _child: child,
        }
    }

    fn proxy(&self, scheme: &str, login: &str) -> Proxy {
        let Self { address, .. } = self;
        Proxy::new(&format!("{scheme}://{login}{address}").into()).unwrap()
    }
}

/// An address at which nothing listens.
fn free() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// A TLS server for this machine, and a client that trusts it.
static TLS: LazyLock<(TlsAcceptor, Arc<ClientConfig>)> = LazyLock::new(|| {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
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
});

/// A bridge that gives one token and takes one upgrade, from a proxy only.
async fn bridge(listener: TcpListener, acceptor: Option<TlsAcceptor>) {
    let accept = async || {
        let (tcp, peer) = listener.accept().await.unwrap();
        assert_eq!(peer.ip(), PROXY, "nobody goes round the proxy");
        let stream: Box<dyn Stream> = match &acceptor {
            Some(acceptor) => Box::new(acceptor.accept(tcp).await.unwrap()),
            None => Box::new(tcp),
        };
        stream
    };
    let mut stream = accept().await;
    let request = read_until(&mut stream, "}").await;
    assert!(request.starts_with("POST /v1/realtime/client_secrets HTTP/1.1"));
    assert!(!request.to_lowercase().contains("proxy-"), "{request}");
    let body = r#"{"value":"ek_canary"}"#;
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(answer.as_bytes()).await.unwrap();
    accept_hdr_async(accept().await, select)
        .await
        .expect("an upgrade");
}

#[expect(clippy::result_large_err, reason = "the library's signature")]
fn select(
    _: &server::Request,
    mut response: server::Response,
) -> Result<server::Response, server::ErrorResponse> {
    let headers = response.headers_mut();
    headers.insert(
        header::SEC_WEBSOCKET_PROTOCOL,
        HeaderValue::from_static("realtime"),
    );
    Ok(response)
}

async fn read_until(stream: &mut (impl Stream + ?Sized), end: &str) -> String {
    let mut text = String::new();
    while !text.ends_with(end) {
        let mut part = [0; 1024];
        let count = stream.read(&mut part).await.unwrap();
        assert!(count > 0, "it ends after {text:?}");
        text.push_str(std::str::from_utf8(&part[..count]).unwrap());
    }
    text
}

fn endpoint(url: &str) -> Endpoint {
    Endpoint::new(url, Credential::Mint { access_token: None }).expect("an address")
}

/// Buys a token and shows it.
async fn come_up(connector: &Connector, endpoint: &Endpoint) -> Result<(), Failure> {
    let order = Order {
        access_token: None,
        bound: false,
        prover: None,
        agent: "test",
        session: None,
        reusable: false,
    };
    let token = Token {
        value: mint(connector, endpoint, order).await?.value,
        expires_in: None,
        prover: None,
    };
    let wanted = Wanted {
        token: &token,
        agent: "test",
        session: None,
        max_message_bytes: 1 << 20,
    };
    upgrade(connector, endpoint, wanted).await.map(drop)
}

async fn come_up_through(proxy: Proxy) {
    let (acceptor, trusting) = TLS.clone();
    let connector = Connector::with_tls(trusting).with_proxy(proxy);
    for (scheme, acceptor) in [("ws", None), ("wss", Some(acceptor))] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let bridge = tokio::spawn(bridge(listener, acceptor));
        let endpoint = endpoint(&format!("{scheme}://{address}"));
        let up = timeout(PATIENCE, come_up(&connector, &endpoint)).await;
        up.expect("in time").expect(scheme);
        bridge.await.expect("the bridge saw what it should");
    }
}

#[tokio::test]
async fn a_proxy_leads_to_tokens_and_upgrades_plain_and_encrypted() {
    let open = Running::tinyproxy("").await;
    come_up_through(open.proxy("http", "")).await;
    let closed = Running::tinyproxy("BasicAuth me canary").await;
    come_up_through(closed.proxy("http", "me:canary@")).await;
}

#[tokio::test]
async fn a_proxy_may_be_reached_by_tls() {
    let closed = Running::tinyproxy("BasicAuth me canary").await;
    let front = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let name = format!("https://me:canary@{}", front.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((tcp, _)) = front.accept().await {
            let mut outer = TLS.0.accept(tcp).await.unwrap();
            let mut inner = TcpStream::connect(closed.address).await.unwrap();
            tokio::spawn(async move { copy_bidirectional(&mut outer, &mut inner).await });
        }
    });
    come_up_through(Proxy::new(&name.into()).unwrap()).await;
}

#[tokio::test]
async fn so_does_a_socks_proxy() {
    let open = Running::microsocks(&[]).await;
    come_up_through(open.proxy("socks5", "")).await;
    let closed = Running::microsocks(&["-u", "me", "-P", "canary"]).await;
    come_up_through(closed.proxy("socks5h", "me:canary@")).await;
}

/// What fails at a server that must never be reached.
async fn failure(proxy: &Proxy) -> Failure {
    let connector = Connector::new().unwrap().with_proxy(proxy.clone());
    let endpoint = endpoint(&format!("ws://{}", free()));
    let up = timeout(PATIENCE, come_up(&connector, &endpoint)).await;
    up.expect("in time").expect_err("nobody is there")
}

#[tokio::test]
async fn a_proxy_that_wants_a_password_says_so() {
    let closed = Running::tinyproxy("BasicAuth me canary").await;
    for (login, detail) in [
        ("", "the proxy wants a user name and password"),
        (
            "me:wrong@",
            "the proxy wants a user name and password, but not those that were given",
        ),
    ] {
        let refused = Failure::Refused {
            status: 407,
            retry_after: None,
            detail: format!("{detail} ({})", closed.address),
        };
        assert_eq!(failure(&closed.proxy("http", login)).await, refused);
    }
    let closed = Running::microsocks(&["-u", "me", "-P", "canary"]).await;
    let failure = failure(&closed.proxy("socks5", "me:wrong@")).await;
    let Failure::Unreachable { detail } = failure else {
        panic!("{failure:?}");
    };
    assert!(detail.contains("credentials not accepted"), "{detail}");
}

#[tokio::test]
async fn what_fails_at_the_proxy_is_not_blamed_on_the_server() {
    let open = Running::tinyproxy("").await;
    let gone = Proxy::new(&format!("http://{}", free()).into()).unwrap();
    let unknown = Proxy::new(&"http://no-such-proxy.invalid:3128".into()).unwrap();
    for (proxy, what) in [
        (open.proxy("http", ""), "it does not connect to 127.0.0.1:"),
        (gone, "Connection refused"),
        (unknown, "its name cannot be found"),
    ] {
        let failure = failure(&proxy).await;
        let Failure::Unreachable { detail } = failure else {
            panic!("{failure:?}");
        };
        assert!(
            detail.starts_with(&format!("the proxy {proxy}: ")),
            "{detail}"
        );
        assert!(detail.contains(what), "{detail}");
    }
}

/// Lets a process with `variables` try to reach `url`, and says what it printed and what it asked a
/// proxy for that refuses.
async fn with_environment(variables: &[(&str, &str)], url: &str) -> (String, Option<String>) {
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = proxy.local_addr().unwrap().to_string();
    let mut child = Command::new(std::env::current_exe().unwrap());
    for name in ["ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"] {
        child.env_remove(name).env_remove(name.to_lowercase());
    }
    for (name, value) in variables {
        child.env(name, value.replace("PROXY", &address));
    }
    child
        .env("URL", url)
        .args(["--exact", "tunnel::tests::child_comes_up"])
        .args(["--ignored", "--nocapture"])
        .kill_on_drop(true);
    let output = child.output();
    tokio::pin!(output);
    let work = async {
        tokio::select! {
            output = &mut output => (output, None),
            accepted = proxy.accept() => {
                let (mut stream, _) = accepted.unwrap();
                let request = read_until(&mut stream, "\r\n\r\n").await;
                let refusal = b"HTTP/1.1 407 No\r\ncontent-length: 0\r\n\r\n";
                stream.write_all(refusal).await.unwrap();
                (output.await, Some(request))
            }
        }
    };
    let (output, request) = timeout(PATIENCE, work).await.expect("in time");
    let printed = String::from_utf8(output.unwrap().stdout).unwrap();
    (printed, request)
}

#[tokio::test]
#[ignore = "run by another test, with an environment of its own"]
async fn child_comes_up() {
    let Ok(url) = std::env::var("URL") else {
        return;
    };
    let connector = Connector::new().expect("there is a store");
    println!("{:?}", come_up(&connector, &endpoint(&url)).await);
}

#[tokio::test]
async fn the_environment_names_proxies_in_both_cases() {
    for (name, url, authority) in [
        ("HTTPS_PROXY", "wss://bridge.invalid", "bridge.invalid:443"),
        ("https_proxy", "wss://bridge.invalid", "bridge.invalid:443"),
        ("HTTP_PROXY", "ws://bridge.invalid", "bridge.invalid:80"),
        (
            "http_proxy",
            "ws://bridge.invalid:8084",
            "bridge.invalid:8084",
        ),
        ("ALL_PROXY", "ws://[2001:db8::1]:8084", "[2001:db8::1]:8084"),
        ("all_proxy", "wss://10.255.0.1", "10.255.0.1:443"),
    ] {
        let variables = [(name, "http://me:canary@PROXY")];
        let (printed, request) = with_environment(&variables, url).await;
        let request = request.unwrap_or_else(|| panic!("{name}: {printed}"));
        let expected = format!("CONNECT {authority} HTTP/1.1\r\nhost: {authority}\r\n");
        assert!(request.starts_with(&expected), "{request}");
        assert!(request.contains("proxy-authorization: Basic bWU6Y2FuYXJ5\r\n"));
        assert!(
            printed.contains("but not those that were given"),
            "{printed}"
        );
        assert!(!printed.contains("canary"), "{printed}");
    }
}

#[tokio::test]
async fn exceptions_this_machine_and_other_schemes_go_without() {
    let here = free();
    for (variables, url, failure) in [
        (
            [
                ("HTTPS_PROXY", "http://PROXY"),
                ("NO_PROXY", "bridge.invalid"),
            ],
            "wss://bridge.invalid".to_owned(),
            "HostUnknown",
        ),
        (
            [
                ("HTTPS_PROXY", "http://PROXY"),
                ("HTTP_PROXY", "not an address"),
            ],
            "ws://bridge.invalid".to_owned(),
            "HostUnknown",
        ),
        (
            [
                ("ALL_PROXY", "http://PROXY"),
                ("HTTP_PROXY", "http://PROXY"),
            ],
            format!("ws://{here}"),
            "Connection refused",
        ),
    ] {
        let (printed, request) = with_environment(&variables, &url).await;
        assert_eq!(request, None, "{url}");
        assert!(printed.contains(failure), "{printed}");
    }
}
