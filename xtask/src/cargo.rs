//! Calling cargo from inside `cargo run` without disturbing its cache.

use std::env;
use std::process::Command;

use crate::paths;

/// The one feature set everything is built with, so that tauri compiles once for checking and
/// once for building: the window's page is served from inside the binary.
pub(crate) const FEATURES: [&str; 2] = ["--features", "offhook-desktop/custom-protocol"];

/// A cargo command that runs in the top folder.
pub(crate) fn cargo<const N: usize>(arguments: [&str; N]) -> Command {
    let mut command = Command::new("cargo");
    command.args(arguments);
    inside_repository(&mut command);
    command
}

/// Makes a command run in the top folder with the environment the developer's shell had.
///
/// `cargo run` adds variables such as `CARGO_MANIFEST_DIR`; build scripts that watch them would
/// run again, and everything above them, each time cargo is called once from a shell and once
/// from here.
pub(crate) fn inside_repository(command: &mut Command) {
    command.current_dir(paths::root());
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(set_by_cargo_run) {
            command.env_remove(name);
        }
    }
}

fn set_by_cargo_run(name: &str) -> bool {
    name == "CARGO"
        || [
            "CARGO_PKG_",
            "CARGO_MANIFEST_",
            "CARGO_BIN_",
            "CARGO_CRATE_",
            "CARGO_PRIMARY_",
        ]
        .iter()
        .any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::set_by_cargo_run;

    #[test]
    fn the_developers_own_variables_stay() {
        assert!(set_by_cargo_run("CARGO_MANIFEST_DIR"));
        assert!(set_by_cargo_run("CARGO_PKG_NAME"));
        assert!(!set_by_cargo_run("CARGO_TARGET_DIR"));
        assert!(!set_by_cargo_run("CARGO_HOME"));
    }
}
