//! A bridge that does what the test says, and a caller who notes what the call says.

use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use offhook_client::proto::client::{self, Back, End, State};
use offhook_client::{Call, Config, Connector, Credential, Endpoint, Event};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::peer::Peer;

const PATIENCE: Duration = Duration::from_secs(20);

/// What `work` comes to, which must not take for ever.
pub(crate) async fn soon<T>(work: impl Future<Output = T>) -> T {
    timeout(PATIENCE, work).await.expect("in time")
}

/// Takes connections one after the other, for tokens and for sessions.
pub(crate) struct Bridge {
    listener: TcpListener,
    pub(crate) address: String,
    given: AtomicU32,
}

/// A request for a token that was not answered yet.
pub(crate) struct Asked {
    stream: TcpStream,
    pub(crate) request: String,
    /// The session it is for.
    pub(crate) session: Option<String>,
}

impl Bridge {
    pub(crate) async fn start() -> Self {
        Self::start_at("127.0.0.1:0").await
    }

    pub(crate) async fn start_at(address: &str) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        Self {
            listener,
            address,
            given: AtomicU32::new(0),
        }
    }

    /// A call to this bridge.
    pub(crate) fn call(&self) -> Caller {
        self.call_with(client::Config::default())
    }

    pub(crate) fn call_with(&self, session: client::Config) -> Caller {
        let credential = Credential::Mint {
            access_token: Some("canary-access".into()),
        };
        dial(&format!("http://{}", self.address), credential, session)
    }

    /// A call to this bridge as to an OpenAI-compatible server.
    pub(crate) fn call_with_key(&self, session: client::Config) -> Caller {
        let key = Credential::Key("canary-key".into());
        dial(&format!("ws://{}", self.address), key, session)
    }

    pub(crate) async fn accept(&self) -> TcpStream {
        soon(self.listener.accept()).await.unwrap().0
    }

    /// Reads a request for a token.
    pub(crate) async fn asked(&self) -> Asked {
        let mut stream = self.accept().await;
        let request = soon(read_request(&mut stream)).await;
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        assert!(
            head.starts_with("POST /v1/realtime/client_secrets HTTP/1.1"),
            "{head}"
        );
        let body: Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["session"]["model"], "test");
        assert_eq!(body["session"]["agent"], "test");
        let session = body["session"]["id"].as_str().map(str::to_owned);
        Asked {
            stream,
            request,
            session,
        }
    }

    /// Gives a token that nobody was given before.
    pub(crate) async fn give(&self, asked: Asked) -> String {
        let token = format!("ek_canary_{}", self.given.fetch_add(1, Ordering::Relaxed));
        asked
            .answer("200 OK", "", &format!(r#"{{"value":"{token}"}}"#))
            .await;
        token
    }

    /// An attempt with a token of its own, both for the same session.
    pub(crate) async fn attempt(&self, protocol: Option<&'static str>) -> Peer {
        let asked = self.asked().await;
        let session = asked.session.clone();
        let token = self.give(asked).await;
        let peer = self.upgrade(protocol).await;
        assert_eq!(peer.bearer(), token);
        assert_eq!(peer.session(), session);
        peer
    }

    pub(crate) async fn upgrade(&self, protocol: Option<&'static str>) -> Peer {
        Peer::accept(self.accept().await, protocol).await
    }

    /// That nobody dials.
    pub(crate) fn assert_quiet(&self) {
        let accepted = self.listener.accept().now_or_never();
        assert!(accepted.is_none(), "one dial too many");
    }
}

impl Asked {
    pub(crate) async fn answer(mut self, status: &str, headers: &str, body: &str) {
        let answer = http(status, headers, body);
        self.stream.write_all(answer.as_bytes()).await.unwrap();
    }
}

/// An HTTP response.
pub(crate) fn http(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n{body}")
}

/// Reads a request and its body, if that is JSON.
pub(crate) async fn read_request(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&request);
        if let Some((head, body)) = text.split_once("\r\n\r\n")
            && (head.starts_with("GET") || body.ends_with('}'))
        {
            return text.into_owned();
        }
        let mut part = vec![0; 4096];
        let count = stream.read(&mut part).await.unwrap();
        assert!(count > 0, "it ends after {text:?}");
        request.extend_from_slice(&part[..count]);
    }
}

pub(crate) fn connector() -> Connector {
    Connector::new().expect("the machine has a certificate store")
}

pub(crate) fn dial(url: &str, credential: Credential, session: client::Config) -> Caller {
    dial_through(connector(), url, credential, session)
}

pub(crate) fn dial_through(
    connector: Connector,
    url: &str,
    credential: Credential,
    session: client::Config,
) -> Caller {
    let (call, events) = Call::start(Config {
        connector,
        endpoint: Endpoint::new(url, credential).unwrap(),
        agent: "test".to_owned(),
        session,
    });
    Caller { call, events }
}

pub(crate) struct Caller {
    pub(crate) call: Call,
    pub(crate) events: mpsc::Receiver<Event>,
}

impl Caller {
    /// What `wanted` makes of the first event that it wants.
    pub(crate) async fn until<T>(&mut self, mut wanted: impl FnMut(Event) -> Option<T>) -> T {
        let look = async {
            loop {
                let event = self.events.recv().await.expect("not the end");
                let said = format!("{event:?}");
                if let Some(found) = wanted(event) {
                    return found;
                }
                assert!(!said.contains("Ended"), "{said}");
            }
        };
        soon(look).await
    }

    pub(crate) async fn state<T>(&mut self, mut wanted: impl FnMut(&State) -> Option<T>) -> T {
        self.until(|event| match event {
            Event::State { state, .. } => wanted(&state),
            _ => None,
        })
        .await
    }

    pub(crate) async fn live(&mut self) {
        self.state(|state| matches!(state, State::Live { .. }).then_some(()))
            .await;
    }

    pub(crate) async fn back(&mut self) -> Back {
        self.until(|event| match event {
            Event::Back(back) => Some(back),
            _ => None,
        })
        .await
    }

    pub(crate) async fn ended(&mut self) -> End {
        self.state(|state| match state {
            State::Ended(end) => Some(end.clone()),
            _ => None,
        })
        .await
    }
}
