//! A sound server of its own, with a virtual speaker and a virtual microphone: PulseAudio.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::clock::wait_until;
use crate::environment::Environment;
use crate::program::Program;
use crate::scratch::Scratch;
use crate::sound::Sound;

/// How long the server, a player or a recorder may take to start or to end.
const PATIENCE: Duration = Duration::from_secs(20);

/// The real-time priority of the server; that of Offhook's own threads is 10.
const PRIORITY: &str = "5";

/// What recordings are made with, in Hz: the virtual devices' own rate.
const RATE_HZ: u32 = 48_000;

/// A PulseAudio daemon that nobody else sees.
///
/// Programs in its [`Pulse::environment`] find two devices, which are also the defaults: the
/// speaker `speaker`, and the microphone `microphone`, which hears what [`Pulse::say`] plays.
#[derive(Debug)]
pub struct Pulse {
    environment: Environment,
    daemon: Program,
    scratch: Scratch,
}

/// A module that was loaded, as a device that was plugged in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Module(u32);

/// A sound on its way into the microphone.
#[derive(Debug)]
pub struct Playing {
    player: Program,
}

/// A recording under way.
#[derive(Debug)]
pub struct Recording {
    recorder: Program,
    file: PathBuf,
}

impl Pulse {
    /// Starts one and waits until it answers.
    ///
    /// # Errors
    /// When PulseAudio is not installed or does not start.
    pub fn start() -> Result<Self> {
        let scratch = Scratch::new("pulse")?;
        let (home, runtime) = (scratch.folder("home")?, scratch.folder("run")?);
        let configuration = scratch.folder("config")?;
        let socket = runtime.join("native");
        let environment = Environment::new()
            .with("HOME", &home)
            .with("XDG_RUNTIME_DIR", &runtime)
            .with("XDG_CONFIG_HOME", &configuration)
            .with("PULSE_RUNTIME_PATH", &runtime)
            .with("PULSE_SERVER", format!("unix:{}", socket.display()))
            .with("PULSE_COOKIE", configuration.join("pulse/cookie"))
            .without("DBUS_SESSION_BUS_ADDRESS")
            .without("PULSE_SINK")
            .without("PULSE_SOURCE");

        let mut command = ahead_of_others("pulseaudio");
        environment.apply(&mut command);
        // -n: no system configuration.
        command.args([
            "--daemonize=no",
            "-n",
            "--exit-idle-time=-1",
            "--disallow-exit",
        ]);
        command.args(["--use-pid-file=no", "--realtime=yes", "--high-priority=yes"]);
        command.args(["--log-target=stderr", "--log-level=notice"]);
        for module in [
            format!(
                "module-native-protocol-unix auth-anonymous=1 socket={}",
                socket.display()
            ),
            sink("speaker"),
            sink("mouth"),
            source("microphone", "mouth"),
        ] {
            command.args(["--load", &module]);
        }
        let daemon = Program::start(&mut command)?;
        let pulse = Self {
            environment,
            daemon,
            scratch,
        };
        wait_until("PulseAudio to answer", PATIENCE, || {
            pulse.control(["info"]).ok()
        })
        .with_context(|| pulse.daemon.complaints())?;
        pulse.control(["set-default-sink", "speaker"])?;
        pulse.control(["set-default-source", "microphone"])?;
        Ok(pulse)
    }

    /// What a program needs to find this server and no other.
    #[must_use]
    pub fn environment(&self) -> Environment {
        self.environment.clone()
    }

    /// The daemon itself: to freeze it, or to end it before its time.
    #[must_use]
    pub fn daemon(&self) -> &Program {
        &self.daemon
    }

    /// A folder that is gone with the server.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.scratch.path()
    }

    /// Starts to play a WAV file into the microphone.
    ///
    /// # Errors
    /// When the player cannot be started.
    pub fn say(&self, wav: &Path) -> Result<Playing> {
        let mut command = self.command("paplay");
        command
            .args(["--device=mouth", "--latency-msec=200"])
            .arg(wav);
        Ok(Playing {
            player: Program::start(&mut command)?,
        })
    }

    /// Starts to record what comes out of the speaker; the first samples have been written when
    /// this returns.
    ///
    /// # Errors
    /// When the recorder does not start.
    pub fn record_speaker(&self) -> Result<Recording> {
        self.record("speaker.monitor")
    }

    /// Starts to record a source by its name, mono at 48 kHz; the first samples have been
    /// written when this returns.
    ///
    /// # Errors
    /// When the recorder does not start.
    pub fn record(&self, source: &str) -> Result<Recording> {
        let file = self
            .scratch
            .path()
            .join(format!("{source}-{}.raw", self.recordings()));
        File::create(&file)?;
        let mut command = self.command("parec");
        command
            .arg(format!("--device={source}"))
            .args(["--raw", "--format=s16le"]);
        command.args([
            format!("--rate={RATE_HZ}").as_str(),
            "--channels=1",
            "--latency-msec=20",
        ]);
        command.arg(&file);
        let recorder = Program::start(&mut command)?;
        wait_until("the first recorded samples", PATIENCE, || {
            fs::metadata(&file).ok().filter(|file| file.len() > 0)
        })
        .with_context(|| recorder.complaints())?;
        Ok(Recording { recorder, file })
    }

    /// Plugs in another microphone; it hears silence.
    ///
    /// # Errors
    /// When the server refuses.
    pub fn plug_microphone(&self, name: &str) -> Result<(Module, Module)> {
        let mouth = format!("{name}-mouth");
        Ok((self.load(&sink(&mouth))?, self.load(&source(name, &mouth))?))
    }

    /// Plugs in another speaker.
    ///
    /// # Errors
    /// When the server refuses.
    pub fn plug_speaker(&self, name: &str) -> Result<Module> {
        self.load(&sink(name))
    }

    /// Unplugs a device.
    ///
    /// # Errors
    /// When it is not there any more.
    pub fn unplug(&self, module: Module) -> Result<()> {
        self.control(["unload-module", &module.0.to_string()])
            .map(drop)
    }

    /// The index of the module that made one of the first devices, to unplug it: `speaker`,
    /// `mouth` or `microphone`.
    ///
    /// # Errors
    /// When no such device is there.
    pub fn module_of(&self, device: &str) -> Result<Module> {
        let modules = self.control(["list", "short", "modules"])?;
        let wanted = [
            format!("sink_name={device}"),
            format!("source_name={device}"),
        ];
        modules
            .lines()
            .find(|line| {
                line.split_whitespace()
                    .any(|word| wanted.iter().any(|w| w == word))
            })
            .and_then(|line| line.split_whitespace().next()?.parse().ok())
            .map(Module)
            .with_context(|| format!("no module made {device}:\n{modules}"))
    }

    /// Runs `pactl` and returns what it printed.
    ///
    /// # Errors
    /// When the server does not answer or refuses.
    pub fn control<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<String> {
        let mut command = self.command("pactl");
        let output = command
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .context("pactl")?;
        ensure!(
            output.status.success(),
            "pactl: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn load(&self, module: &str) -> Result<Module> {
        let answer = self.control(["load-module"].into_iter().chain(module.split(' ')))?;
        let index = answer
            .trim()
            .parse()
            .with_context(|| format!("no index: {answer}"))?;
        Ok(Module(index))
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        self.environment.apply(&mut command);
        command
    }

    fn recordings(&self) -> usize {
        fs::read_dir(self.scratch.path()).map_or(0, Iterator::count)
    }
}

impl Playing {
    /// Waits until the last sample was played.
    ///
    /// # Errors
    /// When the player fails or does not end.
    pub fn finish(mut self, limit: Duration) -> Result<()> {
        let status = self.player.exit(limit)?;
        ensure!(
            status.success(),
            "paplay failed: {}",
            self.player.complaints()
        );
        Ok(())
    }
}

impl Recording {
    /// How much has been recorded so far.
    #[must_use]
    pub fn length(&self) -> Duration {
        let bytes = fs::metadata(&self.file).map_or(0, |file| file.len());
        Duration::from_secs_f64(bytes as f64 / f64::from(2 * RATE_HZ))
    }

    /// What has been recorded so far; recording goes on.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn so_far(&self) -> Result<Sound> {
        let bytes = fs::read(&self.file).context("the recording")?;
        let samples = bytes
            .chunks_exact(2)
            .map(|pair| i16::from_le_bytes([pair[0], pair[1]]));
        Ok(Sound::from_pcm16(samples, RATE_HZ))
    }

    /// Ends the recording and returns it.
    ///
    /// # Errors
    /// When the recorder does not end.
    pub fn finish(mut self) -> Result<Sound> {
        self.recorder.terminate()?;
        self.recorder.exit(PATIENCE)?;
        self.so_far()
    }
}

/// A program that runs before all others where the system allows it. A server that waits for its
/// turn drops what the microphone heard meanwhile; what else this machine does is no part of what
/// is measured.
fn ahead_of_others(program: &str) -> Command {
    let allowed = Command::new("chrt")
        .args(["--fifo", PRIORITY, "true"])
        .stderr(Stdio::null())
        .status();
    if !allowed.is_ok_and(|status| status.success()) {
        return Command::new(program);
    }
    let mut command = Command::new("chrt");
    command.args(["--fifo", PRIORITY, program]);
    command
}

/// A null sink. Without rewinds a client's first callback comes after 34 ms instead of 1-2 s.
fn sink(name: &str) -> String {
    format!(
        "module-null-sink sink_name={name} rate={RATE_HZ} channels=2 norewinds=1 \
         sink_properties=device.description={name}"
    )
}

/// A source of its own kind, not a monitor, which applications hide from their lists.
fn source(name: &str, sink: &str) -> String {
    format!(
        "module-remap-source source_name={name} master={sink}.monitor \
         source_properties=device.description={name}"
    )
}
