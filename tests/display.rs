//! A display without a screen: Xvfb.

use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use crate::environment::Environment;
use crate::program::Program;

/// How long Xvfb may take to start; a fraction of a second is usual.
const START: Duration = Duration::from_secs(20);

/// How long it may take to stop.
const STOP: Duration = Duration::from_secs(2);

/// An X display of 1280 x 1024 pixels under a number nobody else uses.
#[derive(Debug)]
pub struct Display {
    name: String,
    server: Program,
}

impl Display {
    /// Starts one.
    ///
    /// # Errors
    /// When Xvfb is not installed or does not start.
    pub fn start() -> Result<Self> {
        let server = Program::start(
            Command::new("Xvfb")
                .args([
                    "-displayfd",
                    "1",
                    "-screen",
                    "0",
                    "1280x1024x24",
                    "-nolisten",
                    "tcp",
                ])
                .args(["-noreset"]),
        )?;
        // Xvfb picks a free number itself and writes it once it accepts clients.
        let number = server.line("a display number", START, |line| {
            line.parse::<u32>().is_ok()
        })?;
        Ok(Self {
            name: format!(":{number}"),
            server,
        })
    }

    /// The display's name, as in `:1`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What a program needs to open its window here and nowhere else.
    #[must_use]
    pub fn environment(&self) -> Environment {
        Environment::new()
            .with("DISPLAY", &self.name)
            .with("GDK_BACKEND", "x11")
            // Without WebKit's usual renderer the driver waits for ever for a picture.
            .without("WEBKIT_DISABLE_DMABUF_RENDERER")
            .without("WAYLAND_DISPLAY")
            .without("XAUTHORITY")
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        // Asked to stop it takes its socket and its lock with it; else it is killed, and the next
        // server on this number clears up.
        let _ = self.server.terminate();
        let _ = self.server.exit(STOP);
    }
}
