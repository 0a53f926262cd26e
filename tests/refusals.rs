//! Everything that can be wrong with a call ends it with one clear sentence and a non-zero exit
//! code: never a panic, never a hang.
#![allow(
    clippy::print_stderr,
    reason = "the figures belong into the test's output"
)]

use std::fs;
use std::time::Duration;

use anyhow::{Result, ensure};
use offhook_tests::clock::Stopwatch;
use offhook_tests::environment::Environment;
use offhook_tests::rogue::{Manners, Rogue};
use offhook_tests::scratch::Scratch;
use offhook_tests::softphone::{Bridge, Caller, data};
use offhook_tests::tls_front::TlsFront;

/// The longest that anything may take: the limit for a step of coming up, and the goodbye.
const LIMIT: Duration = Duration::from_secs(15);

const KEY: &str = "canary-4711";

/// Makes a call that has to fail, and looks at how it does.
fn refused(what: &str, arguments: &[&str], environment: &Environment, says: &str) -> Result<()> {
    let watch = Stopwatch::start();
    let mut caller = Caller::start(arguments, environment)?;
    let status = caller.program.exit(LIMIT)?;
    let complaints = caller.program.complaints();
    ensure!(status.code() == Some(1), "{what}: {status}, {complaints}");
    ensure!(
        complaints.lines().count() == 1,
        "{what}: not one sentence: {complaints}"
    );
    ensure!(
        complaints.contains(says),
        "{what}: {complaints:?} does not say {says:?}"
    );
    ensure!(
        complaints.trim_end().ends_with('.'),
        "{what}: {complaints:?} is not a sentence"
    );
    let everything = format!("{complaints}{}", caller.program.lines().join("\n"));
    ensure!(
        !everything.contains(KEY),
        "{what}: the credential is shown: {everything}"
    );
    ensure!(
        !everything.contains('{') || !complaints.contains('{'),
        "{what}: {complaints}"
    );
    eprintln!(
        "{what}: exit 1 after {:.1} s: {}",
        watch.elapsed().as_secs_f32(),
        complaints.trim()
    );
    Ok(())
}

/// A call over sound files, so that only what is under test can fail.
fn over_files(what: &str, more: &[&str], environment: &Environment, says: &str) -> Result<()> {
    let scratch = Scratch::new("refusals")?;
    let speech = data("speech.wav").display().to_string();
    let answer = scratch.path().join("answer.wav").display().to_string();
    let mut arguments = vec!["--mic", &speech, "--speaker", &answer];
    arguments.extend(more);
    refused(what, &arguments, environment, says)
}

fn by_a_rogue(manners: Manners, says: &str) -> Result<()> {
    let rogue = Rogue::start(manners)?;
    let environment = Environment::new().with("OFFHOOK_API_KEY", KEY);
    over_files(
        &format!("{manners:?}"),
        &["--direct", "--url", &rogue.url()],
        &environment,
        says,
    )
}

#[test]
fn a_server_that_closes_at_once() -> Result<()> {
    by_a_rogue(Manners::HangsUp, "does not answer")?;
    by_a_rogue(Manners::Closes(1011), "code 1011")?;
    by_a_rogue(Manners::Drops, "connection was lost")
}

#[test]
fn a_server_that_sends_garbage() -> Result<()> {
    by_a_rogue(Manners::NotHttp, "not part of a call")?;
    by_a_rogue(Manners::Garbage, "not part of a call")?;
    by_a_rogue(Manners::NotWebSocket, "not part of a call")
}

#[test]
fn a_message_of_20_megabytes() -> Result<()> {
    by_a_rogue(Manners::Huge, "larger than the limit of 1048576 bytes")
}

#[test]
fn a_server_that_never_opens_a_session() -> Result<()> {
    by_a_rogue(Manners::Silent, "within 10 seconds")
}

#[test]
fn a_wrong_key_said_after_the_upgrade() -> Result<()> {
    by_a_rogue(Manners::WrongKey, "Incorrect API key")
}

#[test]
fn a_wrong_token_and_none() -> Result<()> {
    let bridge = Bridge::start(Some("right"))?;
    let url = ["--url", bridge.url()];
    let wrong = Environment::new().with("OFFHOOK_ACCESS_TOKEN", KEY);
    over_files("a wrong token", &url, &wrong, "did not accept your sign-in")?;
    over_files(
        "no token",
        &url,
        &Environment::new(),
        "did not accept your sign-in",
    )?;
    let direct = ["--direct", "--url", bridge.url()];
    let key = Environment::new().with("OFFHOOK_API_KEY", KEY);
    over_files(
        "a key that is no token",
        &direct,
        &key,
        "did not accept your sign-in",
    )?;
    over_files("no key", &direct, &Environment::new(), "OFFHOOK_API_KEY")
}

#[test]
fn an_agent_that_is_not_there() -> Result<()> {
    let bridge = Bridge::start(None)?;
    over_files(
        "an unknown agent",
        &["nobody", "--url", bridge.url()],
        &Environment::new(),
        "nobody",
    )?;
    over_files(
        "none inside",
        &["nobody"],
        &Environment::new(),
        "no agent called",
    )
}

#[test]
fn a_host_that_cannot_be_reached() -> Result<()> {
    let environment = Environment::new();
    let closed = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let url = format!("http://{closed}");
    over_files(
        "nothing listens",
        &["--url", &url],
        &environment,
        "does not answer",
    )?;
    let unknown = ["--url", "https://no-such-host.invalid"];
    over_files("an unknown host", &unknown, &environment, "was not found")?;
    let nonsense = ["--url", "bridge.example"];
    over_files(
        "not an address",
        &nonsense,
        &environment,
        "not an address that can be called",
    )
}

#[test]
fn a_private_authority_counts_where_the_system_trusts_it() -> Result<()> {
    let bridge = Bridge::start(None)?;
    let front = TlsFront::start(bridge.url().trim_start_matches("http://").parse()?)?;
    let url = front.url();
    let arguments = ["--url", url.as_str()];
    over_files(
        "an unknown authority",
        &arguments,
        &Environment::new(),
        "is not safe",
    )?;

    // What an administrator does by installing the certificate, for this process alone.
    let trusting = Environment::new().with("SSL_CERT_FILE", front.authority());
    let scratch = Scratch::new("refusals")?;
    let speech = data("speech.wav").display().to_string();
    let answer = scratch.path().join("answer.wav").display().to_string();
    let arguments = [
        "--url",
        url.as_str(),
        "--mic",
        &speech,
        "--speaker",
        &answer,
        "--for",
        "0.5",
    ];
    let mut caller = Caller::start(&arguments, &trusting)?;
    ensure!(
        caller.program.exit(LIMIT)?.success(),
        "{}",
        caller.program.complaints()
    );
    Ok(())
}

#[test]
fn a_sound_file_that_is_not_one() -> Result<()> {
    let scratch = Scratch::new("refusals")?;
    let environment = Environment::new();
    let path = |name: &str| scratch.path().join(name).display().to_string();
    fs::write(scratch.path().join("text.wav"), "This is not sound.")?;
    fs::write(scratch.path().join("empty.wav"), "")?;
    let speech = data("speech.wav").display().to_string();
    let answer = path("answer.wav");
    for (name, mic) in [("text", path("text.wav")), ("empty", path("empty.wav"))] {
        let arguments = ["--mic", &mic, "--speaker", &answer];
        refused(
            &format!("a WAV that is {name}"),
            &arguments,
            &environment,
            "sound file",
        )?;
    }
    let missing = path("missing.wav");
    let arguments = ["--mic", &missing, "--speaker", &answer];
    refused(
        "a WAV that is missing",
        &arguments,
        &environment,
        "sound file",
    )?;
    let unwritable = path("no/such/folder/answer.wav");
    let arguments = ["--mic", &speech, "--speaker", &unwritable];
    refused(
        "a WAV that cannot be written",
        &arguments,
        &environment,
        "sound file",
    )
}

#[test]
fn no_sound_at_all() -> Result<()> {
    let scratch = Scratch::new("refusals")?;
    // No sound server, and no card on a machine where this test runs.
    let nothing = scratch.path().join("nothing").display().to_string();
    let environment = Environment::new()
        .with("PULSE_SERVER", format!("unix:{nothing}"))
        .with("PIPEWIRE_RUNTIME_DIR", &nothing)
        .with("XDG_RUNTIME_DIR", scratch.path())
        .with("ALSA_CONFIG_PATH", "/dev/null");
    let speech = data("speech.wav").display().to_string();
    let answer = scratch.path().join("answer.wav").display().to_string();
    refused(
        "no microphone",
        &["--speaker", &answer],
        &environment,
        "No microphone",
    )?;
    refused(
        "no speaker",
        &["--mic", &speech],
        &environment,
        "No speaker",
    )
}
