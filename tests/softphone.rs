//! Offhook's own programs under test: the command line in JSON, and a bridge beside it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::environment::Environment;
use crate::program::{Program, workspace_program};

/// How long a bridge may take to listen.
const START: Duration = Duration::from_secs(20);

/// Holds the access token of a bridge that is not for everyone.
pub const ACCESS_TOKEN: &str = "OFFHOOK_BRIDGE_ACCESS_TOKEN";

/// A file of the test data.
#[must_use]
pub fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("data")
        .join(name)
}

/// A bridge in a process of its own, on a free loopback port.
#[derive(Debug)]
pub struct Bridge {
    /// The process.
    pub program: Program,
    url: String,
}

impl Bridge {
    /// Starts one; with `access_token`, only for those who have it.
    ///
    /// # Errors
    /// When it is not built, or does not listen.
    pub fn start(access_token: Option<&str>) -> Result<Self> {
        let mut command = Self::command("127.0.0.1:0")?;
        if let Some(token) = access_token {
            command.env(ACCESS_TOKEN, token);
        }
        Self::run(&mut command)
    }

    /// The program, to listen on `address`, for anyone on this machine.
    ///
    /// # Errors
    /// When it is not built.
    pub fn command(address: &str) -> Result<Command> {
        let mut command = workspace_program("offhook-bridge")?;
        command.args(["serve", "--listen", address]);
        command.env_remove(ACCESS_TOKEN);
        Ok(command)
    }

    /// Starts it; `command` may run the program in a place of its own.
    ///
    /// # Errors
    /// When it does not listen.
    pub fn run(command: &mut Command) -> Result<Self> {
        let program = Program::start(command)?;
        let line = program.line("its address", START, |line| line.contains("listening on "))?;
        let url = line
            .split_whitespace()
            .last()
            .context("an address ends the line")?
            .to_owned();
        Ok(Self { program, url })
    }

    /// Where to call it.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

/// `offhook call --json`, running.
#[derive(Debug)]
pub struct Caller {
    /// The process.
    pub program: Program,
}

impl Caller {
    /// Starts a call.
    ///
    /// # Errors
    /// When the command line is not built.
    pub fn start(arguments: &[&str], environment: &Environment) -> Result<Self> {
        let mut command = workspace_program("offhook")?;
        command.args(["call", "--json"]).args(arguments);
        command
            .env_remove("OFFHOOK_ACCESS_TOKEN")
            .env_remove("OFFHOOK_API_KEY");
        environment.apply(&mut command);
        Ok(Self {
            program: Program::start(&mut command)?,
        })
    }

    /// Waits for an event for which `wanted` holds.
    ///
    /// # Errors
    /// When the time is over, or the call ends without it.
    pub fn event(
        &self,
        what: &str,
        limit: Duration,
        wanted: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        let line = self.program.line(what, limit, |line| {
            serde_json::from_str(line).is_ok_and(|event: Value| wanted(&event))
        })?;
        Ok(serde_json::from_str(&line)?)
    }

    /// Every event so far.
    ///
    /// # Errors
    /// When a line is not JSON.
    pub fn events(&self) -> Result<Vec<Value>> {
        let lines = self.program.lines();
        lines
            .iter()
            .map(|line| serde_json::from_str(line).with_context(|| line.clone()))
            .collect()
    }
}

/// Whether an event says that the call is in `state`.
#[must_use]
pub fn is_state(event: &Value, state: &str) -> bool {
    event["event"] == "call" && event["state"] == state
}

/// Whether an event says that the agent on a line that is up does `activity`.
#[must_use]
pub fn is_activity(event: &Value, activity: &str) -> bool {
    is_state(event, "live") && event["activity"] == activity
}
