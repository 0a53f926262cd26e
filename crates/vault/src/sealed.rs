//! What is in the encrypted files: a key that a passphrase opens, and what that key opens.
//!
//! Stretching a passphrase takes about a second, on purpose. So it only ever opens the key, once;
//! reading and writing with the key is fast.

use std::io::{Read as _, Write as _};
use std::iter;

use age::secrecy::{ExposeSecret as _, SecretString};
use age::x25519::Identity;
use age::{DecryptError, Decryptor, Encryptor, scrypt};

use crate::store::Secret;

/// scrypt's cost for a new key, as a power of two: OWASP's Password Storage Cheat Sheet.
const WORK: u8 = 17;
/// The highest cost that is paid to open a key; a file that asks for more is a trap.
const MOST_WORK: u8 = 20;

/// Why something sealed was not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unopened {
    /// The passphrase is another one, or the place where that shows is damaged.
    WrongPassphrase,
    /// It is not what was sealed.
    Damaged,
}

/// Seals a key for whoever has the passphrase.
///
/// # Errors
/// When the system has no randomness or no memory; in words.
pub(crate) fn seal_key(key: &Identity, passphrase: &SecretString) -> Result<Vec<u8>, String> {
    let mut recipient = scrypt::Recipient::new(passphrase.clone());
    recipient.set_work_factor(WORK);
    seal_for(&recipient, key.to_string().expose_secret().as_bytes())
}

/// Opens a key with its passphrase.
///
/// # Errors
/// When the passphrase is wrong or the key is damaged.
pub(crate) fn open_key(sealed: &[u8], passphrase: &SecretString) -> Result<Identity, Unopened> {
    let mut identity = scrypt::Identity::new(passphrase.clone());
    identity.set_max_work_factor(MOST_WORK);
    let key = open_with(&identity, sealed).map_err(|error| match error {
        DecryptError::DecryptionFailed | DecryptError::KeyDecryptionFailed => {
            Unopened::WrongPassphrase
        }
        _ => Unopened::Damaged,
    })?;
    let key = str::from_utf8(&key).ok().and_then(|key| key.parse().ok());
    key.ok_or(Unopened::Damaged)
}

/// Seals something for whoever has the key.
///
/// # Errors
/// When the system has no randomness or no memory; in words.
pub(crate) fn seal(key: &Identity, plain: &[u8]) -> Result<Vec<u8>, String> {
    seal_for(&key.to_public(), plain)
}

/// Opens what was sealed for this key; none if it was not, or is damaged.
pub(crate) fn open(key: &Identity, sealed: &[u8]) -> Option<Secret> {
    open_with(key, sealed).ok()
}

fn seal_for(recipient: &dyn age::Recipient, plain: &[u8]) -> Result<Vec<u8>, String> {
    let encryptor = Encryptor::with_recipients(iter::once(recipient));
    let mut sealed = Vec::new();
    let mut writer = encryptor
        .map_err(|error| error.to_string())?
        .wrap_output(&mut sealed)
        .map_err(|error| error.to_string())?;
    let written = writer.write_all(plain).and_then(|()| writer.finish());
    written.map_err(|error| error.to_string())?;
    Ok(sealed)
}

fn open_with(identity: &dyn age::Identity, sealed: &[u8]) -> Result<Secret, DecryptError> {
    let mut reader = Decryptor::new_buffered(sealed)?.decrypt(iter::once(identity))?;
    // As long as it can be from the start: a vector that grows leaves copies behind.
    let mut plain = Secret::new(Vec::with_capacity(sealed.len()));
    reader
        .read_to_end(&mut plain)
        // The key was the right one; so what it opens is damaged.
        .map_err(|_| DecryptError::InvalidMac)?;
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_opens_with_its_passphrase_only() {
        let key = Identity::generate();
        let sealed = seal_key(&key, &"open sesame".into()).unwrap();
        let opened = open_key(&sealed, &"open sesame".into()).unwrap();
        assert_eq!(opened.to_public().to_string(), key.to_public().to_string());
        let wrong = open_key(&sealed, &"open says me".into()).err();
        assert_eq!(wrong, Some(Unopened::WrongPassphrase));
        let damaged = |sealed: &[u8]| open_key(sealed, &"open sesame".into()).err();
        assert_eq!(damaged(b""), Some(Unopened::Damaged));
        assert_eq!(damaged(&sealed[..20]), Some(Unopened::Damaged));
        let mut flipped = sealed.clone();
        *flipped.last_mut().unwrap() ^= 1;
        assert_eq!(damaged(&flipped), Some(Unopened::Damaged));
    }

    #[test]
    fn what_is_sealed_opens_with_its_key_and_undamaged_only() {
        let key = Identity::generate();
        for plain in [b"".as_slice(), b"secret", &[7; 100_000]] {
            let sealed = seal(&key, plain).unwrap();
            assert_eq!(*open(&key, &sealed).unwrap(), plain);
            assert!(open(&Identity::generate(), &sealed).is_none());
            assert!(open(&key, &sealed[..sealed.len() - 1]).is_none());
            let mut flipped = sealed.clone();
            *flipped.last_mut().unwrap() ^= 1;
            assert!(open(&key, &flipped).is_none());
        }
    }

    #[test]
    fn a_key_that_asks_for_endless_work_is_not_opened() {
        let sealed = seal_key(&Identity::generate(), &"p".into()).unwrap();
        let text = sealed.iter().map(|byte| char::from(*byte));
        let text: String = text.collect();
        let trap: Vec<u8> = text
            .replacen(" 17\n", " 30\n", 1)
            .chars()
            .map(|char| u8::try_from(u32::from(char)).unwrap())
            .collect();
        assert_ne!(trap, sealed);
        assert_eq!(open_key(&trap, &"p".into()).err(), Some(Unopened::Damaged));
    }
}
