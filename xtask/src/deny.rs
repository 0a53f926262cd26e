//! What may enter the dependency tree, checked by cargo-deny.

use std::process::Command;

use crate::cargo;
use crate::tool::Tool;

/// The checker.
pub(crate) const CARGO_DENY: Tool = Tool {
    package: "cargo-deny",
    asked: &["--version"],
    version: "0.20.2",
};

/// The commands that check licences, bans and sources, the first installing the tool if needed.
///
/// Advisories are left out: their database is a repository that has to be fetched, and a test
/// that fails because a network does teaches nobody anything.
pub(crate) fn commands() -> Vec<Command> {
    let mut check = Command::new(CARGO_DENY.binary());
    cargo::inside_repository(&mut check);
    check.args(["--workspace", "--all-features", "--locked", "check"]);
    check.args(["--hide-inclusion-graph", "bans", "licenses", "sources"]);
    CARGO_DENY.install().into_iter().chain([check]).collect()
}
