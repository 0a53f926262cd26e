//! Drills for what signs people out elsewhere: crashes at each step of a refresh, answers that get
//! lost, and two programs that refresh at once. Real processes, keyrings and providers; each drill
//! counts what it did.

use std::process::ExitStatus;
use std::time::Duration;

use anyhow::{Context as _, Result};
use offhook_signin::Client;
use offhook_tests::browser::Browser;
use offhook_tests::clock::wait_until;
use offhook_tests::environment::Environment;
use offhook_tests::issuer::{Issuer, Options};
use offhook_tests::keyring::Keyring;
use offhook_tests::local_issuer::LocalIssuer;
use offhook_tests::losing::Losing;
use offhook_tests::orders::Orders;
use offhook_tests::scratch::Scratch;
use offhook_tests::signed_in::{Kept, PASSPHRASE, Setup, client_of_local};

#[path = "drills/crashes.rs"]
mod crashes;
#[path = "drills/lost.rs"]
mod lost;
#[path = "drills/together.rs"]
mod together;

const PATIENCE: Duration = Duration::from_secs(40);
/// What entries in the keyring are filed under.
const SERVICE: &str = "offhook-drill";
/// The steps of a refresh at which a program may be killed.
const MOMENTS: [&str; 4] = ["Locked", "Noted", "Answered", "Kept"];

/// Where programs run that keep one sign-in.
struct Desk {
    setup: Setup,
    environment: Environment,
    _keyring: Option<Keyring>,
    _scratch: Scratch,
}

impl Desk {
    /// With a keyring of its own.
    fn with_keyring(client: Client) -> Result<Self> {
        let keyring = Keyring::start()?;
        let environment = keyring.environment();
        let vault = |_: &Scratch| Kept::Keyring(SERVICE.to_owned());
        Self::with(client, environment, vault, Some(keyring))
    }

    /// With encrypted files.
    fn with_files(client: Client) -> Result<Self> {
        let environment = Environment::new()
            .with(PASSPHRASE, "pass")
            .without("DBUS_SESSION_BUS_ADDRESS");
        let vault = |scratch: &Scratch| Kept::Files(scratch.path().join("secrets"));
        Self::with(client, environment, vault, None)
    }

    fn with(
        client: Client,
        environment: Environment,
        vault: impl Fn(&Scratch) -> Kept,
        keyring: Option<Keyring>,
    ) -> Result<Self> {
        let scratch = Scratch::new("drill")?;
        Ok(Self {
            setup: Setup {
                client,
                vault: vault(&scratch),
                locks: scratch.path().join("locks"),
                die_at: None,
            },
            environment,
            _keyring: keyring,
            _scratch: scratch,
        })
    }

    fn program(&self) -> Result<Orders> {
        self.setup.start(&self.environment)
    }

    /// One that finds a note, asks again, and is killed when it gets to this step.
    fn crash_again(&self, moment: &str) -> Result<()> {
        let setup = Setup {
            die_at: Some(moment.to_owned()),
            ..self.setup.clone()
        };
        let mut program = setup.start(&self.environment)?;
        assert!(is_killed(program.end()?), "again, at {moment}");
        Ok(())
    }
}

/// A bridge that is its own issuer and gives a successor again that was lost, behind a relay that
/// counts what it gives.
struct Forgiving {
    issuer: LocalIssuer,
    relay: Losing,
}

impl Forgiving {
    fn start() -> Result<Self> {
        let relay = Losing::start()?;
        let issuer = LocalIssuer::behind(&relay.url())?;
        relay.aim(issuer.address()?);
        Ok(Self { issuer, relay })
    }

    fn client(&self) -> Client {
        client_of_local(&self.issuer)
    }

    fn sign_in(&self, program: &mut Orders) -> Result<()> {
        let shown = program.ask("device")?;
        let complete = shown.split(' ').nth(2).context("nothing to scan")?;
        self.issuer.approve(complete, "ada")?;
        assert_eq!(program.ask("finish")?, "signed in ada");
        Ok(())
    }

    /// Whether the server takes the last access token.
    fn takes(&self, program: &mut Orders) -> Result<bool> {
        let status = program.ask(&format!("show {}/v1/agents", self.issuer.url()))?;
        Ok(status == "200")
    }
}

/// A provider that takes no refresh token twice. Whoever signs in does so with the browser.
async fn strict() -> Result<Issuer> {
    Issuer::start(&Options::default())
}

async fn sign_in(program: &mut Orders, browser: &Browser) -> Result<()> {
    let url = program.ask("browser")?;
    browser.sign_in(&url, "ada").await?;
    assert_eq!(program.ask("finish")?, "signed in ada");
    Ok(())
}

/// Waits until somebody has to sign in again.
fn wait_for_end(program: &mut Orders) -> Result<()> {
    wait_until("the end of the sign-in", PATIENCE, || {
        match program.ask("standing") {
            Ok(standing) => (standing == "Ended ada").then_some(Ok(())),
            Err(error) => Some(Err(error)),
        }
    })?
}

/// Refreshes until killed at this step.
fn crash(program: &mut Orders, moment: &str) -> Result<()> {
    assert_eq!(program.ask(&format!("die-at {moment}"))?, "doomed");
    program.tell("refuse")?;
    assert!(is_killed(program.end()?), "at {moment}");
    Ok(())
}

fn is_killed(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt as _;
    status.signal() == Some(9)
}

#[track_caller]
fn assert_token(answer: &str) {
    assert!(answer.starts_with("token "), "{answer}");
}

/// Says what a drill has counted, for whoever looks at the log.
#[expect(clippy::print_stdout, reason = "a test's log is its standard output")]
fn report(counted: &str) {
    println!("{counted}");
}
