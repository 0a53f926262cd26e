//! The file in which the issuer keeps its secrets and its grants, so that a restart signs nobody out.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::{fs, process};

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::grants::Grants;
use super::keys::Keys;
use crate::Error;

/// The format of the file.
const VERSION: u32 = 1;

/// Where it is.
#[derive(Debug)]
pub(super) struct File {
    path: PathBuf,
}

#[derive(Serialize)]
struct Written<'a> {
    version: u32,
    signing_key: &'a str,
    secret: &'a str,
    grants: &'a Grants,
}

#[derive(Deserialize)]
struct Read {
    version: u32,
    signing_key: SecretString,
    secret: SecretString,
    grants: Grants,
}

impl File {
    pub(super) const fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// What it has; none if there is no such file yet.
    ///
    /// # Errors
    /// Where it cannot be read, or is another one. It is not overwritten then.
    pub(super) fn load(&self) -> Result<Option<(Keys, Grants)>, Error> {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.fault(&error)),
        };
        // The error would quote what is secret.
        let read: Read = serde_json::from_str(&text)
            .map_err(|error| self.fault(&format!("line {} is not as written", error.line())))?;
        if read.version != VERSION {
            return Err(self.fault(&format!("it has format {}", read.version)));
        }
        let keys = Keys::read(read.signing_key, read.secret);
        let keys = keys.ok_or_else(|| self.fault(&"its keys are none"))?;
        Ok(Some((keys, read.grants)))
    }

    /// Writes all of it, or nothing.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub(super) fn save(&self, keys: &Keys, grants: &Grants) -> Result<(), Error> {
        let (signing_key, secret) = keys.stored();
        let written = Written {
            version: VERSION,
            signing_key,
            secret,
            grants,
        };
        let text = serde_json::to_string(&written).map_err(|error| self.fault(&error))?;
        let mut beside = self.path.clone().into_os_string();
        beside.push(format!(".{}", process::id()));
        let beside = PathBuf::from(beside);
        let replaced = write(&beside, &text).and_then(|()| fs::rename(&beside, &self.path));
        replaced.map_err(|error| {
            // It may not be there at all.
            drop(fs::remove_file(&beside));
            self.fault(&error)
        })
    }

    fn fault(&self, why: &dyn std::fmt::Display) -> Error {
        Error::LocalState {
            path: self.path.clone(),
            detail: why.to_string(),
        }
    }
}

/// Writes a file that only its owner may read.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
