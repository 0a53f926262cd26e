//! Runs whole calls in virtual time over a network that fails.

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::thread;

use anyhow::Context as _;
use clap::Parser;
use offhook_sim::{Options, run};

/// Simulated calls: both ends of a session, an upstream and a network that fails, from a seed.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
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

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let options = Options {
        calls: arguments.calls,
        seed: arguments.seed,
        threads: arguments.threads.unwrap_or(cores),
        only: arguments.call,
        log: arguments.log,
    };
    let mut out = io::stdout().lock();
    let held = run(options, &mut out).context("what came of it cannot be printed")?;
    out.flush()?;
    Ok(if held {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_arguments_are_well_formed() {
        super::Arguments::command().debug_assert();
    }
}
