//! A client of `offhook.v1` that counts, and resumes when it is told to.

use futures_util::SinkExt as _;
use offhook_proto::wire::binary::{Flags, Frame, Kind};
use offhook_proto::wire::{decode_pcm16, encode_pcm16};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio_tungstenite::tungstenite::Message;

use crate::rig::{Call, Client};

/// Samples in an append: 20 ms.
const PIECE: usize = 480;

/// A call, what it has sent, and what it has heard.
pub(crate) struct Line {
    pub(crate) call: Call,
    pub(crate) session: String,
    pub(crate) epoch: String,
    /// Every sequenced message that was sent, from number 1.
    sent: Vec<Message>,
    /// The number of the last one heard, with none missing.
    pub(crate) heard: u64,
    /// All the audio heard.
    pub(crate) audio: Vec<i16>,
    /// Whether messages heard are acknowledged.
    pub(crate) acks: bool,
    /// What came between the hello and `session.created`.
    pub(crate) early: Vec<Value>,
    /// The hello of its first connection.
    pub(crate) hello: Value,
    protocol: &'static str,
    samples: u32,
}

impl Line {
    /// A new session.
    pub(crate) async fn open(client: &Client, protocol: &'static str) -> Self {
        let token = client.token().await;
        Self::open_with(client, protocol, &token, &[]).await
    }

    /// A new session by this token, with these headers.
    pub(crate) async fn open_with(
        client: &Client,
        protocol: &'static str,
        token: &str,
        headers: &[(&'static str, &str)],
    ) -> Self {
        let mut call = connect(client, protocol, token, "", headers).await;
        let hello = call.event().await;
        assert_eq!(hello["type"], "offhook.hello");
        let mut line = Self {
            call,
            session: hello["session_id"].as_str().unwrap().to_owned(),
            epoch: hello["epoch"].as_str().unwrap().to_owned(),
            sent: Vec::new(),
            heard: 0,
            audio: Vec::new(),
            acks: true,
            protocol,
            samples: 0,
            early: Vec::new(),
            hello,
        };
        loop {
            let event = line.next().await;
            if event["type"] == "session.created" {
                return line;
            }
            line.early.push(event);
        }
    }

    /// Another connection to the same session, up to its hello.
    pub(crate) async fn connect(&self, client: &Client) -> (Call, Value) {
        let token = client.token_for(&self.session).await;
        self.connect_with(client, &token, &[]).await
    }

    async fn connect_with(
        &self,
        client: &Client,
        token: &str,
        headers: &[(&'static str, &str)],
    ) -> (Call, Value) {
        let query = format!("?session={}", self.session);
        let mut call = connect(client, self.protocol, token, &query, headers).await;
        let hello = call.event().await;
        assert_eq!(hello["type"], "offhook.hello");
        (call, hello)
    }

    /// Goes on over another connection; what was sent is sent again from number `from`. Returns
    /// what the server says to that.
    pub(crate) async fn resume(&mut self, client: &Client, from: usize) -> Value {
        let token = client.token_for(&self.session).await;
        self.resume_with(client, &token, &[], from).await
    }

    /// The same by this token, with these headers.
    pub(crate) async fn resume_with(
        &mut self,
        client: &Client,
        token: &str,
        headers: &[(&'static str, &str)],
        from: usize,
    ) -> Value {
        let (mut call, hello) = self.connect_with(client, token, headers).await;
        assert_eq!(hello["epoch"], *self.epoch);
        call.send(&json!({
            "type": "session.resume",
            "session_id": self.session,
            "epoch": self.epoch,
            "last_seq": self.heard,
            "next_seq": self.sent.len() + 1,
        }))
        .await;
        let resumed = call.event().await;
        assert_eq!(resumed["type"], "session.resumed", "{resumed}");
        for message in &self.sent[from - 1..] {
            call.socket.send(message.clone()).await.unwrap();
        }
        self.call = call;
        resumed
    }

    /// Cuts the connection without a word.
    pub(crate) async fn cut(&mut self) {
        self.call.socket.get_mut().shutdown().await.unwrap();
    }

    /// Sends an event with the next number.
    pub(crate) async fn send(&mut self, mut event: Value) {
        event["seq"] = (self.sent.len() + 1).into();
        self.send_message(Message::Text(event.to_string().into()))
            .await;
    }

    /// Sends audio in pieces of 20 ms, as frames where that was agreed on.
    pub(crate) async fn say(&mut self, samples: &[i16]) {
        for piece in samples.chunks(PIECE) {
            if self.protocol == "offhook.v1.bin" {
                let payload: Vec<u8> = piece.iter().flat_map(|it| it.to_le_bytes()).collect();
                let frame = Frame {
                    kind: Kind::Input,
                    flags: Flags::default(),
                    stream: 0,
                    seq: self.sent.len() as u64 + 1,
                    media_ts: self.samples,
                    payload: &payload,
                };
                let frame = Message::Binary(frame.encode().into());
                self.send_message(frame).await;
            } else {
                let audio = encode_pcm16(piece);
                self.send(json!({ "type": "input_audio_buffer.append", "audio": audio }))
                    .await;
            }
            self.samples += piece.len() as u32;
        }
    }

    /// Lets the agent say these samples back: what is committed by hand is all of them.
    pub(crate) async fn ask_for(&mut self, samples: &[i16]) {
        self.without_turns().await;
        self.say(samples).await;
        self.send(json!({ "type": "input_audio_buffer.commit" }))
            .await;
        self.send(json!({ "type": "response.create" })).await;
    }

    /// Turns are ended by hand.
    pub(crate) async fn without_turns(&mut self) {
        let input = json!({ "turn_detection": null });
        let session = json!({ "type": "realtime", "audio": { "input": input } });
        self.send(json!({ "type": "session.update", "session": session }))
            .await;
    }

    /// Something that is of the connection only.
    pub(crate) async fn tell(&mut self, event: &Value) {
        self.call.send(event).await;
    }

    /// Reads up to the next event of this type.
    pub(crate) async fn until(&mut self, kind: &str) -> Value {
        loop {
            let event = self.next().await;
            assert!(
                event["type"] != "error" || kind == "error",
                "{kind} is waited for, {event} comes"
            );
            if event["type"] == kind {
                return event;
            }
        }
    }

    /// The next event; audio has the type `audio`, whatever way it comes.
    pub(crate) async fn next(&mut self) -> Value {
        match self.call.message().await {
            Message::Text(text) => {
                let event: Value = serde_json::from_str(&text).unwrap();
                if let Some(seq) = event["seq"].as_u64() {
                    self.count(seq).await;
                }
                if event["type"] != "response.output_audio.delta" {
                    return event;
                }
                let delta = event["delta"].as_str().unwrap();
                self.audio.extend(decode_pcm16(delta).unwrap());
            }
            Message::Binary(bytes) => {
                let frame = Frame::decode(&bytes).unwrap();
                assert_eq!(frame.kind, Kind::Output);
                let (samples, _) = frame.payload.as_chunks::<2>();
                self.audio
                    .extend(samples.iter().map(|it| i16::from_le_bytes(*it)));
                self.count(frame.seq).await;
            }
            Message::Ping(_) | Message::Pong(_) => return json!({ "type": "control" }),
            other => panic!("{other:?}"),
        }
        json!({ "type": "audio" })
    }

    /// Every number comes once, in order.
    async fn count(&mut self, seq: u64) {
        assert_eq!(seq, self.heard + 1);
        self.heard = seq;
        if self.acks {
            self.tell(&json!({ "type": "offhook.ack", "up_to": seq }))
                .await;
        }
    }

    async fn send_message(&mut self, message: Message) {
        self.sent.push(message.clone());
        self.call.socket.send(message).await.unwrap();
    }
}

async fn connect(
    client: &Client,
    protocol: &str,
    token: &str,
    query: &str,
    headers: &[(&'static str, &str)],
) -> Call {
    let bearer = format!("Bearer {token}");
    let usual = [
        ("authorization", bearer.as_str()),
        ("sec-websocket-protocol", protocol),
    ];
    let call = client.call_at(query, &[&usual[..], headers].concat()).await;
    assert_eq!(call.selected.as_deref(), Some(protocol));
    call
}

/// Samples in a scrambled order, so that a lost, repeated or swapped piece shows.
pub(crate) fn numbered(count: usize) -> Vec<i16> {
    (0..count)
        .map(|n| (n.wrapping_mul(0x9E37_79B1) >> 16) as i16)
        .collect()
}
