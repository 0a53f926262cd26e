//! Drawing every icon the bundler needs from one SVG.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::{node, paths, say};

/// What the bundler needs, as listed in src-tauri/tauri.conf.json.
const BUNDLED: [&str; 5] = [
    "32x32.png",
    "128x128.png",
    "128x128@2x.png",
    "icon.icns",
    "icon.ico",
];

/// The tool that draws; downloaded by npx, since nothing but this command needs it.
const TAURI_CLI: &str = "@tauri-apps/cli@2.12";

/// Draws `icons/icon.svg` in every size that is committed beside it.
pub(crate) fn icons() -> Result<()> {
    node::check()?;
    let icons = paths::root().join("icons");
    let drawn = paths::target().join("icons");
    let mut draw =
        Command::new(paths::program("npx").context("npx is missing; it is part of npm")?);
    draw.args(["--yes", TAURI_CLI, "icon"])
        .arg(icons.join("icon.svg"))
        .arg("--output")
        .arg(&drawn);
    let output = draw
        .current_dir(paths::root())
        .output()
        .context("npx did not start")?;
    ensure!(
        output.status.success(),
        "drawing failed ({}): {}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    for name in BUNDLED {
        fs::copy(drawn.join(name), icons.join(name))
            .with_context(|| format!("{name} was not drawn"))?;
        say::line(&format!("icons/{name}"));
    }
    Ok(())
}
