//! Encrypted files, shared, crashed over, damaged and short of room; and memory, which forgets.

use std::fs;
use std::time::Duration;

use anyhow::Result;
use offhook_tests::clock::lasts;
use offhook_tests::environment::Environment;
use offhook_tests::keeper::{self, PASSPHRASE};
use offhook_tests::scratch::Scratch;

use super::{LONG, assert_fails};

/// A keeper for encrypted files, and where they are.
pub(crate) fn with_files(scratch: &Scratch, passphrase: &str) -> (Environment, String) {
    let environment = Environment::new()
        .with(PASSPHRASE, passphrase)
        .without("DBUS_SESSION_BUS_ADDRESS");
    let open = format!("open file {}/secrets", scratch.path().display());
    (environment, open)
}

#[test]
fn encrypted_files_need_no_bus_and_serve_two_programs_at_once() -> Result<()> {
    let scratch = Scratch::new("vault")?;
    let (environment, open) = with_files(&scratch, "pass");
    let mut keepers = Vec::new();
    for _ in 0..2 {
        // Both make the files at the same time, or find those of the other.
        let mut keeper = keeper::start(&environment, LONG)?;
        keeper.tell(&open)?;
        keepers.push(keeper);
    }
    let mut written = Vec::new();
    for keeper in &mut keepers {
        assert_eq!(keeper.answer()?, "opened File");
    }
    for number in 0..20 {
        for (which, keeper) in keepers.iter_mut().enumerate() {
            keeper.tell(&format!("write k{which}.{number} 8192 {which}{number}"))?;
        }
        for (which, keeper) in keepers.iter_mut().enumerate() {
            written.push((format!("read k{which}.{number}"), keeper.answer()?));
        }
    }
    let mut keeper = keeper::start(&environment, LONG)?;
    assert_eq!(keeper.ask(&open)?, "opened File");
    for (order, answer) in written {
        assert_eq!(keeper.ask(&order)?, answer);
    }
    Ok(())
}

#[test]
fn encrypted_files_survive_a_crash_at_any_moment() -> Result<()> {
    let scratch = Scratch::new("vault")?;
    let (environment, open) = with_files(&scratch, "pass");
    let mut keeper = keeper::start(&environment, LONG)?;
    assert_eq!(keeper.ask(&open)?, "opened File");
    let (one, two) = (
        keeper.ask("write token 100000 one")?,
        keeper.ask("write token 100000 two")?,
    );
    for round in 0..10_u64 {
        let mut keeper = keeper::start(&environment, LONG)?;
        assert_eq!(keeper.ask(&open)?, "opened File");
        for number in 0..40 {
            let seed = ["one", "two"][number % 2];
            keeper.tell(&format!("write token 100000 {seed}"))?;
        }
        keeper.answer()?;
        lasts(Duration::from_millis(round * 3));
        keeper.kill()?;
        let mut keeper = keeper::start(&environment, LONG)?;
        assert_eq!(keeper.ask(&open)?, "opened File");
        let found = keeper.ask("read token")?;
        assert!(found == one || found == two, "{found}");
    }
    Ok(())
}

#[test]
fn a_wrong_passphrase_damaged_files_and_a_full_disk_are_told_apart() -> Result<()> {
    let scratch = Scratch::new("vault")?;
    let (environment, open) = with_files(&scratch, "pass");
    let mut keeper = keeper::start(&environment, LONG)?;
    assert_eq!(keeper.ask(&open)?, "opened File");
    let written = keeper.ask("write token 100 one")?;

    let (wrong, _) = with_files(&scratch, "another");
    let mut other = keeper::start(&wrong, LONG)?;
    assert_fails(&other.ask(&open)?, "WrongPassphrase");

    let mut cramped = keeper::start_with_little_room(&environment, LONG)?;
    assert_eq!(cramped.ask(&open)?, "opened File");
    assert_fails(&cramped.ask("write token 8192 two")?, "File");
    assert_eq!(cramped.ask("read token")?, written);
    assert_eq!(keeper.ask("read token")?, written);

    let secrets = scratch.path().join("secrets/secrets.age");
    let mut bytes = fs::read(&secrets)?;
    bytes.truncate(bytes.len() - 1);
    fs::write(&secrets, bytes)?;
    assert_fails(&keeper.ask("read token")?, "DamagedFile");
    assert_fails(&keeper.ask("write token 10 two")?, "DamagedFile");
    Ok(())
}

#[test]
fn memory_forgets_with_the_process() -> Result<()> {
    let environment = Environment::new().without("DBUS_SESSION_BUS_ADDRESS");
    let mut keeper = keeper::start(&environment, LONG)?;
    assert_eq!(keeper.ask("open memory")?, "opened Memory");
    let written = keeper.ask("write token 100000 one")?;
    assert_eq!(keeper.ask("read token")?, written);
    keeper.kill()?;
    let mut keeper = keeper::start(&environment, LONG)?;
    assert_eq!(keeper.ask("open memory")?, "opened Memory");
    assert_eq!(keeper.ask("read token")?, "nothing");
    Ok(())
}
