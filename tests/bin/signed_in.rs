//! A sign-in that does what it reads: orders on standard input, one numbered answer a line on standard
//! output, and in place of a token its digest. `tests/signed_in.rs` has the orders.

use std::env;
use std::io::{Write as _, stdin, stdout};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use offhook_client::proto::client::State;
use offhook_client::{
    Access, Call, Connector, Credential, Endpoint, Event, ProofKey, Prover, SignIn,
};
use offhook_signin::{
    Config, Grant, Keeper, Moment, Provider, SignInError, Standing, Texts, Watch,
};
use offhook_tests::logs;
use offhook_tests::signed_in::{Kept, PASSPHRASE, Setup};
use offhook_vault::{Place, Vault};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tungstenite::http::{Request, header};

#[tokio::main]
async fn main() -> Result<()> {
    logs::to_standard_error();
    let setup = env::args().nth(1).context("no setup")?;
    let mut desk = Desk::open(serde_json::from_str(&setup)?).await?;
    for (index, line) in stdin().lines().enumerate() {
        let line = line?;
        let words: Vec<&str> = line.split(' ').collect();
        let answer = desk.obey(&words).await?;
        writeln!(stdout(), "{} {answer}", index + 1)?;
    }
    Ok(())
}

struct Desk {
    connector: Connector,
    provider: Arc<Provider>,
    keeper: Keeper,
    standings: Arc<Mutex<Vec<String>>>,
    doom: Arc<Mutex<Option<Moment>>>,
    last: Option<Access>,
    signing_in: Option<JoinHandle<Result<Grant, SignInError>>>,
    call: Option<(Call, mpsc::Receiver<Event>)>,
}

impl Desk {
    async fn open(setup: Setup) -> Result<Self> {
        let connector = Connector::new()?;
        let provider = Arc::new(Provider::new(connector.clone(), setup.client));
        let place = match setup.vault {
            Kept::Keyring(service) => Place::System { service },
            Kept::Files(folder) => Place::File {
                folder,
                passphrase: env::var(PASSPHRASE)?.into(),
            },
            Kept::Memory => Place::Memory,
        };
        let config = Config {
            name: "work".to_owned(),
            vault: Vault::open(place).await?,
            locks: setup.locks,
            issuer: provider.clone(),
        };
        let doom = setup.die_at.as_deref().map(named).transpose()?;
        let doom = Arc::new(Mutex::new(doom));
        let doomed = Arc::clone(&doom);
        let watch: Watch = Arc::new(move |moment| {
            if *doomed.lock().unwrap_or_else(PoisonError::into_inner) == Some(moment) {
                // Nothing of this process runs after it.
                let _ = kill(Pid::this(), Signal::SIGKILL);
            }
        });
        let keeper = Keeper::open_watched(config, Some(watch)).await?;
        let standings = Arc::default();
        follow(&keeper, Arc::clone(&standings));
        Ok(Self {
            connector,
            provider,
            keeper,
            standings,
            doom,
            last: None,
            signing_in: None,
            call: None,
        })
    }

    async fn obey(&mut self, order: &[&str]) -> Result<String> {
        Ok(match *order {
            ["standing"] => word(&self.keeper.standing().borrow()),
            ["standings"] => {
                let standings = self.standings.lock();
                standings.unwrap_or_else(PoisonError::into_inner).join(", ")
            }
            ["access"] => self.access(None).await,
            ["refuse"] => {
                if self.last.is_none() {
                    // A server can only refuse what it was shown.
                    self.last = self.keeper.access(None).await.ok();
                }
                let refused = self.last.as_ref().map(|access| access.token.clone());
                self.access(refused).await
            }
            ["show", url] => self.show(url).await?,
            ["dial", url] => self.dial(url).await?,
            ["stays", seconds] => self.stays(Duration::from_secs(seconds.parse()?)).await?,
            ["browser"] => self.browser().await?,
            ["device"] => self.device().await?,
            ["finish"] => {
                let signing_in = self.signing_in.take().context("nobody signs in")?;
                match signing_in.await? {
                    Ok(grant) => self.adopt(grant).await,
                    Err(error) => failed(&error),
                }
            }
            ["sign-out"] => match self.keeper.sign_out().await {
                Ok(()) => "signed out".to_owned(),
                Err(error) => failed(&error),
            },
            ["die-at", moment] => {
                let moment = named(moment)?;
                *self.doom.lock().unwrap_or_else(PoisonError::into_inner) = Some(moment);
                "doomed".to_owned()
            }
            _ => bail!("no such order"),
        })
    }

    async fn access(&mut self, refused: Option<SecretString>) -> String {
        match self.keeper.access(refused.as_ref()).await {
            Ok(access) => {
                let described = describe(&access);
                self.last = Some(access);
                described
            }
            Err(error) => failed(&error),
        }
    }

    async fn show(&self, url: &str) -> Result<String> {
        let access = self.last.as_ref().context("there is no token")?;
        let credential = format!("DPoP {}", access.token.expose_secret());
        let request = Request::get(url)
            .header(header::AUTHORIZATION, credential)
            .body(Bytes::new())?;
        let prover = Prover::new(Arc::clone(&access.key));
        let token = Some(&access.token);
        let response = self.connector.fetch_proven(request, &prover, token).await;
        Ok(response.map_or_else(
            |failure| format!("failed {failure:?}"),
            |response| response.status().as_u16().to_string(),
        ))
    }

    /// Calls in the name of whoever is signed in, and says how that begins.
    async fn dial(&mut self, url: &str) -> Result<String> {
        let sign_in = Arc::new(self.keeper.clone()) as Arc<dyn SignIn>;
        let (call, mut events) = Call::start(offhook_client::Config {
            connector: self.connector.clone(),
            endpoint: Endpoint::new(url, Credential::SignedIn(sign_in))?,
            agent: "test".to_owned(),
            session: Default::default(),
        });
        loop {
            match events.recv().await.context("the call says nothing")? {
                Event::State {
                    state: State::Live { .. },
                    ..
                } => break,
                Event::State {
                    state: State::Ended(end),
                    ..
                } => return Ok(format!("ended {end:?}")),
                _ => {}
            }
        }
        self.call = Some((call, events));
        Ok("live".to_owned())
    }

    /// Whether the call stays on its line for so long, while the caller is silent.
    async fn stays(&mut self, length: Duration) -> Result<String> {
        let (call, events) = self.call.as_mut().context("there is no call")?;
        let away = async {
            let mut frame = tokio::time::interval(Duration::from_millis(20));
            loop {
                tokio::select! {
                    // Silence, as a microphone would bring it.
                    _ = frame.tick() => drop(call.audio(&[0; 480])),
                    event = events.recv() => match event {
                        Some(Event::State { state: State::Live { .. }, .. }) => {}
                        Some(Event::State { state, .. }) => return format!("{state:?}"),
                        Some(_) => {}
                        None => return "gone".to_owned(),
                    },
                }
            }
        };
        Ok(timeout(length, away)
            .await
            .unwrap_or_else(|_| "stays".to_owned()))
    }

    async fn browser(&mut self) -> Result<String> {
        let (provider, key) = (Arc::clone(&self.provider), Arc::new(ProofKey::generate()?));
        let (begun, url) = oneshot::channel();
        self.signing_in = Some(tokio::spawn(async move {
            let sign_in = provider.begin_browser(key, None, Texts::default()).await?;
            // Whoever asked waits for it.
            drop(begun.send(sign_in.url().to_string()));
            sign_in.finish().await
        }));
        self.begun(url).await
    }

    async fn device(&mut self) -> Result<String> {
        let (provider, key) = (Arc::clone(&self.provider), Arc::new(ProofKey::generate()?));
        let (begun, shown) = oneshot::channel();
        self.signing_in = Some(tokio::spawn(async move {
            let sign_in = provider.begin_device(key).await?;
            let complete = sign_in.complete_url().map(String::from);
            let (code, url) = (sign_in.user_code(), sign_in.verification_url());
            drop(begun.send(format!("{code} {url} {}", complete.unwrap_or_default())));
            sign_in.finish().await
        }));
        self.begun(shown).await
    }

    /// What to show; or why there is nothing.
    async fn begun(&mut self, shown: oneshot::Receiver<String>) -> Result<String> {
        if let Ok(shown) = shown.await {
            return Ok(shown);
        }
        let signing_in = self.signing_in.take().context("nobody signs in")?;
        let outcome = signing_in.await?;
        Ok(outcome.map_or_else(|error| failed(&error), |_| "too early".to_owned()))
    }

    async fn adopt(&mut self, grant: Grant) -> String {
        let name = grant.user.name.clone().unwrap_or_default();
        self.last = None;
        match self.keeper.adopt(grant).await {
            Ok(()) => format!("signed in {name}"),
            Err(error) => failed(&error),
        }
    }
}

/// Notes who is signed in, now and whenever that changes.
fn follow(keeper: &Keeper, standings: Arc<Mutex<Vec<String>>>) {
    let mut standing = keeper.standing();
    let note = move |now: &Standing| {
        let standings = standings.lock();
        standings
            .unwrap_or_else(PoisonError::into_inner)
            .push(word(now));
    };
    note(&standing.borrow_and_update());
    tokio::spawn(async move {
        while standing.changed().await.is_ok() {
            note(&standing.borrow_and_update());
        }
    });
}

fn word(standing: &Standing) -> String {
    match standing {
        Standing::SignedOut => "SignedOut".to_owned(),
        Standing::SignedIn(user) => format!("SignedIn {}", user.subject),
        Standing::Ended(user) => format!("Ended {}", user.subject),
    }
}

fn named(moment: &str) -> Result<Moment> {
    let moments = [
        Moment::Locked,
        Moment::Noted,
        Moment::Answered,
        Moment::Kept,
    ];
    let found = moments.into_iter().find(|it| format!("{it:?}") == moment);
    found.context("no such moment")
}

fn describe(access: &Access) -> String {
    let digest = Sha256::digest(access.token.expose_secret());
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let kind = if access.bound { "dpop" } else { "bearer" };
    format!("token {hex} {kind} {}", access.key.thumbprint())
}

/// The names of the failure and of what it comes from, then what a user reads.
fn failed(error: &dyn std::error::Error) -> String {
    let variant = format!("{error:?}");
    let names = variant
        .split(['(', ' '])
        .map(|name| name.trim_end_matches(')'));
    let is_name = |name: &&str| !name.is_empty() && name.chars().all(char::is_alphanumeric);
    let names: Vec<&str> = names.take_while(is_name).take(2).collect();
    format!("failed {}: {error}", names.join(" "))
}
