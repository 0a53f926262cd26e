//! What a credential lets in: everything that is checked before a connection has its session.

use std::sync::Arc;

use axum::extract::Query;
use axum::http::{HeaderMap, Uri};
use offhook_proto::Protocol;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use tracing::warn;

use super::problem::Problem;
use super::{Closing, State};
use crate::credential::{Credential, InAddress, Method, Unclear, choose, offered, origin_counts};
use crate::fingerprint::{Peer, Sender};
use crate::session::{Pass, Shape};
use crate::token::{Claims, PREFIX, Refused, USER, is_session_id};
use crate::{AGENT, FingerprintPolicy};

/// The longest life of a token that is taken from an address, in s.
const MAX_IN_ADDRESS: u64 = 60;

/// What the address of a request says.
#[derive(Debug, Default, Deserialize)]
struct Address {
    agent: Option<String>,
    model: Option<String>,
    session: Option<String>,
    token: Option<SecretString>,
    auth: Option<String>,
}

/// A request for an upgrade, apart from its credential.
#[derive(Debug)]
pub(super) struct Asked {
    agent: Option<String>,
    model: Option<String>,
    /// The session to go on with.
    session: Option<String>,
    protocol: Protocol,
    /// The subprotocol to answer with.
    pub(super) selected: Option<&'static str>,
    shape: Shape,
    pub(super) sender: Sender,
}

impl Asked {
    /// Reads a request, and finds its credential.
    pub(super) fn read(
        state: &State,
        headers: &HeaderMap,
        uri: &Uri,
        peer: Option<Peer>,
    ) -> Result<(Self, Credential), Problem> {
        let Query(address) = Query::<Address>::try_from_uri(uri)
            .map_err(|_| Problem::unreadable("The query of the address cannot be read."))?;
        if address
            .auth
            .as_deref()
            .is_some_and(|auth| auth != "message")
        {
            let message = "A credential can come as the first \"message\", and not in another way.";
            return Err(Problem::invalid("auth", message));
        }
        let in_address = InAddress {
            token: address.token.as_ref(),
            later: address.auth.is_some(),
        };
        let credential = choose(headers, in_address, &state.config.allowed_auth);
        let method = credential.as_ref().ok().map(Credential::method);
        if !origin_counts(headers, &state.config.allowed_origins, method) {
            return Err(Problem::origin());
        }
        let credential = credential.map_err(unclear)?;
        let (protocol, selected) = Protocol::select(offered(headers))
            .map_or((Protocol::Plain, None), |(protocol, name)| {
                (protocol, Some(name))
            });
        if let Some(session) = &address.session {
            if !is_session_id(session) {
                return Err(Problem::invalid("session", "This is not a session's id."));
            }
            if !protocol.is_offhook() {
                let message = "Only a client that offers \"offhook.v1\" can go on with a session.";
                return Err(Problem::invalid("session", message));
            }
        }
        let asked = Self {
            agent: address.agent,
            model: address.model,
            session: address.session,
            protocol,
            selected,
            shape: shape(headers),
            sender: Sender::new(peer, headers),
        };
        Ok((asked, credential))
    }
}

/// Refuses whoever comes while the bridge closes.
pub(super) fn check_open(state: &State) -> Result<(), Problem> {
    match *state.closing.borrow() {
        Closing::Open => Ok(()),
        Closing::Drain { until } => Err(Problem::closing((until - state.clock.now()).as_secs())),
        Closing::Shutdown => Err(Problem::closing(0)),
    }
}

/// Lets a request in at `now`, in s since the Unix epoch, or says why not. A token is spent last,
/// so that no other refusal costs it.
pub(super) fn admit(
    state: &Arc<State>,
    now: u64,
    asked: &Asked,
    method: Method,
    credential: &SecretString,
) -> Result<Pass, Problem> {
    let claims = authorise(state, now, method, credential)?;
    let claims = claims.as_ref();
    let agent = claims.map_or(AGENT, |claims| &claims.agent);
    if asked.agent.as_deref().is_some_and(|asked| asked != agent) {
        return Err(Problem::agent());
    }
    let wanted = asked.session.as_deref();
    if let (Some(wanted), Some(claims)) = (wanted, claims)
        && claims.sid != wanted
    {
        return Err(Problem::other_session());
    }
    let user = claims.map_or(USER, |claims| &claims.sub);
    let session = match (wanted, claims) {
        (Some(wanted), _) => wanted.to_owned(),
        // A reusable token opens several sessions, which must not share an id.
        (None, Some(claims)) if !claims.reusable => claims.sid.clone(),
        (None, _) => state.tokens.id("sess"),
    };
    let minted = claims.map(|claims| claims.iat);
    if state.registry.is_revoked(now, &session, user, minted) {
        return Err(Problem::revoked());
    }
    check_open(state)?;
    let mismatch = claims.and_then(|claims| state.mismatch(claims, &asked.sender));
    if let Some(mismatch) = mismatch {
        warn!(session, %mismatch, "a token is used elsewhere than it was minted");
        let enforced = state.config.fingerprint == FingerprintPolicy::Enforce;
        // Others are asked to prove themselves once they are connected.
        if enforced && !asked.protocol.is_offhook() {
            return Err(Problem::elsewhere());
        }
    }
    let slot = if wanted.is_some_and(|wanted| state.registry.has(wanted, user)) {
        None
    } else {
        Some(state.slot().ok_or_else(Problem::full)?)
    };
    if let Some(claims) = claims {
        state.tokens.spend(now, claims).map_err(refused)?;
    }
    Ok(Pass {
        session,
        resumes: wanted.is_some(),
        user: user.to_owned(),
        agent: agent.to_owned(),
        minted,
        expires_at: claims.map(|claims| state.clock.at_unix(claims.exp)),
        slot,
        model: asked.model.clone().unwrap_or_else(|| AGENT.into()),
        protocol: asked.protocol,
        shape: asked.shape,
        sender: asked.sender.clone(),
        mismatch,
    })
}

/// What a credential grants: a token's claims, or none for the access token itself.
fn authorise(
    state: &State,
    now: u64,
    method: Method,
    credential: &SecretString,
) -> Result<Option<Claims>, Problem> {
    if credential.expose_secret().starts_with(PREFIX) {
        let claims = state.tokens.verify(now, credential).map_err(refused)?;
        let short = !claims.reusable && claims.exp - claims.iat <= MAX_IN_ADDRESS;
        if method == Method::Query && !short {
            return Err(Problem::not_for_addresses());
        }
        return Ok(Some(claims));
    }
    if method.takes_access_token() && state.is_access_token(credential.expose_secret()) {
        return Ok(None);
    }
    Err(Problem::bad_credential())
}

pub(super) fn unclear(why: Unclear) -> Problem {
    match why {
        Unclear::None => Problem::no_credential(),
        Unclear::NotBearer => Problem::bad_credential(),
        Unclear::Several => Problem::several_credentials(),
        Unclear::Off => Problem::method_off(),
    }
}

fn refused(why: Refused) -> Problem {
    match why {
        Refused::Invalid => Problem::bad_credential(),
        Refused::Expired => Problem::expired(),
        Refused::Spent => Problem::used(),
        Refused::Full => Problem::full(),
    }
}

/// Clients written for the beta say so; OpenAI's API accepts them only to tell them that it ended.
fn shape(headers: &HeaderMap) -> Shape {
    let beta = headers.get_all("openai-beta").iter().any(|value| {
        value
            .to_str()
            .is_ok_and(|value| value.contains("realtime=v1"))
    });
    if beta { Shape::Beta } else { Shape::Ga }
}

#[cfg(test)]
#[path = "admission_tests.rs"]
mod tests;
