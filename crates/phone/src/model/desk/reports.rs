//! What becomes of orders, and what that means for the directory.

use std::sync::Arc;
use std::time::Duration;

use offhook_client::proto::Time;

use super::known::{Known, host};
use super::{Desk, Order, Report};
use crate::model::Effect;
use crate::model::book::{Entry, MOST_PROFILES, Offer};
use crate::problem::Problem;
use crate::snapshot::{Account, Adding, Listing, ProfileKind, Secrets};

/// What a report means beyond the directory.
pub(in crate::model) enum News {
    None,
    /// For the user.
    Notice(Problem),
    /// A sign-in was renewed: what waits for it need not wait any longer.
    SignedIn,
}

impl Desk {
    pub(in crate::model) fn report(
        &mut self,
        now: Time,
        report: Report,
        effects: &mut Vec<Effect>,
    ) -> News {
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
                return self.account(now, &profile, account, effects);
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

    fn account(
        &mut self,
        now: Time,
        profile: &str,
        account: Account,
        effects: &mut Vec<Effect>,
    ) -> News {
        let Some(known) = self.known_mut(profile) else {
            return News::None;
        };
        if let Account::WaitingForDevice { expires_in_ms, .. } = &account {
            known.expires = now + Duration::from_millis(u64::from(*expires_in_ms));
        }
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
            // It is found out anew, and whoever signed in before that would be cut off by it.
            if let Some(known) = self.known_mut(&id) {
                known.profile.account = Account::Unknown;
            }
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
}
