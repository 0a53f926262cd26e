//! Calls over sound devices: a private PulseAudio whose microphone hears a file and whose speaker
//! is recorded, the real command line, and a bridge in another process.
#![allow(
    clippy::print_stderr,
    reason = "the figures belong into the test's output"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use offhook_tests::clock::wait_until;
use offhook_tests::program::{Program, workspace_program};
use offhook_tests::pulse::Pulse;
use offhook_tests::signal;
use offhook_tests::softphone::{Bridge, Caller, data, is_activity};
use offhook_tests::sound::Sound;
use serde_json::Value;

/// Any step of a call: the longest is the greeting, 6 s.
const STEP: Duration = Duration::from_secs(30);

/// Louder than this, a recording of a silent room holds speech.
const SPEECH_DBFS: f32 = -45.0;

/// Calls that may be made for one without a flaw. The sound server keeps 10 ms of the microphone
/// for a client; when the machine stalls for longer, the rest is gone before Offhook sees it.
const CALLS: u32 = 3;

/// Tries until it works, and says what did not.
fn in_one_of(calls: u32, mut call: impl FnMut() -> Result<()>) -> Result<()> {
    for number in 1..calls {
        match call() {
            Ok(()) => return Ok(()),
            Err(error) => eprintln!("call {number} had a flaw: {error:#}"),
        }
    }
    call()
}

/// Says the utterance to the agent, and checks that the same words come out of the speaker,
/// resembling them by at least `least` (1 is the same waveform), with no gaps and no clicks.
fn words_come_back(more: &[&str], least: f32) -> Result<()> {
    let pulse = Pulse::start()?;
    let bridge = Bridge::start(None)?;
    let arguments: Vec<&str> = ["--url", bridge.url()]
        .iter()
        .chain(more)
        .copied()
        .collect();
    let mut caller = Caller::start(&arguments, &pulse.environment())?;
    caller.event("the greeting", STEP, |event| is_activity(event, "speaking"))?;
    caller.event("its end", STEP, |event| is_activity(event, "listening"))?;

    // Both sides of the room are recorded at once, so that their positions can be compared.
    let (mouth, ear) = (pulse.record("microphone")?, pulse.record_speaker()?);
    pulse.say(&data("utterance.wav"))?.finish(STEP)?;
    let answered = |event: &Value| is_activity(event, "listening") && event["answer_ms"].is_u64();
    caller.event("the answer's end", STEP, answered)?;
    caller.program.interrupt()?;
    ensure!(
        caller.program.exit(STEP)?.success(),
        "{}",
        caller.program.complaints()
    );
    let summary = caller.event("the summary", STEP, |event| event["event"] == "summary")?;
    let (mouth, ear) = (mouth.finish()?, ear.finish()?);

    let utterance = Sound::read(&data("utterance.wav"))?;
    let spoken = signal::find(&utterance, &mouth).context("the microphone's recording")?;
    let heard = signal::find(&utterance, &ear).context("the speaker's recording")?;
    ensure!(spoken.score > 0.95, "the microphone heard {spoken:?}");
    ensure!(heard.score > least, "the speaker played {heard:?}");
    let words = ear.between(heard.at, heard.at + utterance.seconds());
    let gaps = signal::gaps(&words, Duration::from_millis(2));
    ensure!(gaps.is_empty(), "the words have gaps: {gaps:?}");
    let clicks = signal::clicks(&words);
    ensure!(clicks.is_empty(), "the words click at {clicks:?}");

    let stats = &summary["stats"];
    ensure!(stats["frames_lost"] == 0, "{summary}");
    let answer = signal::onset(&ear, SPEECH_DBFS).context("the answer is heard")?;
    let end_of_utterance = spoken.at + utterance.seconds();
    eprintln!(
        "{more:?}: correlation {:.3}; end of utterance to first sample at the speaker {:.0} ms \
         (500 ms of it the agent's wait for the end of the turn); Offhook's own count {} ms; \
         underruns {}",
        heard.score,
        (answer - end_of_utterance) * 1000.0,
        stats["answer_ms"],
        stats["underruns"],
    );
    Ok(())
}

#[test]
fn words_spoken_into_the_microphone_come_back_from_the_speaker() -> Result<()> {
    in_one_of(CALLS, || words_come_back(&["--no-echo-cancellation"], 0.95))
}

#[test]
fn words_come_back_through_echo_cancellation() -> Result<()> {
    // Its high-pass filter turns the phases of a voice, which counts here and is not heard: other
    // words score below 0.3.
    in_one_of(CALLS, || words_come_back(&[], 0.65))
}

/// Lets the microphone hear the speaker, as on a laptop, and returns how the greeting ended.
fn greeting_on_open_speakers(more: &[&str]) -> Result<Value> {
    let pulse = Pulse::start()?;
    let room = [
        "load-module",
        "module-loopback",
        "source=speaker.monitor",
        "sink=mouth",
    ];
    pulse.control(
        room.into_iter()
            .chain(["latency_msec=40", "source_dont_move=true"]),
    )?;
    // The room takes 6 dB: volumes are cubic.
    pulse.control(["set-sink-volume", "mouth", "80%"])?;
    let mut caller = Caller::start(more, &pulse.environment())?;
    let said = |event: &Value| event["event"] == "transcript" && event["speaker"] == "agent";
    let greeting = caller.event("the greeting in the transcript", STEP, said)?;
    caller.program.interrupt()?;
    ensure!(
        caller.program.exit(STEP)?.success(),
        "{}",
        caller.program.complaints()
    );
    Ok(greeting)
}

#[test]
fn on_open_speakers_the_agent_does_not_interrupt_itself() -> Result<()> {
    let greeting = greeting_on_open_speakers(&[])?;
    ensure!(
        greeting["status"] == "complete",
        "the agent heard itself: {greeting}"
    );
    Ok(())
}

#[test]
fn without_echo_cancellation_it_does() -> Result<()> {
    let greeting = greeting_on_open_speakers(&["--no-echo-cancellation"])?;
    ensure!(
        greeting["status"] == "interrupted",
        "the room does not echo: {greeting}"
    );
    Ok(())
}

#[test]
fn a_device_that_is_unplugged_costs_a_message_and_not_the_call() -> Result<()> {
    let pulse = Pulse::start()?;
    let (_sink, headset) = pulse.plug_microphone("headset")?;
    let mut caller = Caller::start(&["--mic", "headset"], &pulse.environment())?;
    let uses = |name: &'static str| {
        move |event: &Value| {
            event["event"] == "microphone"
                && event["in_use"]
                    .as_str()
                    .is_some_and(|in_use| in_use.contains(name))
        }
    };
    caller.event("the headset in use", STEP, uses("headset"))?;
    caller.event("the greeting", STEP, |event| is_activity(event, "speaking"))?;
    pulse.unplug(headset)?;
    caller.event("the message", STEP, |event| {
        event["event"] == "notice" && event["problem"]["code"] == "device_gone"
    })?;
    caller.event("the default in use", STEP, uses("microphone"))?;

    // The call is as good as before on the other microphone.
    caller.event("the greeting's end", STEP, |event| {
        is_activity(event, "listening")
    })?;
    pulse.say(&data("utterance.wav"))?.finish(STEP)?;
    caller.event("an answer", STEP, |event| event["answer_ms"].is_u64())?;
    caller.program.interrupt()?;
    ensure!(
        caller.program.exit(STEP)?.success(),
        "{}",
        caller.program.complaints()
    );
    Ok(())
}

#[test]
fn the_devices_are_listed_and_the_default_is_marked() -> Result<()> {
    let pulse = Pulse::start()?;
    let mut command = workspace_program("offhook")?;
    pulse
        .environment()
        .apply(command.args(["devices", "--json"]));
    let mut devices = Program::start(&mut command)?;
    ensure!(devices.exit(STEP)?.success(), "{}", devices.complaints());
    let listed: Value = serde_json::from_str(&devices.lines().join("\n"))?;
    for (kind, name) in [("microphones", "microphone"), ("speakers", "speaker")] {
        let all = listed[kind].as_array().context("a list")?;
        let default = all.iter().find(|device| device["default"] == true);
        let id = default
            .and_then(|device| device["id"].as_str())
            .unwrap_or_default();
        let named = default
            .and_then(|device| device["name"].as_str())
            .unwrap_or_default();
        ensure!(id.contains(name) || named.contains(name), "{listed}");
    }
    Ok(())
}

#[test]
fn a_device_that_is_not_there_is_named() -> Result<()> {
    let pulse = Pulse::start()?;
    let mut caller = Caller::start(&["--mic", "no-such-device"], &pulse.environment())?;
    ensure!(caller.program.exit(STEP)?.code() == Some(1));
    let complaints = caller.program.complaints();
    ensure!(
        complaints.contains("no-such-device") && complaints.lines().count() == 1,
        "{complaints}"
    );
    eprintln!("an unknown device: exit 1: {}", complaints.trim());
    Ok(())
}

#[test]
fn a_sound_server_that_dies_ends_the_call_with_a_reason() -> Result<()> {
    let pulse = Pulse::start()?;
    let mut caller = Caller::start(&[], &pulse.environment())?;
    caller.event("the greeting", STEP, |event| is_activity(event, "speaking"))?;
    pulse.daemon().kill()?;
    ensure!(caller.program.exit(STEP)?.code() == Some(1));
    let complaints = caller.program.complaints();
    ensure!(
        complaints.contains("sound stopped") && complaints.lines().count() == 1,
        "{complaints}"
    );
    eprintln!("a sound server that dies: exit 1: {}", complaints.trim());
    Ok(())
}

#[test]
fn a_sound_server_that_refuses_us_is_told_apart_from_none() -> Result<()> {
    let pulse = Pulse::start()?;
    // A second door to the same server that wants a cookie.
    let door = pulse.folder().join("door");
    let cookie = pulse.folder().join("cookie");
    fs::write(&cookie, [7; 256])?;
    let module = format!("socket={}", door.display());
    let auth = format!("auth-cookie={}", cookie.display());
    let guarded = [
        "load-module",
        "module-native-protocol-unix",
        &module,
        &auth,
        "auth-group-enable=0",
    ];
    pulse.control(guarded)?;
    wait_until("the door", STEP, || door.exists().then_some(()))?;

    // Before it stands another user, whom the server does not know, with another cookie. He gets
    // a copy of the program, for ours may be where he cannot go.
    let (wrong, copy) = (
        pulse.folder().join("wrong-cookie"),
        pulse.folder().join("offhook"),
    );
    fs::write(&wrong, [9; 256])?;
    fs::copy(workspace_program("offhook")?.get_program(), &copy)?;
    for (path, mode) in [(pulse.folder(), 0o755), (&copy, 0o755), (&wrong, 0o644)] {
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    }
    let mut command = as_nobody();
    command.arg(&copy).args(["call", "--json"]);
    pulse
        .environment()
        .with("PULSE_SERVER", format!("unix:{}", door.display()))
        .with("PULSE_COOKIE", &wrong)
        .with("HOME", pulse.folder())
        .apply(&mut command);
    let mut caller = Program::start(&mut command)?;
    ensure!(caller.exit(STEP)?.code() == Some(1));
    let complaints = caller.complaints();
    ensure!(
        complaints.contains("does not let Offhook use the microphone")
            && complaints.lines().count() == 1,
        "{complaints}"
    );
    eprintln!("permission refused: exit 1: {}", complaints.trim());
    Ok(())
}

/// What runs a program as the user nobody, whoever runs the tests.
fn as_nobody() -> Command {
    let mut command = if nix::unistd::geteuid().is_root() {
        Command::new("setpriv")
    } else {
        let mut sudo = Command::new("sudo");
        sudo.args(["--non-interactive", "--preserve-env", "setpriv"]);
        sudo
    };
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
    command
}
