//! Sessions to list and to revoke.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Query, State as Shared};
use axum::http::{StatusCode, Uri};
use serde::Deserialize;
use serde_json::{Value, json};
use tracing::info;

use crate::http::{Problem, State};
use crate::sessions::{SessionInfo, SessionState, Sessions};
use crate::token::is_session_id;

/// How many sessions a page has, unless it is asked for fewer or more.
const PAGE: usize = 100;
/// And at most.
const MAX_PAGE: usize = 1000;
/// What a session's client is told, unless a reason is given.
const REASON: &str = "operator_request";
/// The longest reason, in bytes.
const MAX_REASON: usize = 64;

/// Which part of the list is wanted.
#[derive(Debug, Deserialize)]
struct Page {
    limit: Option<usize>,
    /// The last id of the page before.
    cursor: Option<String>,
}

/// Why something is revoked.
#[derive(Debug, Deserialize)]
struct Why {
    reason: Option<String>,
}

/// Lists sessions in the order of their ids, which does not change while somebody turns pages.
pub(super) async fn list(
    Shared(state): Shared<Arc<State>>,
    uri: Uri,
) -> Result<Json<Value>, Problem> {
    let Query(page) = Query::<Page>::try_from_uri(&uri)
        .map_err(|_| Problem::invalid("limit", "The query of the address cannot be read."))?;
    let limit = page.limit.unwrap_or(PAGE);
    if !(1..=MAX_PAGE).contains(&limit) {
        let message = format!("A page has 1 to {MAX_PAGE} sessions.");
        return Err(Problem::invalid("limit", &message));
    }
    let mut all = Sessions { state }.list();
    if let Some(cursor) = &page.cursor {
        all.retain(|session| session.id > *cursor);
    }
    all.sort_unstable_by(|one, other| one.id.cmp(&other.id));
    let has_more = all.len() > limit;
    all.truncate(limit);
    let next = all.last().filter(|_| has_more).map(|last| last.id.clone());
    let sessions: Vec<Value> = all.iter().map(shown).collect();
    Ok(Json(json!({ "sessions": sessions, "next": next })))
}

/// Revokes a session.
pub(super) async fn revoke(
    Shared(state): Shared<Arc<State>>,
    id: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Json<Value>, Problem> {
    let id = id.ok().filter(|Path(id)| is_session_id(id));
    let Some(Path(id)) = id else {
        return Err(Problem::invalid("id", "This is not a session's id."));
    };
    let reason = reason(&uri)?;
    if !(Sessions { state }).revoke(&id, &reason) {
        return Err(Problem::new(
            StatusCode::NOT_FOUND,
            "no_such_session",
            "There is no session of this id here. Tokens minted for it are worth nothing any more.",
        ));
    }
    info!(session = id, reason, "revoked by the admin API");
    Ok(Json(json!({ "revoked": 1 })))
}

/// Revokes all sessions of a user, and the user's tokens.
pub(super) async fn revoke_user(
    Shared(state): Shared<Arc<State>>,
    user: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Json<Value>, Problem> {
    let Path(user) = user.map_err(|_| Problem::invalid("user", "This is not a user's name."))?;
    let reason = reason(&uri)?;
    let revoked = Sessions { state }.revoke_user(&user, &reason);
    info!(user, reason, revoked, "a user is revoked by the admin API");
    Ok(Json(json!({ "revoked": revoked })))
}

fn shown(session: &SessionInfo) -> Value {
    json!({
        "id": session.id,
        "user": session.user,
        "agent": session.agent,
        "state": match session.state {
            SessionState::Attached => "attached",
            SessionState::Waiting => "waiting",
        },
        "age_s": session.age.as_secs(),
        "connections": session.generation,
    })
}

/// The reason that the address gives, which is a code.
fn reason(uri: &Uri) -> Result<String, Problem> {
    let why = Query::<Why>::try_from_uri(uri).ok();
    let reason = why.map(|Query(why)| why.reason.unwrap_or_else(|| REASON.to_owned()));
    let is_code = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    reason
        .filter(|it| (1..=MAX_REASON).contains(&it.len()) && it.bytes().all(is_code))
        .ok_or_else(|| {
            Problem::invalid(
                "reason",
                "A reason is a code of a to z, 0 to 9 and _, of 64 letters at most.",
            )
        })
}
