//! What a page of the issuer's brings back: that it was made here, for this browser, a moment ago.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::Local;
use crate::http::State;
use crate::proof::{hash, same};
use crate::token::random_text;

/// The cookie that a page is tied to.
const COOKIE: &str = "offhook_sign_in";
/// How long somebody may look at a page, in ms.
const LIFE: u64 = 10 * 60 * 1000;

#[derive(Serialize, serde::Deserialize)]
struct Sealed<T> {
    what: T,
    browser: String,
    until: u64,
}

/// A page's ticket, and the header that ties it to its browser.
pub(super) struct Ticket {
    pub(super) text: String,
    pub(super) cookie: (HeaderName, HeaderValue),
}

impl Local {
    /// Seals what a page is about, at `now`, in ms since the Unix epoch; none without entropy.
    pub(super) fn seal<T: Serialize>(&self, now: u64, what: T) -> Option<Ticket> {
        let browser = random_text().ok()?;
        let cookie = format!("{COOKIE}={browser}; Path=/oauth; HttpOnly; SameSite=Strict");
        let sealed = Sealed {
            what,
            browser: hash(&browser),
            until: now + LIFE,
        };
        let body = BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(&sealed).ok()?);
        let tag = self.keys.derive("ticket", &[&body]);
        Some(Ticket {
            text: format!("{body}.{tag}"),
            cookie: (header::SET_COOKIE, HeaderValue::from_str(&cookie).ok()?),
        })
    }

    /// What a page was about that comes back from the browser it was made for.
    pub(super) fn unseal<T: DeserializeOwned>(
        &self,
        now: u64,
        ticket: &str,
        headers: &HeaderMap,
    ) -> Option<T> {
        let (body, tag) = ticket.split_once('.')?;
        if !same(tag, &self.keys.derive("ticket", &[body])) {
            return None;
        }
        let body = BASE64_URL_SAFE_NO_PAD.decode(body).ok()?;
        let sealed: Sealed<T> = serde_json::from_slice(&body).ok()?;
        let cookies = headers.get_all(header::COOKIE).iter();
        let is_its_browser = cookies
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .any(|(name, value)| name == COOKIE && same(&hash(value), &sealed.browser));
        (is_its_browser && now < sealed.until).then_some(sealed.what)
    }
}

/// Whether a request for a page means this issuer, and not a name that somebody points to it; and
/// whether no page of another origin has sent it.
pub(super) fn is_ours(state: &State, headers: &HeaderMap) -> bool {
    let Ok(base) = Url::parse(state.base()) else {
        return false;
    };
    let text = |name| {
        headers
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
    };
    let host = text(header::HOST).and_then(|host| {
        let url = Url::parse(&format!("{}://{host}/", base.scheme()));
        url.ok().map(|url| url.origin())
    });
    let origin = text(header::ORIGIN).map(|origin| origin == base.origin().ascii_serialization());
    // What is in front of the bridge may have another name for it.
    let is_named = state.config.public_url.is_some() || host == Some(base.origin());
    is_named && origin.unwrap_or(true)
}
