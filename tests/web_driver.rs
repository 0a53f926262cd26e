//! The drivers of windows made of web pages and of browsers: WebKitWebDriver and chromedriver.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::clock::wait_until;
use crate::environment::Environment;
use crate::program::Program;

/// How long the driver may take to start; a fraction of a second is usual.
const START: Duration = Duration::from_secs(20);

/// A WebDriver server on a loopback port.
#[derive(Debug)]
pub struct WebDriver {
    address: SocketAddr,
    driver: Program,
}

impl WebDriver {
    /// Starts one whose windows live in `environment`.
    ///
    /// # Errors
    /// When WebKitWebDriver is not installed or does not start.
    pub fn start(environment: &Environment) -> Result<Self> {
        // The window takes this as leave to be driven, and exits with the session.
        let environment = environment.clone().with("TAURI_WEBVIEW_AUTOMATION", "true");
        let mut command = Command::new("WebKitWebDriver");
        Self::launch(command.arg("--host=127.0.0.1"), &environment)
    }

    /// Starts one for Chromium, which lives in `environment`.
    ///
    /// # Errors
    /// When chromedriver is not installed or does not start.
    pub fn for_chromium(environment: &Environment) -> Result<Self> {
        Self::launch(&mut Command::new("chromedriver"), environment)
    }

    fn launch(command: &mut Command, environment: &Environment) -> Result<Self> {
        // Not every driver can choose a port itself; the one just freed is nobody else's yet.
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|listener| listener.local_addr())
            .context("no loopback port is free")?;
        environment.apply(command);
        let driver = Program::start(command.arg(format!("--port={}", address.port())))?;
        wait_until("the WebDriver to listen", START, || {
            TcpStream::connect(address).ok()
        })
        .with_context(|| driver.complaints())?;
        Ok(Self { address, driver })
    }

    /// Where its clients connect, as in `http://127.0.0.1:4444`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The address it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What the driver, and the window it started, wrote to standard error.
    #[must_use]
    pub fn complaints(&self) -> String {
        self.driver.complaints()
    }
}
