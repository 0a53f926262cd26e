//! From what the layers below report to what a user is told.

use std::time::Duration;

use offhook_audio as audio;
use offhook_client::proto::Close;
use offhook_client::proto::client::{End, Failure};

use crate::problem::Problem;
use crate::snapshot::EndReason;

impl From<audio::Error> for Problem {
    fn from(error: audio::Error) -> Self {
        match error {
            audio::Error::NoMicrophone => Self::NoMicrophone,
            audio::Error::NoSpeaker => Self::NoSpeaker,
            audio::Error::MicrophoneDenied => Self::MicrophoneDenied,
            audio::Error::UnknownDevice { name } => Self::DeviceUnknown { device: name },
            audio::Error::DeviceUnusable { device, detail } => {
                Self::DeviceUnusable { device, detail }
            }
            audio::Error::SoundFile { path, detail } => Self::SoundFile {
                path: path.display().to_string(),
                detail,
            },
            other => Self::Internal {
                detail: other.to_string(),
            },
        }
    }
}

/// Why a call ended, for its user. `host` is the server's name, as people know it.
pub(crate) fn end_reason(end: End, host: &str) -> EndReason {
    let host = host.to_owned();
    let problem = match end {
        End::HungUp => return EndReason::HungUp,
        End::FarEnd => return EndReason::FarEnd,
        End::Failed(failure) => from_failure(failure, host),
        End::TimedOut { after, .. } => Problem::TimedOut {
            host,
            seconds: seconds(after),
        },
        End::Closed { close, error } => {
            let said = error
                .map(|error| error.message)
                .filter(|said| !said.is_empty());
            from_close(&close, said, host)
        }
        End::Dropped { detail } => Problem::ConnectionLost { detail },
        End::Silent { after } => {
            let detail = format!("nothing came for {} s", seconds(after));
            Problem::ConnectionLost { detail }
        }
        End::BadMessage { detail } => Problem::BadMessage { detail },
        End::TooBig { limit } => Problem::MessageTooBig { limit },
    };
    EndReason::Failed { problem }
}

fn from_failure(failure: Failure, host: String) -> Problem {
    match failure {
        Failure::HostUnknown => Problem::HostUnknown { host },
        Failure::Unreachable { detail } => Problem::Unreachable { host, detail },
        Failure::Untrusted { detail } => Problem::Untrusted { host, detail },
        Failure::NotTheProtocol { detail } => Problem::BadMessage { detail },
        Failure::Refused {
            status,
            retry_after,
            detail,
        } => match status {
            401 | 403 | 409 => Problem::NotAuthorised { host, detail },
            429 | 503 => Problem::Busy {
                retry_after_s: retry_after.map(seconds),
            },
            _ => Problem::Refused { status, detail },
        },
    }
}

fn from_close(close: &Close, said: Option<String>, host: String) -> Problem {
    let reason = Some(close.reason.clone()).filter(|reason| !reason.is_empty());
    let detail = said
        .or(reason)
        .unwrap_or_else(|| format!("close code {}", close.code));
    match close.code {
        Close::UNAUTHORISED => Problem::NotAuthorised { host, detail },
        close_code => Problem::ClosedByServer { close_code, detail },
    }
}

fn seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use offhook_client::proto::wire::ErrorDetail;

    fn problem(end: End) -> Problem {
        match end_reason(end, "bridge.example") {
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
                detail: "Incorrect API key.".to_owned()
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
        assert!(matches!(refused(404), Problem::Refused { status: 404, .. }));
    }
}
