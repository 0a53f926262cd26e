//! Tests of what closed connections and failed attempts mean.

use super::*;
use alloc::string::String;

fn closed(strikes: &mut Strikes, now: Time, code: u16, reason: &str) -> Verdict {
    strikes.closed(now, Close::new(code, reason), None, Protocol::OffhookV1)
}

fn is_again(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Again { .. })
}

#[test]
fn every_code_of_the_table_does_what_the_table_says() {
    let again = [
        1001, 1005, 1011, 1012, 1013, 1014, 4401, 4408, 4410, 4422, 4429,
    ];
    let over = [
        1000, 1002, 1003, 1007, 1008, 3003, 3008, 4000, 4403, 4409, 4999,
    ];
    for code in again {
        let verdict = closed(&mut Strikes::default(), Time::ZERO, code, "");
        assert!(is_again(&verdict), "{code}: {verdict:?}");
    }
    for code in over {
        let verdict = closed(&mut Strikes::default(), Time::ZERO, code, "");
        assert!(!is_again(&verdict), "{code}: {verdict:?}");
    }
}

#[test]
fn some_things_may_happen_once() {
    for code in [1009, 3000, 4412] {
        let mut strikes = Strikes::default();
        assert!(
            is_again(&closed(&mut strikes, Time::ZERO, code, "")),
            "{code}"
        );
        assert!(
            !is_again(&closed(&mut strikes, Time::ZERO, code, "")),
            "{code}"
        );
        strikes.forgive();
        assert!(
            is_again(&closed(&mut strikes, Time::ZERO, code, "")),
            "{code}"
        );
    }
    let refused = || Failure::Refused {
        status: 401,
        retry_after: None,
        detail: String::new(),
    };
    let mut strikes = Strikes::default();
    assert!(is_again(&strikes.failed(Step::Connecting, refused())));
    assert!(!is_again(&strikes.failed(Step::Connecting, refused())));
}

#[test]
fn hints_are_followed() {
    let verdict = closed(
        &mut Strikes::default(),
        Time::ZERO,
        1012,
        "server.restart;retry_after_ms=300",
    );
    let wait = Wait::Hint(Duration::from_millis(300));
    assert_eq!(verdict, Verdict::again(Cause::ServerRestarting, wait));
}

#[test]
fn a_sequence_error_is_mended_once_a_minute() {
    let mut strikes = Strikes::default();
    let wait = |verdict| match verdict {
        Verdict::Again {
            wait: Wait::Hint(wait),
            anew: true,
            ..
        } => wait,
        other => panic!("{other:?}"),
    };
    let at = |s| Time::from_start(Duration::from_secs(s));
    assert_eq!(
        wait(closed(&mut strikes, at(100), 4422, "")),
        Duration::ZERO
    );
    strikes.forgive();
    assert_eq!(
        wait(closed(&mut strikes, at(110), 4422, "")),
        Duration::from_secs(50)
    );
}

#[test]
fn a_call_that_never_was_up_is_tried_again_only_where_the_server_says_so() {
    let refused = |status| Failure::Refused {
        status,
        retry_after: Some(Duration::from_secs(1)),
        detail: String::new(),
    };
    assert!(is_again(&first_failed(refused(503))));
    assert!(is_again(&first_failed(refused(429))));
    for failure in [
        refused(401),
        refused(500),
        Failure::HostUnknown,
        Failure::SignedOut,
    ] {
        assert!(!is_again(&first_failed(failure)));
    }
    assert!(is_again(&first_closed(Close::new(1013, ""), None)));
    assert!(!is_again(&first_closed(Close::new(1011, ""), None)));
}
