//! Secrets that a configuration only says the place of.

use std::path::Path;
use std::{env, fs};

use secrecy::{ExposeSecret as _, SecretString};

/// Where a secret is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place<'a> {
    /// In this environment variable.
    Env(&'a str),
    /// In this file, alone.
    File(&'a Path),
}

impl<'a> Place<'a> {
    /// The one place that is named; none if there is none, or two.
    pub(super) fn of(env: Option<&'a str>, file: Option<&'a Path>) -> Option<Self> {
        match (env, file) {
            (Some(name), None) => Some(Self::Env(name)),
            (None, Some(path)) => Some(Self::File(path)),
            _ => None,
        }
    }
}

/// The secret, which is called `what` where it cannot be read.
pub(super) fn read(what: &str, place: &Place<'_>) -> Result<SecretString, String> {
    let (text, shown) = match place {
        Place::Env(name) => {
            // The error would show what it holds.
            let text = env::var(name).map_err(|error| match error {
                env::VarError::NotPresent => format!("its {what} is not in the variable {name}"),
                env::VarError::NotUnicode(_) => {
                    format!("its {what} in the variable {name} is not text")
                }
            })?;
            (text, (*name).to_owned())
        }
        Place::File(path) => {
            let shown = path.display().to_string();
            let text = fs::read_to_string(path);
            let text =
                text.map_err(|error| format!("its {what} cannot be read from {shown}: {error}"))?;
            (text, shown)
        }
    };
    let text = SecretString::from(text);
    let trimmed = text.expose_secret().trim();
    if trimmed.is_empty() {
        return Err(format!("its {what} in {shown} is empty"));
    }
    Ok(trimmed.into())
}
