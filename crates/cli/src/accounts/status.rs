//! `offhook status`: where the user is signed in, and where secrets are kept.
#![allow(
    clippy::print_stdout,
    reason = "a command's result goes to standard output"
)]

use offhook_phone::{Account, Config, Directory, SecretPlace, Secrets, english};
use serde_json::{Value, json};

use super::login::described;
use super::{Desk, address};
use crate::args::StatusArgs;
use crate::call::{Error, runtime};

pub(crate) fn run(args: &StatusArgs) -> Result<(), Error> {
    runtime()?.block_on(async {
        let config = Config::new(env!("CARGO_PKG_VERSION"), Vec::new());
        let mut desk = Desk::start(config, args.secrets).await?;
        if matches!(desk.directory.secrets, Secrets::Kept { .. }) {
            let unknown = |directory: &Directory| {
                let mut profiles = directory.profiles.iter();
                profiles.any(|profile| profile.account == Account::Unknown)
            };
            desk.until(|directory| !unknown(directory)).await?;
        }
        let directory = desk.directory.clone();
        desk.stop().await;
        if args.json {
            println!("{}", as_json(&directory));
        } else {
            for line in lines(&directory) {
                println!("{line}");
            }
        }
        Ok(())
    })
}

fn lines(directory: &Directory) -> Vec<String> {
    let secrets = match &directory.secrets {
        Secrets::Opening => "Secrets: the place for them is being opened".to_owned(),
        Secrets::Kept { place } => format!(
            "Secrets are kept in {}.",
            match place {
                SecretPlace::System => "the system's keyring",
                SecretPlace::File => "an encrypted file",
                SecretPlace::Memory => "memory only",
            }
        ),
        Secrets::Unavailable { problem } => english(problem),
    };
    let profiles = directory.profiles.iter().map(|profile| {
        let (name, address) = (&profile.name, address(&profile.kind));
        let called = if name.is_empty() {
            "Built-in agent"
        } else {
            name
        };
        let at = if address.is_empty() || address == name {
            String::new()
        } else {
            format!("  ({address})")
        };
        format!("{called}{at}: {}", described(profile))
    });
    std::iter::once(secrets).chain(profiles).collect()
}

fn as_json(directory: &Directory) -> Value {
    json!({
        "secrets": directory.secrets,
        "chosen": directory.chosen,
        "profiles": directory.profiles,
    })
}
