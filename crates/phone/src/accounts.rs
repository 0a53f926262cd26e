//! Profiles and accounts: does what the model [orders](Order) and [reports](Report) what comes of it.
//! Decides nothing.

mod book;
mod bridge;
mod browser;
mod key;
mod member;
mod problems;
mod sign_in;
mod wake;

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use offhook_client::{Connector, Endpoint};
use offhook_signin::Texts;
use offhook_vault::{Place, Vault};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

pub(crate) use book::read;
use member::Member;
pub(crate) use problems::normal;

use crate::model::{AgentEntry, Book, Entry, Order, Report};
use crate::problem::Problem;
use crate::snapshot::{Account, Agent, ProfileKind, Secret, SecretPlace};

/// Reports that may wait for the loop; a person causes a few.
const REPORTS: usize = 64;

/// Opens a page in the user's browser; whether that worked, as far as the system says. May block.
pub type OpenPage = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// Where accounts live, and how to reach the user.
#[derive(Clone)]
pub struct AccountsConfig {
    /// A folder of the user's own: the list of profiles, locks, and the encrypted file, if any.
    pub folder: PathBuf,
    /// The name under which the system's keyring keeps this program's secrets.
    pub service: String,
    /// Where secrets are kept at first.
    pub place: SecretPlace,
    /// The passphrase, where that is a file.
    pub passphrase: Option<Secret>,
    /// Opens pages.
    pub open: OpenPage,
    /// The texts of the page that the browser ends on.
    pub texts: Texts,
}

impl AccountsConfig {
    /// Accounts in `folder`, with secrets in the system's keyring and pages in the system's browser.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            service: "offhook".to_owned(),
            place: SecretPlace::System,
            passphrase: None,
            open: Arc::new(|url| {
                let opened = browser::open_page(url);
                if let Err(error) = &opened {
                    tracing::warn!("the browser did not open: {error}");
                }
                opened.is_ok()
            }),
            texts: crate::text::landing(sys_locale::get_locale().as_deref()),
        }
    }
}

impl fmt::Debug for AccountsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountsConfig")
            .field("folder", &self.folder)
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

/// Obeys. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Accounts(Arc<Inner>);

struct Inner {
    config: AccountsConfig,
    connector: Connector,
    reports: mpsc::Sender<Report>,
    state: Mutex<State>,
    /// What is to be remembered is written by one at a time, the newest last.
    writing: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    /// Or why there is none; nothing while it is being opened.
    vault: Option<Result<Vault, Problem>>,
    members: HashMap<String, Member>,
    /// A bridge is being looked for, or a key tried.
    adding: Option<AbortHandle>,
    /// The newest that is to be remembered.
    book: Option<Book>,
}

impl Accounts {
    /// Opens the place for secrets; that is the first report.
    pub(crate) fn start(
        config: AccountsConfig,
        connector: Connector,
    ) -> (Self, mpsc::Receiver<Report>) {
        let (reports, receiver) = mpsc::channel(REPORTS);
        let (place, passphrase) = (config.place, config.passphrase.clone());
        let accounts = Self(Arc::new(Inner {
            config,
            connector,
            reports,
            state: Mutex::default(),
            writing: tokio::sync::Mutex::default(),
        }));
        accounts.obey(Order::OpenSecrets { place, passphrase });
        tokio::spawn(wake::watch(Arc::downgrade(&accounts.0)));
        (accounts, receiver)
    }

    /// Does it, beside whatever else is under way.
    pub(crate) fn obey(&self, order: Order) {
        let this = self.clone();
        match order {
            Order::OpenSecrets { place, passphrase } => {
                tokio::spawn(async move { this.open_secrets(place, passphrase).await });
            }
            Order::Remember(book) => {
                self.state().book = Some(book);
                tokio::spawn(async move { this.remember().await });
            }
            Order::Attach(entry) => {
                tokio::spawn(async move { this.attach(entry).await });
            }
            Order::Find { url } => self.add(async move { this.find(url).await }),
            Order::TryKey { entry, key } => {
                self.add(async move { this.try_key(entry, key.typed()).await });
            }
            Order::StopAdding => {
                if let Some(adding) = self.state().adding.take() {
                    adding.abort();
                }
            }
            Order::SignIn { profile, way } => self.begin_sign_in(&profile, way),
            Order::OpenBrowser { profile } => {
                let page = self.state().members.get(&profile).and_then(Member::page);
                if let Some(page) = page {
                    tokio::spawn(async move { this.open_page(page).await });
                }
            }
            Order::CancelSignIn { profile } => self.cancel_sign_in(profile),
            Order::SignOut { profile } => {
                tokio::spawn(async move { this.sign_out(&profile).await });
            }
            Order::Detach { profile } => {
                tokio::spawn(async move {
                    this.sign_out(&profile).await;
                    this.state().members.remove(&profile);
                });
            }
            Order::List { profile } => {
                tokio::spawn(async move { this.list(profile).await });
            }
        }
    }

    /// One thing is added at a time.
    fn add(&self, work: impl Future<Output = ()> + Send + 'static) {
        let adding = tokio::spawn(work).abort_handle();
        if let Some(before) = self.state().adding.replace(adding) {
            before.abort();
        }
    }

    /// Opens a page in the user's browser; whether that worked. A launcher is waited for, but not by
    /// the runtime's own threads.
    async fn open_page(&self, url: String) -> bool {
        let open = Arc::clone(&self.0.config.open);
        let opened = tokio::task::spawn_blocking(move || open(&url)).await;
        opened.unwrap_or(false)
    }

    async fn open_secrets(&self, place: SecretPlace, passphrase: Option<Secret>) {
        let config = &self.0.config;
        let chosen = match (place, passphrase) {
            (SecretPlace::System, _) => Place::System {
                service: config.service.clone(),
            },
            (SecretPlace::Memory, _) => Place::Memory,
            (SecretPlace::File, passphrase) => Place::File {
                folder: config.folder.join("secrets"),
                passphrase: passphrase.map_or_else(Default::default, |it| it.exactly().clone()),
            },
        };
        let opened = Vault::open(chosen).await;
        let opened = opened.map_err(Problem::from);
        let report = opened.as_ref().map(|_| place).map_err(Clone::clone);
        self.state().vault = Some(opened);
        self.report(Report::Secrets(report)).await;
    }

    async fn remember(&self) {
        let _writing = self.0.writing.lock().await;
        // Whoever wrote last may have written what this was called for.
        let Some(book) = self.state().book.take() else {
            return;
        };
        let folder = self.0.config.folder.clone();
        let written = tokio::task::spawn_blocking(move || book::write(&folder, &book)).await;
        if let Ok(Err(error)) = written {
            let detail = error.to_string();
            self.report(Report::NotRemembered(Problem::ProfilesNotKept { detail }))
                .await;
        }
    }

    async fn find(&self, url: String) {
        let url = normal(&url);
        let offer = bridge::offer(&self.0.connector, &url).await;
        self.report(Report::Found { url, offer }).await;
    }

    async fn list(&self, profile: String) {
        let member = self.state().members.get(&profile).map(Member::brief);
        let Some((entry, endpoint)) = member else {
            return;
        };
        let agents = match endpoint {
            Err(problem) => Err(problem),
            Ok(endpoint) => match &entry.kind {
                ProfileKind::Direct { model, .. } => Ok(vec![direct(&entry, model, endpoint)]),
                _ => bridge::agents(&self.0.connector, &endpoint).await,
            },
        };
        self.report(Report::Agents { profile, agents }).await;
    }

    async fn tell(&self, profile: &str, account: Account) {
        self.report(Report::Account {
            profile: profile.to_owned(),
            account,
        })
        .await;
    }

    async fn report(&self, report: Report) {
        // Its only error is that the softphone has stopped.
        let _ = self.0.reports.send(report).await;
    }

    /// Where secrets are kept, or why they cannot be.
    fn vault(&self) -> Result<Vault, Problem> {
        let vault = self.state().vault.clone();
        vault.unwrap_or(Err(Problem::KeyringUnanswered))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing under this lock panics half-way.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The one agent of a server that knows models only.
fn direct(entry: &Entry, model: &str, endpoint: Endpoint) -> AgentEntry {
    AgentEntry {
        agent: Agent {
            id: model.to_owned(),
            name: entry.name.clone(),
            description: Some(model.to_owned()),
            language: None,
            color: None,
            favourite: false,
            built_in: false,
        },
        endpoint,
    }
}
