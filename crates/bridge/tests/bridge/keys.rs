//! Tokens that are bound to a client's key, and what they are worth without it.

use offhook_bridge::AuthMethod;
use serde_json::{Value, json};

use crate::line::Line;
use crate::prover::{MINT, Prover, REALTIME};
use crate::rig::{KEY, Rig, answer};

/// A token bound to the key, by the operator's access token, which is not.
async fn bound(prover: &Prover<'_>, body: &Value) -> String {
    let nonce = prover.nonce().await;
    let proof = prover.proof_over("POST", MINT, None, Some(&nonce));
    let request = prover.client.mint().bearer_auth(KEY);
    let (status, minted) = answer(request.header("dpop", proof).json(body)).await;
    assert_eq!(status, 200, "{minted}");
    minted["value"].as_str().unwrap().to_owned()
}

fn code(body: &Value) -> &str {
    body["error"]["code"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn a_stolen_token_is_worth_nothing_without_the_key() {
    let all = vec![
        AuthMethod::Query,
        AuthMethod::Cookie,
        AuthMethod::FirstMessage,
    ];
    let page = "https://phone.example";
    let rig = Rig::start(|config| {
        config.allowed_auth = all;
        config.allowed_origins = vec![page.into()];
    })
    .await;
    let client = rig.client();
    let (owner, thief) = (Prover::new(&client), Prover::new(&client));
    let token = bound(&owner, &json!({})).await;
    let offer = format!("realtime, openai-insecure-api-key.{token}");
    let plain = || client.upgrade(REALTIME);
    let scheme = format!("DPoP {token}");
    let of_owner = || owner.proof("GET", REALTIME, Some(&token));
    for request in [
        plain().bearer_auth(&token),
        plain().bearer_auth(&token).header("dpop", of_owner()),
        plain().header("authorization", &scheme),
        plain().header("sec-websocket-protocol", &offer),
        client.upgrade(&format!("{REALTIME}?token={token}")),
        plain()
            .header("cookie", format!("offhook_token={token}"))
            .header("origin", page),
        thief.upgrade(&token),
        plain()
            .header("authorization", &scheme)
            .header("dpop", owner.proof("GET", REALTIME, None)),
        plain()
            .header("authorization", &scheme)
            .header("dpop", owner.proof("GET", REALTIME, Some("another token"))),
        plain()
            .header("authorization", &scheme)
            .header("dpop", owner.proof("POST", REALTIME, Some(&token))),
        plain()
            .header("authorization", &scheme)
            .header("dpop", owner.proof("GET", MINT, Some(&token))),
        plain()
            .header("authorization", &scheme)
            .header("dpop", of_owner())
            .header("dpop", of_owner()),
        plain()
            .header("authorization", &scheme)
            .header("dpop", "no.proof."),
    ] {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 401);
        let challenge = response.headers()["www-authenticate"].to_str().unwrap();
        assert!(
            challenge.starts_with("DPoP error=\"invalid_dpop_proof\""),
            "{challenge}"
        );
        let body: Value = response.json().await.unwrap();
        assert_eq!(code(&body), "invalid_dpop_proof");
    }
    let mut call = client.call_at("?auth=message", &[]).await;
    call.send(&json!({ "type": "auth", "token": token })).await;
    assert_eq!(code(&call.event().await), "invalid_dpop_proof");
    assert_eq!(call.close().await.code, 3000);
    // None of that cost the owner the token; once it is used, it is.
    let mine = owner.upgrade(&token);
    assert_eq!(mine.send().await.unwrap().status(), 101);
    let (status, body) = answer(owner.upgrade(&token)).await;
    assert_eq!((status, code(&body)), (409, "token_used"));
    rig.stop().await;
}

#[tokio::test]
async fn a_proof_counts_once() {
    let rig = Rig::start(|_| ()).await;
    let client = rig.client();
    let owner = Prover::new(&client);
    let token = bound(&owner, &json!({ "offhook": { "reusable": true } })).await;
    let proof = owner.proof("GET", REALTIME, Some(&token));
    let again = || {
        let request = client.upgrade(REALTIME).header("dpop", &proof);
        request.header("authorization", format!("DPoP {token}"))
    };
    assert_eq!(again().send().await.unwrap().status(), 101);
    let (status, body) = answer(again()).await;
    assert_eq!((status, code(&body)), (401, "invalid_dpop_proof"));
    // So it is at the mint.
    let nonce = owner.nonce().await;
    let proof = owner.proof_over("POST", MINT, None, Some(&nonce));
    let again = || client.mint().bearer_auth(KEY).header("dpop", &proof);
    assert_eq!(answer(again()).await.0, 200);
    let (status, body) = answer(again()).await;
    assert_eq!((status, code(&body)), (401, "invalid_dpop_proof"));
    rig.stop().await;
}

#[tokio::test]
async fn the_mint_wants_a_nonce_and_says_which() {
    let rig = Rig::start(|_| ()).await;
    let client = rig.client();
    let owner = Prover::new(&client);
    for old in [None, Some("yesterday's")] {
        let proof = owner.proof_over("POST", MINT, None, old);
        let request = client.mint().bearer_auth(KEY).header("dpop", proof);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 401);
        let headers = response.headers();
        let challenge = headers["www-authenticate"].to_str().unwrap();
        assert!(
            challenge.starts_with("DPoP error=\"use_dpop_nonce\""),
            "{challenge}"
        );
        let nonce = headers["dpop-nonce"].to_str().unwrap().to_owned();
        let body: Value = response.json().await.unwrap();
        assert_eq!(code(&body), "use_dpop_nonce");
        let proof = owner.proof_over("POST", MINT, None, Some(&nonce));
        let request = client.mint().bearer_auth(KEY).header("dpop", proof);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert!(response.headers().contains_key("dpop-nonce"));
    }
    // A proof over a token names that one or none.
    let nonce = owner.nonce().await;
    for (token, status) in [(Some(KEY), 200), (Some("another"), 401)] {
        let proof = owner.proof_over("POST", MINT, token, Some(&nonce));
        let request = client.mint().bearer_auth(KEY).header("dpop", proof);
        assert_eq!(answer(request).await.0, status);
    }
    assert_eq!(answer(client.mint().bearer_auth(KEY)).await.0, 200);
    rig.stop().await;
    let rig = Rig::start(|config| config.require_nonce = false).await;
    let client = rig.client();
    let owner = Prover::new(&client);
    assert_eq!(answer(owner.mint(KEY).await).await.0, 200);
    let proof = owner.proof("POST", MINT, None);
    let request = client.mint().bearer_auth(KEY).header("dpop", proof);
    assert_eq!(answer(request).await.0, 200);
    rig.stop().await;
}

/// A session of this prover, with its hello's nonce.
async fn open(owner: &Prover<'_>) -> (Line, String) {
    let token = bound(owner, &json!({})).await;
    let scheme = format!("DPoP {token}");
    let proof = owner.proof("GET", REALTIME, Some(&token));
    let headers = [("authorization", scheme.as_str()), ("dpop", proof.as_str())];
    let line = Line::open_with(owner.client, "offhook.v1", &token, &headers).await;
    let nonce = line.hello["nonce"].as_str().unwrap().to_owned();
    (line, nonce)
}

#[tokio::test]
async fn a_fresh_token_in_band_comes_with_a_proof_over_the_connections_nonce() {
    let rig = Rig::start(|_| ()).await;
    let client = rig.client();
    let (owner, other) = (Prover::new(&client), Prover::new(&client));
    let (mut line, nonce) = open(&owner).await;
    let (_, another_nonce) = open(&owner).await;
    assert_ne!(nonce, another_nonce);
    let for_this = json!({ "session": { "id": line.session } });
    let fresh = bound(&owner, &for_this).await;
    let proof = |method, path, token, nonce| owner.proof_over(method, path, token, nonce);
    let (over, mine) = (Some(fresh.as_str()), Some(nonce.as_str()));
    for bad in [
        Value::Null,
        "no.proof.".into(),
        proof("GET", REALTIME, over, None).into(),
        proof("GET", REALTIME, over, Some(&another_nonce)).into(),
        proof("GET", REALTIME, Some("another"), mine).into(),
        proof("POST", REALTIME, over, mine).into(),
        proof("GET", MINT, over, mine).into(),
    ] {
        let event = json!({
            "type": "session.refresh", "event_id": "evt", "token": fresh, "proof": bad,
        });
        line.tell(&event).await;
        assert_eq!(code(&line.until("error").await), "proof_invalid", "{bad}");
    }
    let good = proof("GET", REALTIME, over, mine);
    let event = json!({ "type": "session.refresh", "token": fresh, "proof": good });
    line.tell(&event).await;
    line.until("session.refreshed").await;
    // A token of another key cannot even be had for this session; nor can one of no key.
    let nonce_of_mint = other.nonce().await;
    let proof = other.proof_over("POST", MINT, None, Some(&nonce_of_mint));
    let mint = || client.mint().bearer_auth(KEY).json(&for_this);
    let (status, body) = answer(mint().header("dpop", proof)).await;
    assert_eq!((status, code(&body)), (403, "session_mismatch"));
    assert_eq!(answer(mint()).await.0, 403);
    // A proof by another key ends the connection, and not the session.
    let fresh = bound(&owner, &for_this).await;
    let forged = other.proof_over("GET", REALTIME, Some(&fresh), mine);
    let event = json!({ "type": "session.refresh", "token": fresh, "proof": forged });
    line.tell(&event).await;
    assert_eq!(code(&line.until("error").await), "token_foreign");
    assert_eq!(line.call.close().await.code, 4412);
    client.has_sessions(2).await;
    rig.stop().await;
}

#[tokio::test]
async fn a_session_is_gone_on_with_by_its_key_from_wherever_its_client_is() {
    let rig = Rig::start(|_| ()).await;
    let client = rig.client();
    let owner = Prover::new(&client);
    let (mut line, _) = open(&owner).await;
    line.cut().await;
    // Without the key there is no token for it; with the key and from another address, there is.
    let token = bound(&owner, &json!({ "session": { "id": line.session } })).await;
    let scheme = format!("DPoP {token}");
    let proof = owner.proof("GET", REALTIME, Some(&token));
    let headers = [
        ("authorization", scheme.as_str()),
        ("dpop", proof.as_str()),
        ("user-agent", "the same, elsewhere"),
    ];
    let resumed = line.resume_with(&client, &token, &headers, 1).await;
    assert_eq!(resumed["generation"], 2);
    rig.stop().await;
}
