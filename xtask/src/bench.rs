//! Comparing Offhook's client with others: builds what that takes and starts it.

use std::env;
use std::ffi::OsString;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, ensure};
use clap::{Args, Subcommand};

use crate::clock::{Stopwatch, spoken};
use crate::packages::Purpose;
use crate::{cargo, node, paths, say, setup};

/// The programs it takes, by their packages.
const PACKAGES: [&str; 2] = ["offhook-bench", "offhook-bridge"];

#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    comparison: Comparison,
    /// Build without optimisation: sooner built, slower in what it measures
    #[arg(long, global = true)]
    dev: bool,
}

#[derive(Debug, Subcommand)]
enum Comparison {
    /// Break the calls of each client in the same ways, and see how soon and how whole they are back
    ///
    /// Offhook's client, the naive one that most write by hand, and npm's partysocket and
    /// centrifuge make calls through a relay that breaks connections in nine ways. Takes about
    /// 20 minutes, with --quick about 7. docs/bench.md says what each figure means.
    Reconnect(Reconnect),
    /// Drop ten thousand clients at once, and see how hard they come back, and how soon
    ///
    /// Simulated, and with real clients at a real bridge on this machine, which takes some
    /// 10,000 open files in each of two processes. docs/bench.md says what each figure means.
    Herd(Herd),
}

#[derive(Debug, Args)]
struct Reconnect {
    /// Fewer calls, and a server that flaps for 20 s instead of two minutes
    #[arg(long)]
    quick: bool,
    /// Print JSON, every call's figures included
    #[arg(long)]
    json: bool,
    /// Further options of offhook-bench, after --: --fault, --client, --calls, --rounds
    #[arg(last = true)]
    further: Vec<OsString>,
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

/// Runs a comparison.
pub(crate) fn bench(options: &Options) -> Result<ExitCode> {
    // Ctrl-C goes to the whole foreground group: the comparison stops what it started, and this
    // program waits for it.
    ctrlc::set_handler(|| {}).context("Ctrl-C cannot be caught")?;
    setup::setup(Purpose::Headless)?;
    if matches!(options.comparison, Comparison::Reconnect(_)) {
        node::check()?;
        node::install_if_stale(&paths::root().join("bench").join("js"))?;
    }
    build(options.dev)?;
    let profile = if options.dev { "debug" } else { "release" };
    let name = format!("{}{}", PACKAGES[0], env::consts::EXE_SUFFIX);
    let mut command = Command::new(paths::target().join(profile).join(name));
    cargo::inside_repository(&mut command);
    command.args(options.comparison.arguments());
    let status = command.status().context("offhook-bench did not start")?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

fn build(dev: bool) -> Result<()> {
    say::note("building what is compared (the first time takes several minutes)");
    let mut build = cargo::cargo(["build"]);
    for package in PACKAGES {
        build.args(["--package", package]);
    }
    if !dev {
        build.arg("--release");
    }
    let watch = Stopwatch::start();
    let status = build.status().context("cargo did not start")?;
    ensure!(status.success(), "the build failed ({status})");
    say::note(&format!("built in {}", spoken(watch.elapsed())));
    Ok(())
}

impl Comparison {
    fn arguments(&self) -> Vec<OsString> {
        let flag = |is_set: bool, flag: &str| is_set.then(|| OsString::from(flag));
        match self {
            Self::Reconnect(reconnect) => {
                let flags = [
                    flag(reconnect.quick, "--quick"),
                    flag(reconnect.json, "--json"),
                ];
                let flags = flags.into_iter().flatten();
                let further = reconnect.further.iter().cloned();
                [OsString::from("reconnect")]
                    .into_iter()
                    .chain(flags)
                    .chain(further)
                    .collect()
            }
            Self::Herd(herd) => {
                let flags = [
                    flag(herd.sim_only, "--sim-only"),
                    flag(herd.real_only, "--real-only"),
                    flag(herd.json, "--json"),
                ];
                let flags = flags.into_iter().flatten();
                let clients = format!("--clients={}", herd.clients).into();
                [OsString::from("herd"), clients]
                    .into_iter()
                    .chain(flags)
                    .collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_is_passed_on() {
        let reconnect = Comparison::Reconnect(Reconnect {
            quick: true,
            json: false,
            further: vec!["--calls".into(), "3".into()],
        });
        assert_eq!(
            reconnect.arguments(),
            ["reconnect", "--quick", "--calls", "3"]
        );
        let herd = Comparison::Herd(Herd {
            clients: 7,
            sim_only: false,
            real_only: true,
            json: true,
        });
        assert_eq!(
            herd.arguments(),
            ["herd", "--clients=7", "--real-only", "--json"]
        );
    }
}
