//! Which stages a test run has, in which order, and what each of them calls.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use super::stage::Stage;
use crate::{cargo, deny, node, paths, setup};

/// The package of the tests that cross a boundary.
const BOUNDARY: &str = "offhook-tests";

/// Those of its files whose tests measure time or sound, or use what there is one of: they run
/// alone, at the end.
const ALONE: [&str; 7] = [
    "accounts", "calls", "devices", "faults", "networks", "rigs", "window",
];

/// Those that take longest: begun first, so that nobody waits for them at the end.
const LONG: [&str; 1] = ["drills"];

/// Every stage: what is quick to check, what has to be built, the tests that may run side by side,
/// the longest first, and those that must be alone. Each file of boundary tests is a stage.
pub(super) fn stages() -> Result<Vec<Stage>> {
    let targets = test_targets()?;
    let mut stages = vec![
        Stage::check(
            "setup",
            "what building and testing needs is installed",
            20,
            || vec![this_program(&["setup", "--for", "test"])],
        ),
        install(
            "ui-install",
            "the page's packages are those of the lock file",
            paths::ui,
        ),
        install(
            "oidc-install",
            "the same for the provider that tests sign in at",
            paths::oidc,
        ),
        Stage::check("fmt", "Rust is formatted", 2, || {
            vec![cargo::cargo(["fmt", "--check"])]
        })
        .beside(),
        page("ui-lint", "ESLint and Prettier have nothing to say", "lint"),
        page(
            "bench-lint",
            "the same for the benchmarks' JavaScript",
            "lint:bench",
        ),
        page(
            "oidc-lint",
            "the same for the JavaScript of the tests",
            "lint:oidc",
        ),
        page("ui-types", "svelte-check and tsc find no error", "check"),
        Stage {
            has_tests: true,
            ..page("ui-unit", "unit tests of the page (Vitest)", "test")
        },
        page("ui-build", "the page builds", "build"),
        Stage::check(
            "deny",
            "licences, banned crates and sources (cargo-deny)",
            20,
            || deny::commands().into_iter().map(quiet).collect(),
        )
        .beside(),
        Stage::check("clippy", "Clippy has nothing to say", 45, || {
            let mut clippy = workspace("clippy");
            clippy.args(["--all-targets", "--", "-D", "warnings"]);
            vec![clippy]
        })
        .after(&["setup", "ui-build"]),
        Stage::check(
            "docs",
            "the documentation builds and its links hold",
            30,
            || {
                let mut doc = workspace("doc");
                doc.args(["--no-deps", "--document-private-items"])
                    .env("RUSTDOCFLAGS", "-D warnings");
                vec![doc]
            },
        )
        .after(&["setup", "ui-build"]),
        Stage::check("build", "every program and every test compiles", 60, || {
            let mut build = workspace("build");
            build.arg("--all-targets");
            vec![build]
        })
        .after(&["setup", "ui-build"]),
    ];
    let inside = names(&targets, |package| package != BOUNDARY);
    let boundaries = names(&targets, |package| package == BOUNDARY);
    let (long, short): (Vec<_>, Vec<_>) = boundaries
        .into_iter()
        .partition(|name| LONG.contains(&name.as_str()));
    let (alone, short): (Vec<_>, Vec<_>) = short
        .into_iter()
        .partition(|name| ALONE.contains(&name.as_str()));
    stages.push(sim());
    stages.extend(long.iter().map(|name| boundary(name).beside()));
    stages.push(unit(inside));
    stages.push(Stage {
        has_tests: true,
        ..page(
            "playwright",
            "the page in a browser over its scripted backend",
            "e2e",
        )
        .after(&["ui-build"])
        .hungry()
    });
    stages.extend(short.iter().map(|name| boundary(name).beside()));
    stages.extend(alone.iter().map(|name| boundary(name)));
    Ok(stages)
}

fn unit(targets: Vec<String>) -> Stage {
    let commands = move || {
        let mut tests = workspace("test");
        // Most of them wait for something.
        tests.env("RUST_TEST_THREADS", "4");
        tests.args(["--no-fail-fast", "--lib", "--bins"]);
        tests.args(targets.iter().flat_map(|name| ["--test", name.as_str()]));
        let mut documentation = workspace("test");
        documentation.args(["--no-fail-fast", "--doc"]);
        vec![quiet(tests), quiet(documentation)]
    };
    Stage::tests(
        "unit",
        "unit, integration and documentation tests of the crates",
        15,
        commands,
    )
    .after(&["build"])
    .beside()
}

fn sim() -> Stage {
    Stage::tests(
        "sim",
        "20,000 simulated calls over a network that fails",
        15,
        || vec![quiet(simulation())],
    )
    .after(&["build"])
    .hungry()
}

/// One file of boundary tests.
fn boundary(name: &str) -> Stage {
    let checks = format!("tests across a boundary: tests/{name}.rs");
    let target = name.to_owned();
    Stage::tests(name, &checks, 10, move || {
        vec![quiet(boundary_tests(&target))]
    })
    .after(&["build", "oidc-install"])
}

/// A cargo command over the whole workspace with the one feature set.
fn workspace(subcommand: &str) -> Command {
    let mut command = quiet(cargo::cargo([subcommand, "--workspace"]));
    command.args(cargo::FEATURES);
    command
}

/// Selects packages as [`workspace`] does, whatever is run: another selection would resolve
/// other features and compile everything again. One test at a time: they measure real sound.
fn boundary_tests(target: &str) -> Command {
    let mut command = workspace("test");
    command.args([
        "--no-fail-fast",
        "--test",
        target,
        "--",
        "--test-threads=1",
        "--nocapture",
    ]);
    with_browser(&mut command);
    command
}

/// The simulation as the stage before has built it.
fn simulation() -> Command {
    let name = format!("offhook-sim{}", env::consts::EXE_SUFFIX);
    let mut command = Command::new(paths::target().join("debug").join(name));
    cargo::inside_repository(&mut command);
    // One thread: the stage beside it has the other core.
    command.args(["--calls", "20000", "--seed", "1", "--threads", "1"]);
    command
}

/// Installs a folder's packages, unless they are there.
fn install(name: &str, checks: &str, folder: fn() -> PathBuf) -> Stage {
    Stage::check(name, checks, 10, move || {
        if node::is_installed(&folder()) {
            Vec::new()
        } else {
            vec![quiet(node::install_command(&folder()))]
        }
    })
    .after(&["setup"])
    .beside()
}

fn page(name: &str, checks: &str, script: &'static str) -> Stage {
    Stage::check(name, checks, 10, move || {
        let mut npm = node::npm(["run", script]);
        with_browser(&mut npm);
        vec![quiet(npm)]
    })
    .after(&["ui-install"])
    .beside()
}

/// Tells tests which browser to use. Those that need one say so where there is none.
fn with_browser(command: &mut Command) {
    if let Ok(browser) = setup::browser() {
        command.env("OFFHOOK_CHROMIUM", browser);
    }
}

fn this_program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env::current_exe().unwrap_or_else(|_| "xtask".into()));
    cargo::inside_repository(&mut command);
    command.args(arguments);
    command
}

/// Logs are read in editors: no colours, no progress bars.
fn quiet(mut command: Command) -> Command {
    command
        .env("NO_COLOR", "1")
        .env("CARGO_TERM_COLOR", "never")
        .env("FORCE_COLOR", "0");
    command.env("CARGO_TERM_PROGRESS_WHEN", "never");
    command
}

/// A test target: its package and its name.
type Target = (String, String);

fn names(targets: &[Target], of: impl Fn(&str) -> bool) -> Vec<String> {
    let chosen = targets.iter().filter(|(package, _)| of(package));
    chosen.map(|(_, name)| name.clone()).collect()
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    targets: Vec<PackageTarget>,
}

#[derive(Deserialize)]
struct PackageTarget {
    name: String,
    kind: Vec<String>,
}

/// The integration tests of every package, as cargo sees them.
fn test_targets() -> Result<Vec<Target>> {
    let output = cargo::cargo(["metadata", "--no-deps", "--format-version", "1"])
        .output()
        .context("cargo did not start")?;
    ensure!(
        output.status.success(),
        "{} is not a workspace cargo can read: {}",
        paths::root().display(),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    let metadata: Metadata =
        serde_json::from_slice(&output.stdout).context("cargo's metadata is not as expected")?;
    let mut found = Vec::new();
    for package in metadata.packages {
        for target in package.targets {
            if target.kind.iter().any(|kind| kind == "test") {
                found.push((package.name.clone(), target.name));
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_build_only_on_earlier_ones() {
        let stages = stages().unwrap();
        for (index, stage) in stages.iter().enumerate() {
            for need in stage.needs {
                let earlier = stages[..index].iter().any(|earlier| earlier.name == *need);
                assert!(
                    earlier,
                    "{} builds on {need}, which is not before it",
                    stage.name
                );
            }
        }
    }

    #[test]
    fn what_measures_runs_alone_and_exists() {
        let stages = stages().unwrap();
        for name in ALONE {
            let stage = stages.iter().find(|stage| stage.name == name);
            assert!(stage.is_some_and(|stage| !stage.beside), "{name}");
        }
        for name in LONG {
            assert!(stages.iter().any(|stage| stage.name == name), "{name}");
        }
    }

    #[test]
    fn the_rules_of_the_architecture_are_a_stage() {
        assert!(
            stages()
                .unwrap()
                .iter()
                .any(|stage| stage.name == "tidy" && stage.has_tests)
        );
    }
}
