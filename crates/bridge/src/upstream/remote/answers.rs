//! The responses in progress, as one that is lost with its session has to be ended for the caller.

use offhook_proto::wire::server::ResponseDone;
use offhook_proto::wire::{Fields, Response, ServerEvent, StatusDetails};
use serde_json::json;

/// More than this nobody has at a time.
const MOST: usize = 16;

/// The responses that were begun and are not over.
#[derive(Debug, Default)]
pub(super) struct Answers(Vec<Response>);

impl Answers {
    /// Takes in what the upstream says.
    pub(super) fn follow(&mut self, event: &ServerEvent) {
        match event {
            ServerEvent::ResponseCreated(created) if self.0.len() < MOST => {
                self.0.push(created.response.clone());
            }
            ServerEvent::ResponseDone(done) => {
                self.0.retain(|begun| begun.id != done.response.id);
            }
            _ => {}
        }
    }

    /// Ends all of them: what they were part of is gone.
    pub(super) fn fail(&mut self) -> Vec<ResponseDone> {
        let begun = self.0.drain(..);
        begun.map(lost).collect()
    }
}

fn lost(response: Response) -> ResponseDone {
    let mut details = StatusDetails {
        kind: "failed".to_owned(),
        ..StatusDetails::default()
    };
    let error = json!({ "type": "server_error", "code": "upstream_lost" });
    details.extra.insert("error".to_owned(), error);
    ResponseDone {
        response: Response {
            status: "failed".to_owned(),
            status_details: Some(details),
            ..response
        },
        extra: Fields::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use offhook_proto::wire::server::ResponseCreated;

    fn response(id: &str) -> Response {
        Response {
            id: id.to_owned(),
            status: "in_progress".to_owned(),
            ..Response::default()
        }
    }

    #[test]
    fn only_what_is_in_progress_fails() {
        let mut answers = Answers::default();
        for id in ["resp_1", "resp_2"] {
            let created = ResponseCreated {
                response: response(id),
                extra: Fields::new(),
            };
            answers.follow(&created.into());
        }
        let done = ResponseDone {
            response: response("resp_1"),
            extra: Fields::new(),
        };
        answers.follow(&done.into());
        let failed = answers.fail();
        assert_eq!(failed.len(), 1);
        assert_eq!(failed[0].response.id, "resp_2");
        assert_eq!(failed[0].response.status, "failed");
        assert!(answers.fail().is_empty());
    }
}
