//! Who can be called, where, and as whom: what users want of profiles, and what becomes of it.

use std::sync::Arc;

use super::book::{BUILT_IN, Book, Entry, MOST_PROFILES, Offer, SignInKind};
use super::{AgentEntry, Effect};
use crate::problem::Problem;
use crate::snapshot::{
    Account, AccountIntent, Adding, Directory, KeyHeader, Listing, Message, Profile, ProfileKind,
    Recent, Secret, SecretPlace, Secrets, SignInWay,
};

/// Something to be done about profiles and accounts.
#[derive(Debug, Clone, PartialEq)]
pub enum Order {
    /// Open the place for secrets.
    OpenSecrets {
        /// Which.
        place: SecretPlace,
        /// The passphrase, for a file.
        passphrase: Option<Secret>,
    },
    /// Write down what is to be remembered.
    Remember(Book),
    /// Find out who the user is at a profile, and what the bridge says of itself.
    Attach(Entry),
    /// Ask a bridge that is not known yet what it says of itself.
    Find {
        /// Its address.
        url: String,
    },
    /// Try an API key, and keep it if it works.
    TryKey {
        /// The profile; it is in the book only once the key works.
        entry: Entry,
        /// The key.
        key: Secret,
    },
    /// Begin to sign in.
    SignIn {
        /// The profile's id.
        profile: String,
        /// How.
        way: SignInWay,
    },
    /// Open the sign-in page once more.
    OpenBrowser {
        /// The profile's id.
        profile: String,
    },
    /// Do not wait any longer.
    CancelSignIn {
        /// The profile's id.
        profile: String,
    },
    /// Sign out, or forget the key.
    SignOut {
        /// The profile's id.
        profile: String,
    },
    /// The same, and do not come back to it.
    Detach {
        /// The profile's id.
        profile: String,
    },
    /// Ask who can be called.
    List {
        /// The profile's id.
        profile: String,
    },
    /// Stop whatever is being found or tried.
    StopAdding,
}

/// What became of an order, or happened by itself.
#[derive(Debug)]
pub enum Report {
    /// The place for secrets is open, or not.
    Secrets(Result<SecretPlace, Problem>),
    /// Who the user is at a profile.
    Account {
        /// The profile's id.
        profile: String,
        /// The news.
        account: Account,
    },
    /// What a bridge says of itself.
    Offer {
        /// The profile's id.
        profile: String,
        /// The news.
        offer: Offer,
    },
    /// A bridge was found, or not.
    Found {
        /// Its address.
        url: String,
        /// What it says, or why not.
        offer: Result<Offer, Problem>,
    },
    /// A key was tried, and kept if it works.
    KeyTried {
        /// The profile.
        entry: Entry,
        /// Why it does not work.
        result: Result<(), Problem>,
    },
    /// Who can be called.
    Agents {
        /// The profile's id.
        profile: String,
        /// The agents, or why not.
        agents: Result<Vec<AgentEntry>, Problem>,
    },
    /// What is to be remembered could not be written.
    NotRemembered(Problem),
}

/// The profiles and what is known of them.
#[derive(Debug)]
pub(super) struct Desk {
    book: Book,
    profiles: Vec<Known>,
    chosen: String,
    secrets: Secrets,
    adding: Adding,
    published: Option<Directory>,
}

#[derive(Debug)]
struct Known {
    profile: Profile,
    agents: Vec<Arc<AgentEntry>>,
    listing: Listing,
}

/// What a report means beyond the directory.
pub(super) enum News {
    None,
    /// For the user.
    Notice(Problem),
    /// A sign-in was renewed: what waits for it need not wait any longer.
    SignedIn,
}

impl Desk {
    pub(super) fn new(agents: Vec<AgentEntry>, book: Book, secrets: Secrets) -> Self {
        let mut profiles = vec![Known {
            profile: Profile {
                id: BUILT_IN.to_owned(),
                name: String::new(),
                kind: ProfileKind::BuiltIn,
                account: Account::NotNeeded,
            },
            agents: agents.into_iter().map(Arc::new).collect(),
            listing: Listing::Complete,
        }];
        profiles.extend(book.profiles.iter().map(Known::new));
        let chosen = book
            .chosen
            .clone()
            .filter(|chosen| profiles.iter().any(|known| known.profile.id == *chosen));
        Self {
            chosen: chosen.unwrap_or_else(|| BUILT_IN.to_owned()),
            profiles,
            book,
            secrets,
            adding: Adding::Idle,
            published: None,
        }
    }

    pub(super) fn directory(&self) -> Directory {
        let chosen = self.known(&self.chosen);
        let mut agents: Vec<_> = chosen
            .into_iter()
            .flat_map(|known| &known.agents)
            .map(|entry| {
                let mut agent = entry.agent.clone();
                agent.favourite = self.is_favourite(&self.chosen, &agent.id);
                agent
            })
            .collect();
        agents.sort_by_key(|agent| !agent.favourite);
        Directory {
            profiles: self.profiles.iter().map(|it| it.profile.clone()).collect(),
            chosen: self.chosen.clone(),
            agents,
            listing: chosen.map_or(Listing::Complete, |known| known.listing.clone()),
            recent: self.book.recent.clone(),
            secrets: self.secrets.clone(),
            adding: self.adding.clone(),
        }
    }

    /// Publishes the directory where it differs from the last one.
    pub(super) fn publish(&mut self, effects: &mut Vec<Effect>) {
        let directory = self.directory();
        if self.published.as_ref() != Some(&directory) {
            self.published = Some(directory.clone());
            effects.push(Effect::Publish(Message::Directory(Box::new(directory))));
        }
    }

    /// The agent of this name: of the chosen profile, or the only one that has it.
    pub(super) fn agent(&self, id: &str) -> Option<Arc<AgentEntry>> {
        let of = |known: &Known| {
            let entry = known.agents.iter().find(|entry| entry.agent.id == id);
            entry.map(Arc::clone)
        };
        self.known(&self.chosen).and_then(of)
    }

    /// The profile that is looked at.
    pub(super) fn chosen(&self) -> &str {
        &self.chosen
    }

    /// Remembers a call.
    pub(super) fn called(&mut self, call: Recent, effects: &mut Vec<Effect>) {
        self.book.remember(call);
        self.remember(effects);
    }

    pub(super) fn intent(&mut self, intent: AccountIntent, effects: &mut Vec<Effect>) {
        let mut order = |order| effects.push(Effect::Account(order));
        match intent {
            AccountIntent::Choose { profile } => self.choose(&profile, effects),
            AccountIntent::AddOrganisation { url } => {
                self.adding = Adding::Checking;
                order(Order::Find { url });
            }
            AccountIntent::AddDirect {
                name,
                url,
                model,
                header,
                key,
            } => {
                self.adding = Adding::Checking;
                let entry = self.direct(&name, &url, &model, header);
                order(Order::TryKey { entry, key });
            }
            AccountIntent::ReplaceKey { profile, key } => {
                if let Some(entry) = self.entry(&profile) {
                    let entry = entry.clone();
                    self.adding = Adding::Checking;
                    order(Order::TryKey { entry, key });
                }
            }
            AccountIntent::StopAdding => {
                if self.adding == Adding::Checking {
                    order(Order::StopAdding);
                }
                self.adding = Adding::Idle;
            }
            AccountIntent::Remove { profile } => {
                if self.entry(&profile).is_some() {
                    order(Order::Detach {
                        profile: profile.clone(),
                    });
                    self.book.forget(&profile);
                    self.profiles.retain(|known| known.profile.id != profile);
                    if self.chosen == profile {
                        BUILT_IN.clone_into(&mut self.chosen);
                    }
                    self.remember(effects);
                }
            }
            AccountIntent::SignIn { profile, way } => {
                if let Some(known) = self.known_mut(&profile)
                    && known.can_sign_in()
                {
                    known.profile.account = Account::Starting;
                    order(Order::SignIn { profile, way });
                }
            }
            AccountIntent::OpenBrowser { profile } => order(Order::OpenBrowser { profile }),
            AccountIntent::CancelSignIn { profile } => order(Order::CancelSignIn { profile }),
            AccountIntent::SignOut { profile } => order(Order::SignOut { profile }),
            AccountIntent::SetFavourite { agent, favourite } => {
                let key = (self.chosen.clone(), agent);
                let changed = if favourite {
                    self.book.favourites.insert(key)
                } else {
                    self.book.favourites.remove(&key)
                };
                if changed {
                    self.remember(effects);
                }
            }
            AccountIntent::Refresh => self.attach_again(effects),
            AccountIntent::KeepSecrets { place, passphrase } => {
                self.secrets = Secrets::Opening;
                order(Order::OpenSecrets { place, passphrase });
            }
        }
    }

    pub(super) fn report(&mut self, report: Report, effects: &mut Vec<Effect>) -> News {
        match report {
            Report::Secrets(Ok(place)) => {
                self.secrets = Secrets::Kept { place };
                for entry in self.book.profiles.clone() {
                    effects.push(Effect::Account(Order::Attach(entry)));
                }
            }
            Report::Secrets(Err(problem)) => {
                self.secrets = Secrets::Unavailable { problem };
            }
            Report::Account { profile, account } => {
                return self.account(&profile, account, effects);
            }
            Report::Offer { profile, offer } => {
                let entry = self.book.profiles.iter_mut().find(|it| it.id == profile);
                if let Some(entry) = entry
                    && entry.offer.as_ref() != Some(&offer)
                {
                    entry.offer = Some(offer);
                    self.remember(effects);
                }
            }
            Report::Found { url, offer } => self.found(url, offer, effects),
            Report::KeyTried { entry, result } => self.key_tried(entry, result, effects),
            Report::Agents { profile, agents } => {
                if let Some(known) = self.known_mut(&profile) {
                    match agents {
                        Ok(agents) => {
                            known.agents = agents.into_iter().map(Arc::new).collect();
                            known.listing = Listing::Complete;
                        }
                        Err(problem) => known.listing = Listing::Failed { problem },
                    }
                }
            }
            Report::NotRemembered(problem) => return News::Notice(problem),
        }
        News::None
    }

    fn account(&mut self, profile: &str, account: Account, effects: &mut Vec<Effect>) -> News {
        let Some(known) = self.known_mut(profile) else {
            return News::None;
        };
        let before = std::mem::replace(&mut known.profile.account, account);
        let can_call = |account: &Account| {
            matches!(
                account,
                Account::SignedIn { .. } | Account::NotNeeded | Account::Key
            )
        };
        let (could, can) = (can_call(&before), can_call(&known.profile.account));
        if can && !could {
            known.listing = Listing::Loading;
            effects.push(Effect::Account(Order::List {
                profile: profile.to_owned(),
            }));
            return News::SignedIn;
        }
        if !can {
            known.listing = Listing::SignInFirst;
            if matches!(
                known.profile.account,
                Account::SignedOut { .. } | Account::NoKey
            ) {
                known.agents.clear();
            }
        }
        match &known.profile.account {
            Account::Ended { .. } if !matches!(before, Account::Ended { .. }) => {
                News::Notice(Problem::SignInNeeded {
                    host: known.profile.name.clone(),
                })
            }
            _ => News::None,
        }
    }

    fn found(&mut self, url: String, offer: Result<Offer, Problem>, effects: &mut Vec<Effect>) {
        if self.adding != Adding::Checking {
            return;
        }
        let offer = match offer {
            Ok(offer) => offer,
            Err(problem) => {
                self.adding = Adding::Failed { problem };
                return;
            }
        };
        let kind = ProfileKind::Organisation { url };
        let host = host(&kind).to_owned();
        let entry = match self.book.same(&kind) {
            Some(entry) => entry.clone(),
            None => Entry {
                id: self.book.free_id(&host),
                name: offer.name.clone().unwrap_or(host),
                kind,
                offer: None,
            },
        };
        let entry = Entry {
            offer: Some(offer),
            ..entry
        };
        self.add(entry, effects);
    }

    fn key_tried(&mut self, entry: Entry, result: Result<(), Problem>, effects: &mut Vec<Effect>) {
        match result {
            Err(problem) => {
                if self.adding == Adding::Checking {
                    self.adding = Adding::Failed { problem };
                }
            }
            Ok(()) => self.add(entry, effects),
        }
    }

    /// A profile works: it is in the book, chosen, and found out about.
    fn add(&mut self, entry: Entry, effects: &mut Vec<Effect>) {
        let id = entry.id.clone();
        let profiles = &mut self.book.profiles;
        if let Some(known) = profiles.iter_mut().find(|it| it.id == id) {
            known.clone_from(&entry);
        } else if profiles.len() < MOST_PROFILES {
            profiles.push(entry.clone());
            self.profiles.push(Known::new(&entry));
        } else {
            self.adding = Adding::Idle;
            return;
        }
        self.adding = Adding::Done {
            profile: id.clone(),
        };
        effects.push(Effect::Account(Order::Attach(entry)));
        self.choose(&id, effects);
    }

    fn direct(&self, name: &str, url: &str, model: &str, header: KeyHeader) -> Entry {
        let kind = ProfileKind::Direct {
            url: url.trim().to_owned(),
            model: model.trim().to_owned(),
            header,
        };
        let name = Some(name.trim()).filter(|name| !name.is_empty());
        let host = host(&kind).to_owned();
        let same = self.book.same(&kind);
        Entry {
            id: same.map_or_else(|| self.book.free_id(&host), |entry| entry.id.clone()),
            name: name.map_or(host, str::to_owned),
            kind,
            offer: None,
        }
    }

    fn choose(&mut self, profile: &str, effects: &mut Vec<Effect>) {
        if self.known(profile).is_none() {
            return;
        }
        profile.clone_into(&mut self.chosen);
        if self.book.chosen.as_deref() != Some(profile) {
            self.book.chosen = Some(profile.to_owned());
        }
        self.remember(effects);
    }

    /// Asks again where the last answer was none, and for the agents where there are some.
    fn attach_again(&mut self, effects: &mut Vec<Effect>) {
        if let Secrets::Unavailable { .. } = self.secrets {
            return;
        }
        let chosen = self.chosen.clone();
        let Some(known) = self.known_mut(&chosen) else {
            return;
        };
        match known.profile.account {
            Account::Unavailable { .. } => {
                known.profile.account = Account::Unknown;
                if let Some(entry) = self.entry(&chosen) {
                    effects.push(Effect::Account(Order::Attach(entry.clone())));
                }
            }
            Account::SignedIn { .. } | Account::Key | Account::NotNeeded
                if known.profile.kind != ProfileKind::BuiltIn =>
            {
                known.listing = Listing::Loading;
                effects.push(Effect::Account(Order::List { profile: chosen }));
            }
            _ => {}
        }
    }

    fn remember(&self, effects: &mut Vec<Effect>) {
        effects.push(Effect::Account(Order::Remember(self.book.clone())));
    }

    fn is_favourite(&self, profile: &str, agent: &str) -> bool {
        let key = (profile.to_owned(), agent.to_owned());
        self.book.favourites.contains(&key)
    }

    fn entry(&self, profile: &str) -> Option<&Entry> {
        self.book.profiles.iter().find(|entry| entry.id == profile)
    }

    fn known(&self, profile: &str) -> Option<&Known> {
        self.profiles.iter().find(|it| it.profile.id == profile)
    }

    fn known_mut(&mut self, profile: &str) -> Option<&mut Known> {
        self.profiles.iter_mut().find(|it| it.profile.id == profile)
    }
}

impl Known {
    fn new(entry: &Entry) -> Self {
        Self {
            profile: Profile {
                id: entry.id.clone(),
                name: entry.name.clone(),
                kind: entry.kind.clone(),
                account: Account::Unknown,
            },
            agents: Vec::new(),
            listing: Listing::Loading,
        }
    }

    /// Whether a sign-in may begin: not twice at a time, and not where there is none.
    fn can_sign_in(&self) -> bool {
        matches!(
            self.profile.account,
            Account::SignedOut { .. } | Account::Ended { .. } | Account::SignedIn { .. }
        )
    }
}

/// The host in a profile's address; the address itself where it is none.
fn host(kind: &ProfileKind) -> &str {
    let (ProfileKind::Organisation { url } | ProfileKind::Direct { url, .. }) = kind else {
        return "";
    };
    let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or(rest)
}

impl Offer {
    /// Whether the user signs in by OpenID Connect, and all that is needed for it is there.
    pub(crate) fn client(&self) -> Option<offhook_signin::Client> {
        if self.sign_in != SignInKind::Oidc {
            return None;
        }
        Some(offhook_signin::Client {
            issuer: self.issuer.clone()?,
            client_id: self.client_id.clone()?,
            scopes: self
                .scopes
                .iter()
                .filter(|scope| *scope != "openid")
                .cloned()
                .collect(),
            resource: self.resource.clone(),
        })
    }
}
