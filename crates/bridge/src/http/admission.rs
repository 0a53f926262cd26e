//! What a credential lets in: everything that is checked before a connection has its session.

use std::sync::Arc;

use axum::extract::Query;
use axum::http::{HeaderMap, Uri};
use offhook_proto::{Protocol, Time};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use tracing::warn;

use super::access::{Shown, unproved};
use super::problem::Problem;
use super::{Closing, State};
use crate::FingerprintPolicy;
use crate::config::Standing;
use crate::credential::{Credential, InAddress, Method, Unclear, choose, offered, origin_counts};
use crate::fingerprint::{Peer, Sender};
use crate::proof::{OverNonce, OverToken, Proof};
use crate::session::{Pass, Shape};
use crate::token::{Claims, PREFIX, Refused, is_session_id};

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
    /// When it came; where its credential comes later, when that did.
    pub(super) begun: Time,
    agent: Option<String>,
    model: Option<String>,
    /// The session to go on with.
    session: Option<String>,
    protocol: Protocol,
    /// The subprotocol to answer with.
    pub(super) selected: Option<&'static str>,
    shape: Shape,
    pub(super) sender: Sender,
    /// The proof of a key that came along, and of what it has to be.
    shown: Shown,
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
            begun: state.clock.now(),
            agent: address.agent,
            model: address.model,
            session: address.session,
            protocol,
            selected,
            shape: shape(headers),
            sender: Sender::new(peer, headers),
            shown: Shown::read(state, "GET", headers, uri),
        };
        Ok((asked, credential))
    }
}

/// Refuses whoever comes while the bridge closes.
pub(crate) fn check_open(state: &State) -> Result<(), Problem> {
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
    holder: &Holder,
) -> Result<Pass, Problem> {
    let claims = holder.claims.as_ref();
    let agent = match (asked.agent.as_deref(), claims) {
        (Some(asked), Some(claims)) if claims.agent != asked => return Err(Problem::agent()),
        (_, Some(claims)) => claims.agent.as_str(),
        (asked, None) => {
            let agent = state.config.agent(asked, &holder.standing);
            &agent.ok_or_else(Problem::agent)?.id
        }
    };
    let wanted = asked.session.as_deref();
    if let (Some(wanted), Some(claims)) = (wanted, claims)
        && claims.sid != wanted
    {
        return Err(Problem::other_session());
    }
    let (user, jkt) = (holder.user.as_str(), holder.jkt.as_deref());
    let session = match (wanted, claims) {
        (Some(wanted), _) => wanted.to_owned(),
        // A reusable token opens several sessions, which must not share an id.
        (None, Some(claims)) if !claims.reusable => claims.sid.clone(),
        (None, _) => state.tokens.id("sess"),
    };
    if state
        .registry
        .is_revoked(now, &session, user, holder.minted)
    {
        return Err(Problem::revoked());
    }
    if wanted.is_some_and(|wanted| state.registry.is_foreign(wanted, user, jkt)) {
        return Err(Problem::other_session());
    }
    check_open(state)?;
    let is_here = wanted.is_some_and(|wanted| state.registry.has(wanted, user));
    if !is_here {
        check_upstream(state, agent)?;
    }
    let mismatch = claims.and_then(|claims| state.mismatch(claims, &asked.sender));
    if let Some(mismatch) = mismatch {
        warn!(session, %mismatch, "a token is used elsewhere than it was minted");
        let enforced = state.config.fingerprint == FingerprintPolicy::Enforce;
        // Others are asked to prove themselves once they are connected.
        if enforced && !asked.protocol.is_offhook() {
            return Err(Problem::elsewhere());
        }
    }
    let slot = if is_here {
        None
    } else {
        Some(state.slot().ok_or_else(Problem::full)?)
    };
    if let Some(proof) = &holder.proof {
        state.seen.spend(now, proof).map_err(unproved)?;
    }
    if let Some(claims) = claims {
        state.tokens.spend(now, claims).map_err(refused)?;
    }
    Ok(Pass {
        begun: asked.begun,
        session,
        resumes: wanted.is_some(),
        user: user.to_owned(),
        agent: agent.to_owned(),
        minted: holder.minted,
        expires_at: holder.expires_at.map(|at| state.clock.at_unix(at)),
        key: jkt.map(|jkt| (jkt.to_owned(), asked.shown.target().clone())),
        slot,
        model: asked.model.clone().unwrap_or_else(|| agent.to_owned()),
        protocol: asked.protocol,
        shape: asked.shape,
        sender: asked.sender.clone(),
        mismatch,
    })
}

/// Refuses a new session with an agent that could not be reached again and again.
fn check_upstream(state: &State, agent: &str) -> Result<(), Problem> {
    let remotes = state.remotes.get(agent);
    let pause = remotes.and_then(|remotes| remotes.breaker.pause(state.clock.now()));
    pause.map_or(Ok(()), |pause| Err(Problem::upstream(pause)))
}

/// What a credential grants, and to whom.
#[derive(Debug)]
pub(super) struct Holder {
    /// What a token says; none for the access token itself.
    claims: Option<Claims>,
    user: String,
    /// When it was minted, in s since the Unix epoch; none for one that was not.
    minted: Option<u64>,
    /// When it expires, in s since the Unix epoch; none if it does not.
    expires_at: Option<u64>,
    /// The thumbprint of the key it is bound to.
    jkt: Option<String>,
    /// What its user may call, where no token says that.
    standing: Standing,
    /// The proof of that key, which nobody has looked for among those that came before.
    proof: Option<Proof>,
}

/// Finds out what a credential grants. One that is bound to a key is worth nothing without a proof
/// of that key (RFC 9449 section 7.1), however it comes.
pub(super) async fn authorise(
    state: &State,
    now: u64,
    asked: &Asked,
    method: Method,
    credential: &SecretString,
) -> Result<Holder, Problem> {
    let mut holder = if credential.expose_secret().starts_with(PREFIX) {
        let claims = state.tokens.verify(now, credential).map_err(refused)?;
        let short = !claims.reusable && claims.exp - claims.iat <= MAX_IN_ADDRESS;
        if method == Method::Query && !short {
            return Err(Problem::not_for_addresses());
        }
        Holder {
            user: claims.sub.clone(),
            minted: Some(claims.iat),
            expires_at: Some(claims.exp),
            jkt: claims.jkt().map(ToOwned::to_owned),
            claims: Some(claims),
            standing: Standing::Operator,
            proof: None,
        }
    } else if method.takes_access_token() {
        let grant = state.grant(now, credential).await?;
        Holder {
            claims: None,
            user: grant.user,
            minted: grant.minted,
            expires_at: grant.expires_at,
            jkt: grant.jkt,
            standing: grant.standing,
            proof: None,
        }
    } else {
        return Err(Problem::bad_credential());
    };
    let cannot_prove = matches!(method, Method::Header | Method::FirstMessage);
    if holder.jkt.is_some() && cannot_prove {
        return Err(Problem::proof());
    }
    if holder.jkt.is_some() || method == Method::Proved {
        // The token is single-use or short-lived: another round trip for a nonce would only delay
        // the call.
        let over = OverToken::Needed(credential.expose_secret());
        let proof = asked.shown.check(now, over, OverNonce::Free)?;
        if holder.jkt.as_ref().is_some_and(|jkt| *jkt != proof.jkt) {
            return Err(Problem::proof());
        }
        holder.proof = Some(proof);
    }
    Ok(holder)
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
