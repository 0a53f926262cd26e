//! Whether a place really keeps what it is given.

use crate::error::VaultError;
use crate::name::Name;
use crate::store::Store;

/// Writes a random value under a name of its own, reads it back and deletes it.
///
/// # Errors
/// What the place says; [`VaultError::Failed`] if it has something else than was written.
pub(crate) fn probe(store: &mut dyn Store) -> Result<(), VaultError> {
    // Two programs that try at the same time must not meet.
    let name = Name::new(&format!("probe-{}", hex(random()?))).expect("it is plain");
    let value = random()?;
    store.write(&name, &value)?;
    let found = store.read(&name)?;
    store.delete(&name)?;
    let kept = found.is_some_and(|found| found[..] == value);
    if kept && store.read(&name)?.is_none() {
        return Ok(());
    }
    Err(VaultError::Failed {
        detail: "it does not keep what it is given".to_owned(),
    })
}

fn random() -> Result<[u8; 8], VaultError> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| VaultError::Failed {
        detail: error.to_string(),
    })?;
    Ok(bytes)
}

fn hex(bytes: [u8; 8]) -> String {
    format!("{:016x}", u64::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Memory;
    use crate::store::Secret;

    /// A place that says it keeps everything, and keeps nothing.
    struct Sieve;

    impl Store for Sieve {
        fn read(&mut self, _: &Name) -> Result<Option<Secret>, VaultError> {
            Ok(None)
        }

        fn write(&mut self, _: &Name, _: &[u8]) -> Result<(), VaultError> {
            Ok(())
        }

        fn delete(&mut self, _: &Name) -> Result<(), VaultError> {
            Ok(())
        }
    }

    /// A place that forgets nothing.
    struct Elephant(Memory);

    impl Store for Elephant {
        fn read(&mut self, name: &Name) -> Result<Option<Secret>, VaultError> {
            self.0.read(name)
        }

        fn write(&mut self, name: &Name, secret: &[u8]) -> Result<(), VaultError> {
            self.0.write(name, secret)
        }

        fn delete(&mut self, _: &Name) -> Result<(), VaultError> {
            Ok(())
        }
    }

    #[test]
    fn only_a_place_that_keeps_and_forgets_passes() {
        assert_eq!(probe(&mut Memory::default()), Ok(()));
        assert!(matches!(probe(&mut Sieve), Err(VaultError::Failed { .. })));
        let elephant = &mut Elephant(Memory::default());
        assert!(matches!(probe(elephant), Err(VaultError::Failed { .. })));
    }
}
