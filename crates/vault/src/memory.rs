//! Secrets that live as long as the process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::VaultError;
use crate::name::Name;
use crate::store::{Secret, Store};

/// Everything in memory; clones are the same memory.
#[derive(Clone, Default)]
pub(crate) struct Memory(Arc<Mutex<BTreeMap<Name, Secret>>>);

impl Memory {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Name, Secret>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for Memory {
    fn read(&mut self, name: &Name) -> Result<Option<Secret>, VaultError> {
        Ok(self.lock().get(name).cloned())
    }

    fn write(&mut self, name: &Name, secret: &[u8]) -> Result<(), VaultError> {
        self.lock()
            .insert(name.clone(), Secret::new(secret.to_vec()));
        Ok(())
    }

    fn delete(&mut self, name: &Name) -> Result<(), VaultError> {
        self.lock().remove(name);
        Ok(())
    }
}
