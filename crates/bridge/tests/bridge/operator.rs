//! Whoever runs a bridge: reads its metrics and uses its admin API.

use std::collections::BTreeMap;

use offhook_bridge::{AdminConfig, Config};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use crate::rig::{Client, Rig, answer, in_time};

/// The admin token of the bridges under test.
pub(crate) const TOKEN: &str = "the-admin-token";

/// Gives a bridge an admin listener.
pub(crate) fn with_admin(config: &mut Config) {
    config.admin = Some(AdminConfig {
        listen: "127.0.0.1:0".parse().unwrap(),
        token: Some(TOKEN.into()),
    });
}

/// The operator of a bridge.
pub(crate) struct Operator {
    pub(crate) client: Client,
}

impl Operator {
    pub(crate) fn of(rig: &Rig) -> Self {
        Self {
            client: Client::new(rig.admin.expect("the bridge has an admin listener")),
        }
    }

    pub(crate) fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, path).bearer_auth(TOKEN)
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        answer(self.ask(Method::GET, path)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> (u16, Value) {
        answer(self.ask(Method::DELETE, path)).await
    }

    /// The exposition, as Prometheus reads it.
    pub(crate) async fn exposition(&self) -> String {
        let request = self.ask(Method::GET, "/metrics");
        let response = in_time(request.send()).await.unwrap();
        assert_eq!(response.status(), 200);
        let kind = response.headers()["content-type"].to_str().unwrap();
        assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
        String::from_utf8(response.bytes().await.unwrap().to_vec()).unwrap()
    }

    /// Every sample by its name and labels.
    pub(crate) async fn samples(&self) -> Samples {
        let text = self.exposition().await;
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let samples = lines.map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            (name.to_owned(), value.parse().unwrap())
        });
        Samples(samples.collect())
    }

    /// Ready when a sample has this value.
    pub(crate) async fn sees(&self, name: &str, value: f64) {
        in_time(async {
            while self.samples().await.of(name) != value {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}

/// What one scrape says.
#[derive(Debug)]
pub(crate) struct Samples(BTreeMap<String, f64>);

impl Samples {
    /// The value of a sample; 0 of what is not there, as it has never happened.
    pub(crate) fn of(&self, name: &str) -> f64 {
        self.0.get(name).copied().unwrap_or_default()
    }
}
