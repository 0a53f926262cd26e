//! Where a vault keeps what it is given.

use std::path::PathBuf;

use secrecy::SecretString;

/// Where secrets are to live. Whoever opens a vault decides; nothing falls back to another place.
#[derive(Debug, Clone)]
pub enum Place {
    /// The keyring of the system: Keychain, Credential Manager, or the Secret Service.
    System {
        /// What the entries are filed under, as in `offhook`.
        service: String,
    },
    /// Two encrypted files, for machines without a keyring.
    File {
        /// The folder they are in; it is made if need be.
        folder: PathBuf,
        /// What opens them.
        passphrase: SecretString,
    },
    /// This process only: gone when it ends.
    Memory,
}

impl Place {
    /// What kind of place this is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::System { .. } => Kind::System,
            Self::File { .. } => Kind::File,
            Self::Memory => Kind::Memory,
        }
    }
}

/// What kind of place a vault is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The keyring of the system.
    System,
    /// An encrypted file.
    File,
    /// This process only.
    Memory,
}
