//! Commands about accounts: the softphone with its profiles, followed through its directory.

pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod status;

use offhook_phone::{
    Account, AccountIntent, AccountsConfig, Config, Connector, Directory, Intent, Listing, Message,
    Phone, Problem, Profile, ProfileKind, Secret, SecretPlace, Secrets, data_folder,
};
use secrecy::ExposeSecret as _;
use tokio::sync::mpsc;

use crate::args::{Place, SecretsArgs};
use crate::call::{Error, secret};

/// Holds the passphrase of an encrypted file.
const PASSPHRASE: &str = "OFFHOOK_PASSPHRASE";

/// A softphone whose secrets can be used, and what it says of profiles and accounts.
pub(crate) struct Desk {
    phone: Phone,
    messages: mpsc::Receiver<Message>,
    directory: Directory,
}

impl Desk {
    /// Starts a softphone, and waits until its secrets can be used.
    pub(crate) async fn open(config: Config, secrets: SecretsArgs) -> Result<Self, Error> {
        let desk = Self::start(config, secrets).await?;
        match &desk.directory.secrets {
            Secrets::Unavailable { problem } => Err(Error::Problem(problem.clone())),
            Secrets::Opening | Secrets::Kept { .. } => Ok(desk),
        }
    }

    /// Starts a softphone, and waits until it is known whether its secrets can be used.
    async fn start(config: Config, secrets: SecretsArgs) -> Result<Self, Error> {
        let folder = data_folder().ok_or_else(|| {
            Error::Unable(
                "there is no home folder to remember accounts in; set OFFHOOK_DATA".into(),
            )
        })?;
        let mut accounts = AccountsConfig::new(folder);
        if secrets.place == Place::File {
            let passphrase = secret(PASSPHRASE).ok_or_else(|| {
                Error::Unable(format!(
                    "the encrypted file needs a passphrase: set it in {PASSPHRASE}"
                ))
            })?;
            accounts.place = SecretPlace::File;
            accounts.passphrase = Some(Secret::from(passphrase.expose_secret().to_owned()));
        }
        let connector = Connector::new().map_err(|error| Error::Start(error.to_string()))?;
        let phone = Phone::start_with(config, connector, accounts);
        let gone = |error: offhook_phone::Gone| Error::Start(error.to_string());
        let mut messages = phone.subscribe().await.map_err(gone)?;
        let directory = next(&mut messages).await?;
        let mut desk = Self {
            phone,
            messages,
            directory,
        };
        desk.until(|directory| directory.secrets != Secrets::Opening)
            .await?;
        Ok(desk)
    }

    /// Waits until the directory is as wanted.
    async fn until(&mut self, wanted: impl Fn(&Directory) -> bool) -> Result<(), Error> {
        while !wanted(&self.directory) {
            self.directory = next(&mut self.messages).await?;
        }
        Ok(())
    }

    /// Waits until it is known who the user is at a profile.
    async fn known(&mut self, profile: &str) -> Result<Profile, Error> {
        let unknown = |directory: &Directory| {
            let profile = find(directory, profile);
            matches!(profile.map(|it| &it.account), Some(Account::Unknown))
        };
        self.until(|directory| !unknown(directory)).await?;
        find(&self.directory, profile)
            .cloned()
            .ok_or_else(|| Error::Unable(format!("{profile} is not known any more")))
    }

    async fn want(&self, intent: AccountIntent) -> Result<(), Error> {
        let dispatched = self.phone.dispatch(Intent::Account { intent }).await;
        dispatched.map_err(|error| Error::Start(error.to_string()))
    }

    /// The profile that somebody named, by its name, its id or its address; the only one where nobody
    /// did.
    fn named(&self, name: Option<&str>) -> Result<Profile, Error> {
        let mut profiles = self.directory.profiles.iter();
        let found = match name {
            Some(name) => profiles.find(|profile| is(profile, name)),
            None => {
                let mut organisations =
                    profiles.filter(|it| matches!(it.kind, ProfileKind::Organisation { .. }));
                match (organisations.next(), organisations.next()) {
                    (only, None) => only,
                    _ => {
                        return Err(Error::Unable(
                            "there are several places to call: name one of those that `offhook \
                             status` lists"
                                .to_owned(),
                        ));
                    }
                }
            }
        };
        found.cloned().ok_or_else(|| {
            let what =
                name.map_or_else(|| "no bridge".to_owned(), |name| format!("\"{name}\" not"));
            Error::Unable(format!(
                "{what} is known here; `offhook login URL` adds one"
            ))
        })
    }

    /// A softphone that can call this agent there.
    pub(crate) async fn ready_to_call(mut self, at: &str, agent: &str) -> Result<Phone, Error> {
        let id = self.named(Some(at))?.id;
        let profile = self.known(&id).await?;
        match profile.account {
            Account::Unavailable { problem } => return Err(Error::Problem(problem)),
            Account::SignedOut { .. } | Account::Ended { .. } | Account::NoKey => {
                return Err(not_signed_in(&profile));
            }
            _ => {}
        }
        let choice = id.clone();
        self.want(AccountIntent::Choose { profile: choice }).await?;
        self.until(|directory| directory.chosen == id && directory.listing != Listing::Loading)
            .await?;
        match &self.directory.listing {
            Listing::Failed { problem } => return Err(Error::Problem(problem.clone())),
            // The sign-in has just turned out not to be valid any more.
            Listing::SignInFirst => return Err(not_signed_in(&profile)),
            Listing::Complete | Listing::Loading => {}
        }
        if !self.directory.agents.iter().any(|it| it.id == agent) {
            return Err(Error::Problem(Problem::AgentUnknown {
                agent: agent.to_owned(),
            }));
        }
        Ok(self.phone)
    }

    async fn stop(self) {
        self.phone.stop().await;
    }
}

fn not_signed_in(profile: &Profile) -> Error {
    let url = address(&profile.kind);
    Error::Unable(format!(
        "you are not signed in at {}: `offhook login {url}` does that",
        profile.name
    ))
}

fn find<'a>(directory: &'a Directory, id: &str) -> Option<&'a Profile> {
    directory.profiles.iter().find(|profile| profile.id == id)
}

fn is(profile: &Profile, name: &str) -> bool {
    let address = address(&profile.kind);
    let bare = |text: &str| {
        let text = text.trim_end_matches('/');
        let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
        rest.to_ascii_lowercase()
    };
    profile.id == name
        || profile.name == name
        || (!address.is_empty() && bare(address) == bare(name))
}

fn address(kind: &ProfileKind) -> &str {
    match kind {
        ProfileKind::BuiltIn => "",
        ProfileKind::Organisation { url } | ProfileKind::Direct { url, .. } => url,
    }
}

async fn next(messages: &mut mpsc::Receiver<Message>) -> Result<Directory, Error> {
    loop {
        match messages.recv().await {
            Some(Message::Directory(directory)) => return Ok(*directory),
            Some(_) => {}
            None => return Err(Error::Start(offhook_phone::Gone.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_known_by_its_name_its_id_and_its_address() {
        let profile = Profile {
            id: "bridge.example".to_owned(),
            name: "Acme".to_owned(),
            kind: ProfileKind::Organisation {
                url: "https://Bridge.example".to_owned(),
            },
            account: Account::Unknown,
        };
        for name in [
            "Acme",
            "bridge.example",
            "https://bridge.example/",
            "BRIDGE.example",
        ] {
            assert!(is(&profile, name), "{name}");
        }
        assert!(!is(&profile, "bridge"));
        let built_in = Profile {
            id: "built-in".to_owned(),
            name: String::new(),
            kind: ProfileKind::BuiltIn,
            account: Account::NotNeeded,
        };
        assert!(!is(&built_in, "/"));
    }
}
