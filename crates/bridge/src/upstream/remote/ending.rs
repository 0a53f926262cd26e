//! What an upstream's end means for the caller, who knows nothing of upstreams.

use offhook_client::proto::client::{Cause, End, Failure};
use offhook_proto::Close;
use offhook_proto::wire::ErrorDetail;

/// Errors between the bridge and its upstream: the caller could only take them for its own.
const OURS: [&str; 5] = [
    "invalid_api_key",
    "insufficient_quota",
    "model_not_found",
    "beta_api_shape_disabled",
    "session_expired",
];
/// When a caller should try again, in ms.
const LATER_MS: u32 = 5_000;

/// Whether an error is none of the caller's business.
pub(super) fn is_ours(error: &ErrorDetail) -> bool {
    let code = error.code.as_deref();
    code.is_some_and(|code| OURS.contains(&code))
}

/// What the caller is told before the connection is closed; nothing where the call is simply over.
pub(super) fn told(end: &End) -> Option<ErrorDetail> {
    let (code, message) = match end {
        End::HungUp | End::FarEnd => return None,
        end if is_busy(end) => (
            "upstream_busy",
            "The agent has no room for another call; try again shortly.",
        ),
        end if is_refusal(end) => (
            "upstream_refused",
            "The agent cannot be reached: whoever runs this server has to look into it.",
        ),
        _ => (
            "upstream_unavailable",
            "The agent cannot be reached at the moment; try again shortly.",
        ),
    };
    let mut error = ErrorDetail::invalid_request(code, message);
    "server_error".clone_into(&mut error.kind);
    Some(error)
}

/// How the caller's connection is closed.
pub(super) fn close(end: &End) -> Close {
    match end {
        End::HungUp | End::FarEnd => Close::new(Close::NORMAL, "upstream.ended"),
        end if is_busy(end) => {
            let reason = format!("upstream.busy;retry_after_ms={LATER_MS}");
            Close::new(Close::OVERLOADED, &reason)
        }
        end if is_refusal(end) => Close::new(Close::INTERNAL, "upstream.refused"),
        End::BadMessage { .. } | End::TooBig { .. } => {
            Close::new(Close::INTERNAL, "upstream.not_understood")
        }
        _ => Close::new(Close::INTERNAL, "upstream.unavailable"),
    }
}

/// What the operator is told, in words that no server has chosen: one might repeat the key.
pub(super) fn logged(end: &End) -> String {
    match end {
        End::Closed { close, error } => {
            let code = error.as_ref().and_then(|error| error.code.as_deref());
            let code = code.map_or("no error", |code| {
                let known = OURS.iter().find(|known| **known == code);
                known.copied().unwrap_or("another error")
            });
            format!("it closed with {} ({code})", close.code)
        }
        End::Failed(Failure::Refused { status, .. }) => format!("it answered with {status}"),
        End::TimedOut { step, after } => format!("{step:?} took longer than {after:?}"),
        End::GaveUp { after, cause } => format!("it was not back after {after:?} ({cause:?})"),
        End::TooBig { limit } => format!("it sent a message of more than {limit} bytes"),
        End::Failed(Failure::HostUnknown) => "its name is not known".to_owned(),
        // These are the system's words.
        End::Failed(Failure::Unreachable { detail } | Failure::Untrusted { detail }) => {
            detail.clone()
        }
        End::BadMessage { .. } | End::Failed(Failure::NotTheProtocol { .. }) => {
            "it does not speak the protocol".to_owned()
        }
        _ => "it ended the session".to_owned(),
    }
}

/// It has no room: it said so before the session opened, or for as long as it was tried.
fn is_busy(end: &End) -> bool {
    match end {
        End::Failed(Failure::Refused { status, .. }) => matches!(status, 429 | 503),
        End::GaveUp { cause, .. } => *cause == Cause::ServerBusy,
        _ => false,
    }
}

/// It does not want this key or this model. A fault of its own is no refusal.
fn is_refusal(end: &End) -> bool {
    match end {
        End::Failed(Failure::Refused { status, .. }) => *status < 500,
        End::Closed { close, .. } => close.code != Close::INTERNAL,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_key_of_the_operators_is_not_the_callers() {
        let refused = End::Closed {
            close: Close::new(Close::UNAUTHORISED, "invalid_request_error.invalid_api_key"),
            error: None,
        };
        assert_eq!(close(&refused).code, Close::INTERNAL);
        let told = told(&refused).expect("it is told");
        assert_eq!(told.code.as_deref(), Some("upstream_refused"));
        assert!(!told.message.contains("key"));
        assert_eq!(logged(&refused), "it closed with 3000 (no error)");
        assert!(is_ours(&ErrorDetail::invalid_request(
            "invalid_api_key",
            ""
        )));
        assert!(!is_ours(&ErrorDetail::invalid_request(
            "rate_limit_exceeded",
            ""
        )));
    }

    #[test]
    fn one_without_room_is_tried_again_later() {
        let busy = End::Failed(Failure::Refused {
            status: 429,
            retry_after: None,
            detail: String::new(),
        });
        assert_eq!(logged(&busy), "it answered with 429");
        let in_the_end = End::GaveUp {
            after: std::time::Duration::from_secs(15),
            cause: Cause::ServerBusy,
        };
        assert_eq!(close(&in_the_end), close(&busy));
        let fault = End::Failed(Failure::Refused {
            status: 500,
            retry_after: None,
            detail: String::new(),
        });
        assert_eq!(close(&fault).reason, "upstream.unavailable");
        let frame = close(&busy);
        assert_eq!(frame.code, Close::OVERLOADED);
        assert_eq!(frame.reason, "upstream.busy;retry_after_ms=5000");
        assert_eq!(told(&End::FarEnd), None);
        assert_eq!(close(&End::FarEnd).code, Close::NORMAL);
    }
}
