//! Which credential counts, as tables.

use axum::http::{HeaderName, HeaderValue};
use secrecy::ExposeSecret as _;

use super::*;
use AuthMethod::{Cookie, FirstMessage, Query};

const AUTH: HeaderName = header::AUTHORIZATION;
const OFFER: HeaderName = header::SEC_WEBSOCKET_PROTOCOL;
const COOKIES: HeaderName = header::COOKIE;
const BEARER: (HeaderName, &str) = (AUTH, "Bearer ek_h");
const PROTOCOL: (HeaderName, &str) = (OFFER, "realtime, openai-insecure-api-key.ek_s");
const JAR: (HeaderName, &str) = (COOKIES, "theme=dark; offhook_token=ek_c");

fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

/// What comes of a request: the method and the token, or why not.
fn chosen(
    pairs: &[(HeaderName, &str)],
    token: Option<&str>,
    later: bool,
    allowed: &[AuthMethod],
) -> Result<(Method, String), Unclear> {
    let token = token.map(SecretString::from);
    let address = InAddress {
        token: token.as_ref(),
        later,
    };
    choose(&headers(pairs), address, allowed).map(|credential| match credential {
        Credential::Here(method, token) => (method, token.expose_secret().to_owned()),
        Credential::Later => (Method::FirstMessage, String::new()),
    })
}

#[test]
fn a_credential_comes_alone_or_not_at_all() {
    let all = &[Query, Cookie, FirstMessage][..];
    let here = |method, token: &str| Ok((method, token.to_owned()));
    let lower = (AUTH, "bearer ek_h");
    let proved = (AUTH, "dpop ek_p");
    let basic = (AUTH, "Basic YTpi");
    let empty = (AUTH, "Bearer ");
    let plain = (OFFER, "realtime");
    let two = (COOKIES, "offhook_token=a; offhook_token=b");
    let other = (COOKIES, "offhook_tokens=a");
    let none = (COOKIES, "offhook_token=");
    for (pairs, token, later, allowed, expected) in [
        // Alone, on by default.
        (
            &[BEARER][..],
            None,
            false,
            &[][..],
            here(Method::Header, "ek_h"),
        ),
        (&[lower], None, false, &[], here(Method::Header, "ek_h")),
        (&[proved], None, false, &[], here(Method::Proved, "ek_p")),
        (
            &[PROTOCOL],
            None,
            false,
            &[],
            here(Method::Subprotocol, "ek_s"),
        ),
        // Alone, off and on.
        (&[], Some("ek_q"), false, &[], Err(Unclear::Off)),
        (
            &[],
            Some("ek_q"),
            false,
            &[Cookie, FirstMessage],
            Err(Unclear::Off),
        ),
        (
            &[],
            Some("ek_q"),
            false,
            &[Query],
            here(Method::Query, "ek_q"),
        ),
        (
            &[JAR],
            None,
            false,
            &[Query, FirstMessage],
            Err(Unclear::None),
        ),
        (&[JAR], None, false, &[Cookie], here(Method::Cookie, "ek_c")),
        (&[], None, true, &[Query, Cookie], Err(Unclear::Off)),
        (
            &[],
            None,
            true,
            &[FirstMessage],
            here(Method::FirstMessage, ""),
        ),
        // Two at once, whether on or not; but a cookie that is off is nobody's doing.
        (&[BEARER, BEARER], None, false, &[], Err(Unclear::Several)),
        (
            &[BEARER, (AUTH, "DPoP ek_p")],
            None,
            false,
            &[],
            Err(Unclear::Several),
        ),
        (&[BEARER, PROTOCOL], None, false, &[], Err(Unclear::Several)),
        (&[BEARER], Some("ek_q"), false, &[], Err(Unclear::Several)),
        (&[BEARER], Some("ek_q"), false, all, Err(Unclear::Several)),
        (&[BEARER], None, true, &[], Err(Unclear::Several)),
        (&[PROTOCOL], None, true, all, Err(Unclear::Several)),
        (&[], Some("ek_q"), true, all, Err(Unclear::Several)),
        (&[JAR, BEARER], None, false, all, Err(Unclear::Several)),
        (
            &[JAR, BEARER],
            None,
            false,
            &[Query],
            here(Method::Header, "ek_h"),
        ),
        (&[JAR], None, true, all, Err(Unclear::Several)),
        (&[two], None, false, all, Err(Unclear::Several)),
        // Nothing, or nothing that can be read.
        (&[], None, false, all, Err(Unclear::None)),
        (&[plain], None, false, all, Err(Unclear::None)),
        (&[other], None, false, all, Err(Unclear::None)),
        (&[none], None, false, all, Err(Unclear::NotBearer)),
        (&[basic], None, false, all, Err(Unclear::NotBearer)),
        (&[empty], None, false, all, Err(Unclear::NotBearer)),
        (&[], Some(""), false, all, Err(Unclear::NotBearer)),
    ] {
        let got = chosen(pairs, token, later, allowed);
        assert_eq!(got, expected, "{pairs:?} {token:?} {later} {allowed:?}");
    }
}

#[test]
fn minting_takes_the_header_only() {
    let one = |pairs: &[_]| {
        authorisation(&headers(pairs)).map(|(_, token)| token.expose_secret().to_owned())
    };
    assert_eq!(one(&[BEARER, PROTOCOL, JAR]), Ok("ek_h".to_owned()));
    assert_eq!(one(&[PROTOCOL, JAR]), Err(Unclear::None));
    assert_eq!(one(&[BEARER, BEARER]), Err(Unclear::Several));
    assert_eq!(one(&[(AUTH, "Basic YTpi")]), Err(Unclear::NotBearer));
}

#[test]
fn an_origin_matches_exactly_and_a_cookie_needs_one() {
    let list = ["https://phone.example".to_owned()];
    let from = |origins: &[&'static str], method| {
        let pairs: Vec<_> = origins.iter().map(|it| (header::ORIGIN, *it)).collect();
        origin_counts(&headers(&pairs), &list, method)
    };
    for method in [
        None,
        Some(Method::Header),
        Some(Method::Proved),
        Some(Method::Subprotocol),
        Some(Method::Query),
        Some(Method::Cookie),
        Some(Method::FirstMessage),
    ] {
        assert!(from(&["https://phone.example"], method));
        for other in [
            "https://phone.example.evil.example",
            "https://phone.example/",
            "http://phone.example",
            "https://PHONE.example",
            "null",
            "",
        ] {
            assert!(!from(&[other], method), "{other}");
        }
        assert!(!from(
            &["https://phone.example", "https://phone.example"],
            method
        ));
        assert_eq!(from(&[], method), method != Some(Method::Cookie));
    }
}

#[test]
fn a_credential_is_not_printed() {
    let found = choose(&headers(&[BEARER]), InAddress::default(), &[]);
    let printed = format!("{found:?}");
    assert!(!printed.contains("ek_h"), "{printed}");
}
