//! Signing in on another device, with a code.

use anyhow::{Context as _, Result};
use offhook_tests::issuer::{Issuer, Options};
use offhook_tests::orders::Orders;
use offhook_tests::signed_in::client_of;

use super::{Desk, assert_fails, key, with_browser};

/// The code, where to type it, and both in one.
fn begin(program: &mut Orders) -> Result<[String; 3]> {
    let shown = program.ask("device")?;
    let words: Vec<String> = shown.split(' ').map(str::to_owned).collect();
    words
        .try_into()
        .ok()
        .context("not a code and two addresses")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_that_is_typed_elsewhere_signs_in_and_a_denied_one_does_not() -> Result<()> {
    let options = Options {
        require_dpop: true,
        require_nonce: true,
        ..Options::default()
    };
    let (issuer, browser, desk) = with_browser(&options).await?;
    let mut program = desk.program()?;

    let [code, url, _] = begin(&mut program)?;
    browser.deny_device(&url, &code, "ada").await?;
    assert_fails(&program.ask("finish")?, "Denied");
    assert_eq!(program.ask("standing")?, "SignedOut");

    let [code, url, _] = begin(&mut program)?;
    browser.device(&url, &code, "ada").await?;
    assert_eq!(program.ask("finish")?, "signed in ada");
    let first = program.ask("access")?;
    let second = program.ask("refuse")?;
    assert_ne!(first, second);
    assert_eq!(key(&first)?, key(&second)?);
    assert_eq!(desk.program()?.ask("access")?, second);

    // With the code as a part of the address, as a telephone scans it.
    let [code, _, complete] = begin(&mut program)?;
    browser.device(&complete, &code, "ada").await?;
    assert_eq!(program.ask("finish")?, "signed in ada");
    assert_eq!(program.ask("sign-out")?, "signed out");
    assert_eq!(desk.entries()?, 0);
    assert_eq!(issuer.counts()?.sign_ins, 2);
    Ok(())
}

#[test]
fn a_provider_without_device_codes_is_said_to_have_none() -> Result<()> {
    let issuer = Issuer::start(&Options {
        device_flow: false,
        ..Options::default()
    })?;
    let desk = Desk::with(client_of(&issuer))?;
    assert_fails(&desk.program()?.ask("device")?, "NotOffered");
    Ok(())
}
