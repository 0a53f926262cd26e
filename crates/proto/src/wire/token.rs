//! A credential inside an event: shown to the far end, and to nobody else.

use core::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A token on its way. Never shown by `Debug`, wiped from memory when dropped.
#[derive(Clone, Default)]
pub struct Token(SecretString);

impl Token {
    /// The token itself.
    #[must_use]
    pub const fn secret(&self) -> &SecretString {
        &self.0
    }
}

impl From<SecretString> for Token {
    fn from(token: SecretString) -> Self {
        Self(token)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// For tests of events; nothing decides by it whether a token counts.
impl PartialEq for Token {
    fn eq(&self, other: &Self) -> bool {
        self.0.expose_secret() == other.0.expose_secret()
    }
}

impl Serialize for Token {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose_secret())
    }
}

impl<'de> Deserialize<'de> for Token {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        SecretString::deserialize(deserializer).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::ToString;

    #[test]
    fn a_token_is_written_to_the_wire_and_nowhere_else() {
        let token = Token::from(SecretString::from("ek_canary"));
        assert_eq!(serde_json::to_string(&token).unwrap(), "\"ek_canary\"");
        assert!(!format!("{token:?}").contains("canary"));
        let read: Token = serde_json::from_str("\"ek_canary\"").unwrap();
        assert_eq!(read, token);
        assert!(
            !serde_json::from_str::<Token>("7")
                .unwrap_err()
                .to_string()
                .contains("canary")
        );
    }
}
