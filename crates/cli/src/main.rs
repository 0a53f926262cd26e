//! Offhook's command line: the same engine without a window.

mod accounts;
mod args;
mod call;
mod clock;
mod conductor;
mod devices;
mod output;
#[cfg(test)]
mod snapshots;

use std::io::{IsTerminal, stderr};
use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, fmt};

use args::{Args, Command};

/// What a command that could not do its work exits with; clap exits with 2 for wrong usage.
const FAILED: u8 = 1;

fn main() -> ExitCode {
    let args = Args::parse();
    // A person wants the call, not the log, and what went wrong in one sentence: the verifier's own
    // line about a certificate says again what ours does. RUST_LOG says otherwise.
    let quiet = || EnvFilter::new("error,rustls_platform_verifier=off,pulseaudio=off");
    tracing_subscriber::registry()
        .with(EnvFilter::try_from_default_env().unwrap_or_else(|_| quiet()))
        .with(filter_fn(offhook_phone::is_harmless))
        .with(
            fmt::layer()
                .with_ansi(stderr().is_terminal())
                .with_writer(stderr),
        )
        .init();

    let done = match args.command {
        Command::Call(call) => call::run(call),
        Command::Devices(devices) => devices::run(&devices),
        Command::Login(login) => accounts::login::run(&login),
        Command::Logout(logout) => accounts::logout::run(&logout),
        Command::Status(status) => accounts::status::run(&status),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::complain(&error);
            ExitCode::from(FAILED)
        }
    }
}
