//! What every place can do: keep named secrets.

use zeroize::Zeroizing;

use crate::error::VaultError;
use crate::name::Name;

/// A secret on its way, wiped when it is dropped.
pub(crate) type Secret = Zeroizing<Vec<u8>>;

/// A place as its worker uses it; every call may block.
pub(crate) trait Store {
    /// What was last written under a name.
    fn read(&mut self, name: &Name) -> Result<Option<Secret>, VaultError>;

    /// Keeps a secret under a name. Once this returns it is kept; if it fails or the machine
    /// crashes, the old value is there or the new one.
    fn write(&mut self, name: &Name, secret: &[u8]) -> Result<(), VaultError>;

    /// Forgets a name; there may be nothing under it.
    fn delete(&mut self, name: &Name) -> Result<(), VaultError>;
}
