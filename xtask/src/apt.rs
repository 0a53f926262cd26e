//! Debian's and Ubuntu's packages: which are missing, and installing them in one go.

use std::fs;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{paths, say};

/// Whether this system installs its packages with apt.
pub(crate) fn is_used_here() -> bool {
    fs::read_to_string("/etc/os-release").is_ok_and(|text| descends_from_debian(&text))
        && paths::program("apt-get").is_some()
}

/// The packages of `wanted` that are not installed.
pub(crate) fn missing<'a>(wanted: &[&'a str]) -> Result<Vec<&'a str>> {
    // The exit code is 1 as soon as one name is unknown: only the list counts.
    let output = Command::new("dpkg-query")
        .args(["--show", "--showformat", "${Package} ${db:Status-Status}\n"])
        .args(wanted)
        .stderr(Stdio::null())
        .output()
        .context("dpkg-query could not be started")?;
    let listing = String::from_utf8_lossy(&output.stdout);
    Ok(not_installed(wanted, &listing))
}

/// The major version of a package that apt would install, if there is one.
pub(crate) fn candidate_major(package: &str) -> Option<u32> {
    let output = Command::new("apt-cache")
        .args(["policy", package])
        .env("LC_ALL", "C")
        .output();
    major_of_candidate(&String::from_utf8_lossy(&output.ok()?.stdout))
}

/// Installs packages, asking for the password through sudo where this is not root.
pub(crate) fn install(packages: &[&str]) -> Result<()> {
    let list = packages.join(" ");
    say::step(&format!("installing {list}"));
    apt_get(&["update"]).with_context(|| by_hand(&list))?;
    // Never remove: PipeWire's ALSA plug-in and PulseAudio exclude each other on some systems,
    // and a developer's sound is not ours to take away.
    apt_get(
        &[
            &["install", "-y", "--no-install-recommends", "--no-remove"],
            packages,
        ]
        .concat(),
    )
    .with_context(|| by_hand(&list))
}

/// Asks for sudo's password now, while someone looks at the terminal.
pub(crate) fn authorise(packages: &[&str]) -> Result<()> {
    if packages.is_empty() || is_root() {
        return Ok(());
    }
    let list = packages.join(" ");
    ensure!(
        paths::program("sudo").is_some(),
        "sudo is not installed; {}",
        by_hand(&list)
    );
    say::line(&format!("sudo is needed to install {list}"));
    let status = Command::new("sudo")
        .arg("--validate")
        .status()
        .context("sudo did not start")?;
    ensure!(status.success(), "sudo was refused; {}", by_hand(&list));
    Ok(())
}

fn apt_get(arguments: &[&str]) -> Result<()> {
    let settings = [
        "DEBIAN_FRONTEND=noninteractive",
        "apt-get",
        "-o",
        "DPkg::Lock::Timeout=120",
    ];
    let mut command = if is_root() {
        Command::new("env")
    } else if paths::program("sudo").is_some() {
        let mut sudo = Command::new("sudo");
        sudo.arg("env");
        sudo
    } else {
        bail!("this is not root, and sudo is not installed");
    };
    let status = command
        .args(settings)
        .args(arguments)
        .status()
        .context("apt-get did not start")?;
    ensure!(
        status.success(),
        "apt-get {} failed ({status})",
        arguments[0]
    );
    Ok(())
}

fn is_root() -> bool {
    Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|output| output.stdout == b"0\n")
}

fn by_hand(list: &str) -> String {
    format!("install as root: apt-get install --no-install-recommends {list}")
}

fn descends_from_debian(os_release: &str) -> bool {
    os_release
        .lines()
        .filter_map(|line| line.split_once('='))
        .filter(|(key, _)| ["ID", "ID_LIKE"].contains(key))
        .flat_map(|(_, value)| value.trim_matches('"').split_whitespace())
        .any(|id| ["debian", "ubuntu"].contains(&id))
}

fn not_installed<'a>(wanted: &[&'a str], listing: &str) -> Vec<&'a str> {
    let installed: Vec<&str> = listing
        .lines()
        .filter_map(|line| line.strip_suffix(" installed"))
        .collect();
    wanted
        .iter()
        .copied()
        .filter(|name| !installed.contains(name))
        .collect()
}

fn major_of_candidate(policy: &str) -> Option<u32> {
    let version = policy
        .lines()
        .find_map(|line| line.trim().strip_prefix("Candidate: "))?;
    let upstream = version
        .split_once(':')
        .map_or(version, |(_epoch, rest)| rest);
    upstream.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debian_and_its_children_are_recognised() {
        assert!(descends_from_debian("NAME=x\nID=debian\n"));
        assert!(descends_from_debian("ID=pop\nID_LIKE=\"ubuntu debian\"\n"));
        assert!(!descends_from_debian("ID=fedora\nHOME_URL=\"debian\"\n"));
    }

    #[test]
    fn a_package_that_was_removed_but_not_purged_is_missing() {
        let listing = "xvfb installed\nxauth config-files\n";
        assert_eq!(
            not_installed(&["xvfb", "xauth", "sox"], listing),
            ["xauth", "sox"]
        );
    }

    #[test]
    fn the_candidates_major_version_ignores_the_epoch() {
        assert_eq!(
            major_of_candidate("nodejs:\n  Candidate: 18.20.4+dfsg-1\n"),
            Some(18)
        );
        assert_eq!(major_of_candidate("  Candidate: 1:22.3\n"), Some(22));
        assert_eq!(major_of_candidate("  Candidate: (none)\n"), None);
    }
}
