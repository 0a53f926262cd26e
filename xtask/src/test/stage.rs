//! One stage of the test run: a name, what it needs, and the commands it is made of.

use std::fmt;
use std::process::Command;
use std::time::Duration;

/// What a stage runs.
pub(super) type Commands = Box<dyn Fn() -> Vec<Command> + Send + Sync>;

/// One line of the test run.
pub(super) struct Stage {
    /// What the developer calls it, and its log.
    pub(super) name: String,
    /// What it finds out, in a few words.
    pub(super) checks: String,
    /// The stages without whose success it makes no sense.
    pub(super) needs: &'static [&'static str],
    /// How long all its commands together may take; a hang fails, it does not wait for CI to
    /// give up.
    pub(super) limit: Duration,
    /// Whether it is made of tests, which are counted and of which there must be some.
    pub(super) has_tests: bool,
    /// Whether it may run while another does: it neither measures how long something takes nor
    /// needs what there is one of.
    pub(super) beside: bool,
    /// Whether it takes all the processor there is, and so has to leave it to those beside it.
    pub(super) hungry: bool,
    /// Its commands, put together when it is its turn: each must succeed for the next to run.
    pub(super) commands: Commands,
}

impl fmt::Debug for Stage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Stage")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Stage {
    /// A check that passes or fails as a whole, within `minutes`.
    pub(super) fn check(
        name: &str,
        checks: &str,
        minutes: u64,
        commands: impl Fn() -> Vec<Command> + Send + Sync + 'static,
    ) -> Self {
        Self {
            name: name.to_owned(),
            checks: checks.to_owned(),
            needs: &[],
            limit: Duration::from_secs(60 * minutes),
            has_tests: false,
            beside: false,
            hungry: false,
            commands: Box::new(commands),
        }
    }

    /// A run of tests, which are counted.
    pub(super) fn tests(
        name: &str,
        checks: &str,
        minutes: u64,
        commands: impl Fn() -> Vec<Command> + Send + Sync + 'static,
    ) -> Self {
        Self {
            has_tests: true,
            ..Self::check(name, checks, minutes, commands)
        }
    }

    /// The same stage, run only if these passed.
    pub(super) fn after(self, needs: &'static [&'static str]) -> Self {
        Self { needs, ..self }
    }

    /// The same stage, which may run while another does.
    pub(super) fn beside(self) -> Self {
        Self {
            beside: true,
            ..self
        }
    }

    /// The same stage, which leaves the processor to those beside it.
    pub(super) fn hungry(self) -> Self {
        Self {
            hungry: true,
            ..self.beside()
        }
    }
}
