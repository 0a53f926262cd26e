//! An OpenID Connect provider: found by its issuer identifier, asked for tokens, told of sign-outs.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{Request, StatusCode, header};
use offhook_client::{Connector, ProofKey, Prover};
use openidconnect::core::{
    CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClient, CoreClientAuthMethod,
    CoreErrorResponseType, CoreGrantType, CoreIdToken, CoreJsonWebKey,
    CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm, CoreResponseMode,
    CoreResponseType, CoreSubjectIdentifierType, CoreTokenResponse,
};
use openidconnect::{
    AdditionalProviderMetadata, ClaimsVerificationError, ClientId, DiscoveryError, ErrorResponse,
    IssuerUrl, NonceVerifier, OAuth2TokenResponse, ProviderMetadata, RefreshToken,
    RequestTokenError, SignatureVerificationError, TokenResponse as _,
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use url::Url;

use crate::clock::unix_ms;
use crate::grant::{Client, Grant, Refreshed, User};
use crate::http::{Http, HttpError};
use crate::issuer::{Issuer, IssuerError, Work};

/// What a provider says of itself is used for this long without being asked for again when a user
/// signs in,
const FRESH: Duration = Duration::from_secs(5 * 60);
/// and for this long otherwise.
const KNOWN: Duration = Duration::from_secs(24 * 3600);
/// How long an access token is good whose provider does not say.
const UNSAID: Duration = Duration::from_secs(60);

/// A provider, as one of its clients knows it.
#[derive(Debug)]
pub struct Provider {
    pub(crate) connector: Connector,
    pub(crate) client: Client,
    discovered: Mutex<Option<(Arc<Metadata>, u64)>>,
    /// Remembers what the provider wants in proofs; for the key that was used last.
    prover: std::sync::Mutex<Option<Arc<Prover>>>,
}

pub(crate) type Metadata = ProviderMetadata<
    More,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

/// What else a provider says of itself.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct More {
    /// RFC 8628 section 4.
    pub(crate) device_authorization_endpoint: Option<Url>,
    /// RFC 8414 section 2.
    revocation_endpoint: Option<Url>,
    /// RFC 9449 section 5.1.
    #[serde(default)]
    dpop_signing_alg_values_supported: Vec<String>,
    /// RFC 9207 section 3.
    #[serde(default)]
    pub(crate) authorization_response_iss_parameter_supported: bool,
}

impl AdditionalProviderMetadata for More {}

impl More {
    /// Whether tokens can be bound to the kind of key that is used here.
    pub(crate) fn binds(&self) -> bool {
        let algorithms = &self.dpop_signing_alg_values_supported;
        algorithms.iter().any(|algorithm| algorithm == "ES256")
    }
}

impl Provider {
    /// The provider that `client` names, reached through `connector`. It is not asked for anything
    /// yet.
    #[must_use]
    pub fn new(connector: Connector, client: Client) -> Self {
        Self {
            connector,
            client,
            discovered: Mutex::default(),
            prover: std::sync::Mutex::default(),
        }
    }

    /// What it says of itself, for a user who signs in.
    pub(crate) async fn fresh(&self) -> Result<Arc<Metadata>, IssuerError> {
        self.metadata(FRESH).await
    }

    /// What it says of itself, or said in the last `age`; what it said before that where it does not
    /// answer.
    async fn metadata(&self, age: Duration) -> Result<Arc<Metadata>, IssuerError> {
        let mut discovered = self.discovered.lock().await;
        let age = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        if let Some((metadata, at)) = discovered.as_ref()
            && unix_ms().saturating_sub(*at) < age
        {
            return Ok(Arc::clone(metadata));
        }
        match self.discover().await {
            Ok(metadata) => {
                let metadata = Arc::new(metadata);
                *discovered = Some((Arc::clone(&metadata), unix_ms()));
                Ok(metadata)
            }
            Err(error) => match discovered.as_ref() {
                Some((known, _)) if matches!(error, IssuerError::Away { .. }) => {
                    Ok(Arc::clone(known))
                }
                _ => Err(error),
            },
        }
    }

    /// OpenID Connect Discovery 1.0 section 4, and the keys.
    async fn discover(&self) -> Result<Metadata, IssuerError> {
        let issuer = IssuerUrl::new(self.client.issuer.clone()).map_err(|error| {
            untrustworthy(format!(
                "\"{}\" is not an issuer's address: {error}",
                self.client.issuer
            ))
        })?;
        let http = Http::new(&self.connector, None);
        let metadata = Metadata::discover_async(issuer, &http).await;
        metadata.map_err(|error| match error {
            DiscoveryError::Request(HttpError(failure)) => failure.into(),
            DiscoveryError::Response(status, ..) => IssuerError::Refused {
                code: status.to_string(),
                detail: "there is no OpenID Connect provider at the issuer's address".to_owned(),
            },
            other => untrustworthy(other.to_string()),
        })
    }

    /// What proves that the user has `key`, to a provider that binds tokens to keys.
    pub(crate) fn prover(&self, key: &Arc<ProofKey>, more: &More) -> Option<Arc<Prover>> {
        more.binds().then(|| {
            let prover = &mut self
                .prover
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            let same = prover.take_if(|known| known.key().thumbprint() == key.thumbprint());
            let known = same.unwrap_or_else(|| Arc::new(Prover::new(Arc::clone(key))));
            Arc::clone(prover.insert(known))
        })
    }

    pub(crate) fn client_id(&self) -> ClientId {
        ClientId::new(self.client.client_id.clone())
    }

    /// What a sign-in came to, once its ID token is found to be the provider's and for this sign-in
    /// (OpenID Connect Core 1.0 section 3.1.3.7).
    pub(crate) async fn grant(
        &self,
        metadata: &Metadata,
        key: &ProofKey,
        tokens: &CoreTokenResponse,
        nonce: impl NonceVerifier + Copy + Send,
        time: Option<i64>,
    ) -> Result<Grant, IssuerError> {
        let id_token = tokens
            .id_token()
            .ok_or_else(|| untrustworthy("it holds no ID token".to_owned()))?;
        let mut user = self.user(metadata, id_token, nonce, time);
        if user.as_ref().is_err_and(is_of_other_keys) {
            // It may have changed them since it was asked (section 10.1.1).
            let metadata = self.metadata(Duration::ZERO).await?;
            user = self.user(&metadata, id_token, nonce, time);
        }
        let user = user.map_err(|error| untrustworthy(format!("its ID token: {error}")))?;
        let given = given(tokens);
        Ok(Grant::new(self.client.clone(), user, key, given, unix_ms()))
    }

    fn user(
        &self,
        metadata: &Metadata,
        id_token: &CoreIdToken,
        nonce: impl NonceVerifier,
        time: Option<i64>,
    ) -> Result<User, ClaimsVerificationError> {
        let (issuer, keys) = (metadata.issuer().clone(), metadata.jwks().clone());
        let client = CoreClient::new(self.client_id(), issuer, keys);
        let now = time.and_then(|time| DateTime::<Utc>::from_timestamp(time, 0));
        let verifier = client
            .id_token_verifier()
            .set_allowed_algs(metadata.id_token_signing_alg_values_supported().clone());
        let verifier = match now {
            Some(now) => verifier.set_time_fn(move || now),
            None => verifier,
        };
        let claims = id_token.claims(&verifier, nonce)?;
        let name = claims.name().and_then(|name| name.get(None));
        let preferred = claims.preferred_username().map(|name| name.as_str());
        Ok(User {
            subject: claims.subject().as_str().to_owned(),
            name: name
                .map(|name| name.as_str())
                .or(preferred)
                .map(str::to_owned),
            email: claims.email().map(|email| email.as_str().to_owned()),
        })
    }

    async fn refresh(&self, grant: &Grant) -> Result<Refreshed, IssuerError> {
        let Some(token) = grant.refresh_token() else {
            return Err(IssuerError::Ended {
                detail: "there is no refresh token".to_owned(),
            });
        };
        let metadata = self.metadata(KNOWN).await?;
        let key = grant
            .key()
            .map_err(|error| untrustworthy(error.to_string()))?;
        let prover = self.prover(&key, metadata.additional_metadata());
        let http = Http::new(&self.connector, prover.as_deref());
        let (issuer, keys) = (metadata.issuer().clone(), metadata.jwks().clone());
        let client = CoreClient::new(self.client_id(), issuer, keys);
        let client = client.set_token_uri(token_endpoint(&metadata)?);
        let token = RefreshToken::new(token.expose_secret().to_owned());
        let mut request = client.exchange_refresh_token(&token);
        if let Some(resource) = &self.client.resource {
            request = request.add_extra_param("resource", resource.as_str());
        }
        let tokens = request.request_async(&http).await.map_err(token_error)?;
        Ok(given(&tokens))
    }

    /// RFC 7009. By hand: the library wants an answer of a type that providers do not all send.
    async fn revoke(&self, grant: &Grant) -> Result<(), IssuerError> {
        let metadata = self.metadata(KNOWN).await?;
        let more = metadata.additional_metadata();
        let (Some(endpoint), Some(token)) = (&more.revocation_endpoint, grant.refresh_token())
        else {
            return Ok(());
        };
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("token", token.expose_secret())
            .append_pair("token_type_hint", "refresh_token")
            .append_pair("client_id", &self.client.client_id)
            .finish();
        let request = Request::post(endpoint.as_str())
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Bytes::from(form));
        let request = request.map_err(|error| untrustworthy(error.to_string()))?;
        let response = self.connector.fetch(request).await?;
        match response.status() {
            StatusCode::OK => Ok(()),
            status => Err(IssuerError::Refused {
                code: status.as_u16().to_string(),
                detail: "it does not revoke the sign-in".to_owned(),
            }),
        }
    }
}

impl Issuer for Provider {
    fn refresh<'a>(&'a self, grant: &'a Grant) -> Work<'a, Refreshed> {
        Box::pin(Provider::refresh(self, grant))
    }

    fn revoke<'a>(&'a self, grant: &'a Grant) -> Work<'a, ()> {
        Box::pin(Provider::revoke(self, grant))
    }
}

/// Whether a token may be good, but not by the keys that are known.
const fn is_of_other_keys(error: &ClaimsVerificationError) -> bool {
    matches!(
        error,
        ClaimsVerificationError::SignatureVerification(
            SignatureVerificationError::NoMatchingKey | SignatureVerificationError::CryptoError(_)
        )
    )
}

pub(crate) fn token_endpoint(metadata: &Metadata) -> Result<openidconnect::TokenUrl, IssuerError> {
    let endpoint = metadata.token_endpoint().cloned();
    endpoint.ok_or_else(|| untrustworthy("it has no token endpoint".to_owned()))
}

fn given(tokens: &CoreTokenResponse) -> Refreshed {
    let refresh = tokens.refresh_token();
    Refreshed {
        access_token: SecretString::from(tokens.access_token().secret().as_str()),
        bound: tokens.token_type().as_ref().eq_ignore_ascii_case("dpop"),
        expires_in: tokens.expires_in().unwrap_or(UNSAID),
        refresh_token: refresh.map(|token| SecretString::from(token.secret().as_str())),
    }
}

pub(crate) fn untrustworthy(detail: String) -> IssuerError {
    IssuerError::Untrustworthy { detail }
}

/// What a refusal of the token endpoint means.
pub(crate) fn token_error<E: ErrorResponse + AsCode + 'static>(
    error: RequestTokenError<HttpError, E>,
) -> IssuerError {
    match error {
        RequestTokenError::Request(HttpError(failure)) => failure.into(),
        RequestTokenError::ServerResponse(response) => {
            let (code, detail) = response.code();
            let detail = detail.unwrap_or_else(|| "it says no more".to_owned());
            if code == CoreErrorResponseType::InvalidGrant.as_ref() {
                IssuerError::Ended { detail }
            } else {
                IssuerError::Refused { code, detail }
            }
        }
        RequestTokenError::Parse(error, _) => untrustworthy(error.to_string()),
        RequestTokenError::Other(detail) => untrustworthy(detail),
    }
}

/// An error response of OAuth 2.0, whichever request it answers.
pub(crate) trait AsCode {
    /// Its code, and what it says besides.
    fn code(&self) -> (String, Option<String>);
}

impl<T: openidconnect::ErrorResponseType + AsRef<str> + 'static> AsCode
    for openidconnect::StandardErrorResponse<T>
{
    fn code(&self) -> (String, Option<String>) {
        let detail = self.error_description().cloned();
        (self.error().as_ref().to_owned(), detail)
    }
}
