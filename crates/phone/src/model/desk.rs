//! Who can be called, where, and as whom: what users want of profiles, and what becomes of it.

mod known;
mod reports;

use std::sync::Arc;

use offhook_client::proto::Time;

use super::book::{BUILT_IN, Book, Entry};
use super::orders::{Order, Report};
use super::{AgentEntry, Effect, millis};
use crate::snapshot::{
    Account, AccountIntent, Adding, Directory, KeyHeader, Listing, Message, Profile, ProfileKind,
    Recent, Secrets,
};
use known::{Known, host};
pub(super) use reports::News;

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
            expires: Time::ZERO,
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

    /// The directory, with what is left at `now` of codes that expire.
    pub(super) fn directory_at(&self, now: Time) -> Directory {
        let mut directory = self.directory();
        for (profile, known) in directory.profiles.iter_mut().zip(&self.profiles) {
            if let Account::WaitingForDevice { expires_in_ms, .. } = &mut profile.account {
                *expires_in_ms = millis(known.expires.since(now));
            }
        }
        directory
    }

    /// The directory as it was reported.
    fn directory(&self) -> Directory {
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
    pub(super) fn publish(&mut self, now: Time, effects: &mut Vec<Effect>) {
        let directory = self.directory();
        if self.published.as_ref() != Some(&directory) {
            self.published = Some(directory);
            let directory = Box::new(self.directory_at(now));
            effects.push(Effect::Publish(Message::Directory(directory)));
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
            AccountIntent::SignOut { profile } => {
                if let Some(known) = self.known_mut(&profile)
                    && known.can_sign_out()
                {
                    known.profile.account = Account::Unknown;
                    order(Order::SignOut { profile });
                }
            }
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
