//! A user at a terminal: private folders, a browser that only notes what it is to open, and the
//! program `offhook`.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::clock::wait_until;
use crate::environment::Environment;
use crate::program::{Program, workspace_program};
use crate::scratch::Scratch;
use crate::softphone::Caller;

/// The variable with the passphrase of the encrypted file.
pub const PASSPHRASE: &str = "OFFHOOK_PASSPHRASE";

/// How long a command may take that waits for nobody.
const PATIENCE: Duration = Duration::from_secs(40);

/// The folders that are the user's own, beside a keyring's.
const FOLDERS: [&str; 6] = ["home", "run", "share", "data", "tmp", "bin"];

/// A user, whose folders go when it is dropped.
#[derive(Debug)]
pub struct Terminal {
    scratch: Scratch,
    environment: Environment,
}

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// What it exited with; nothing where a signal ended it.
    pub code: Option<i32>,
    /// What it printed.
    pub out: String,
    /// What it complained about.
    pub err: String,
}

impl Terminal {
    /// A user on this bus, with or without a keyring; `bus` is what it takes to find that.
    ///
    /// # Errors
    /// When the folder for temporary files cannot be written.
    pub fn new(bus: &Environment) -> Result<Self> {
        let scratch = Scratch::new("terminal")?;
        let mut folders = FOLDERS.iter().map(|name| scratch.folder(name));
        folders.try_for_each(|folder| folder.map(drop))?;
        let folder = |name: &str| scratch.path().join(name);
        // In two steps: whoever looks finds a whole address. What the browser's environment is can be
        // looked at as well.
        let note = folder("opened").display().to_string();
        let opener = folder("bin").join("xdg-open");
        let script = format!(
            "#!/bin/sh\ncat /proc/$$/environ > {note}.environ\n\
             printf '%s' \"$1\" > {note}.new\nmv {note}.new {note}\n"
        );
        fs::write(&opener, script)?;
        fs::set_permissions(&opener, fs::Permissions::from_mode(0o700))?;
        let environment = bus
            .clone()
            .with("HOME", folder("home"))
            .with("XDG_RUNTIME_DIR", folder("run"))
            .with("XDG_DATA_HOME", folder("share"))
            .without("DISPLAY")
            .without("WAYLAND_DISPLAY")
            .with("OFFHOOK_DATA", folder("data"))
            .with("TMPDIR", folder("tmp"))
            .with("PATH", path(&folder("bin"))?)
            .without("XDG_CONFIG_HOME")
            .without("XDG_CACHE_HOME")
            .without("XDG_STATE_HOME")
            .without("OFFHOOK_ACCESS_TOKEN")
            .without(PASSPHRASE);
        Ok(Self {
            scratch,
            environment,
        })
    }

    /// With these variables as well.
    #[must_use]
    pub fn with(mut self, more: &Environment) -> Self {
        self.environment = self.environment.and(more);
        self
    }

    /// What the user's programs are started with.
    #[must_use]
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// Everything that is the user's.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.scratch.path()
    }

    /// Starts `offhook` with these words.
    ///
    /// # Errors
    /// When it is not built.
    pub fn start(&self, words: &[&str]) -> Result<Program> {
        let mut command = workspace_program("offhook")?;
        self.environment.apply(&mut command);
        Program::start(command.args(words))
    }

    /// Starts `offhook call --json` with these words.
    ///
    /// # Errors
    /// When it is not built.
    pub fn call(&self, words: &[&str]) -> Result<Caller> {
        Caller::start(words, &self.environment)
    }

    /// Runs `offhook` with these words to its end.
    ///
    /// # Errors
    /// When it is not built or does not end.
    pub fn run(&self, words: &[&str]) -> Result<Done> {
        done(&mut self.start(words)?)
    }

    /// The address that the user's browser is to open; each is told once.
    ///
    /// # Errors
    /// When none is.
    pub fn opened(&self) -> Result<String> {
        let note = self.scratch.path().join("opened");
        let address = wait_until("the browser", PATIENCE, || fs::read_to_string(&note).ok())?;
        fs::remove_file(note)?;
        Ok(address)
    }
}

/// Waits for a command's end.
///
/// # Errors
/// When it does not end.
pub fn done(program: &mut Program) -> Result<Done> {
    let status = program.exit(PATIENCE)?;
    Ok(Done {
        code: status.code(),
        out: program.lines().join("\n"),
        err: program.complaints(),
    })
}

/// The code that `offhook login --device` shows, and where to type it.
///
/// # Errors
/// When it shows none.
pub fn shown(login: &Program) -> Result<(String, String)> {
    wait_until("a code", PATIENCE, || {
        let text = login.complaints();
        let after = |words: &str| {
            let (_, rest) = text.split_once(words)?;
            rest.trim_start().lines().next().map(str::to_owned)
        };
        // What comes after both has been written, so both are whole.
        text.contains("minutes. Waiting").then_some(())?;
        Some((after("type this code:")?, after("On any device, open")?))
    })
}

/// The search path with this folder first.
fn path(first: &Path) -> Result<OsString> {
    let folders = env::var_os("PATH").context("there is no search path")?;
    let all = [PathBuf::from(first)];
    let all = all.into_iter().chain(env::split_paths(&folders));
    Ok(env::join_paths(all)?)
}
