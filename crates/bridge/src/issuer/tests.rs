//! Which access tokens count.

use serde_json::{Value, json};

use super::*;
use crate::proof::signing::ClientKey;

const NOW: u64 = 1_700_000_000;
const ISSUER: &str = "https://login.example";

fn good() -> Value {
    json!({
        "iss": ISSUER, "aud": ISSUER, "sub": "anna", "iat": NOW,
        "exp": NOW + 300, "scope": "openid offhook.call", "cnf": { "jkt": "thumbprint" },
    })
}

fn header() -> Value {
    json!({ "typ": "at+jwt", "alg": "ES256", "kid": "one" })
}

fn jwk(key: &ClientKey) -> Value {
    let mut jwk = key.jwk.clone();
    (jwk["kid"], jwk["alg"]) = ("one".into(), "ES256".into());
    jwk
}

fn issuers(jwk: Value) -> Issuers {
    let issuers = Issuers::local(serde_json::from_value(jwk).unwrap(), "offhook.call");
    issuers.name_local(ISSUER);
    issuers
}

async fn verify(issuers: &Issuers, now: u64, token: &str) -> Result<Granted, Refused> {
    issuers.verify(Clock::start(), now, &token.into()).await
}

#[tokio::test]
async fn a_token_grants_what_it_says() {
    let key = ClientKey::new();
    let issuers = issuers(jwk(&key));
    let granted = verify(&issuers, NOW, &key.sign(&header(), &good())).await;
    let granted = granted.unwrap();
    assert_eq!((granted.sub.as_str(), granted.exp), ("anna", NOW + 300));
    assert_eq!(granted.iss, ISSUER);
    assert_eq!(granted.jkt.as_deref(), Some("thumbprint"));
    let scope = Refused::Scope("offhook.call".into());
    for (name, value, result) in [
        ("aud", json!(["other", ISSUER]), Ok(())),
        ("scp", json!(["offhook.call"]), Ok(())),
        ("cnf", Value::Null, Ok(())),
        ("exp", json!(NOW - 29), Ok(())),
        ("exp", json!(NOW as f64 + 0.5), Ok(())),
        ("nbf", json!(NOW + 30), Ok(())),
        ("exp", json!(NOW - 30), Err(Refused::Expired)),
        ("nbf", json!(NOW + 31), Err(Refused::Expired)),
        ("exp", Value::Null, Err(Refused::Invalid)),
        ("aud", json!("other"), Err(Refused::Invalid)),
        ("aud", Value::Null, Err(Refused::Invalid)),
        ("iss", json!("https://evil.example"), Err(Refused::Invalid)),
        (
            "iss",
            json!("https://login.example/"),
            Err(Refused::Invalid),
        ),
        ("sub", json!(""), Err(Refused::Invalid)),
        ("sub", Value::Null, Err(Refused::Invalid)),
        ("scope", json!("openid offhook.calls"), Err(scope.clone())),
        ("scope", Value::Null, Err(scope)),
    ] {
        let mut claims = good();
        claims[name] = value;
        let got = verify(&issuers, NOW, &key.sign(&header(), &claims)).await;
        assert_eq!(got.map(|_| ()), result, "{claims}");
    }
    let mut scp = good();
    (scp["scope"], scp["scp"]) = (Value::Null, json!(["offhook.call"]));
    assert!(
        verify(&issuers, NOW, &key.sign(&header(), &scp))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn only_a_key_of_the_issuers_in_its_own_way_signs() {
    let (key, other) = (ClientKey::new(), ClientKey::new());
    let trusted = issuers(jwk(&key));
    for (name, value) in [
        ("kid", json!("two")),
        ("kid", Value::Null),
        ("alg", json!("none")),
        ("alg", json!("HS256")),
        ("alg", json!("ES384")),
        ("typ", json!("dpop+jwt")),
        ("crit", json!(["exp"])),
    ] {
        let mut header = header();
        header[name] = value;
        let got = verify(&trusted, NOW, &key.sign(&header, &good())).await;
        assert_eq!(got, Err(Refused::Invalid), "{header}");
    }
    let forged = other.sign(&header(), &good());
    assert_eq!(verify(&trusted, NOW, &forged).await, Err(Refused::Invalid));
    for text in ["", "a.b.c", "the access token", "ek_a.b.c"] {
        assert_eq!(verify(&trusted, NOW, text).await, Err(Refused::Invalid));
    }
    // The key's public half is no shared secret.
    let secret = key.jwk["x"].as_str().unwrap();
    let mut confused = jsonwebtoken::Header::new(Algorithm::HS256);
    confused.kid = Some("one".into());
    let secret = jsonwebtoken::EncodingKey::from_secret(secret.as_bytes());
    let confused = jsonwebtoken::encode(&confused, &good(), &secret).unwrap();
    assert_eq!(
        verify(&trusted, NOW, &confused).await,
        Err(Refused::Invalid)
    );
    // One that is for secrets is none for signatures.
    let mut for_encryption = jwk(&key);
    for_encryption["use"] = "enc".into();
    let token = key.sign(&header(), &good());
    let got = verify(&issuers(for_encryption), NOW, &token).await;
    assert_eq!(got, Err(Refused::Invalid));
}

#[tokio::test]
async fn tokens_that_another_program_has_signed_count() {
    // Made with OpenSSL; nobody has the private keys any more.
    let vectors: Vec<Value> = serde_json::from_str(include_str!("vectors.json")).unwrap();
    assert_eq!(vectors.len(), 3);
    for vector in vectors {
        let issuers = issuers(vector["jwk"].clone());
        let token = vector["token"].as_str().unwrap();
        let granted = verify(&issuers, NOW, token).await;
        assert_eq!(granted.unwrap().sub, "anna", "{}", vector["alg"]);
        let (message, signature) = token.rsplit_once('.').unwrap();
        let changed = format!("{message}.A{}", &signature[1..]);
        let changed = if changed == token {
            format!("{message}.B{}", &signature[1..])
        } else {
            changed
        };
        let refused = verify(&issuers, NOW, &changed).await;
        assert_eq!(refused, Err(Refused::Invalid), "{}", vector["alg"]);
    }
}

#[test]
fn each_kind_of_key_has_its_algorithms() {
    let all = [
        Algorithm::HS256,
        Algorithm::ES256,
        Algorithm::ES384,
        Algorithm::RS256,
        Algorithm::RS512,
        Algorithm::PS256,
        Algorithm::EdDSA,
    ];
    for (key, fitting) in [
        (
            json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB" }),
            &[Algorithm::RS256, Algorithm::PS256][..],
        ),
        (
            json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB", "alg": "PS256" }),
            &[Algorithm::PS256],
        ),
        (
            json!({ "kty": "OKP", "crv": "Ed25519", "x": "AAAA" }),
            &[Algorithm::EdDSA],
        ),
        (
            json!({ "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA" }),
            &[Algorithm::ES256],
        ),
        (
            json!({ "kty": "EC", "crv": "P-384", "x": "AA", "y": "AA" }),
            &[],
        ),
        (json!({ "kty": "oct", "k": "AAAA" }), &[]),
    ] {
        let jwk: Jwk = serde_json::from_value(key.clone()).unwrap();
        let fits: Vec<_> = all.into_iter().filter(|it| fits(&jwk, *it)).collect();
        assert_eq!(fits, fitting, "{key}");
    }
}

#[tokio::test]
async fn a_bridge_that_is_not_served_yet_trusts_nobody() {
    let key = ClientKey::new();
    let issuers = Issuers::local(serde_json::from_value(jwk(&key)).unwrap(), "offhook.call");
    let token = key.sign(&header(), &good());
    assert_eq!(verify(&issuers, NOW, &token).await, Err(Refused::Invalid));
}
