//! Secrets in a folder with two encrypted files: `key.age`, which the passphrase opens, and
//! `secrets.age`, which the key opens.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use age::x25519::Identity;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::atomic::{make_folder, open_lock, replace};
use crate::error::VaultError;
use crate::name::Name;
use crate::sealed::{self, Unopened};
use crate::store::{Secret, Store};

/// The format of what is in `secrets.age`.
const VERSION: u32 = 1;

/// The folder, with its key at hand.
pub(crate) struct Folder {
    path: PathBuf,
    key: Identity,
}

/// What is in `secrets.age`, as JSON.
#[derive(Serialize, Deserialize)]
struct Contents {
    version: u32,
    /// In base64, by name.
    secrets: BTreeMap<String, Zeroizing<String>>,
}

impl Folder {
    /// Opens the folder, or makes one with a new key. An empty passphrase opens none and makes
    /// none.
    ///
    /// # Errors
    /// [`VaultError::WrongPassphrase`], [`VaultError::DamagedFile`], [`VaultError::File`].
    pub(crate) fn open(path: &Path, passphrase: &SecretString) -> Result<Self, VaultError> {
        let key_file = path.join("key.age");
        let wrong = || VaultError::WrongPassphrase {
            path: key_file.clone(),
        };
        if passphrase.expose_secret().is_empty() {
            return Err(wrong());
        }
        make_folder(path).map_err(|error| VaultError::file(path, &error))?;
        let _lock = lock(path)?;
        let key = match content(&key_file)? {
            Some(sealed) => {
                sealed::open_key(&sealed, passphrase).map_err(|unopened| match unopened {
                    Unopened::WrongPassphrase => wrong(),
                    Unopened::Damaged => VaultError::DamagedFile {
                        path: key_file.clone(),
                    },
                })?
            }
            // A new key would be of no use to what is there.
            None if content(&path.join("secrets.age"))?.is_some() => {
                return Err(VaultError::DamagedFile { path: key_file });
            }
            None => {
                let key = Identity::generate();
                let sealed = sealed::seal_key(&key, passphrase)
                    .map_err(|detail| VaultError::Failed { detail })?;
                replace(&key_file, &sealed).map_err(|error| VaultError::file(&key_file, &error))?;
                key
            }
        };
        Ok(Self {
            path: path.to_owned(),
            key,
        })
    }

    fn secrets_file(&self) -> PathBuf {
        self.path.join("secrets.age")
    }

    fn load(&self) -> Result<Contents, VaultError> {
        let path = self.secrets_file();
        let Some(sealed) = content(&path)? else {
            return Ok(Contents {
                version: VERSION,
                secrets: BTreeMap::new(),
            });
        };
        sealed::open(&self.key, &sealed)
            .and_then(|plain| serde_json::from_slice::<Contents>(&plain).ok())
            .filter(|contents| contents.version == VERSION)
            .ok_or(VaultError::DamagedFile { path })
    }

    fn change(&self, change: impl FnOnce(&mut Contents)) -> Result<(), VaultError> {
        let _lock = lock(&self.path)?;
        let mut contents = self.load()?;
        change(&mut contents);
        // As long as it can be from the start: a vector that grows leaves copies behind.
        let entry = |(name, secret): (&String, &Zeroizing<String>)| name.len() + secret.len() + 8;
        let length: usize = contents.secrets.iter().map(entry).sum();
        let mut plain = Secret::new(Vec::with_capacity(length + 64));
        let written = serde_json::to_writer(&mut *plain, &contents);
        let sealed = written
            .map_err(|error| error.to_string())
            .and_then(|()| sealed::seal(&self.key, &plain))
            .map_err(|detail| VaultError::Failed { detail })?;
        let path = self.secrets_file();
        replace(&path, &sealed).map_err(|error| VaultError::file(&path, &error))
    }
}

impl Store for Folder {
    fn read(&mut self, name: &Name) -> Result<Option<Secret>, VaultError> {
        let contents = self.load()?;
        let Some(encoded) = contents.secrets.get(name.as_str()) else {
            return Ok(None);
        };
        let secret = STANDARD.decode(encoded.as_str());
        secret
            .map(|secret| Some(Secret::new(secret)))
            .map_err(|_| VaultError::Damaged {
                name: name.as_str().to_owned(),
            })
    }

    fn write(&mut self, name: &Name, secret: &[u8]) -> Result<(), VaultError> {
        self.change(|contents| {
            let encoded = Zeroizing::new(STANDARD.encode(secret));
            contents.secrets.insert(name.as_str().to_owned(), encoded);
        })
    }

    fn delete(&mut self, name: &Name) -> Result<(), VaultError> {
        self.change(|contents| {
            contents.secrets.remove(name.as_str());
        })
    }
}

/// Keeps other programs from changing the files until it is dropped.
fn lock(folder: &Path) -> Result<File, VaultError> {
    let path = folder.join("lock");
    open_lock(&path)
        .and_then(|file| file.lock().map(|()| file))
        .map_err(|error| VaultError::file(&path, &error))
}

fn content(path: &Path) -> Result<Option<Vec<u8>>, VaultError> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(VaultError::file(path, &error)),
    }
}

#[cfg(test)]
#[path = "folder_tests.rs"]
mod tests;
