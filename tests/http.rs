//! One HTTP request at a time, from any test, whether it is async or not.

use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tokio::runtime::Builder;
use tokio::time::timeout;
use tungstenite::http::{HeaderMap, Method, header};
use url::form_urlencoded;

pub use tungstenite::http::Request;

/// How long an answer may take; whoever expects none gives up sooner.
const LIMIT: Duration = Duration::from_secs(30);

/// What a server answered.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status, as in `200`.
    pub status: u16,
    /// The whole body.
    pub body: String,
    headers: HeaderMap,
}

impl Answer {
    /// What a header says, if it is there and is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body, which is JSON.
    ///
    /// # Errors
    /// When it is not.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.body)
            .with_context(|| format!("an answer with status {} is not JSON", self.status))
    }
}

impl std::fmt::Debug for Answer {
    // The body may be tokens.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// Gets what is at `url`.
///
/// # Errors
/// When no whole answer comes.
pub fn get(url: &str) -> Result<Answer> {
    send(Method::GET, url, "text/plain", String::new())
}

/// Deletes what is at `url`.
///
/// # Errors
/// When no whole answer comes.
pub fn delete(url: &str) -> Result<Answer> {
    send(Method::DELETE, url, "text/plain", String::new())
}

/// Posts JSON.
///
/// # Errors
/// When no whole answer comes.
pub fn post_json(url: &str, body: &Value) -> Result<Answer> {
    send(Method::POST, url, "application/json", body.to_string())
}

/// Posts a form.
///
/// # Errors
/// When no whole answer comes.
pub fn post_form(url: &str, fields: &[(&str, &str)]) -> Result<Answer> {
    let form = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish();
    send(Method::POST, url, "application/x-www-form-urlencoded", form)
}

fn send(method: Method, url: &str, kind: &str, body: String) -> Result<Answer> {
    let request = Request::builder()
        .method(method)
        .uri(url)
        .header(header::CONTENT_TYPE, kind);
    ask(request.body(body)?)
}

/// Sends a request as it is.
///
/// Makes a connection of its own for the request, on a thread of its own: a test that is itself
/// async has a runtime already, in which nothing may wait for another.
///
/// # Errors
/// When no whole answer comes.
pub fn ask(request: Request<String>) -> Result<Answer> {
    let request = request.map(|body| Full::new(Bytes::from(body)));
    let waiting = thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async { timeout(LIMIT, exchange(request)).await? })
    });
    waiting.join().map_err(|_| anyhow!("a request panicked"))?
}

async fn exchange(request: Request<Full<Bytes>>) -> Result<Answer> {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let response = client.request(request).await?;
    let (head, body) = response.into_parts();
    let bytes = body.collect().await?.to_bytes();
    Ok(Answer {
        status: head.status.as_u16(),
        body: String::from_utf8(bytes.to_vec()).context("an answer is not text")?,
        headers: head.headers,
    })
}
