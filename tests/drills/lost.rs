//! Answers that get lost after the provider has worked them out.

use anyhow::Result;
use offhook_tests::browser::Browser;
use offhook_tests::issuer::Issuer;
use offhook_tests::signed_in::client_of;
use offhook_tests::softphone::Bridge;

use super::{Desk, Forgiving, assert_token, report, sign_in, strict, wait_for_end};

const ROUNDS: u32 = 200;
/// After so many, the user signs in anew, with a new key: a bridge takes no more than 256 proofs of a
/// key in two minutes.
const ROUNDS_OF_A_KEY: u32 = 50;

#[test]
fn a_lost_answer_signs_nobody_out_200_times() -> Result<()> {
    let issuer = Forgiving::start()?;
    let desk = Desk::with_keyring(issuer.client())?;
    let mut program = desk.program()?;
    let (mut last, mut expected) = (String::new(), 0);
    for round in 0..ROUNDS {
        if round % ROUNDS_OF_A_KEY == 0 {
            issuer.sign_in(&mut program)?;
            last = program.ask("access")?;
        }
        // Now and then the answer to the second request is lost as well.
        let lost = 1 + u32::from(round % 10 == 0);
        let seen = issuer.relay.lost();
        issuer.relay.lose(lost);
        let next = loop {
            // The program also asks again by itself, so that either may be the one that fails.
            let answer = program.ask("refuse")?;
            if !answer.starts_with("failed Issuer Away: ") {
                break answer;
            }
            assert_token(&program.ask("access")?);
        };
        assert_token(&next);
        assert_eq!(issuer.relay.lost(), seen + lost, "round {round}");
        expected += lost;
        assert_ne!(next, last, "round {round}");
        assert!(issuer.takes(&mut program)?, "round {round}");
        last = next;
    }
    let (lost, given) = (issuer.relay.lost(), issuer.relay.given());
    let (reuses, standings) = (issuer.issuer.reuses(), program.ask("standings")?);
    report(&format!(
        "lost answers, reuse interval: {ROUNDS} rounds, {lost} of {given} answers lost, {reuses} \
         sign-ins ended for reuse, standings: {standings}"
    ));
    assert_eq!(
        (lost, reuses, standings.as_str()),
        (expected, 0, "SignedOut, SignedIn ada")
    );
    Ok(())
}

/// A bridge that takes the provider's access tokens, and whose own are brief.
fn bridge(issuer: &Issuer) -> Result<Bridge> {
    let mut command = Bridge::command("127.0.0.1:0")?;
    command
        .args(["--issuer", issuer.url(), "--audience", issuer.resource()])
        .args(["--client-id", issuer.client_id(), "--scope", issuer.scope()])
        .args(["--token-ttl", "8"]);
    Bridge::run(&mut command)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_reuse_interval_a_lost_answer_asks_the_user_once() -> Result<()> {
    let (issuer, browser) = (strict().await?, Browser::start().await?);
    let desk = Desk::with_keyring(client_of(&issuer))?;
    let mut program = desk.program()?;
    sign_in(&mut program, &browser).await?;
    let last = program.ask("refuse")?;
    assert_token(&last);
    let bridge = bridge(&issuer)?;
    let call = program.ask(&format!("dial {}", bridge.url()))?;
    assert_eq!(call, "live");
    issuer.lose_answers(1)?;
    let answer = program.ask("refuse")?;
    assert!(answer.starts_with("failed Issuer Away: "), "{answer}");
    // A call that asks has its token, before and after.
    assert_eq!(program.ask("access")?, last);
    wait_for_end(&mut program)?;
    assert_eq!(program.ask("access")?, last);
    // A connection's token is good for 8 s, and it is cut 25 s after that: the call is renewed by an
    // access token of a sign-in that has ended.
    assert_eq!(program.ask("stays 35")?, "stays");
    let requests = issuer.counts()?.token_requests;
    let mut other = desk.program()?;
    assert_eq!(other.ask("standings")?, "Ended ada");
    assert_eq!(other.ask("access")?, last);
    for program in [&mut program, &mut other] {
        let answer = program.ask("refuse")?;
        assert!(answer.starts_with("failed Ended: "), "{answer}");
    }
    let standings = program.ask("standings")?;
    let counts = issuer.counts()?;
    report(&format!(
        "lost answers, no reuse interval: {} answer lost, {} reuse, standings: {standings}",
        counts.lost, counts.reuses
    ));
    assert_eq!(standings, "SignedOut, SignedIn ada, Ended ada");
    assert_eq!((counts.lost, counts.reuses), (1, 1));
    assert_eq!(counts.token_requests, requests, "it is left alone");
    Ok(())
}
