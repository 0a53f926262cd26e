//! Node, npm, and the packages of the window's page, of the tests and of the benchmarks.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use crate::{cargo, paths, say};

/// The oldest Node the page's tools run on.
const OLDEST: (u32, u32) = (20, 19);

/// Node's version, as in `v20.20.2`.
///
/// # Errors
/// Where Node or npm is missing or too old, with what to do about it.
pub(crate) fn check() -> Result<String> {
    let advice = "install Node 20.19 or later with npm (nodejs.org has it for every system)";
    let Some(node) = paths::program("node") else {
        bail!("Node is missing: {advice}")
    };
    ensure!(paths::program("npm").is_some(), "npm is missing: {advice}");
    let output = Command::new(node)
        .arg("--version")
        .output()
        .context("node did not start")?;
    let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    ensure!(
        is_recent_enough(&version),
        "Node {version} is too old: {advice}"
    );
    Ok(version)
}

/// An npm command that runs in the page's folder.
pub(crate) fn npm<const N: usize>(arguments: [&str; N]) -> Command {
    npm_in(&paths::ui(), arguments)
}

fn npm_in<const N: usize>(folder: &Path, arguments: [&str; N]) -> Command {
    // npm is a script; on Windows only its full name, with the ending, can be started.
    let mut command = Command::new(paths::program("npm").unwrap_or_else(|| "npm".into()));
    cargo::inside_repository(&mut command);
    command.args(arguments).current_dir(folder);
    command
}

/// The command that installs exactly the packages locked in a folder, without asking anyone for
/// opinions.
pub(crate) fn install_command(folder: &Path) -> Command {
    let quiet = ["ci", "--no-audit", "--no-fund", "--no-update-notifier"];
    npm_in(folder, quiet)
}

/// Installs a folder's packages if they are missing or older than its lock file.
pub(crate) fn install_if_stale(folder: &Path) -> Result<()> {
    if is_installed(folder) {
        return Ok(());
    }
    say::step(&format!(
        "installing the packages of {}/",
        paths::shown(folder)
    ));
    let status = install_command(folder)
        .status()
        .context("npm did not start")?;
    ensure!(status.success(), "npm ci failed ({status})");
    Ok(())
}

/// Whether the packages installed in a folder are those of its lock file.
pub(crate) fn is_installed(folder: &Path) -> bool {
    let changed = |path: &str| fs::metadata(folder.join(path))?.modified();
    // npm writes its own lock file last of all.
    match (
        changed("node_modules/.package-lock.json"),
        changed("package-lock.json"),
    ) {
        (Ok(installed), Ok(locked)) => installed >= locked,
        _ => false,
    }
}

fn is_recent_enough(version: &str) -> bool {
    let mut numbers = version
        .trim_start_matches('v')
        .split('.')
        .map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= OLDEST,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_recent_enough;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(is_recent_enough("v20.19.0"));
        assert!(is_recent_enough("v100.1.0"));
        assert!(!is_recent_enough("v20.9.0"));
        assert!(!is_recent_enough("v18.20.4"));
        assert!(!is_recent_enough(""));
    }
}
