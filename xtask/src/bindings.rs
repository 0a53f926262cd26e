//! Generating the window's TypeScript types from the Rust types they mirror.

use anyhow::{Context as _, Result, ensure};

use crate::{cargo, say};

/// Runs the phone crate's test of its bindings with leave to write them.
pub(crate) fn bindings() -> Result<()> {
    let mut test = cargo::cargo(["test", "--quiet", "--package", "offhook-phone", "bindings"]);
    let status = test
        .env("OFFHOOK_BLESS", "1")
        .status()
        .context("cargo did not start")?;
    ensure!(status.success(), "the bindings were not written ({status})");
    say::line("ui/src/bindings.ts is what crates/phone says");
    Ok(())
}
