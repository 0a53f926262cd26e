//! Tokens: always fresh, renewed in band, never in the way of audio.

use std::time::Duration;

use offhook_proto::client::{Cause, End, Failure, Input, State};
use offhook_proto::wire::ErrorDetail;
use offhook_proto::wire::server::{Error, Hello, SessionRefreshRequired, SessionRefreshed};
use offhook_proto::{Conn, Protocol};

use super::{ms, refused};
use crate::harness::{Asked, Far};

fn renewals(far: &Far) -> usize {
    let asked = far.asked.iter();
    asked
        .filter(|(_, asked)| matches!(asked, Asked::Renew(_)))
        .count()
}

/// The id of the event that brought the last fresh token.
fn refresh(far: &Far) -> Option<String> {
    far.asked.iter().rev().find_map(|(_, asked)| match asked {
        Asked::Refresh(_, event_id) => Some(event_id.clone()),
        _ => None,
    })
}

#[test]
fn a_token_is_renewed_in_band_before_it_expires_and_audio_goes_on() {
    let mut far = Far::live(Protocol::OffhookV1);
    far.run_alive(ms(29_750));
    assert_eq!(renewals(&far), 0);
    far.run_alive(ms(250));
    assert_eq!(renewals(&far), 1);
    far.audio(1);
    assert_eq!(far.take_audio(), [(1, 1)]);
    far.run_alive(ms(5000));
    assert_eq!(renewals(&far), 1, "one at a time");
    far.tell(Input::Renewed { conn: far.conn });
    assert!(refresh(&far).is_some());
    far.say(SessionRefreshed {
        refresh_in_ms: 10_000,
        ..SessionRefreshed::default()
    });
    far.run_alive(ms(9750));
    assert_eq!(renewals(&far), 1);
    far.run_alive(ms(250));
    assert_eq!(renewals(&far), 2);
    assert_eq!(far.dials().len(), 1);
}

#[test]
fn a_renewal_that_fails_is_tried_again() {
    let mut far = Far::live(Protocol::OffhookV1);
    far.run_alive(ms(30_000));
    let conn = far.conn;
    for round in 1..=5 {
        assert_eq!(renewals(&far), round);
        far.tell(Input::NotRenewed {
            conn,
            failure: refused(503),
        });
        far.run_alive(ms(5250));
    }
    far.tell(Input::Renewed { conn });
    let event_id = refresh(&far);
    let events = far.events.len();
    far.say(Error {
        error: ErrorDetail {
            event_id,
            ..ErrorDetail::invalid_request("token_refused", "")
        },
        ..Error::default()
    });

    assert_eq!(
        far.events.len(),
        events,
        "the caller has nothing to do with it"
    );
    far.run_alive(ms(5250));
    assert_eq!(renewals(&far), 7);
    // An answer that never comes.
    far.tell(Input::Renewed { conn });
    far.run_alive(ms(15_500));
    assert_eq!(renewals(&far), 8);
    assert!(matches!(far.state(), State::Live { .. }));
}

#[test]
fn a_server_that_is_slow_to_check_tokens_does_not_bother_the_caller_with_it() {
    let mut far = Far::live(Protocol::OffhookV1);
    let refused = |event_id: Option<String>| Error {
        error: ErrorDetail {
            event_id,
            ..ErrorDetail::invalid_request("refresh_in_progress", "")
        },
        ..Error::default()
    };
    far.run_alive(ms(30_000));
    let conn = far.conn;
    far.tell(Input::Renewed { conn });
    let first = refresh(&far);
    // It checks the first one for so long that others are sent meanwhile, and refuses those.
    far.run_alive(ms(15_500));
    for _ in 0..30 {
        far.tell(Input::Renewed { conn });
        let event_id = refresh(&far);
        assert_ne!(event_id, first);
        far.say(refused(event_id));
        far.run_alive(ms(5250));
    }
    far.say(refused(first));
    let shown = far.events.iter().filter(|event| event.kind() == "error");
    assert_eq!(shown.count(), 0);
}

#[test]
fn a_server_may_want_a_fresh_token_early() {
    let mut far = Far::live(Protocol::OffhookV1);
    far.say(SessionRefreshRequired {
        reason: "network_changed".into(),
        deadline_ms: 5000,
        ..SessionRefreshRequired::default()
    });
    far.run_for(ms(1));
    assert_eq!(renewals(&far), 1);
}

#[test]
fn a_token_that_expired_is_replaced_at_once() {
    let mut far = Far::live(Protocol::OffhookV1);
    far.close(4401, "token.expired");
    far.run_for(ms(1));
    assert_eq!(far.dials().len(), 2);
    far.hello("epoch_1", Some(30_000));
    far.resumed(0, 0);
    assert!(matches!(far.state(), State::Live { .. }));
}

#[test]
fn a_token_about_to_expire_is_not_shown_to_anybody() {
    let mut far = Far::live(Protocol::OffhookV1);
    far.answers = false;
    far.drop_line();
    far.run_for(ms(250));
    far.tell(Input::Authorised {
        conn: Conn(2),
        expires_in: Some(ms(4999)),
    });
    assert!(
        !far.asked
            .iter()
            .any(|(_, asked)| matches!(asked, Asked::Connect(Conn(2), _)))
    );
    let State::Reconnecting { cause, attempt, .. } = far.state() else {
        panic!("{:?}", far.state());
    };
    assert_eq!((*cause, *attempt), (Cause::TokenService, 2));
}

#[test]
fn a_refused_sign_in_is_tried_once_more_and_then_said() {
    let mut far = Far::live(Protocol::OffhookV1);
    far.answers = false;
    far.drop_line();
    far.run_for(ms(250));
    far.tell(Input::Failed {
        conn: Conn(2),
        failure: refused(401),
    });
    far.run_for(ms(1));
    assert_eq!(far.dials().len(), 3, "with a fresh token, at once");
    far.tell(Input::Failed {
        conn: Conn(3),
        failure: refused(401),
    });
    let State::Ended(End::Failed(Failure::Refused { status: 401, .. })) = far.state() else {
        panic!("{:?}", far.state());
    };
}

#[test]
fn a_server_that_takes_no_fresh_tokens_gets_a_new_connection_before_the_old_token_expires() {
    let mut far = Far::new(Protocol::OffhookV1);
    far.say(Hello {
        session_id: "sess_1".into(),
        epoch: "epoch_1".into(),
        server_time: 1_000_000,
        expires_at: Some(1060),
        ..Hello::default()
    });
    far.say(offhook_proto::wire::server::SessionCreated::default());
    far.run_alive(ms(41_750));
    assert_eq!(far.dials().len(), 1);
    far.run_alive(ms(500));
    assert_eq!(far.dials().len(), 2);
    far.hello("epoch_1", None);
    far.resumed(0, 0);
    assert!(far.backs.is_empty());
    assert!(matches!(far.state(), State::Live { .. }));
    far.run_alive(Duration::from_secs(60));
    assert_eq!(far.dials().len(), 2);
}
