//! Who may ask for what is not for everybody.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State as Shared};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use secrecy::{ExposeSecret as _, SecretString};
use tracing::warn;

use super::{HEALTH, READY};
use crate::credential::{Method, authorisation};
use crate::http::{Problem, State};
use crate::proof::same;

/// Lets a request through, or refuses it.
pub(super) async fn guard(
    Shared(state): Shared<Arc<State>>,
    request: Request,
    next: Next,
) -> Response {
    let is_for_all = [HEALTH, READY].contains(&request.uri().path());
    let token = state.config.admin.as_ref().and_then(|it| it.token.as_ref());
    let checked = match token {
        _ if is_for_all => Ok(()),
        Some(token) => check_token(token, request.headers()),
        None => check_nearness(request.headers()),
    };
    match checked {
        Ok(()) => next.run(request).await,
        Err(problem) => {
            warn!(path = request.uri().path(), "refused on the admin listener");
            problem.into_response()
        }
    }
}

/// Whether the one credential is the token.
fn check_token(token: &SecretString, headers: &HeaderMap) -> Result<(), Problem> {
    match authorisation(headers) {
        Ok((Method::Header, shown)) if same(token.expose_secret(), shown.expose_secret()) => Ok(()),
        _ => Err(Problem::new(
            StatusCode::UNAUTHORIZED,
            "invalid_admin_token",
            "This is for the bridge's operator; send the admin token as \"Authorization: Bearer …\".",
        )
        .with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
    }
}

/// Whether the request is a program's of this machine. A browser of this machine could be told by
/// any page to ask, also by a name that was made to lead here.
fn check_nearness(headers: &HeaderMap) -> Result<(), Problem> {
    let is_of_page = headers.contains_key(header::ORIGIN) || headers.contains_key("sec-fetch-site");
    if is_of_page || !names_this_machine(headers) {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "not_for_pages",
            "Without an admin token only programs of this machine are served, by its address.",
        ));
    }
    Ok(())
}

/// Whether the address that was asked is one, or `localhost`, and no name of somebody's.
fn names_this_machine(headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return false;
    };
    let host = host.to_str().ok().and_then(|host| host.parse::<Uri>().ok());
    host.as_ref().and_then(Uri::host).is_some_and(|host| {
        let address = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || address.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_this_machine_name_it() {
        let names = |host: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static(host));
            names_this_machine(&headers)
        };
        for host in ["127.0.0.1:9084", "127.0.0.1", "[::1]:9084", "localhost:1"] {
            assert!(names(host), "{host}");
        }
        for host in [
            "evil.example:9084",
            "192.0.2.1",
            "localhost.evil.example",
            "",
        ] {
            assert!(!names(host), "{host}");
        }
        assert!(!names_this_machine(&HeaderMap::new()));
    }
}
