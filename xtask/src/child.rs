//! Running one command to its end: in a process group of its own, with a time limit, and
//! stopped as a whole on Ctrl-C.

use std::fs::File;
use std::io;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::clock::Stopwatch;

/// How long a stopped command may take to clean up before it is killed.
const GRACE: Duration = Duration::from_secs(5);

/// How a command ended.
#[derive(Debug)]
pub(crate) enum Ending {
    /// By itself.
    Exited(ExitStatus),
    /// It ran over its limit and was stopped.
    OverTime,
    /// The developer pressed Ctrl-C, or the terminal went away; it was stopped.
    Interrupted,
}

/// Watches over commands, several at a time if need be.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    running: Arc<Mutex<Running>>,
}

/// Who is to hear of an interrupt.
#[derive(Debug, Default)]
struct Running {
    interrupted: bool,
    commands: Vec<SyncSender<Event>>,
}

#[derive(Debug)]
enum Event {
    Exited(io::Result<ExitStatus>),
    Interrupt,
}

impl Watch {
    /// Takes over Ctrl-C, once per process.
    pub(crate) fn begin() -> Result<Self> {
        let watch = Self::default();
        let running = Arc::clone(&watch.running);
        ctrlc::set_handler(move || interrupt(&running)).context("Ctrl-C cannot be caught")?;
        Ok(watch)
    }

    /// Whether the developer wants it to end: nothing more is to be started.
    pub(crate) fn is_interrupted(&self) -> bool {
        locked(&self.running).interrupted
    }

    /// Where one command's events arrive; after an interrupt there is one already.
    fn listen(&self) -> (SyncSender<Event>, Receiver<Event>) {
        let (sender, events) = sync_channel(8);
        let mut running = locked(&self.running);
        if running.interrupted {
            let _ = sender.try_send(Event::Interrupt);
        }
        running.commands.push(sender.clone());
        (sender, events)
    }

    /// Runs a command with its output going to `log`, for `limit` at most, and calls `tick`
    /// with the elapsed time every minute.
    pub(crate) fn run(
        &self,
        mut command: Command,
        log: &File,
        limit: Duration,
        tick: &mut dyn FnMut(Duration),
    ) -> Result<Ending> {
        let name = command.get_program().to_string_lossy().into_owned();
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log.try_clone()?);
        let mut child = in_own_group(&mut command)
            .spawn()
            .with_context(|| format!("{name} could not be started"))?;
        let group = child.id();
        let (sender, events) = self.listen();
        thread::spawn(move || {
            // The receiver is gone only when this program ends anyway.
            let _ = sender.send(Event::Exited(child.wait()));
        });

        let watch = Stopwatch::start();
        let mut minutes = 0;
        loop {
            let next_minute = Duration::from_secs(60 * (minutes + 1));
            match events.recv_timeout(next_minute.min(limit).saturating_sub(watch.elapsed())) {
                Ok(Event::Exited(status)) => {
                    // What the command started and left behind goes with it.
                    signal(group, Stop::Kill);
                    return Ok(Ending::Exited(status?));
                }
                Ok(Event::Interrupt) => {
                    stop(group, &events);
                    return Ok(Ending::Interrupted);
                }
                Err(RecvTimeoutError::Timeout) if watch.elapsed() >= limit => {
                    stop(group, &events);
                    return Ok(Ending::OverTime);
                }
                Err(RecvTimeoutError::Timeout) => {
                    minutes += 1;
                    tick(watch.elapsed());
                }
                Err(RecvTimeoutError::Disconnected) => bail!("the watch lost its own sender"),
            }
        }
    }
}

fn interrupt(running: &Mutex<Running>) {
    let mut running = locked(running);
    running.interrupted = true;
    for command in running.commands.drain(..) {
        // A full queue already holds an interrupt; one that nobody reads is of a command that ended.
        let _ = command.try_send(Event::Interrupt);
    }
}

fn locked(running: &Mutex<Running>) -> MutexGuard<'_, Running> {
    running.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Stops a whole group and waits for its leader.
fn stop(group: u32, events: &Receiver<Event>) {
    signal(group, Stop::Ask);
    let has_ended = exits_within(GRACE, events);
    // What its leader did not take with it goes too.
    signal(group, Stop::Kill);
    if !has_ended {
        exits_within(GRACE, events);
    }
}

fn exits_within(limit: Duration, events: &Receiver<Event>) -> bool {
    let watch = Stopwatch::start();
    loop {
        match events.recv_timeout(limit.saturating_sub(watch.elapsed())) {
            Ok(Event::Exited(_)) => return true,
            Ok(Event::Interrupt) => {}
            Err(_) => return false,
        }
    }
}

/// The same command, which leaves the processor to others that want it, where that can be asked for.
pub(crate) fn yielding(command: &Command) -> Command {
    let mut nice = if cfg!(unix) {
        let mut nice = Command::new("nice");
        nice.args(["-n", "15"]).arg(command.get_program());
        nice
    } else {
        Command::new(command.get_program())
    };
    nice.args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => nice.env(name, value),
            None => nice.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        nice.current_dir(folder);
    }
    nice
}

#[derive(Debug, Clone, Copy)]
enum Stop {
    Ask,
    Kill,
}

#[cfg(unix)]
fn in_own_group(command: &mut Command) -> &mut Command {
    std::os::unix::process::CommandExt::process_group(command, 0)
}

#[cfg(unix)]
fn signal(group: u32, stop: Stop) {
    use nix::sys::signal::{Signal, killpg};

    let Ok(group) = i32::try_from(group) else {
        return;
    };
    let signal = match stop {
        Stop::Ask => Signal::SIGTERM,
        Stop::Kill => Signal::SIGKILL,
    };
    // A group that is already gone is what we want.
    let _ = killpg(nix::unistd::Pid::from_raw(group), signal);
}

#[cfg(not(unix))]
fn in_own_group(command: &mut Command) -> &mut Command {
    command
}

#[cfg(not(unix))]
fn signal(leader: u32, _: Stop) {
    // Windows has no process groups: taskkill walks the tree instead.
    let _ = Command::new("taskkill")
        .args(["/T", "/F", "/PID", &leader.to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::env;
    use std::fs;
    use std::process;

    use super::*;

    /// Runs a shell script for `limit` at most; returns its ending and what it printed.
    fn shell(name: &str, script: &str, watch: &Watch, limit: Duration) -> (Ending, String) {
        let path = env::temp_dir().join(format!("offhook-child-{name}-{}", process::id()));
        let log = File::create(&path).unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let ending = watch.run(command, &log, limit, &mut |_| {}).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        fs::remove_file(&path).unwrap();
        (ending, text)
    }

    /// Whether a process goes away; the kernel may take a moment. A zombie has no command line.
    fn is_gone(id: &str) -> bool {
        let watch = Stopwatch::start();
        let command_line = format!("/proc/{id}/cmdline");
        while fs::read(&command_line).is_ok_and(|text| !text.is_empty()) {
            if watch.elapsed() > Duration::from_secs(10) {
                return false;
            }
            thread::yield_now();
        }
        true
    }

    #[test]
    fn a_hang_is_stopped_with_all_it_started() {
        let watch = Watch::default();
        let script = "sleep 1000 & echo $!; wait";
        let (ending, text) = shell("hang", script, &watch, Duration::from_secs(1));
        assert!(matches!(ending, Ending::OverTime), "{ending:?}");
        assert!(
            !text.is_empty() && is_gone(text.trim()),
            "process {text} is still there"
        );
    }

    #[test]
    fn what_yields_keeps_its_arguments_its_variables_and_its_place() {
        let mut command = Command::new("sh");
        command
            .args(["-c", "nice; echo $OFFHOOK_MARK; pwd"])
            .env("OFFHOOK_MARK", "here")
            .current_dir("/");
        let output = yielding(&command).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (nice, rest) = text.split_once('\n').unwrap();
        assert!(nice.parse::<u8>().unwrap() >= 15, "{nice}");
        assert_eq!(rest, "here\n/\n");
    }

    #[test]
    fn an_interrupt_stops_what_runs() {
        let watch = Watch::default();
        let script = "echo ready; sleep 1000";
        let running = Arc::clone(&watch.running);
        let interrupter = thread::spawn(move || {
            while locked(&running).commands.is_empty() {
                thread::yield_now();
            }
            interrupt(&running);
        });
        let (ending, _) = shell("interrupt", script, &watch, Duration::from_secs(600));
        assert!(matches!(ending, Ending::Interrupted), "{ending:?}");
        interrupter.join().unwrap();
        let (ending, _) = shell("after", script, &watch, Duration::from_secs(600));
        assert!(matches!(ending, Ending::Interrupted), "{ending:?}");
    }

    #[test]
    fn what_ends_by_itself_leaves_nothing_behind() {
        let watch = Watch::default();
        let script = "sleep 1000 & echo $!; exit 3";
        let (ending, text) = shell("exit", script, &watch, Duration::from_secs(600));
        assert!(
            matches!(ending, Ending::Exited(status) if status.code() == Some(3)),
            "{ending:?}"
        );
        assert!(
            !text.is_empty() && is_gone(text.trim()),
            "process {text} is still there"
        );
    }
}
