//! The session's settings as the caller changed them, for a new session to be told.

use alloc::borrow::ToOwned;
use alloc::collections::VecDeque;
use alloc::string::String;

use serde_json::Value;

use crate::wire::Fields;
use crate::wire::client::SessionUpdate;

/// Changes that may wait for their answer and be taken back; older ones are taken to be made.
const ASKED: usize = 64;

/// What was made, and what was asked for since, in order.
#[derive(Debug, Default)]
pub(super) struct Settings {
    made: Fields,
    asked: VecDeque<(String, Fields)>,
}

impl Settings {
    /// The caller changes settings, by an event with this id.
    pub(super) fn ask(&mut self, event_id: &str, change: &Fields) {
        if self.asked.len() == ASKED {
            self.updated();
        }
        self.asked.push_back((event_id.to_owned(), change.clone()));
    }

    /// The oldest change is made.
    pub(super) fn updated(&mut self) {
        if let Some((_, change)) = self.asked.pop_front() {
            merge(&mut self.made, change);
        }
    }

    /// The event with this id was refused. A change that no session takes must not keep a new one
    /// from all others.
    pub(super) fn refused(&mut self, event_id: &str) {
        self.asked.retain(|(id, _)| id != event_id);
    }

    /// What a new session is told, all at once; nothing if nothing was ever changed.
    pub(super) fn tell(&mut self) -> Option<SessionUpdate> {
        while !self.asked.is_empty() {
            self.updated();
        }
        (!self.made.is_empty()).then(|| SessionUpdate {
            session: self.made.clone(),
            ..SessionUpdate::default()
        })
    }
}

/// Makes a change as the server does: of what is an object on both sides, the fields.
fn merge(made: &mut Fields, change: Fields) {
    for (name, value) in change {
        match (made.get_mut(&name), value) {
            (Some(Value::Object(made)), Value::Object(change)) => merge(made, change),
            (_, value) => {
                made.insert(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn ask(settings: &mut Settings, id: &str, change: &Value) {
        settings.ask(id, change.as_object().expect("it is an object"));
    }

    #[test]
    fn a_change_of_one_field_leaves_its_neighbours() {
        let mut settings = Settings::default();
        assert_eq!(settings.tell(), None);
        let first = json!({ "audio": { "output": { "voice": "a" }, "input": { "n": 1 } } });
        ask(&mut settings, "one", &first);
        settings.updated();
        ask(
            &mut settings,
            "two",
            &json!({ "audio": { "input": null }, "tools": [] }),
        );
        let told = settings.tell().expect("there is something to tell").session;
        let expected =
            json!({ "audio": { "output": { "voice": "a" }, "input": null }, "tools": [] });
        assert_eq!(Value::Object(told), expected);
    }

    #[test]
    fn a_change_that_was_refused_is_not_told() {
        let mut settings = Settings::default();
        ask(&mut settings, "one", &json!({ "instructions": "be brief" }));
        ask(&mut settings, "two", &json!({ "nonsense": 1 }));
        settings.updated();
        settings.refused("two");
        let told = settings.tell().expect("there is something to tell").session;
        assert_eq!(Value::Object(told), json!({ "instructions": "be brief" }));
    }

    #[test]
    fn what_waits_has_a_bound_and_is_not_lost() {
        let mut settings = Settings::default();
        for n in 0..2 * ASKED {
            let mut change = Fields::new();
            change.insert(alloc::format!("f{n}"), n.into());
            settings.ask("id", &change);
        }
        assert_eq!(settings.asked.len(), ASKED);
        let told = settings.tell().expect("there is something to tell");
        assert_eq!(told.session.len(), 2 * ASKED);
    }
}
