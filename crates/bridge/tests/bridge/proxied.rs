//! Behind a proxy: whose word about a client counts, and for what.

use offhook_bridge::{Config, ForwardedBy};
use reqwest::RequestBuilder;
use serde_json::Value;

use crate::prover::{MINT, Prover, REALTIME};
use crate::rig::{Client, KEY, Rig, answer, in_time};

/// A bridge whose clients, all of them on this machine, are proxies to it.
async fn behind_proxies(change: impl FnOnce(&mut Config)) -> Rig {
    Rig::start(|config| {
        config.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
        change(config);
    })
    .await
}

/// How many tokens were used elsewhere than where they were minted, after one was minted and used as
/// these say.
async fn moved(client: &Client, minted: (&'static str, &str), used: (&'static str, &str)) -> u64 {
    let count = async || {
        let (_, health) = answer(client.get("/healthz")).await;
        health["fingerprint_mismatches"].as_u64().unwrap()
    };
    let before = count().await;
    let mint = client.mint().bearer_auth(KEY).header(minted.0, minted.1);
    let (status, body) = answer(mint).await;
    assert_eq!(status, 200, "{body}");
    let token = body["value"].as_str().unwrap();
    let upgrade = client
        .upgrade(REALTIME)
        .bearer_auth(token)
        .header(used.0, used.1);
    let upgraded = in_time(upgrade.header("user-agent", "").send())
        .await
        .unwrap();
    assert_eq!(upgraded.status(), 101);
    count().await - before
}

const FOR: &str = "x-forwarded-for";

#[tokio::test]
async fn a_client_is_where_its_proxy_says() {
    let rig = behind_proxies(|_| ()).await;
    let client = rig.client();
    assert_eq!(
        moved(&client, (FOR, "192.0.2.7"), (FOR, "192.0.2.7")).await,
        0
    );
    assert_eq!(
        moved(&client, (FOR, "192.0.2.7"), (FOR, "192.0.2.8")).await,
        1
    );
    // Two proxies, of which the outer one is ours too.
    let inner = "192.0.2.7, 127.0.0.9";
    assert_eq!(moved(&client, (FOR, "192.0.2.7"), (FOR, inner)).await, 0);
    // What a client writes itself does not move it.
    let spoofed = "198.51.100.1, 192.0.2.7";
    assert_eq!(moved(&client, (FOR, "192.0.2.7"), (FOR, spoofed)).await, 0);
    let other = ("forwarded", "for=198.51.100.1");
    assert_eq!(
        moved(&client, other, ("forwarded", "for=198.51.100.2")).await,
        0
    );
    rig.stop().await;

    let rig = behind_proxies(|config| config.forwarded_by = ForwardedBy::Forwarded).await;
    let client = rig.client();
    let by = |value| ("forwarded", value);
    assert_eq!(
        moved(&client, by("for=192.0.2.7"), by("for=\"192.0.2.7:5\"")).await,
        0
    );
    assert_eq!(
        moved(&client, by("for=192.0.2.7"), by("for=192.0.2.8")).await,
        1
    );
    rig.stop().await;
}

#[tokio::test]
async fn who_is_no_proxy_is_where_it_is() {
    let rig = Rig::start(|config| {
        config.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
    })
    .await;
    let client = rig.client();
    assert_eq!(
        moved(&client, (FOR, "192.0.2.7"), (FOR, "192.0.2.8")).await,
        0
    );
    rig.stop().await;
}

/// What comes of buying a token with a proof that names this address, with these headers.
async fn mint(prover: &Prover<'_>, named: &str, headers: &[(&'static str, &str)]) -> (u16, Value) {
    let with = |mut request: RequestBuilder| {
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request
    };
    let mut claims = prover.claims("POST", MINT);
    claims["htu"] = format!("{named}{MINT}").into();
    let proof = prover.key.proof(&claims);
    let request = with(prover.client.mint().bearer_auth(KEY)).header("dpop", proof);
    answer(request).await
}

#[tokio::test]
async fn a_proof_names_what_the_client_called() {
    let outside = [
        ("x-forwarded-for", "192.0.2.7"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "voice.example"),
    ];
    let rig = behind_proxies(|config| config.require_nonce = false).await;
    let client = rig.client();
    let prover = Prover::new(&client);
    for (named, status) in [
        ("https://voice.example", 200),
        ("http://voice.example", 401),
        ("https://evil.example", 401),
        (client.url().as_str(), 401),
    ] {
        let (got, body) = mint(&prover, named, &outside).await;
        assert_eq!(got, status, "{named}: {body}");
    }
    assert_eq!(mint(&prover, &client.url(), &[]).await.0, 200);
    rig.stop().await;

    // Anybody else may say what it likes.
    let rig = Rig::start(|config| config.require_nonce = false).await;
    let client = rig.client();
    let prover = Prover::new(&client);
    assert_eq!(
        mint(&prover, "https://voice.example", &outside).await.0,
        401
    );
    assert_eq!(mint(&prover, &client.url(), &outside).await.0, 200);
    rig.stop().await;

    // What the operator says counts more than what a proxy says.
    let rig = behind_proxies(|config| {
        config.require_nonce = false;
        config.public_url = Some("https://public.example".parse().unwrap());
    })
    .await;
    let client = rig.client();
    let prover = Prover::new(&client);
    assert_eq!(
        mint(&prover, "https://voice.example", &outside).await.0,
        401
    );
    assert_eq!(
        mint(&prover, "https://public.example", &outside).await.0,
        200
    );
    rig.stop().await;
}
