//! What comes to the port that waits for the browser, and is not the provider's answer.

use anyhow::Result;
use offhook_tests::http::{self, Request};
use offhook_tests::issuer::Options;
use url::Url;

use super::{assert_fails, query, with_browser};

/// An address with these values in its query.
fn with(url: &str, values: &[(&str, &str)]) -> Result<String> {
    Ok(Url::parse_with_params(url, values)?.into())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forged_returns_are_refused_and_do_not_end_the_sign_in() -> Result<()> {
    let (issuer, browser, desk) = with_browser(&Options::default()).await?;
    let mut program = desk.program()?;
    let url = program.ask("browser")?;
    let (back, state) = (query(&url, "redirect_uri")?, query(&url, "state")?);
    let (iss, code) = (issuer.url(), "a-code-of-somebody-else");
    let genuine = [("code", code), ("state", &state), ("iss", iss)];
    let denied = [
        ("error", "access_denied"),
        ("state", "another"),
        ("iss", iss),
    ];
    let port = Url::parse(&back)?.port().unwrap_or_default();

    for (what, values) in [
        ("nothing", &[][..]),
        ("no state", &[("code", code), ("iss", iss)]),
        (
            "a state of its own",
            &[("code", code), ("state", "another"), ("iss", iss)],
        ),
        (
            "two states",
            &[
                ("code", code),
                ("state", &state),
                ("state", &state),
                ("iss", iss),
            ],
        ),
        ("no issuer", &[("code", code), ("state", &state)]),
        (
            "another issuer",
            &[
                ("code", code),
                ("state", &state),
                ("iss", "https://evil.example"),
            ],
        ),
        ("a refusal of its own", &denied),
    ] {
        let answer = http::get(&with(&back, values)?)?;
        assert_eq!(answer.status, 400, "{what}");
        assert!(answer.body.contains("Signing in did not work"), "{what}");
    }

    let elsewhere = back.replace("/callback", "/favicon.ico");
    assert_eq!(http::get(&with(&elsewhere, &genuine)?)?.status, 404);
    assert_eq!(
        http::post_form(&with(&back, &genuine)?, &genuine)?.status,
        404
    );
    for host in ["evil.example", &format!("localhost:{port}"), "127.0.0.1"] {
        let request = Request::get(with(&back, &genuine)?).header("host", host);
        let answer = http::ask(request.body(String::new())?)?;
        assert_eq!((answer.status, answer.body.as_str()), (404, ""), "{host}");
    }
    assert_eq!(issuer.counts()?.token_requests, 0, "no code was handed in");

    let page = browser.sign_in(&url, "ada").await?;
    assert!(page.text.contains("You are signed in"), "{page:?}");
    assert_eq!(program.ask("finish")?, "signed in ada");
    assert!(
        http::get(&with(&back, &genuine)?).is_err(),
        "the port is shut"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_of_another_sign_in_is_worth_nothing() -> Result<()> {
    let (issuer, browser, desk) = with_browser(&Options::default()).await?;
    let mut program = desk.program()?;
    let ours = program.ask("browser")?;
    let (back, state) = (query(&ours, "redirect_uri")?, query(&ours, "state")?);
    // Somebody begins at the provider as the program does, with a secret and a key of their own, so
    // that the code comes to the program's port.
    let mut theirs = Url::parse(&desk.program()?.ask("browser")?)?;
    let pairs = theirs.query_pairs().into_owned();
    let pairs: Vec<_> = pairs
        .filter(|(name, _)| name != "redirect_uri")
        .chain([("redirect_uri".to_owned(), back.clone())])
        .collect();
    theirs.query_pairs_mut().clear().extend_pairs(pairs);
    let page = browser.sign_in(theirs.as_str(), "eve").await?;
    assert!(page.text.contains("Signing in did not work"), "{page:?}");
    let code = query(&page.url, "code")?;

    // Whoever knew the state as well would still not sign the program in.
    let values = [
        ("code", code.as_str()),
        ("state", &state),
        ("iss", issuer.url()),
    ];
    let answer = http::get(&with(&back, &values)?)?;
    assert!(
        answer.body.contains("Signing in did not work"),
        "{answer:?}"
    );
    assert_fails(&program.ask("finish")?, "Issuer Ended");
    assert_eq!(program.ask("standing")?, "SignedOut");
    assert_eq!(issuer.counts()?.sign_ins, 0);

    browser.sign_in(&program.ask("browser")?, "eve").await?;
    assert_eq!(program.ask("finish")?, "signed in eve");
    Ok(())
}
