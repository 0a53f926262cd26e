//! The softphone in this process, whose every log line and message is kept: keys that work, and keys
//! that are refused before and after the upgrade.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, bail, ensure};
use offhook_phone::audio::{Microphone, Speaker};
use offhook_phone::{
    Account, AccountIntent, AccountsConfig, Adding, Call, Config, Connector, Directory, Intent,
    KeyHeader, Listing, Message, Phone, Secret, SecretPlace, Secrets, is_harmless,
};
use offhook_tests::rogue::{Manners, Rogue};
use offhook_tests::scratch::Scratch;
use offhook_tests::softphone::{Bridge, data};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::evidence::{Evidence, STEP};
use crate::forms::{Canary, Kind};

const PASSPHRASE: &str = "canary passphrase, inside";
const GOOD: &str = "canary-key-works-3c71d2";
const BAD: &str = "canary-key-refused-94ae";

/// Everything that is logged in this process, as it is written.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Keeps every event and span of every level, except what no program lets through.
    fn start() -> Result<Self> {
        let log = Self::default();
        let writer = log.clone();
        let kept = tracing_subscriber::fmt::layer()
            .with_ansi(false)
            .with_span_events(FmtSpan::FULL)
            .with_writer(move || writer.clone());
        tracing_subscriber::registry()
            .with(LevelFilter::TRACE)
            .with(filter_fn(is_harmless))
            .with(kept)
            .try_init()?;
        Ok(log)
    }

    fn so_far(&self) -> Vec<u8> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.clone()
    }
}

/// A softphone and everything it says.
struct Desk {
    phone: Phone,
    messages: mpsc::Receiver<Message>,
    said: Evidence,
}

impl Desk {
    async fn start(folder: &Path) -> Result<Self> {
        let config = Config {
            microphone: Microphone::File(data("speech.wav")),
            speaker: Speaker::File(folder.join("answer.wav")),
            echo_cancellation: false,
            ..Config::new("0", Vec::new())
        };
        let accounts = AccountsConfig {
            place: SecretPlace::File,
            passphrase: Some(Secret::from(PASSPHRASE.to_owned())),
            ..AccountsConfig::new(folder.to_owned())
        };
        let phone = Phone::start_with(config, Connector::new()?, accounts);
        let messages = phone.subscribe().await?;
        Ok(Self {
            phone,
            messages,
            said: Evidence::default(),
        })
    }

    async fn message<T>(&mut self, what: &str, wanted: impl Fn(Message) -> Option<T>) -> Result<T> {
        let found = async {
            loop {
                let message = self.messages.recv().await.context("it has stopped")?;
                self.said.add("a message", format!("{message:?}"));
                self.said
                    .add("a message as JSON", serde_json::to_vec(&message)?);
                if let Some(found) = wanted(message) {
                    return Ok(found);
                }
            }
        };
        timeout(STEP, found)
            .await
            .with_context(|| what.to_owned())?
    }

    async fn directory(
        &mut self,
        what: &str,
        wanted: impl Fn(&Directory) -> bool,
    ) -> Result<Directory> {
        self.message(what, |message| match message {
            Message::Directory(directory) => wanted(&directory).then_some(*directory),
            _ => None,
        })
        .await
    }

    async fn want(&self, intent: AccountIntent) -> Result<()> {
        Ok(self.phone.dispatch(Intent::Account { intent }).await?)
    }

    /// Tries a key, and says what became of it.
    async fn tries(&mut self, intent: AccountIntent) -> Result<Adding> {
        self.said.add("an intent", format!("{intent:?}"));
        self.want(intent).await?;
        self.directory("the trial", |it| it.adding == Adding::Checking)
            .await?;
        let after = self
            .directory("its outcome", |it| it.adding != Adding::Checking)
            .await?;
        Ok(after.adding)
    }
}

fn adds(url: &str, key: &str, header: KeyHeader) -> AccountIntent {
    AccountIntent::AddDirect {
        name: "Server".to_owned(),
        url: url.to_owned(),
        model: "test".to_owned(),
        header,
        key: Secret::from(key.to_owned()),
    }
}

pub(crate) async fn keys() -> Result<()> {
    let log = Log::start()?;
    let (bridge, rogue) = (Bridge::start(Some(GOOD))?, Rogue::start(Manners::WrongKey)?);
    let scratch = Scratch::new("direct")?;
    let mut desk = Desk::start(scratch.path()).await?;
    desk.directory("the file", |it| matches!(it.secrets, Secrets::Kept { .. }))
        .await?;

    for header in [KeyHeader::Authorization, KeyHeader::ApiKey] {
        for url in [bridge.url(), &rogue.url()] {
            let adding = desk.tries(adds(url, BAD, header)).await?;
            ensure!(matches!(adding, Adding::Failed { .. }), "{url}: {adding:?}");
        }
    }
    let adding = desk.tries(adds(bridge.url(), GOOD, KeyHeader::Authorization));
    let Adding::Done { profile } = adding.await? else {
        bail!("the key does not work");
    };
    desk.want(AccountIntent::Choose {
        profile: profile.clone(),
    })
    .await?;
    let chosen = desk
        .directory("who can be called", |it| {
            it.chosen == profile && it.listing == Listing::Complete && !it.agents.is_empty()
        })
        .await?;
    let agent = chosen.agents.first().context("nobody")?.id.clone();
    desk.phone.dispatch(Intent::Call { agent }).await?;
    desk.message("the line", |message| match message {
        Message::Snapshot(it) => matches!(it.call, Call::Live { .. }).then_some(()),
        _ => None,
    })
    .await?;
    desk.phone.dispatch(Intent::HangUp).await?;
    desk.message("the end", |message| match message {
        Message::Snapshot(it) => matches!(it.call, Call::Ended { .. }).then_some(()),
        _ => None,
    })
    .await?;
    let adding = desk.tries(AccountIntent::ReplaceKey {
        profile: profile.clone(),
        key: Secret::from(BAD.to_owned()),
    });
    let adding = adding.await?;
    ensure!(matches!(adding, Adding::Failed { .. }), "{adding:?}");
    let out = profile.clone();
    desk.want(AccountIntent::SignOut { profile: out }).await?;
    desk.directory("the sign-out", |it| {
        let mut profiles = it.profiles.iter();
        profiles.any(|it| it.id == profile && it.account == Account::NoKey)
    })
    .await?;

    let mut evidence = desk.said;
    desk.phone.stop().await;
    let log = log.so_far();
    ensure!(
        String::from_utf8_lossy(&log).contains("TRACE"),
        "the log has not everything"
    );
    evidence.add("the log", log);
    evidence.output("the bridge", &bridge.program);
    evidence.folder("the folder", scratch.path())?;
    let canaries = [
        Canary::new(Kind::Passphrase, PASSPHRASE),
        Canary::new(Kind::ApiKey, GOOD),
        Canary::new(Kind::ApiKey, BAD),
    ];
    eprintln!("keys: {}", evidence.clear(&canaries)?);
    Ok(())
}
