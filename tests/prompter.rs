//! What asks for the keyring's password, and the person in front of it: gcr-prompter and xdotool.

use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::bus::Bus;
use crate::clock::wait_until;
use crate::display::Display;
use crate::program::Program;

/// How long a window may take to come or to go.
const PATIENCE: Duration = Duration::from_secs(20);
/// The prompter's name on a bus.
const NAME: &str = "org.gnome.keyring.SystemPrompter";
/// Where Debian's package gcr has it.
const PATH: &str = "/usr/libexec/gcr-prompter";
/// What its window is called, whatever it asks to unlock.
const TITLE: &str = "^Unlock";

/// A prompter with a display of its own.
#[derive(Debug)]
pub struct Prompter {
    // Before the display, so that it ends first.
    program: Program,
    display: Display,
}

impl Prompter {
    /// Starts one on a bus.
    ///
    /// # Errors
    /// When gcr-prompter or Xvfb is not installed or does not start.
    pub fn start(bus: &Bus) -> Result<Self> {
        let display = Display::start()?;
        let mut command = Command::new(PATH);
        bus.environment()
            .and(&display.environment())
            // There is no bus for screen readers.
            .with("NO_AT_BRIDGE", "1")
            .apply(&mut command);
        let program = Program::start(&mut command)?;
        wait_until("the prompter", PATIENCE, || match bus.has(NAME) {
            Ok(there) => there.then_some(Ok(())),
            Err(error) => Some(Err(error)),
        })??;
        Ok(Self { program, display })
    }

    /// Waits for the question.
    ///
    /// # Errors
    /// When it does not come.
    pub fn wait(&self) -> Result<()> {
        self.wait_for(true)
    }

    /// Waits for the question and types an answer.
    ///
    /// # Errors
    /// When it does not come, or does not go.
    pub fn answer(&self, password: &str) -> Result<()> {
        self.wait()?;
        self.xdotool(&["type", password])?;
        self.xdotool(&["key", "Return"])?;
        self.wait_for(false)
    }

    /// Waits for the question and dismisses it.
    ///
    /// # Errors
    /// When it does not come, or does not go.
    pub fn dismiss(&self) -> Result<()> {
        self.wait()?;
        self.xdotool(&["key", "Escape"])?;
        self.wait_for(false)
    }

    fn wait_for(&self, shown: bool) -> Result<()> {
        let what = if shown { "a question" } else { "its end" };
        wait_until(what, PATIENCE, || {
            // It finds nothing: that is an exit status of 1.
            let found = self.xdotool(&["search", "--onlyvisible", "--name", TITLE]);
            (found.is_ok() == shown).then_some(())
        })
    }

    fn xdotool(&self, arguments: &[&str]) -> Result<()> {
        let mut command = Command::new("xdotool");
        self.display.environment().apply(&mut command);
        let mut tool = Program::start(command.args(arguments))?;
        let status = tool.exit(PATIENCE)?;
        ensure!(
            status.success(),
            "xdotool: {}; the prompter says: {}",
            tool.complaints(),
            self.program.complaints()
        );
        Ok(())
    }
}
