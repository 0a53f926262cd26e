//! Twilio's signature (`X-Twilio-Signature`): whether a request is from who has the auth token.
//!
//! After <https://www.twilio.com/docs/usage/security#validating-requests>: base64 of HMAC-SHA1, with
//! the account's auth token, over the URL that Twilio was given and the names and values of the POST
//! parameters, sorted by name. SHA-1 is Twilio's choice; nobody has broken it in an HMAC.
//!
//! The URL is the configured one and never what a request says of itself, as a proxy may have changed
//! that. Twilio spells some URLs in a way of its own, so their other spellings count as well: with
//! the port and without, and for a stream's upgrade `wss` as `https` and a trailing slash. All are
//! of the same configured URL, so that none lets anybody else in.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ring::hmac::{self, HMAC_SHA1_FOR_LEGACY_USE_ONLY};
use secrecy::{ExposeSecret as _, SecretString};
use subtle::{Choice, ConstantTimeEq as _};

/// The header's name, as HTTP/2 writes it.
pub const HEADER: &str = "x-twilio-signature";

/// Checks signatures against one account's auth token.
#[derive(Debug, Clone)]
pub struct Verifier {
    key: hmac::Key,
}

impl Verifier {
    /// For the account that has this auth token.
    #[must_use]
    pub fn new(auth_token: &SecretString) -> Self {
        let token = auth_token.expose_secret().as_bytes();
        Self {
            key: hmac::Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, token),
        }
    }

    /// Whether a webhook comes from Twilio: a request for `url`, query included, with these
    /// parameters in its form, in any order. A GET has none.
    ///
    /// # Errors
    /// Where the signature is another, or none.
    pub fn webhook(
        &self,
        url: &str,
        parameters: &[(String, String)],
        signature: &str,
    ) -> Result<(), Forged> {
        let mut form = String::new();
        // Of a name that comes more than once, Twilio signs each value once, and sorted.
        for (name, value) in parameters.iter().collect::<BTreeSet<_>>() {
            form.push_str(name);
            form.push_str(value);
        }
        self.check(&ports(url), &form, signature)
    }

    /// Whether the upgrade of a stream's socket comes from Twilio: a GET for `url`, which is the one
    /// in the TwiML.
    ///
    /// # Errors
    /// Where the signature is another, or none.
    pub fn stream(&self, url: &str, signature: &str) -> Result<(), Forged> {
        let schemes = schemes(url);
        let slashes = schemes.iter().flat_map(|url| slashes(url));
        let spellings: Vec<String> = slashes.flat_map(|url| ports(&url)).collect();
        self.check(&spellings, "", signature)
    }

    fn check(&self, urls: &[String], form: &str, signature: &str) -> Result<(), Forged> {
        let given = BASE64_STANDARD.decode(signature).map_err(|_| Forged)?;
        let mut is_one = Choice::from(0);
        for url in urls {
            let mut signed = hmac::Context::with_key(&self.key);
            signed.update(url.as_bytes());
            signed.update(form.as_bytes());
            is_one |= signed.sign().as_ref().ct_eq(&given);
        }
        bool::from(is_one).then_some(()).ok_or(Forged)
    }
}

/// A request that does not come from Twilio, or not for this URL or account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the request is not signed by Twilio for this URL and account")]
pub struct Forged;

fn schemes(url: &str) -> Vec<String> {
    let mut spellings = vec![url.to_owned()];
    for (one, other) in [("wss://", "https://"), ("ws://", "http://")] {
        if let Some(rest) = url.strip_prefix(one) {
            spellings.push(format!("{other}{rest}"));
        } else if let Some(rest) = url.strip_prefix(other) {
            spellings.push(format!("{one}{rest}"));
        }
    }
    spellings
}

fn slashes(url: &str) -> [String; 2] {
    let bare = url.strip_suffix('/').unwrap_or(url);
    [bare.to_owned(), format!("{bare}/")]
}

/// With the port, be it the scheme's own, and without.
fn ports(url: &str) -> Vec<String> {
    let mut spellings = vec![url.to_owned()];
    let Some((scheme, rest)) = url.split_once("://") else {
        return spellings;
    };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    // A colon in the brackets of an IPv6 address, or before a password's `@`, starts no port.
    let host_at = authority.rfind(['@', ']']).map_or(0, |at| at + 1);
    match authority[host_at..].rfind(':') {
        Some(colon) => {
            let bare = &authority[..host_at + colon];
            spellings.push(format!("{scheme}://{bare}{path}"));
        }
        None => {
            let port = if matches!(scheme, "https" | "wss") {
                443
            } else {
                80
            };
            spellings.push(format!("{scheme}://{authority}:{port}{path}"));
        }
    }
    spellings
}

#[cfg(test)]
#[path = "signature_tests.rs"]
mod tests;
