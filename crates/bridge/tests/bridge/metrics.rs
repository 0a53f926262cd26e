//! What the metrics say after real connections, refusals, and sessions that go on.
#![allow(
    clippy::float_cmp,
    reason = "counts are whole numbers, which floats hold exactly"
)]

use std::time::Duration;

use offhook_bridge::{AuthMethod, Embedded};
use serde_json::json;

use crate::clock::unix_s;
use crate::line::{Line, numbered};
use crate::operator::{Operator, with_admin};
use crate::prover::{MINT, Prover};
use crate::rig::{KEY, Rig, answer};

fn result(name: &str) -> String {
    format!("websocket_connections_total{{result=\"{name}\"}}")
}

#[tokio::test]
async fn connections_are_counted_by_what_came_of_them() {
    let rig = Rig::start(|config| {
        with_admin(config);
        config.max_sessions = 2;
        config.allowed_auth = vec![AuthMethod::FirstMessage];
    })
    .await;
    let (client, operator) = (rig.client(), Operator::of(&rig));
    let before = operator.samples().await;
    assert_eq!(before.of(&result("accepted")), 0.0);
    assert_eq!(before.of("offhook_session_slots_limit"), 2.0);

    let token = client.token().await;
    let line = Line::open_with(&client, "offhook.v1", &token, &[]).await;
    let plain = client.plain_call().await;
    for (credential, status) in [("sk-nobody", 401), (token.as_str(), 409), (KEY, 503)] {
        let request = client.upgrade("/v1/realtime").bearer_auth(credential);
        assert_eq!(answer(request).await.0, status);
    }
    let no_upgrade = client.get("/v1/realtime").bearer_auth(KEY);
    assert_eq!(answer(no_upgrade).await.0, 426);
    let mut late = client.call_at("?auth=message", &[]).await;
    late.send(&json!({ "type": "auth", "token": "ek_nobody" }))
        .await;
    assert_eq!(late.close().await.code, 3000);
    let mut mute = client.call_at("?auth=message", &[]).await;
    mute.send(&json!({ "type": "hello" })).await;
    assert_eq!(mute.close().await.code, 1008);

    let after = operator.samples().await;
    for (name, count) in [
        ("accepted", 2.0),
        ("invalid_api_key", 2.0),
        ("token_used", 1.0),
        ("too_many_sessions", 1.0),
        ("websocket_required", 1.0),
        ("bad_first_message", 1.0),
    ] {
        assert_eq!(after.of(&result(name)), count, "{name}: {after:?}");
    }
    for (name, value) in [
        ("websocket_connections_active", 2.0),
        ("websocket_handshake_duration_seconds_count", 2.0),
        ("offhook_sessions_started_total", 2.0),
        ("offhook_sessions{state=\"attached\"}", 2.0),
        ("offhook_session_slots_used", 2.0),
        ("offhook_upstreams{state=\"up\"}", 2.0),
        ("offhook_token_mints_total{result=\"minted\"}", 1.0),
    ] {
        assert_eq!(after.of(name), value, "{name}: {after:?}");
    }
    let took = after.of("websocket_handshake_duration_seconds_sum");
    assert!((0.000_001..10.0).contains(&took), "{took}");

    drop((line, plain));
    operator.sees("websocket_connections_active", 0.0).await;
    let dropped = "websocket_closes_total{by=\"client\",code=\"none\"}";
    operator.sees(dropped, 2.0).await;
    operator
        .sees("offhook_sessions{state=\"waiting\"}", 1.0)
        .await;
    operator.sees("offhook_upstreams{state=\"up\"}", 1.0).await;
    rig.stop().await;
}

#[tokio::test]
async fn a_call_is_measured_while_it_goes_on() {
    let rig = Rig::start(with_admin).await;
    let (client, operator) = (rig.client(), Operator::of(&rig));
    let mut line = Line::open(&client, "offhook.v1.bin").await;
    line.acks = false;
    let said = numbered(24_000);
    line.ask_for(&said).await;
    line.until("response.done").await;
    let during = operator.samples().await;
    let messages = during.of("websocket_message_duration_seconds_count");
    assert!(messages >= 53.0, "50 frames and three events: {messages}");
    assert_eq!(
        during.of("websocket_message_duration_seconds_bucket{le=\"+Inf\"}"),
        messages
    );
    // A second of audio that nobody has acknowledged is kept.
    let kept = during.of("offhook_session_kept_bytes");
    assert!(kept > 48_000.0, "{kept}");
    assert!(kept < during.of("offhook_session_kept_limit_bytes"));
    // It was read, so nothing waits.
    operator.sees("websocket_buffered_amount_bytes", 0.0).await;
    line.tell(&json!({ "type": "offhook.bye", "reason": "done" }))
        .await;
    assert_eq!(line.call.close().await.code, 1000);
    drop(line);
    operator.sees("offhook_session_kept_bytes", 0.0).await;
    let hung_up = "websocket_closes_total{by=\"server\",code=\"1000\"}";
    operator.sees(hung_up, 1.0).await;
    rig.stop().await;
}

#[tokio::test]
async fn sessions_that_go_on_are_counted_with_what_they_lost() {
    let rig = Rig::start(with_admin).await;
    let (client, operator) = (rig.client(), Operator::of(&rig));
    let mut line = Line::open(&client, "offhook.v1").await;
    line.cut().await;
    operator
        .sees("offhook_sessions{state=\"waiting\"}", 1.0)
        .await;
    line.resume(&client, 1).await;
    operator
        .sees("offhook_sessions{state=\"attached\"}", 1.0)
        .await;
    // Ten frames never come; the number stands for all of them.
    line.tell(&json!({
        "type": "offhook.gap", "seq": 1, "through": 10,
        "from_ms": 0, "to_ms": 200, "reason": "window_full",
    }))
    .await;
    operator
        .sees("offhook_gap_seconds_total{direction=\"input\"}", 0.2)
        .await;
    // Nobody loses more than a session is long, whatever it says.
    line.tell(&json!({
        "type": "offhook.gap", "seq": 11, "through": 12,
        "from_ms": 0, "to_ms": u64::MAX, "reason": "window_full",
    }))
    .await;
    operator
        .sees("offhook_gap_seconds_total{direction=\"input\"}", 3600.0)
        .await;

    let resumes = |result: &str| format!("offhook_session_resumes_total{{result=\"{result}\"}}");
    let (mut wrong, _) = line.connect(&client).await;
    wrong
        .send(&json!({
            "type": "session.resume", "session_id": line.session, "epoch": line.epoch,
            "last_seq": 99, "next_seq": 1,
        }))
        .await;
    assert_eq!(wrong.close().await.code, 4410);
    operator.sees(&resumes("bad_sequence"), 1.0).await;
    let (mut stranger, _) = line.connect(&client).await;
    stranger
        .send(&json!({
            "type": "session.resume", "session_id": line.session, "epoch": "another",
            "last_seq": 0, "next_seq": 13,
        }))
        .await;
    assert_eq!(stranger.close().await.code, 4410);
    operator.sees(&resumes("unknown_session"), 1.0).await;
    let samples = operator.samples().await;
    assert_eq!(samples.of(&resumes("resumed")), 1.0);
    let refused = "websocket_closes_total{by=\"server\",code=\"4410\"}";
    assert_eq!(samples.of(refused), 2.0);
    drop(line);
    rig.stop().await;
}

#[tokio::test]
async fn tokens_and_proofs_are_counted_by_what_was_wrong() {
    let rig = Rig::start(with_admin).await;
    let (client, operator) = (rig.client(), Operator::of(&rig));
    let mut line = Line::open(&client, "offhook.v1").await;
    let refused = client.mint().bearer_auth("nobody");
    assert_eq!(answer(refused).await.0, 401);
    let body = json!({ "expires_after": { "seconds": 1 } });
    let short = client.mint().bearer_auth(KEY).json(&body);
    assert_eq!(answer(short).await.0, 400);
    // A proof without a nonce, and one of which nobody can make anything.
    let owner = Prover::new(&client);
    let proof = owner.proof("POST", MINT, None);
    let request = client.mint().bearer_auth(KEY).header("dpop", proof);
    assert_eq!(answer(request).await.0, 401);
    let request = client.mint().bearer_auth(KEY).header("dpop", "no.proof.");
    assert_eq!(answer(request).await.0, 401);

    let fresh = client.token_for(&line.session).await;
    for (token, answered) in [(fresh.as_str(), "session.refreshed"), (&fresh, "error")] {
        line.tell(&json!({ "type": "session.refresh", "token": token }))
            .await;
        line.until(answered).await;
    }
    let other = client.token().await;
    let elsewhere = client.upgrade("/v1/realtime").bearer_auth(&other);
    drop(
        elsewhere
            .header("user-agent", "another")
            .send()
            .await
            .unwrap(),
    );

    operator
        .sees("offhook_fingerprint_mismatches_total", 1.0)
        .await;
    let samples = operator.samples().await;
    for (name, count) in [
        ("offhook_token_mints_total{result=\"minted\"}", 3.0),
        ("offhook_token_mints_total{result=\"invalid_api_key\"}", 1.0),
        ("offhook_token_mints_total{result=\"invalid_value\"}", 1.0),
        ("offhook_token_mints_total{result=\"use_dpop_nonce\"}", 1.0),
        ("offhook_dpop_failures_total{reason=\"nonce\"}", 1.0),
        ("offhook_dpop_failures_total{reason=\"invalid\"}", 1.0),
        ("offhook_token_refreshes_total{result=\"refreshed\"}", 1.0),
        ("offhook_token_refreshes_total{result=\"spent\"}", 1.0),
    ] {
        assert_eq!(samples.of(name), count, "{name}: {samples:?}");
    }
    rig.stop().await;
}

#[tokio::test]
async fn the_heart_beats_without_being_looked_at() {
    let began = unix_s();
    let rig = Rig::start(with_admin).await;
    let operator = Operator::of(&rig);
    let name = "offhook_heartbeat_timestamp_seconds";
    let mut beats = Vec::new();
    while beats.len() < 2 {
        let beat = operator.samples().await.of(name);
        if beat > 0.0 && beats.last() != Some(&beat) {
            beats.push(beat);
        }
    }
    assert!(beats[0] >= began as f64, "{beats:?}");
    // One is missed at most, on a machine with much to do.
    let every = Duration::from_secs_f64(beats[1] - beats[0]);
    assert!((Duration::from_millis(900)..Duration::from_secs(5)).contains(&every));
    let samples = operator.samples().await;
    assert!(samples.of("offhook_start_timestamp_seconds") >= began as f64);
    let version = env!("CARGO_PKG_VERSION");
    let build = format!("offhook_build_info{{version=\"{version}\"}}");
    assert_eq!(samples.of(&build), 1.0);
    rig.stop().await;
}

#[tokio::test]
async fn bridges_in_one_process_count_apart() {
    let (one, other) = (Rig::start(with_admin).await, Rig::start(with_admin).await);
    let embedded = Embedded::start().await.unwrap();
    let line = Line::open(&one.client(), "offhook.v1").await;
    let started = "offhook_sessions_started_total";
    assert_eq!(Operator::of(&one).samples().await.of(started), 1.0);
    assert_eq!(Operator::of(&other).samples().await.of(started), 0.0);
    drop(line);
    embedded.stop().await;
    one.stop().await;
    other.stop().await;
}
