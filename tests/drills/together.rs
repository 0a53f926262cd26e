//! Two programs that are told at the same time that their token is not taken.

use anyhow::Result;
use offhook_tests::browser::Browser;
use offhook_tests::signed_in::client_of;

use super::{Desk, assert_token, report, sign_in, strict};

const ROUNDS: u64 = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_programs_that_refresh_at_once_make_one_refresh_200_times() -> Result<()> {
    let (issuer, browser) = (strict().await?, Browser::start().await?);
    let desk = Desk::with_keyring(client_of(&issuer))?;
    let mut one = desk.program()?;
    sign_in(&mut one, &browser).await?;
    drop(browser);
    let mut two = desk.program()?;
    let mut last = one.ask("access")?;
    assert_eq!(two.ask("access")?, last);
    for round in 0..ROUNDS {
        // Whoever is told first is not always the same.
        let order = if round % 2 == 0 {
            [&mut one, &mut two]
        } else {
            [&mut two, &mut one]
        };
        let [first, second] = order;
        first.tell("refuse")?;
        second.tell("refuse")?;
        let next = first.answer()?;
        assert_token(&next);
        assert_ne!(next, last, "round {round}");
        assert_eq!(second.answer()?, next, "round {round}");
        assert_eq!(issuer.counts()?.refreshed(), round + 1, "round {round}");
        last = next;
    }
    let counts = issuer.counts()?;
    report(&format!(
        "two programs at once: {ROUNDS} rounds, {} refreshes, {} reuses",
        counts.refreshed(),
        counts.reuses
    ));
    assert_eq!(counts.reuses, 0);
    for program in [&mut one, &mut two] {
        let standings = program.ask("standings")?;
        assert!(standings.ends_with("SignedIn ada"), "{standings}");
    }
    Ok(())
}
