//! Signing in by the system's browser: authorization code with PKCE and a return to this machine
//! (RFC 6749 section 4.1, RFC 7636, RFC 8252).

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use offhook_client::ProofKey;
use openidconnect::core::{CoreAuthPrompt, CoreAuthenticationFlow, CoreClient};
use openidconnect::{
    AuthUrl, AuthorizationCode, CsrfToken, Nonce, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl,
    Scope,
};
use tokio::sync::mpsc;
use url::Url;

use crate::clock::pause;
use crate::grant::Grant;
use crate::http::Http;
use crate::issuer::IssuerError;
use crate::loopback::{Loopback, Returned};
use crate::pages::{Outcome, Texts, page};
use crate::provider::{Metadata, Provider, token_endpoint, token_error, untrustworthy};

/// How long a user has. Providers give up sooner.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
/// How long the browser has to fetch its page.
const FAREWELL: Duration = Duration::from_millis(500);

/// Why a sign-in came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// The provider did not do what it was asked for.
    #[error("{0}")]
    Issuer(#[from] IssuerError),
    /// The user, or the provider, refused.
    #[error("access was refused ({detail}); try again, or ask whoever runs the sign-in service")]
    Denied {
        /// What the provider said.
        detail: String,
    },
    /// The user took too long.
    #[error("nobody signed in in time; try again")]
    Expired,
    /// The provider does not know this way of signing in.
    #[error("the sign-in service does not offer {0}; sign in in another way")]
    NotOffered(&'static str),
    /// There is no port for the browser to come back to.
    #[error("no port for the browser to come back to can be opened on this computer: {0}")]
    Port(#[from] std::io::Error),
}

/// A sign-in that waits for the user and the browser.
#[derive(Debug)]
pub struct BrowserSignIn<'a> {
    provider: &'a Provider,
    metadata: Arc<Metadata>,
    key: Arc<ProofKey>,
    loopback: Loopback,
    url: Url,
    state: CsrfToken,
    nonce: Nonce,
    verifier: PkceCodeVerifier,
    texts: Texts,
}

impl Provider {
    /// Begins a sign-in by the browser, for tokens that are bound to `key` where the provider binds
    /// them. `hint` says who is expected, as in an e-mail address; the page that the browser ends on
    /// is made of `texts`.
    ///
    /// # Errors
    /// Where the provider is not to be found, or no port can be opened.
    pub async fn begin_browser(
        &self,
        key: Arc<ProofKey>,
        hint: Option<&str>,
        texts: Texts,
    ) -> Result<BrowserSignIn<'_>, SignInError> {
        let metadata = self.fresh().await?;
        let loopback = Loopback::open().await?;
        let endpoint: AuthUrl = metadata.authorization_endpoint().clone();
        let client = CoreClient::new(
            self.client_id(),
            metadata.issuer().clone(),
            metadata.jwks().clone(),
        )
        .set_auth_uri(endpoint)
        .set_redirect_uri(RedirectUrl::from_url(loopback.url().clone()));
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let mut request = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .add_scopes(self.client.scopes.iter().cloned().map(Scope::new))
            .set_pkce_challenge(challenge);
        if self.wants_consent() {
            request = request.add_prompt(CoreAuthPrompt::Consent);
        }
        if let Some(resource) = &self.client.resource {
            request = request.add_extra_param("resource", resource.as_str());
        }
        if let Some(hint) = hint {
            request = request.add_extra_param("login_hint", hint);
        }
        if metadata.additional_metadata().binds() {
            // The code itself is worth nothing without the key (RFC 9449 section 10).
            request = request.add_extra_param("dpop_jkt", key.thumbprint());
        }
        let (url, state, nonce) = request.url();
        Ok(BrowserSignIn {
            provider: self,
            metadata,
            key,
            loopback,
            url,
            state,
            nonce,
            verifier,
            texts,
        })
    }

    /// A refresh token may be had only where the user is asked (OpenID Connect Core 1.0 section 11).
    pub(crate) fn wants_consent(&self) -> bool {
        let scopes = &self.client.scopes;
        scopes.iter().any(|scope| scope == "offline_access")
    }
}

impl BrowserSignIn<'_> {
    /// What to open in the browser. It holds nothing that is worth stealing.
    #[must_use]
    pub const fn url(&self) -> &Url {
        &self.url
    }

    /// Waits for the user. Dropping it ends the sign-in.
    ///
    /// # Errors
    /// Why it came to nothing.
    pub async fn finish(self) -> Result<Grant, SignInError> {
        let (sender, mut returns) = mpsc::channel(1);
        let deciding = async {
            let (returned, code) = self.returned(&mut returns).await;
            let outcome = match code {
                Ok(code) => self.exchange(code).await.map_err(SignInError::from),
                Err(error) => Err(error),
            };
            let said = match &outcome {
                Ok(_) => Outcome::Done,
                Err(SignInError::Denied { .. }) => Outcome::Denied,
                Err(_) => Outcome::Failed,
            };
            returned.show(StatusCode::OK, page(&self.texts, said));
            outcome
        };
        let deciding = async {
            tokio::select! {
                outcome = deciding => outcome,
                () = pause(PATIENCE) => Err(SignInError::Expired),
            }
        };
        let serving = self.loopback.serve(sender);
        tokio::pin!(serving, deciding);
        let outcome = tokio::select! {
            outcome = &mut deciding => outcome,
            never = &mut serving => match never {},
        };
        // The page has still to reach the browser.
        tokio::select! {
            () = pause(FAREWELL) => {}
            never = &mut serving => match never {},
        }
        outcome
    }

    /// The return that is this sign-in's, and what it brings. Anything else that comes is shown the
    /// door, and does not end the sign-in: any page in the browser can send it here.
    async fn returned(
        &self,
        returns: &mut mpsc::Receiver<Returned>,
    ) -> (Returned, Result<AuthorizationCode, SignInError>) {
        loop {
            let Some(returned) = returns.recv().await else {
                // The sender is kept by whoever polls this.
                std::future::pending::<()>().await;
                continue;
            };
            if returned.get("state") != Some(self.state.secret()) || !self.is_from_issuer(&returned)
            {
                tracing::warn!(
                    "a page that is not the provider's answer came back, and is ignored"
                );
                returned.show(StatusCode::BAD_REQUEST, page(&self.texts, Outcome::Failed));
                continue;
            }
            let code = code(&returned);
            return (returned, code);
        }
    }

    /// RFC 9207 section 2.4.
    fn is_from_issuer(&self, returned: &Returned) -> bool {
        let said = returned.parameters.iter().any(|(name, _)| name == "iss");
        let more = self.metadata.additional_metadata();
        if !said {
            return !more.authorization_response_iss_parameter_supported;
        }
        returned.get("iss") == Some(self.metadata.issuer().as_str())
    }

    async fn exchange(&self, code: AuthorizationCode) -> Result<Grant, IssuerError> {
        let provider = self.provider;
        let more = self.metadata.additional_metadata();
        let prover = provider.prover(&self.key, more);
        let http = Http::new(&provider.connector, prover.as_deref());
        let (issuer, keys) = (self.metadata.issuer().clone(), self.metadata.jwks().clone());
        let client = CoreClient::new(provider.client_id(), issuer, keys)
            .set_token_uri(token_endpoint(&self.metadata)?)
            .set_redirect_uri(RedirectUrl::from_url(self.loopback.url().clone()));
        let verifier = PkceCodeVerifier::new(self.verifier.secret().clone());
        let mut request = client.exchange_code(code).set_pkce_verifier(verifier);
        if let Some(resource) = &provider.client.resource {
            request = request.add_extra_param("resource", resource.as_str());
        }
        let tokens = request.request_async(&http).await.map_err(token_error)?;
        let (nonce, time) = (&self.nonce, http.time());
        let grant = provider.grant(&self.metadata, &self.key, &tokens, nonce, time);
        grant.await
    }
}

/// What a return brings (RFC 6749 sections 4.1.2 and 4.1.2.1).
fn code(returned: &Returned) -> Result<AuthorizationCode, SignInError> {
    if let Some(error) = returned.get("error") {
        let said = returned.get("error_description").unwrap_or(error);
        return Err(match error {
            "access_denied" => SignInError::Denied {
                detail: said.to_owned(),
            },
            error => SignInError::Issuer(IssuerError::Refused {
                code: error.to_owned(),
                detail: said.to_owned(),
            }),
        });
    }
    let code = returned.get("code").filter(|code| !code.is_empty());
    let code = code.map(|code| AuthorizationCode::new(code.to_owned()));
    code.ok_or_else(|| untrustworthy("it brings neither a code nor an error".to_owned()).into())
}
