//! The one place that prints: lines for the developer at the terminal.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool talks through its terminal; no other module here prints"
)]

use std::io::Write as _;

/// Prints one line.
pub(crate) fn line(text: &str) {
    // A terminal that went away is no reason to leave what runs alone.
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Announces a step of a longer command.
pub(crate) fn step(text: &str) {
    println!("==> {text}");
}

/// Announces a step of a command whose standard output is for programs.
pub(crate) fn note(text: &str) {
    eprintln!("==> {text}");
}

/// Says on standard error why a command failed.
pub(crate) fn error(text: &str) {
    eprintln!("error: {text}");
}
