//! The agents a bridge has to offer, as whoever runs it lists them.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::{Caller, UpstreamConfig};
use crate::{AGENT, Error};

/// The longest id, in bytes, and the longest texts, in characters.
const MAX_ID: usize = 64;
const MAX_NAME: usize = 100;
const MAX_DESCRIPTION: usize = 500;

/// An agent that can be called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    /// What it is asked for by: letters, digits, `_`, `-` and `.`, 64 at most.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// What it is good for, in a sentence; may be empty.
    #[serde(default)]
    pub description: String,
    /// The language it speaks (BCP 47), as in `en` or `de-AT`.
    pub language: String,
    /// The colour of its picture, as in `#3b6ea5`.
    pub color: String,
    /// Who may call it; whoever is signed in, if nobody is named. Others do not see it.
    #[serde(default, skip_serializing)]
    pub callers: Vec<Caller>,
    /// Who answers for it; the built-in agent if not given. Callers are not told.
    #[serde(default, skip_serializing)]
    pub upstream: Option<UpstreamConfig>,
}

impl Agent {
    /// The built-in agent.
    #[must_use]
    pub fn built_in() -> Self {
        Self {
            id: AGENT.to_owned(),
            name: "Test agent".to_owned(),
            description: "Greets, repeats what it hears, and can be interrupted.".to_owned(),
            language: "en".to_owned(),
            color: "#3b6ea5".to_owned(),
            callers: Vec::new(),
            upstream: None,
        }
    }

    /// Reads a list of agents: an array in JSON.
    ///
    /// # Errors
    /// Where it is not such a list, or where one of the agents could not be shown or asked for.
    pub fn list(json: &str) -> Result<Vec<Self>, Error> {
        let agents: Vec<Self> = serde_json::from_str(json).map_err(|error| Error::Agents {
            detail: format!("it is not a list of agents in JSON: {error}"),
        })?;
        check(&agents)?;
        Ok(agents)
    }

    fn fault(&self) -> Option<&'static str> {
        let is_id = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        let is_shown =
            |text: &str, most| text.chars().count() <= most && !text.chars().any(char::is_control);
        let is_part = |part: &str| {
            (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
        };
        let is_color = |text: &str| {
            let digits = text.strip_prefix('#');
            digits.is_some_and(|it| it.len() == 6 && it.bytes().all(|b| b.is_ascii_hexdigit()))
        };
        if !(1..=MAX_ID).contains(&self.id.len()) || !self.id.bytes().all(is_id) {
            Some("its id is not made of 1 to 64 letters, digits, \"_\", \"-\" and \".\"")
        } else if self.name.trim().is_empty() || !is_shown(&self.name, MAX_NAME) {
            Some("its name is not a line of 1 to 100 characters")
        } else if !is_shown(&self.description, MAX_DESCRIPTION) {
            Some("its description is not a line of at most 500 characters")
        } else if !self.language.split('-').all(is_part) {
            Some("its language is not a tag like \"en\" or \"de-AT\"")
        } else if !is_color(&self.color) {
            Some("its color is not like \"#3b6ea5\"")
        } else {
            None
        }
    }
}

/// Whether these can be offered.
pub(super) fn check(agents: &[Agent]) -> Result<(), Error> {
    let fault = |detail: String| Err(Error::Agents { detail });
    if agents.is_empty() {
        return fault("there is none, so nobody could be called".to_owned());
    }
    let mut ids = HashSet::new();
    for agent in agents {
        let upstream = agent.upstream.as_ref().and_then(UpstreamConfig::fault);
        let why = agent.fault().map(ToOwned::to_owned).or(upstream);
        if let Some(why) = why {
            return fault(format!("agent {:?} cannot be used: {why}", agent.id));
        }
        if !ids.insert(&agent.id) {
            return fault(format!("two agents have the id {:?}", agent.id));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(json: &str) -> String {
        Agent::list(json).map_or_else(|error| error.to_string(), |_| String::new())
    }

    #[test]
    fn a_list_is_read_or_its_fault_named() {
        let one = r##"{"id":"sales","name":"Sales","language":"de-AT","color":"#00ff7F"}"##;
        let agents = Agent::list(&format!("[{one}]")).unwrap();
        assert_eq!((agents[0].id.as_str(), agents.len()), ("sales", 1));
        assert!(check(&[Agent::built_in()]).is_ok());
        for (json, why) in [
            ("[]".to_owned(), "there is none"),
            ("{}".to_owned(), "not a list"),
            (format!("[{one},{one}]"), "two agents have the id \"sales\""),
            (
                format!("[{}]", one.replace("\"id\"", "\"ID\"")),
                "unknown field `ID`",
            ),
            (format!("[{}]", one.replace("sales", "a b")), "its id"),
            (format!("[{}]", one.replace("Sales", " ")), "its name"),
            (
                format!("[{}]", one.replace("de-AT", "de_AT")),
                "its language",
            ),
            (format!("[{}]", one.replace("#00ff7F", "red")), "its color"),
        ] {
            assert!(said(&json).contains(why), "{json}: {}", said(&json));
        }
    }
}
