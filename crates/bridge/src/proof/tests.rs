//! Which proofs count: the examples of RFC 9449, and everything that can be wrong with one.

use axum::http::{HeaderMap, header};
use serde_json::json;

use super::signing::ClientKey;
use super::*;

const NOW: u64 = 1_700_000_000;
/// RFC 9449 section 4.1, and section 7.1.
const FOR_TOKEN: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg";
const FOR_RESOURCE: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA";
const RFC_TOKEN: &str = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
const RFC_THUMBPRINT: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";

fn target(host: &str, path: &str) -> Target {
    let mut headers = HeaderMap::new();
    headers.insert(header::HOST, host.parse().unwrap());
    Target::new(None, &headers, &path.parse().unwrap())
}

#[test]
fn the_examples_of_the_standard_count() {
    let expected = |now, method, target, token| Expected {
        now,
        method,
        target,
        token,
        nonce: OverNonce::Free,
    };
    let endpoint = target("server.example.com", "/token");
    let wanted = expected(1_562_262_616, "POST", &endpoint, OverToken::None);
    assert_eq!(
        Proof::check(FOR_TOKEN, &wanted).unwrap().jkt,
        RFC_THUMBPRINT
    );
    let resource = target("resource.example.org", "/protectedresource");
    let over = OverToken::Needed(RFC_TOKEN);
    let wanted = expected(1_562_262_618, "GET", &resource, over);
    assert_eq!(
        Proof::check(FOR_RESOURCE, &wanted).unwrap().jkt,
        RFC_THUMBPRINT
    );
    assert_eq!(
        hash(RFC_TOKEN),
        "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"
    );
    let wanted = expected(1_562_262_618, "GET", &resource, OverToken::Needed("other"));
    let refused = Err(Refused::Invalid);
    assert_eq!(Proof::check(FOR_RESOURCE, &wanted), refused);
    assert_eq!(Proof::check(FOR_TOKEN, &wanted), refused);
}

#[test]
fn what_is_not_of_the_request_does_not_count() {
    let key = ClientKey::new();
    let endpoint = target("bridge.example", "/v1/realtime");
    let nonces = Nonces::new(&[7; 32]);
    let good = json!({
        "jti": "1", "htm": "GET", "htu": "https://bridge.example/v1/realtime", "iat": NOW,
        "ath": hash("token"), "nonce": nonces.current(NOW),
    });
    let check = |proof: &str| {
        let expected = Expected {
            now: NOW,
            method: "GET",
            target: &endpoint,
            token: OverToken::Needed("token"),
            nonce: OverNonce::Ours(&nonces),
        };
        Proof::check(proof, &expected).map(|proof| proof.jkt)
    };
    assert_eq!(check(&key.proof(&good)), Ok(key.jkt.clone()));
    for (name, value, result) in [
        ("iat", json!(NOW - 60), Ok(())),
        ("iat", json!(NOW + 60), Ok(())),
        ("iat", json!(NOW as f64 + 0.5), Ok(())),
        ("jti", json!("x".repeat(128)), Ok(())),
        ("iat", json!(NOW - 61), Err(Refused::Invalid)),
        ("iat", json!(NOW + 61), Err(Refused::Invalid)),
        ("iat", json!(-1), Err(Refused::Invalid)),
        ("iat", json!("now"), Err(Refused::Invalid)),
        ("jti", json!(""), Err(Refused::Invalid)),
        ("jti", json!("x".repeat(129)), Err(Refused::Invalid)),
        ("jti", json!(null), Err(Refused::Invalid)),
        ("htm", json!("POST"), Err(Refused::Invalid)),
        ("htm", json!("get"), Err(Refused::Invalid)),
        (
            "htu",
            json!("https://other.example/v1/realtime"),
            Err(Refused::Invalid),
        ),
        ("ath", json!(hash("other")), Err(Refused::Invalid)),
        ("ath", json!(null), Err(Refused::Invalid)),
        ("nonce", json!("old"), Err(Refused::Nonce)),
        ("nonce", json!(null), Err(Refused::Nonce)),
    ] {
        let mut claims = good.clone();
        claims[name] = value;
        let checked = check(&key.proof(&claims)).map(|_| ());
        assert_eq!(checked, result, "{claims}");
    }
}

#[test]
fn only_a_public_key_of_its_own_signs_a_proof() {
    let (key, other) = (ClientKey::new(), ClientKey::new());
    let endpoint = target("bridge.example", "/token");
    let claims = json!({
        "jti": "1", "htm": "POST", "htu": "https://bridge.example/token", "iat": NOW,
    });
    let check = |proof: &str| {
        let expected = Expected {
            now: NOW,
            method: "POST",
            target: &endpoint,
            token: OverToken::None,
            nonce: OverNonce::Free,
        };
        Proof::check(proof, &expected).is_ok()
    };
    let with = |change: &dyn Fn(&mut Value)| {
        let mut header = json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": key.jwk });
        change(&mut header);
        check(&key.sign(&header, &claims))
    };
    assert!(with(&|_| ()));
    assert!(!with(&|header| header["typ"] = "JWT".into()));
    assert!(!with(&|header| header["alg"] = "HS256".into()));
    assert!(!with(&|header| header["alg"] = "none".into()));
    assert!(!with(&|header| header["crit"] = json!(["exp"])));
    assert!(!with(&|header| header["jwk"] = other.jwk.clone()));
    assert!(!with(&|header| header["jwk"]["d"] = "AAAA".into()));
    assert!(!with(&|header| header["jwk"]["crv"] = "P-384".into()));
    assert!(!with(&|header| header["jwk"]["kty"] = "RSA".into()));
    assert!(!with(&|header| header["jwk"]["x"] = "AAAA".into()));
    assert!(!with(&|header| header["jwk"] = Value::Null));
    for text in ["", ".", "..", "a.b.c", &"x".repeat(3000)] {
        assert!(!check(text), "{text}");
    }
}

#[test]
fn a_token_may_be_left_unnamed_where_it_is_bound_to_nothing() {
    let key = ClientKey::new();
    let endpoint = target("bridge.example", "/mint");
    let check = |ath: Option<&str>, nonce: Option<&str>| {
        let proof = key.proof(&json!({
            "jti": "1", "htm": "POST", "htu": "http://bridge.example/mint", "iat": NOW,
            "ath": ath.map(hash), "nonce": nonce,
        }));
        let expected = Expected {
            now: NOW,
            method: "POST",
            target: &endpoint,
            token: OverToken::IfNamed("token"),
            nonce: OverNonce::Exactly("nonce"),
        };
        Proof::check(&proof, &expected).is_ok()
    };
    assert!(check(None, Some("nonce")) && check(Some("token"), Some("nonce")));
    assert!(!check(Some("other"), Some("nonce")));
    assert!(!check(None, None) && !check(None, Some("nonces")));
}
