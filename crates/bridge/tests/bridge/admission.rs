//! Who gets in: minting, and the checks before an upgrade.

use offhook_bridge::Access;
use serde_json::json;

use crate::rig::{KEY, Rig, answer};

#[tokio::test]
async fn every_refusal_has_its_status_before_the_upgrade() {
    let rig =
        Rig::start(|config| config.allowed_origins = vec!["https://phone.example".into()]).await;
    let client = rig.client();
    let used = client.token().await;
    let mut call = client
        .call(&[("authorization", &format!("Bearer {used}"))])
        .await;
    assert_eq!(call.event().await["type"], "session.created");
    let path = "/v1/realtime";
    let offer = |token: &str| format!("realtime, openai-insecure-api-key.{token}");
    let authorised = || client.upgrade(path).bearer_auth(KEY);
    for (request, status, code) in [
        (client.upgrade(path), 401, "missing_api_key"),
        (
            client.upgrade(path).bearer_auth("wrong"),
            401,
            "invalid_api_key",
        ),
        (
            client.upgrade(path).bearer_auth("ek_a.b.c"),
            401,
            "invalid_api_key",
        ),
        (
            client.upgrade(path).basic_auth("user", Some(KEY)),
            401,
            "invalid_api_key",
        ),
        (
            authorised().header("sec-websocket-protocol", offer("ek_x")),
            400,
            "several_credentials",
        ),
        (client.upgrade(path).bearer_auth(&used), 409, "token_used"),
        (
            client
                .upgrade(path)
                .header("sec-websocket-protocol", offer(&used)),
            409,
            "token_used",
        ),
        (
            client.upgrade("/v1/realtime?agent=nobody").bearer_auth(KEY),
            404,
            "agent_not_found",
        ),
        (
            authorised().header("origin", "https://evil.example"),
            403,
            "origin_not_allowed",
        ),
        (
            authorised().header("origin", "https://phone.example.evil.example"),
            403,
            "origin_not_allowed",
        ),
        (client.get(path).bearer_auth(KEY), 426, "websocket_required"),
        (client.get("/v1/other"), 404, "no_such_path"),
        (
            client.get("/v1/realtime/client_secrets"),
            405,
            "method_not_allowed",
        ),
    ] {
        let (got, body) = answer(request).await;
        assert_eq!(got, status, "{code}: {body}");
        assert_eq!(body["error"]["code"], code);
        assert_eq!(body["status"], status);
        assert!(body["detail"].as_str().unwrap().ends_with('.'), "{body}");
    }
    let refused = client.upgrade(path).send().await.unwrap();
    let kind = refused.headers().get("content-type").unwrap();
    assert_eq!(kind, "application/problem+json");
    assert_eq!(refused.headers().get("www-authenticate").unwrap(), "Bearer");
    let page = authorised().header("origin", "https://phone.example");
    assert_eq!(page.send().await.unwrap().status(), 101);
    rig.stop().await;
}

#[tokio::test]
async fn a_full_bridge_says_when_to_come_back() {
    let rig = Rig::start(|config| config.max_sessions = 1).await;
    let client = rig.client();
    let call = client.plain_call().await;
    let health = answer(client.get("/healthz")).await;
    assert_eq!(health.1["sessions"], 1);
    let upgrade = || client.upgrade("/v1/realtime").bearer_auth(KEY);
    let refused = upgrade().send().await.unwrap();
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    // A client that vanishes leaves its place to others.
    drop(call);
    client.has_sessions(0).await;
    client.plain_call().await;
    rig.stop().await;
}

#[tokio::test]
async fn tokens_are_minted_for_whoever_may() {
    let rig = Rig::start(|_| ()).await;
    let client = rig.client();
    let ask = |body| client.mint().bearer_auth(KEY).json(&body);
    let lives =
        |seconds| json!({ "expires_after": { "anchor": "created_at", "seconds": seconds } });
    let body = json!({ "session": { "type": "realtime", "model": "gpt-realtime" } });
    let (status, minted) = answer(ask(body)).await;
    assert_eq!(status, 200);
    assert!(minted["value"].as_str().unwrap().starts_with("ek_"));
    assert!(minted["expires_at"].is_u64());
    assert_eq!(minted["session"]["model"], "gpt-realtime");
    for (request, status) in [
        (client.mint(), 401),
        (client.mint().bearer_auth("wrong"), 401),
        (client.mint().bearer_auth(KEY), 200),
        (ask(lives(10)), 200),
        (ask(lives(120)), 200),
        (ask(lives(9)), 400),
        (ask(lives(121)), 400),
        (ask(json!({ "session": { "id": "sess_1" } })), 200),
        (ask(json!({ "session": { "id": "sess 1" } })), 400),
        (ask(json!({ "session": { "agent": "nobody" } })), 404),
        (ask(json!({ "session": { "type": "transcription" } })), 400),
        (ask(json!({ "session": { "voice": "any" } })), 400),
        (ask(json!("text")), 400),
        (client.mint().bearer_auth(KEY).body("{"), 400),
        (client.mint().bearer_auth(KEY).body(vec![b' '; 20_000]), 413),
        (
            client
                .mint()
                .bearer_auth(KEY)
                .header("origin", "https://a.example"),
            403,
        ),
    ] {
        let (got, body) = answer(request).await;
        assert_eq!(got, status, "{body}");
        assert_eq!(body["error"].is_object(), status != 200, "{body}");
    }
    rig.stop().await;
}

#[tokio::test]
async fn a_reusable_token_opens_several_sessions() {
    let rig = Rig::start(|_| ()).await;
    let client = rig.client();
    let body = json!({ "offhook": { "reusable": true } });
    let (_, minted) = answer(client.mint().bearer_auth(KEY).json(&body)).await;
    let bearer = format!("Bearer {}", minted["value"].as_str().unwrap());
    let mut sessions = Vec::new();
    for _ in 0..2 {
        let mut call = client.call(&[("authorization", &bearer)]).await;
        sessions.push(call.event().await["session"]["id"].clone());
    }
    assert_ne!(sessions[0], sessions[1]);
    rig.stop().await;
}

#[tokio::test]
async fn in_development_anyone_here_gets_in_but_no_page() {
    let rig = Rig::start(|config| config.access = Access::Development).await;
    let client = rig.client();
    let (status, minted) = answer(client.mint()).await;
    assert_eq!(status, 200);
    let token = minted["value"].as_str().unwrap();
    for key in [token, "whatever"] {
        let upgrade = client.upgrade("/v1/realtime").bearer_auth(key);
        assert_eq!(upgrade.send().await.unwrap().status(), 101);
    }
    let (status, _) = answer(client.upgrade("/v1/realtime")).await;
    assert_eq!(status, 401);
    let page = ("origin", "http://localhost:5173");
    let (status, _) = answer(client.mint().header(page.0, page.1)).await;
    assert_eq!(status, 403);
    let upgrade = client.upgrade("/v1/realtime").bearer_auth("whatever");
    let (status, _) = answer(upgrade.header(page.0, page.1)).await;
    assert_eq!(status, 403);
    rig.stop().await;
}
