//! A profile that is found out about: who the user is there, and with what to call.

use std::sync::Arc;

use offhook_client::{Credential, Endpoint, SignIn};
use offhook_signin::{AccessError, Config, Keeper, Provider, Standing};
use offhook_vault::VaultError;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::task::AbortHandle;

use super::problems::{bad_address, normal};
use super::{Accounts, bridge, key};
use crate::model::{Entry, Offer, Report, SignInKind};
use crate::problem::Problem;
use crate::snapshot::{Account, ProfileKind};

/// A profile, and what is known of the user there.
pub(super) struct Member {
    pub(super) entry: Entry,
    pub(super) access: Access,
    /// The sign-in that waits for the user.
    pub(super) signing_in: Option<AbortHandle>,
    /// The page it waits at.
    pub(super) page: Option<String>,
    /// Passes on what becomes of the sign-in.
    watching: Option<AbortHandle>,
}

/// With what to call.
pub(super) enum Access {
    /// Nothing is needed.
    Open,
    /// A key, if there is one.
    Key(Option<SecretString>),
    /// Whatever the keeper has.
    SignedIn {
        keeper: Keeper,
        provider: Arc<Provider>,
    },
}

impl Member {
    pub(super) fn page(&self) -> Option<String> {
        self.page.clone()
    }

    /// The profile, and its server with what is needed to call there.
    pub(super) fn brief(&self) -> (Entry, Result<Endpoint, Problem>) {
        let endpoint = match (&self.access, &self.entry.kind) {
            (Access::Key(Some(key)), _) => key::endpoint(&self.entry, key.clone()),
            (Access::Key(None), _) => Err(Problem::NotAuthorised {
                host: self.entry.name.clone(),
                detail: "there is no key".to_owned(),
            }),
            (Access::Open, ProfileKind::Organisation { url }) => {
                organisation(url, Credential::Mint { access_token: None })
            }
            (Access::SignedIn { keeper, .. }, ProfileKind::Organisation { url }) => {
                let sign_in = Arc::new(keeper.clone()) as Arc<dyn SignIn>;
                organisation(url, Credential::SignedIn(sign_in))
            }
            (_, ProfileKind::BuiltIn | ProfileKind::Direct { .. }) => Err(Problem::Internal {
                detail: "a profile has another profile's access".to_owned(),
            }),
        };
        (self.entry.clone(), endpoint)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let tasks = [self.signing_in.take(), self.watching.take()];
        for task in tasks.into_iter().flatten() {
            task.abort();
        }
    }
}

fn organisation(url: &str, credential: Credential) -> Result<Endpoint, Problem> {
    let url = normal(url);
    Endpoint::new(&url, credential).map_err(|error| bad_address(&url, &error))
}

/// What a keeper's standing is to the user.
pub(super) fn account(standing: &Standing, problem: Option<Problem>) -> Account {
    let called = |user: &offhook_signin::User| {
        let name = user.name.clone().or_else(|| user.email.clone());
        name.unwrap_or_else(|| user.subject.clone())
    };
    match standing {
        Standing::SignedOut => Account::SignedOut { problem },
        Standing::SignedIn(user) => Account::SignedIn {
            name: called(user),
            email: user.email.clone(),
        },
        Standing::Ended(user) => Account::Ended { name: called(user) },
    }
}

impl Accounts {
    /// Finds out who the user is at a profile.
    pub(super) async fn attach(&self, entry: Entry) {
        let id = entry.id.clone();
        let (access, account) = match self.found_out(&entry).await {
            Ok(found) => found,
            Err(problem) => return self.tell(&id, Account::Unavailable { problem }).await,
        };
        let keeper = match &access {
            Access::SignedIn { keeper, .. } => Some(keeper.clone()),
            Access::Open | Access::Key(_) => None,
        };
        let watching = keeper.map(|keeper| self.watch(id.clone(), &keeper));
        let known = matches!(entry.kind, ProfileKind::Organisation { .. }) && entry.offer.is_some();
        let member = Member {
            entry: entry.clone(),
            access,
            signing_in: None,
            page: None,
            watching,
        };
        {
            let mut state = self.state();
            let before = state.members.get(&id);
            // Who has begun to sign in with what was found out before is not cut off.
            if before.is_some_and(|before| before.signing_in.is_some()) {
                return;
            }
            state.members.insert(id.clone(), member);
        }
        self.tell(&id, account).await;
        if known {
            self.look_again(entry).await;
        }
    }

    async fn found_out(&self, entry: &Entry) -> Result<(Access, Account), Problem> {
        let sign_in = match (&entry.kind, &entry.offer) {
            (ProfileKind::BuiltIn, _) => return Ok((Access::Open, Account::NotNeeded)),
            (ProfileKind::Direct { .. }, _) => Offer {
                sign_in: SignInKind::AccessToken,
                ..Offer::default()
            },
            (ProfileKind::Organisation { .. }, Some(offer)) => offer.clone(),
            (ProfileKind::Organisation { url }, None) => {
                let offer = bridge::offer(&self.0.connector, &normal(url)).await?;
                self.report(Report::Offer {
                    profile: entry.id.clone(),
                    offer: offer.clone(),
                })
                .await;
                offer
            }
        };
        match sign_in.sign_in {
            SignInKind::None => Ok((Access::Open, Account::NotNeeded)),
            SignInKind::AccessToken => self.kept_key(&entry.id).await,
            SignInKind::Oidc => self.kept_sign_in(&entry.id, &sign_in).await,
        }
    }

    async fn kept_key(&self, profile: &str) -> Result<(Access, Account), Problem> {
        let vault = self.vault()?;
        let kept = vault.read(&key::name(profile)).await?;
        let kept = kept.and_then(|bytes| {
            let text = std::str::from_utf8(bytes.expose_secret()).ok()?;
            Some(SecretString::from(text))
        });
        let account = match &kept {
            Some(_) => Account::Key,
            None => Account::NoKey,
        };
        Ok((Access::Key(kept), account))
    }

    async fn kept_sign_in(
        &self,
        profile: &str,
        offer: &Offer,
    ) -> Result<(Access, Account), Problem> {
        let vault = self.vault()?;
        let client = offer.client().ok_or_else(|| Problem::SignInFailed {
            detail: "the bridge does not say who signs users in".to_owned(),
        })?;
        let provider = Arc::new(Provider::new(self.0.connector.clone(), client));
        let config = Config {
            name: profile.to_owned(),
            vault,
            locks: self.0.config.folder.join("locks"),
            issuer: Arc::clone(&provider) as Arc<dyn offhook_signin::Issuer>,
        };
        let (keeper, problem) = match Keeper::open(config.clone()).await {
            Ok(keeper) => (keeper, None),
            // What is kept cannot be read, and will be replaced by the next sign-in.
            Err(
                error @ (AccessError::Grant(_) | AccessError::Vault(VaultError::Damaged { .. })),
            ) => (Keeper::anew(config), Some(Problem::from(error))),
            Err(error) => return Err(error.into()),
        };
        let account = account(&keeper.standing().borrow(), problem);
        Ok((Access::SignedIn { keeper, provider }, account))
    }

    /// Passes on what becomes of a sign-in by itself.
    fn watch(&self, profile: String, keeper: &Keeper) -> AbortHandle {
        let mut standing = keeper.standing();
        standing.mark_unchanged();
        let this = self.clone();
        let watching = tokio::spawn(async move {
            while standing.changed().await.is_ok() {
                let account = account(&standing.borrow_and_update(), None);
                this.tell(&profile, account).await;
            }
        });
        watching.abort_handle()
    }

    /// A bridge may say another thing than the last time: that counts at once, unless somebody is
    /// signing in there.
    async fn look_again(&self, entry: Entry) {
        let ProfileKind::Organisation { url } = &entry.kind else {
            return;
        };
        let Ok(offer) = bridge::offer(&self.0.connector, &normal(url)).await else {
            return;
        };
        if entry.offer.as_ref() == Some(&offer) {
            return;
        }
        let profile = entry.id.clone();
        let entry = Entry {
            offer: Some(offer.clone()),
            ..entry
        };
        self.report(Report::Offer { profile, offer }).await;
        Box::pin(self.attach(entry)).await;
    }

    /// Signs out, or forgets the key.
    pub(super) async fn sign_out(&self, profile: &str) {
        self.stop_sign_in(profile);
        let keeper = {
            let mut state = self.state();
            let member = state.members.get_mut(profile);
            match member.map(|member| &mut member.access) {
                Some(Access::SignedIn { keeper, .. }) => Some(keeper.clone()),
                Some(Access::Key(key)) => {
                    *key = None;
                    None
                }
                Some(Access::Open) | None => return,
            }
        };
        let account = match keeper {
            Some(keeper) => match keeper.sign_out().await {
                Ok(()) => Account::SignedOut { problem: None },
                Err(error) => Account::Unavailable {
                    problem: error.into(),
                },
            },
            None => {
                let forgotten = async {
                    self.vault()?.delete(&key::name(profile)).await?;
                    Ok(())
                };
                match forgotten.await {
                    Ok(()) => Account::NoKey,
                    Err(problem) => Account::Unavailable { problem },
                }
            }
        };
        self.tell(profile, account).await;
    }
}
