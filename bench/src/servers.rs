//! The servers that calls are made to, as processes of their own that can be killed.

use std::env;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use offhook_tests::program::Program;

/// How long a server may take to start.
const START: Duration = Duration::from_secs(30);
/// How long a killed one may take to be gone.
const END: Duration = Duration::from_secs(10);

/// One of this workspace's servers.
#[derive(Debug)]
pub(crate) struct Server {
    program: &'static str,
    arguments: Vec<String>,
    address: SocketAddr,
    running: Program,
}

impl Server {
    /// The bridge, whose tokens live for `token_ttl` s unless their mint asks for another time, with
    /// room for so many sessions.
    pub(crate) fn bridge(token_ttl: u32, sessions: u32) -> Result<Self> {
        let arguments = [
            "serve".to_owned(),
            format!("--token-ttl={token_ttl}"),
            format!("--max-sessions={sessions}"),
        ];
        Self::start("offhook-bridge", arguments.to_vec())
    }

    /// What centrifuge talks to, whose tokens live for `token_ttl` s.
    pub(crate) fn centrifugo(token_ttl: u32) -> Result<Self> {
        let arguments = ["centrifugo".to_owned(), format!("--token-ttl={token_ttl}")];
        Self::start("offhook-bench", arguments.to_vec())
    }

    fn start(program: &'static str, arguments: Vec<String>) -> Result<Self> {
        // It has to be found again where it was, after it was killed.
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let running = launch(program, &arguments, address)?;
        Ok(Self {
            program,
            arguments,
            address,
            running,
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it as a crash does.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.running.kill()?;
        self.running.exit(END)?;
        Ok(())
    }

    /// Starts it again after [`Self::kill`]; it listens when this returns.
    pub(crate) fn revive(&mut self) -> Result<()> {
        self.running = launch(self.program, &self.arguments, self.address)?;
        Ok(())
    }
}

fn launch(program: &str, arguments: &[String], address: SocketAddr) -> Result<Program> {
    let own = env::current_exe().context("this program does not know where it is")?;
    let path = own.with_file_name(format!("{program}{}", env::consts::EXE_SUFFIX));
    ensure!(
        path.is_file(),
        "{} is not built: run `cargo xtask bench`, which builds it",
        path.display()
    );
    let mut command = Command::new(path);
    command.args(arguments).arg(format!("--listen={address}"));
    command.env("RUST_LOG", "error");
    let running = Program::start(&mut command)?;
    running.line("it to listen", START, |line| {
        line.starts_with("listening on")
    })?;
    Ok(running)
}
