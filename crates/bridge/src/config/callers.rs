//! Who may call an agent: rules, and what an access token says of its user to hold against them.

use serde::{Deserialize, Serialize};

/// Someone who may call an agent, by what an issuer's access token says. Written as the kind, a colon
/// and the name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Caller {
    /// `user:NAME`: the user of this name (`sub`); of several issuers, `user:ISSUER#NAME` tells them
    /// apart.
    User(String),
    /// `group:NAME`: whoever is in this group (`groups`, RFC 9068 section 2.2.3.1).
    Group(String),
    /// `role:NAME`: whoever has this role (`roles`, the same).
    Role(String),
    /// `scope:NAME`: whoever was granted this scope (`scope` or `scp`).
    Scope(String),
}

/// What is not the name of a caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a caller; write \"user:NAME\", \"group:NAME\", \"role:NAME\" or \"scope:NAME\""
)]
pub struct NotACaller(String);

impl TryFrom<String> for Caller {
    type Error = NotACaller;

    fn try_from(text: String) -> Result<Self, NotACaller> {
        let kind = match text.split_once(':') {
            Some((kind, name)) if !name.trim().is_empty() => Some((kind, name.to_owned())),
            _ => None,
        };
        match kind {
            Some(("user", name)) => Ok(Self::User(name)),
            Some(("group", name)) => Ok(Self::Group(name)),
            Some(("role", name)) => Ok(Self::Role(name)),
            Some(("scope", name)) => Ok(Self::Scope(name)),
            _ => Err(NotACaller(text)),
        }
    }
}

impl From<Caller> for String {
    fn from(caller: Caller) -> Self {
        match caller {
            Caller::User(name) => format!("user:{name}"),
            Caller::Group(name) => format!("group:{name}"),
            Caller::Role(name) => format!("role:{name}"),
            Caller::Scope(name) => format!("scope:{name}"),
        }
    }
}

/// What an access token says of its user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is the operator's own, who may call everybody.
    Operator,
    /// An issuer's.
    User {
        issuer: String,
        sub: String,
        groups: Vec<String>,
        roles: Vec<String>,
        scopes: Vec<String>,
    },
}

impl Standing {
    /// Whether this user is one of these. Without rules, everybody is.
    pub(crate) fn is_among(&self, callers: &[Caller]) -> bool {
        callers.is_empty() || callers.iter().any(|caller| self.is(caller))
    }

    fn is(&self, caller: &Caller) -> bool {
        let Self::User {
            issuer,
            sub,
            groups,
            roles,
            scopes,
        } = self
        else {
            return true;
        };
        match caller {
            // A name that says an issuer is that issuer's user, and nobody who is called like that.
            Caller::User(name) => match name.split_once('#') {
                Some(_) => *name == format!("{issuer}#{sub}"),
                None => name == sub,
            },
            Caller::Group(name) => groups.contains(name),
            Caller::Role(name) => roles.contains(name),
            Caller::Scope(name) => scopes.contains(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> Caller {
        text.to_owned().try_into().expect("it is a caller")
    }

    #[test]
    fn a_user_is_known_by_name_group_role_or_scope() {
        let anna = Standing::User {
            issuer: "https://login.example".to_owned(),
            sub: "anna".to_owned(),
            groups: vec!["sales".to_owned()],
            roles: vec!["agent".to_owned()],
            scopes: vec!["offhook.call".to_owned()],
        };
        for is in [
            "user:anna",
            "user:https://login.example#anna",
            "group:sales",
            "role:agent",
            "scope:offhook.call",
        ] {
            assert!(anna.is_among(&[rule("group:none"), rule(is)]), "{is}");
        }
        for is_not in [
            "user:sales",
            "user:https://login.example.evil#anna",
            "user:https://other.example#anna",
            "group:anna",
            "group:sale",
            "role:sales",
            "scope:offhook",
        ] {
            assert!(!anna.is_among(&[rule(is_not)]), "{is_not}");
        }
        assert!(anna.is_among(&[]));
        let posing = Standing::User {
            issuer: "https://other.example".to_owned(),
            sub: "https://login.example#anna".to_owned(),
            groups: Vec::new(),
            roles: Vec::new(),
            scopes: Vec::new(),
        };
        assert!(!posing.is_among(&[rule("user:https://login.example#anna")]));
        assert!(Standing::Operator.is_among(&[rule("group:none")]));
    }

    #[test]
    fn rules_are_read_as_they_are_written() {
        for text in ["user:https://login.example#anna", "group:a:b"] {
            assert_eq!(String::from(rule(text)), text);
        }
        for text in ["anna", "groups:sales", "group:", "group: ", ""] {
            let read = Caller::try_from(text.to_owned());
            assert_eq!(read, Err(NotACaller(text.to_owned())), "{text}");
        }
    }
}
