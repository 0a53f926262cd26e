//! Signing in with the browser of this machine.

use anyhow::Result;
use offhook_tests::clock::wait_until;
use offhook_tests::issuer::Options;

use super::{PATIENCE, assert_fails, key, with_browser};

/// From the first sign-in to the sign-out, by three programs that share a keyring.
async fn assert_a_sign_in_lives(require_nonce: bool) -> Result<()> {
    let options = Options {
        require_dpop: true,
        require_nonce,
        ..Options::default()
    };
    let (issuer, browser, desk) = with_browser(&options).await?;
    let mut program = desk.program()?;
    assert_eq!(program.ask("standing")?, "SignedOut");
    assert_fails(&program.ask("access")?, "SignedOut");
    assert_eq!(desk.entries()?, 0);

    let page = browser.sign_in(&program.ask("browser")?, "ada").await?;
    assert!(page.text.contains("You are signed in"), "{page:?}");
    assert!(page.text.contains("You can close this page"), "{page:?}");
    for (dark, look) in [(true, "dark"), (false, "light")] {
        browser.prefer_dark(dark)?;
        let nonce = if require_nonce { "-nonce" } else { "" };
        browser
            .photograph(&format!("signed-in-{look}{nonce}"))
            .await?;
    }
    assert_eq!(program.ask("finish")?, "signed in ada");
    assert_eq!(program.ask("standing")?, "SignedIn ada");
    assert!(desk.entries()? > 0);

    let first = program.ask("access")?;
    let second = program.ask("refuse")?;
    assert_ne!(first, second);
    assert_eq!(key(&first)?, key(&second)?, "the key stays");
    assert_eq!(program.ask("access")?, second, "what is good is used");
    let counts = issuer.counts()?;
    assert_eq!((counts.sign_ins, counts.refreshed()), (1, 1));

    let mut other = desk.program()?;
    assert_eq!(other.ask("standing")?, "SignedIn ada");
    assert_eq!(other.ask("access")?, second);
    let third = other.ask("refuse")?;
    assert_eq!(key(&third)?, key(&second)?);
    assert_eq!(program.ask("refuse")?, third, "the other has brought it");
    assert_eq!(issuer.counts()?.refreshed(), 2);

    assert_eq!(other.ask("sign-out")?, "signed out");
    let counts = issuer.counts()?;
    assert_eq!(
        (counts.revocations, counts.revoked, counts.reuses),
        (1, 1, 0)
    );
    assert_eq!(desk.entries()?, 0);
    assert_eq!(other.ask("standing")?, "SignedOut");
    assert_fails(&program.ask("refuse")?, "SignedOut");
    assert_eq!(program.ask("standing")?, "SignedOut");
    assert_eq!(desk.program()?.ask("standing")?, "SignedOut");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_signs_in_stays_so_in_every_program_until_one_signs_out() -> Result<()> {
    assert_a_sign_in_lives(false).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_wants_its_nonce_in_each_proof_gets_it() -> Result<()> {
    assert_a_sign_in_lives(true).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_refuses_is_not_signed_in_and_who_was_stays_so() -> Result<()> {
    let (issuer, browser, desk) = with_browser(&Options::default()).await?;
    let mut program = desk.program()?;
    let page = browser.deny(&program.ask("browser")?, "ada").await?;
    assert!(page.text.contains("Access was refused"), "{page:?}");
    browser.photograph("denied").await?;
    assert_fails(&program.ask("finish")?, "Denied");
    assert_eq!(program.ask("standing")?, "SignedOut");
    assert_eq!(issuer.counts()?.sign_ins, 0);

    browser.sign_in(&program.ask("browser")?, "ada").await?;
    assert_eq!(program.ask("finish")?, "signed in ada");
    browser.deny(&program.ask("browser")?, "ada").await?;
    assert_fails(&program.ask("finish")?, "Denied");
    assert_eq!(program.ask("standing")?, "SignedIn ada");
    key(&program.ask("refuse")?)?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_a_provider_changes_between_two_sign_ins_are_found() -> Result<()> {
    let (issuer, browser, desk) = with_browser(&Options::default()).await?;
    let mut program = desk.program()?;
    browser.sign_in(&program.ask("browser")?, "ada").await?;
    assert_eq!(program.ask("finish")?, "signed in ada");

    // Before the browser is opened, and while somebody types.
    issuer.rotate_keys()?;
    let url = program.ask("browser")?;
    issuer.rotate_keys()?;
    issuer.retire_keys()?;
    browser.sign_in(&url, "ada").await?;
    assert_eq!(program.ask("finish")?, "signed in ada");
    key(&program.ask("refuse")?)?;
    assert_eq!(issuer.counts()?.sign_ins, 2);
    wait_until(
        "the first sign-in to be revoked",
        PATIENCE,
        || match issuer.counts() {
            Ok(counts) => (counts.revoked == 1).then_some(Ok(())),
            Err(error) => Some(Err(error)),
        },
    )?
}
