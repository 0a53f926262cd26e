//! Calls in the name of a user who is signed in: every token is bought with an access token that is
//! good now, and everything is bound to the user's key.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use offhook_client::proto::client::{self, Cause, End, Failure, State};
use offhook_client::{Access, Accessing, Credential, ProofKey, SignIn};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::peer::{BINARY, Heard, Peer};
use crate::rig::{Asked, Bridge, Caller, dial};

/// Gives what it was told to, one after the other; then the user is signed out.
#[derive(Debug)]
struct User {
    key: Arc<ProofKey>,
    tokens: Mutex<VecDeque<&'static str>>,
    /// What the server refused.
    refused: Mutex<Vec<String>>,
}

impl User {
    fn with(tokens: &[&'static str]) -> Arc<Self> {
        Arc::new(Self {
            key: Arc::new(ProofKey::generate().unwrap()),
            tokens: Mutex::new(tokens.iter().copied().collect()),
            refused: Mutex::default(),
        })
    }

    fn call(self: &Arc<Self>, bridge: &Bridge) -> Caller {
        let credential = Credential::SignedIn(Arc::clone(self) as Arc<dyn SignIn>);
        let url = format!("http://{}", bridge.address);
        dial(&url, credential, client::Config::default())
    }
}

impl SignIn for User {
    fn access<'a>(&'a self, refused: Option<&'a SecretString>) -> Accessing<'a> {
        if let Some(refused) = refused {
            let refused = refused.expose_secret().to_owned();
            self.refused.lock().unwrap().push(refused);
        }
        let token = self.tokens.lock().unwrap().pop_front();
        let access = token.map(|token| Access {
            token: token.into(),
            bound: true,
            key: Arc::clone(&self.key),
        });
        Box::pin(async move { access.ok_or(Failure::SignedOut) })
    }
}

/// The claims of a proof.
fn claims(proof: &str) -> Value {
    let claims = proof.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap()
}

impl Asked {
    fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.request.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

#[tokio::test]
async fn every_token_is_bought_with_and_bound_to_the_users_key() {
    let bridge = Bridge::start().await;
    let user = User::with(&["one", "two"]);
    let mut caller = user.call(&bridge);
    let asked = bridge.asked().await;
    assert_eq!(asked.header("authorization"), Some("DPoP one"));
    let proof = claims(asked.header("dpop").expect("a proof"));
    let base = format!("http://{}/v1/realtime", bridge.address);
    assert_eq!(proof["htu"], format!("{base}/client_secrets"));
    assert!(proof["ath"].is_string(), "{proof}");
    let token = bridge.give(asked).await;

    let mut peer = bridge.upgrade(BINARY).await;
    let header = |name: &str| peer.request.headers()[name].to_str().unwrap();
    assert_eq!(header("authorization"), format!("DPoP {token}"));
    let proof = claims(header("dpop"));
    assert_eq!(
        (&proof["htm"], &proof["htu"]),
        (&json!("GET"), &json!(base))
    );

    // In band, with the connection's nonce.
    peer.say(json!({
        "type": "offhook.hello", "heartbeat_ms": 250, "resume_window_ms": 30_000,
        "max_frame_bytes": 1 << 20, "server_time": 0, "session_id": "sess_1",
        "epoch": "epoch_1", "generation": 1, "features": [], "nonce": "n-1", "refresh_in_ms": 50,
    }))
    .await;
    peer.created().await;
    caller.live().await;
    let asked = bridge.asked().await;
    assert_eq!(asked.header("authorization"), Some("DPoP two"));
    let token = bridge.give(asked).await;
    let refresh = event(&mut peer).await;
    assert_eq!(refresh["type"], "session.refresh");
    assert_eq!(refresh["token"], token);
    let proof = claims(refresh["proof"].as_str().expect("a proof"));
    assert_eq!(
        (&proof["htm"], &proof["htu"]),
        (&json!("GET"), &json!(base))
    );
    assert_eq!(proof["nonce"], "n-1");
}

async fn event(peer: &mut Peer) -> Value {
    match peer.hear().await {
        Heard::Event(event) => event,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_access_token_that_is_refused_is_replaced_once() {
    let bridge = Bridge::start().await;
    let user = User::with(&["stale", "fresh", "also stale"]);
    let mut caller = user.call(&bridge);
    let asked = bridge.asked().await;
    asked.answer("401 Unauthorized", "", "").await;
    let asked = bridge.asked().await;
    assert_eq!(asked.header("authorization"), Some("DPoP fresh"));
    asked.answer("401 Unauthorized", "", "").await;
    assert!(matches!(
        caller.ended().await,
        End::Failed(Failure::Refused { status: 401, .. })
    ));
    assert_eq!(*user.refused.lock().unwrap(), ["stale"]);
    bridge.assert_quiet();
}

#[tokio::test]
async fn a_call_in_progress_waits_for_its_user_to_sign_in_again() {
    let bridge = Bridge::start().await;
    let user = User::with(&["one"]);
    let mut caller = user.call(&bridge);
    let token = bridge.asked().await;
    bridge.give(token).await;
    let mut peer = bridge.upgrade(BINARY).await;
    peer.open(&mut caller).await;
    drop(peer);
    caller
        .state(|state| {
            let signed_out = matches!(
                state,
                State::Reconnecting {
                    cause: Cause::SignedOut,
                    ..
                }
            );
            signed_out.then_some(())
        })
        .await;
    user.tokens.lock().unwrap().push_back("again");
    caller.call.retry_now().unwrap();
    let asked = bridge.asked().await;
    assert_eq!(asked.header("authorization"), Some("DPoP again"));
    bridge.give(asked).await;
    let mut peer = bridge.upgrade(BINARY).await;
    peer.resume(2, 0, 0).await;
    assert!(caller.back().await.resumed);
}

#[tokio::test]
async fn a_key_in_a_header_of_its_own_is_shown_there_only() {
    let bridge = Bridge::start().await;
    let key = Credential::ApiKey("canary-key".into());
    let url = format!("ws://{}", bridge.address);
    let _caller = dial(&url, key, client::Config::default());
    let peer = bridge.upgrade(None).await;
    assert_eq!(peer.request.headers()["api-key"], "canary-key");
    assert!(!peer.request.headers().contains_key("authorization"));
    assert_eq!(peer.request.uri().query(), Some("model=test"));
}
