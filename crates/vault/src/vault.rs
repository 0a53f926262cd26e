//! A place for secrets that has shown that it works.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretSlice};
use tokio::time::timeout;

use crate::error::VaultError;
use crate::name::Name;
use crate::place::{Kind, Place};
use crate::store::{Secret, Store};
use crate::worker::{Source, THREADS, Worker};

/// How long a call may take unless something else is asked for: time to type a password.
pub const LIMIT: Duration = Duration::from_secs(30);

/// A place for secrets. Clones are the same vault.
///
/// All methods must be called within a tokio runtime with a timer. A call whose future is dropped
/// is carried out all the same.
#[derive(Clone)]
pub struct Vault(Arc<Inner>);

struct Inner {
    kind: Kind,
    source: Source,
    limit: Duration,
    worker: Mutex<Option<Arc<Worker>>>,
    /// Held by every thread, those that hang included.
    alive: Arc<()>,
}

impl Vault {
    /// Opens a place: a random value is written, read back and deleted. No call takes longer than
    /// [`LIMIT`].
    ///
    /// # Errors
    /// What stands in the way; then nothing is open, and opening may be tried again at any time.
    pub async fn open(place: Place) -> Result<Self, VaultError> {
        Self::open_within(place, LIMIT).await
    }

    /// Opens a place as [`Vault::open`] does, with a limit for this and for every later call.
    ///
    /// # Errors
    /// What stands in the way; then nothing is open, and opening may be tried again at any time.
    pub async fn open_within(place: Place, limit: Duration) -> Result<Self, VaultError> {
        let kind = place.kind();
        Self::open_source(kind, place.into(), limit).await
    }

    async fn open_source(kind: Kind, source: Source, limit: Duration) -> Result<Self, VaultError> {
        let vault = Self(Arc::new(Inner {
            kind,
            source,
            limit,
            worker: Mutex::new(None),
            alive: Arc::new(()),
        }));
        vault.ask(|_| Ok(())).await?;
        Ok(vault)
    }

    /// What kind of place this is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// Reads what was last written under a name of 1 to 64 characters of `a-z`, `0-9`, `.`, `_`
    /// and `-`; none if there is nothing.
    ///
    /// # Errors
    /// [`VaultError::Damaged`] if it is not what was written; what stands in the way.
    pub async fn read(&self, name: &str) -> Result<Option<SecretSlice<u8>>, VaultError> {
        let name = Name::new(name)?;
        let secret = self.ask(move |store| store.read(&name)).await?;
        // Moved out of its wrapper, not copied: what is left behind there is empty.
        Ok(secret.map(|mut secret| SecretSlice::from(std::mem::take(&mut *secret))))
    }

    /// Keeps a secret of at most [`LONGEST`](crate::LONGEST) bytes under a name, over what is
    /// there. Once this returns it is kept; after a failure or a crash the old secret is there or
    /// the new one, never a mixture.
    ///
    /// # Errors
    /// [`VaultError::TooLong`]; what stands in the way.
    pub async fn write(&self, name: &str, secret: &SecretSlice<u8>) -> Result<(), VaultError> {
        let name = Name::new(name)?;
        let secret = Secret::new(secret.expose_secret().to_vec());
        if secret.len() > crate::LONGEST {
            return Err(VaultError::TooLong {
                length: secret.len(),
            });
        }
        self.ask(move |store| store.write(&name, &secret)).await
    }

    /// Forgets a name and all that was kept under it, if anything was.
    ///
    /// # Errors
    /// What stands in the way. Then something may be left; deleting again is safe.
    pub async fn delete(&self, name: &str) -> Result<(), VaultError> {
        let name = Name::new(name)?;
        self.ask(move |store| store.delete(&name)).await
    }

    async fn ask<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut dyn Store) -> Result<T, VaultError> + Send + 'static,
    ) -> Result<T, VaultError> {
        let limit = self.0.limit;
        let worker = self.worker()?;
        let answered = worker.ask(act)?;
        match timeout(limit, answered).await {
            Ok(Ok(result)) => result,
            // Its thread ended: another call gave up on it.
            Ok(Err(_)) => Err(VaultError::Unanswered { limit }),
            Err(_) => {
                self.abandon(&worker);
                Err(VaultError::Unanswered { limit })
            }
        }
    }

    /// Gives up on a worker. Its thread ends as soon as the place lets go of it.
    fn abandon(&self, worker: &Worker) {
        worker.abandon();
        let mut current = self.current();
        if current.as_ref().is_some_and(|worker| worker.is_abandoned()) {
            *current = None;
        }
    }

    fn current(&self) -> MutexGuard<'_, Option<Arc<Worker>>> {
        let worker = &self.0.worker;
        worker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread at work, or a new one after an abandoned one.
    fn worker(&self) -> Result<Arc<Worker>, VaultError> {
        let mut current = self.current();
        if let Some(worker) = current.as_ref().filter(|worker| !worker.is_abandoned()) {
            return Ok(Arc::clone(worker));
        }
        let alive = &self.0.alive;
        if Arc::strong_count(alive) > THREADS {
            // Each of them waited the limit; one more would be one more that hangs.
            return Err(VaultError::Unanswered {
                limit: self.0.limit,
            });
        }
        let worker = Worker::start(self.0.source.clone(), Arc::clone(alive))?;
        let worker = Arc::new(worker);
        *current = Some(Arc::clone(&worker));
        Ok(worker)
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Vault").field(&self.0.kind).finish()
    }
}

#[cfg(test)]
#[path = "vault_tests.rs"]
mod tests;
