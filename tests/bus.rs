//! A session bus of its own: dbus-daemon.

use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use crate::environment::Environment;
use crate::program::Program;

/// How long the bus may take to start; a fraction of a second is usual.
const START: Duration = Duration::from_secs(20);

/// A session bus that only the test's programs know.
#[derive(Debug)]
pub struct Bus {
    address: String,
    _daemon: Program,
}

impl Bus {
    /// Starts one.
    ///
    /// # Errors
    /// When dbus-daemon is not installed or does not start.
    pub fn start() -> Result<Self> {
        let daemon = Program::start(Command::new("dbus-daemon").args([
            "--session",
            "--print-address=1",
            "--nofork",
            "--nopidfile",
        ]))?;
        let address = daemon.line("the bus's address", START, |line| line.contains('='))?;
        Ok(Self {
            address,
            _daemon: daemon,
        })
    }

    /// What a program needs to find the bus.
    #[must_use]
    pub fn environment(&self) -> Environment {
        Environment::new().with("DBUS_SESSION_BUS_ADDRESS", &self.address)
    }
}
