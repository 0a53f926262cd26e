//! The names that secrets may have: plain enough for every keyring and every file.

use std::fmt;

use crate::error::VaultError;

/// The longest a name may be, in characters.
const LONGEST: usize = 64;

/// A name of 1 to 64 characters of `a-z`, `0-9`, `.`, `_` and `-`.
///
/// It never has a slash, so that whatever else is stored can be told from it by one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name(String);

impl Name {
    /// Checks a name.
    ///
    /// # Errors
    /// [`VaultError::BadName`].
    pub(crate) fn new(name: &str) -> Result<Self, VaultError> {
        let plain = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-');
        if name.is_empty() || name.len() > LONGEST || !name.bytes().all(plain) {
            return Err(VaultError::BadName {
                name: name.chars().take(LONGEST).collect(),
            });
        }
        Ok(Self(name.to_owned()))
    }

    /// The name as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain() {
        for good in ["a", "token.sales-1_x", &"n".repeat(64)] {
            assert_eq!(Name::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "A", "a b", "a/a/0", "ü", "a\n", &"n".repeat(65)] {
            assert!(
                matches!(Name::new(bad), Err(VaultError::BadName { .. })),
                "{bad}"
            );
        }
    }
}
