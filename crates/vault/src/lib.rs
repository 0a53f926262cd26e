//! Where secrets live: the system's keyring, an encrypted file, or nowhere but in memory.
//!
//! A [`Vault`] is opened at a [`Place`] that somebody chose, and is only handed out after it has
//! written a value there, read it back and deleted it. It never falls back to another place by
//! itself: what goes wrong is a [`VaultError`] that says what happened, what that means and what to
//! do, and the choice is the user's.
//!
//! ```no_run
//! # async fn example() -> Result<(), offhook_vault::VaultError> {
//! use offhook_vault::{Place, Vault};
//! use secrecy::SecretSlice;
//!
//! let service = "offhook".to_owned();
//! let vault = Vault::open(Place::System { service }).await?;
//! vault.write("token", &SecretSlice::from(b"example".to_vec())).await?;
//! let secret = vault.read("token").await?;
//! # drop(secret);
//! # Ok(()) }
//! ```
//!
//! - **A thread a vault** (`worker`): every keyring blocks, some wait for a person, and one of them
//!   must not be called on a thread of an async runtime. A thread that does not answer in time is
//!   abandoned, and the next call has a new one.
//! - **Large secrets are split** (`split`): Windows keeps 2,560 bytes an entry. A crash at any
//!   moment leaves the old value or the new one.
//! - **The system's store** (`system`) is Keychain, Credential Manager or the Secret Service.
//! - **The file** (`folder`, `sealed`, `atomic`) is an age file, whose key is in another one that
//!   the passphrase opens.

mod atomic;
mod error;
mod folder;
mod memory;
mod name;
mod place;
mod probe;
mod sealed;
mod split;
mod store;
mod system;
mod vault;
mod worker;

pub use error::VaultError;
pub use place::{Kind, Place};
pub use split::LONGEST;
pub use vault::{LIMIT, Vault};
