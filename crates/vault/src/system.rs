//! The keyring of the system: Keychain, Credential Manager, or the Secret Service.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use keyring_core::api::CredentialStore;
use keyring_core::{Entry, Error};

use crate::error::VaultError;
use crate::name::Name;
use crate::split::{self, Slots};
use crate::store::{Secret, Store};

/// The keyring, through a connection that is made anew when it breaks.
pub(crate) struct System {
    service: String,
    connection: Option<Arc<CredentialStore>>,
    /// Set when nobody waits for the answer any more.
    abandoned: Arc<AtomicBool>,
}

impl System {
    /// The keyring's entries of a service. Nothing is changed any more once it is `abandoned`.
    pub(crate) fn new(service: &str, abandoned: Arc<AtomicBool>) -> Self {
        Self {
            service: service.to_owned(),
            connection: None,
            abandoned,
        }
    }

    /// Does something with a slot's entry.
    fn with<T>(
        &mut self,
        slot: &str,
        act: impl Fn(&Entry) -> Result<T, Error>,
    ) -> Result<T, VaultError> {
        let fresh = self.connection.is_none();
        let result = act(&self.entry(slot)?);
        match result {
            // A keyring that was restarted knows nothing of our session, nor ever will.
            Err(Error::PlatformFailure(_)) if native::HAS_SESSIONS && !fresh => {
                self.connection = None;
                act(&self.entry(slot)?)
            }
            result => result,
        }
        .map_err(|error| self.failure(slot, error))
    }

    fn entry(&mut self, slot: &str) -> Result<Entry, VaultError> {
        let connection = match &self.connection {
            Some(connection) => connection,
            None => self.connection.insert(native::connect().map_err(no_store)?),
        };
        native::entry(connection, &self.service, slot).map_err(|error| failed(&error))
    }

    fn failure(&mut self, slot: &str, error: Error) -> VaultError {
        match error {
            Error::NoStorageAccess(_) => VaultError::Locked,
            Error::PlatformFailure(cause) if native::is_refusal(&cause) => VaultError::Locked,
            Error::Ambiguous(_) | Error::BadEncoding(_) | Error::BadDataFormat(..) => {
                VaultError::Damaged {
                    name: slot.to_owned(),
                }
            }
            error => {
                self.connection = None;
                failed(&error)
            }
        }
    }

    /// What was asked for long ago must not undo what was done since.
    fn check_wanted(&self) -> Result<(), VaultError> {
        if self.abandoned.load(Ordering::SeqCst) {
            return Err(VaultError::Failed {
                detail: "nobody waits for it any more".to_owned(),
            });
        }
        Ok(())
    }
}

impl Slots for System {
    fn get(&mut self, slot: &str) -> Result<Option<Secret>, VaultError> {
        self.with(slot, |entry| match entry.get_secret() {
            Ok(value) => Ok(Some(Secret::new(value))),
            Err(Error::NoEntry) => Ok(None),
            Err(Error::Ambiguous(entries)) => same_in_all(entries),
            Err(error) => Err(error),
        })
    }

    fn set(&mut self, slot: &str, value: &[u8]) -> Result<(), VaultError> {
        self.check_wanted()?;
        self.with(slot, |entry| match entry.set_secret(value) {
            // The first gets the new value, then the others go: at no time is there none.
            Err(Error::Ambiguous(entries)) => {
                let mut entries = entries.into_iter();
                if let Some(first) = entries.next() {
                    first.set_secret(value)?;
                }
                entries.try_for_each(|other| gone(other.delete_credential()))
            }
            result => result,
        })
    }

    fn delete(&mut self, slot: &str) -> Result<(), VaultError> {
        self.check_wanted()?;
        self.with(slot, |entry| match entry.delete_credential() {
            Err(Error::Ambiguous(entries)) => entries
                .iter()
                .try_for_each(|entry| gone(entry.delete_credential())),
            result => gone(result),
        })
    }
}

impl Store for System {
    fn read(&mut self, name: &Name) -> Result<Option<Secret>, VaultError> {
        split::read(self, name)
    }

    fn write(&mut self, name: &Name, secret: &[u8]) -> Result<(), VaultError> {
        split::write(self, name, secret)
    }

    fn delete(&mut self, name: &Name) -> Result<(), VaultError> {
        split::delete(self, name)
    }
}

/// The value of several entries for one slot, if they agree: two programs that both write for the
/// first time can make two, and so can an imported keyring.
fn same_in_all(entries: Vec<Entry>) -> Result<Option<Secret>, Error> {
    let mut values = Vec::with_capacity(entries.len());
    for entry in &entries {
        values.push(Secret::new(entry.get_secret()?));
    }
    match values.split_first() {
        Some((first, others)) if others.iter().all(|other| other == first) => {
            Ok(Some(first.clone()))
        }
        _ => Err(Error::Ambiguous(entries)),
    }
}

/// That there was nothing to delete is as good.
fn gone(deleted: Result<(), Error>) -> Result<(), Error> {
    match deleted {
        Err(Error::NoEntry) => Ok(()),
        result => result,
    }
}

fn no_store(error: Error) -> VaultError {
    match error {
        Error::NoStorageAccess(_) => VaultError::Locked,
        error => VaultError::NoStore {
            detail: text(&error),
        },
    }
}

fn failed(error: &Error) -> VaultError {
    VaultError::Failed {
        detail: text(error),
    }
}

/// Only the text of an error is kept: some variants carry the secret.
fn text(error: &Error) -> String {
    match error {
        Error::PlatformFailure(cause) => cause.to_string(),
        error => error.to_string(),
    }
}

#[cfg(all(unix, not(target_vendor = "apple")))]
mod native {
    //! The Secret Service, over D-Bus.

    use std::sync::Arc;

    use keyring_core::api::CredentialStore;
    use keyring_core::error::PlatformError;
    use keyring_core::{Entry, Result};
    use zbus_secret_service_keyring_store::Store;

    /// Secrets travel in a session that ends with the daemon.
    pub(super) const HAS_SESSIONS: bool = true;

    pub(super) fn connect() -> Result<Arc<CredentialStore>> {
        Ok(Store::new()?)
    }

    pub(super) fn entry(store: &Arc<CredentialStore>, service: &str, slot: &str) -> Result<Entry> {
        Entry::new_in_store(store, service, slot)
    }

    /// The store tells refusals from failures itself.
    pub(super) fn is_refusal(_: &PlatformError) -> bool {
        false
    }
}

#[cfg(target_os = "macos")]
mod native {
    //! The login keychain.

    use std::sync::Arc;

    use apple_native_keyring_store::keychain::Store;
    use keyring_core::api::CredentialStore;
    use keyring_core::error::PlatformError;
    use keyring_core::{Entry, Result};
    use security_framework::base::Error;

    /// Asking again would ask the user again.
    pub(super) const HAS_SESSIONS: bool = false;

    pub(super) fn connect() -> Result<Arc<CredentialStore>> {
        Ok(Store::new()?)
    }

    pub(super) fn entry(store: &Arc<CredentialStore>, service: &str, slot: &str) -> Result<Entry> {
        Entry::new_in_store(store, service, slot)
    }

    /// `errSecUserCanceled`, `errSecAuthFailed`, `errSecInteractionNotAllowed` (`SecBase.h`).
    pub(super) fn is_refusal(cause: &PlatformError) -> bool {
        let error = cause.downcast_ref::<Error>();
        error.is_some_and(|error| matches!(error.code(), -128 | -25293 | -25308))
    }
}

#[cfg(windows)]
mod native {
    //! The Credential Manager.

    use std::collections::HashMap;
    use std::sync::Arc;

    use keyring_core::api::CredentialStore;
    use keyring_core::error::PlatformError;
    use keyring_core::{Entry, Result};
    use windows_native_keyring_store::Store;

    pub(super) const HAS_SESSIONS: bool = false;

    pub(super) fn connect() -> Result<Arc<CredentialStore>> {
        Ok(Store::new()?)
    }

    /// Tokens belong to this machine: they do not roam with the user's profile.
    pub(super) fn entry(store: &Arc<CredentialStore>, service: &str, slot: &str) -> Result<Entry> {
        let local = HashMap::from([("persistence", "Local")]);
        Entry::new_in_store_with_modifiers(store, service, slot, &local)
    }

    /// The store tells refusals from failures itself.
    pub(super) fn is_refusal(_: &PlatformError) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use keyring_core::mock;

    use super::*;

    fn entries(values: &[&[u8]]) -> Vec<Entry> {
        let store: Arc<CredentialStore> = mock::Store::new().unwrap();
        let numbered = values.iter().enumerate();
        numbered
            .map(|(number, value)| {
                let entry = Entry::new_in_store(&store, "test", &number.to_string()).unwrap();
                entry.set_secret(value).unwrap();
                entry
            })
            .collect()
    }

    #[test]
    fn several_entries_count_as_one_only_while_they_agree() {
        let same = same_in_all(entries(&[b"one", b"one", b"one"])).unwrap();
        assert_eq!(*same.unwrap(), b"one");
        for different in [[b"one", b"two"], [b"two", b"one"]] {
            let different = different.map(<[u8; 3]>::as_slice);
            let ambiguous = same_in_all(entries(&different));
            assert!(matches!(ambiguous, Err(Error::Ambiguous(both)) if both.len() == 2));
        }
    }

    #[test]
    fn an_error_that_carries_a_secret_does_not_show_it() {
        let carrying = [
            Error::BadEncoding(b"hunter2".to_vec()),
            Error::BadDataFormat(b"hunter2".to_vec(), "odd".into()),
        ];
        for error in carrying {
            let shown = format!("{:?}", failed(&error));
            assert!(
                !shown.contains("104") && !shown.contains("hunter"),
                "{shown}"
            );
        }
    }

    #[test]
    fn nothing_is_changed_once_nobody_waits() {
        let mut system = System::new("test", Arc::new(AtomicBool::new(true)));
        system.connection = Some(mock::Store::new().unwrap());
        assert!(matches!(
            system.set("a", b"x"),
            Err(VaultError::Failed { .. })
        ));
        assert!(matches!(
            Slots::delete(&mut system, "a"),
            Err(VaultError::Failed { .. })
        ));
        system.abandoned.store(false, Ordering::SeqCst);
        assert_eq!(system.get("a"), Ok(None));
        assert_eq!(system.set("a", b"x"), Ok(()));
        assert_eq!(system.get("a"), Ok(Some(Secret::new(b"x".to_vec()))));
        assert_eq!(Slots::delete(&mut system, "a"), Ok(()));
        assert_eq!(system.get("a"), Ok(None));
    }
}
