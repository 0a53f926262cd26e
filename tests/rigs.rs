//! The rigs themselves: what they promise to the tests that stand on them.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use offhook_tests::bus::Bus;
use offhook_tests::clock::wait_until;
use offhook_tests::display::Display;
use offhook_tests::environment::Environment;
use offhook_tests::keyring::Keyring;
use offhook_tests::program::{Program, workspace_program};
use offhook_tests::pulse::{Pulse, Recording};
use offhook_tests::scratch::Scratch;
use offhook_tests::signal;
use offhook_tests::sound::Sound;
use offhook_tests::web_driver::WebDriver;

const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn what_is_said_into_the_microphone_is_heard_whole() -> Result<()> {
    let pulse = Pulse::start()?;
    let recording = pulse.record("microphone")?;
    let wav = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/utterance.wav");
    pulse.say(&wav)?.finish(PATIENCE)?;
    let utterance = Sound::read(&wav)?;
    let enough = recording.length() + Duration::from_millis(500);
    wait_until("the end of the utterance", PATIENCE, || {
        (recording.length() > enough).then_some(())
    })?;
    let heard = recording.finish()?;

    let found = signal::find(&utterance, &heard).expect("the recording is longer");
    assert!(found.score > 0.98, "{found:?} in {:.2} s", heard.seconds());
    let part = heard.between(found.at, found.at + utterance.seconds());
    assert_eq!(signal::gaps(&part, Duration::from_millis(2)), []);
    assert_eq!(signal::clicks(&part), [0.0; 0]);
    Ok(())
}

#[test]
fn the_speaker_and_the_microphone_are_not_connected() -> Result<()> {
    let pulse = Pulse::start()?;
    let scratch = Scratch::new("rigs")?;
    let wav = scratch.path().join("tone.wav");
    Sound::sine(440.0, 0.5, 48_000).write(&wav)?;
    let (speaker, microphone) = (pulse.record_speaker()?, pulse.record("microphone")?);
    let mut player = Command::new("paplay");
    pulse.environment().apply(&mut player);
    let status = Program::start(player.arg(&wav))?.exit(PATIENCE)?;
    assert!(status.success());
    wait_until("both recordings to have it", PATIENCE, || {
        let both = [&speaker, &microphone].map(Recording::length);
        both.iter()
            .all(|length| *length > Duration::from_secs(1))
            .then_some(())
    })?;
    assert!(
        signal::dbfs(signal::rms(&speaker.finish()?.samples)) > -20.0,
        "the default speaker"
    );
    assert!(
        signal::rms(&microphone.finish()?.samples).abs() < 1e-6,
        "it heard the speaker"
    );
    Ok(())
}

#[test]
fn devices_come_and_go() -> Result<()> {
    let pulse = Pulse::start()?;
    let sources = || pulse.control(["list", "short", "sources"]);
    assert!(!sources()?.contains("headset"));
    let (sink, source) = pulse.plug_microphone("headset")?;
    assert!(sources()?.contains("headset"));
    pulse.unplug(source)?;
    pulse.unplug(sink)?;
    assert!(!sources()?.contains("headset"));
    pulse.unplug(pulse.module_of("microphone")?)?;
    assert!(!sources()?.contains("microphone"));
    Ok(())
}

#[test]
fn two_displays_have_two_names_and_accept_clients() -> Result<()> {
    let (first, second) = (Display::start()?, Display::start()?);
    assert_ne!(first.name(), second.name());
    for display in [&first, &second] {
        let socket = format!("/tmp/.X11-unix/X{}", display.name().trim_start_matches(':'));
        std::os::unix::net::UnixStream::connect(&socket)?;
    }
    Ok(())
}

#[test]
fn the_bus_answers() -> Result<()> {
    let bus = Bus::start()?;
    let mut command = Command::new("dbus-send");
    bus.environment().apply(&mut command);
    command.args([
        "--print-reply",
        "--dest=org.freedesktop.DBus",
        "/org/freedesktop/DBus",
    ]);
    let mut list = Program::start(command.arg("org.freedesktop.DBus.ListNames"))?;
    assert!(list.exit(PATIENCE)?.success(), "{}", list.complaints());
    assert!(
        list.lines()
            .iter()
            .any(|line| line.contains("org.freedesktop.DBus"))
    );
    Ok(())
}

#[test]
fn a_bus_without_services_starts_nothing_and_knows_who_is_there() -> Result<()> {
    let bus = Bus::without_services()?;
    assert!(bus.has("org.freedesktop.DBus")?);
    let mut command = Command::new("dbus-send");
    bus.environment().apply(&mut command);
    command.args(["--print-reply", "--dest=org.freedesktop.secrets", "/"]);
    let mut calling = Program::start(command.arg("org.freedesktop.DBus.Peer.Ping"))?;
    assert!(!calling.exit(PATIENCE)?.success());
    assert!(!bus.has("org.freedesktop.secrets")?);
    Ok(())
}

#[test]
fn a_keyring_comes_goes_and_keeps() -> Result<()> {
    let mut keyring = Keyring::start()?;
    let store = ["store", "--label=rigs", "service", "rigs"];
    assert_eq!(keyring.tool(&store, "kept")?, "");
    keyring.kill()?;
    assert!(!keyring.bus().has("org.freedesktop.secrets")?);
    keyring.run_locked()?;
    let look = ["lookup", "service", "rigs"];
    assert_ne!(keyring.tool(&look, "")?, "kept", "it is locked");
    keyring.kill()?;
    keyring.run_unlocked()?;
    assert_eq!(keyring.tool(&look, "")?, "kept");
    Ok(())
}

#[test]
fn the_web_driver_is_ready_for_a_session() -> Result<()> {
    let display = Display::start()?;
    let driver = WebDriver::start(&display.environment())?;
    let mut stream = TcpStream::connect(driver.address())?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    let mut part = [0; 1024];
    while !String::from_utf8_lossy(&answer).contains("\"ready\":true") {
        let count = stream.read(&mut part)?;
        assert!(count > 0, "not ready: {}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&part[..count]);
    }
    Ok(())
}

#[test]
fn a_program_is_heard_to_its_end() -> Result<()> {
    let mut program = Program::start(
        Command::new("sh").args(["-c", "echo one; echo ready 7; echo oops >&2; exit 3"]),
    )?;
    let line = program.line("it to be ready", PATIENCE, |line| line.starts_with("ready"))?;
    assert_eq!(line, "ready 7");
    assert_eq!(program.exit(PATIENCE)?.code(), Some(3));
    assert_eq!(program.lines(), ["one", "ready 7"]);
    assert_eq!(program.complaints(), "oops\n");
    Ok(())
}

#[test]
fn a_line_that_never_comes_is_an_error_with_the_last_words() -> Result<()> {
    let program = Program::start(Command::new("sh").args(["-c", "echo no sound >&2"]))?;
    let error = program
        .line("a tone", PATIENCE, |_| true)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("without a tone") && error.contains("no sound"),
        "{error}"
    );
    Ok(())
}

#[test]
fn a_dropped_program_is_gone_and_an_interrupted_one_ends() -> Result<()> {
    let endless = || Program::start(Command::new("sleep").arg("1000"));
    let dropped = endless()?;
    let entry = format!("/proc/{}", dropped.id());
    assert!(Path::new(&entry).exists());
    drop(dropped);
    assert!(!Path::new(&entry).exists());

    let mut interrupted = endless()?;
    interrupted.interrupt()?;
    assert_eq!(
        interrupted.exit(PATIENCE)?.code(),
        None,
        "a signal ended it"
    );
    Ok(())
}

#[test]
fn later_variables_win_and_unwanted_ones_are_gone() -> Result<()> {
    let mut command = Command::new("sh");
    command
        .args(["-c", "echo $A; echo ${B-unset}"])
        .env("B", "inherited");
    let first = Environment::new().with("A", "1");
    first
        .and(&Environment::new().with("A", "2").without("B"))
        .apply(&mut command);
    let mut program = Program::start(&mut command)?;
    program.exit(PATIENCE)?;
    assert_eq!(program.lines(), ["2", "unset"]);
    Ok(())
}

#[test]
fn a_program_that_is_not_built_is_named_with_the_command_that_builds_it() {
    let error = workspace_program("offhook-nonesuch")
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("offhook-nonesuch") && error.contains("cargo build"),
        "{error}"
    );
}
