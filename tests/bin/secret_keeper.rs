//! A vault that does what it reads: orders on standard input, one numbered answer a line on standard
//! output, and in place of a secret its length and digest.

use std::env;
use std::io::{Write as _, stdin, stdout};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use offhook_tests::keeper::PASSPHRASE;
use offhook_tests::logs;
use offhook_vault::{Place, Vault, VaultError};
use secrecy::{ExposeSecret as _, SecretSlice};
use sha2::{Digest as _, Sha256};

#[tokio::main]
async fn main() -> Result<()> {
    logs::to_standard_error();
    let limit = env::args().nth(1).context("no limit in ms")?.parse()?;
    let limit = Duration::from_millis(limit);
    let mut vault = None;
    for (index, line) in stdin().lines().enumerate() {
        let line = line?;
        let words: Vec<&str> = line.split(' ').collect();
        let answer = match (words.as_slice(), &vault) {
            (["open", place @ ..], _) => match Vault::open_within(named(place)?, limit).await {
                Ok(opened) => {
                    let kind = format!("opened {:?}", opened.kind());
                    vault = Some(opened);
                    kind
                }
                Err(error) => failed(&error),
            },
            (order, Some(vault)) => obey(vault, order)
                .await?
                .unwrap_or_else(|error| failed(&error)),
            _ => bail!("nothing is open"),
        };
        writeln!(stdout(), "{} {answer}", index + 1)?;
    }
    Ok(())
}

fn named(place: &[&str]) -> Result<Place> {
    Ok(match *place {
        ["system", service] => Place::System {
            service: service.to_owned(),
        },
        ["file", folder] => Place::File {
            folder: folder.into(),
            passphrase: env::var(PASSPHRASE)?.into(),
        },
        ["memory"] => Place::Memory,
        _ => bail!("no such place"),
    })
}

async fn obey(vault: &Vault, order: &[&str]) -> Result<Result<String, VaultError>> {
    Ok(match *order {
        ["write", name, length, seed] => {
            let secret = secret(length.parse()?, seed);
            let described = describe(&secret);
            vault.write(name, &secret).await.map(|()| described)
        }
        ["read", name] => {
            let found = vault.read(name).await;
            found.map(|found| found.map_or("nothing".to_owned(), |secret| describe(&secret)))
        }
        ["delete", name] => vault.delete(name).await.map(|()| "deleted".to_owned()),
        _ => bail!("no such order"),
    })
}

/// Bytes that differ everywhere from those of another seed.
fn secret(length: usize, seed: &str) -> SecretSlice<u8> {
    let mut bytes = Vec::with_capacity(length + 32);
    let mut block = Sha256::digest(seed);
    while bytes.len() < length {
        bytes.extend_from_slice(&block);
        block = Sha256::digest(block);
    }
    bytes.truncate(length);
    bytes.into()
}

fn describe(secret: &SecretSlice<u8>) -> String {
    let bytes = secret.expose_secret();
    let digest = Sha256::digest(bytes);
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{} {hex}", bytes.len())
}

/// The name of the failure, then what a user reads.
fn failed(error: &VaultError) -> String {
    let variant = format!("{error:?}");
    let name = variant.split(|char: char| !char.is_alphanumeric()).next();
    format!("failed {}: {error}", name.unwrap_or_default())
}
