//! A provider that is away: nobody is signed out by that.

use std::time::Duration;

use anyhow::{Context as _, Result};
use offhook_tests::clock::wait_until;
use offhook_tests::issuer::Options;
use offhook_tests::local_issuer::LocalIssuer;
use offhook_tests::orders::Orders;
use offhook_tests::relay::{Arrivals, Relay};
use offhook_tests::signed_in::client_of_local;

use super::{Desk, PATIENCE, assert_fails, key, with_browser};

/// Waits until another token comes than `before`, which the server has refused.
fn renewed(program: &mut Orders, before: &str) -> Result<String> {
    wait_until("another token", PATIENCE, || match program.ask("refuse") {
        Ok(answer) => (answer.starts_with("token ") && answer != before).then_some(Ok(answer)),
        Err(error) => Some(Err(error)),
    })?
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_without_time_signs_nobody_out() -> Result<()> {
    let (issuer, browser, desk) = with_browser(&Options::default()).await?;
    let mut program = desk.program()?;
    browser.sign_in(&program.ask("browser")?, "ada").await?;
    assert_eq!(program.ask("finish")?, "signed in ada");
    let mut last = program.ask("access")?;
    for status in [503, 500, 502, 429] {
        issuer.refuse(status, 100, Some(Duration::from_secs(1)))?;
        let answer = program.ask("refuse")?;
        assert_fails(&answer, "Issuer Away");
        assert_eq!(program.ask("access")?, last, "what is good is used");
        let mut other = desk.program()?;
        assert_eq!(other.ask("standing")?, "SignedIn ada");
        assert_eq!(other.ask("access")?, last);
        issuer.refuse(status, 0, None)?;
        last = renewed(&mut program, &last)?;
        assert_eq!(program.ask("standings")?, "SignedOut, SignedIn ada");
    }
    let counts = issuer.counts()?;
    assert_eq!(counts.reuses, 0);
    assert!(counts.refused >= 4, "{counts:?}");
    Ok(())
}

#[test]
fn a_provider_that_cannot_be_reached_and_comes_back_elsewhere_signs_nobody_out() -> Result<()> {
    let nowhere = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
    let relay = Relay::start(nowhere)?;
    let mut issuer = LocalIssuer::behind(&format!("http://{}", relay.address()))?;
    relay.aim(issuer.address()?);
    let desk = Desk::with(client_of_local(&issuer))?;
    let mut program = desk.program()?;
    let shown = program.ask("device")?;
    let complete = shown.split(' ').nth(2).context("nothing to scan")?;
    issuer.approve(complete, "ada")?;
    assert_eq!(program.ask("finish")?, "signed in ada");
    let first = program.ask("access")?;

    relay.arrivals(Arrivals::Unheard)?;
    assert_fails(&program.ask("refuse")?, "Issuer Away");
    // A program that never saw the provider does not know its addresses.
    let mut other = desk.program()?;
    assert_fails(&other.ask("refuse")?, "Issuer Away");
    for program in [&mut program, &mut other] {
        assert_eq!(program.ask("standing")?, "SignedIn ada");
        assert_eq!(program.ask("access")?, first);
    }
    issuer.restart()?;
    relay.aim(issuer.address()?);
    relay.arrivals(Arrivals::Forwarded)?;
    let second = renewed(&mut program, &first)?;
    assert_eq!(key(&first)?, key(&second)?);
    renewed(&mut other, &first)?;
    assert_eq!(program.ask("standings")?, "SignedOut, SignedIn ada");
    assert_eq!(other.ask("standings")?, "SignedIn ada");
    assert_eq!(issuer.reuses(), 0);

    // Whoever signs out while the provider is away is signed out here.
    relay.arrivals(Arrivals::Unheard)?;
    assert_eq!(program.ask("sign-out")?, "signed out");
    assert_eq!(desk.entries()?, 0);
    Ok(())
}
