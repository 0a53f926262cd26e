//! Signing in, for real: a provider on Node, a browser, GNOME's keyring, and the program that keeps
//! the sign-in in a process of its own.

use std::time::Duration;

use anyhow::{Context as _, Result};
use offhook_signin::Client;
use offhook_tests::browser::Browser;
use offhook_tests::issuer::{Issuer, Options};
use offhook_tests::keyring::Keyring;
use offhook_tests::orders::Orders;
use offhook_tests::scratch::Scratch;
use offhook_tests::signed_in::{Kept, Setup, client_of};
use url::Url;

#[path = "sign_in/away.rs"]
mod away;
#[path = "sign_in/browsers.rs"]
mod browsers;
#[path = "sign_in/devices.rs"]
mod devices;
#[path = "sign_in/forgeries.rs"]
mod forgeries;
#[path = "sign_in/thieves.rs"]
mod thieves;

const PATIENCE: Duration = Duration::from_secs(40);
/// What entries in the keyring are filed under.
const SERVICE: &str = "offhook-sign-in";

/// A user's desk: a keyring, and programs that keep one sign-in in it.
struct Desk {
    setup: Setup,
    keyring: Keyring,
    _scratch: Scratch,
}

impl Desk {
    fn with(client: Client) -> Result<Self> {
        let scratch = Scratch::new("sign-in")?;
        Ok(Self {
            setup: Setup {
                client,
                vault: Kept::Keyring(SERVICE.to_owned()),
                locks: scratch.path().join("locks"),
                die_at: None,
            },
            keyring: Keyring::start()?,
            _scratch: scratch,
        })
    }

    fn program(&self) -> Result<Orders> {
        self.setup.start(&self.keyring.environment())
    }

    /// How many entries there are in the keyring.
    fn entries(&self) -> Result<usize> {
        let search = ["search", "--all", "service", SERVICE];
        Ok(self.keyring.tool(&search, "")?.matches("created =").count())
    }
}

/// A desk, and what it signs in with: the provider and the browser.
async fn with_browser(options: &Options) -> Result<(Issuer, Browser, Desk)> {
    let issuer = Issuer::start(options)?;
    let desk = Desk::with(client_of(&issuer))?;
    Ok((issuer, Browser::start().await?, desk))
}

/// A value of an address's query.
fn query(url: &str, name: &str) -> Result<String> {
    let url = Url::parse(url)?;
    let found = url.query_pairs().find(|(key, _)| key == name);
    let (_, value) = found.with_context(|| format!("no {name}"))?;
    Ok(value.into_owned())
}

/// The key that a token is bound to, as a program says.
fn key(answer: &str) -> Result<&str> {
    assert!(answer.starts_with("token "), "{answer}");
    let (_, key) = answer.split_once(" dpop ").context("it is not bound")?;
    Ok(key)
}

#[track_caller]
fn assert_fails(answer: &str, error: &str) {
    let begins = format!("failed {error}: ");
    assert!(answer.starts_with(&begins), "{answer}");
}
