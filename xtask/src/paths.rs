//! Where things are in this repository, and which programs are on the search path.

use std::env;
use std::path::{Path, PathBuf};

/// The repository's top folder.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask lives one folder below the top")
}

/// The folder of the window's page.
pub(crate) fn ui() -> PathBuf {
    root().join("ui")
}

/// The folder of the OpenID provider that tests sign in at.
pub(crate) fn oidc() -> PathBuf {
    root().join("tests").join("oidc")
}

/// Cargo's build folder, wherever the developer moved it.
pub(crate) fn target() -> PathBuf {
    // A relative CARGO_TARGET_DIR is relative to where cargo runs, which is the top folder here.
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// Where tools are installed that only this repository's commands use.
pub(crate) fn tools() -> PathBuf {
    root().join("target").join("tools")
}

/// A path as a developer at the top folder types it.
pub(crate) fn shown(path: &Path) -> String {
    path.strip_prefix(root())
        .unwrap_or(path)
        .display()
        .to_string()
}

/// Finds a program on the search path.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let suffixes: &[&str] = if cfg!(windows) {
        &[".exe", ".cmd"]
    } else {
        &[""]
    };
    env::split_paths(&env::var_os("PATH")?)
        .flat_map(|folder| {
            suffixes
                .iter()
                .map(move |suffix| folder.join(format!("{name}{suffix}")))
        })
        .find(|candidate| candidate.is_file())
}
