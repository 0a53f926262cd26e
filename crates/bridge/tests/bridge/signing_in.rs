//! The local issuer: signing in with a browser and with a device, staying signed in, signing out.

use std::time::Duration;

use offhook_bridge::{Access, Config, LocalIssuerConfig};
use serde_json::Value;

use crate::account::{BACK, Scratch, TOKEN, address, code, rig, text};
use crate::browser::{Browser, said};
use crate::prover::{Prover, REALTIME};
use crate::rig::{Client, Rig, answer, in_time};

#[tokio::test]
async fn a_person_signs_in_with_a_browser_and_calls() {
    let rig = rig(|_| ()).await;
    let client = rig.client();
    let (owner, thief) = (Prover::new(&client), Prover::new(&client));
    let (_, offer) = answer(client.get("/.well-known/offhook")).await;
    assert_eq!(text(&offer, "issuer"), client.url());
    assert_eq!(text(&offer, "client_id"), "offhook");
    let (_, metadata) = answer(client.get("/.well-known/openid-configuration")).await;
    assert_eq!(text(&metadata, "issuer"), client.url());
    let (_, keys) = answer(client.get("/oauth/jwks")).await;
    assert!(keys["keys"][0]["kid"].is_string() && keys["keys"][0]["d"].is_null());
    let tokens = owner.sign_in("  Anna <3 ").await;
    assert_eq!(text(&tokens, "token_type"), "DPoP");
    assert_eq!(tokens["expires_in"], 300);
    assert_eq!(tokens["scope"], "openid offline_access offhook.call");
    assert_eq!(text(&tokens, "id_token").split('.').count(), 3);
    // Only the owner buys tokens with that, and only they call with those.
    let access = text(&tokens, "access_token");
    for request in [client.mint().bearer_auth(access), thief.mint(access).await] {
        assert_eq!(answer(request).await.0, 401);
    }
    let (status, minted) = answer(owner.mint(access).await).await;
    assert_eq!(status, 200, "{minted}");
    let token = text(&minted, "value");
    assert_eq!(answer(thief.upgrade(token)).await.0, 401);
    let scheme = format!("DPoP {token}");
    let proof = owner.proof("GET", REALTIME, Some(token));
    let headers = [("authorization", scheme.as_str()), ("dpop", &proof)];
    let mut call = client.call(&headers).await;
    assert_eq!(call.event().await["type"], "session.created");
    assert_eq!(rig.sessions.list()[0].user, "Anna <3");
    // The id token is for the client, and buys nothing.
    let mint = owner.mint(text(&tokens, "id_token")).await;
    assert_eq!(answer(mint).await.0, 401);
    rig.stop().await;
}

#[tokio::test]
async fn a_code_is_for_the_client_that_began() {
    let rig = rig(|_| ()).await;
    let client = rig.client();
    let (owner, thief) = (Prover::new(&client), Prover::new(&client));
    let refused = |(status, body): (u16, Value)| {
        assert_eq!((status, text(&body, "error")), (400, "invalid_grant"));
    };
    let bound = code(&client, "anna", &[("dpop_jkt", &owner.key.jkt)]).await;
    refused(thief.redeem(&bound).await);
    refused(owner.redeem(&bound).await);
    let other = code(&client, "anna", &[]).await;
    let wrong = [
        ("grant_type", "authorization_code"),
        ("code", &other),
        ("redirect_uri", BACK),
        (
            "code_verifier",
            "another-verifier-that-is-long-enough-for-it",
        ),
    ];
    refused(owner.ask(&wrong).await);
    // A code that comes twice was somebody else's once: what it granted is gone.
    let twice = code(&client, "anna", &[]).await;
    let (status, tokens) = owner.redeem(&twice).await;
    assert_eq!(status, 200);
    refused(owner.redeem(&twice).await);
    refused(owner.refresh(text(&tokens, "refresh_token")).await);
    rig.stop().await;
}

#[tokio::test]
async fn tokens_are_given_for_proofs_over_a_nonce_only() {
    let rig = rig(|_| ()).await;
    let client = rig.client();
    let owner = Prover::new(&client);
    let fields = [("grant_type", "refresh_token"), ("refresh_token", "rt_a.b")];
    let error = |(status, body): (u16, Value)| (status, text(&body, "error").to_owned());
    let none = error(owner.ask_with(&fields, None).await);
    assert_eq!(none, (400, "invalid_dpop_proof".into()));
    let proof = owner.proof("POST", TOKEN, None);
    let unasked = error(owner.ask_with(&fields, Some(proof)).await);
    assert_eq!(unasked, (400, "use_dpop_nonce".into()));
    let nonce = owner.nonce().await;
    let proof = owner.proof_over("POST", TOKEN, None, Some(&nonce));
    let first = error(owner.ask_with(&fields, Some(proof.clone())).await);
    assert_eq!(first, (400, "invalid_grant".into()));
    let again = error(owner.ask_with(&fields, Some(proof)).await);
    assert_eq!(again, (400, "invalid_dpop_proof".into()));
    let other = error(owner.ask(&[("grant_type", "password")]).await);
    assert_eq!(other, (400, "unsupported_grant_type".into()));
    let url = format!("{}{TOKEN}", client.url());
    let stranger = Browser::new().post(&url, &[("client_id", "other")]);
    assert_eq!(
        error(answer(stranger).await),
        (401, "invalid_client".into())
    );
    rig.stop().await;
}

#[tokio::test]
async fn a_lost_answer_signs_nobody_out_and_a_thief_is_noticed() {
    let rig = rig(|_| ()).await;
    let client = rig.client();
    let (owner, thief) = (Prover::new(&client), Prover::new(&client));
    let tokens = owner.sign_in("anna").await;
    let first = text(&tokens, "refresh_token");
    let (_, next) = owner.refresh(first).await;
    let second = text(&next, "refresh_token");
    assert_ne!(first, second);
    for _ in 0..3 {
        let (status, again) = owner.refresh(first).await;
        assert_eq!((status, text(&again, "refresh_token")), (200, second));
        assert_ne!(again["access_token"], next["access_token"]);
    }
    // Without the key a refresh token is worth nothing, and nobody is signed out for it.
    for token in [first, second] {
        let (status, body) = thief.refresh(token).await;
        assert_eq!((status, text(&body, "error")), (400, "invalid_grant"));
    }
    let (_, next) = owner.refresh(second).await;
    let third = text(&next, "refresh_token");
    assert_eq!(owner.refresh(second).await.0, 200);
    let access = text(&next, "access_token");
    assert_eq!(answer(owner.mint(access).await).await.0, 200);
    // One whose successor was used is out of somebody else's hands.
    assert_eq!(owner.refresh(first).await.0, 400);
    assert_eq!(owner.refresh(third).await.0, 400);
    rig.stop().await;
    let strict = crate::account::rig(|local| local.reuse_interval = Duration::ZERO).await;
    let client = strict.client();
    let owner = Prover::new(&client);
    let tokens = owner.sign_in("anna").await;
    let first = text(&tokens, "refresh_token");
    let (_, next) = owner.refresh(first).await;
    assert_eq!(owner.refresh(first).await.0, 400);
    assert_eq!(owner.refresh(text(&next, "refresh_token")).await.0, 400);
    strict.stop().await;
}

/// Only Linux has all of these addresses.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn whoever_roams_stays_signed_in() {
    let rig = rig(|_| ()).await;
    let client = rig.client();
    let owner = Prover::new(&client);
    let mut tokens = owner.sign_in("anna").await;
    for address in ["127.0.0.2", "127.0.0.3"] {
        let elsewhere = Client::from(rig.address, Some(address.parse().unwrap()));
        let roaming = Prover {
            client: &elsewhere,
            key: owner.key.clone(),
        };
        let (status, next) = roaming.refresh(text(&tokens, "refresh_token")).await;
        assert_eq!(status, 200, "{next}");
        let (status, minted) = answer(roaming.mint(text(&next, "access_token")).await).await;
        assert_eq!(status, 200, "{minted}");
        let upgrade = roaming.upgrade(text(&minted, "value"));
        assert_eq!(upgrade.send().await.unwrap().status(), 101);
        tokens = next;
    }
    rig.stop().await;
}

#[tokio::test]
async fn whoever_signs_out_is_out() {
    let rig = rig(|_| ()).await;
    let client = rig.client();
    let owner = Prover::new(&client);
    let tokens = owner.sign_in("anna").await;
    let refresh = text(&tokens, "refresh_token");
    let url = format!("{}/oauth/revoke", client.url());
    for token in ["nothing", refresh] {
        let form = [("client_id", "offhook"), ("token", token)];
        assert_eq!(answer(Browser::new().post(&url, &form)).await.0, 200);
    }
    assert_eq!(owner.refresh(refresh).await.0, 400);
    rig.stop().await;
}

#[tokio::test]
async fn a_device_is_signed_in_from_elsewhere() {
    let rig = rig(|local| local.device_interval = Duration::ZERO).await;
    let client = rig.client();
    let owner = Prover::new(&client);
    let browser = Browser::new();
    let url = format!("{}/oauth/device_authorization", client.url());
    let form = [("client_id", "offhook"), ("scope", "openid offhook.call")];
    let (status, begun) = answer(browser.post(&url, &form)).await;
    assert_eq!(status, 200, "{begun}");
    let ask = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("device_code", text(&begun, "device_code")),
    ];
    let (status, body) = owner.ask(&ask).await;
    assert_eq!(
        (status, text(&body, "error")),
        (400, "authorization_pending")
    );
    let page = browser
        .page(text(&begun, "verification_uri_complete"))
        .await;
    let shown = text(&begun, "user_code");
    assert!(page.html.contains(shown) && shown.len() == 9);
    let to = text(&begun, "verification_uri");
    for (fields, status) in [
        ([("user_code", "BBBB-BBBB"), ("name", "anna")], 400),
        ([("user_code", shown), ("name", " ")], 400),
        (
            [("user_code", &shown.to_lowercase()), ("name", "anna")],
            200,
        ),
    ] {
        let sent = browser.answer(to, &page, &fields).send();
        assert_eq!(in_time(sent).await.unwrap().status(), status);
    }
    let (status, tokens) = owner.ask(&ask).await;
    assert_eq!(status, 200, "{tokens}");
    let mint = owner.mint(text(&tokens, "access_token")).await;
    assert_eq!(answer(mint).await.0, 200);
    rig.stop().await;
}

#[tokio::test]
async fn pages_are_answered_by_the_browser_that_has_them() {
    let rig = rig(|_| ()).await;
    let client = rig.client();
    let browser = Browser::new();
    // To an address that is not a client's nobody is sent.
    for (name, value) in [
        ("client_id", "another"),
        ("redirect_uri", "https://evil.example/"),
        ("redirect_uri", "http://127.0.0.1.evil.example/"),
        ("redirect_uri", "http://me@127.0.0.1:1/"),
        ("redirect_uri", "javascript:alert(1)"),
    ] {
        let response = browser.get(&address(&client, &[(name, value)])).await;
        assert_eq!(response.status(), 400, "{value}");
    }
    for (name, value, error) in [
        ("response_type", "token", "unsupported_response_type"),
        ("code_challenge", "", "invalid_request"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("scope", "everything", "invalid_scope"),
        ("resource", "https://other.example", "invalid_target"),
    ] {
        let response = browser.get(&address(&client, &[(name, value)])).await;
        assert_eq!(response.status(), 303);
        assert_eq!(said(&response, "error").as_deref(), Some(error));
    }
    let page = browser.page(&address(&client, &[])).await;
    let to = format!("{}/oauth/authorize", client.url());
    let name = [("name", "anna")];
    let forged = browser.answer(&to, &page, &name);
    let forged = forged.header("origin", "https://evil.example");
    let mut another = browser.page(&address(&client, &[])).await;
    another.html.clone_from(&page.html);
    let renamed = browser.answer(&to, &page, &name);
    for request in [
        forged,
        browser.answer(&to, &another, &name),
        browser.post(&to, &[("ticket", page.ticket()), ("name", "anna")]),
        browser.post(&to, &[("ticket", "a.b"), ("name", "anna")]),
        renamed.header("host", "evil.example"),
        browser.answer(&to, &page, &[("name", "")]),
    ] {
        assert_eq!(in_time(request.send()).await.unwrap().status(), 400);
    }
    let cancel = [("name", ""), ("action", "cancel")];
    let response = browser.answer(&to, &page, &cancel).send().await.unwrap();
    assert_eq!(said(&response, "error").as_deref(), Some("access_denied"));
    let headers = browser.get(&address(&client, &[])).await;
    let policy = headers.headers()["content-security-policy"].to_str();
    assert!(policy.unwrap().contains("default-src 'none'"));
    rig.stop().await;
}

#[tokio::test]
async fn a_restart_signs_nobody_out() {
    let file = Scratch::new("restart");
    let with_file = |local: &mut LocalIssuerConfig| local.state_file = Some(file.0.clone());
    let first = rig(with_file).await;
    let (client, address) = (first.client(), first.address);
    let owner = Prover::new(&client);
    let tokens = owner.sign_in("anna").await;
    let refresh = text(&tokens, "refresh_token");
    let (_, next) = owner.refresh(refresh).await;
    let kept = std::fs::read_to_string(&file.0).unwrap();
    for token in [&tokens, &next] {
        assert!(!kept.contains(text(token, "refresh_token")));
    }
    first.stop().await;
    let mut local = LocalIssuerConfig::default();
    with_file(&mut local);
    let second = Rig::start(|config| {
        config.listen = address;
        config.access = Access::Local(local);
    })
    .await;
    // The answer that was on its way when it stopped can be had again; the access token still counts.
    let (status, again) = owner.refresh(refresh).await;
    assert_eq!(status, 200, "{again}");
    assert_eq!(again["refresh_token"], next["refresh_token"]);
    let access = text(&next, "access_token");
    assert_eq!(answer(owner.mint(access).await).await.0, 200);
    let token = text(&again, "refresh_token");
    assert_eq!(owner.refresh(token).await.0, 200);
    second.stop().await;
}

#[test]
fn a_file_that_is_another_one_is_left_alone() {
    let file = Scratch::new("other");
    std::fs::write(&file.0, "{\"secret\":\"canary\"}").unwrap();
    let local = LocalIssuerConfig {
        state_file: Some(file.0.clone()),
        ..LocalIssuerConfig::default()
    };
    let config = Config::new("127.0.0.1:0".parse().unwrap(), Access::Local(local));
    let error = offhook_bridge::Bridge::new(config).unwrap_err().to_string();
    assert!(
        error.contains("cannot be used") && !error.contains("canary"),
        "{error}"
    );
    let left = std::fs::read_to_string(&file.0).unwrap();
    assert!(left.contains("canary"));
}
