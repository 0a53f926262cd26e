//! Proofs as RFC 9449 has them, checked by another implementation of JWS.
#![allow(clippy::unwrap_used, reason = "a test's helper may fail the test")]

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};

use super::*;

fn url(url: &str) -> Url {
    Url::parse(url).unwrap()
}

/// The claims of a proof, whose signature is its own key's.
fn read(proof: &str) -> (Jwk, serde_json::Value) {
    let header = decode_header(proof).unwrap();
    assert_eq!(header.typ.as_deref(), Some("dpop+jwt"));
    let jwk = header.jwk.unwrap();
    let mut validation = Validation::new(Algorithm::ES256);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    let key = DecodingKey::from_jwk(&jwk).unwrap();
    let token = decode::<serde_json::Value>(proof, &key, &validation).unwrap();
    (jwk, token.claims)
}

fn response(status: u16, headers: &[(&'static str, &str)], body: &'static str) -> Response<Bytes> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(Bytes::from_static(body.as_bytes())).unwrap()
}

#[test]
fn a_proof_says_what_for_and_is_signed_by_its_key() {
    let key = ProofKey::generate().unwrap();
    let token = SecretString::from("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU");
    let target = url("wss://Bridge.example/v1/realtime?agent=a#b");
    let proof = key.prove(Proving {
        method: &Method::GET,
        url: &target,
        token: Some(&token),
        nonce: Some("n"),
        at: 1_562_262_618,
    });
    let (jwk, claims) = read(&proof);
    let thumbprint = jwk
        .thumbprint(jsonwebtoken::jwk::ThumbprintHash::SHA256)
        .unwrap();
    assert_eq!(thumbprint, key.thumbprint());
    assert_eq!(claims["htm"], "GET");
    assert_eq!(claims["htu"], "https://bridge.example/v1/realtime");
    assert_eq!(claims["iat"], 1_562_262_618);
    assert_eq!(claims["nonce"], "n");
    // RFC 9449 section 7.1.
    assert_eq!(claims["ath"], "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo");
    let again = key.prove(Proving {
        method: &Method::GET,
        url: &target,
        token: None,
        nonce: None,
        at: 0,
    });
    let (_, other) = read(&again);
    assert_ne!(other["jti"], claims["jti"]);
    assert!(other.get("ath").is_none() && other.get("nonce").is_none());
}

#[test]
fn a_thumbprint_is_what_the_specification_says() {
    // The key of RFC 9449 section 4.1, and its thumbprint of section 6.1.
    let of = thumbprint(
        "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
        "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
    );
    assert_eq!(of, "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
}

#[test]
fn a_key_that_was_kept_is_the_same_and_never_shows() {
    let key = ProofKey::generate().unwrap();
    let kept = ProofKey::from_pkcs8(key.to_pkcs8().clone()).unwrap();
    assert_eq!(kept.thumbprint(), key.thumbprint());
    assert_ne!(ProofKey::generate().unwrap().thumbprint(), key.thumbprint());
    for bad in [vec![], vec![1; 138]] {
        let error = ProofKey::from_pkcs8(bad.into()).map(drop);
        assert_eq!(error, Err(KeyError::NotAKey));
    }
    let shown = format!("{key:?}");
    let secret = URL_SAFE_NO_PAD.encode(key.to_pkcs8().expose_secret());
    assert!(!shown.contains(&secret[40..60]), "{shown}");
}

#[test]
fn a_servers_nonce_is_used_from_then_on_and_asked_for_once() {
    let prover = Prover::new(Arc::new(ProofKey::generate().unwrap()));
    let token_endpoint = url("https://issuer.example/token");
    let nonce = |prover: &Prover| {
        let proof = prover.proof(&Method::POST, &token_endpoint, None);
        assert!(proof.is_sensitive());
        read(proof.to_str().unwrap()).1.get("nonce").cloned()
    };
    assert_eq!(nonce(&prover), None);
    let wanted = r#"{"error":"use_dpop_nonce"}"#;
    assert!(prover.learn(&response(400, &[("dpop-nonce", "one")], wanted)));
    assert_eq!(nonce(&prover), Some("one".into()));
    // The same again would be refused for ever.
    assert!(!prover.learn(&response(400, &[("dpop-nonce", "one")], wanted)));
    // A fresh one comes with an answer that is fine.
    assert!(!prover.learn(&response(200, &[("dpop-nonce", "two")], "{}")));
    assert_eq!(nonce(&prover), Some("two".into()));
    let challenge = [
        ("dpop-nonce", "three"),
        ("www-authenticate", r#"DPoP error="use_dpop_nonce""#),
    ];
    assert!(prover.learn(&response(401, &challenge, "")));
    // A refusal of another kind is none of the proof's.
    let other = r#"{"error":"invalid_grant"}"#;
    assert!(!prover.learn(&response(400, &[("dpop-nonce", "four")], other)));
}

#[test]
fn a_wrong_clock_is_made_up_for() {
    let prover = Prover::new(Arc::new(ProofKey::generate().unwrap()));
    let refused = response(
        400,
        &[("date", "Fri, 01 Jan 2010 00:00:00 GMT")],
        r#"{"error":"invalid_dpop_proof"}"#,
    );
    assert!(prover.learn(&refused));
    let proof = prover.proof(&Method::POST, &url("https://issuer.example/token"), None);
    let (_, claims) = read(proof.to_str().unwrap());
    let at = claims["iat"].as_i64().unwrap();
    assert!((at - 1_262_304_000).abs() < 60, "{at}");
    assert!(!prover.learn(&refused), "once is enough");
}
