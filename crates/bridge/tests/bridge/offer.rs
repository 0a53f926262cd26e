//! What a bridge says about itself, and the agents it has.

use offhook_bridge::{Access, Agent, IssuerConfig};
use serde_json::{Value, json};

use crate::prover::{Prover, REALTIME};
use crate::rig::{KEY, Rig, answer};

fn sales() -> Agent {
    Agent {
        id: "sales".into(),
        name: "Sales".into(),
        ..Agent::built_in()
    }
}

async fn offer(change: impl FnOnce(&mut offhook_bridge::Config)) -> Value {
    let rig = Rig::start(change).await;
    let response = rig.client().get("/.well-known/offhook").send().await;
    let response = response.unwrap();
    assert_eq!(response.headers()["cache-control"], "public, max-age=300");
    let offer = response.json().await.unwrap();
    rig.stop().await;
    offer
}

#[tokio::test]
async fn a_bridge_says_how_to_sign_in() {
    let plain = json!({
        "realtime": "/v1/realtime", "agents": "/v1/agents", "scopes": [],
        "sign_in": "access_token",
    });
    assert_eq!(offer(|_| ()).await, plain);
    let open = offer(|config| config.access = Access::Development).await;
    assert_eq!(open["sign_in"], "none");
    let issued = offer(|config| {
        let issuer = IssuerConfig::new("https://login.example", "bridge", "softphone");
        config.access = Access::Issuers(vec![issuer]);
        config.name = Some("Example".into());
    })
    .await;
    let expected = json!({
        "name": "Example", "realtime": "/v1/realtime", "agents": "/v1/agents",
        "sign_in": "oidc", "issuer": "https://login.example", "client_id": "softphone",
        "scopes": ["openid", "offline_access", "offhook.call"], "resource": "bridge",
    });
    assert_eq!(issued, expected);
}

#[tokio::test]
async fn agents_are_shown_to_whoever_may_call_them() {
    let rig = Rig::start(|config| config.agents = vec![sales(), Agent::built_in()]).await;
    let client = rig.client();
    let get = || client.get("/v1/agents");
    let (status, body) = answer(get().bearer_auth(KEY)).await;
    assert_eq!(status, 200);
    assert_eq!(body["agents"][0]["id"], "sales");
    let test = json!({
        "id": "test", "name": "Test agent", "language": "en", "color": "#3b6ea5",
        "description": "Greets, repeats what it hears, and can be interrupted.",
    });
    assert_eq!(body["agents"][1], test);
    assert_eq!(answer(get()).await.0, 401);
    assert_eq!(answer(get().bearer_auth("wrong")).await.0, 401);
    let page = get().bearer_auth(KEY).header("origin", "https://a.example");
    assert_eq!(answer(page).await.0, 403);
    // With a key it is as at the mint.
    let owner = Prover::new(&client);
    let nonce = owner.nonce().await;
    for (nonce, status) in [(None, 401), (Some(nonce.as_str()), 200)] {
        let proof = owner.proof_over("GET", "/v1/agents", Some(KEY), nonce);
        let request = get().header("authorization", format!("DPoP {KEY}"));
        assert_eq!(answer(request.header("dpop", proof)).await.0, status);
    }
    rig.stop().await;
}

#[tokio::test]
async fn every_agent_that_is_offered_can_be_called() {
    let rig = Rig::start(|config| config.agents = vec![sales(), Agent::built_in()]).await;
    let client = rig.client();
    let mint = |agent: Value| {
        let body = json!({ "session": { "agent": agent } });
        answer(client.mint().bearer_auth(KEY).json(&body))
    };
    // Whoever names none gets the first.
    for (named, agent) in [(json!("test"), "test"), (Value::Null, "sales")] {
        let (status, minted) = mint(named).await;
        assert_eq!((status, &minted["session"]["agent"]), (200, &json!(agent)));
        let token = minted["value"].as_str().unwrap();
        let path = format!("{REALTIME}?agent={agent}");
        let upgrade = client.upgrade(&path).bearer_auth(token);
        assert_eq!(upgrade.send().await.unwrap().status(), 101);
    }
    assert_eq!(mint(json!("nobody")).await.0, 404);
    let (_, minted) = mint(json!("test")).await;
    let token = minted["value"].as_str().unwrap();
    let other = client.upgrade(&format!("{REALTIME}?agent=sales"));
    assert_eq!(answer(other.bearer_auth(token)).await.0, 404);
    let unknown = client.upgrade(&format!("{REALTIME}?agent=nobody"));
    assert_eq!(answer(unknown.bearer_auth(KEY)).await.0, 404);
    let own = client.upgrade(&format!("{REALTIME}?agent=test"));
    assert_eq!(own.bearer_auth(KEY).send().await.unwrap().status(), 101);
    rig.stop().await;
}
