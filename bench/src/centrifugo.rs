//! The least that centrifuge's client needs of a Centrifugo server: connect, publish, refresh, ping
//! (<https://centrifugal.dev/docs/transports/client_protocol>, JSON), and a place to get tokens.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures_util::{SinkExt as _, StreamExt as _};
use offhook_tests::clock::Stopwatch;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{MissedTickBehavior, interval};
use tokio_tungstenite::tungstenite::Message;

/// How often the server pings, in s; Centrifugo's default.
const PING_S: u64 = 25;
/// The error of the protocol that makes a client get a fresh token.
const TOKEN_EXPIRED: u32 = 109;
/// The largest request for a token, in bytes.
const MAX_REQUEST: usize = 4096;

/// Serves until the process is ended. `token_ttl` is in s.
///
/// # Errors
/// When it cannot listen on `address`.
pub async fn serve(address: SocketAddr, token_ttl: u64, ready: impl FnOnce()) -> Result<()> {
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}"))?;
    ready();
    // Tokens are times on this clock: after a restart all of them are new.
    let clock = Stopwatch::start();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        // A client that goes in the middle of something is what this is for.
        tokio::spawn(async move { drop(connection(stream, clock, token_ttl).await) });
    }
}

async fn connection(stream: TcpStream, clock: Stopwatch, token_ttl: u64) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut start = [0; 4];
    // Whoever sends four bytes in two pieces is not served.
    let count = stream.peek(&mut start).await?;
    ensure!(count == start.len(), "no request");
    if &start == b"POST" {
        give_tokens(stream, clock).await
    } else {
        session(stream, clock, token_ttl).await
    }
}

/// Answers requests for tokens as the bridge's endpoint does.
async fn give_tokens(mut stream: TcpStream, clock: Stopwatch) -> Result<()> {
    let mut request = Vec::new();
    loop {
        let mut piece = [0; 1024];
        let count = stream.read(&mut piece).await?;
        request.extend_from_slice(&piece[..count]);
        if count == 0 || request.len() > MAX_REQUEST {
            return Ok(());
        }
        // The body is two characters or none; it may come with the next piece.
        if !request.windows(4).any(|window| window == b"\r\n\r\n") {
            continue;
        }
        request.clear();
        let body = json!({ "value": clock.elapsed().as_millis().to_string() }).to_string();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(body.as_bytes()).await?;
        stream.shutdown().await?;
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Command {
    id: u32,
    connect: Option<Shown>,
    refresh: Option<Shown>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Shown {
    token: String,
}

async fn session(stream: TcpStream, clock: Stopwatch, token_ttl: u64) -> Result<()> {
    let mut socket = tokio_tungstenite::accept_async(stream).await?;
    let mut pings = interval(Duration::from_secs(PING_S));
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pings.tick().await;
    loop {
        let message = tokio::select! {
            _ = pings.tick() => {
                socket.send(Message::text("{}")).await?;
                continue;
            }
            message = socket.next() => message,
        };
        let Some(message) = message.transpose()? else {
            return Ok(());
        };
        let Message::Text(text) = message else {
            continue;
        };
        let commands = text.lines().map(serde_json::from_str::<Command>);
        let replies = commands.filter_map(|command| {
            let command = command.unwrap_or_default();
            // A pong has no number.
            (command.id > 0).then(|| reply(&command, clock, token_ttl).to_string())
        });
        let replies: Vec<String> = replies.collect();
        if !replies.is_empty() {
            socket.send(Message::text(replies.join("\n"))).await?;
        }
    }
}

fn reply(command: &Command, clock: Stopwatch, token_ttl: u64) -> Value {
    let id = command.id;
    let Some((shown, name)) = command
        .connect
        .as_ref()
        .map(|shown| (shown, "connect"))
        .or(command.refresh.as_ref().map(|shown| (shown, "refresh")))
    else {
        return json!({ "id": id, "publish": {} });
    };
    let issued = shown.token.parse().map(Duration::from_millis);
    let left = issued.ok().and_then(|issued| {
        let age = clock.elapsed().checked_sub(issued)?;
        token_ttl
            .checked_sub(age.as_secs())
            .filter(|left| *left > 0)
    });
    let Some(left) = left else {
        let error = json!({ "code": TOKEN_EXPIRED, "message": "token expired" });
        return json!({ "id": id, "error": error });
    };
    let mut granted = json!({
        "client": format!("bench-{id}"),
        "version": "0.0.0",
        "expires": true,
        "ttl": left,
    });
    if name == "connect" {
        granted["ping"] = PING_S.into();
        granted["pong"] = true.into();
    }
    json!({ "id": id, name: granted })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(token: &str) -> Option<Shown> {
        Some(Shown {
            token: token.to_owned(),
        })
    }

    #[test]
    fn who_shows_a_token_of_this_life_may_connect_and_refresh() {
        let clock = Stopwatch::start();
        let connect = Command {
            id: 1,
            connect: shown("0"),
            ..Command::default()
        };
        let answer = reply(&connect, clock, 20);
        assert_eq!(answer["connect"]["ttl"], 20);
        assert_eq!(answer["connect"]["ping"], PING_S);
        let refresh = Command {
            id: 2,
            refresh: shown("0"),
            ..Command::default()
        };
        assert_eq!(reply(&refresh, clock, 20)["refresh"]["expires"], true);
        for token in ["", "99999999"] {
            let stale = Command {
                id: 3,
                connect: shown(token),
                ..Command::default()
            };
            assert_eq!(reply(&stale, clock, 20)["error"]["code"], TOKEN_EXPIRED);
        }
    }

    #[test]
    fn whatever_else_is_asked_is_a_publication() {
        let publish = Command {
            id: 7,
            ..Command::default()
        };
        let answer = reply(&publish, Stopwatch::start(), 20);
        assert_eq!(answer, json!({ "id": 7, "publish": {} }));
    }
}
