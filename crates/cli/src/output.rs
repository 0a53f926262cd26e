//! What a call looks like in a terminal: lines for people, or JSON for programs.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is what the command prints"
)]

mod json;
mod line;
mod live;

use std::fmt::Display;
use std::io::{IsTerminal, stderr};
use std::time::Duration;

use offhook_phone::{EntryStatus, Message, TranscriptEntry};

use json::Json;
use live::Live;

/// Shows what happens.
pub(crate) enum Output {
    /// One JSON object a line.
    Json(Box<Json>),
    /// The transcript, and a line that changes in place where there is a terminal.
    Live(Box<Live>),
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        if json {
            Self::Json(Box::default())
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
                let shown = live.show(now, message);
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

/// Whether nothing more will come of a line of the conversation that could be shown. What broke off
/// before it had a text may still be heard again.
fn is_finished(entry: &TranscriptEntry) -> bool {
    match entry.status {
        EntryStatus::Growing => false,
        EntryStatus::BrokenOff => !entry.text.is_empty() || entry.spoken_ms.is_some(),
        EntryStatus::Complete | EntryStatus::Interrupted => true,
    }
}

/// Says what went wrong.
pub(crate) fn complain(error: &impl Display) {
    eprintln!("offhook: {error}");
}
