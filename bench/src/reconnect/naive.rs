//! The naive client of the pattern: a token that is kept, a backoff that is forgotten on open, and
//! nothing else.
//!
//! Its token is sent in the `Authorization` header, not in the address: the bridge takes no
//! reusable token there, and one that may be used once would never bring this client back.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures_util::{SinkExt as _, StreamExt as _};
use offhook_proto::wire::encode_pcm16;
use offhook_tests::clock::Stopwatch;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::interval;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::header::AUTHORIZATION;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::caller::{Cues, Destination};
use crate::numbered;
use crate::pattern::{Backoff, REFRESH};
use crate::random::Random;

/// What a WebSocket holds that the network does not take, in messages. Browsers have no limit worth
/// naming; this is 20 minutes.
const OUTBOX: usize = 1 << 16;

/// What stands for a token that does not expire: in development mode a bridge takes any key.
pub(crate) const KEY: &str = "a key";
/// How long a farewell may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// A token that may be used until it expires.
pub(crate) async fn token(server: SocketAddr) -> Result<String> {
    let body = json!({ "offhook": { "reusable": true } }).to_string();
    let request = format!(
        "POST /v1/realtime/client_secrets HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(server)
        .await
        .context("the token service")?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").context("no answer")?;
    ensure!(head.contains(" 200 "), "the token service refuses: {body}");
    let body: Value = serde_json::from_str(body)?;
    let token = body["value"].as_str().context("no token in the answer")?;
    Ok(token.to_owned())
}

/// Connects as the pattern does.
pub(crate) async fn connect(
    address: SocketAddr,
    token: &str,
) -> Result<WebSocketStream<TcpStream>, tungstenite::Error> {
    let mut request = format!("ws://{address}/v1/realtime").into_client_request()?;
    let bearer = format!("Bearer {token}").parse()?;
    request.headers_mut().insert(AUTHORIZATION, bearer);
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(client_async(request, stream).await?.0)
}

/// Speaks until the call is to be closed.
pub(super) async fn call(destination: Destination, mut token: String, mut cues: Cues) {
    let seed = u64::from(destination.relay.port());
    let mut backoff = Backoff::new(Random::seeded(seed));
    let mut refresh = interval(REFRESH);
    refresh.tick().await;
    loop {
        let attempt = connect(destination.relay, &token);
        let Some(connected) = unheard(&mut cues, attempt).await else {
            return;
        };
        if let Ok(socket) = connected {
            backoff.opened();
            if talk(socket, &mut cues).await == Talk::Closed {
                return;
            }
        }
        let wait = Stopwatch::start().shows(backoff.next());
        if unheard(&mut cues, wait).await.is_none() {
            return;
        }
        if futures_util::FutureExt::now_or_never(refresh.tick()).is_some()
            && let Ok(fresh) = self::token(destination.server).await
        {
            token = fresh;
        }
    }
}

/// Waits for `work` while what is spoken is lost; nothing once the call is to be closed.
async fn unheard<T>(cues: &mut Cues, work: impl Future<Output = T>) -> Option<T> {
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return Some(done),
            _ = cues.microphone.frame() => {}
            _ = &mut cues.close => return None,
        }
    }
}

/// How a connection ended.
#[derive(Debug, PartialEq, Eq)]
enum Talk {
    Dropped,
    Closed,
}

async fn talk(socket: WebSocketStream<TcpStream>, cues: &mut Cues) -> Talk {
    let (mut sink, mut incoming) = socket.split();
    let (outbox, mut waiting) = mpsc::channel::<Message>(OUTBOX);
    // Writing must not keep from reading.
    let writer = tokio::spawn(async move {
        while let Some(message) = waiting.recv().await {
            if sink.send(message).await.is_err() {
                return;
            }
        }
        drop(sink.close().await);
    });
    let talk = loop {
        tokio::select! {
            message = incoming.next() => {
                if !matches!(message, Some(Ok(ref message)) if !message.is_close()) {
                    break Talk::Dropped;
                }
            }
            frame = cues.microphone.frame() => {
                let audio = encode_pcm16(&numbered::frame(frame));
                let append = json!({ "type": "input_audio_buffer.append", "audio": audio });
                // A full outbox is a connection that stands still, which this client cannot see.
                drop(outbox.try_send(Message::text(append.to_string())));
            }
            _ = &mut cues.close => break Talk::Closed,
        }
    };
    drop(outbox);
    if talk == Talk::Closed {
        // A farewell, if it can be said.
        drop(tokio::time::timeout(FAREWELL, writer).await);
    } else {
        writer.abort();
    }
    talk
}
