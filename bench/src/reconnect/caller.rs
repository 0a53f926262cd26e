//! A call by one of the clients that are compared: it speaks numbered frames until it is told to
//! stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use offhook_client::Connector;
use serde::Serialize;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::node::Node;
use super::{naive, ours};
use crate::numbered;

/// The clients that are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Client {
    /// Offhook's.
    Offhook,
    /// The pattern that most write by hand.
    Naive,
    /// npm's partysocket.
    Partysocket,
    /// npm's centrifuge.
    Centrifuge,
}

impl Client {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Offhook,
        Self::Naive,
        Self::Partysocket,
        Self::Centrifuge,
    ];

    /// Its name in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Offhook => "offhook",
            Self::Naive => "naive",
            Self::Partysocket => "partysocket",
            Self::Centrifuge => "centrifuge",
        }
    }

    /// Whether it runs in Node.
    pub(super) const fn is_of_node(self) -> bool {
        matches!(self, Self::Partysocket | Self::Centrifuge)
    }
}

/// Where a call goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Destination {
    /// The relay before the server.
    pub(super) relay: SocketAddr,
    /// The server itself: where the naive client's page got its first token from.
    pub(super) server: SocketAddr,
    /// Whether the token that is kept outlives the server. The bridge's own do not, as it makes a
    /// new key each time it starts.
    pub(super) lasting_token: bool,
}

/// A call that was started.
#[derive(Debug)]
pub(super) enum Caller {
    /// Within this process.
    Task(Task),
    /// In a Node process that makes several.
    Node { node: Arc<Node>, call: usize },
}

/// A call within this process.
#[derive(Debug)]
pub(super) struct Task {
    stop: oneshot::Sender<()>,
    close: oneshot::Sender<()>,
    spoken: Arc<AtomicU32>,
    running: JoinHandle<()>,
}

/// What a call within this process listens to.
#[derive(Debug)]
pub(super) struct Cues {
    /// The next frame to speak; silent once the call is to stop.
    pub(super) microphone: Microphone,
    /// Ready when the call is to be closed.
    pub(super) close: oneshot::Receiver<()>,
}

/// Says which frame is spoken when.
#[derive(Debug)]
pub(super) struct Microphone {
    ticks: Interval,
    stop: oneshot::Receiver<()>,
    stopped: bool,
    spoken: Arc<AtomicU32>,
}

impl Caller {
    /// Starts a call; the node is the one of this client, where it needs one.
    pub(super) async fn start(
        client: Client,
        destination: Destination,
        node: Option<(&Arc<Node>, usize)>,
    ) -> Result<Self> {
        if let Some((node, call)) = node {
            node.start_call(call, destination.relay).await?;
            let node = Arc::clone(node);
            return Ok(Self::Node { node, call });
        }
        let (stop, stopped) = oneshot::channel();
        let (close, closed) = oneshot::channel();
        let spoken = Arc::new(AtomicU32::new(0));
        let mut ticks = interval(Duration::from_millis(numbered::MS));
        // What a late machine missed is spoken all the same.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let cues = Cues {
            microphone: Microphone {
                ticks,
                stop: stopped,
                stopped: false,
                spoken: Arc::clone(&spoken),
            },
            close: closed,
        };
        let running = match client {
            Client::Offhook => {
                let connector = Connector::new().context("the system's certificates")?;
                let config = ours::config(&connector, destination.relay)?;
                tokio::spawn(ours::call(config, cues))
            }
            _ => {
                let token = if destination.lasting_token {
                    naive::KEY.to_owned()
                } else {
                    naive::token(destination.server).await?
                };
                tokio::spawn(naive::call(destination, token, cues))
            }
        };
        Ok(Self::Task(Task {
            stop,
            close,
            spoken,
            running,
        }))
    }

    /// Lets it say no more; how many frames it has spoken. Its connection stays.
    pub(super) async fn stop(self) -> Result<(u32, Closing)> {
        match self {
            Self::Task(task) => {
                // A call that has ended by itself does not listen any more.
                let _ = task.stop.send(());
                let closing = Closing::Task(task.close, task.running);
                Ok((task.spoken.load(Ordering::Relaxed), closing))
            }
            Self::Node { node, call } => {
                let spoken = node.stop_call(call).await?;
                Ok((spoken, Closing::Node(node, call)))
            }
        }
    }
}

/// A call that says no more.
#[derive(Debug)]
pub(super) enum Closing {
    Task(oneshot::Sender<()>, JoinHandle<()>),
    Node(Arc<Node>, usize),
}

impl Closing {
    /// Ends it.
    pub(super) async fn close(self) -> Result<()> {
        match self {
            Self::Task(close, running) => {
                let _ = close.send(());
                Ok(running.await?)
            }
            Self::Node(node, call) => node.close_call(call).await,
        }
    }
}

impl Microphone {
    /// The next frame; never, once the call is to stop. May be dropped and called again without
    /// loss.
    pub(super) async fn frame(&mut self) -> u32 {
        if !self.stopped {
            tokio::select! {
                biased;
                _ = &mut self.stop => self.stopped = true,
                _ = self.ticks.tick() => return self.spoken.fetch_add(1, Ordering::Relaxed),
            }
        }
        std::future::pending().await
    }
}
