//! A bridge on a free port, and a client without any comfort.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use offhook_bridge::{Access, Bridge, Certificate, Config, Sessions};
use offhook_proto::Close;
use offhook_proto::wire::{decode_pcm16, encode_pcm16};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::{WebSocketStream, client_async};

/// The access token of the bridge under test.
pub(crate) const KEY: &str = "the-access-token";
/// Nothing here takes longer unless it hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running bridge.
pub(crate) struct Rig {
    pub(crate) address: SocketAddr,
    pub(crate) sessions: Sessions,
    /// Where the operator asks, if anywhere.
    pub(crate) admin: Option<SocketAddr>,
    pub(crate) certificate: Option<Certificate>,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

impl Rig {
    /// A bridge with an access token that waits for nobody when it stops; otherwise as `change` has
    /// it.
    pub(crate) async fn start(change: impl FnOnce(&mut Config)) -> Self {
        let listen = "127.0.0.1:0".parse().unwrap();
        let mut config = Config::new(listen, Access::Token(KEY.into()));
        config.drain = Duration::ZERO;
        change(&mut config);
        let bridge = Bridge::new(config).unwrap();
        let listener = bridge.bind().await.unwrap();
        let address = listener.local_addr().unwrap();
        let admin = bridge.bind_admin().await.unwrap();
        let (sessions, certificate) = (bridge.sessions(), bridge.certificate());
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(async move {
            let shutdown = async move { drop(stopped.await) };
            bridge.serve(listener, shutdown).await.unwrap();
        });
        Self {
            address,
            sessions,
            admin,
            certificate,
            stop,
            served,
        }
    }

    pub(crate) async fn stop(self) {
        drop(self.stop);
        in_time(self.served).await.unwrap();
    }

    /// Ready when the bridge has stopped by itself.
    pub(crate) async fn ended(self) {
        in_time(self.served).await.unwrap();
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.address)
    }
}

/// What knows a bridge's address.
pub(crate) struct Client {
    address: SocketAddr,
    http: reqwest::Client,
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self::from(address, None)
    }

    /// One that sends its requests from an address of this machine's.
    pub(crate) fn from(address: SocketAddr, own: Option<IpAddr>) -> Self {
        // Another test of this process may have been first.
        drop(rustls::crypto::ring::default_provider().install_default());
        Self {
            address,
            http: reqwest::Client::builder()
                .no_proxy()
                .local_address(own)
                .build()
                .unwrap(),
        }
    }

    /// The bridge's address, as its clients write it.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn mint(&self) -> RequestBuilder {
        let url = format!("http://{}/v1/realtime/client_secrets", self.address);
        self.http.post(url)
    }

    /// A token of the usual kind.
    pub(crate) async fn token(&self) -> String {
        self.token_of(json!({})).await
    }

    /// A token for a session that is there, or was.
    pub(crate) async fn token_for(&self, session: &str) -> String {
        self.token_of(json!({ "session": { "id": session } })).await
    }

    /// A token as the body has it.
    pub(crate) async fn token_of(&self, body: Value) -> String {
        let (status, body) = answer(self.mint().bearer_auth(KEY).json(&body)).await;
        assert_eq!(status, 200, "{body}");
        body["value"].as_str().unwrap().to_owned()
    }

    /// Ready when the bridge has so many sessions.
    pub(crate) async fn has_sessions(&self, count: u64) {
        in_time(async {
            while answer(self.get("/healthz")).await.1["sessions"] != count {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("http://{}{path}", self.address);
        self.http.request(method, url)
    }

    /// A request for an upgrade, as what it is answered with is of interest.
    pub(crate) fn upgrade(&self, path: &str) -> RequestBuilder {
        self.get(path)
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
    }

    /// A call with these headers besides the usual ones.
    pub(crate) async fn call(&self, headers: &[(&'static str, &str)]) -> Call {
        self.call_at("", headers).await
    }

    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.http.post(format!("http://{}{path}", self.address))
    }

    /// The same, with a query.
    pub(crate) async fn call_at(&self, query: &str, headers: &[(&'static str, &str)]) -> Call {
        self.socket(&format!("/v1/realtime{query}"), headers).await
    }

    /// A WebSocket at this path.
    pub(crate) async fn socket(&self, path: &str, headers: &[(&'static str, &str)]) -> Call {
        let url = format!("ws://{}{path}", self.address);
        let mut request = url.into_client_request().unwrap();
        for (name, value) in headers {
            let value = HeaderValue::from_str(value).unwrap();
            request
                .headers_mut()
                .insert(HeaderName::from_static(name), value);
        }
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (socket, response) = client_async(request, stream).await.unwrap();
        let selected = response.headers().get("sec-websocket-protocol");
        Call {
            socket,
            selected: selected.map(|name| name.to_str().unwrap().to_owned()),
        }
    }

    /// A call in plain mode.
    pub(crate) async fn plain_call(&self) -> Call {
        let mut call = self
            .call(&[("authorization", &format!("Bearer {KEY}"))])
            .await;
        assert_eq!(call.event().await["type"], "session.created");
        call
    }
}

/// A request's status and JSON body.
pub(crate) async fn answer(request: RequestBuilder) -> (u16, Value) {
    let response = in_time(request.send()).await.unwrap();
    let status = response.status().as_u16();
    let body = response.bytes().await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

/// An open call.
pub(crate) struct Call {
    pub(crate) socket: WebSocketStream<TcpStream>,
    pub(crate) selected: Option<String>,
}

impl Call {
    pub(crate) async fn send(&mut self, event: &Value) {
        self.send_text(event.to_string()).await;
    }

    pub(crate) async fn send_text(&mut self, text: String) {
        self.socket.send(Message::Text(text.into())).await.unwrap();
    }

    pub(crate) async fn append(&mut self, samples: &[i16]) {
        let audio = encode_pcm16(samples);
        self.send(&json!({ "type": "input_audio_buffer.append", "audio": audio }))
            .await;
    }

    /// The next event.
    pub(crate) async fn event(&mut self) -> Value {
        in_time(self.next_event()).await
    }

    /// Events up to the first of this type, with it.
    pub(crate) async fn events_until(&mut self, kind: &str) -> Vec<Value> {
        let mut events = Vec::new();
        in_time(async {
            loop {
                let event = self.next_event().await;
                let last = event["type"] == kind;
                events.push(event);
                if last {
                    break;
                }
            }
        })
        .await;
        events
    }

    /// The close frame, whatever comes before it.
    pub(crate) async fn close(&mut self) -> Close {
        in_time(async {
            loop {
                if let Message::Close(frame) = self.next().await {
                    let frame = frame.unwrap();
                    return Close::new(frame.code.into(), &frame.reason);
                }
            }
        })
        .await
    }

    async fn next_event(&mut self) -> Value {
        loop {
            match self.next().await {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// The next message, be it text or binary.
    pub(crate) async fn message(&mut self) -> Message {
        in_time(self.next()).await
    }

    async fn next(&mut self) -> Message {
        self.socket.next().await.unwrap().unwrap()
    }
}

/// What `future` comes to, or a failure if it hangs.
pub(crate) async fn in_time<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.expect("the bridge hangs")
}

/// The types of events, with runs of deltas as one.
pub(crate) fn kinds(events: &[Value]) -> Vec<&str> {
    let mut kinds: Vec<_> = events
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .map(|kind| {
            if kind.ends_with(".delta") {
                "deltas"
            } else {
                kind
            }
        })
        .collect();
    kinds.dedup();
    kinds
}

/// The agent's voice in events.
pub(crate) fn audio(events: &[Value]) -> Vec<i16> {
    events
        .iter()
        .filter(|event| event["type"] == "response.output_audio.delta")
        .flat_map(|event| decode_pcm16(event["delta"].as_str().unwrap()).unwrap())
        .collect()
}

/// A sentence, with a second of quiet before and after it.
pub(crate) fn speech() -> Vec<i16> {
    let mut samples = vec![0; 24_000];
    samples.extend(recorded("nothing_heard"));
    samples.resize(samples.len() + 24_000, 0);
    samples
}

/// One of the built-in agent's prompts, at 24 kHz.
pub(crate) fn recorded(name: &str) -> Vec<i16> {
    let path = format!("{}/assets/{name}.wav", env!("CARGO_MANIFEST_DIR"));
    let mut reader = hound::WavReader::open(path).unwrap();
    reader.samples::<i16>().map(Result::unwrap).collect()
}
