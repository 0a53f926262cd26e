//! The ways to present a token, on and off, alone and together.

use offhook_bridge::AuthMethod;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;

use crate::line::Line;
use crate::rig::{Call, Client, KEY, Rig, answer};

const PATH: &str = "/v1/realtime";
const PAGE: &str = "https://phone.example";

async fn rig(allowed: &[AuthMethod]) -> Rig {
    Rig::start(|config| {
        config.allowed_auth = allowed.to_vec();
        config.allowed_origins = vec![PAGE.into()];
    })
    .await
}

/// A connection that has yet to show its token.
async fn stranger(client: &Client) -> Call {
    client.call_at("?auth=message", &[]).await
}

#[tokio::test]
async fn what_is_off_is_refused_or_passed_over() {
    let rig = rig(&[]).await;
    let client = rig.client();
    let token = client.token().await;
    let query = format!("{PATH}?token={token}");
    let cookie = || format!("offhook_token={token}");
    let page = |path: &str| client.upgrade(path).header("origin", PAGE);
    for (request, status, code) in [
        (client.upgrade(&query), 401, "auth_method_off"),
        (
            client.upgrade(&format!("{PATH}?auth=message")),
            401,
            "auth_method_off",
        ),
        (
            client.upgrade(&format!("{PATH}?auth=query")),
            400,
            "invalid_value",
        ),
        (
            page(PATH).header("cookie", cookie()),
            401,
            "missing_api_key",
        ),
        (
            client.upgrade(&query).bearer_auth(KEY),
            400,
            "several_credentials",
        ),
    ] {
        let (got, body) = answer(request).await;
        assert_eq!((got, &body["error"]["code"]), (status, &json!(code)));
    }
    // A browser sends its cookies along, whatever else lets it in.
    let request = page(PATH).header("cookie", cookie()).bearer_auth(&token);
    assert_eq!(request.send().await.unwrap().status(), 101);
    rig.stop().await;
}

#[tokio::test]
async fn a_token_in_the_address_is_short_lived_and_used_once() {
    let rig = rig(&[AuthMethod::Query]).await;
    let client = rig.client();
    let token = client.token().await;
    let mut call = client.call_at(&format!("?token={token}"), &[]).await;
    assert_eq!(call.event().await["type"], "session.created");
    let long = json!({ "expires_after": { "anchor": "created_at", "seconds": 61 } });
    let reusable = json!({ "offhook": { "reusable": true } });
    let (long, reusable) = (client.token_of(long).await, client.token_of(reusable).await);
    let fresh = client.token().await;
    let with = |token: &str| client.upgrade(&format!("{PATH}?token={token}"));
    let offer = format!("realtime, openai-insecure-api-key.{fresh}");
    for (request, status, code) in [
        (with(&token), 409, "token_used"),
        (with(&long), 401, "token_not_for_addresses"),
        (with(&reusable), 401, "token_not_for_addresses"),
        (with(KEY), 401, "invalid_api_key"),
        (with(""), 401, "invalid_api_key"),
        (
            with(&format!("{fresh}&token={fresh}")),
            400,
            "invalid_request",
        ),
        (with(&fresh).bearer_auth(&fresh), 400, "several_credentials"),
        (
            with(&fresh).header("sec-websocket-protocol", offer),
            400,
            "several_credentials",
        ),
        (
            with(&format!("{fresh}&auth=message")),
            400,
            "several_credentials",
        ),
        (
            with(&fresh).header("origin", "https://evil.example"),
            403,
            "origin_not_allowed",
        ),
    ] {
        let (got, body) = answer(request).await;
        assert_eq!((got, &body["error"]["code"]), (status, &json!(code)));
    }
    // None of that cost the token.
    assert_eq!(with(&fresh).send().await.unwrap().status(), 101);
    rig.stop().await;
}

#[tokio::test]
async fn a_cookie_counts_for_pages_of_an_allowed_origin_only() {
    let rig = rig(&[AuthMethod::Cookie]).await;
    let client = rig.client();
    let token = client.token().await;
    let with = |token: &str| {
        let cookie = format!("theme=dark; offhook_token={token}");
        client.upgrade(PATH).header("cookie", cookie)
    };
    for (request, status, code) in [
        (with(&token), 403, "origin_not_allowed"),
        (
            with(&token).header("origin", "null"),
            403,
            "origin_not_allowed",
        ),
        (
            with(&token).header("origin", "https://evil.example"),
            403,
            "origin_not_allowed",
        ),
        (with(KEY).header("origin", PAGE), 401, "invalid_api_key"),
        (
            with(&token).header("origin", PAGE).bearer_auth(KEY),
            400,
            "several_credentials",
        ),
    ] {
        let (got, body) = answer(request).await;
        assert_eq!((got, &body["error"]["code"]), (status, &json!(code)));
    }
    let cookie = format!("offhook_token={token}");
    let headers = [("cookie", cookie.as_str()), ("origin", PAGE)];
    let mut call = client.call(&headers).await;
    assert_eq!(call.event().await["type"], "session.created");
    rig.stop().await;
}

#[tokio::test]
async fn a_first_message_lets_in_and_nothing_is_done_before() {
    let rig = rig(&[AuthMethod::FirstMessage]).await;
    let client = rig.client();
    let mut call = stranger(&client).await;
    client.has_sessions(0).await;
    let token = client.token().await;
    // What follows in the same breath is the session's.
    call.send(&json!({ "type": "auth", "token": token })).await;
    call.send(&json!({ "type": "response.create" })).await;
    assert_eq!(call.event().await["type"], "session.created");
    let events = call.events_until("response.created").await;
    assert_eq!(events.len(), 1);
    // Long messages are fine now.
    call.append(&[0; 24_000]).await;
    call.send(&json!({ "type": "input_audio_buffer.clear" }))
        .await;
    call.events_until("input_audio_buffer.cleared").await;
    // A session can be gone on with in this way, too.
    let mut line = Line::open(&client, "offhook.v1").await;
    line.cut().await;
    let query = format!("?auth=message&session={}", line.session);
    let offer = [("sec-websocket-protocol", "offhook.v1")];
    let mut call = client.call_at(&query, &offer).await;
    let token = client.token_for(&line.session).await;
    call.send(&json!({ "type": "auth", "token": token })).await;
    assert_eq!(call.event().await["generation"], 2);
    rig.stop().await;
}

#[tokio::test]
async fn a_first_message_that_is_no_token_is_the_last() {
    let rig = rig(&[AuthMethod::FirstMessage]).await;
    let client = rig.client();
    let used = client.token().await;
    let auth = |token: &str| json!({ "type": "auth", "token": token }).to_string();
    let mut call = stranger(&client).await;
    call.send_text(auth(&used)).await;
    call.event().await;
    for (text, code, close) in [
        (auth("ek_a.b.c"), Some("invalid_api_key"), 3000),
        (auth(KEY), Some("invalid_api_key"), 3000),
        (auth(&used), Some("token_used"), 3000),
        (json!({ "type": "response.create" }).to_string(), None, 1008),
        ("{".into(), None, 1008),
        ("x".repeat(5000), None, 1009),
        ("x".repeat(1 << 20), None, 1009),
    ] {
        let mut call = stranger(&client).await;
        call.send_text(text).await;
        if let Some(code) = code {
            assert_eq!(call.event().await["error"]["code"], code);
        }
        assert_eq!(call.close().await.code, close);
    }
    client.has_sessions(1).await;
    let both = client.upgrade(&format!("{PATH}?auth=message"));
    let (status, body) = answer(both.bearer_auth(KEY)).await;
    let code = &body["error"]["code"];
    assert_eq!((status, code), (400, &json!("several_credentials")));
    rig.stop().await;
}

#[tokio::test]
async fn strangers_are_few_and_do_not_stay() {
    let rig = rig(&[AuthMethod::FirstMessage]).await;
    let client = rig.client();
    let mut strangers = Vec::new();
    for _ in 0..8 {
        strangers.push(stranger(&client).await);
    }
    let path = format!("{PATH}?auth=message");
    let refused = client.upgrade(&path).send().await.unwrap();
    assert_eq!(refused.status(), 429);
    assert!(refused.headers().contains_key("retry-after"));
    // Others are not kept out by them.
    client.plain_call().await;
    // Half a message is none: the time runs from the upgrade.
    let io = strangers[0].socket.get_mut();
    io.write_all(&[0x81, 0x85, 0, 0, 0, 0, b'{']).await.unwrap();
    for call in &mut strangers {
        assert_eq!(call.close().await.code, 3008);
    }
    drop(strangers);
    let mut call = stranger(&client).await;
    let token = client.token().await;
    call.send(&json!({ "type": "auth", "token": token })).await;
    assert_eq!(call.event().await["type"], "session.created");
    rig.stop().await;
}
