//! `offhook-bench`: runs the comparisons; `cargo xtask bench` builds what it needs and starts it.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::{Args, Parser, Subcommand};
use offhook_bench::herd::Loss;
use offhook_bench::reconnect::{Client, Fault};
use offhook_bench::{centrifugo, herd, reconnect};
use tokio::signal::unix::{SignalKind, signal};

/// Makes every simulated herd the same.
const SEED: u64 = 1;

/// Offhook's client beside others, under the same faults.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Break the calls of each client in the same ways
    Reconnect(Reconnect),
    /// Drop ten thousand clients at once
    Herd(Herd),
    /// Serve what centrifuge's client needs; for the other commands
    #[command(hide = true)]
    Centrifugo {
        #[arg(long)]
        listen: SocketAddr,
        #[arg(long)]
        token_ttl: u64,
    },
}

#[derive(Debug, Args)]
struct Reconnect {
    /// Fewer calls, and a server that flaps for 20 s only
    #[arg(long)]
    quick: bool,
    /// Print JSON, every call's figures included
    #[arg(long)]
    json: bool,
    /// Only this fault; may be repeated
    #[arg(long = "fault", value_enum)]
    faults: Vec<Fault>,
    /// Only this client; may be repeated
    #[arg(long = "client", value_enum)]
    clients: Vec<Client>,
    /// Calls of each client at a time
    #[arg(long)]
    calls: Option<usize>,
    /// How often each fault is repeated
    #[arg(long)]
    rounds: Option<usize>,
}

#[derive(Debug, Args)]
struct Herd {
    /// How many clients there are
    #[arg(long, default_value_t = 10_000)]
    clients: usize,
    /// Only simulate
    #[arg(long, conflicts_with = "real_only")]
    sim_only: bool,
    /// Only with real clients
    #[arg(long)]
    real_only: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let command = async {
        match Arguments::parse().command {
            Command::Reconnect(options) => run_reconnect(options).await,
            Command::Herd(options) => run_herd(options).await,
            Command::Centrifugo { listen, token_ttl } => {
                let ready = || print(&format!("listening on {listen}"));
                centrifugo::serve(listen, token_ttl, ready).await
            }
        }
    };
    // What was started is stopped when the command is dropped.
    let done = tokio::select! {
        done = command => done,
        done = interrupted() => done,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("offhook-bench: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn run_reconnect(asked: Reconnect) -> Result<()> {
    let or_all = |few: usize, many: usize| if asked.quick { few } else { many };
    let options = reconnect::Options {
        calls: asked.calls.unwrap_or(or_all(5, 20)),
        rounds: asked.rounds.unwrap_or(or_all(1, 2)),
        flapping: Duration::from_secs(if asked.quick { 20 } else { 120 }),
        patience: Duration::from_secs(if asked.quick { 40 } else { 60 }),
        faults: some_or(asked.faults, &Fault::ALL),
        clients: some_or(asked.clients, &Client::ALL),
    };
    let report = reconnect::run(&options, say).await?;
    if asked.json {
        print(&serde_json::to_string_pretty(&report)?);
    } else {
        print(&report.table());
    }
    Ok(())
}

async fn run_herd(asked: Herd) -> Result<()> {
    let mut herds = Vec::new();
    if !asked.real_only {
        for loss in [Loss::Break, Loss::GoAway, Loss::Refused] {
            for client in [Client::Offhook, Client::Naive] {
                say(&format!("{}, {}, simulated", loss.name(), client.name()));
                herds.push(herd::simulate(client, loss, asked.clients, SEED));
            }
        }
    }
    if !asked.sim_only {
        for loss in [Loss::Crash, Loss::Break] {
            for client in [Client::Offhook, Client::Naive] {
                say(&format!("{}, {}, real", loss.name(), client.name()));
                match herd::run(client, loss, asked.clients, say).await {
                    Ok(herd) => herds.push(herd),
                    Err(error) => say(&format!("left out: {error:#}")),
                }
            }
        }
    }
    if asked.json {
        print(&serde_json::to_string_pretty(&herds)?);
    } else {
        print(&herd::table(&herds));
    }
    Ok(())
}

/// Ready when the program is asked to stop.
async fn interrupted() -> Result<()> {
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminated.recv() => {}
    }
    bail!("interrupted")
}

fn some_or<T: Clone>(asked: Vec<T>, all: &[T]) -> Vec<T> {
    if asked.is_empty() {
        all.to_vec()
    } else {
        asked
    }
}

#[expect(clippy::print_stdout, reason = "the results are what it is for")]
fn print(text: &str) {
    println!("{text}");
}

#[expect(clippy::print_stderr, reason = "whoever waits wants to know what for")]
fn say(text: &str) {
    eprintln!("{text}");
}
