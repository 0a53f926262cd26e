//! Tools of cargo's that are kept in the build folder, so that everyone uses the same version.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use crate::{cargo, paths};

/// A subcommand of cargo's, by the name of its package.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tool {
    pub(crate) package: &'static str,
    /// What it is called with to say its version.
    pub(crate) asked: &'static [&'static str],
    /// The version that is installed and used.
    pub(crate) version: &'static str,
}

impl Tool {
    /// Where it is, once it is installed.
    pub(crate) fn binary(self) -> PathBuf {
        let name = format!("{}{}", self.package, env::consts::EXE_SUFFIX);
        paths::tools().join("bin").join(name)
    }

    /// The version in the build folder, if there is one.
    pub(crate) fn installed_version(self) -> Option<String> {
        let output = Command::new(self.binary()).args(self.asked).output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let version = text.trim().strip_prefix(self.package)?;
        Some(version.trim_start().to_owned())
    }

    /// What installs it, unless it is there.
    pub(crate) fn install(self) -> Option<Command> {
        if self.installed_version().as_deref() == Some(self.version) {
            return None;
        }
        // Unoptimised: it compiles in a fifth of the time, and its own work is short.
        let mut install = cargo::cargo(["install", "--locked", "--debug", "--force", "--root"]);
        install
            .arg(paths::tools())
            .arg(format!("{}@{}", self.package, self.version));
        Some(install)
    }
}
