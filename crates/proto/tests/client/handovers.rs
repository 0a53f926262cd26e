//! Connections that take over while the old one is still up, because the server is about to go.

use std::time::Duration;

use offhook_proto::client::State;
use offhook_proto::wire::server::GoAway;
use offhook_proto::{Conn, Protocol};

use super::ms;
use crate::harness::{Asked, Far};
use crate::lines::resume;

#[test]
fn a_server_that_goes_away_is_left_for_a_new_connection_without_a_break() {
    let mut far = Far::live(Protocol::OffhookV1);
    far.say(GoAway {
        reason: "restart".into(),
        deadline_ms: 5000,
        reconnect_after_ms: 800,
        ..GoAway::default()
    });
    far.run_alive(ms(700));
    assert_eq!(far.dials().len(), 1);
    let states = far.states.len();
    far.run_alive(ms(200));
    assert_eq!(far.dials().len(), 2);
    far.audio(1);
    assert_eq!(far.sent.back().map(|(conn, _)| *conn), Some(Conn(1)));
    far.sent.clear();
    resume(&mut far, 0, 0);
    assert_eq!(far.take_audio(), [(1, 1)]);
    assert!(
        far.asked
            .iter()
            .any(|(_, asked)| *asked == Asked::Abort(Conn(1)))
    );
    assert!(far.backs.is_empty(), "nobody has to know");
    let shown = far.states[states..].iter();
    assert!(
        shown
            .clone()
            .all(|(_, state)| matches!(state, State::Live { .. }))
    );
}

#[test]
fn a_server_that_goes_away_and_lets_its_clients_in_again_is_not_dialled_for_ever() {
    let mut far = Far::live(Protocol::OffhookV1);
    let go_away = || GoAway {
        reason: "restart".into(),
        deadline_ms: 60_000,
        reconnect_after_ms: 500,
        ..GoAway::default()
    };
    let start = far.now;
    let mut taken = 1;
    far.say(go_away());
    while far.now - start < Duration::from_secs(60) {
        far.run_alive(ms(100));
        if far.dials().len() > taken {
            taken = far.dials().len();
            resume(&mut far, 0, 0);
            far.say(go_away());
        }
    }
    let dials = far.dials();
    let after: Vec<_> = dials
        .iter()
        .map(|(at, _)| (*at - start).as_secs())
        .collect();
    assert_eq!(
        after,
        [0, 0, 1, 11, 21, 31, 41, 51],
        "the budget is there for the end"
    );
    assert!(far.backs.is_empty(), "nobody has to know");
}
