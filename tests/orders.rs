//! A program that does what it reads: an order a line, and a numbered answer a line.

use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::environment::Environment;
use crate::program::Program;

/// How long an answer may take, prompts and slow passphrases included.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program of `tests/bin`, which never says a secret.
#[derive(Debug)]
pub struct Orders {
    program: Program,
    asked: usize,
    answered: usize,
}

impl Orders {
    /// Starts a program in these surroundings.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(command: &mut Command, environment: &Environment) -> Result<Self> {
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

    /// Waits until it ends by itself.
    ///
    /// # Errors
    /// When it still runs after a minute.
    pub fn end(&mut self) -> Result<ExitStatus> {
        self.program.exit(PATIENCE)
    }

    /// All that it has said so far, on both of its outputs.
    #[must_use]
    pub fn said(&self) -> String {
        self.program.lines().join("\n") + &self.program.complaints()
    }
}
