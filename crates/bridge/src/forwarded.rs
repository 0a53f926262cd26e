//! For whom a proxy asks: believed from proxies the operator trusts, and dropped from anybody else.
//!
//! What is read below the router is then what the client itself would have sent: its address as
//! [`Peer`], its `Host`, and `https` or `http` as the scheme of the request's address, where that is
//! known.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::{self, Request};
use axum::http::uri::{Authority, PathAndQuery, Scheme};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::fingerprint::Peer;
use crate::http::State;
use crate::{Config, ForwardedBy};

const FORWARDED: HeaderName = HeaderName::from_static("forwarded");
const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Makes of each request what its client sent.
pub(crate) async fn believe(
    extract::State(state): extract::State<Arc<State>>,
    mut request: Request,
    next: Next,
) -> Response {
    rewrite(&state.config, &mut request);
    next.run(request).await
}

fn rewrite<B>(config: &Config, request: &mut axum::http::Request<B>) {
    let is_trusted = |address: IpAddr| {
        let mut networks = config.trusted_proxies.iter();
        networks.any(|network| network.contains(address))
    };
    let peer = request.extensions().get::<Peer>().copied();
    let said = match peer {
        Some(Peer(address)) if is_trusted(address.ip()) => {
            read(config.forwarded_by, request.headers(), is_trusted)
        }
        _ => Said::default(),
    };
    for name in [FORWARDED, FOR, PROTO, HOST] {
        request.headers_mut().remove(name);
    }
    if let Some(client) = said.client {
        // Nobody says its port, and nobody asks for it.
        let address = SocketAddr::new(client, 0);
        request.extensions_mut().insert(Peer(address));
    }
    let asked = request.uri().authority().map(|it| it.as_str().to_owned());
    let has_host = request.headers().contains_key(header::HOST);
    let host = said.host.or_else(|| asked.filter(|_| !has_host));
    if let Some(host) = host.and_then(|host| HeaderValue::from_str(&host).ok()) {
        request.headers_mut().insert(header::HOST, host);
    }
    let own = config.tls.as_ref().map(|_| Scheme::HTTPS);
    let uri = address(request, said.scheme.or(own));
    *request.uri_mut() = uri;
}

/// The address of a request, with this scheme and in no other way than by path and query.
fn address<B>(request: &axum::http::Request<B>, scheme: Option<Scheme>) -> Uri {
    let path = request.uri().path_and_query().cloned();
    let path = path.unwrap_or_else(|| PathAndQuery::from_static("/"));
    let host = request.headers().get(header::HOST);
    let authority = host.and_then(|host| Authority::try_from(host.as_bytes()).ok());
    let whole = scheme.zip(authority).and_then(|(scheme, authority)| {
        let whole = Uri::builder().scheme(scheme).authority(authority);
        whole.path_and_query(path.clone()).build().ok()
    });
    whole.unwrap_or_else(|| Uri::from(path))
}

/// What is known of a client by what proxies say.
#[derive(Debug, Default, PartialEq, Eq)]
struct Said {
    client: Option<IpAddr>,
    scheme: Option<Scheme>,
    host: Option<String>,
}

/// What one proxy says of who sent it a request.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Hop {
    client: Option<IpAddr>,
    scheme: Option<Scheme>,
    host: Option<String>,
}

/// Goes back from the proxy that is connected, as far as those who speak are trusted: the client is
/// the first who is not, whatever it has put in before.
fn read(by: ForwardedBy, headers: &HeaderMap, is_trusted: impl Fn(IpAddr) -> bool) -> Said {
    let hops = match by {
        ForwardedBy::XForwardedFor => separate(headers),
        ForwardedBy::Forwarded => standard(headers),
    };
    let mut said = Said::default();
    for hop in hops.into_iter().rev() {
        (said.scheme, said.host) = (hop.scheme, hop.host);
        let Some(client) = hop.client else { break };
        said.client = Some(client);
        if !is_trusted(client) {
            break;
        }
    }
    said
}

/// What the `X-Forwarded-…` say, the nearest last.
fn separate(headers: &HeaderMap) -> Vec<Hop> {
    let list = |name: HeaderName| {
        let lines = headers.get_all(name).iter();
        let lines = lines.map(|line| line.to_str().unwrap_or("?"));
        let parts = lines.flat_map(|line| line.split(',')).map(str::trim);
        parts.filter(|part| !part.is_empty()).collect::<Vec<_>>()
    };
    let (clients, schemes, hosts) = (list(FOR), list(PROTO), list(HOST));
    // A proxy that does not add to a list has written what is true for the client.
    let from_end = |list: &[&str], back: usize| {
        let index = list.len().saturating_sub(back + 1);
        list.get(index).map(|part| (*part).to_owned())
    };
    let hops = (0..clients.len().max(1)).rev().map(|back| Hop {
        client: clients.iter().rev().nth(back).and_then(|it| node(it)),
        scheme: from_end(&schemes, back).and_then(|it| scheme(&it)),
        host: from_end(&hosts, back),
    });
    hops.collect()
}

/// What `Forwarded` says, the nearest last. Nothing is known of a proxy that breaks the rules.
fn standard(headers: &HeaderMap) -> Vec<Hop> {
    let lines = headers.get_all(FORWARDED).iter();
    let lines = lines.map(|line| line.to_str().unwrap_or("?"));
    let elements = lines.flat_map(|line| split(line, ','));
    let elements = elements.filter(|element| !element.trim().is_empty());
    elements.map(|it| hop(it).unwrap_or_default()).collect()
}

/// One element of `Forwarded` (RFC 7239 section 4).
fn hop(element: &str) -> Option<Hop> {
    let mut hop = Hop::default();
    for pair in split(element, ';') {
        let (name, value) = pair.split_once('=')?;
        let value = unquoted(value.trim())?;
        match name.trim().to_ascii_lowercase().as_str() {
            "for" => hop.client = node(&value),
            "proto" => hop.scheme = scheme(&value),
            "host" => hop.host = Some(value),
            _ => {}
        }
    }
    Some(hop)
}

/// The parts of a text between separators that are not in quotes.
fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut quoted, mut escaped) = (false, false);
    let parts = text.split(|c: char| {
        let splits = c == separator && !quoted;
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
        splits
    });
    parts.collect()
}

/// A token, or what is in a quoted string (RFC 9110 section 5.6.4).
fn unquoted(value: &str) -> Option<String> {
    let Some(inner) = value.strip_prefix('"') else {
        return (!value.contains('"')).then(|| value.to_owned());
    };
    let mut text = String::new();
    let mut characters = inner.chars();
    loop {
        match characters.next()? {
            '"' => return characters.next().is_none().then_some(text),
            '\\' => text.push(characters.next()?),
            other => text.push(other),
        }
    }
}

/// The address of a node, with or without a port and brackets; none for `unknown` and for names.
fn node(text: &str) -> Option<IpAddr> {
    let bare = || {
        let inner = text.strip_prefix('[')?.strip_suffix(']')?;
        inner.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
    };
    let with_port = || text.parse::<SocketAddr>().ok().map(|it| it.ip());
    let address = text.parse().ok().or_else(with_port).or_else(bare)?;
    Some(address.to_canonical())
}

/// How a client came; proxies tell calls by the scheme of WebSockets.
fn scheme(text: &str) -> Option<Scheme> {
    match text.to_ascii_lowercase().as_str() {
        "https" | "wss" => Some(Scheme::HTTPS),
        "http" | "ws" => Some(Scheme::HTTP),
        _ => None,
    }
}

#[cfg(test)]
#[path = "forwarded_tests.rs"]
mod tests;
