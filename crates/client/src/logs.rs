//! What of the libraries' logs may be shown.

use tracing::{Level, Metadata};

/// Whether something may be logged, whatever the user's filter says: the WebSocket library shows
/// whole messages when it is asked for all it has, and there are tokens in some.
#[must_use]
pub fn is_harmless(metadata: &Metadata<'_>) -> bool {
    !metadata.target().starts_with("tungstenite") || *metadata.level() <= Level::DEBUG
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};
    use tracing::field::{Field, Visit};
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Subscriber};

    /// Collects what passes.
    struct Passing(Arc<Mutex<Vec<String>>>);

    struct Text(String);

    impl Visit for Text {
        fn record_debug(&mut self, _: &Field, value: &dyn std::fmt::Debug) {
            self.0 = format!("{value:?}");
        }
    }

    impl Subscriber for Passing {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            is_harmless(metadata)
        }
        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }
        fn record(&self, _: &Id, _: &Record<'_>) {}
        fn record_follows_from(&self, _: &Id, _: &Id) {}
        fn event(&self, event: &Event<'_>) {
            let mut text = Text(String::new());
            event.record(&mut text);
            self.0.lock().unwrap().push(text.0);
        }
        fn enter(&self, _: &Id) {}
        fn exit(&self, _: &Id) {}
    }

    #[test]
    fn whole_messages_are_not_logged() {
        let passed = Arc::new(Mutex::new(Vec::new()));
        tracing::subscriber::with_default(Passing(Arc::clone(&passed)), || {
            tracing::trace!(target: "tungstenite::protocol", "whole");
            tracing::debug!(target: "tungstenite::protocol", "short");
            tracing::trace!(target: "offhook_client", "ours");
        });
        assert_eq!(*passed.lock().unwrap(), ["short", "ours"]);
    }
}
