//! What the agent finds wrong with a client's event, in the shape of the API's errors.

use offhook_proto::wire::server::Error;
use offhook_proto::wire::{ErrorDetail, ServerEvent};

/// Why an event cannot be done.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fault(Box<ErrorDetail>);

impl Fault {
    /// Something that can be said without naming a field.
    pub(super) fn new(code: &str, message: &str) -> Self {
        Self(Box::new(ErrorDetail::invalid_request(code, message)))
    }

    /// A field with a value that cannot be used.
    pub(super) fn value(param: &str, message: &str) -> Self {
        Self::new("invalid_value", message).at(param)
    }

    /// A field that is not known here.
    pub(super) fn unknown(param: &str) -> Self {
        let message = format!("There is no parameter \"{param}\" here.");
        Self::new("unknown_parameter", &message).at(param)
    }

    /// A field that has to be there.
    pub(super) fn missing(param: &str) -> Self {
        let message = format!("The parameter \"{param}\" is required.");
        Self::new("missing_required_parameter", &message).at(param)
    }

    /// Names the field at fault.
    pub(super) fn at(mut self, param: &str) -> Self {
        self.0.param = Some(param.into());
        self
    }

    /// The event that tells the client, who named its own event `event_id`.
    pub(super) fn into_event(mut self, event_id: Option<String>) -> ServerEvent {
        self.0.event_id = event_id;
        Error {
            error: *self.0,
            ..Error::default()
        }
        .into()
    }

    #[cfg(test)]
    pub(super) fn code_and_param(&self) -> (Option<&str>, Option<&str>) {
        (self.0.code.as_deref(), self.0.param.as_deref())
    }
}

/// An error's text as a sentence of its own.
pub(super) fn sentence(error: &impl std::fmt::Display) -> String {
    let text = error.to_string();
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).chain(['.']).collect()
}
