//! What tokens are worth, for how long, and signed by which key.

use super::*;

use axum::http::{HeaderMap, HeaderValue, header};

const NOW: u64 = 1_700_000_000;

fn sender(program: &'static str) -> Sender {
    let mut headers = HeaderMap::new();
    headers.insert(header::USER_AGENT, HeaderValue::from_static(program));
    Sender::new(None, &headers)
}

fn issue(tokens: &Tokens, ttl: u64, reusable: bool) -> (SecretString, Claims) {
    let order = Order {
        ttl,
        agent: "test",
        session: None,
        reusable,
        user: USER,
        jkt: None,
        sender: &sender("phone"),
    };
    tokens.issue(NOW, order)
}

#[test]
fn a_token_opens_one_session_until_it_expires() {
    let tokens = Tokens::new(256, None).unwrap();
    let (token, issued) = issue(&tokens, 60, false);
    assert!(token.expose_secret().starts_with("ek_"));
    assert_eq!(tokens.verify(NOW + 59, &token), Ok(issued.clone()));
    assert_eq!(tokens.verify(NOW + 60, &token), Err(Refused::Expired));
    assert_eq!(tokens.spend(NOW, &issued), Ok(()));
    assert_eq!(tokens.spend(NOW, &issued), Err(Refused::Spent));
    assert_eq!(tokens.verify(NOW, &token), Err(Refused::Spent));
}

#[test]
fn a_reusable_token_stays_until_it_expires() {
    let tokens = Tokens::new(256, None).unwrap();
    let (token, issued) = issue(&tokens, 10, true);
    for _ in 0..3 {
        assert_eq!(tokens.spend(NOW, &issued), Ok(()));
        assert_eq!(tokens.verify(NOW, &token), Ok(issued.clone()));
    }
}

#[test]
fn only_this_issuer_counts() {
    let tokens = Tokens::new(256, None).unwrap();
    let (foreign, _) = issue(&Tokens::new(256, None).unwrap(), 60, false);
    assert_eq!(tokens.verify(NOW, &foreign), Err(Refused::Invalid));
    // "alg": "none" with the same claims.
    let none = "ek_eyJhbGciOiJub25lIn0.eyJzdWIiOiJsb2NhbCJ9.";
    for token in [none, "ek_", "ek_a.b.c", "sk-x", ""] {
        assert_eq!(tokens.verify(NOW, &token.into()), Err(Refused::Invalid));
    }
    let (token, _) = issue(&tokens, 60, false);
    let mut forged = token.expose_secret().to_owned();
    let last = forged.pop().unwrap();
    forged.insert(forged.len() - 5, last);
    assert_eq!(tokens.verify(NOW, &forged.into()), Err(Refused::Invalid));
}

#[test]
fn the_memory_of_spent_tokens_is_bounded() {
    let tokens = Tokens::new(256, None).unwrap();
    for _ in 0..LEAST_SPENT {
        let (_, claims) = issue(&tokens, 60, false);
        assert_eq!(tokens.spend(NOW, &claims), Ok(()));
    }
    let (_, claims) = issue(&tokens, 60, false);
    assert_eq!(tokens.spend(NOW + 59, &claims), Err(Refused::Full));
    assert_eq!(tokens.spend(NOW + 60, &claims), Ok(()));
}

#[test]
fn a_token_knows_who_minted_it_and_does_not_tell() {
    let tokens = Tokens::new(256, None).unwrap();
    let (token, claims) = issue(&tokens, 60, false);
    assert_eq!(tokens.mismatch(&claims, &sender("phone")), None);
    assert!(tokens.mismatch(&claims, &sender("curl")).is_some());
    let (_, other) = issue(&tokens, 60, false);
    assert_ne!(claims.fingerprint, other.fingerprint);
    // What is signed can be read by anyone who has the token.
    let said = serde_json::to_string(&claims).unwrap();
    assert!(!said.contains("phone"), "{said}");
    assert_eq!(tokens.verify(NOW, &token), Ok(claims));
}

#[test]
fn a_token_is_for_the_session_it_was_ordered_for() {
    let tokens = Tokens::new(256, None).unwrap();
    let order = Order {
        ttl: 60,
        agent: "test",
        session: Some("sess_1"),
        reusable: false,
        user: USER,
        jkt: None,
        sender: &sender("phone"),
    };
    assert_eq!(tokens.issue(NOW, order).1.sid, "sess_1");
    assert_ne!(
        issue(&tokens, 60, false).1.sid,
        issue(&tokens, 60, false).1.sid
    );
    for id in ["", "a b", "s/1", "ä", &"x".repeat(65)] {
        assert!(!is_session_id(id), "{id}");
    }
    assert!(is_session_id("sess_Az-09") && is_session_id(&"x".repeat(64)));
}

#[test]
fn a_bridge_with_many_sessions_remembers_enough_for_all_to_come_back() {
    let tokens = Tokens::new(10_000, None).unwrap();
    for _ in 0..2 * LEAST_SPENT {
        let (_, claims) = issue(&tokens, 60, false);
        assert_eq!(tokens.spend(NOW, &claims), Ok(()));
    }
}

/// A file of keys, which goes with the test.
struct File(PathBuf);

impl File {
    fn new(name: &str) -> Self {
        let name = format!("offhook-token-keys-{}-{name}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    fn write(&self, keys: &[(&str, u8)]) {
        let keys = keys.iter().map(|(kid, byte)| {
            let secret = BASE64_URL_SAFE_NO_PAD.encode([*byte; 32]);
            serde_json::json!({ "kty": "oct", "kid": kid, "k": secret })
        });
        let set = serde_json::json!({ "keys": keys.collect::<Vec<_>>() });
        std::fs::write(&self.0, set.to_string()).unwrap();
    }

    fn tokens(&self) -> Result<Tokens, Error> {
        Tokens::new(256, Some(&self.0))
    }
}

impl Drop for File {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
    }
}

#[test]
fn bridges_with_the_same_keys_take_each_others_tokens() {
    let file = File::new("same");
    file.write(&[("one", 1)]);
    let (here, there) = (file.tokens().unwrap(), file.tokens().unwrap());
    let (token, claims) = issue(&here, 60, false);
    let found = there.verify(NOW, &token).unwrap();
    assert_eq!(found, claims);
    assert_eq!(there.mismatch(&found, &sender("phone")), None);
    assert!(there.mismatch(&found, &sender("curl")).is_some());
}

#[test]
fn keys_are_rotated_without_a_token_lost() {
    let file = File::new("rotated");
    file.write(&[("one", 1)]);
    let tokens = file.tokens().unwrap();
    let (old, _) = issue(&tokens, 60, false);
    file.write(&[("two", 2), ("one", 1)]);
    tokens.reload().unwrap();
    let (new, _) = issue(&tokens, 60, false);
    assert!(tokens.verify(NOW, &old).is_ok() && tokens.verify(NOW, &new).is_ok());
    file.write(&[("two", 2)]);
    tokens.reload().unwrap();
    assert_eq!(tokens.verify(NOW, &old), Err(Refused::Invalid));
    assert!(tokens.verify(NOW, &new).is_ok());
    // Another secret under the old name is another key.
    file.write(&[("two", 9)]);
    tokens.reload().unwrap();
    assert_eq!(tokens.verify(NOW, &new), Err(Refused::Invalid));
}

#[test]
fn a_file_that_cannot_be_used_changes_nothing() {
    let file = File::new("broken");
    file.write(&[("one", 1)]);
    let tokens = file.tokens().unwrap();
    let (token, _) = issue(&tokens, 60, false);
    let secret = BASE64_URL_SAFE_NO_PAD.encode([7; 31]);
    for (text, why) in [
        (String::new(), "not a set of keys"),
        (r#"{"keys":[]}"#.to_owned(), "there is none in it"),
        (
            r#"{"keys":[{"kty":"EC","kid":"a","k":"AA"}]}"#.to_owned(),
            "not \"oct\"",
        ),
        (
            format!(r#"{{"keys":[{{"kty":"oct","kid":"a","k":"{secret}"}}]}}"#),
            "31 bytes",
        ),
        (
            r#"{"keys":[{"kty":"oct","kid":"a","k":"!"}]}"#.to_owned(),
            "base64url",
        ),
        (
            format!(
                r#"{{"keys":[{{"kty":"oct","kid":"a","k":"{secret}AA"}},{{"kty":"oct","kid":"a","k":"{secret}AA"}}]}}"#
            ),
            "two keys",
        ),
    ] {
        std::fs::write(&file.0, &text).unwrap();
        let said = tokens.reload().unwrap_err().to_string();
        assert!(said.contains(why), "{text}: {said}");
        assert!(!said.contains(&secret), "{said}");
        assert!(tokens.verify(NOW, &token).is_ok());
    }
    std::fs::remove_file(&file.0).unwrap();
    assert!(tokens.reload().is_err());
    assert!(tokens.verify(NOW, &token).is_ok());
}
