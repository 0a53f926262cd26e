//! Addresses that do not answer, and steps that never end, on real sockets.
#![allow(clippy::unwrap_used, reason = "a test's helper may fail the test")]

use std::net::SocketAddr;
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::*;
use crate::clock::Clock;
use crate::endpoint::{Credential, Endpoint};
use crate::mint::{Order, mint};
use crate::token::Token;
use crate::upgrade::{Wanted, upgrade};

/// Longer than an address's head start, far shorter than any other limit.
const SOON: Duration = Duration::from_secs(2);
const SHORT: Duration = Duration::from_millis(200);

fn connector() -> Connector {
    Connector::new().expect("there is a store").without_proxy()
}

/// A connector to which every name means `addresses`.
fn knowing(addresses: Vec<SocketAddr>) -> Connector {
    connector().with_names(Names::new(move |_, _| {
        let addresses = addresses.clone();
        async move { Ok(addresses) }
    }))
}

fn endpoint(url: &str) -> Endpoint {
    Endpoint::new(url, Credential::Mint { access_token: None }).expect("an address")
}

/// An address whose packets go nowhere: its listener's queue is full, so that Linux drops what asks
/// for more.
struct BlackHole {
    address: SocketAddr,
    _listener: Socket,
    _queued: Vec<Socket>,
}

impl BlackHole {
    fn dig(host: &str) -> Self {
        let any: SocketAddr = host.parse().unwrap();
        let listener = Socket::new(Domain::for_address(any), Type::STREAM, None).unwrap();
        listener.bind(&any.into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        let fill = || {
            let socket = Socket::new(Domain::for_address(any), Type::STREAM, None).unwrap();
            socket.set_nonblocking(true).unwrap();
            let _ = socket.connect(&address.into());
            socket
        };
        let queued = std::iter::repeat_with(fill).take(4).collect();
        Self {
            address,
            _listener: listener,
            _queued: queued,
        }
    }
}

async fn listen(host: &str) -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind(host).await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// How long it takes to connect to the first of `addresses` that answers.
async fn time_to_connect(addresses: Vec<SocketAddr>) -> Duration {
    let connector = knowing(addresses);
    let clock = Clock::start();
    let connected = connector
        .connect(endpoint("ws://bridge.example").origin())
        .await;
    connected.map(drop).expect("one of them answers");
    clock.now().since_start()
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn an_address_that_does_not_answer_costs_a_quarter_of_a_second() {
    let (_listener, good) = listen("127.0.0.1:0").await;
    let (_listener, good_v6) = listen("[::1]:0").await;
    let holes = [BlackHole::dig("[::1]:0"), BlackHole::dig("127.0.0.1:0")];
    let [black_v6, black_v4] = [holes[0].address, holes[1].address];
    for addresses in [
        vec![black_v6, good],
        vec![black_v4, good_v6],
        vec![black_v4, good],
        // By turns: the other family comes second.
        vec![black_v6, black_v6, black_v6, good],
    ] {
        let took = time_to_connect(addresses.clone()).await;
        let once = Duration::from_millis(240)..Duration::from_millis(1000);
        assert!(once.contains(&took), "{took:?} for {addresses:?}");
    }
}

#[tokio::test]
async fn an_address_that_refuses_costs_nothing() {
    let (listener, gone) = listen("127.0.0.1:0").await;
    drop(listener);
    let (_listener, good) = listen("127.0.0.1:0").await;
    let took = time_to_connect(vec![gone, gone, gone, good]).await;
    assert!(took < Duration::from_millis(600), "{took:?}");

    let connector = knowing(vec![gone, gone]);
    let connected = connector
        .connect(endpoint("ws://bridge.example").origin())
        .await;
    let said = unreachable_detail(connected.map(drop));
    assert_eq!(
        said.matches("refused").count(),
        1,
        "each thing once: {said}"
    );
}

#[tokio::test]
async fn a_connection_is_made_for_speech() {
    let (_listener, good) = listen("127.0.0.1:0").await;
    let names = Names::system();
    let dialled = dial(&names, "127.0.0.1", good.port(), &Limits::default()).await;
    let tcp: TcpStream = dialled.expect("it listens");
    assert!(tcp.nodelay().unwrap());
    let socket = SockRef::from(&tcp);
    assert!(socket.keepalive().unwrap());
    #[cfg(target_os = "linux")]
    assert_eq!(
        socket.tcp_user_timeout().unwrap(),
        Some(Duration::from_secs(10))
    );
}

const fn wanted(token: &Token) -> Wanted<'_> {
    Wanted {
        token,
        agent: "test",
        session: None,
        max_message_bytes: 1 << 20,
    }
}

fn unreachable_detail(outcome: Result<(), Failure>) -> String {
    match outcome {
        Err(Failure::Unreachable { detail }) => detail,
        other => panic!("{other:?}"),
    }
}

/// What is said when `work` reaches the end of its patience.
async fn gives_up(work: impl Future<Output = Result<(), Failure>>) -> String {
    let outcome = tokio::time::timeout(SOON, work).await;
    unreachable_detail(outcome.expect("the step has a limit"))
}

#[tokio::test]
async fn a_name_that_is_never_found_is_named() {
    let connector = connector()
        .with_names(Names::new(|_, _| std::future::pending()))
        .with_limits(Limits {
            lookup: SHORT,
            ..Limits::default()
        });
    let endpoint = endpoint("ws://bridge.example");
    let said = gives_up(async { connector.connect(endpoint.origin()).await.map(drop) }).await;
    assert_eq!(said, "looking up its name took longer than 200ms");
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn connecting_is_given_up_by_address_and_in_all() {
    let hole = BlackHole::dig("127.0.0.1:0");
    let endpoint = endpoint("ws://bridge.example");
    for limits in [
        Limits {
            attempt: SHORT,
            ..Limits::default()
        },
        Limits {
            dial: SHORT,
            ..Limits::default()
        },
    ] {
        let connector = knowing(vec![hole.address]).with_limits(limits);
        let said = gives_up(async { connector.connect(endpoint.origin()).await.map(drop) }).await;
        assert_eq!(said, "connecting took longer than 200ms");
    }
}

/// A server that accepts, reads and never says a word, but tells when a client has gone.
async fn silent() -> (SocketAddr, mpsc::UnboundedReceiver<()>) {
    let (listener, address) = listen("127.0.0.1:0").await;
    let (sender, gone) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let sender = sender.clone();
            tokio::spawn(async move {
                while let Ok(1..) = stream.read(&mut [0; 64]).await {}
                sender.send(())
            });
        }
    });
    (address, gone)
}

#[tokio::test]
async fn each_step_that_gets_no_answer_is_named() {
    let (address, mut gone) = silent().await;
    let limits = Limits {
        proxy: SHORT,
        tls: SHORT,
        answer: SHORT,
        ..Limits::default()
    };
    let connector = connector().with_limits(limits);

    let secure = endpoint(&format!("wss://{address}"));
    let said = gives_up(async { connector.connect(secure.origin()).await.map(drop) }).await;
    assert_eq!(said, "the TLS handshake took longer than 200ms");

    let plain = endpoint(&format!("ws://{address}"));
    let token = Token {
        value: "token".into(),
        expires_in: None,
        prover: None,
    };
    let said = gives_up(async { upgrade(&connector, &plain, wanted(&token)).await.map(drop) });
    assert_eq!(
        said.await,
        "the answer to the upgrade took longer than 200ms"
    );

    let order = Order {
        access_token: None,
        bound: false,
        prover: None,
        agent: "test",
        session: None,
        reusable: false,
    };
    let said = gives_up(async { mint(&connector, &plain, order).await.map(drop) }).await;
    assert_eq!(said, "the token service's answer took longer than 200ms");

    for kind in ["http", "socks5"] {
        let proxy = Proxy::new(&format!("{kind}://{address}").into()).unwrap();
        let connector = connector.clone().with_proxy(proxy);
        let said = gives_up(async { connector.connect(plain.origin()).await.map(drop) }).await;
        assert_eq!(
            said,
            format!("the proxy {address}: its answer to CONNECT took longer than 200ms")
        );
    }
    for _ in 0..5 {
        let gone = tokio::time::timeout(SOON, gone.recv()).await;
        gone.expect("what is given up is closed");
    }
}

#[tokio::test]
async fn a_server_that_hangs_up_is_unreachable_whatever_it_speaks() {
    let (listener, address) = listen("127.0.0.1:0").await;
    // An orderly end before the request, and a reset after it.
    let hang_up = async {
        for step in ["mint", "upgrade", "proxy"] {
            for reset in [false, true] {
                let (mut stream, _) = listener.accept().await.expect(step);
                if reset {
                    let count = stream.read(&mut [0; 16]).await.expect(step);
                    assert!(count > 0, "{step}");
                }
            }
        }
    };
    let plain = endpoint(&format!("ws://{address}"));
    let proxy = Proxy::new(&format!("http://{address}").into()).unwrap();
    let order = Order {
        access_token: None,
        bound: false,
        prover: None,
        agent: "test",
        session: None,
        reusable: false,
    };
    let connector = connector();
    let come_up = async {
        for _ in 0..2 {
            let minted = mint(&connector, &plain, order).await.map(drop);
            unreachable_detail(minted);
        }
        for _ in 0..2 {
            let token = Token {
                value: "token".into(),
                expires_in: None,
                prover: None,
            };
            let upgraded = upgrade(&connector, &plain, wanted(&token)).await;
            unreachable_detail(upgraded.map(drop));
        }
        let connector = connector.clone().with_proxy(proxy.clone());
        for _ in 0..2 {
            let said = unreachable_detail(connector.connect(plain.origin()).await.map(drop));
            assert!(said.starts_with(&format!("the proxy {proxy}: ")), "{said}");
        }
    };
    let both = async { tokio::join!(hang_up, come_up) };
    tokio::time::timeout(SOON, both).await.expect("it ends");
}
