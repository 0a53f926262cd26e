//! What can go wrong with a place for secrets, each a sentence for the user.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why a secret could not be read, kept or deleted. No variant ever holds a part of a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// The system has no keyring, or it is not running.
    #[error(
        "This system has no keyring that can be reached ({detail}), so nothing can be remembered \
         safely: start or install one, go on without remembering, or use an encrypted file."
    )]
    NoStore {
        /// What the system said.
        detail: String,
    },
    /// The keyring is locked and was not unlocked, or it does not let this program in.
    #[error(
        "The keyring is locked, or access to it was refused, so what is kept in it could not be \
         used: unlock it and try again, or go on without remembering."
    )]
    Locked,
    /// The keyring did not answer in time; most likely it asks for its password in a window.
    #[error(
        "The keyring did not answer within {} s; it may be asking for its password in another \
         window: answer it there and try again, or go on without remembering.",
        limit.as_secs_f32()
    )]
    Unanswered {
        /// How long was waited.
        limit: Duration,
    },
    /// An entry is there, but it is not what was written.
    #[error(
        "What is kept as \"{name}\" is damaged, so it was not used: sign in or enter it again, \
         which replaces it."
    )]
    Damaged {
        /// The entry.
        name: String,
    },
    /// One of the encrypted files is there, but it is not what was written.
    #[error(
        "{} is damaged or missing, so nothing that is kept there can be read: put back a copy of \
         it, or move the whole folder away and sign in again.",
        path.display()
    )]
    DamagedFile {
        /// The file.
        path: PathBuf,
    },
    /// The passphrase does not open the encrypted files. A damaged key file may look the same.
    #[error(
        "The passphrase does not open {}, so nothing was read or changed: try again with the \
         passphrase it was made with.",
        path.display()
    )]
    WrongPassphrase {
        /// The file with the key.
        path: PathBuf,
    },
    /// The encrypted files cannot be read or written.
    #[error(
        "{} cannot be used ({detail}), and what was kept there before is unchanged: make room or \
         allow access, and try again.",
        path.display()
    )]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        detail: String,
    },
    /// The place failed in a way that has no better name.
    #[error(
        "The place for secrets failed ({detail}), so the last change may not be kept: try again, \
         or go on without remembering."
    )]
    Failed {
        /// What happened.
        detail: String,
    },
    /// A name that no entry can have.
    #[error(
        "\"{name}\" cannot be the name of a secret: use 1 to 64 characters of a-z, 0-9, dot, dash \
         and underscore."
    )]
    BadName {
        /// The name.
        name: String,
    },
    /// More than can be kept as one secret.
    #[error(
        "A secret of {length} bytes is too long to be kept, so nothing was changed: {longest} \
         bytes are the most.",
        longest = crate::LONGEST
    )]
    TooLong {
        /// Its length in bytes.
        length: usize,
    },
}

impl VaultError {
    /// The file system refused something.
    pub(crate) fn file(path: &Path, error: &io::Error) -> Self {
        Self::File {
            path: path.to_owned(),
            detail: error.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_says_what_happened_and_what_to_do() {
        let path = PathBuf::from("key.age");
        let name = "token".to_owned();
        let detail = "no such thing".to_owned();
        let errors = [
            VaultError::NoStore {
                detail: detail.clone(),
            },
            VaultError::Locked,
            VaultError::Unanswered {
                limit: Duration::from_secs(30),
            },
            VaultError::Damaged { name: name.clone() },
            VaultError::DamagedFile { path: path.clone() },
            VaultError::WrongPassphrase { path: path.clone() },
            VaultError::File {
                path,
                detail: detail.clone(),
            },
            VaultError::Failed { detail },
            VaultError::BadName { name },
            VaultError::TooLong { length: 2_000_000 },
        ];
        for error in errors {
            let text = error.to_string();
            assert!(text.ends_with('.') && text.contains(": "), "{text}");
            assert!(!text.contains("  "), "{text}");
        }
        let unanswered = VaultError::Unanswered {
            limit: Duration::from_millis(1500),
        };
        assert!(unanswered.to_string().contains("within 1.5 s"));
    }
}
