//! A Node process that makes the calls of one npm client.

use std::collections::HashMap;
use std::env;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{Mutex, oneshot};
use tokio::time::timeout;

use super::caller::Client;

/// How long a process may take to answer.
const ANSWER: Duration = Duration::from_secs(20);

/// A running process; ends when dropped.
#[derive(Debug)]
pub(super) struct Node {
    input: Mutex<ChildStdin>,
    waiting: Waiting,
    _child: Child,
}

/// The answers that are waited for, by their calls.
type Waiting = Arc<Mutex<HashMap<usize, oneshot::Sender<u32>>>>;

#[derive(Debug, Deserialize)]
struct Answer {
    call: usize,
    #[serde(default)]
    spoken: u32,
}

impl Node {
    /// Starts the one for this client.
    pub(super) fn start(client: Client) -> Result<Arc<Self>> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("js/calls.js");
        let program = env::var_os("OFFHOOK_NODE").unwrap_or_else(|| "node".into());
        let mut child = Command::new(program)
            .arg(script)
            .arg(client.name())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("node cannot be started")?;
        let input = child.stdin.take().context("node has no input")?;
        let output = child.stdout.take().context("node has no output")?;
        let waiting = Waiting::default();
        tokio::spawn(listen(output, Arc::clone(&waiting)));
        Ok(Arc::new(Self {
            input: Mutex::new(input),
            waiting,
            _child: child,
        }))
    }

    /// Starts a call to what is behind `relay`.
    pub(super) async fn start_call(&self, call: usize, relay: SocketAddr) -> Result<()> {
        let order = json!({ "call": call, "start": relay.to_string() });
        self.ask(call, &order).await.map(drop)
    }

    /// Lets a call say no more; how many frames it has spoken.
    pub(super) async fn stop_call(&self, call: usize) -> Result<u32> {
        self.ask(call, &json!({ "call": call, "stop": true })).await
    }

    /// Ends a call.
    pub(super) async fn close_call(&self, call: usize) -> Result<()> {
        let order = json!({ "call": call, "close": true });
        self.ask(call, &order).await.map(drop)
    }

    async fn ask(&self, call: usize, order: &Value) -> Result<u32> {
        let (sender, answer) = oneshot::channel();
        self.waiting.lock().await.insert(call, sender);
        let line = format!("{order}\n");
        self.input.lock().await.write_all(line.as_bytes()).await?;
        let answer = timeout(ANSWER, answer).await;
        let answer = answer.with_context(|| format!("node does not answer: {order}"))?;
        answer.context("node has ended")
    }
}

async fn listen(output: ChildStdout, waiting: Waiting) {
    let mut lines = BufReader::new(output).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Ok(answer) = serde_json::from_str::<Answer>(&line)
            && let Some(sender) = waiting.lock().await.remove(&answer.call)
        {
            // Whoever asked may have given up.
            let _ = sender.send(answer.spoken);
        }
    }
    waiting.lock().await.clear();
}
