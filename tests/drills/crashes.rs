//! Programs that are killed at each step of a refresh.

use anyhow::Result;
use offhook_tests::browser::Browser;
use offhook_tests::orders::Orders;
use offhook_tests::signed_in::client_of;

use super::{Desk, Forgiving, MOMENTS, assert_token, crash, report, sign_in, strict, wait_for_end};

const ROUNDS: usize = 200;
/// After so many, the user signs in anew, with a new key: a bridge takes no more than 256 proofs of a
/// key in two minutes.
const ROUNDS_OF_A_KEY: usize = 20;
/// Each opens its files anew, which takes a second.
const ROUNDS_WITH_FILES: usize = 12;

#[derive(Debug, Default)]
struct Counted {
    rounds: usize,
    crashes: usize,
    sign_outs: usize,
    refused: usize,
}

/// Kills one program after the other in a refresh. The next one has the user signed in, with the
/// token from before or a newer one, and the next refresh works; the server takes both tokens.
fn crash_drill(desk: &Desk, issuer: &Forgiving, rounds: usize) -> Result<Counted> {
    let mut program = desk.program()?;
    let mut last = String::new();
    let mut counted = Counted::default();
    for round in 0..rounds {
        if round % ROUNDS_OF_A_KEY == 0 {
            issuer.sign_in(&mut program)?;
            last = program.ask("access")?;
        }
        let moment = MOMENTS[round % MOMENTS.len()];
        crash(&mut program, moment)?;
        counted.crashes += 1;
        if moment == "Answered" {
            // And what follows on the crash crashes as well.
            desk.crash_again(MOMENTS[round / MOMENTS.len() % MOMENTS.len()])?;
            counted.crashes += 1;
        }
        program = desk.program()?;
        let found = program.ask("access")?;
        assert_token(&found);
        // A program that finds the note has asked again already, and may have the answer.
        assert!(found == last || moment != "Locked", "round {round}");
        assert!(found != last || moment != "Kept", "round {round}");
        counted.refused += usize::from(!issuer.takes(&mut program)?);
        let next = program.ask("refuse")?;
        assert_token(&next);
        assert_ne!(next, last, "round {round}, after {moment}");
        counted.refused += usize::from(!issuer.takes(&mut program)?);
        let standings = program.ask("standings")?;
        counted.sign_outs += usize::from(standings != "SignedIn ada");
        counted.rounds += 1;
        last = next;
    }
    Ok(counted)
}

fn assert_nobody_is_signed_out(where_kept: &str, rounds: usize) -> Result<()> {
    let issuer = Forgiving::start()?;
    let desk = match where_kept {
        "keyring" => Desk::with_keyring(issuer.client())?,
        _ => Desk::with_files(issuer.client())?,
    };
    let counted = crash_drill(&desk, &issuer, rounds)?;
    let (reuses, refreshes) = (issuer.issuer.reuses(), issuer.relay.given());
    report(&format!(
        "crashes, {where_kept}, reuse interval: {counted:?}, {refreshes} answers with tokens, \
         {reuses} sign-ins ended for reuse"
    ));
    assert_eq!(
        (counted.rounds, counted.sign_outs, counted.refused),
        (rounds, 0, 0)
    );
    assert_eq!(reuses, 0);
    Ok(())
}

#[test]
fn a_crash_at_any_step_signs_nobody_out_200_times() -> Result<()> {
    assert_nobody_is_signed_out("keyring", ROUNDS)
}

#[test]
fn a_crash_at_any_step_signs_nobody_out_with_encrypted_files() -> Result<()> {
    assert_nobody_is_signed_out("files", ROUNDS_WITH_FILES)
}

/// A program that lives on in the next one, with the token it has.
fn assert_goes_on(desk: &Desk, program: &mut Orders, moment: &str) -> Result<()> {
    let before = program.ask("access")?;
    crash(program, moment)?;
    *program = desk.program()?;
    assert_token(&program.ask("access")?);
    let next = program.ask("refuse")?;
    assert_token(&next);
    assert_ne!(next, before, "{moment}");
    assert_eq!(program.ask("standings")?, "SignedIn ada", "{moment}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_reuse_interval_only_a_lost_answer_ends_a_sign_in_and_the_token_stays()
-> Result<()> {
    let (issuer, browser) = (strict().await?, Browser::start().await?);
    let desk = Desk::with_keyring(client_of(&issuer))?;
    let mut program = desk.program()?;
    sign_in(&mut program, &browser).await?;
    for _ in 0..5 {
        for moment in ["Locked", "Noted", "Kept"] {
            assert_goes_on(&desk, &mut program, moment)?;
        }
    }
    assert_eq!(issuer.counts()?.reuses, 0);

    let last = program.ask("access")?;
    crash(&mut program, "Answered")?;
    let refreshed = issuer.counts()?.refreshed();
    program = desk.program()?;
    wait_for_end(&mut program)?;
    assert_eq!(program.ask("standings")?, "SignedIn ada, Ended ada");
    assert_eq!(program.ask("access")?, last, "it is good until it expires");
    let answer = program.ask("refuse")?;
    assert!(answer.starts_with("failed Ended: "), "{answer}");
    let counts = issuer.counts()?;
    report(&format!(
        "crashes, keyring, no reuse interval: 15 rounds at Locked, Noted and Kept without a \
         sign-out; 1 at Answered: {} reuse, 1 sign-out, the access token still handed out",
        counts.reuses
    ));
    assert_eq!((counts.reuses, counts.refreshed()), (1, refreshed));

    // Who signs in again is signed in.
    sign_in(&mut program, &browser).await?;
    assert_goes_on(&desk, &mut program, "Noted")
}
