//! cargo-deny, kept in the build folder so that everyone checks with the same version.

use std::path::PathBuf;
use std::process::Command;

use crate::{cargo, paths};

/// The version that is installed and checked with.
const VERSION: &str = "0.20.2";

/// The commands that check licences, bans and sources, the first installing the tool if needed.
///
/// Advisories are left out: their database is a repository that has to be fetched, and a test
/// that fails because a network does teaches nobody anything.
pub(crate) fn commands() -> Vec<Command> {
    let mut commands = Vec::new();
    if installed_version().as_deref() != Some(VERSION) {
        commands.push(install());
    }
    let mut check = Command::new(binary());
    cargo::inside_repository(&mut check);
    check.args(["--workspace", "--all-features", "--locked", "check"]);
    check.args(["--hide-inclusion-graph", "bans", "licenses", "sources"]);
    commands.push(check);
    commands
}

/// The version in the build folder, if there is one.
pub(crate) fn installed_version() -> Option<String> {
    let output = Command::new(binary()).arg("--version").output().ok()?;
    Some(
        String::from_utf8_lossy(&output.stdout)
            .trim()
            .strip_prefix("cargo-deny ")?
            .to_owned(),
    )
}

fn install() -> Command {
    // Unoptimised: it compiles in a fifth of the time and still checks in a second.
    let mut install = cargo::cargo(["install", "--locked", "--debug", "--force", "--root"]);
    install
        .arg(paths::tools())
        .arg(format!("cargo-deny@{VERSION}"));
    install
}

fn binary() -> PathBuf {
    paths::tools()
        .join("bin")
        .join(format!("cargo-deny{}", std::env::consts::EXE_SUFFIX))
}
