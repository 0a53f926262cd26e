//! What a call looks like in a terminal: lines for people, or JSON for programs.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is what the command prints"
)]

mod json;
mod live;

use std::fmt::Display;
use std::io::{IsTerminal, stderr};
use std::time::Duration;

use offhook_phone::Message;

use json::Json;
use live::Live;

/// Shows what happens.
pub(crate) enum Output {
    /// One JSON object a line.
    Json(Json),
    /// The transcript, and a line that changes in place where there is a terminal.
    Live(Box<Live>),
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        if json {
            Self::Json(Json::default())
        } else {
            Self::Live(Box::new(Live::new(stderr().is_terminal())))
        }
    }

    pub(crate) fn show(&mut self, now: Duration, message: &Message) {
        match self {
            Self::Json(json) => {
                for line in json.lines(now, message) {
                    println!("{line}");
                }
            }
            Self::Live(live) => {
                let shown = live.show(message);
                if shown.clear {
                    eprint!("\r\x1b[K");
                }
                for line in shown.lines {
                    println!("{line}");
                }
                if let Some(status) = shown.status {
                    eprint!("{status}");
                }
            }
        }
    }
}

/// Says what went wrong.
pub(crate) fn complain(error: &impl Display) {
    eprintln!("offhook: {error}");
}
