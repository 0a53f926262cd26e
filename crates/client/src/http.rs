//! Small HTTP requests on the connections that calls use (RFC 9112): what a proxy, a private CA or a
//! firewall does to one, it does to the other.

use std::sync::Arc;

use bytes::Bytes;
use http::response::Parts;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use offhook_proto::client::Failure;
use secrecy::SecretString;
use url::Url;

use crate::connect::{Connection, Connector, Stream};
use crate::dpop::Prover;
use crate::endpoint::Credential;
use crate::limits::{Step, within};
use crate::mint::{authorisation, not_http, secret};
use crate::origin::Origin;
use crate::upgrade::USER_AGENT;

/// No honest answer is larger.
const MAX_BODY: usize = 256 << 10;

impl Connector {
    /// Sends a request, whose address is a whole URL, and returns the answer, whatever its status.
    /// Each request has a connection of its own. Redirects are not followed: where they lead is not
    /// where a secret in the request was to go.
    ///
    /// # Errors
    /// Where there is no answer, or one of more than 256 KiB.
    pub async fn fetch(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Failure> {
        self.fetch_as(Step::Answer, request).await
    }

    /// Like [`fetch`](Self::fetch), with a proof that the sender has the `prover`'s key (RFC 9449).
    /// Where the server wants its nonce in the proof, or its own time, the request is sent once more.
    ///
    /// # Errors
    /// Those of [`fetch`](Self::fetch).
    pub async fn fetch_proven(
        &self,
        request: Request<Bytes>,
        prover: &Prover,
        token: Option<&SecretString>,
    ) -> Result<Response<Bytes>, Failure> {
        let url = whole(&request)?;
        let prove = |mut request: Request<Bytes>| {
            let proof = prover.proof(request.method(), &url, token);
            request.headers_mut().insert("dpop", proof);
            request
        };
        let again = request.clone();
        let response = self.fetch(prove(request)).await?;
        if prover.learn(&response) {
            let response = self.fetch(prove(again)).await?;
            prover.learn(&response);
            return Ok(response);
        }
        Ok(response)
    }

    /// Like [`fetch`](Self::fetch), in the name of whoever `credential` is about. A user who is signed
    /// in is asked for another access token where the server refuses the first.
    ///
    /// # Errors
    /// Those of [`fetch`](Self::fetch), and where there is no access token.
    pub async fn fetch_authorised(
        &self,
        request: Request<Bytes>,
        credential: &Credential,
    ) -> Result<Response<Bytes>, Failure> {
        let with = |mut request: Request<Bytes>, name: HeaderName, value| {
            request.headers_mut().insert(name, value);
            request
        };
        let sign_in = match credential {
            Credential::Mint { access_token: None } => return self.fetch(request).await,
            Credential::Mint {
                access_token: Some(token),
            }
            | Credential::Key(token) => {
                let value = authorisation(token, false)?;
                return self
                    .fetch(with(request, header::AUTHORIZATION, value))
                    .await;
            }
            Credential::ApiKey(key) => {
                let name = HeaderName::from_static("api-key");
                return self.fetch(with(request, name, secret("", key)?)).await;
            }
            Credential::SignedIn(sign_in) => sign_in,
        };
        let mut access = sign_in.access(None).await?;
        let mut renewed = false;
        loop {
            let prover = Prover::new(Arc::clone(&access.key));
            let value = authorisation(&access.token, access.bound)?;
            let request = with(request.clone(), header::AUTHORIZATION, value);
            let token = access.bound.then_some(&access.token);
            let response = self.fetch_proven(request, &prover, token).await?;
            if response.status() != StatusCode::UNAUTHORIZED || renewed {
                return Ok(response);
            }
            access = sign_in.access(Some(&access.token)).await?;
            renewed = true;
        }
    }

    /// As [`fetch`](Self::fetch) does; a failure names the step.
    pub(crate) async fn fetch_as(
        &self,
        step: Step,
        mut request: Request<Bytes>,
    ) -> Result<Response<Bytes>, Failure> {
        let url = whole(&request)?;
        let origin = Origin::of(&url)?;
        // On the wire it has a path, and the host in a header (RFC 9112 section 3.2.1).
        let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
        *request.uri_mut() = path.parse().map_err(|error| unsendable(&error))?;
        let host = &url[url::Position::BeforeHost..url::Position::AfterPort];
        let host = HeaderValue::try_from(host).map_err(|error| unsendable(&error))?;
        let headers = request.headers_mut();
        headers.insert(header::HOST, host);
        headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        let Connection { stream, .. } = self.connect(&origin).await?;
        let exchange = exchange(stream, request.map(Full::new));
        let (head, body) = within(step, self.limits().answer, exchange).await?;
        Ok(Response::from_parts(head, body))
    }
}

fn whole(request: &Request<Bytes>) -> Result<Url, Failure> {
    Url::parse(&request.uri().to_string()).map_err(|error| unsendable(&error))
}

fn unsendable(error: &dyn std::error::Error) -> Failure {
    Failure::NotTheProtocol {
        detail: format!("the request cannot be sent: {error}"),
    }
}

async fn exchange(
    stream: Box<dyn Stream>,
    request: Request<Full<Bytes>>,
) -> Result<(Parts, Bytes), Failure> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| not_http(&error))?;
    // It ends by itself when the sender goes; its failure shows in the exchange.
    tokio::spawn(connection);
    let response = sender
        .send_request(request)
        .await
        .map_err(|error| not_http(&error))?;
    let (head, body) = response.into_parts();
    let body = Limited::new(body, MAX_BODY)
        .collect()
        .await
        .map_err(|error| match error.downcast_ref() {
            Some(error) => not_http(error),
            None => Failure::NotTheProtocol {
                detail: "the answer is longer than 256 KiB".to_owned(),
            },
        })?;
    Ok((head, body.to_bytes()))
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
