//! From what the layers below report to what a user is told.

use std::time::Duration;

use offhook_audio as audio;
use offhook_client::Endpoint;
use offhook_client::proto::Close;
use offhook_client::proto::client::{End, Failure};
use offhook_client::proto::wire::ErrorDetail;

use crate::problem::Problem;
use crate::snapshot::EndReason;

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

/// Why a call to `agent` at `endpoint` ended, for its user.
pub(crate) fn end_reason(end: End, endpoint: &Endpoint, agent: &str) -> EndReason {
    let host = endpoint.host().to_owned();
    let problem = match end {
        End::HungUp => return EndReason::HungUp,
        End::FarEnd => return EndReason::FarEnd,
        End::Failed(failure) => from_failure(failure, endpoint, agent),
        End::TimedOut { after, .. } => Problem::TimedOut {
            host,
            seconds: seconds(after),
        },
        End::Closed { close, error } => from_close(&close, error.as_ref(), host),
        End::Dropped { detail } => Problem::ConnectionLost {
            detail: clause(&detail),
        },
        End::Silent { after } => Problem::ConnectionLost {
            detail: format!("nothing came for {} s", seconds(after)),
        },
        End::BadMessage { detail } => Problem::BadMessage {
            detail: clause(&detail),
        },
        End::TooBig { limit } => Problem::MessageTooBig { limit },
    };
    EndReason::Failed { problem }
}

fn from_failure(failure: Failure, endpoint: &Endpoint, agent: &str) -> Problem {
    let host = endpoint.host().to_owned();
    match failure {
        Failure::HostUnknown => Problem::HostUnknown { host },
        Failure::Unreachable { detail } => Problem::Unreachable {
            host: endpoint.authority(),
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
                401 | 403 | 409 => Problem::NotAuthorised { host, detail },
                404 => Problem::AgentUnknown {
                    agent: agent.to_owned(),
                },
                429 | 503 => Problem::Busy {
                    retry_after_s: retry_after.map(seconds),
                },
                _ => Problem::Refused { status, detail },
            }
        }
    }
}

/// An error event before the close explains it better than its reason, and that better than its
/// code.
fn from_close(close: &Close, error: Option<&ErrorDetail>, host: String) -> Problem {
    let said = error.map(|error| error.message.as_str());
    let explanations = [said, Some(close.reason.as_str())];
    let detail = explanations
        .into_iter()
        .flatten()
        .find(|text| !text.is_empty());
    let detail = detail.map_or_else(|| format!("close code {}", close.code), clause);
    match close.code {
        Close::UNAUTHORISED => Problem::NotAuthorised { host, detail },
        close_code => Problem::ClosedByServer { close_code, detail },
    }
}

/// What others said, made to stand in the middle of our sentence.
fn clause(said: &str) -> String {
    said.trim().trim_end_matches('.').to_owned()
}

fn seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use offhook_client::Credential;

    fn problem(end: End) -> Problem {
        let credential = Credential::Mint { access_token: None };
        let endpoint = Endpoint::new("https://bridge.example", credential).unwrap();
        match end_reason(end, &endpoint, "sales") {
            EndReason::Failed { problem } => problem,
            other => panic!("{other:?}"),
        }
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
}
