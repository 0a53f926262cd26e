//! A vault in a process of its own, whose surroundings a test chooses.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::environment::Environment;
use crate::program::{Program, workspace_program};

/// The variable with the passphrase of encrypted files.
pub const PASSPHRASE: &str = "SECRET_KEEPER_PASSPHRASE";

/// How long an answer may take, prompts and slow passphrases included.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program `secret-keeper`, which does as it is told and never says a secret.
#[derive(Debug)]
pub struct Keeper {
    program: Program,
    asked: usize,
    answered: usize,
}

impl Keeper {
    /// Starts one whose calls take no longer than `limit`.
    ///
    /// # Errors
    /// When it is not built or does not start.
    pub fn start(environment: &Environment, limit: Duration) -> Result<Self> {
        let mut command = workspace_program("secret-keeper")?;
        Self::run(command.arg(limit.as_millis().to_string()), environment)
    }

    /// Starts one that may write no more than 4 KiB to any file: then its disk is full.
    ///
    /// # Errors
    /// When it is not built or does not start.
    pub fn start_with_little_room(environment: &Environment, limit: Duration) -> Result<Self> {
        let program = workspace_program("secret-keeper")?;
        let mut shell = Command::new("sh");
        shell
            // Blocks of 512 bytes; without the signal it is an error like any other.
            .args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$@\"", "sh"])
            .arg(program.get_program())
            .arg(limit.as_millis().to_string());
        Self::run(&mut shell, environment)
    }

    fn run(command: &mut Command, environment: &Environment) -> Result<Self> {
        environment.apply(command);
        Ok(Self {
            program: Program::start_with(command, Stdio::piped())?,
            asked: 0,
            answered: 0,
        })
    }

    /// Tells it to do something and waits for what it says.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn ask(&mut self, order: &str) -> Result<String> {
        self.tell(order)?;
        self.answer()
    }

    /// Tells it to do something.
    ///
    /// # Errors
    /// When it is gone.
    pub fn tell(&mut self, order: &str) -> Result<()> {
        self.asked += 1;
        self.program.say(order)
    }

    /// Waits for what it says to the next order that was not answered yet.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn answer(&mut self) -> Result<String> {
        self.answered += 1;
        let number = format!("{} ", self.answered);
        let line = self
            .program
            .line("an answer", PATIENCE, |line| line.starts_with(&number))?;
        let answer = line.strip_prefix(&number).context("it was just there")?;
        Ok(answer.to_owned())
    }

    /// Ends it as a crash does.
    ///
    /// # Errors
    /// When it is not running any more.
    pub fn kill(&self) -> Result<()> {
        self.program.kill()
    }

    /// All that it has said so far, on both of its outputs.
    #[must_use]
    pub fn said(&self) -> String {
        self.program.lines().join("\n") + &self.program.complaints()
    }
}
