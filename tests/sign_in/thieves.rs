//! Tokens that were copied out of a vault, in the hands of somebody who has not the key.

use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow};
use bytes::Bytes;
use offhook_client::{Connector, ProofKey, Prover};
use offhook_signin::{Config, Grant, Issuer as _, IssuerError, Keeper, Provider, Refreshed, Texts};
use offhook_tests::browser::Browser;
use offhook_tests::issuer::{Issuer, Options};
use offhook_tests::scratch::Scratch;
use offhook_tests::signed_in::client_of;
use offhook_tests::softphone::Bridge;
use offhook_vault::{Place, Vault};
use secrecy::{ExposeSecret as _, SecretString};
use tungstenite::http::{Request, header};

/// A bridge that takes the provider's access tokens.
fn bridge(issuer: &Issuer) -> Result<Bridge> {
    let mut command = Bridge::command("127.0.0.1:0")?;
    command
        .args(["--issuer", issuer.url(), "--audience", issuer.resource()])
        .args(["--client-id", issuer.client_id(), "--scope", issuer.scope()]);
    Bridge::run(&mut command)
}

/// The status with which the bridge answers somebody who wants a token for a call.
async fn mint(
    bridge: &Bridge,
    scheme: &str,
    token: &SecretString,
    key: Option<&Arc<ProofKey>>,
) -> Result<u16> {
    let connector = Connector::new()?;
    let credential = format!("{scheme} {}", token.expose_secret());
    let request = Request::post(format!("{}/v1/realtime/client_secrets", bridge.url()))
        .header(header::AUTHORIZATION, credential)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Bytes::from_static(b"{}"))?;
    let response = match key {
        Some(key) => {
            let prover = Prover::new(Arc::clone(key));
            connector.fetch_proven(request, &prover, Some(token)).await
        }
        None => connector.fetch(request).await,
    };
    let response = response.map_err(|failure| anyhow!("{failure:?}"))?;
    Ok(response.status().as_u16())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copied_tokens_are_worth_nothing_without_the_key() -> Result<()> {
    let issuer = Issuer::start(&Options::default())?;
    let (bridge, browser) = (bridge(&issuer)?, Browser::start().await?);
    let provider = Arc::new(Provider::new(Connector::new()?, client_of(&issuer)));
    let key = Arc::new(ProofKey::generate()?);
    let sign_in = provider.begin_browser(key, None, Texts::default()).await?;
    let url = sign_in.url().to_string();
    let (page, grant) = tokio::join!(browser.sign_in(&url, "ada"), sign_in.finish());
    page?;
    let grant = grant?;
    let refresh_token = grant.refresh_token().context("none was given")?.clone();
    let (client, user) = (grant.client.clone(), grant.user.clone());
    let scratch = Scratch::new("thief")?;
    let keeper = Keeper::open(Config {
        name: "work".to_owned(),
        vault: Vault::open(Place::Memory).await?,
        locks: scratch.path().to_owned(),
        issuer: provider.clone(),
    })
    .await?;
    keeper.adopt(grant).await?;
    let access = keeper.access(None).await?;
    assert!(access.bound);

    let own = Arc::new(ProofKey::generate()?);
    let stolen = Grant::new(
        client,
        user,
        &own,
        Refreshed {
            access_token: access.token.clone(),
            bound: true,
            expires_in: std::time::Duration::from_secs(300),
            refresh_token: Some(refresh_token),
        },
        0,
    );
    // Another program than the owner's, with all that it needs but the key.
    let thief = Provider::new(Connector::new()?, client_of(&issuer));
    let outcome = thief.refresh(&stolen).await;
    let Err(IssuerError::Ended { detail }) = outcome else {
        panic!("the provider does not refuse as it should: {outcome:?}");
    };
    assert_eq!(issuer.counts()?.refreshed(), 0, "{detail}");
    assert_eq!(mint(&bridge, "DPoP", &access.token, Some(&own)).await?, 401);
    assert_eq!(mint(&bridge, "DPoP", &access.token, None).await?, 401);
    assert_eq!(mint(&bridge, "Bearer", &access.token, None).await?, 401);

    // The owner is not harmed.
    let owned = mint(&bridge, "DPoP", &access.token, Some(&access.key));
    assert_eq!(owned.await?, 200);
    let next = keeper.access(Some(&access.token)).await?;
    assert_eq!(
        mint(&bridge, "DPoP", &next.token, Some(&next.key)).await?,
        200
    );
    let counts = issuer.counts()?;
    assert_eq!((counts.refreshed(), counts.reuses), (1, 0));
    Ok(())
}
