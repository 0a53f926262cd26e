//! The variables through which a program finds a rig.

use std::ffi::{OsStr, OsString};
use std::process::Command;

/// Variables to set for a program, and those it must not inherit from the developer's session.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    variables: Vec<(&'static str, Option<OsString>)>,
}

impl Environment {
    /// Nothing changed.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With one variable set.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl AsRef<OsStr>) -> Self {
        self.variables.push((name, Some(value.as_ref().to_owned())));
        self
    }

    /// With one variable taken away.
    #[must_use]
    pub fn without(mut self, name: &'static str) -> Self {
        self.variables.push((name, None));
        self
    }

    /// Both; what `other` says counts where they differ.
    #[must_use]
    pub fn and(mut self, other: &Environment) -> Self {
        self.variables.extend(other.variables.iter().cloned());
        self
    }

    /// Gives the variables to a command.
    pub fn apply(&self, command: &mut Command) {
        for (name, value) in &self.variables {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
    }
}
