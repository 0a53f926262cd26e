//! What the tests of the local issuer share: a user who signs in, and a client that has its tokens.

use std::path::PathBuf;

use offhook_bridge::{Access, Config, LocalIssuerConfig};
use serde_json::Value;

use crate::browser::{Browser, said};
use crate::key::hashed;
use crate::prover::Prover;
use crate::rig::{Client, Rig, answer, in_time};

pub(crate) const TOKEN: &str = "/oauth/token";
pub(crate) const BACK: &str = "http://127.0.0.1:49152/callback?x=1";
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// A bridge that is its own issuer.
pub(crate) async fn rig(change: impl FnOnce(&mut LocalIssuerConfig)) -> Rig {
    let mut local = LocalIssuerConfig::default();
    change(&mut local);
    Rig::start(|config: &mut Config| config.access = Access::Local(local)).await
}

/// A file of one test's, gone after it.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        let name = format!("offhook-bridge-{}-{name}.json", std::process::id());
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
    }
}

/// The address a client sends its user to, with these fields instead of the usual ones.
pub(crate) fn address(client: &Client, changes: &[(&str, &str)]) -> String {
    let challenge = hashed(VERIFIER);
    let usual = [
        ("response_type", "code"),
        ("client_id", "offhook"),
        ("redirect_uri", BACK),
        ("scope", "openid offline_access offhook.call"),
        ("state", "the state"),
        ("nonce", "the nonce"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    let changed = |name| changes.iter().any(|(other, _)| *other == name);
    let fields = usual.iter().filter(|(name, _)| !changed(*name));
    let mut url = url::Url::parse(&format!("{}/oauth/authorize", client.url())).unwrap();
    url.query_pairs_mut()
        .extend_pairs(fields.chain(changes).filter(|(_, value)| !value.is_empty()));
    url.to_string()
}

/// Signs a user in, and returns the code.
pub(crate) async fn code(client: &Client, name: &str, changes: &[(&str, &str)]) -> String {
    let browser = Browser::new();
    let url = address(client, changes);
    let page = browser.page(&url).await;
    let to = format!("{}/oauth/authorize", client.url());
    let sent = browser.answer(&to, &page, &[("name", name), ("action", "sign_in")]);
    let response = in_time(sent.send()).await.unwrap();
    assert_eq!(response.status(), 303);
    assert_eq!(said(&response, "state").as_deref(), Some("the state"));
    assert_eq!(said(&response, "iss"), Some(client.url()));
    assert_eq!(said(&response, "x").as_deref(), Some("1"));
    said(&response, "code").unwrap()
}

impl Prover<'_> {
    /// Asks for tokens, with a proof of the key over a nonce.
    pub(crate) async fn ask(&self, fields: &[(&str, &str)]) -> (u16, Value) {
        let nonce = self.nonce().await;
        let proof = self.proof_over("POST", TOKEN, None, Some(&nonce));
        self.ask_with(fields, Some(proof)).await
    }

    pub(crate) async fn ask_with(
        &self,
        fields: &[(&str, &str)],
        proof: Option<String>,
    ) -> (u16, Value) {
        let url = format!("{}{TOKEN}", self.client.url());
        let form = [&[("client_id", "offhook")], fields].concat();
        let mut request = Browser::new().post(&url, &form);
        if let Some(proof) = proof {
            request = request.header("dpop", proof);
        }
        answer(request).await
    }

    pub(crate) async fn redeem(&self, code: &str) -> (u16, Value) {
        self.ask(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", BACK),
            ("code_verifier", VERIFIER),
        ])
        .await
    }

    pub(crate) async fn refresh(&self, token: &str) -> (u16, Value) {
        self.ask(&[("grant_type", "refresh_token"), ("refresh_token", token)])
            .await
    }

    /// The tokens of a user who has just signed in.
    pub(crate) async fn sign_in(&self, name: &str) -> Value {
        let code = code(self.client, name, &[]).await;
        let (status, tokens) = self.redeem(&code).await;
        assert_eq!(status, 200, "{tokens}");
        tokens
    }
}

pub(crate) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}
