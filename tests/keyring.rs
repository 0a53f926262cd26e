//! A keyring of its own: gnome-keyring-daemon on a bus of its own.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::bus::Bus;
use crate::clock::wait_until;
use crate::environment::Environment;
use crate::program::Program;
use crate::scratch::Scratch;

/// What opens the keyring.
pub const PASSWORD: &str = "open sesame";

/// How long the daemon may take to start, to stop or to answer; a fraction of a second is usual.
const PATIENCE: Duration = Duration::from_secs(20);
/// The name of the Secret Service on a bus.
const NAME: &str = "org.freedesktop.secrets";

/// A user's keyring, whose daemon can be ended and started at will. It is on a bus that starts
/// nothing, so that a daemon that was ended stays away, and so does what asks for the password.
#[derive(Debug)]
pub struct Keyring {
    // Before the folders, so that they end in this order.
    daemon: Option<Program>,
    bus: Bus,
    scratch: Scratch,
}

impl Keyring {
    /// A new keyring, running and unlocked.
    ///
    /// # Errors
    /// When gnome-keyring-daemon or dbus-daemon is not installed or does not start.
    pub fn start() -> Result<Self> {
        let mut keyring = Self::stopped()?;
        keyring.run_unlocked()?;
        Ok(keyring)
    }

    /// A user who never had a keyring, without the daemon.
    ///
    /// # Errors
    /// When dbus-daemon is not installed or does not start.
    pub fn stopped() -> Result<Self> {
        let scratch = Scratch::new("keyring")?;
        for name in ["home", "run", "data"] {
            scratch.folder(name)?;
        }
        fs::write(scratch.path().join("password"), PASSWORD)?;
        Ok(Self {
            daemon: None,
            bus: Bus::without_services()?,
            scratch,
        })
    }

    /// Starts the daemon with the keyring unlocked; one that is not there yet is made.
    ///
    /// # Errors
    /// When the daemon is not installed or does not start.
    pub fn run_unlocked(&mut self) -> Result<()> {
        let password = File::open(self.scratch.path().join("password"))?;
        self.run(&["--unlock"], password.into())
    }

    /// Starts the daemon with the keyring as it is on the disk: locked.
    ///
    /// # Errors
    /// When the daemon is not installed or does not start.
    pub fn run_locked(&mut self) -> Result<()> {
        self.run(&[], Stdio::null())
    }

    /// Ends the daemon as a crash does. It must be running.
    ///
    /// # Errors
    /// When it was not running, or its name stays on the bus.
    pub fn kill(&mut self) -> Result<()> {
        ensure!(self.daemon.take().is_some(), "there is no daemon");
        self.wait_for(false)
    }

    /// Stops the daemon in its tracks: it answers nobody any more.
    ///
    /// # Errors
    /// When it is not running.
    pub fn freeze(&self) -> Result<()> {
        self.daemon.as_ref().context("there is no daemon")?.freeze()
    }

    /// Lets it go on after [`Keyring::freeze`].
    ///
    /// # Errors
    /// When it is not running.
    pub fn thaw(&self) -> Result<()> {
        self.daemon.as_ref().context("there is no daemon")?.thaw()
    }

    /// Runs `secret-tool`, a client of its own, with something on its standard input; returns all
    /// that it says.
    ///
    /// # Errors
    /// When secret-tool is not installed or does not end.
    pub fn tool(&self, arguments: &[&str], input: &str) -> Result<String> {
        let path = self.scratch.path().join("input");
        fs::write(&path, input)?;
        let mut command = Command::new("secret-tool");
        self.environment().apply(&mut command);
        let mut tool = Program::start_with(command.args(arguments), File::open(path)?)?;
        tool.exit(PATIENCE)?;
        Ok(tool.lines().join("\n") + &tool.complaints())
    }

    /// The bus it is on.
    #[must_use]
    pub fn bus(&self) -> &Bus {
        &self.bus
    }

    /// Where it is kept.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.scratch.path()
    }

    /// What a program needs to find this keyring, and no display.
    #[must_use]
    pub fn environment(&self) -> Environment {
        let folder = |name| self.scratch.path().join(name);
        self.bus
            .environment()
            .with("HOME", folder("home"))
            .with("XDG_RUNTIME_DIR", folder("run"))
            .with("XDG_DATA_HOME", folder("data"))
            .without("GNOME_KEYRING_CONTROL")
            .without("DISPLAY")
            .without("WAYLAND_DISPLAY")
    }

    fn run(&mut self, options: &[&str], input: Stdio) -> Result<()> {
        ensure!(self.daemon.is_none(), "the daemon is running");
        let mut command = Command::new("gnome-keyring-daemon");
        self.environment().apply(&mut command);
        command
            .args(["--foreground", "--components=secrets"])
            .args(options);
        self.daemon = Some(Program::start_with(&mut command, input)?);
        self.wait_for(true)
    }

    fn wait_for(&self, there: bool) -> Result<()> {
        wait_until("the keyring's name on the bus", PATIENCE, || {
            match self.bus.has(NAME) {
                Ok(found) => (found == there).then_some(Ok(())),
                Err(error) => Some(Err(error)),
            }
        })?
    }
}
