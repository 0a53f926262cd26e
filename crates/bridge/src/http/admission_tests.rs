//! Who is let in, and what a refusal costs.

use axum::http::HeaderName;

use futures_util::FutureExt as _;

use super::*;
use crate::token::{Order, USER};
use crate::{AGENT, Access, AuthMethod, Config};

const NOW: u64 = 1_700_000_000;

fn state(change: impl FnOnce(&mut Config)) -> Arc<State> {
    let access = Access::Token("the access token".into());
    let mut config = Config::new("127.0.0.1:0".parse().unwrap(), access);
    change(&mut config);
    Arc::new(State::new(config).unwrap())
}

fn issue(state: &State, change: impl FnOnce(&mut Order<'_>)) -> SecretString {
    let sender = Sender::new(None, &HeaderMap::new());
    let mut order = Order {
        ttl: 60,
        agent: AGENT,
        session: None,
        reusable: false,
        user: USER,
        jkt: None,
        sender: &sender,
    };
    change(&mut order);
    state.tokens.issue(NOW, order).0
}

/// What comes of an upgrade with these headers.
fn try_with(
    state: &Arc<State>,
    now: u64,
    headers: &[(&'static str, &str)],
    query: &str,
) -> Result<Pass, Problem> {
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
        .collect();
    let uri = format!("/v1/realtime{query}").parse().unwrap();
    let (asked, credential) = Asked::read(state, &headers, &uri, None)?;
    match credential {
        Credential::Here(method, credential) => {
            let holder = authorise(state, now, &asked, method, &credential).now_or_never();
            admit(state, now, &asked, &holder.expect("no issuer is asked")?)
        }
        Credential::Later => panic!("there is no message here"),
    }
}

fn try_in(state: &Arc<State>, now: u64, token: &str, query: &str) -> Result<Pass, Problem> {
    let bearer = format!("Bearer {token}");
    let offer = ("sec-websocket-protocol", "offhook.v1");
    try_with(state, now, &[("authorization", &bearer), offer], query)
}

fn status<T>(result: Result<T, Problem>) -> u16 {
    result.map_or_else(|problem| problem.status.as_u16(), |_| 101)
}

#[test]
fn a_token_is_worth_something_until_it_expires() {
    let state = state(|_| ());
    let token = issue(&state, |order| order.reusable = true);
    let token = token.expose_secret();
    let status = |now, query| status(try_in(&state, now, token, query));
    assert_eq!(status(NOW, ""), 101);
    assert_eq!(status(NOW + 59, "?model=gpt-realtime"), 101);
    assert_eq!(status(NOW + 60, ""), 401);
}

#[test]
fn a_refusal_does_not_cost_the_token() {
    let state = state(|config| config.max_sessions = 1);
    let token = issue(&state, |_| ());
    let token = token.expose_secret();
    let status = |query| status(try_in(&state, NOW, token, query));
    assert_eq!(status("?agent=nobody"), 404);
    assert_eq!(status("?session=sess_other"), 403);
    assert_eq!(status("?session=%20"), 400);
    let slot = state.slot().unwrap();
    assert_eq!(status(""), 503);
    drop(slot);
    state.closing.send_replace(Closing::Shutdown);
    assert_eq!(status(""), 503);
    state.closing.send_replace(Closing::Open);
    assert_eq!(status("?agent=test"), 101);
    assert_eq!(status("?agent=test"), 409);
    assert_eq!(state.sessions(), 0);
}

#[test]
fn a_token_is_for_its_agent() {
    let state = state(|_| ());
    let token = issue(&state, |order| order.agent = "another");
    let result = try_in(&state, NOW, token.expose_secret(), "?agent=test");
    assert_eq!(status(result), 404);
}

#[test]
fn a_session_is_gone_on_with_by_its_own_token() {
    let state = state(|_| ());
    let token = || issue(&state, |order| order.session = Some("sess_1"));
    let pass = try_in(&state, NOW, token().expose_secret(), "?session=sess_1").unwrap();
    assert!(pass.resumes);
    assert_eq!(pass.session, "sess_1");
    assert!(pass.expires_at.is_some());
    let pass = try_in(&state, NOW, "the access token", "?session=sess_1").unwrap();
    assert!(pass.resumes && pass.expires_at.is_none());
    // In plain mode there is no going on.
    let bearer = format!("Bearer {}", token().expose_secret());
    let plain = try_with(
        &state,
        NOW,
        &[("authorization", &bearer)],
        "?session=sess_1",
    );
    assert_eq!(status(plain), 400);
    state.registry.revoke(NOW, "sess_1", "test");
    let result = try_in(&state, NOW, token().expose_secret(), "?session=sess_1");
    assert_eq!(status(result), 403);
}

#[test]
fn what_a_user_had_before_a_revocation_is_worth_nothing() {
    let state = state(|_| ());
    let token = issue(&state, |_| ());
    state.registry.revoke_user(NOW, USER, "test");
    assert_eq!(status(try_in(&state, NOW, token.expose_secret(), "")), 403);
}

#[test]
fn an_address_is_for_tokens_that_are_soon_worth_nothing() {
    let state = state(|config| config.allowed_auth = vec![AuthMethod::Query]);
    let query = |token: &SecretString| format!("?token={}", token.expose_secret());
    let status = |query: &str| status(try_with(&state, NOW, &[], query));
    let good = query(&issue(&state, |_| ()));
    assert_eq!(status(&good), 101);
    assert_eq!(status(&good), 409);
    assert_eq!(status(&query(&issue(&state, |order| order.ttl = 61))), 401);
    assert_eq!(
        status(&query(&issue(&state, |order| order.reusable = true))),
        401
    );
    assert_eq!(status("?token=the%20access%20token"), 401);
}

#[test]
fn a_token_used_elsewhere_is_noticed_or_refused() {
    for (policy, plain, offhook, counted) in [
        (FingerprintPolicy::Off, 101, None, 0),
        (FingerprintPolicy::Signal, 101, Some(true), 2),
        (FingerprintPolicy::Enforce, 403, Some(true), 2),
    ] {
        let state = state(|config| config.fingerprint = policy);
        let token = issue(&state, |order| order.reusable = true);
        let bearer = format!("Bearer {}", token.expose_secret());
        let elsewhere = [("authorization", bearer.as_str()), ("user-agent", "curl")];
        assert_eq!(
            status(try_with(&state, NOW, &elsewhere, "")),
            plain,
            "{policy:?}"
        );
        let offer = ("sec-websocket-protocol", "offhook.v1");
        let pass = try_with(&state, NOW, &[elsewhere[0], elsewhere[1], offer], "").unwrap();
        assert_eq!(pass.mismatch.map(|_| true), offhook, "{policy:?}");
        assert_eq!(state.metrics.mismatches.get(), counted);
        let same = try_in(&state, NOW, token.expose_secret(), "").unwrap();
        assert_eq!(same.mismatch, None);
    }
}
