//! A server that misbehaves on purpose, in ways no honest one can be brought to.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tungstenite::handshake::server::{Request, Response};
use tungstenite::protocol::CloseFrame;
use tungstenite::{Message, WebSocket};

/// What it does to whoever connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manners {
    /// Closes the connection before it answers.
    HangsUp,
    /// Answers the upgrade with something that is not HTTP.
    NotHttp,
    /// Upgrades, and closes with this code at once.
    Closes(u16),
    /// Upgrades, and drops the connection at once.
    Drops,
    /// Upgrades, and sends text that is not JSON.
    Garbage,
    /// Upgrades, and sends bytes that are not WebSocket.
    NotWebSocket,
    /// Upgrades, and sends one text message of 20 MB.
    Huge,
    /// Upgrades, says that the key is wrong, and closes with 3000, as OpenAI does.
    WrongKey,
    /// Upgrades, and never says anything.
    Silent,
}

/// How long a connection is kept whose peer does not close it.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running server; stops when dropped.
#[derive(Debug)]
pub struct Rogue {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

impl Rogue {
    /// Starts one on a free loopback port.
    ///
    /// # Errors
    /// When no port is free.
    pub fn start(manners: Manners) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port is free")?;
        let address = listener.local_addr()?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let accepting = thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                // The peer's reaction is what the test looks at; ours does not matter.
                thread::spawn(move || drop(treat(stream, manners)));
            }
        });
        Ok(Self {
            address,
            stop,
            accepting: Some(accepting),
        })
    }

    /// Where to call it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("ws://{}/v1/realtime", self.address)
    }
}

impl Drop for Rogue {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts.
        drop(TcpStream::connect(self.address));
        if let Some(accepting) = self.accepting.take() {
            drop(accepting.join());
        }
    }
}

fn treat(mut stream: TcpStream, manners: Manners) -> Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    match manners {
        Manners::HangsUp => return Ok(()),
        Manners::NotHttp => {
            let _request = stream.read(&mut [0; 4096])?;
            stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n")?;
            return Ok(());
        }
        _ => {}
    }
    let mut socket = tungstenite::accept_hdr(stream, select_plain)?;
    match manners {
        Manners::HangsUp | Manners::NotHttp | Manners::Drops => return Ok(()),
        Manners::Closes(code) => {
            let frame = CloseFrame {
                code: code.into(),
                reason: "rogue.closes".into(),
            };
            socket.close(Some(frame))?;
        }
        Manners::Garbage => socket.send(Message::text("<html>Bad gateway</html>"))?,
        Manners::NotWebSocket => socket.get_mut().write_all(&[0xFF; 64])?,
        Manners::Huge => {
            let text = "x".repeat(20_000_000);
            socket.send(Message::text(format!("{{\"type\":\"{text}\"}}")))?;
        }
        Manners::WrongKey => {
            socket.send(Message::text(
                r#"{"type":"error","event_id":"event_1","error":{"type":"invalid_request_error",
                    "code":"invalid_api_key","message":"Incorrect API key provided."}}"#,
            ))?;
            let frame = CloseFrame {
                code: 3000.into(),
                reason: "".into(),
            };
            socket.close(Some(frame))?;
        }
        Manners::Silent => {}
    }
    read_to_the_end(&mut socket);
    Ok(())
}

/// Plain mode, as an OpenAI-compatible server selects it.
#[expect(
    clippy::result_large_err,
    clippy::unnecessary_wraps,
    reason = "the library's signature"
)]
fn select_plain(
    _: &Request,
    mut response: Response,
) -> Result<Response, tungstenite::handshake::server::ErrorResponse> {
    let realtime = tungstenite::http::HeaderValue::from_static("realtime");
    response
        .headers_mut()
        .insert("sec-websocket-protocol", realtime);
    Ok(response)
}

fn read_to_the_end(socket: &mut WebSocket<TcpStream>) {
    while socket.read().is_ok() {}
}
