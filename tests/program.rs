//! A running program: its lines as they come, its complaints in a file, its end by a deadline.

use std::env;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::clock::{Deadline, wait_until};
use crate::scratch::Scratch;

/// How much of what a program complained about goes into an error, in bytes.
const COMPLAINT: usize = 2_000;

/// How long the last lines of a program that ended may take to arrive.
const LAST_LINES: Duration = Duration::from_secs(2);

/// A program that is killed when its guard is dropped.
#[derive(Debug)]
pub struct Program {
    name: String,
    child: Child,
    output: Arc<Output>,
    // The file in it is read for every error.
    scratch: Scratch,
}

#[derive(Debug, Default)]
struct Output {
    state: Mutex<Lines>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Lines {
    lines: Vec<String>,
    ended: bool,
}

/// A command for one of this workspace's programs, as `offhook` or `offhook-bridge`.
///
/// # Errors
/// When it is not built: cargo does not build a package's programs for another package's tests.
pub fn workspace_program(name: &str) -> Result<Command> {
    let test = env::current_exe().context("this test does not know where it is")?;
    let folder = test
        .parent()
        .and_then(|deps| deps.parent())
        .context("not in cargo's folder")?;
    let path = folder.join(name);
    ensure!(
        path.is_file(),
        "{} is not built: run `cargo build --workspace --features \
         offhook-desktop/custom-protocol` first, or `cargo xtask test`",
        path.display()
    );
    Ok(Command::new(path))
}

impl Program {
    /// Starts a program with its standard output and error collected.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(command: &mut Command) -> Result<Self> {
        Self::start_with(command, Stdio::null())
    }

    /// Starts a program with this as its standard input; a pipe is for [`Program::say`].
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_with(command: &mut Command, input: impl Into<Stdio>) -> Result<Self> {
        let path = PathBuf::from(command.get_program());
        let name = path
            .file_name()
            .unwrap_or(path.as_os_str())
            .to_string_lossy()
            .into_owned();
        let scratch = Scratch::new("program")?;
        let complaints = File::create(scratch.path().join("stderr"))?;
        let mut child = command
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(complaints)
            .spawn()
            .with_context(|| format!("{name} cannot be started"))?;
        let output = Arc::new(Output::default());
        let stdout = child.stdout.take().expect("it has just been asked for");
        let collected = Arc::clone(&output);
        // Not joined: a grandchild may hold the pipe open for longer than the program lives.
        thread::spawn(move || collected.collect(stdout));
        Ok(Self {
            name,
            child,
            output,
            scratch,
        })
    }

    /// Writes a line to its standard input.
    ///
    /// # Errors
    /// When it was not started with a pipe, or does not read any more.
    pub fn say(&mut self, line: &str) -> Result<()> {
        let input = self.child.stdin.as_mut();
        let input = input.with_context(|| format!("{} is not listening", self.name))?;
        writeln!(input, "{line}").with_context(|| format!("{} does not read", self.name))
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Every line it has printed so far.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.output.lock().lines.clone()
    }

    /// What it has written to standard error so far.
    #[must_use]
    pub fn complaints(&self) -> String {
        let bytes = fs::read(self.scratch.path().join("stderr")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Waits for the first line, printed already or to come, for which `wanted` holds.
    ///
    /// # Errors
    /// When the program ends without such a line, or the time is over.
    pub fn line(
        &self,
        what: &str,
        limit: Duration,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<String> {
        let deadline = Deadline::after(limit);
        let mut state = self.output.lock();
        let mut seen = 0;
        loop {
            if let Some(line) = state.lines[seen..].iter().find(|line| wanted(line)) {
                return Ok(line.clone());
            }
            seen = state.lines.len();
            if state.ended {
                bail!("{} ended without {what}; {}", self.name, self.last_words());
            }
            if deadline.left().is_zero() {
                bail!(
                    "waited {limit:?} in vain for {what}: {}; {}",
                    self.name,
                    self.last_words()
                );
            }
            let waited = self.output.changed.wait_timeout(state, deadline.left());
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Whether it is still running.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits until it ends by itself.
    ///
    /// # Errors
    /// When the time is over and it still runs.
    pub fn exit(&mut self, limit: Duration) -> Result<ExitStatus> {
        let child = &mut self.child;
        let what = format!("the end of {}", self.name);
        let status = wait_until(&what, limit, || child.try_wait().transpose())
            .with_context(|| self.last_words())?
            .context("its exit status is not to be had")?;
        let output = &self.output;
        // A grandchild that keeps the pipe is no reason to fail.
        let _ = wait_until("its last lines", LAST_LINES, || {
            output.lock().ended.then_some(())
        });
        Ok(status)
    }

    /// Asks it to stop as Ctrl-C does.
    ///
    /// # Errors
    /// When it is not running any more.
    pub fn interrupt(&self) -> Result<()> {
        self.signal(Signal::SIGINT)
    }

    /// Asks it to stop as a service manager does.
    ///
    /// # Errors
    /// When it is not running any more.
    pub fn terminate(&self) -> Result<()> {
        self.signal(Signal::SIGTERM)
    }

    /// Ends it as a crash does.
    ///
    /// # Errors
    /// When it is not running any more.
    pub fn kill(&self) -> Result<()> {
        self.signal(Signal::SIGKILL)
    }

    /// Stops it in its tracks, as a machine that is put to sleep does.
    ///
    /// # Errors
    /// When it is not running any more.
    pub fn freeze(&self) -> Result<()> {
        self.signal(Signal::SIGSTOP)
    }

    /// Lets it go on after [`Program::freeze`].
    ///
    /// # Errors
    /// When it is not running any more.
    pub fn thaw(&self) -> Result<()> {
        self.signal(Signal::SIGCONT)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let id = i32::try_from(self.child.id()).context("no such process id")?;
        kill(Pid::from_raw(id), signal).with_context(|| format!("{} is not running", self.name))
    }

    /// The end of its output, for an error.
    fn last_words(&self) -> String {
        let complaints = self.complaints();
        let skipped = complaints.len().saturating_sub(COMPLAINT);
        let end = complaints
            .char_indices()
            .find(|(at, _)| *at >= skipped)
            .map_or(0, |(at, _)| at);
        format!("its standard error ends:\n{}", complaints[end..].trim_end())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Both fail only for a program that has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Output {
    fn collect(&self, stdout: impl Read) {
        let mut reader = BufReader::new(stdout);
        let mut bytes = Vec::new();
        while matches!(reader.read_until(b'\n', &mut bytes), Ok(1..)) {
            let line = String::from_utf8_lossy(&bytes)
                .trim_end_matches(['\r', '\n'])
                .to_owned();
            self.lock().lines.push(line);
            self.changed.notify_all();
            bytes.clear();
        }
        self.lock().ended = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
