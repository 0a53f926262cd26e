//! What goes wrong with accounts, for the user; and addresses as people type them.

use offhook_client::Endpoint;
use offhook_client::proto::client::Failure;
use offhook_signin::{AccessError, SignInError};
use offhook_vault::VaultError;

use crate::failure::{Called, clause, from_failure};
use crate::problem::Problem;

/// What a failed request to `endpoint` means.
pub(super) fn failed(failure: Failure, endpoint: &Endpoint, agent: &str) -> Problem {
    from_failure(
        failure,
        Called {
            endpoint,
            agent,
            was_up: false,
        },
    )
}

pub(super) fn bad_address(address: &str, error: &dyn std::error::Error) -> Problem {
    Problem::BadAddress {
        address: address.to_owned(),
        detail: error.to_string(),
    }
}

/// An address as it is meant: without a scheme it is `https`, or `http` on this machine.
pub(crate) fn normal(address: &str) -> String {
    let address = address.trim().trim_end_matches('/');
    if address.contains("://") {
        return address.to_owned();
    }
    let host = address.split(['/', ':']).next().unwrap_or(address);
    let here = host == "localhost" || host.starts_with("127.") || address.starts_with("[::1]");
    let scheme = if here { "http" } else { "https" };
    format!("{scheme}://{address}")
}

impl From<VaultError> for Problem {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::NoStore { detail } => Self::NoKeyring {
                detail: clause(&detail),
            },
            VaultError::Locked => Self::KeyringLocked,
            VaultError::Unanswered { .. } => Self::KeyringUnanswered,
            VaultError::Damaged { name } => Self::SecretDamaged { name },
            VaultError::DamagedFile { path } => Self::SecretDamaged {
                name: path.display().to_string(),
            },
            VaultError::WrongPassphrase { .. } => Self::WrongPassphrase,
            VaultError::File { path, detail } => Self::SecretFile {
                path: path.display().to_string(),
                detail: clause(&detail),
            },
            other => Self::SecretsFailed {
                detail: clause(&other.to_string()),
            },
        }
    }
}

impl From<AccessError> for Problem {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::Vault(error) => error.into(),
            AccessError::Grant(_) => Self::SecretDamaged {
                name: "sign-in".to_owned(),
            },
            other => Self::SignInFailed {
                detail: clause(&other.to_string()),
            },
        }
    }
}

impl From<SignInError> for Problem {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::Denied { detail } => Self::SignInDenied {
                detail: clause(&detail),
            },
            SignInError::Expired => Self::SignInExpired,
            SignInError::NotOffered(_) => Self::SignInNoDevice,
            other => Self::SignInFailed {
                detail: clause(&other.to_string()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_completed_as_it_is_meant() {
        for (typed, meant) in [
            (" bridge.example/ ", "https://bridge.example"),
            ("bridge.example:8443/x", "https://bridge.example:8443/x"),
            ("localhost:8084", "http://localhost:8084"),
            ("127.0.0.1:8084", "http://127.0.0.1:8084"),
            ("[::1]:8084", "http://[::1]:8084"),
            ("http://bridge.example", "http://bridge.example"),
        ] {
            assert_eq!(normal(typed), meant);
        }
    }
}
