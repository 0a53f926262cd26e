//! Whose word counts, and how far.

use axum::http::Request;

use super::*;
use crate::Access;

/// A request from `peer` to a bridge behind 10.0.0.0/8.
fn rewritten(by: ForwardedBy, peer: &str, uri: &str, headers: &[(&str, &str)]) -> Request<()> {
    let access = Access::Token("the access token".into());
    let mut config = Config::new("127.0.0.1:0".parse().unwrap(), access);
    config.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap(), "::1".parse().unwrap()];
    config.forwarded_by = by;
    let mut request = Request::builder().uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let peer = SocketAddr::new(peer.parse().unwrap(), 4000);
    let mut request = request.extension(Peer(peer)).body(()).unwrap();
    rewrite(&config, &mut request);
    request
}

fn client(request: &Request<()>) -> String {
    let Peer(address) = request.extensions().get::<Peer>().unwrap();
    address.ip().to_string()
}

/// The client's address by `X-Forwarded-For`, from 10.0.0.1.
fn by_x(value: &str) -> String {
    let by = ForwardedBy::XForwardedFor;
    client(&rewritten(
        by,
        "10.0.0.1",
        "/",
        &[("x-forwarded-for", value)],
    ))
}

/// The same by `Forwarded`.
fn by_standard(value: &str) -> String {
    let by = ForwardedBy::Forwarded;
    client(&rewritten(by, "10.0.0.1", "/", &[("forwarded", value)]))
}

#[test]
fn the_client_is_the_nearest_who_is_not_trusted() {
    for (value, address) in [
        ("192.0.2.7", "192.0.2.7"),
        ("192.0.2.7:4711", "192.0.2.7"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("192.0.2.7, 10.0.0.9, ::1", "192.0.2.7"),
        // What the client put in itself is left of what it is.
        ("198.51.100.1, 192.0.2.7", "192.0.2.7"),
        ("10.0.0.5, 192.0.2.7, 10.0.0.9", "192.0.2.7"),
        (" ,192.0.2.7 ,, ", "192.0.2.7"),
        // All of them are ours: the client is the farthest.
        ("10.0.0.5, 10.0.0.9", "10.0.0.5"),
        ("::ffff:10.0.0.5, ::ffff:192.0.2.7", "192.0.2.7"),
        // Nothing is known beyond what cannot be read.
        ("192.0.2.7, unknown, 10.0.0.9", "10.0.0.9"),
        ("unknown", "10.0.0.1"),
        ("", "10.0.0.1"),
    ] {
        assert_eq!(by_x(value), address, "{value}");
    }
}

#[test]
fn lines_of_one_header_are_one_list() {
    let lines = [
        ("x-forwarded-for", "198.51.100.1"),
        ("x-forwarded-for", "192.0.2.7"),
    ];
    let request = rewritten(ForwardedBy::XForwardedFor, "10.0.0.1", "/", &lines);
    assert_eq!(client(&request), "192.0.2.7");
}

#[test]
fn the_standard_header_is_read_by_its_grammar() {
    for (value, address) in [
        ("for=192.0.2.7", "192.0.2.7"),
        ("For=\"192.0.2.7:4711\";proto=https", "192.0.2.7"),
        ("for=\"[2001:db8::1]:4711\"", "2001:db8::1"),
        (
            "for=198.51.100.1, for=192.0.2.7;by=10.0.0.9, for=10.0.0.9",
            "192.0.2.7",
        ),
        (
            "for=198.51.100.1;secret=\"a, for=10.0.0.9\", for=192.0.2.7",
            "192.0.2.7",
        ),
        ("for=\"198.51.100.1\\\"\", for=\"192.0.2.7\"", "192.0.2.7"),
        ("for=_hidden, for=10.0.0.9", "10.0.0.9"),
        // A quote that the client left open takes what the proxy added with it: nobody is believed.
        ("for=\"198.51.100.1, for=192.0.2.7", "10.0.0.1"),
        ("for=\"198.51.100.1, for=\"[2001:db8::1]\"", "10.0.0.1"),
        ("for", "10.0.0.1"),
        ("", "10.0.0.1"),
    ] {
        assert_eq!(by_standard(value), address, "{value}");
    }
}

#[test]
fn a_client_cannot_speak_by_the_header_its_proxy_does_not_write() {
    let both = [
        ("forwarded", "for=198.51.100.1;host=evil.example"),
        ("x-forwarded-for", "192.0.2.7"),
    ];
    let request = rewritten(ForwardedBy::XForwardedFor, "10.0.0.1", "/", &both);
    assert_eq!(client(&request), "192.0.2.7");
    let request = rewritten(ForwardedBy::Forwarded, "10.0.0.1", "/", &both);
    assert_eq!(client(&request), "198.51.100.1");
}

#[test]
fn who_is_not_trusted_is_not_believed() {
    let headers = [
        ("host", "bridge.example"),
        ("x-forwarded-for", "192.0.2.7"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "evil.example"),
        ("forwarded", "for=192.0.2.7;proto=https;host=evil.example"),
    ];
    for by in [ForwardedBy::XForwardedFor, ForwardedBy::Forwarded] {
        let request = rewritten(by, "203.0.113.5", "https://bridge.example/a?b", &headers);
        assert_eq!(client(&request), "203.0.113.5");
        assert_eq!(request.uri().to_string(), "/a?b");
        assert_eq!(request.headers().len(), 1, "{:?}", request.headers());
        assert_eq!(request.headers()["host"], "bridge.example");
    }
}

#[test]
fn scheme_and_host_are_those_the_client_used() {
    let by = |by, headers: &[(&str, &str)]| {
        let headers = [&[("host", "inside:8084")], headers].concat();
        let request = rewritten(by, "10.0.0.1", "/a?b", &headers);
        (request.uri().to_string(), client(&request))
    };
    for (headers, address) in [
        (
            &[("x-forwarded-proto", "https")][..],
            "https://inside:8084/a?b",
        ),
        (
            &[
                ("x-forwarded-proto", "wss"),
                ("x-forwarded-host", "voice.example"),
            ],
            "https://voice.example/a?b",
        ),
        // Two proxies, of which the outer one says how the client came.
        (
            &[
                ("x-forwarded-for", "192.0.2.7, 10.0.0.9"),
                ("x-forwarded-proto", "https, http"),
                ("x-forwarded-host", "voice.example, inner"),
            ],
            "https://voice.example/a?b",
        ),
        (
            &[
                ("x-forwarded-for", "192.0.2.7, 10.0.0.9"),
                ("x-forwarded-proto", "https"),
            ],
            "https://inside:8084/a?b",
        ),
        // A client that adds to lists is left of them.
        (
            &[
                ("x-forwarded-for", "198.51.100.1, 192.0.2.7"),
                ("x-forwarded-proto", "http, https"),
                ("x-forwarded-host", "evil.example, voice.example"),
            ],
            "https://voice.example/a?b",
        ),
        (&[("x-forwarded-proto", "gopher")], "/a?b"),
        (&[], "/a?b"),
    ] {
        assert_eq!(
            by(ForwardedBy::XForwardedFor, headers).0,
            address,
            "{headers:?}"
        );
    }
    let standard = "for=192.0.2.7;proto=https;host=\"voice.example:444\", for=10.0.0.9;proto=http";
    let (address, client) = by(ForwardedBy::Forwarded, &[("forwarded", standard)]);
    assert_eq!(
        (address.as_str(), client.as_str()),
        ("https://voice.example:444/a?b", "192.0.2.7")
    );
}
