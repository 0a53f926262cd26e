//! Whose changes of the session's settings are answered when: the caller hears of its own only.

use std::collections::VecDeque;

/// The id of the bridge's own change.
pub(super) const OUR_UPDATE: &str = "event_offhook_settings";
/// More unanswered changes than this are not told apart.
const MOST: usize = 64;

#[derive(Debug, PartialEq, Eq)]
enum Whose {
    Ours,
    Callers(Option<String>),
}

/// The changes that were asked for and are not answered, in order.
#[derive(Debug, Default)]
pub(super) struct Updates {
    asked: VecDeque<Whose>,
    /// Settings were changed at all: a new session is told them.
    any: bool,
}

impl Updates {
    /// The bridge changes the settings.
    pub(super) fn ours(&mut self) {
        self.ask(Whose::Ours);
    }

    /// The caller does, by an event with this id.
    pub(super) fn callers(&mut self, event_id: Option<String>) {
        self.ask(Whose::Callers(event_id));
    }

    /// One was made; says whether the caller is to be told.
    pub(super) fn answered(&mut self) -> bool {
        self.asked.pop_front() != Some(Whose::Ours)
    }

    /// An error came about the event with this id; says whether that is the bridge's own change.
    pub(super) fn refused(&mut self, about: Option<&str>) -> bool {
        let Some(about) = about else {
            return false;
        };
        let is_it = |whose: &Whose| match whose {
            Whose::Ours => about == OUR_UPDATE,
            Whose::Callers(id) => id.as_deref() == Some(about),
        };
        let index = self.asked.iter().position(is_it);
        let refused = index.and_then(|index| self.asked.remove(index));
        refused == Some(Whose::Ours)
    }

    /// A new session is told all of them at once, and answers once.
    pub(super) fn told_anew(&mut self) {
        let callers = |whose: &Whose| matches!(whose, Whose::Callers(_));
        let waits = self.asked.iter().any(callers);
        self.asked.clear();
        if waits {
            self.ask(Whose::Callers(None));
        } else if self.any {
            self.ask(Whose::Ours);
        }
    }

    fn ask(&mut self, whose: Whose) {
        self.any = true;
        if self.asked.len() < MOST {
            self.asked.push_back(whose);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caller_hears_of_its_own_changes_only() {
        let mut updates = Updates::default();
        updates.ours();
        updates.callers(Some("event_1".to_owned()));
        assert!(!updates.answered());
        assert!(updates.answered());
        assert!(updates.answered(), "what nobody asked for is told");
    }

    #[test]
    fn one_that_is_refused_is_not_waited_for() {
        let mut updates = Updates::default();
        updates.ours();
        updates.callers(Some("event_1".to_owned()));
        assert!(!updates.refused(Some("event_1")));
        assert!(!updates.refused(None) && !updates.refused(Some("event_9")));
        assert!(updates.refused(Some(OUR_UPDATE)));
        assert!(updates.answered(), "neither is left");
    }

    #[test]
    fn a_new_session_answers_once_for_all() {
        let mut updates = Updates::default();
        updates.told_anew();
        assert!(updates.answered(), "there was nothing to tell it");
        updates.ours();
        updates.answered();
        updates.told_anew();
        assert!(!updates.answered());
        updates.callers(None);
        updates.callers(None);
        updates.told_anew();
        assert!(updates.answered(), "the caller still waits for that");
        updates.told_anew();
        assert!(!updates.answered());
    }
}
