//! A client that has a key, and proves it.

use std::sync::atomic::{AtomicU64, Ordering};

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::clock::unix_s;
use crate::key::{ClientKey, hashed};
use crate::rig::{Client, in_time};

/// Numbers the proofs of this process.
static LAST: AtomicU64 = AtomicU64::new(0);

/// A key, and the bridge that it is proved to.
pub(crate) struct Prover<'a> {
    pub(crate) client: &'a Client,
    pub(crate) key: ClientKey,
}

impl<'a> Prover<'a> {
    pub(crate) fn new(client: &'a Client) -> Self {
        Self {
            client,
            key: ClientKey::new(),
        }
    }

    /// What a proof says, made now.
    pub(crate) fn claims(&self, method: &str, path: &str) -> Value {
        let number = LAST.fetch_add(1, Ordering::Relaxed);
        json!({
            "jti": format!("proof-{number}"),
            "htm": method,
            "htu": format!("{}{path}", self.client.url()),
            "iat": unix_s(),
        })
    }

    /// A proof for a request with a token.
    pub(crate) fn proof(&self, method: &str, path: &str, token: Option<&str>) -> String {
        self.proof_over(method, path, token, None)
    }

    /// The same, over a nonce.
    pub(crate) fn proof_over(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        nonce: Option<&str>,
    ) -> String {
        let mut claims = self.claims(method, path);
        if let Some(token) = token {
            claims["ath"] = hashed(token).into();
        }
        if let Some(nonce) = nonce {
            claims["nonce"] = nonce.into();
        }
        self.key.proof(&claims)
    }

    /// A nonce of the bridge's, as the answer to a proof without one.
    pub(crate) async fn nonce(&self) -> String {
        let proof = self.proof("POST", MINT, None);
        let request = self.client.mint().header("dpop", proof);
        let answer = in_time(request.send()).await.unwrap();
        answer.headers()["dpop-nonce"].to_str().unwrap().to_owned()
    }

    /// A mint by an access token that is bound to the key.
    pub(crate) async fn mint(&self, access: &str) -> RequestBuilder {
        let nonce = self.nonce().await;
        let proof = self.proof_over("POST", MINT, Some(access), Some(&nonce));
        let request = self.client.mint().header("dpop", proof);
        request.header("authorization", format!("DPoP {access}"))
    }

    /// An upgrade by a token that is bound to the key.
    pub(crate) fn upgrade(&self, token: &str) -> RequestBuilder {
        let proof = self.proof("GET", REALTIME, Some(token));
        let request = self.client.upgrade(REALTIME).header("dpop", proof);
        request.header("authorization", format!("DPoP {token}"))
    }
}

pub(crate) const MINT: &str = "/v1/realtime/client_secrets";
pub(crate) const REALTIME: &str = "/v1/realtime";
