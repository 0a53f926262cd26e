//! Simulating calls: the session's machines over a network that fails, in virtual time.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Args;

use crate::cargo;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How many calls
    #[arg(long, default_value_t = 20_000)]
    calls: u64,
    /// Names the calls: the same seed, the same calls
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many threads; all cores if not given
    #[arg(long)]
    threads: Option<usize>,
    /// Only this one of the calls, with the end of its log
    #[arg(long, value_name = "NUMBER")]
    call: Option<u64>,
    /// With the whole log
    #[arg(long, requires = "call")]
    log: bool,
}

/// Builds the simulation and runs it.
pub(crate) fn sim(options: &Options) -> Result<ExitCode> {
    let mut run = cargo::cargo(["run", "--quiet", "--package", "offhook-sim", "--"]);
    run.args(options.arguments());
    let status = run.status().context("cargo did not start")?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

impl Options {
    fn arguments(&self) -> Vec<String> {
        let mut arguments = vec![
            format!("--calls={}", self.calls),
            format!("--seed={}", self.seed),
        ];
        arguments.extend(self.threads.map(|threads| format!("--threads={threads}")));
        arguments.extend(self.call.map(|call| format!("--call={call}")));
        if self.log {
            arguments.push("--log".to_owned());
        }
        arguments
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_replays_a_call_is_passed_on() {
        let options = Options {
            calls: 20_000,
            seed: 7,
            threads: None,
            call: Some(3),
            log: true,
        };
        let arguments = ["--calls=20000", "--seed=7", "--call=3", "--log"];
        assert_eq!(options.arguments(), arguments);
    }
}
