//! From what the layers below report to what a user is told.

use std::time::Duration;

use offhook_audio as audio;
use offhook_client::Endpoint;
use offhook_client::proto::Close;
use offhook_client::proto::client::{Cause, End, Failure};
use offhook_client::proto::wire::ErrorDetail;

use crate::problem::Problem;
use crate::snapshot::{DropCause, EndReason};

impl From<audio::Error> for Problem {
    fn from(error: audio::Error) -> Self {
        match error {
            audio::Error::NoMicrophone => Self::NoMicrophone,
            audio::Error::NoSpeaker => Self::NoSpeaker,
            audio::Error::MicrophoneDenied => Self::MicrophoneDenied,
            audio::Error::SystemGone => Self::SoundSystemGone,
            audio::Error::UnknownDevice { name } => Self::DeviceUnknown { device: name },
            audio::Error::DeviceUnusable { device, detail } => Self::DeviceUnusable {
                device,
                detail: clause(&detail),
            },
            audio::Error::SoundFile { path, detail } => Self::SoundFile {
                path: path.display().to_string(),
                detail: clause(&detail),
            },
            other => Self::Internal {
                detail: other.to_string(),
            },
        }
    }
}

impl From<Cause> for DropCause {
    fn from(cause: Cause) -> Self {
        match cause {
            Cause::Dropped => Self::ConnectionLost,
            Cause::Silent => Self::Silent,
            Cause::NetworkDown => Self::NetworkDown,
            Cause::NetworkChanged => Self::NetworkChanged,
            Cause::Slept => Self::WokeUp,
            Cause::ServerRestarting => Self::ServerRestarting,
            Cause::ServerBusy => Self::ServerBusy,
            Cause::ServerFault => Self::ServerFault,
            Cause::ServerUnstable => Self::ServerUnstable,
            Cause::TokenExpired => Self::TokenExpired,
            Cause::TokenService => Self::TokenService,
            Cause::SignedOut => Self::SignedOut,
            Cause::Unreachable => Self::Unreachable,
        }
    }
}

/// Who was called, and how far it came.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Called<'a> {
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) agent: &'a str,
    /// Whether the line ever was up.
    pub(crate) was_up: bool,
}

/// Why a call ended, for its user.
pub(crate) fn end_reason(end: End, called: Called<'_>) -> EndReason {
    let host = called.endpoint.host().to_owned();
    let problem = match end {
        End::HungUp => return EndReason::HungUp,
        End::FarEnd => return EndReason::FarEnd,
        End::Superseded => return EndReason::TakenOver,
        End::Failed(failure) => from_failure(failure, called),
        End::TimedOut { after, .. } => Problem::TimedOut {
            host,
            seconds: seconds(after),
        },
        End::Closed { close, error } => from_close(&close, error.as_ref(), called),
        End::Dropped { detail } => Problem::ConnectionLost {
            detail: clause(&detail),
        },
        End::GaveUp { after, cause } if called.was_up => Problem::GaveUp {
            seconds: seconds(after),
            cause: cause.into(),
        },
        // A call that is not up yet is tried again only where the server says to come back.
        End::GaveUp { .. } => Problem::Busy {
            retry_after_s: None,
        },
        End::Revoked { .. } => Problem::Revoked { host },
        End::BadMessage { detail } => Problem::BadMessage {
            detail: clause(&detail),
        },
        End::TooBig { limit } => Problem::MessageTooBig { limit },
    };
    EndReason::Failed { problem }
}

pub(crate) fn from_failure(failure: Failure, called: Called<'_>) -> Problem {
    let host = called.endpoint.host().to_owned();
    match failure {
        Failure::HostUnknown => Problem::HostUnknown { host },
        Failure::SignedOut => Problem::SignInNeeded { host },
        Failure::NoCredential { detail } => Problem::NoCredential { detail },
        Failure::Unreachable { detail } => Problem::Unreachable {
            host: called.endpoint.authority(),
            detail: clause(&detail),
        },
        Failure::Untrusted { detail } => Problem::Untrusted {
            host,
            detail: clause(&detail),
        },
        Failure::NotTheProtocol { detail } => Problem::BadMessage {
            detail: clause(&detail),
        },
        Failure::Refused {
            status,
            retry_after,
            detail,
        } => {
            let detail = clause(&detail);
            match status {
                401 | 403 | 409 => not_authorised(called, detail),
                404 => Problem::AgentUnknown {
                    agent: called.agent.to_owned(),
                },
                429 | 503 => Problem::Busy {
                    retry_after_s: retry_after.map(seconds),
                },
                _ => Problem::Refused { status, detail },
            }
        }
    }
}

/// A sign-in that was good for the call and is not good for its next connection is another thing
/// to a user than one that never was.
fn not_authorised(called: Called<'_>, detail: String) -> Problem {
    let host = called.endpoint.host().to_owned();
    if called.was_up {
        Problem::SignInNeeded { host }
    } else {
        Problem::NotAuthorised { host, detail }
    }
}

/// An error event before the close explains it better than its reason, and that better than its
/// code.
fn from_close(close: &Close, error: Option<&ErrorDetail>, called: Called<'_>) -> Problem {
    let said = error.map(|error| error.message.as_str());
    let explanations = [said, Some(close.reason.as_str())];
    let detail = explanations
        .into_iter()
        .flatten()
        .find(|text| !text.is_empty());
    let detail = detail.map_or_else(|| format!("close code {}", close.code), clause);
    match close.code {
        Close::UNAUTHORISED | Close::MISMATCH => not_authorised(called, detail),
        close_code => Problem::ClosedByServer { close_code, detail },
    }
}

/// What others said, made to stand in the middle of our sentence.
pub(crate) fn clause(said: &str) -> String {
    said.trim().trim_end_matches('.').to_owned()
}

fn seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use offhook_client::Credential;

    fn reason(end: End, was_up: bool) -> EndReason {
        let credential = Credential::Mint { access_token: None };
        let endpoint = Endpoint::new("https://bridge.example", credential).unwrap();
        let called = Called {
            endpoint: &endpoint,
            agent: "sales",
            was_up,
        };
        end_reason(end, called)
    }

    fn problem_of(end: End, was_up: bool) -> Problem {
        match reason(end, was_up) {
            EndReason::Failed { problem } => problem,
            other => panic!("{other:?}"),
        }
    }

    fn problem(end: End) -> Problem {
        problem_of(end, false)
    }

    #[test]
    fn an_error_before_the_close_explains_it_better_than_its_code() {
        let error = ErrorDetail::invalid_request("invalid_api_key", "Incorrect API key.");
        let close = Close::new(Close::UNAUTHORISED, "auth.invalid");
        assert_eq!(
            problem(End::Closed {
                close: close.clone(),
                error: Some(error)
            }),
            Problem::NotAuthorised {
                host: "bridge.example".to_owned(),
                detail: "Incorrect API key".to_owned()
            }
        );
        let close = Close::new(Close::INTERNAL, "");
        assert_eq!(
            problem(End::Closed { close, error: None }),
            Problem::ClosedByServer {
                close_code: 1011,
                detail: "close code 1011".to_owned()
            }
        );
    }

    #[test]
    fn a_busy_server_is_not_a_refusal() {
        let refused = |status| {
            let retry_after = Some(Duration::from_secs(7));
            problem(End::Failed(Failure::Refused {
                status,
                retry_after,
                detail: String::new(),
            }))
        };
        assert_eq!(
            refused(503),
            Problem::Busy {
                retry_after_s: Some(7)
            }
        );
        assert!(matches!(refused(401), Problem::NotAuthorised { .. }));
        assert_eq!(
            refused(404),
            Problem::AgentUnknown {
                agent: "sales".to_owned()
            }
        );
        assert!(matches!(refused(418), Problem::Refused { status: 418, .. }));
    }

    #[test]
    fn a_call_that_cannot_go_on_says_what_to_do_about_it() {
        let host = || "bridge.example".to_owned();
        let refused = End::Failed(Failure::Refused {
            status: 401,
            retry_after: None,
            detail: "expired".to_owned(),
        });
        assert_eq!(
            problem_of(refused, true),
            Problem::SignInNeeded { host: host() }
        );
        let revoked = End::Revoked {
            reason: "user_disabled".to_owned(),
        };
        assert_eq!(problem_of(revoked, true), Problem::Revoked { host: host() });
        let gave_up = || End::GaveUp {
            after: Duration::from_secs(120),
            cause: Cause::NetworkDown,
        };
        assert_eq!(
            problem_of(gave_up(), true),
            Problem::GaveUp {
                seconds: 120,
                cause: DropCause::NetworkDown
            }
        );
        assert!(matches!(problem(gave_up()), Problem::Busy { .. }));
    }

    #[test]
    fn a_call_that_goes_on_elsewhere_has_not_failed() {
        assert_eq!(reason(End::Superseded, true), EndReason::TakenOver);
    }
}
