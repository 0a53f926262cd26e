//! Access tokens of issuers: what they grant, how keys are found and rotated, and what becomes of
//! clients whose issuer is away.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::routing::get;
use offhook_bridge::{Access, Agent, Caller, IssuerConfig};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::clock::unix_s;
use crate::key::ClientKey;
use crate::prover::{Prover, REALTIME};
use crate::rig::{Rig, answer};

/// Keys and their names.
type Keys = Vec<(String, Arc<ClientKey>)>;

/// An issuer with keys that can be changed.
struct Issuer {
    url: String,
    keys: Arc<Mutex<Keys>>,
    asked: Arc<AtomicUsize>,
    served: JoinHandle<()>,
}

impl Issuer {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let keys: Arc<Mutex<Keys>> = Arc::default();
        let asked = Arc::<AtomicUsize>::default();
        let metadata = json!({ "issuer": url, "jwks_uri": format!("{url}/keys") });
        let (all, count) = (Arc::clone(&keys), Arc::clone(&asked));
        let set = move || {
            count.fetch_add(1, Ordering::Relaxed);
            let keys = all.lock().unwrap();
            let keys = keys.iter().map(|(kid, key)| {
                let mut jwk = key.jwk.clone();
                jwk["kid"] = kid.as_str().into();
                jwk
            });
            let keys: Vec<_> = keys.chain([json!({ "kty": "new" })]).collect();
            async move { axum::Json(json!({ "keys": keys })) }
        };
        let router = axum::Router::new()
            .route(
                "/.well-known/openid-configuration",
                get(async move || axum::Json(metadata)),
            )
            .route("/keys", get(set));
        let served = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let issuer = Self {
            url,
            keys,
            asked,
            served,
        };
        issuer.rotate("one");
        issuer
    }

    /// Has this key from now on, and no other.
    fn rotate(&self, kid: &str) {
        *self.keys.lock().unwrap() = vec![(kid.to_owned(), Arc::new(ClientKey::new()))];
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    fn config(&self) -> IssuerConfig {
        IssuerConfig::new(&self.url, "bridge", "softphone")
    }

    /// An access token of Anna's, with these changes.
    fn token(&self, changes: &Value) -> String {
        let (kid, key) = self.keys.lock().unwrap()[0].clone();
        let mut claims = json!({
            "iss": self.url, "aud": "bridge", "sub": "anna", "iat": unix_s(),
            "exp": unix_s() + 300, "scope": "openid offhook.call",
        });
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let header = json!({ "typ": "at+jwt", "alg": "ES256", "kid": kid });
        key.sign(&header, &claims)
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.served.abort();
    }
}

async fn rig(issuer: &Issuer) -> Rig {
    let config = issuer.config();
    Rig::start(|rig| rig.access = Access::Issuers(vec![config])).await
}

fn code(body: &Value) -> &str {
    body["error"]["code"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn an_access_token_buys_tokens_for_its_user() {
    let issuer = Issuer::start().await;
    let rig = rig(&issuer).await;
    let client = rig.client();
    let with = |token: &str| client.mint().bearer_auth(token);
    let good = issuer.token(&json!({}));
    let (status, minted) = answer(with(&good)).await;
    assert_eq!(status, 200, "{minted}");
    let token = minted["value"].as_str().unwrap();
    let mut call = client
        .call(&[("authorization", &format!("Bearer {token}"))])
        .await;
    assert_eq!(call.event().await["type"], "session.created");
    let user = rig.sessions.list().remove(0).user;
    assert_eq!(user, format!("{}#anna", issuer.url));
    for (changes, status, said) in [
        (json!({ "exp": unix_s() - 60 }), 401, "token_expired"),
        (json!({ "aud": "another" }), 401, "invalid_token"),
        (
            json!({ "iss": "https://evil.example" }),
            401,
            "invalid_token",
        ),
        (json!({ "scope": "openid" }), 403, "insufficient_scope"),
    ] {
        let response = with(&issuer.token(&changes)).send().await.unwrap();
        assert_eq!(response.status(), status);
        assert!(response.headers().contains_key("www-authenticate"));
        assert_eq!(code(&response.json::<Value>().await.unwrap()), said);
    }
    assert_eq!(answer(with("anything")).await.0, 401);
    assert_eq!(answer(client.mint()).await.0, 401);
    // As an SDK's API key, the access token opens a session itself.
    let upgrade = client.upgrade(REALTIME).bearer_auth(&good);
    assert_eq!(upgrade.send().await.unwrap().status(), 101);
    // Whose sessions are revoked needs an access token from after that.
    rig.sessions.revoke_user(&user, "test");
    let (status, body) = answer(with(&good)).await;
    assert_eq!((status, code(&body)), (403, "session_revoked"));
    let later = issuer.token(&json!({ "iat": unix_s() + 5 }));
    assert_eq!(answer(with(&later)).await.0, 200);
    assert_eq!(issuer.asked(), 1);
    rig.stop().await;
}

#[tokio::test]
async fn a_stolen_access_token_is_worth_nothing_without_the_key() {
    let issuer = Issuer::start().await;
    let rig = rig(&issuer).await;
    let client = rig.client();
    let (owner, thief) = (Prover::new(&client), Prover::new(&client));
    let access = issuer.token(&json!({ "cnf": { "jkt": owner.key.jkt } }));
    for request in [
        client.mint().bearer_auth(&access),
        client
            .mint()
            .header("authorization", format!("DPoP {access}")),
        thief.mint(&access).await,
        client.upgrade(REALTIME).bearer_auth(&access),
        thief.upgrade(&access),
        client.upgrade(REALTIME).header(
            "sec-websocket-protocol",
            format!("realtime, openai-insecure-api-key.{access}"),
        ),
    ] {
        let (status, body) = answer(request).await;
        assert_eq!((status, code(&body)), (401, "invalid_dpop_proof"));
    }
    let (status, minted) = answer(owner.mint(&access).await).await;
    assert_eq!(status, 200, "{minted}");
    let token = minted["value"].as_str().unwrap();
    let (status, _) = answer(client.upgrade(REALTIME).bearer_auth(token)).await;
    assert_eq!(status, 401);
    assert_eq!(owner.upgrade(token).send().await.unwrap().status(), 101);
    assert_eq!(owner.upgrade(&access).send().await.unwrap().status(), 101);
    rig.stop().await;
}

#[tokio::test]
async fn a_key_that_is_new_is_asked_for_once() {
    let issuer = Issuer::start().await;
    let rig = rig(&issuer).await;
    let client = rig.client();
    let mint = |token: String| answer(client.mint().bearer_auth(token));
    let old = issuer.token(&json!({}));
    assert_eq!(mint(old.clone()).await.0, 200);
    issuer.rotate("two");
    let fresh = issuer.token(&json!({}));
    // All at once, and one question.
    let both = tokio::join!(mint(fresh.clone()), mint(fresh.clone()), mint(fresh));
    assert_eq!((both.0.0, both.1.0, both.2.0), (200, 200, 200));
    assert_eq!(issuer.asked(), 2);
    let (status, body) = mint(old).await;
    assert_eq!((status, code(&body)), (401, "invalid_token"));
    // Whoever invents names does not make the bridge ask each time.
    issuer.rotate("three");
    assert_eq!(mint(issuer.token(&json!({}))).await.0, 401);
    assert_eq!(issuer.asked(), 2);
    rig.stop().await;
}

#[tokio::test]
async fn nobody_is_signed_out_because_an_issuer_is_away() {
    let issuer = Issuer::start().await;
    let access = issuer.token(&json!({}));
    let first = rig(&issuer).await;
    let mint = |rig: &Rig| rig.client().mint().bearer_auth(&access).send();
    assert_eq!(mint(&first).await.unwrap().status(), 200);
    let config = issuer.config();
    issuer.served.abort();
    // Whoever knows its keys goes on with them; whoever does not cannot say.
    assert_eq!(mint(&first).await.unwrap().status(), 200);
    let second = Rig::start(|rig| rig.access = Access::Issuers(vec![config])).await;
    let response = mint(&second).await.unwrap();
    assert_eq!(response.status(), 503);
    assert!(response.headers().contains_key("retry-after"));
    let body: Value = response.json().await.unwrap();
    assert_eq!(code(&body), "issuer_unreachable");
    first.stop().await;
    second.stop().await;
}

#[tokio::test]
async fn an_agent_is_there_for_those_who_may_call_it() {
    let issuer = Issuer::start().await;
    let config = issuer.config();
    let caller = |text: &str| Caller::try_from(text.to_owned()).unwrap();
    let agent = |id: &str, callers: &[&str]| Agent {
        id: id.to_owned(),
        callers: callers.iter().map(|text| caller(text)).collect(),
        ..Agent::built_in()
    };
    let rig = Rig::start(|rig| {
        rig.access = Access::Issuers(vec![config]);
        rig.agents = vec![
            agent("board", &["group:board", "user:otto"]),
            agent("sales", &["group:sales"]),
            agent("desk", &[]),
        ];
    })
    .await;
    let client = rig.client();
    for (claims, may) in [
        (json!({}), &["desk"][..]),
        (json!({ "groups": ["sales", "staff"] }), &["sales", "desk"]),
        (
            json!({ "groups": ["sale"], "sub": "otto" }),
            &["board", "desk"],
        ),
        (json!({ "groups": { "board": true } }), &["desk"]),
    ] {
        let token = issuer.token(&claims);
        let get = client.get("/v1/agents").bearer_auth(&token);
        let (_, body) = answer(get).await;
        let listed = body["agents"].as_array().unwrap().iter();
        let listed: Vec<_> = listed.map(|agent| agent["id"].as_str().unwrap()).collect();
        assert_eq!(listed, may, "{claims}");
        for id in ["board", "sales", "desk"] {
            let allowed = may.contains(&id);
            let mint = client.mint().bearer_auth(&token);
            let (status, body) = answer(mint.json(&json!({ "session": { "agent": id } }))).await;
            assert_eq!(status, if allowed { 200 } else { 404 }, "{claims}: {id}");
            if !allowed {
                assert_eq!(code(&body), "agent_not_found");
            }
            let upgrade = client.upgrade(&format!("/v1/realtime?agent={id}"));
            let response = upgrade.bearer_auth(&token).send().await.unwrap();
            let status = response.status().as_u16();
            assert_eq!(status, if allowed { 101 } else { 404 }, "{claims}: {id}");
        }
        // Who names none gets the first of them.
        let (_, minted) = answer(client.mint().bearer_auth(&token)).await;
        assert_eq!(minted["session"]["agent"], may[0], "{claims}");
    }
    rig.stop().await;
}
