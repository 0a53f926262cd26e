//! Starting the softphone: the window where there is a display, a headless call where not.

use std::env;
use std::fs;
use std::process::{Command, ExitCode, ExitStatus};

use anyhow::{Context as _, Result, ensure};
use clap::Args;

use crate::clock::{Stopwatch, spoken};
use crate::packages::Purpose;
use crate::{cargo, node, paths, say, setup};

/// What the caller says in the headless call: silence while the agent greets, then a sentence.
const SPEECH: &str = "tests/data/speech.wav";

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Call headless even where there is a display
    #[arg(long)]
    headless: bool,
    /// Build with optimisation
    #[arg(long)]
    release: bool,
}

/// Sets up what is missing, then opens the window or makes the headless call.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    // Ctrl-C goes to the whole foreground group: the softphone hangs up and says how the call
    // went, and this program waits for it.
    ctrlc::set_handler(|| {}).context("Ctrl-C cannot be caught")?;
    if options.headless || !has_display() {
        if !options.headless {
            say::line("There is no display here: calling the built-in agent headless.");
        }
        headless_call(options)
    } else {
        open_window(options)
    }
}

fn has_display() -> bool {
    let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    cfg!(any(windows, target_os = "macos")) || is_set("DISPLAY") || is_set("WAYLAND_DISPLAY")
}

fn open_window(options: &Options) -> Result<ExitCode> {
    setup::setup(Purpose::Window)?;
    say::step("building the window's page");
    let status = node::npm(["run", "build"])
        .status()
        .context("npm did not start")?;
    ensure!(
        status.success(),
        "the window's page did not build ({status})"
    );
    say::step("building Offhook (the first time takes several minutes)");
    let mut build = cargo::cargo(["build", "--package", "offhook-desktop"]);
    build.args(cargo::FEATURES);
    let status = start(built(build, options, "offhook-desktop")?)?;
    Ok(code(status))
}

fn headless_call(options: &Options) -> Result<ExitCode> {
    setup::setup(Purpose::Headless)?;
    say::step("building the command line");
    let build = cargo::cargo(["build", "--package", "offhook-cli"]);
    let mut call = built(build, options, "offhook")?;

    let answer = paths::target().join("run").join("answer.wav");
    fs::create_dir_all(answer.parent().expect("it has just been joined")).context("target/run")?;
    call.args(["call", "--mic", SPEECH, "--speaker"])
        .arg(&answer);
    say::step(&format!(
        "offhook call --mic {SPEECH} --speaker {}",
        paths::shown(&answer)
    ));
    let status = start(call)?;
    ensure!(
        status.success() || answer.exists(),
        "the call failed ({status}) without an answer"
    );
    let wav = hound::WavReader::open(&answer)
        .with_context(|| format!("{} is not readable as a WAV", paths::shown(&answer)))?;
    let seconds = f64::from(wav.duration()) / f64::from(wav.spec().sample_rate);
    say::line(&format!(
        "What the speaker played is in {} ({seconds:.1} s).",
        paths::shown(&answer)
    ));
    Ok(code(status))
}

/// Builds, and hands back the command that starts what was built.
fn built(mut build: Command, options: &Options, binary: &str) -> Result<Command> {
    let profile = if options.release { "release" } else { "debug" };
    if options.release {
        build.arg("--release");
    }
    let watch = Stopwatch::start();
    let status = build.status().context("cargo did not start")?;
    ensure!(status.success(), "the build failed ({status})");
    say::step(&format!("built in {}", spoken(watch.elapsed())));
    let name = format!("{binary}{}", env::consts::EXE_SUFFIX);
    let mut command = Command::new(paths::target().join(profile).join(name));
    cargo::inside_repository(&mut command);
    Ok(command)
}

fn start(mut command: Command) -> Result<ExitStatus> {
    let name = command.get_program().to_string_lossy().into_owned();
    command
        .status()
        .with_context(|| format!("{name} did not start"))
}

/// The same exit code as the program's; one that a signal ended has none.
fn code(status: ExitStatus) -> ExitCode {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.map_or(ExitCode::FAILURE, ExitCode::from)
}
