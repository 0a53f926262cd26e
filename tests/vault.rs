//! Where secrets live, for real: a vault in a process of its own, against GNOME's keyring on a bus
//! of its own, and against the file system. Every failure ends in the state docs/secrets.md names.

use std::time::Duration;

use anyhow::Result;
use offhook_tests::bus::Bus;
use offhook_tests::clock::{Stopwatch, lasts};
use offhook_tests::environment::Environment;
use offhook_tests::keeper;
use offhook_tests::keyring::{Keyring, PASSWORD};
use offhook_tests::orders::Orders;
use offhook_tests::prompter::Prompter;
use offhook_tests::scratch::Scratch;
use sha2::{Digest as _, Sha256};

#[path = "vault/files.rs"]
mod files;

/// Longer than anything here may take.
const LONG: Duration = Duration::from_secs(30);
/// Long enough for a keyring, not for a person.
const SHORT: Duration = Duration::from_secs(2);

const OPEN: &str = "open system offhook-test";
const OPENED: &str = "opened System";

/// A keeper whose vault is open at a keyring.
fn open_at(keyring: &Keyring) -> Result<Orders> {
    let mut keeper = keeper::start(&keyring.environment(), LONG)?;
    assert_eq!(keeper.ask(OPEN)?, OPENED);
    Ok(keeper)
}

/// The labels of all entries of the service, parts and leftovers included.
fn entries(keyring: &Keyring) -> Result<usize> {
    let found = keyring.tool(&["search", "--all", "service", "offhook-test"], "")?;
    Ok(found.matches("created =").count())
}

/// Puts something else beside what is in a slot, as another program can.
fn double(keyring: &Keyring, slot: &str) -> Result<()> {
    let store = ["store", "--label=double", "service", "offhook-test"];
    let arguments = [&store[..], &["username", slot]].concat();
    assert_eq!(keyring.tool(&arguments, "something else")?, "");
    Ok(())
}

/// Puts something else into a slot, as another program can.
fn spoil(keyring: &Keyring, slot: &str) -> Result<()> {
    empty(keyring, slot)?;
    double(keyring, slot)
}

/// Takes away what is in a slot, as another program can.
fn empty(keyring: &Keyring, slot: &str) -> Result<()> {
    let before = entries(keyring)?;
    keyring.tool(&["clear", "service", "offhook-test", "username", slot], "")?;
    assert_eq!(entries(keyring)?, before - 1);
    Ok(())
}

#[track_caller]
fn assert_fails(answer: &str, state: &str) {
    assert!(answer.starts_with(&format!("failed {state}: ")), "{answer}");
}

#[test]
fn secrets_of_every_length_are_kept_replaced_and_deleted_without_a_trace() -> Result<()> {
    let keyring = Keyring::start()?;
    let mut keeper = open_at(&keyring)?;
    assert_eq!(entries(&keyring)?, 0, "the probe leaves nothing");
    for length in [0, 1, 2_517, 2_518, 2_559, 2_560, 2_561, 8_192, 100_000] {
        assert_eq!(keeper.ask("read token")?, "nothing");
        let written = keeper.ask(&format!("write token {length} one"))?;
        assert!(written.starts_with(&format!("{length} ")), "{written}");
        assert_eq!(keeper.ask("read token")?, written);
        assert_eq!(open_at(&keyring)?.ask("read token")?, written);
        for other in [length + 3_000, 10] {
            let written = keeper.ask(&format!("write token {other} two"))?;
            assert_eq!(keeper.ask("read token")?, written);
        }
        assert_eq!(entries(&keyring)?, 1, "the parts of the long one are gone");
        assert_eq!(keeper.ask("delete token")?, "deleted");
        assert_eq!(entries(&keyring)?, 0);
    }
    Ok(())
}

#[test]
fn what_is_written_survives_a_crash_of_the_keyring_and_of_the_program() -> Result<()> {
    let mut keyring = Keyring::start()?;
    for length in [100, 8_192] {
        let mut keeper = open_at(&keyring)?;
        let written = keeper.ask(&format!("write token {length} one"))?;
        keyring.kill()?;
        keeper.kill()?;
        keyring.run_unlocked()?;
        assert_eq!(open_at(&keyring)?.ask("read token")?, written);
    }
    Ok(())
}

#[test]
fn a_program_that_crashes_while_it_writes_leaves_the_old_secret_or_the_new() -> Result<()> {
    let keyring = Keyring::start()?;
    let mut keeper = open_at(&keyring)?;
    let one = keeper.ask("write token 20000 one")?;
    let two = keeper.ask("write token 20001 two")?;
    for round in 0..15_u64 {
        let mut keeper = open_at(&keyring)?;
        keeper.ask("read token")?;
        for number in 0..10 {
            keeper.tell(["write token 20000 one", "write token 20001 two"][number % 2])?;
        }
        // A whole write takes a few times as long as the rounds differ by.
        lasts(Duration::from_millis(7 * round));
        keeper.kill()?;
        let found = open_at(&keyring)?.ask("read token")?;
        assert!(found == one || found == two, "round {round}: {found}");
    }
    assert_eq!(keeper.ask("delete token")?, "deleted");
    let left = keyring.tool(&["search", "--all", "service", "offhook-test"], "")?;
    assert!(!left.contains("token"), "{left}");
    Ok(())
}

#[test]
fn a_keyring_that_goes_is_missed_and_used_again_without_reopening() -> Result<()> {
    let mut keyring = Keyring::start()?;
    let mut keeper = open_at(&keyring)?;
    let written = keeper.ask("write token 8192 one")?;
    keyring.kill()?;
    keyring.run_unlocked()?;
    assert_eq!(keeper.ask("read token")?, written, "restarted unnoticed");
    keyring.kill()?;
    assert_fails(&keeper.ask("read token")?, "NoStore");
    assert_fails(&keeper.ask("write token 10 two")?, "NoStore");
    keyring.run_unlocked()?;
    assert_eq!(keeper.ask("read token")?, written);
    Ok(())
}

#[test]
fn without_a_bus_or_without_a_keyring_there_is_no_store() -> Result<()> {
    let scratch = Scratch::new("vault")?;
    let nowhere = Environment::new()
        .with("XDG_RUNTIME_DIR", scratch.path())
        .without("DISPLAY");
    let socket = format!("unix:path={}/none", scratch.path().display());
    let bus = Bus::without_services()?;
    for environment in [
        nowhere.clone().without("DBUS_SESSION_BUS_ADDRESS"),
        nowhere.clone().with("DBUS_SESSION_BUS_ADDRESS", socket),
        nowhere.and(&bus.environment()),
    ] {
        let mut keeper = keeper::start(&environment, LONG)?;
        assert_fails(&keeper.ask(OPEN)?, "NoStore");
        // Nothing took its place, and it can be tried again.
        assert_fails(&keeper.ask(OPEN)?, "NoStore");
        assert_eq!(keeper.ask("open memory")?, "opened Memory", "when asked to");
    }
    Ok(())
}

#[test]
fn a_keyring_that_nobody_can_unlock_is_locked() -> Result<()> {
    let mut keyring = Keyring::start()?;
    let written = open_at(&keyring)?.ask("write token 10 one")?;
    keyring.kill()?;
    keyring.run_locked()?;
    let mut keeper = keeper::start(&keyring.environment(), LONG)?;
    assert_fails(&keeper.ask(OPEN)?, "Locked");
    keyring.kill()?;
    keyring.run_unlocked()?;
    assert_eq!(keeper.ask(OPEN)?, OPENED);
    assert_eq!(keeper.ask("read token")?, written);
    keyring.kill()?;
    keyring.run_locked()?;
    assert_fails(&keeper.ask("read token")?, "Locked");
    assert_fails(&keeper.ask("write token 10 two")?, "Locked");
    Ok(())
}

#[test]
fn a_user_who_never_had_a_keyring_and_cannot_be_asked_has_a_locked_one() -> Result<()> {
    let mut keyring = Keyring::stopped()?;
    keyring.run_locked()?;
    let mut keeper = keeper::start(&keyring.environment(), LONG)?;
    assert_fails(&keeper.ask(OPEN)?, "Locked");
    Ok(())
}

#[test]
fn a_question_that_is_answered_unlocks_and_one_that_is_dismissed_does_not() -> Result<()> {
    let mut keyring = Keyring::start()?;
    let written = open_at(&keyring)?.ask("write token 8192 one")?;
    keyring.kill()?;
    keyring.run_locked()?;
    let prompter = Prompter::start(keyring.bus())?;
    let mut keeper = keeper::start(&keyring.environment(), LONG)?;
    keeper.tell(OPEN)?;
    prompter.dismiss()?;
    assert_fails(&keeper.answer()?, "Locked");
    keeper.tell(OPEN)?;
    prompter.answer(PASSWORD)?;
    assert_eq!(keeper.answer()?, OPENED);
    assert_eq!(keeper.ask("read token")?, written);
    Ok(())
}

#[test]
fn a_question_that_nobody_answers_costs_the_limit_and_no_more() -> Result<()> {
    let mut keyring = Keyring::start()?;
    let written = open_at(&keyring)?.ask("write token 10 one")?;
    keyring.kill()?;
    keyring.run_locked()?;
    let prompter = Prompter::start(keyring.bus())?;
    let mut keeper = keeper::start(&keyring.environment(), SHORT)?;
    let watch = Stopwatch::start();
    assert_fails(&keeper.ask(OPEN)?, "Unanswered");
    let took = watch.elapsed();
    assert!(
        took >= SHORT && took < SHORT + Duration::from_secs(2),
        "{took:?}"
    );
    prompter.answer(PASSWORD)?;
    assert_eq!(keeper.ask(OPEN)?, OPENED, "the late answer counts");
    assert_eq!(keeper.ask("read token")?, written);
    Ok(())
}

#[test]
fn a_keyring_that_hangs_costs_the_limit_and_is_used_again() -> Result<()> {
    let mut keyring = Keyring::start()?;
    let mut keeper = keeper::start(&keyring.environment(), SHORT)?;
    assert_eq!(keeper.ask(OPEN)?, OPENED);
    let written = keeper.ask("write token 10 one")?;
    keyring.freeze()?;
    assert_fails(&keeper.ask("write token 10 late")?, "Unanswered");
    assert_fails(&keeper.ask("read token")?, "Unanswered");
    keyring.thaw()?;
    // What was given up on is not done after all, however often it is looked at.
    for _ in 0..20 {
        assert_eq!(keeper.ask("read token")?, written);
    }
    keyring.freeze()?;
    assert_fails(&keeper.ask("read token")?, "Unanswered");
    keyring.kill()?;
    keyring.run_unlocked()?;
    assert_eq!(keeper.ask("read token")?, written);
    Ok(())
}

#[test]
fn a_corrupted_entry_is_damaged_and_can_be_replaced_and_deleted() -> Result<()> {
    let keyring = Keyring::start()?;
    let mut keeper = open_at(&keyring)?;
    for (length, slot) in [(10, "token"), (8_192, "token"), (8_192, "token/a/2")] {
        keeper.ask(&format!("write token {length} one"))?;
        spoil(&keyring, slot)?;
        assert_fails(&keeper.ask("read token")?, "Damaged");
        let written = keeper.ask("write token 8192 two")?;
        assert_eq!(keeper.ask("read token")?, written);
        spoil(&keyring, "token")?;
        assert_eq!(keeper.ask("delete token")?, "deleted");
        assert_eq!(keeper.ask("read token")?, "nothing");
        assert_eq!(entries(&keyring)?, 0);
    }
    keeper.ask("write token 8192 one")?;
    empty(&keyring, "token/a/3")?;
    assert_fails(&keeper.ask("read token")?, "Damaged");
    Ok(())
}

#[test]
fn two_entries_of_one_name_are_damaged_and_become_one() -> Result<()> {
    let keyring = Keyring::start()?;
    let mut keeper = open_at(&keyring)?;
    for length in [10, 8_192] {
        keeper.ask(&format!("write token {length} one"))?;
        double(&keyring, "token")?;
        assert_fails(&keeper.ask("read token")?, "Damaged");
        let written = keeper.ask("write token 10 two")?;
        assert_eq!(keeper.ask("read token")?, written);
        assert_eq!(entries(&keyring)?, 1);
        double(&keyring, "token")?;
        assert_eq!(keeper.ask("delete token")?, "deleted");
        assert_eq!(entries(&keyring)?, 0);
    }
    Ok(())
}

#[test]
fn no_log_shows_a_secret_or_a_passphrase() -> Result<()> {
    let keyring = Keyring::start()?;
    let scratch = Scratch::new("vault")?;
    let (environment, open) = files::with_files(&scratch, "correct-horse");
    let environment = environment
        .and(&keyring.environment())
        .with("RUST_LOG", "trace");
    let mut keeper = keeper::start(&environment, LONG)?;
    for place in [OPEN, &open] {
        assert!(keeper.ask(place)?.starts_with("opened "));
        let written = keeper.ask("write token 8192 one")?;
        assert_eq!(keeper.ask("read token")?, written);
    }
    let said = keeper.said();
    assert!(said.contains("TRACE"), "nothing was logged: {said}");
    let secret = &Sha256::digest("one")[..8];
    let decimal = format!("{secret:?}");
    let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let shown = ["correct-horse", &hex, decimal.trim_matches(['[', ']'])];
    for text in shown {
        assert!(!said.to_lowercase().contains(text), "a log has {text}");
    }
    Ok(())
}
