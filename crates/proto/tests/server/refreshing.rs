//! Tokens that expire, fresh ones in band, and clients that are not where they were.

use offhook_proto::server::{Input, Output, TokenRefused};
use offhook_proto::wire::client::SessionRefresh;
use offhook_proto::wire::{ClientEvent, Envelope, ServerEvent};
use offhook_proto::{Close, Conn, Protocol, Time};

use crate::harness::{Rig, UNIX_MS, config, ms};

const V1: Protocol = Protocol::OffhookV1;

fn at(seconds: u64) -> Time {
    Time::from_start(ms(seconds * 1000))
}

/// A session whose token expires after 60 s.
fn rig() -> Rig {
    let mut rig = Rig::new(config());
    rig.attach_with(1, V1, false, Some(at(60)));
    rig
}

fn refresh(rig: &mut Rig, id: &str) {
    let mut envelope = Envelope::from(ClientEvent::from(SessionRefresh::default()));
    envelope.event_id = Some(id.into());
    rig.text(1, &envelope.encode());
}

fn checked(rig: &mut Rig, id: &str, checked: Result<Time, TokenRefused>) {
    rig.handle(Input::TokenChecked {
        conn: Conn(1),
        event_id: Some(id.into()),
        checked,
    });
}

fn checks(rig: &Rig) -> Vec<String> {
    let ids = rig.outputs.iter().filter_map(|output| match output {
        Output::CheckToken { conn, event_id, .. } => {
            assert_eq!(*conn, Conn(1));
            event_id.clone()
        }
        _ => None,
    });
    ids.collect()
}

fn error(rig: &Rig) -> (String, String) {
    let ServerEvent::Error(error) = rig.last(1, "error") else {
        panic!("it is an error")
    };
    assert_eq!(error.error.kind, "invalid_request_error");
    let (code, id) = (error.error.code, error.error.event_id);
    (
        code.expect("it has a code"),
        id.expect("it names the event"),
    )
}

#[test]
fn the_hello_says_when_the_token_expires_and_when_to_refresh_it() {
    let mut drawn = Vec::new();
    for seed in 0..50 {
        let mut config = config();
        config.seed = seed;
        let mut rig = Rig::new(config);
        rig.run(ms(10_000));
        // A clock that is read twice may be off by a little.
        rig.attach_with(1, V1, false, Some(Time::from_start(ms(59_999))));
        let ServerEvent::Hello(hello) = rig.last(1, "offhook.hello") else {
            panic!("it is a hello")
        };
        assert_eq!(hello.expires_at, Some(UNIX_MS / 1000 + 60));
        drawn.push(hello.refresh_in_ms.expect("it expires"));
    }
    assert!(drawn.iter().all(|in_ms| (24_999..=40_000).contains(in_ms)));
    let spread = drawn.iter().max().unwrap() - drawn.iter().min().unwrap();
    assert!(spread > 10_000, "{spread}");
}

#[test]
fn a_fresh_token_counts_from_when_it_was_checked() {
    let mut rig = rig();
    rig.run_with(1, ms(40_000));
    refresh(&mut rig, "event_1");
    assert_eq!(checks(&rig), ["event_1"]);
    rig.clear();
    checked(&mut rig, "event_1", Ok(at(140)));
    let ServerEvent::SessionRefreshed(refreshed) = rig.last(1, "session.refreshed") else {
        panic!("it was refreshed")
    };
    assert_eq!(refreshed.expires_at, UNIX_MS / 1000 + 140);
    assert!((50_000..=80_000).contains(&refreshed.refresh_in_ms));
    assert!(rig.seqs(1).is_empty());
    rig.run_with(1, ms(124_999));
    assert!(rig.close_of(1).is_none());
    rig.run_with(1, ms(1));
    assert_eq!(rig.code_of(1), Some(Close::TOKEN_EXPIRED));
}

#[test]
fn a_token_that_is_not_taken_is_answered_and_the_old_one_stands() {
    for (refused, code) in [
        (TokenRefused::Invalid, "token_invalid"),
        (TokenRefused::Foreign, "token_foreign"),
        (TokenRefused::Spent, "token_spent"),
        (TokenRefused::Unproved, "proof_invalid"),
    ] {
        let mut rig = rig();
        refresh(&mut rig, "event_1");
        checked(&mut rig, "event_1", Err(refused));
        assert_eq!(error(&rig), (code.to_owned(), "event_1".to_owned()));
        // And the next one is checked.
        refresh(&mut rig, "event_2");
        assert_eq!(checks(&rig), ["event_1", "event_2"]);
        rig.run_with(1, ms(85_000));
        assert_eq!(rig.code_of(1), Some(Close::TOKEN_EXPIRED), "{code}");
    }
}

#[test]
fn a_token_of_another_key_ends_the_connection_and_not_the_session() {
    let mut rig = rig();
    refresh(&mut rig, "event_1");
    checked(&mut rig, "event_1", Err(TokenRefused::OtherKey));
    let expected = ("token_foreign".to_owned(), "event_1".to_owned());
    assert_eq!(error(&rig), expected);
    assert_eq!(rig.code_of(1), Some(Close::MISMATCH));
    rig.attach_with(2, V1, true, Some(at(60)));
    assert!(rig.close_of(2).is_none());
}

#[test]
fn the_hello_has_the_nonce_and_a_proof_goes_with_its_token() {
    let mut rig = rig();
    let ServerEvent::Hello(hello) = rig.last(1, "offhook.hello") else {
        panic!("it is a hello")
    };
    assert_eq!(hello.nonce.as_deref(), Some("nonce"));
    let refresh = SessionRefresh {
        proof: Some("a proof".into()),
        ..SessionRefresh::default()
    };
    rig.text(1, &Envelope::from(ClientEvent::from(refresh)).encode());
    let proofs = rig.outputs.iter().filter_map(|output| match output {
        Output::CheckToken { proof, .. } => Some(proof.as_deref()),
        _ => None,
    });
    assert_eq!(proofs.collect::<Vec<_>>(), [Some("a proof")]);
}

#[test]
fn one_token_is_checked_at_a_time() {
    let mut rig = rig();
    refresh(&mut rig, "event_1");
    refresh(&mut rig, "event_2");
    assert_eq!(checks(&rig), ["event_1"]);
    let expected = ("refresh_in_progress".to_owned(), "event_2".to_owned());
    assert_eq!(error(&rig), expected);
    // A driver that lost the question does not lock the client out.
    rig.run_with(1, ms(10_000));
    refresh(&mut rig, "event_3");
    assert_eq!(checks(&rig), ["event_1", "event_3"]);
}

#[test]
fn without_a_fresh_token_the_connection_is_closed_and_the_session_kept() {
    let mut rig = rig();
    rig.run_with(1, ms(84_999));
    assert!(rig.close_of(1).is_none(), "there is grace");
    rig.run_with(1, ms(1));
    let close = Close::new(Close::TOKEN_EXPIRED, "token.expired");
    assert_eq!(rig.close_of(1), Some(close));
    assert_eq!(rig.attached(), [true, false]);
    // Its token comes too late.
    checked(&mut rig, "event_1", Ok(at(200)));
    rig.attach_with(2, V1, true, Some(at(145)));
    rig.resume(2, 0, 1);
    assert!(rig.kinds(2).contains(&"session.resumed".to_owned()));
    rig.run_with(2, ms(84_000));
    assert!(rig.close_of(2).is_none());
}

#[test]
fn a_client_that_moved_is_asked_for_a_token_from_where_it_is() {
    let mut rig = rig();
    let require = |deadline| Input::RequireRefresh {
        reason: "address_changed",
        deadline: ms(deadline),
    };
    rig.handle(require(10_000));
    let ServerEvent::SessionRefreshRequired(required) = rig.last(1, "session.refresh_required")
    else {
        panic!("it is required")
    };
    assert_eq!(required.reason, "address_changed");
    assert_eq!(required.deadline_ms, 10_000);
    rig.run_with(1, ms(5_000));
    refresh(&mut rig, "event_1");
    checked(&mut rig, "event_1", Ok(at(100)));
    rig.run_with(1, ms(20_000));
    assert!(rig.close_of(1).is_none());

    rig.handle(require(10_000));
    rig.run_with(1, ms(1_000));
    rig.handle(require(60_000));
    refresh(&mut rig, "event_2");
    checked(&mut rig, "event_2", Err(TokenRefused::Foreign));
    rig.run_with(1, ms(8_999));
    assert!(rig.close_of(1).is_none());
    rig.run_with(1, ms(1));
    let close = Close::new(Close::MISMATCH, "token.mismatch");
    assert_eq!(rig.close_of(1), Some(close));
    assert_eq!(rig.attached(), [true, false]);
    // Who comes back has shown a token from there.
    rig.handle(require(10_000));
    rig.attach(2, V1, true);
    rig.resume(2, 1, 1);
    rig.run_with(2, ms(60_000));
    assert!(rig.close_of(2).is_none());
}

#[test]
fn a_token_is_not_shown_in_what_is_logged() {
    let mut rig = rig();
    rig.text(
        1,
        r#"{"type":"session.refresh","event_id":"e","token":"ek_canary"}"#,
    );
    assert_eq!(checks(&rig), ["e"]);
    assert!(!format!("{:?} {:?}", rig.outputs, rig.server).contains("canary"));
}
