//! Secrets of any length in slots of 2,560 bytes, so that a crash at any moment leaves the old
//! secret or the new one.
//!
//! A secret has a head, in the slot of its own name, which says how long it is and what its digest
//! is. A short one follows in the head itself. A long one is in parts, `name/a/0`, `name/a/1`… or
//! `name/b/0`…: what is written next goes to the set that the head does not name, and one
//! overwrite of the head makes it count.

use sha2::{Digest as _, Sha256};

use crate::error::VaultError;
use crate::name::Name;
use crate::store::Secret;

/// The longest secret, in bytes: a bound on how many slots one takes.
pub const LONGEST: usize = 1 << 20;

/// The most a slot holds, in bytes: Windows' `CRED_MAX_CREDENTIAL_BLOB_SIZE`.
pub(crate) const SLOT: usize = 2_560;

/// What a head begins with: its format and the format's version.
const MAGIC: [u8; 4] = *b"ohv1";
/// Magic, form, number of parts, length, digest.
const HEAD: usize = 4 + 1 + 2 + 4 + 32;
/// How often a secret is looked at again that somebody else writes while it is read.
const LOOKS: usize = 4;

/// What can keep small values, one call at a time, each done when it returns.
pub(crate) trait Slots {
    /// What is in a slot. One that cannot be told is [`VaultError::Damaged`].
    fn get(&mut self, slot: &str) -> Result<Option<Secret>, VaultError>;

    /// Fills a slot, at once or not at all.
    fn set(&mut self, slot: &str, value: &[u8]) -> Result<(), VaultError>;

    /// Empties a slot, which may be empty already.
    fn delete(&mut self, slot: &str) -> Result<(), VaultError>;
}

/// Reads a secret.
///
/// # Errors
/// [`VaultError::Damaged`] if it is not what was written; what the slots say.
pub(crate) fn read(slots: &mut impl Slots, name: &Name) -> Result<Option<Secret>, VaultError> {
    let mut head = slots.get(name.as_str())?;
    for _ in 0..LOOKS {
        let Some(bytes) = &head else {
            return Ok(None);
        };
        if let Some(secret) = assemble(slots, name, bytes)? {
            return Ok(Some(secret));
        }
        // Somebody else may have written meanwhile: then there is another head.
        let again = slots.get(name.as_str())?;
        if again == head {
            break;
        }
        head = again;
    }
    Err(damaged(name))
}

/// Writes a secret over what is there, damaged or not. Two that write one name at the same time
/// can leave it damaged, but never as a mixture that is taken for good.
///
/// # Errors
/// [`VaultError::TooLong`]; what the slots say.
pub(crate) fn write(slots: &mut impl Slots, name: &Name, secret: &[u8]) -> Result<(), VaultError> {
    if secret.len() > LONGEST {
        return Err(VaultError::TooLong {
            length: secret.len(),
        });
    }
    // Looked at before anything else: where this makes the system ask for a password, nothing has
    // been changed yet.
    let used = set_in_use(slots, name)?;
    let set = (secret.len() > SLOT - HEAD).then(|| used.map_or(Set::A, Set::other));
    let count = set.map_or(0, |_| secret.len().div_ceil(SLOT));
    if let Some(set) = set {
        for (number, part) in secret.chunks(SLOT).enumerate() {
            slots.set(&slot(name, set, number), part)?;
        }
    }
    slots.set(name.as_str(), &head(name, secret, set, count))?;
    // From here on the new secret counts, also if the old one cannot be cleared away right now: the
    // next write or deletion does.
    let _ = sweep(slots, name, set.map(|set| (set, count)));
    Ok(())
}

/// Deletes a secret and all that is left of it.
///
/// # Errors
/// What the slots say. Then something may be left, and deleting again clears it away.
pub(crate) fn delete(slots: &mut impl Slots, name: &Name) -> Result<(), VaultError> {
    slots.delete(name.as_str())?;
    sweep(slots, name, None)
}

/// Which of the two sets of parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
    A,
    B,
}

impl Set {
    fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// What a head says.
struct Head<'a> {
    set: Option<Set>,
    count: usize,
    length: usize,
    digest: &'a [u8],
    /// The secret, if it is not in parts.
    whole: &'a [u8],
}

/// The set of parts that must not be touched now: none for a short secret, and none for a damaged
/// one, which has nothing to lose.
fn set_in_use(slots: &mut impl Slots, name: &Name) -> Result<Option<Set>, VaultError> {
    match slots.get(name.as_str()) {
        Ok(bytes) => Ok(bytes.and_then(|bytes| parse(&bytes)?.set)),
        Err(VaultError::Damaged { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The secret of a head; none if it is not what was written.
fn assemble(
    slots: &mut impl Slots,
    name: &Name,
    bytes: &[u8],
) -> Result<Option<Secret>, VaultError> {
    let Some(head) = parse(bytes) else {
        return Ok(None);
    };
    let mut secret = Secret::new(Vec::with_capacity(head.length));
    secret.extend_from_slice(head.whole);
    if let Some(set) = head.set {
        for number in 0..head.count {
            match slots.get(&slot(name, set, number)) {
                Ok(Some(part)) if secret.len() + part.len() <= head.length => {
                    secret.extend_from_slice(&part);
                }
                Ok(_) | Err(VaultError::Damaged { .. }) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }
    let intact = secret.len() == head.length && digest(name, &secret) == head.digest;
    Ok(intact.then_some(secret))
}

/// Clears away all parts but those that are `kept`. Parts are written upwards and deleted
/// downwards, so that those that are there are always the first ones.
fn sweep(
    slots: &mut impl Slots,
    name: &Name,
    kept: Option<(Set, usize)>,
) -> Result<(), VaultError> {
    for set in [Set::A, Set::B] {
        let first = kept.map_or(0, |(kept, count)| if kept == set { count } else { 0 });
        let mut end = first;
        while end <= LONGEST / SLOT && is_there(slots, &slot(name, set, end))? {
            end += 1;
        }
        for number in (first..end).rev() {
            slots.delete(&slot(name, set, number))?;
        }
    }
    Ok(())
}

fn is_there(slots: &mut impl Slots, slot: &str) -> Result<bool, VaultError> {
    match slots.get(slot) {
        Ok(value) => Ok(value.is_some()),
        Err(VaultError::Damaged { .. }) => Ok(true),
        Err(error) => Err(error),
    }
}

fn slot(name: &Name, set: Set, number: usize) -> String {
    let set = match set {
        Set::A => 'a',
        Set::B => 'b',
    };
    format!("{name}/{set}/{number}")
}

fn head(name: &Name, secret: &[u8], set: Option<Set>, count: usize) -> Secret {
    let fits = "LONGEST bounds it";
    let mut head = Secret::new(Vec::with_capacity(SLOT));
    head.extend_from_slice(&MAGIC);
    head.push(match set {
        None => 0,
        Some(Set::A) => 1,
        Some(Set::B) => 2,
    });
    head.extend_from_slice(&u16::try_from(count).expect(fits).to_be_bytes());
    head.extend_from_slice(&u32::try_from(secret.len()).expect(fits).to_be_bytes());
    head.extend_from_slice(&digest(name, secret));
    if set.is_none() {
        head.extend_from_slice(secret);
    }
    head
}

fn parse(bytes: &[u8]) -> Option<Head<'_>> {
    let rest = bytes.strip_prefix(&MAGIC)?;
    let (form, rest) = rest.split_first()?;
    let (count, rest) = rest.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    let (digest, whole) = rest.split_at_checked(32)?;
    let set = match form {
        0 => None,
        1 => Some(Set::A),
        2 => Some(Set::B),
        _ => return None,
    };
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let count = usize::from(u16::from_be_bytes(*count));
    // What is damaged must not make anybody reserve or look for more than there can be.
    let plausible = length <= LONGEST
        && match set {
            None => count == 0 && whole.len() == length,
            Some(_) => count == length.div_ceil(SLOT) && whole.is_empty(),
        };
    plausible.then_some(Head {
        set,
        count,
        length,
        digest,
        whole,
    })
}

/// The digest is of the name too: an entry that was moved to another name is not taken for good.
fn digest(name: &Name, secret: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(name.as_str());
    hash.update([0]);
    hash.update(secret);
    hash.finalize().into()
}

fn damaged(name: &Name) -> VaultError {
    VaultError::Damaged {
        name: name.as_str().to_owned(),
    }
}

#[cfg(test)]
#[path = "split_tests.rs"]
mod tests;
