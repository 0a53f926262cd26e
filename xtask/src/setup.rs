//! Making a fresh machine ready: installing what is missing, or saying what to install.

use std::process::{Command, Stdio};

use anyhow::{Result, bail, ensure};
use clap::Args;

use crate::packages::{Purpose, Trace};
use crate::{apt, node, packages, paths};

#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Options {
    /// What the machine should be ready for
    #[arg(long = "for", value_enum, default_value_t = Purpose::Test)]
    pub(crate) purpose: Purpose,
}

/// Makes this machine ready for `purpose`.
pub(crate) fn setup(purpose: Purpose) -> Result<()> {
    if apt::is_used_here() {
        let missing = missing_packages(purpose)?;
        if !missing.is_empty() {
            apt::install(&missing)?;
        }
    } else {
        let missing: Vec<String> = purpose
            .traces()
            .into_iter()
            .filter(|trace| !is_there(*trace))
            .map(named)
            .collect();
        ensure!(
            missing.is_empty(),
            "not found here: {}. Install {}",
            missing.join(", "),
            packages::advice()
        );
    }
    if purpose.needs_node() {
        node::check()?;
        node::install_if_stale(&paths::ui())?;
    }
    if purpose == Purpose::Test {
        node::install_if_stale(&paths::oidc())?;
        if cfg!(target_os = "linux") {
            browser()?;
        }
    }
    Ok(())
}

/// The Debian packages that [`setup`] would install now.
pub(crate) fn missing_packages(purpose: Purpose) -> Result<Vec<&'static str>> {
    let mut missing = apt::missing(&purpose.debian())?;
    if purpose.needs_node()
        && paths::program("node").is_none()
        && apt::candidate_major("nodejs").is_some_and(|major| major >= 20)
    {
        missing.extend(["nodejs", "npm"]);
    }
    Ok(missing)
}

/// The browser that the page's tests run in, and that people sign in with in tests.
pub(crate) fn browser() -> Result<std::path::PathBuf> {
    let Some(browser) = packages::BROWSERS
        .iter()
        .find_map(|name| paths::program(name))
    else {
        bail!("no browser for the tests: install Chromium or Google Chrome");
    };
    Ok(browser)
}

/// Whether something is installed, as far as can be seen from here.
pub(crate) fn is_there(trace: Trace) -> bool {
    match trace {
        Trace::Program(name) => paths::program(name).is_some(),
        Trace::Module(name) => Command::new("pkg-config")
            .args(["--exists", name])
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success()),
    }
}

/// What to call something in a message.
pub(crate) fn named(trace: Trace) -> String {
    match trace {
        Trace::Program(name) => name.to_owned(),
        Trace::Module(name) => format!("{name} (development files)"),
    }
}

/// Asks for the password that installing will need, while someone looks at the terminal.
pub(crate) fn authorise(purpose: Purpose) -> Result<()> {
    if apt::is_used_here() {
        apt::authorise(&missing_packages(purpose)?)
    } else {
        Ok(())
    }
}
