//! Signing in on another device: for computers whose browser is locked down or far away (RFC 8628).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use offhook_client::ProofKey;
use openidconnect::core::{CoreClient, CoreDeviceAuthorizationResponse};
use openidconnect::{
    DeviceAuthorizationUrl, DeviceCodeErrorResponseType, RequestTokenError, Scope,
};
use url::Url;

use crate::browser::SignInError;
use crate::clock::pause;
use crate::grant::Grant;
use crate::http::{Http, HttpError};
use crate::issuer::IssuerError;
use crate::provider::{Metadata, Provider, token_endpoint, token_error};

/// How long it waits after a request that came to nothing.
const AGAIN: Duration = Duration::from_secs(5);

/// A sign-in that waits for the user on another device.
pub struct DeviceSignIn<'a> {
    provider: &'a Provider,
    metadata: Arc<Metadata>,
    key: Arc<ProofKey>,
    given: CoreDeviceAuthorizationResponse,
}

impl Provider {
    /// Begins a sign-in on another device, for tokens that are bound to `key` where the provider
    /// binds them.
    ///
    /// # Errors
    /// Where the provider is not to be found, or does not offer this.
    pub async fn begin_device(&self, key: Arc<ProofKey>) -> Result<DeviceSignIn<'_>, SignInError> {
        let metadata = self.fresh().await?;
        let more = metadata.additional_metadata();
        let endpoint = more.device_authorization_endpoint.clone();
        let endpoint = endpoint.ok_or(SignInError::NotOffered("signing in on another device"))?;
        let client = CoreClient::new(
            self.client_id(),
            metadata.issuer().clone(),
            metadata.jwks().clone(),
        )
        .set_device_authorization_url(DeviceAuthorizationUrl::from_url(endpoint));
        let mut request = client
            .exchange_device_code()
            .add_scopes(self.client.scopes.iter().cloned().map(Scope::new));
        if let Some(resource) = &self.client.resource {
            request = request.add_extra_param("resource", resource.as_str());
        }
        if self.wants_consent() {
            request = request.add_extra_param("prompt", "consent");
        }
        let http = Http::new(&self.connector, None);
        let given = request.request_async(&http).await.map_err(token_error)?;
        Ok(DeviceSignIn {
            provider: self,
            metadata,
            key,
            given,
        })
    }
}

impl DeviceSignIn<'_> {
    /// What the user types on the other device.
    #[must_use]
    pub fn user_code(&self) -> &str {
        self.given.user_code().secret()
    }

    /// Where the user types it.
    #[must_use]
    pub fn verification_url(&self) -> &Url {
        self.given.verification_uri().url()
    }

    /// The same with the code in it, for a QR code, if the provider has one.
    #[must_use]
    pub fn complete_url(&self) -> Option<Url> {
        let complete = self.given.verification_uri_complete()?;
        Url::parse(complete.secret()).ok()
    }

    /// How long the code is good.
    #[must_use]
    pub fn expires_in(&self) -> Duration {
        self.given.expires_in()
    }

    /// Waits for the user; asks as often as the provider allows, also after failures of the network.
    /// Dropping it ends the sign-in.
    ///
    /// # Errors
    /// Why it came to nothing.
    pub async fn finish(self) -> Result<Grant, SignInError> {
        tokio::select! {
            outcome = self.poll() => outcome,
            () = pause(self.expires_in()) => Err(SignInError::Expired),
        }
    }

    async fn poll(&self) -> Result<Grant, SignInError> {
        let provider = self.provider;
        let more = self.metadata.additional_metadata();
        let prover = provider.prover(&self.key, more);
        let http = Http::new(&provider.connector, prover.as_deref());
        let (issuer, keys) = (self.metadata.issuer().clone(), self.metadata.jwks().clone());
        let client = CoreClient::new(provider.client_id(), issuer, keys)
            .set_token_uri(token_endpoint(&self.metadata)?);
        loop {
            pause(self.given.interval()).await;
            let mut request = client.exchange_device_access_token(&self.given);
            if let Some(resource) = &provider.client.resource {
                request = request.add_extra_param("resource", resource.as_str());
            }
            let tokens = request.request_async(&http, pause, None).await;
            let error = match tokens {
                Ok(tokens) => {
                    // There was no request of ours that an ID token could repeat a nonce of.
                    let any = |_: Option<&openidconnect::Nonce>| Ok(());
                    let time = http.time();
                    let grant = provider.grant(&self.metadata, &self.key, &tokens, any, time);
                    return grant.await.map_err(SignInError::from);
                }
                Err(error) => error,
            };
            match error {
                RequestTokenError::Request(HttpError(failure)) => {
                    tracing::debug!(
                        ?failure,
                        "the sign-in service does not answer; asking again"
                    );
                    pause(AGAIN).await;
                }
                RequestTokenError::ServerResponse(said) => {
                    return Err(match said.error() {
                        DeviceCodeErrorResponseType::AccessDenied => SignInError::Denied {
                            detail: "on the other device".to_owned(),
                        },
                        DeviceCodeErrorResponseType::ExpiredToken => SignInError::Expired,
                        _ => refused(RequestTokenError::ServerResponse(said)).into(),
                    });
                }
                other => return Err(refused(other).into()),
            }
        }
    }
}

fn refused(
    error: RequestTokenError<
        HttpError,
        openidconnect::StandardErrorResponse<DeviceCodeErrorResponseType>,
    >,
) -> IssuerError {
    token_error(error)
}

impl fmt::Debug for DeviceSignIn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceSignIn")
            .field("verification_url", &self.verification_url().as_str())
            .finish_non_exhaustive()
    }
}
