//! The provider's HTTP on the connections that calls use: the same proxy, the same certificates.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use http::Method;
use offhook_client::proto::client::Failure;
use offhook_client::{Connector, Prover, server_time};
use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};

/// Sends what the OpenID Connect library wants to send.
pub(crate) struct Http<'a> {
    connector: &'a Connector,
    prover: Option<&'a Prover>,
    /// The provider's time of day at its last answer, in s since the Unix epoch; 0 where it did not
    /// say. This machine's clock may be wrong.
    time: AtomicI64,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{0:?}")]
pub(crate) struct HttpError(pub(crate) Failure);

impl<'a> Http<'a> {
    /// Requests that are posted come with a proof of the `prover`'s, if there is one.
    pub(crate) const fn new(connector: &'a Connector, prover: Option<&'a Prover>) -> Self {
        Self {
            connector,
            prover,
            time: AtomicI64::new(0),
        }
    }

    /// The provider's time of day, in s since the Unix epoch, if it has said so.
    pub(crate) fn time(&self) -> Option<i64> {
        Some(self.time.load(Ordering::Relaxed)).filter(|time| *time > 0)
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let request = request.map(Bytes::from);
        let posted = request.method() == Method::POST;
        let response = match self.prover.filter(|_| posted) {
            Some(prover) => self.connector.fetch_proven(request, prover, None).await,
            None => self.connector.fetch(request).await,
        };
        let response = response.map_err(HttpError)?;
        let status = response.status();
        if status.is_server_error() || status == 429 {
            return Err(HttpError(Failure::Refused {
                status: status.as_u16(),
                retry_after: None,
                detail: format!("it answered {status}"),
            }));
        }
        let time = server_time(response.headers());
        if let Some(time) = time.and_then(|time| i64::try_from(time.as_secs()).ok()) {
            self.time.store(time, Ordering::Relaxed);
        }
        Ok(response.map(Vec::from))
    }
}

impl<'c> AsyncHttpClient<'c> for Http<'_> {
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}
