//! `offhook login`, `status`, `call --at` and `logout`, as their users do it: the real command line
//! and bridge, a real browser, GNOME's keyring, and a real provider.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use offhook_phone::{Problem, english};
use offhook_tests::browser::Browser;
use offhook_tests::bus::Bus;
use offhook_tests::clock::Stopwatch;
use offhook_tests::environment::Environment;
use offhook_tests::issuer::{Issuer, Options};
use offhook_tests::keyring::Keyring;
use offhook_tests::signal;
use offhook_tests::softphone::{Bridge, data};
use offhook_tests::sound::Sound;
use offhook_tests::terminal::{Done, PASSPHRASE, Terminal, done, shown};
use serde_json::Value;

/// A call over the shipped speech takes about 17 s.
const CALL: Duration = Duration::from_secs(60);
/// What a person who has changed their mind waits for.
const SOON: Duration = Duration::from_secs(2);

/// A bridge that is its own issuer.
fn bridge() -> Result<Bridge> {
    let mut command = Bridge::command("127.0.0.1:0")?;
    Bridge::run(command.args(["--local-issuer", "--name", "Example"]))
}

/// How many entries `offhook` has in a keyring.
fn entries(keyring: &Keyring) -> Result<usize> {
    let found = keyring.tool(&["search", "--all", "service", "offhook"], "")?;
    Ok(found.matches("created =").count())
}

/// What `offhook status --json` says of the account at a bridge.
fn account(terminal: &Terminal, more: &[&str]) -> Result<Value> {
    let told = terminal.run(&[&["status", "--json"], more].concat())?;
    ensure!(told.code == Some(0), "{told:?}");
    let told: Value = serde_json::from_str(&told.out)?;
    let profiles = told["profiles"].as_array().context("no profiles")?;
    let bridge = profiles
        .iter()
        .find(|profile| profile["kind"]["kind"] == "organisation");
    Ok(bridge.context("no bridge")?["account"].clone())
}

/// Speaks to the agent at a bridge and hears the own words again.
fn talks(terminal: &Terminal, at: &str, more: &[&str]) -> Result<()> {
    let answer = terminal.folder().join("answer.wav");
    let utterance = data("utterance.wav");
    let sound = ["--mic", text(&utterance)?, "--speaker", text(&answer)?];
    let words = [&["test", "--at", at], &sound[..], more].concat();
    let mut caller = terminal.call(&words)?;
    let status = caller.program.exit(CALL)?;
    ensure!(
        status.success(),
        "{status}: {}",
        caller.program.complaints()
    );
    let found = signal::find(&Sound::read(&utterance)?, &Sound::read(&answer)?);
    let found = found.context("the answer is too short")?;
    ensure!(found.score > 0.95, "{found:?}");
    Ok(())
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("the path is not UTF-8")
}

#[track_caller]
fn assert_done(done: &Done, says: &str) {
    assert!(done.code == Some(0) && done.out == says, "{done:?}");
}

/// It fails with one sentence, which is this one.
#[track_caller]
fn assert_fails(done: &Done, says: &str) {
    let is_one = done.err.lines().count() == 1 && done.err.contains(says);
    assert!(done.code == Some(1) && is_one, "{done:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_signs_in_with_the_browser_is_known_calls_and_signs_out() -> Result<()> {
    let (keyring, bridge) = (Keyring::start()?, bridge()?);
    let terminal = Terminal::new(&keyring.environment())?;
    let browser = Browser::start().await?;

    let mut login = terminal.start(&["login", bridge.url()])?;
    let address = terminal.opened()?;
    let page = browser.sign_in_at_bridge(&address, "ada", None);
    assert!(page.await?.text.contains("You are signed in"));
    assert_done(&done(&mut login)?, "You are signed in at Example as ada.");
    assert!(entries(&keyring)? > 0);

    let told = terminal.run(&["status"])?;
    let host = bridge.url();
    assert_eq!(
        told.out.lines().collect::<Vec<_>>(),
        [
            "Secrets are kept in the system's keyring.",
            "Built-in agent: needs no sign-in and no network",
            &format!("Example  ({host}): signed in as ada"),
        ],
        "{told:?}"
    );
    let known = account(&terminal, &[])?;
    assert_eq!(
        (&known["state"], &known["name"]),
        (&"signed_in".into(), &"ada".into())
    );

    talks(&terminal, bridge.url(), &[])?;
    talks(&terminal, "Example", &[])?;

    assert_done(
        &terminal.run(&["logout"])?,
        "You are signed out at Example.",
    );
    assert_eq!(entries(&keyring)?, 0);
    assert_eq!(account(&terminal, &[])?["state"], "signed_out");
    let refused = terminal.run(&["call", "test", "--at", "Example"])?;
    assert_fails(&refused, "you are not signed in at Example");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_is_not_the_bridge_does_as_well_and_is_told_of_the_sign_out() -> Result<()>
{
    let issuer = Issuer::start(&Options {
        require_dpop: true,
        ..Options::default()
    })?;
    let mut command = Bridge::command("127.0.0.1:0")?;
    command.args(["--issuer", issuer.url(), "--audience", issuer.resource()]);
    command.args(["--client-id", issuer.client_id(), "--name", "Example"]);
    let bridge = Bridge::run(&mut command)?;
    let keyring = Keyring::start()?;
    let terminal = Terminal::new(&keyring.environment())?;
    let browser = Browser::start().await?;

    let mut login = terminal.start(&["login", bridge.url()])?;
    browser.sign_in(&terminal.opened()?, "ada").await?;
    let signed_in = done(&mut login)?;
    assert_eq!(signed_in.code, Some(0), "{signed_in:?}");
    assert_eq!(account(&terminal, &[])?["state"], "signed_in");
    talks(&terminal, "Example", &[])?;

    assert_done(
        &terminal.run(&["logout"])?,
        "You are signed out at Example.",
    );
    let counts = issuer.counts()?;
    assert_eq!((counts.sign_ins, counts.revoked, counts.reuses), (1, 1, 0));
    assert_eq!(entries(&keyring)?, 0);
    assert_eq!(account(&terminal, &[])?["state"], "signed_out");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_typed_elsewhere_signs_in_and_a_wrong_passphrase_loses_nothing() -> Result<()> {
    let bridge = bridge()?;
    let nowhere = Bus::without_services()?;
    let right = Environment::new().with(PASSPHRASE, "right, and with spaces");
    let terminal = Terminal::new(&nowhere.environment())?.with(&right);
    let browser = Browser::start().await?;
    let file = ["--keep-in", "file"];

    let mut login = terminal.start(&["login", "--device", bridge.url(), "--keep-in", "file"])?;
    let (code, url) = shown(&login)?;
    let page = browser.sign_in_at_bridge(&url, "grace", Some(&code));
    assert!(page.await?.text.contains("You are signed in"));
    assert_done(&done(&mut login)?, "You are signed in at Example as grace.");
    assert_eq!(account(&terminal, &file)?["name"], "grace");

    let wrong = Environment::new().with(PASSPHRASE, "wrong");
    let terminal = terminal.with(&wrong);
    let sentence = english(&Problem::WrongPassphrase);
    for words in [
        &["call", "test", "--at", "Example"][..],
        &["login", "--device"],
        &["logout"],
    ] {
        assert_fails(&terminal.run(&[words, &file].concat())?, &sentence);
    }
    let told = terminal.run(&[&["status"], &file[..]].concat())?;
    assert!(
        told.code == Some(0) && told.out.contains(&sentence),
        "{told:?}"
    );

    let none = terminal.with(&Environment::new().without(PASSPHRASE));
    assert_fails(&none.run(&[&["logout"], &file[..]].concat())?, PASSPHRASE);

    let terminal = none.with(&right);
    assert_eq!(account(&terminal, &file)?["name"], "grace");
    talks(&terminal, "Example", &file)
}

#[test]
fn without_a_keyring_status_says_so_and_nobody_can_sign_in() -> Result<()> {
    let bridge = bridge()?;
    let nowhere = Bus::without_services()?;
    let terminal = Terminal::new(&nowhere.environment())?;
    // Whatever the system says stands in the middle.
    let detail = "DETAIL".to_owned();
    let sentence = english(&Problem::NoKeyring { detail });
    let (begin, end) = sentence.split_once("DETAIL").unwrap_or((&sentence, ""));

    let told = terminal.run(&["status"])?;
    let first = told.out.lines().next().context("it says nothing")?;
    assert_eq!((told.code, told.err.as_str()), (Some(0), ""), "{told:?}");
    assert!(first.starts_with(begin) && first.ends_with(end), "{first}");

    let refused = terminal.run(&["login", bridge.url()])?;
    assert_fails(&refused, begin);
    assert!(refused.err.trim_end().ends_with(end), "{refused:?}");
    Ok(())
}

#[test]
fn ctrl_c_cancels_a_sign_in() -> Result<()> {
    let (keyring, bridge) = (Keyring::start()?, bridge()?);
    let terminal = Terminal::new(&keyring.environment())?;
    for device in [false, true] {
        let mut words = vec!["login", bridge.url()];
        words.extend(device.then_some("--device"));
        let mut login = terminal.start(&words)?;
        if device {
            shown(&login)?;
        } else {
            terminal.opened()?;
        }
        let watch = Stopwatch::start();
        login.interrupt()?;
        let cancelled = done(&mut login)?;
        let took = watch.elapsed();
        assert!(took < SOON, "{took:?}");
        assert_eq!(cancelled.code, Some(1), "{cancelled:?}");
        assert!(cancelled.err.contains("cancelled"), "{cancelled:?}");
        assert_eq!(entries(&keyring)?, 0);
        assert_eq!(account(&terminal, &[])?["state"], "signed_out");
    }
    Ok(())
}
