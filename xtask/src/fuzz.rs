//! Looking for bytes that break the wire's decoders or a session, with cargo-fuzz.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, ensure};
use clap::Args;

use crate::tool::Tool;
use crate::{cargo, paths, say};

/// What runs the targets.
const CARGO_FUZZ: Tool = Tool {
    package: "cargo-fuzz",
    asked: &["fuzz", "--version"],
    version: "0.13.2",
};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The target; all of them, one after the other, if none is named
    target: Option<String>,
    /// How long to look with each target
    #[arg(long = "for", value_name = "SECONDS", default_value_t = 60)]
    seconds: u32,
}

/// Runs one target or all of them, until one finds a fault.
pub(crate) fn fuzz(options: &Options) -> Result<ExitCode> {
    let targets = chosen(targets()?, options.target.as_deref())?;
    if let Some(mut install) = CARGO_FUZZ.install() {
        say::step("installing cargo-fuzz");
        let status = install.status().context("cargo did not start")?;
        ensure!(
            status.success(),
            "cargo-fuzz could not be installed ({status})"
        );
    }
    for target in targets {
        say::step(&format!("{target}, for {} s", options.seconds));
        let found = corpus(&target);
        for folder in [&found, &artifacts()] {
            fs::create_dir_all(folder).with_context(|| paths::shown(folder))?;
        }
        let mut run = run(&target, options.seconds);
        let status = run.status().context("cargo-fuzz did not start")?;
        if !status.success() {
            say::error(&format!(
                "{target} found a fault: the input is in {}; add it to fuzz/corpus/{target} with \
                 the change that mends it",
                paths::shown(&artifacts())
            ));
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The names of the targets: those of their files.
fn targets() -> Result<Vec<String>> {
    let folder = paths::root().join("fuzz").join("fuzz_targets");
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| paths::shown(&folder))? {
        let path = entry?.path();
        if let Some(name) = path.file_stem().filter(|_| path.extension().is_some()) {
            names.push(name.to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

fn chosen(targets: Vec<String>, wanted: Option<&str>) -> Result<Vec<String>> {
    let Some(wanted) = wanted else {
        return Ok(targets);
    };
    ensure!(
        targets.iter().any(|target| target == wanted),
        "there is no target {wanted}; there are {}",
        targets.join(", ")
    );
    Ok(vec![wanted.to_owned()])
}

/// What is found goes to the build folder; what is committed is only read.
fn run(target: &str, seconds: u32) -> Command {
    let mut run = Command::new(CARGO_FUZZ.binary());
    cargo::inside_repository(&mut run);
    // No sanitizer: unsafe code is forbidden, and without one it is several times as fast.
    run.args(["fuzz", "run", "--sanitizer", "none", "--target-dir"])
        .arg(folder().join("build"))
        .arg(target)
        .arg(corpus(target))
        .arg(paths::root().join("fuzz").join("corpus").join(target))
        .arg("--")
        .arg(format!("-max_total_time={seconds}"))
        .arg("-timeout=30")
        .arg(format!("-artifact_prefix={}", artifacts().display()))
        // The compiler's flags for coverage are not stable, the compiler itself is.
        .env("RUSTC_BOOTSTRAP", "1");
    run
}

fn folder() -> PathBuf {
    paths::root().join("target").join("fuzz")
}

fn corpus(target: &str) -> PathBuf {
    folder().join("corpus").join(target)
}

/// Where inputs that show a fault are put: a folder, with the separator at its end.
fn artifacts() -> PathBuf {
    folder().join("artifacts").join("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_targets_are_found_and_a_wrong_name_is_an_error() {
        let all = targets().unwrap();
        assert!(all.contains(&"pair".to_owned()), "{all:?}");
        assert_eq!(chosen(all.clone(), Some("pair")).unwrap(), ["pair"]);
        let error = chosen(all, Some("pear")).unwrap_err();
        assert!(error.to_string().contains("pear"), "{error}");
    }
}
