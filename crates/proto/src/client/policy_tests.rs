//! Tests of the waits between dials.

use super::*;

const CAUSES: [Cause; 13] = [
    Cause::Dropped,
    Cause::Silent,
    Cause::NetworkDown,
    Cause::NetworkChanged,
    Cause::Slept,
    Cause::ServerRestarting,
    Cause::ServerBusy,
    Cause::ServerFault,
    Cause::ServerUnstable,
    Cause::TokenExpired,
    Cause::TokenService,
    Cause::SignedOut,
    Cause::Unreachable,
];

fn policy(seed: u64) -> Policy {
    Policy::new(Random::seeded(seed))
}

/// The shortest and the longest of many first waits.
fn first(cause: Cause, wait: Wait) -> (Duration, Duration) {
    let waits = (0..2000).map(|seed| {
        let next = policy(seed).next(Time::ZERO, cause, wait);
        assert_eq!(next.why, Why::Backoff);
        next.at.since_start()
    });
    let waits: alloc::vec::Vec<_> = waits.collect();
    let longest = waits.iter().max().copied().unwrap_or_default();
    (waits.into_iter().min().unwrap_or_default(), longest)
}

#[test]
fn the_first_wait_is_as_wide_as_its_cause_is_common() {
    let ms = Duration::from_millis;
    let (shortest, longest) = first(Cause::Dropped, Wait::ByCause);
    assert!(shortest < ms(2) && longest > ms(245) && longest <= ms(250));
    let (shortest, longest) = first(Cause::Unreachable, Wait::ByCause);
    assert!(shortest >= ms(1000) && shortest < ms(1050));
    assert!(longest > ms(4950) && longest <= ms(5000));
    for cause in [Cause::Slept, Cause::NetworkChanged, Cause::TokenExpired] {
        assert_eq!(first(cause, Wait::ByCause), (ms(0), ms(0)));
    }
    assert_eq!(
        first(Cause::ServerRestarting, Wait::Hint(ms(1234))),
        (ms(1234), ms(1234))
    );
    let (shortest, longest) = first(Cause::ServerBusy, Wait::SharedHint(ms(2000)));
    assert!(shortest >= ms(2000) && longest <= ms(4000) && longest - shortest > ms(1900));
}

#[test]
fn a_server_with_many_clients_spreads_them() {
    let wait = |spread: u64, seed| {
        let mut policy = policy(seed);
        policy.set_spread(Duration::from_secs(spread));
        policy.next(Time::ZERO, Cause::Dropped, Wait::ByCause).at
    };
    let longest = |spread| (0..2000).map(|seed| wait(spread, seed)).max();
    let seconds = |s| Time::from_start(Duration::from_secs(s));
    assert!(longest(4).is_some_and(|at| at > seconds(3) && at <= seconds(4)));
    assert!(longest(1000).is_some_and(|at| at > seconds(9) && at <= seconds(10)));
}

#[test]
fn backoff_grows_and_its_ceiling_holds_after_jitter() {
    for seed in 0..200 {
        let mut policy = policy(seed);
        for attempt in 0..50_u32 {
            let now = Time::from_start(Duration::from_secs(u64::from(attempt) * 100));
            let wait = policy.next(now, Cause::Dropped, Wait::ByCause).at - now;
            let ceiling = match attempt {
                0 => LONE,
                attempt => (BASE * (1 << attempt.min(10))).min(CAP),
            };
            assert!(wait <= ceiling, "{wait:?} after {attempt} attempts");
            policy.attempted();
        }
    }
}

#[test]
fn whatever_happens_twenty_dials_a_minute_are_the_most() {
    let mut policy = policy(3);
    let mut now = Time::ZERO;
    let mut dials = alloc::vec::Vec::new();
    for round in 0..500 {
        let cause = CAUSES[round % CAUSES.len()];
        now = policy.next(now, cause, Wait::AtOnce).at;
        policy.dialled(now);
        dials.push(now);
        // It lives long enough for the breaker not to help.
        now = now + SHORT;
        policy.ended(SHORT, SHORT);
    }
    for twenty_one in dials.windows(21) {
        assert!(twenty_one[20] - twenty_one[0] >= PERIOD);
    }
}

#[test]
fn a_server_that_ends_connections_at_once_is_left_alone_for_a_while() {
    let mut policy = policy(1);
    for _ in 0..2 {
        policy.ended(Duration::from_millis(50), Duration::ZERO);
        assert_eq!(
            policy.next(Time::ZERO, Cause::Dropped, Wait::AtOnce).why,
            Why::Backoff
        );
    }
    policy.ended(Duration::from_millis(50), Duration::ZERO);
    let next = policy.next(Time::ZERO, Cause::Dropped, Wait::AtOnce);
    assert_eq!(next.why, Why::Breaker);
    assert_eq!(next.at.since_start(), PAUSE);
    policy.ended(SHORT, SHORT);
    let next = policy.next(Time::ZERO, Cause::Dropped, Wait::AtOnce);
    assert_eq!(next.at, Time::ZERO);
}

#[test]
fn only_a_line_that_was_well_makes_the_next_wait_a_first_one() {
    let mut policy = policy(1);
    for _ in 0..4 {
        policy.attempted();
    }
    policy.ended(WELL, WELL - Duration::from_millis(1));
    assert_eq!(policy.attempts, 4);
    policy.ended(WELL, WELL);
    assert_eq!(policy.attempts, 0);
}

#[test]
fn without_a_network_one_attempt_is_made_and_then_one_every_few_seconds() {
    let mut policy = policy(1);
    policy.set_online(false);
    let first = policy.next(Time::ZERO, Cause::Dropped, Wait::ByCause);
    assert_eq!(first.why, Why::Backoff);
    policy.attempted();
    let then = policy.next(Time::ZERO, Cause::NetworkDown, Wait::ByCause);
    assert_eq!(then.why, Why::Offline);
    assert!(then.at.since_start() >= OFFLINE);
}
