//! A session bus of its own: dbus-daemon.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::environment::Environment;
use crate::program::Program;
use crate::scratch::Scratch;

/// How long the bus may take to start; a fraction of a second is usual.
const START: Duration = Duration::from_secs(20);

/// A bus where everybody may say everything, and that starts nothing.
const CONFIG: &str = r#"<busconfig>
  <type>session</type>
  <listen>unix:path=SOCKET</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#;

/// A session bus that only the test's programs know.
#[derive(Debug)]
pub struct Bus {
    address: String,
    _daemon: Program,
    // Holds the socket of a bus with a configuration of its own.
    _scratch: Option<Scratch>,
}

impl Bus {
    /// Starts one.
    ///
    /// # Errors
    /// When dbus-daemon is not installed or does not start.
    pub fn start() -> Result<Self> {
        Self::start_with("--session".as_ref(), None)
    }

    /// Starts one that starts nothing itself: what is not running on it is not there. A session's
    /// bus would start what this machine happens to have installed.
    ///
    /// # Errors
    /// When dbus-daemon is not installed or does not start.
    pub fn without_services() -> Result<Self> {
        let scratch = Scratch::new("bus")?;
        let config = scratch.path().join("bus.conf");
        let text = CONFIG.replace("SOCKET", &scratch.path().join("bus").to_string_lossy());
        fs::write(&config, text)?;
        let mut option = OsString::from("--config-file=");
        option.push(&config);
        Self::start_with(&option, Some(scratch))
    }

    fn start_with(config: &OsStr, scratch: Option<Scratch>) -> Result<Self> {
        let mut command = Command::new("dbus-daemon");
        command
            .arg(config)
            .args(["--print-address=1", "--nofork", "--nopidfile"]);
        let daemon = Program::start(&mut command)?;
        let address = daemon.line("the bus's address", START, |line| line.contains('='))?;
        Ok(Self {
            address,
            _daemon: daemon,
            _scratch: scratch,
        })
    }

    /// Whether a program owns this name on the bus.
    ///
    /// # Errors
    /// When dbus-send is not installed or the bus does not answer.
    pub fn has(&self, name: &str) -> Result<bool> {
        let mut command = Command::new("dbus-send");
        self.environment().apply(&mut command);
        command.args([
            "--print-reply",
            "--dest=org.freedesktop.DBus",
            "/org/freedesktop/DBus",
            "org.freedesktop.DBus.NameHasOwner",
        ]);
        let mut asking = Program::start(command.arg(format!("string:{name}")))?;
        let status = asking.exit(START)?;
        ensure!(status.success(), "{}", asking.complaints());
        Ok(asking.lines().iter().any(|line| line.contains("true")))
    }

    /// What a program needs to find the bus.
    #[must_use]
    pub fn environment(&self) -> Environment {
        Environment::new().with("DBUS_SESSION_BUS_ADDRESS", &self.address)
    }
}
