//! Saying what is installed, what is missing, and which versions.

use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::packages::{Purpose, Trace};
use crate::{apt, deny, node, paths, say, setup};

/// Prints one line per thing; the exit code is 0 only if all of it is there.
pub(crate) fn doctor() -> Result<ExitCode> {
    let mut complete = true;
    let mut report = |name: &str, found: Option<String>| {
        complete &= found.is_some();
        say::line(&format!(
            "{name:<36} {}",
            found.as_deref().unwrap_or("MISSING")
        ));
    };

    report("cargo", version(Command::new("cargo")));
    report("rustc", version(Command::new("rustc")));
    report("node and npm", node::check().ok());
    report(
        "packages of ui/",
        node::is_installed(&paths::ui()).then(|| "as locked".to_owned()),
    );
    report(
        "packages of tests/oidc/",
        node::is_installed(&paths::oidc()).then(|| "as locked".to_owned()),
    );
    for trace in Purpose::Test.traces() {
        let found = match trace {
            Trace::Program(name) => paths::program(name).map(|path| path.display().to_string()),
            Trace::Module(name) => setup::is_there(trace).then(|| module_version(name)),
        };
        report(&setup::named(trace), found);
    }
    report(
        "browser",
        setup::browser().ok().map(|path| path.display().to_string()),
    );
    if apt::is_used_here() {
        let missing = setup::missing_packages(Purpose::Test)?;
        let found = missing.is_empty().then(|| "all installed".to_owned());
        report("Debian packages", found);
        if !missing.is_empty() {
            say::line(&format!("  to install: {}", missing.join(" ")));
        }
    }
    // Not counted: the tests install it themselves, and only the prompts need the last two.
    let deny = deny::CARGO_DENY
        .installed_version()
        .unwrap_or_else(|| "installed by the tests".to_owned());
    say::line(&format!("{:<36} {deny}", "cargo-deny"));
    for trace in Purpose::Prompts.traces() {
        let found = if setup::is_there(trace) {
            "found"
        } else {
            "installed by `prompts`"
        };
        say::line(&format!("{:<36} {found}", setup::named(trace)));
    }

    if complete {
        return Ok(ExitCode::SUCCESS);
    }
    say::line("`cargo xtask setup` installs what is missing, or says what to install.");
    Ok(ExitCode::FAILURE)
}

fn version(mut command: Command) -> Option<String> {
    let output = command
        .arg("--version")
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .next()
        .map(str::to_owned)
}

fn module_version(name: &str) -> String {
    let output = Command::new("pkg-config")
        .args(["--modversion", name])
        .output();
    output.map_or_else(
        |_| "found".to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}
