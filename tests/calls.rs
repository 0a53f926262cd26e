//! Whole calls over sound files: the real command line, the real agent, real sockets.
#![allow(
    clippy::print_stderr,
    reason = "the figures belong into the test's output"
)]

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use offhook_tests::environment::Environment;
use offhook_tests::scratch::Scratch;
use offhook_tests::signal;
use offhook_tests::softphone::{Bridge, Caller, data, is_activity};
use offhook_tests::sound::Sound;
use serde_json::{Value, json};

/// A call over the shipped speech takes about 17 s.
const CALL: Duration = Duration::from_secs(60);

#[test]
fn a_call_to_the_agent_inside_brings_the_callers_words_back() -> Result<()> {
    let scratch = Scratch::new("calls")?;
    let answer = scratch.path().join("answer.wav");
    let summary = speak_and_listen(None, &answer)?;
    has_the_callers_words(&answer)?;
    let stats = &summary["stats"];
    ensure!(stats["frames_lost"] == 0, "{summary}");
    ensure!(stats["underruns"] == 0, "{summary}");
    ensure!(summary["reason"]["why"] == "hung_up", "{summary}");
    eprintln!("connected after {} ms", stats["connected_ms"]);
    eprintln!("end of utterance to answer: {} ms", stats["answer_ms"]);
    Ok(())
}

#[test]
fn a_call_to_a_bridge_in_another_process_does_the_same() -> Result<()> {
    let scratch = Scratch::new("calls")?;
    let answer = scratch.path().join("answer.wav");
    let bridge = Bridge::start(None)?;
    let summary = speak_and_listen(Some(bridge.url()), &answer)?;
    has_the_callers_words(&answer)?;
    ensure!(summary["stats"]["frames_lost"] == 0, "{summary}");
    Ok(())
}

#[test]
fn every_agent_of_a_bridge_can_be_called_and_no_other() -> Result<()> {
    let scratch = Scratch::new("calls")?;
    let list = scratch.path().join("agents.json");
    let agent = |id: &str| json!({"id": id, "name": id, "language": "en", "color": "#3b6ea5"});
    std::fs::write(&list, json!([agent("desk"), agent("sales")]).to_string())?;
    let mut command = Bridge::command("127.0.0.1:0")?;
    command.args(["--agents", text(&list)?]);
    let bridge = Bridge::run(&mut command)?;
    let silence = scratch.path().join("silence.wav");
    Sound::from_pcm16(vec![0; 4800], 48_000).write(&silence)?;
    let answer = scratch.path().join("answer.wav");
    let call = |agent: &str| -> Result<bool> {
        let arguments = [
            agent,
            "--url",
            bridge.url(),
            "--mic",
            text(&silence)?,
            "--speaker",
            text(&answer)?,
            "--for",
            "2",
        ];
        let mut caller = Caller::start(&arguments, &Environment::new())?;
        Ok(caller.program.exit(CALL)?.success())
    };
    ensure!(call("desk")?, "the first one");
    ensure!(call("sales")?, "the second one");
    ensure!(!call("nobody")?, "there is none of that name");
    Ok(())
}

#[test]
fn a_typed_text_is_answered_and_the_call_ends_by_itself() -> Result<()> {
    let scratch = Scratch::new("calls")?;
    let answer = scratch.path().join("answer.wav");
    let silence = scratch.path().join("silence.wav");
    Sound::from_pcm16(vec![0; 4800], 48_000).write(&silence)?;
    let arguments = [
        "--mic",
        text(&silence)?,
        "--speaker",
        text(&answer)?,
        "--say",
        "How are you?",
    ];
    let mut caller = Caller::start(&arguments, &Environment::new())?;
    ensure!(
        caller.program.exit(CALL)?.success(),
        "{}",
        caller.program.complaints()
    );
    let events = caller.events()?;
    let said: Vec<_> = events
        .iter()
        .filter(|event| event["event"] == "transcript")
        .filter_map(|event| event["text"].as_str())
        .collect();
    ensure!(said.contains(&"How are you?"), "{said:?}");
    ensure!(
        said.last()
            .is_some_and(|text| text.contains("How are you?")),
        "{said:?}"
    );
    Ok(())
}

#[test]
fn a_caller_who_interrupts_is_heard_and_the_agent_falls_silent() -> Result<()> {
    let scratch = Scratch::new("calls")?;
    let answer = scratch.path().join("answer.wav");
    // No silence before the utterance: it falls into the greeting.
    let utterance = data("utterance.wav");
    let arguments = ["--mic", text(&utterance)?, "--speaker", text(&answer)?];
    let mut caller = Caller::start(&arguments, &Environment::new())?;
    ensure!(
        caller.program.exit(CALL)?.success(),
        "{}",
        caller.program.complaints()
    );
    let events = caller.events()?;
    let greeting = events
        .iter()
        .find(|event| event["event"] == "transcript" && event["speaker"] == "agent")
        .context("the agent greets")?;
    ensure!(greeting["status"] == "interrupted", "{greeting}");
    ensure!(
        greeting["unheard"]
            .as_str()
            .is_some_and(|text| !text.is_empty()),
        "{greeting}"
    );
    // The caller's words are heard again, so the agent listened while it was silent.
    has_the_callers_words(&answer)
}

#[test]
fn ctrl_c_hangs_up_properly() -> Result<()> {
    let scratch = Scratch::new("calls")?;
    let answer = scratch.path().join("answer.wav");
    let speech = data("speech.wav");
    let bridge = Bridge::start(None)?;
    let arguments = [
        "--url",
        bridge.url(),
        "--mic",
        text(&speech)?,
        "--speaker",
        text(&answer)?,
    ];
    let mut caller = Caller::start(&arguments, &Environment::new())?;
    let greeted = |event: &Value| event["event"] == "transcript";
    caller.event("the greeting", CALL, greeted)?;
    caller.program.interrupt()?;
    ensure!(caller.program.exit(Duration::from_secs(10))?.success());
    let summary = caller.event("the summary", CALL, |event| event["event"] == "summary")?;
    ensure!(summary["reason"]["why"] == "hung_up", "{summary}");
    // The file's header is complete although the call was cut short.
    ensure!(Sound::read(&answer)?.seconds() > 0.1);
    Ok(())
}

#[test]
fn a_bridge_that_shuts_down_says_so_to_its_callers() -> Result<()> {
    let scratch = Scratch::new("calls")?;
    let answer = scratch.path().join("answer.wav");
    let speech = data("speech.wav");
    let mut bridge = Bridge::start(None)?;
    let arguments = [
        "--url",
        bridge.url(),
        "--mic",
        text(&speech)?,
        "--speaker",
        text(&answer)?,
    ];
    let mut caller = Caller::start(&arguments, &Environment::new())?;
    caller.event("the greeting", CALL, |event| is_activity(event, "speaking"))?;
    bridge.program.terminate()?;
    ensure!(bridge.program.exit(Duration::from_secs(10))?.success());
    // It may be back any moment: the call is kept until its caller has had enough.
    caller.event("why the line went", CALL, |event| {
        event["event"] == "reconnecting" && event["cause"] == "server_restarting"
    })?;
    caller.program.interrupt()?;
    ensure!(caller.program.exit(Duration::from_secs(10))?.success());
    let summary = caller.event("the summary", CALL, |event| event["event"] == "summary")?;
    ensure!(summary["reason"]["why"] == "hung_up", "{summary}");
    ensure!(summary["stats"]["reconnects"] == 1, "{summary}");
    Ok(())
}

/// Speaks the shipped speech to the agent, and returns the call's summary.
fn speak_and_listen(url: Option<&str>, answer: &Path) -> Result<Value> {
    let speech = data("speech.wav");
    let mut arguments = vec!["--mic", text(&speech)?, "--speaker", text(answer)?];
    arguments.extend(url.map(|url| ["--url", url]).into_iter().flatten());
    let mut caller = Caller::start(&arguments, &Environment::new())?;
    let status = caller.program.exit(CALL)?;
    ensure!(
        status.success(),
        "{status}: {}",
        caller.program.complaints()
    );
    caller.event("the summary", CALL, |event| event["event"] == "summary")
}

/// The utterance, whole, without a gap or a click, in what the agent said.
fn has_the_callers_words(answer: &Path) -> Result<()> {
    let utterance = Sound::read(&data("utterance.wav"))?;
    let heard = Sound::read(answer)?;
    let found = signal::find(&utterance, &heard).context("the answer is too short")?;
    ensure!(found.score > 0.95, "{found:?} in {:.1} s", heard.seconds());
    let words = heard.between(found.at, found.at + utterance.seconds());
    ensure!(signal::gaps(&words, Duration::from_millis(2)).is_empty());
    ensure!(signal::clicks(&words).is_empty());
    eprintln!(
        "the caller's words came back with a correlation of {:.4}",
        found.score
    );
    Ok(())
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("the path is not UTF-8")
}
