//! The admin API: who may use it, and what it does to real sessions.

use std::collections::BTreeSet;
use std::time::Duration;

use offhook_bridge::AdminConfig;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::line::Line;
use crate::operator::{Operator, TOKEN, with_admin};
use crate::rig::{KEY, Rig, answer, in_time};

fn code(body: &Value) -> &str {
    body["error"]["code"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn only_the_operator_is_answered() {
    let rig = Rig::start(with_admin).await;
    let operator = Operator::of(&rig);
    for path in ["/metrics", "/admin/v1/sessions", "/admin/v1/nothing"] {
        for request in [
            operator.client.get(path),
            operator.client.get(path).bearer_auth(KEY),
            operator.client.get(path).bearer_auth(""),
            operator.client.get(path).basic_auth("admin", Some(TOKEN)),
            operator
                .client
                .get(path)
                .bearer_auth(TOKEN)
                .bearer_auth(TOKEN),
        ] {
            let response = in_time(request.send()).await.unwrap();
            assert_eq!(response.status(), 401, "{path}");
            assert_eq!(response.headers()["www-authenticate"], "Bearer");
            let kind = response.headers()["content-type"].clone();
            assert_eq!(kind, "application/problem+json");
        }
    }
    let drain = operator.client.request(Method::POST, "/admin/v1/drain");
    assert_eq!(answer(drain).await.0, 401);
    for path in ["/healthz", "/readyz"] {
        assert_eq!(answer(operator.client.get(path)).await.0, 200);
    }
    let (status, body) = operator.get("/admin/v1/nothing").await;
    assert_eq!((status, code(&body)), (404, "no_such_path"));
    let (status, body) = operator.get("/admin/v1/drain").await;
    assert_eq!((status, code(&body)), (405, "method_not_allowed"));
    // None of it is where clients come.
    let client = rig.client();
    for path in ["/metrics", "/readyz", "/admin/v1/status"] {
        assert_eq!(answer(client.get(path).bearer_auth(TOKEN)).await.0, 404);
    }
    rig.stop().await;
}

#[tokio::test]
async fn without_a_token_no_page_of_a_browser_is_served() {
    let rig = Rig::start(|config| {
        config.admin = Some(AdminConfig {
            listen: "127.0.0.1:0".parse().unwrap(),
            token: None,
        });
    })
    .await;
    let operator = Operator::of(&rig).client;
    assert_eq!(answer(operator.get("/admin/v1/status")).await.0, 200);
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("sec-fetch-site", "same-origin"),
        ("host", "evil.example"),
    ] {
        let drain = operator.request(Method::POST, "/admin/v1/drain");
        let (status, body) = answer(drain.header(name, value)).await;
        assert_eq!((status, code(&body)), (403, "not_for_pages"), "{name}");
    }
    assert_eq!(answer(operator.get("/readyz")).await.0, 200);
    rig.stop().await;
}

#[tokio::test]
async fn sessions_are_listed_page_by_page() {
    let rig = Rig::start(with_admin).await;
    let (client, operator) = (rig.client(), Operator::of(&rig));
    let (_, nothing) = operator.get("/admin/v1/sessions").await;
    assert_eq!(nothing, json!({ "sessions": [], "next": null }));
    let mut lines = Vec::new();
    for _ in 0..5 {
        lines.push(Line::open(&client, "offhook.v1").await);
    }
    lines[0].cut().await;
    operator
        .sees("offhook_sessions{state=\"waiting\"}", 1.0)
        .await;
    let (mut seen, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let (status, page) = operator
            .get(&format!("/admin/v1/sessions?limit=2{cursor}"))
            .await;
        assert_eq!(status, 200, "{page}");
        seen.extend(page["sessions"].as_array().unwrap().clone());
        pages += 1;
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!((pages, seen.len()), (3, 5));
    let ids: BTreeSet<_> = seen.iter().map(|it| it["id"].as_str().unwrap()).collect();
    assert_eq!(
        ids,
        lines.iter().map(|line| line.session.as_str()).collect()
    );
    for session in &seen {
        let waits = session["id"] == *lines[0].session;
        assert_eq!(session["state"], if waits { "waiting" } else { "attached" });
        assert_eq!(
            (&session["user"], &session["agent"], &session["connections"]),
            (&json!("local"), &json!("test"), &json!(1))
        );
        assert!(session["age_s"].as_u64().unwrap() < 60);
    }
    for query in ["limit=0", "limit=1001", "limit=many"] {
        let (status, body) = operator.get(&format!("/admin/v1/sessions?{query}")).await;
        assert_eq!((status, code(&body)), (400, "invalid_value"), "{query}");
    }
    let (_, status) = operator.get("/admin/v1/status").await;
    assert_eq!(status["sessions"], json!({ "attached": 4, "waiting": 1 }));
    assert_eq!(status["limits"]["sessions"], 256);
    assert_eq!(status["draining"], false);
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    drop(lines);
    rig.stop().await;
}

#[tokio::test]
async fn what_is_revoked_is_closed_at_once() {
    let rig = Rig::start(with_admin).await;
    let (client, operator) = (rig.client(), Operator::of(&rig));
    let mut line = Line::open(&client, "offhook.v1").await;
    let mut other = Line::open(&client, "offhook.v1").await;
    let path = format!("/admin/v1/sessions/{}", line.session);
    for wrong in ["?reason=", "?reason=Because%20I%20say%20so"] {
        let (status, body) = operator.delete(&format!("{path}{wrong}")).await;
        assert_eq!((status, code(&body)), (400, "invalid_value"));
    }
    let (status, body) = operator.delete(&format!("{path}?reason=fraud")).await;
    assert_eq!((status, body), (200, json!({ "revoked": 1 })));
    assert_eq!(line.until("session.revoked").await["reason"], "fraud");
    assert_eq!(line.call.close().await.code, 4403);
    drop(line);
    client.has_sessions(1).await;
    let (status, body) = operator.delete(&path).await;
    assert_eq!((status, code(&body)), (404, "no_such_session"));
    let (status, _) = operator.delete("/admin/v1/sessions/a%20b").await;
    assert_eq!(status, 400);

    let nobody = "/admin/v1/users/https%3A%2F%2Flogin.example%23anna/sessions";
    assert_eq!(operator.delete(nobody).await.1, json!({ "revoked": 0 }));
    let (status, body) = operator.delete("/admin/v1/users/local/sessions").await;
    assert_eq!((status, body), (200, json!({ "revoked": 1 })));
    let told = other.until("session.revoked").await;
    assert_eq!(told["reason"], "operator_request");
    assert_eq!(other.call.close().await.code, 4403);
    let closes = "websocket_closes_total{by=\"server\",code=\"4403\"}";
    operator.sees(closes, 2.0).await;
    rig.stop().await;
}

#[tokio::test]
async fn a_drain_ends_the_bridge_once_its_clients_have_left() {
    let rig = Rig::start(|config| {
        with_admin(config);
        // Far more than the test takes: it ends because the client goes.
        config.drain = Duration::from_secs(15);
    })
    .await;
    let (client, operator) = (rig.client(), Operator::of(&rig));
    let mut line = Line::open(&client, "offhook.v1").await;
    let (status, body) = answer(operator.ask(Method::POST, "/admin/v1/drain")).await;
    assert_eq!(status, 202);
    assert_eq!(body, json!({ "draining": true, "sessions": 1 }));
    line.until("offhook.go_away").await;
    let (status, body) = answer(operator.client.get("/readyz")).await;
    assert_eq!((status, code(&body)), (503, "draining"));
    assert_eq!(answer(operator.client.get("/healthz")).await.0, 200);
    assert_eq!(operator.get("/admin/v1/status").await.1["draining"], true);
    operator.sees("offhook_draining", 1.0).await;
    line.tell(&json!({ "type": "offhook.bye", "reason": "moving" }))
        .await;
    assert_eq!(line.call.close().await.code, 1000);
    drop(line);
    let admin = rig.admin.unwrap();
    rig.ended().await;
    assert!(TcpStream::connect(admin).await.is_err(), "it still listens");
}

#[tokio::test]
async fn a_drain_of_a_bridge_without_clients_is_answered_and_ends_it() {
    let rig = Rig::start(with_admin).await;
    let operator = Operator::of(&rig);
    let (status, body) = answer(operator.ask(Method::POST, "/admin/v1/drain")).await;
    assert_eq!(status, 202);
    assert_eq!(body, json!({ "draining": true, "sessions": 0 }));
    rig.ended().await;
}
