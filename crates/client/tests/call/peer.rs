//! The far end of one connection, by hand: what it says is written out, what it hears is looked at.

use futures_util::{SinkExt, StreamExt};
use offhook_client::proto::wire::binary::{Flags, Frame, Kind};
use offhook_client::proto::wire::decode_pcm16;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};

use crate::rig::{Caller, soon};

pub(crate) const V1: Option<&str> = Some("offhook.v1");
pub(crate) const BINARY: Option<&str> = Some("offhook.v1.bin");
pub(crate) const PLAIN: Option<&str> = Some("realtime");

pub(crate) struct Peer {
    pub(crate) socket: WebSocketStream<TcpStream>,
    pub(crate) request: Request,
    /// Of the last event that counts.
    pub(crate) seq: u64,
}

/// What a client sent, but for pings and acknowledgements.
#[derive(Debug, PartialEq)]
pub(crate) enum Heard {
    Event(Value),
    Audio {
        /// 0 in plain mode.
        seq: u64,
        samples: Vec<i16>,
    },
    Closed(u16),
    /// Without a close frame.
    Gone,
}

/// Upgrades with `protocol` selected, and returns the request as it came.
#[expect(clippy::result_large_err, reason = "the library's signature")]
pub(crate) async fn upgrade<S: AsyncRead + AsyncWrite + Unpin>(
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
    let socket = soon(accept_hdr_async(stream, callback)).await.unwrap();
    (socket, seen.unwrap())
}

impl Peer {
    pub(crate) async fn accept(stream: TcpStream, protocol: Option<&'static str>) -> Self {
        let (socket, request) = upgrade(stream, protocol).await;
        Self {
            socket,
            request,
            seq: 0,
        }
    }

    /// The token it was shown.
    pub(crate) fn bearer(&self) -> &str {
        let header = self.request.headers()["authorization"].to_str().unwrap();
        header.strip_prefix("Bearer ").unwrap()
    }

    /// The session that the upgrade asked for.
    pub(crate) fn session(&self) -> Option<String> {
        let query = self.request.uri().query().unwrap_or_default();
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find_map(|(name, value)| (name == "session").then(|| value.to_owned()))
    }

    /// Says something that has no sequence number.
    pub(crate) async fn say(&mut self, event: Value) {
        let message = Message::text(event.to_string());
        soon(self.socket.send(message)).await.unwrap();
    }

    /// Says something that has one.
    pub(crate) async fn tell(&mut self, mut event: Value) {
        self.seq += 1;
        event["seq"] = self.seq.into();
        self.say(event).await;
    }

    /// Says hello as the session `sess_1` in its first epoch.
    pub(crate) async fn hello(&mut self, generation: u32, refresh_in_ms: Option<u32>) {
        let mut hello = json!({
            "type": "offhook.hello", "heartbeat_ms": 250, "resume_window_ms": 30_000,
            "max_frame_bytes": 1 << 20, "server_time": 0, "session_id": "sess_1",
            "epoch": "epoch_1", "generation": generation, "features": [],
        });
        if let Some(refresh_in_ms) = refresh_in_ms {
            hello["refresh_in_ms"] = refresh_in_ms.into();
        }
        self.say(hello).await;
    }

    /// Opens the session.
    pub(crate) async fn open(&mut self, caller: &mut Caller) {
        self.hello(1, None).await;
        self.created().await;
        caller.live().await;
    }

    pub(crate) async fn created(&mut self) {
        let created = json!({"type": "session.created", "session": {"id": "sess_1"}});
        self.tell(created).await;
    }

    /// Takes the session up again for a client that wants to, having received up to `recv` and used
    /// up to `commit`; nothing is repeated. What the client said first.
    pub(crate) async fn resume(&mut self, generation: u32, recv: u64, commit: u64) -> Value {
        self.hello(generation, None).await;
        let resume = self.event().await;
        assert_eq!(resume["type"], "session.resume");
        assert_eq!(resume["session_id"], "sess_1");
        assert_eq!(resume["epoch"], "epoch_1");
        assert_eq!(resume.get("seq"), None);
        self.seq = resume["last_seq"].as_u64().unwrap();
        let from = self.seq + 1;
        self.say(json!({
            "type": "session.resumed", "epoch": "epoch_1", "generation": generation,
            "recv": recv, "commit": commit, "replay_from": from, "replay_to": from - 1,
        }))
        .await;
        resume
    }

    /// Says something as the agent, in a binary frame.
    pub(crate) async fn audio(&mut self, stream: u16, samples: &[i16]) {
        self.seq += 1;
        let payload: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
        let frame = Frame {
            kind: Kind::Output,
            flags: Flags::FIRST,
            stream,
            seq: self.seq,
            media_ts: 0,
            payload: &payload,
        };
        let message = Message::binary(frame.encode());
        soon(self.socket.send(message)).await.unwrap();
    }

    pub(crate) async fn close(&mut self, code: u16, reason: &'static str) {
        let frame = CloseFrame {
            code: code.into(),
            reason: reason.into(),
        };
        soon(self.socket.close(Some(frame))).await.unwrap();
    }

    pub(crate) async fn hear(&mut self) -> Heard {
        loop {
            let heard = match soon(self.socket.next()).await {
                Some(Ok(Message::Text(text))) => event(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Binary(bytes))) => Some(audio(&bytes)),
                Some(Ok(Message::Close(frame))) => {
                    // The library answers it when it is read on.
                    let _ = soon(self.socket.next()).await;
                    Some(Heard::Closed(frame.map_or(1005, |frame| frame.code.into())))
                }
                Some(Ok(_)) => None,
                None | Some(Err(Error::Io(_) | Error::Protocol(_))) => Some(Heard::Gone),
                Some(Err(error)) => panic!("{error:?}"),
            };
            if let Some(heard) = heard {
                return heard;
            }
        }
    }

    /// The next ping or acknowledgement.
    pub(crate) async fn control(&mut self) -> Value {
        loop {
            if let Some(Ok(Message::Text(text))) = soon(self.socket.next()).await {
                let event: Value = serde_json::from_str(&text).unwrap();
                if is_control(&event) {
                    return event;
                }
            }
        }
    }

    /// The next event; audio before it is passed over.
    pub(crate) async fn event(&mut self) -> Value {
        loop {
            match self.hear().await {
                Heard::Event(event) => return event,
                Heard::Audio { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// How it ends; whatever comes before that is passed over.
    pub(crate) async fn end(&mut self) -> Heard {
        loop {
            let heard = self.hear().await;
            if matches!(heard, Heard::Closed(_) | Heard::Gone) {
                return heard;
            }
        }
    }
}

fn is_control(event: &Value) -> bool {
    event["type"] == "offhook.ping" || event["type"] == "offhook.ack"
}

fn event(event: Value) -> Option<Heard> {
    match event["type"].as_str().unwrap() {
        _ if is_control(&event) => None,
        "input_audio_buffer.append" => Some(Heard::Audio {
            seq: event["seq"].as_u64().unwrap_or_default(),
            samples: decode_pcm16(event["audio"].as_str().unwrap()).unwrap(),
        }),
        _ => Some(Heard::Event(event)),
    }
}

fn audio(bytes: &[u8]) -> Heard {
    let frame = Frame::decode(bytes).unwrap();
    assert_eq!((frame.kind, frame.stream), (Kind::Input, 0));
    let samples = frame.payload.as_chunks::<2>().0.iter();
    Heard::Audio {
        seq: frame.seq,
        samples: samples.map(|sample| i16::from_le_bytes(*sample)).collect(),
    }
}
