//! A herd of real clients at a real bridge.

use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use futures_util::StreamExt as _;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use offhook_client::{Call, Config, Connector, Event};
use offhook_proto::client::{Doing, State, Step};
use offhook_tests::clock::Stopwatch;
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinSet, spawn_blocking};

use super::{Course, Herd, Loss};
use crate::pattern::Backoff;
use crate::random::Random;
use crate::reconnect::{Client, naive, ours};
use crate::servers::Server;

/// The life of tokens, in s: the longest there is, so that few are renewed meanwhile.
const TOKEN_TTL: u32 = 120;
/// How many clients come up at the same time, before the drop.
const COMING: usize = 64;
/// How long all of them may take to come up.
const UP: Duration = Duration::from_secs(300);
/// How long everybody has been up before the drop.
const WELL: Duration = Duration::from_secs(11);
/// How long after the drop it is looked on.
const AFTER: Duration = Duration::from_secs(60);
/// How often it is looked.
const LOOK: Duration = Duration::from_millis(100);
/// Files this process needs besides one for each client.
const FILES: u64 = 500;

/// What the clients of a herd share.
#[derive(Debug, Default)]
struct Shared {
    up: AtomicUsize,
    /// All of them were dropped.
    dropped: AtomicBool,
    back: AtomicUsize,
    /// Calls that did not come up, and were made again.
    failed: AtomicUsize,
    /// Why the last of them failed.
    why: Mutex<String>,
}

/// What one client is told.
#[derive(Debug, Clone)]
struct Part {
    clock: Stopwatch,
    shared: Arc<Shared>,
    coming: Arc<Semaphore>,
    end: watch::Receiver<bool>,
}

/// Drops so many clients of a bridge at once and looks on until they are back. None of them says
/// anything: what is measured is the return, not the talk.
///
/// # Errors
/// When there are not enough files for so many connections, the bridge does not start, not all
/// clients come up, or this system does not let connections be broken.
pub async fn run(client: Client, loss: Loss, clients: usize, say: impl Fn(&str)) -> Result<Herd> {
    raise_files(clients)?;
    let mut bridge = Server::bridge(TOKEN_TTL, u32::try_from(clients)? * 2)?;
    let address = bridge.address();
    let clock = Stopwatch::start();
    let (end, ended) = watch::channel(false);
    let part = Part {
        clock,
        shared: Arc::default(),
        coming: Arc::new(Semaphore::new(COMING)),
        end: ended,
    };
    let connector = Connector::new().context("the system's certificates")?;
    let mut tasks = JoinSet::new();
    for place in 0..clients {
        let part = part.clone();
        match client {
            Client::Offhook => {
                let config = ours::config(&connector, address)?;
                tasks.spawn(offhook(config, part));
            }
            _ => {
                let backoff = Backoff::new(Random::seeded(place as u64));
                tasks.spawn(naive_client(address, backoff, part));
            }
        }
    }
    let shared = Arc::clone(&part.shared);
    let count = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
    while count(&shared.up) < clients {
        if clock.elapsed() > UP {
            bail!(
                "{} of {clients} clients came up, {} failed; the last one: {}",
                count(&shared.up),
                count(&shared.failed),
                lock(&shared.why)
            );
        }
        clock.shows(clock.elapsed() + LOOK).await;
    }
    say(&format!(
        "{clients} are up after {:.1} s and {} failures",
        clock.elapsed().as_secs_f64(),
        count(&shared.failed)
    ));
    clock.shows(clock.elapsed() + WELL).await;

    let dropped = clock.elapsed();
    shared.dropped.store(true, Ordering::Relaxed);
    match loss {
        Loss::Crash => {
            let restarted = spawn_blocking(move || {
                bridge.kill()?;
                bridge.revive()?;
                Ok::<_, anyhow::Error>(bridge)
            });
            bridge = restarted.await??;
            let took = clock.elapsed() - dropped;
            say(&format!(
                "the bridge is back after {:.0} ms",
                took.as_secs_f64() * 1000.0
            ));
        }
        Loss::Break => {
            spawn_blocking(move || break_all(address.port())).await??;
            let took = clock.elapsed() - dropped;
            say(&format!(
                "all are broken after {:.0} ms",
                took.as_secs_f64() * 1000.0
            ));
        }
        Loss::GoAway | Loss::Refused => bail!("{} is simulated only", loss.name()),
    }
    while count(&shared.back) < clients && clock.elapsed() < dropped + AFTER {
        clock.shows(clock.elapsed() + LOOK).await;
    }
    end.send_replace(true);
    let mut courses = tasks.join_all().await;
    for course in &mut courses {
        let since = |time: &Duration| time.saturating_sub(dropped);
        course.dials.retain(|dial| *dial >= dropped);
        course.tokens.retain(|token| *token >= dropped);
        for time in course.dials.iter_mut().chain(&mut course.tokens) {
            *time = since(time);
        }
        course.back = course.back.as_ref().map(since);
    }
    drop(bridge);
    Ok(Herd::new(client, loss, false, &courses))
}

/// Breaks all connections to a port of this machine, as seen by those who made them.
fn break_all(port: u16) -> Result<()> {
    let mut ss = Command::new("ss");
    let port = format!(":{port}");
    ss.args([
        "--kill",
        "--tcp",
        "--no-header",
        "dst",
        "127.0.0.1",
        "dport",
        "=",
        &port,
    ]);
    let output = ss.output().context("ss cannot be started")?;
    ensure!(
        output.status.success() && output.stderr.is_empty(),
        "ss cannot break connections here; it takes root, and a kernel that lets it: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}

/// Lets this process and those it starts have as many files as there may be.
fn raise_files(clients: usize) -> Result<()> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    ensure!(
        most >= clients as u64 + FILES,
        "{clients} clients take {} files, and {most} are allowed here: ask for fewer with --clients",
        clients as u64 + FILES
    );
    Ok(())
}

async fn offhook(config: Config, mut part: Part) -> Course {
    let mut course = Course::default();
    while !call(&config, &mut part, &mut course).await {}
    course
}

/// One call, noted in its course; whether it is the last. A call that does not come up on a machine
/// that is busy with the others is made again.
async fn call(config: &Config, part: &mut Part, course: &mut Course) -> bool {
    // None is ever closed.
    let Ok(permit) = Arc::clone(&part.coming).acquire_owned().await else {
        return true;
    };
    let mut permit = Some(permit);
    let (_call, mut events) = Call::start(config.clone());
    let mut last = None;
    loop {
        let event = tokio::select! {
            event = events.recv() => event,
            _ = part.end.wait_for(|end| *end) => return true,
        };
        let now = part.clock.elapsed();
        match event {
            Some(Event::Back(_)) => part.back(course),
            Some(Event::State { state, .. }) => match state {
                State::Live { .. } if permit.is_some() => {
                    permit = None;
                    part.shared.up.fetch_add(1, Ordering::Relaxed);
                }
                State::Reconnecting {
                    attempt,
                    doing: Doing::Trying(step),
                    ..
                } if last != Some((attempt, step)) => {
                    last = Some((attempt, step));
                    match step {
                        Step::Authorising => course.tokens.push(now),
                        Step::Connecting => course.dials.push(now),
                        Step::Opening => {}
                    }
                }
                State::Ended(end) => {
                    part.shared.failed.fetch_add(1, Ordering::Relaxed);
                    *lock(&part.shared.why) = format!("{end:?}");
                    return permit.is_none();
                }
                _ => {}
            },
            Some(_) => {}
            None => return true,
        }
    }
}

impl Part {
    /// This client is back, if it was dropped.
    fn back(&self, course: &mut Course) {
        if self.shared.dropped.load(Ordering::Relaxed) && course.back.is_none() {
            course.back = Some(self.clock.elapsed());
            self.shared.back.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn lock(text: &Mutex<String>) -> MutexGuard<'_, String> {
    text.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn naive_client(address: std::net::SocketAddr, mut backoff: Backoff, part: Part) -> Course {
    let mut course = Course::default();
    let coming = Arc::clone(&part.coming);
    let mut up = false;
    let mut end = part.end.clone();
    let life = async {
        loop {
            let permit = if up {
                None
            } else {
                coming.acquire().await.ok()
            };
            course.dials.push(part.clock.elapsed());
            let connected = naive::connect(address, naive::KEY).await;
            drop(permit);
            if let Ok(mut socket) = connected {
                backoff.opened();
                if !up {
                    up = true;
                    part.shared.up.fetch_add(1, Ordering::Relaxed);
                } else {
                    part.back(&mut course);
                }
                while let Some(Ok(message)) = socket.next().await {
                    if message.is_close() {
                        break;
                    }
                }
            }
            let wait = backoff.next();
            part.clock.shows(part.clock.elapsed() + wait).await;
        }
    };
    tokio::select! {
        () = life => {}
        _ = end.wait_for(|end| *end) => {}
    }
    course
}
