//! Offhook's command line: the same engine without a window.

mod args;
mod call;
mod clock;
mod conductor;
mod devices;
mod output;

use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use args::{Args, Command};

/// What a command that could not do its work exits with; clap exits with 2 for wrong usage.
const FAILED: u8 = 1;

fn main() -> ExitCode {
    let args = Args::parse();
    // Warnings by default: a person wants the call, not the log. RUST_LOG says otherwise.
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("error"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();

    let done = match args.command {
        Command::Call(call) => call::run(call),
        Command::Devices(devices) => devices::run(&devices),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::complain(&error);
            ExitCode::from(FAILED)
        }
    }
}
