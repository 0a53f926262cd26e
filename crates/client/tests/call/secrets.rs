//! Tokens, keys and credentials are shown to servers and to nobody else.

use std::io;
use std::process::Command;
use std::sync::{Arc, Mutex};

use offhook_client::{Config, Credential, Endpoint, Reuse, Tokens};
use serde_json::json;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::peer::V1;
use crate::rig::{Bridge, connector};

/// All that is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// In a process of its own: what one thread logs is decided with the others' loggers.
#[test]
fn no_log_says_a_token_whatever_happens_to_it() {
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "secrets::whatever_happens_to_tokens"])
        .args(["--ignored", "--nocapture"])
        .status()
        .unwrap();
    assert!(status.success(), "{status}");
}

#[tokio::test]
#[ignore = "run by another test, in a process of its own"]
async fn whatever_happens_to_tokens() {
    let log = Log::default();
    // The WebSocket library's trace shows every frame, and so no program may turn it on.
    let filter = EnvFilter::new("trace,tungstenite=debug");
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(log.clone())
        .init();

    let bridge = Bridge::start().await;
    let mut caller = bridge.call();
    let mut said = format!("{:?}", caller.call);
    let mut peer = bridge.attempt(V1).await;
    peer.hello(1, Some(0)).await;
    peer.created().await;
    caller.live().await;
    // Not had, had and refused, had and taken.
    let asked = bridge.asked().await;
    asked.answer("503 Service Unavailable", "", "").await;
    let asked = bridge.asked().await;
    bridge.give(asked).await;
    let refresh = peer.event().await;
    let token = refresh["token"].as_str().unwrap();
    assert!(token.contains("canary"), "{token}");
    let error = json!({"type": "error", "error": {"type": "invalid_request_error",
        "message": "No.", "event_id": refresh["event_id"]}});
    peer.tell(error).await;
    let asked = bridge.asked().await;
    bridge.give(asked).await;
    assert_eq!(peer.event().await["type"], "session.refresh");
    let away = json!({"type": "offhook.go_away", "reason": "restart", "deadline_ms": 5000,
        "reconnect_after_ms": 0, "resume_url": "ws://user:canary-url@127.0.0.2"});
    peer.say(away).await;
    let mut next = bridge.attempt(V1).await;
    next.resume(2, 0, 0).await;
    drop(peer);
    next.close(4403, "session.revoked").await;
    caller
        .until(|event| {
            let event = format!("{event:?}");
            said.push_str(&event);
            event.contains("Revoked").then_some(())
        })
        .await;

    let said = said + &log.text();
    assert!(said.contains("connected"), "it is logged at all: {said}");
    assert!(said.contains("is ignored"), "{said}");
    assert!(!said.contains("canary"), "{said}");
}

#[test]
fn nothing_that_holds_a_credential_shows_it() {
    let credentials = [
        Credential::Key("canary-key".into()),
        Credential::ApiKey("canary-key".into()),
        Credential::Mint {
            access_token: Some("canary-access".into()),
        },
    ];
    for credential in credentials {
        let endpoint = Endpoint::new("https://bridge.example", credential.clone()).unwrap();
        let (agent, connector) = ("test".to_owned(), connector());
        let tokens = Tokens::new(
            connector.clone(),
            endpoint.clone(),
            agent.clone(),
            Reuse::Once,
        );
        let config = Config {
            connector,
            endpoint: endpoint.clone(),
            agent,
            session: Default::default(),
        };
        let shown = format!("{credential:?} {endpoint:?} {config:?} {tokens:?}");
        assert!(!shown.contains("canary"), "{shown}");
    }
}
