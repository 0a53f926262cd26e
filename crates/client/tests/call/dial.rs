//! The first dial: what the server is shown, and what its answers mean.

use std::time::Duration;

use offhook_client::Credential;
use offhook_client::proto::client::{self, Cause, End, Failure};
use serde_json::json;
use socket2::SockRef;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::peer::{BINARY, Heard, PLAIN, V1};
use crate::rig::{Bridge, dial, http, read_request, soon};

#[tokio::test]
async fn the_key_goes_into_the_header_and_what_was_said_early_comes_first() {
    let bridge = Bridge::start().await;
    let mut caller = bridge.call_with_key(client::Config::default());
    for sample in 0..3 {
        caller.call.audio(&[sample; 480]).unwrap();
    }
    let mut peer = bridge.upgrade(PLAIN).await;
    assert_eq!(peer.request.uri(), "/v1/realtime?model=test");
    assert_eq!(peer.bearer(), "canary-key");
    let headers = peer.request.headers();
    assert_eq!(headers["host"], bridge.address);
    assert_eq!(
        headers["sec-websocket-protocol"],
        "offhook.v1.bin, offhook.v1, realtime"
    );
    let user_agent = headers["user-agent"].to_str().unwrap();
    assert!(user_agent.starts_with("Offhook/"), "{user_agent}");

    peer.say(json!({"type": "session.created", "session": {}}))
        .await;
    caller.live().await;
    caller.call.audio(&[3; 480]).unwrap();
    for sample in 0..4 {
        let samples = vec![sample; 480];
        assert_eq!(peer.hear().await, Heard::Audio { seq: 0, samples });
    }

    caller.call.hang_up().unwrap();
    assert_eq!(peer.hear().await, Heard::Closed(1000));
    assert_eq!(caller.ended().await, End::HungUp);
}

#[tokio::test]
async fn a_token_is_bought_and_shown_and_the_session_speaks_what_the_server_chose() {
    for protocol in [V1, BINARY] {
        let bridge = Bridge::start().await;
        let mut caller = bridge.call();
        caller.call.audio(&[7; 480]).unwrap();
        let asked = bridge.asked().await;
        assert!(
            asked
                .request
                .contains("authorization: Bearer canary-access"),
            "{}",
            asked.request
        );
        assert_eq!(asked.session, None);
        let token = bridge.give(asked).await;
        let mut peer = bridge.upgrade(protocol).await;
        assert_eq!(peer.request.uri(), "/v1/realtime?agent=test");
        assert_eq!(peer.bearer(), token);
        peer.open(&mut caller).await;
        let samples = vec![7; 480];
        assert_eq!(peer.hear().await, Heard::Audio { seq: 1, samples });
    }
}

#[tokio::test]
async fn a_refusal_says_what_the_server_said_and_when_to_come_back() {
    let body = r#"{"title":"No","detail":"Full.","error":{"message":"No room left."}}"#;
    for at_upgrade in [false, true] {
        for status in [401, 403, 404, 409] {
            let bridge = Bridge::start().await;
            let mut caller = bridge.call();
            let status_line = format!("{status} No");
            let asked = bridge.asked().await;
            if at_upgrade {
                bridge.give(asked).await;
                let refusal = http(&status_line, "retry-after: 7\r\n", body);
                answer(&bridge, &refusal).await;
            } else {
                asked.answer(&status_line, "retry-after: 7\r\n", body).await;
            }
            let refused = Failure::Refused {
                status,
                retry_after: Some(Duration::from_secs(7)),
                detail: "No room left.".to_owned(),
            };
            assert_eq!(caller.ended().await, End::Failed(refused));
        }
    }
}

#[tokio::test]
async fn a_server_that_has_no_room_is_asked_again_with_a_fresh_token_while_that_is_soon() {
    for status in ["429 Too Many Requests", "503 Service Unavailable"] {
        let bridge = Bridge::start().await;
        let mut caller = bridge.call();
        let asked = bridge.asked().await;
        let first = bridge.give(asked).await;
        answer(&bridge, &http(status, "retry-after: 0\r\n", "")).await;
        let mut peer = bridge.attempt(V1).await;
        assert_ne!(peer.bearer(), first);
        peer.open(&mut caller).await;

        let mut caller = bridge.call();
        let asked = bridge.asked().await;
        bridge.give(asked).await;
        answer(&bridge, &http(status, "retry-after: 20\r\n", "")).await;
        let end = caller.ended().await;
        assert!(
            matches!(
                end,
                End::GaveUp {
                    cause: Cause::ServerBusy,
                    ..
                }
            ),
            "{end:?}"
        );
    }
}

#[tokio::test]
async fn a_token_service_that_is_none_is_told() {
    for (what, response) in [
        ("no token in it", http("200 OK", "", "{}")),
        ("not HTTP", "220 mail.example ESMTP\r\n\r\n".to_owned()),
        ("endless", http("200 OK", "", &" ".repeat(100_000))),
        ("a portal", http("302 Found", "location: /sign-in\r\n", "")),
    ] {
        let bridge = Bridge::start().await;
        let mut caller = bridge.call();
        answer(&bridge, &response).await;
        let end = caller.ended().await;
        assert!(
            matches!(end, End::Failed(Failure::NotTheProtocol { .. })),
            "{what}: {end:?}"
        );
    }
}

/// Reads a request and answers it with `response`.
async fn answer(bridge: &Bridge, response: &str) -> TcpStream {
    let mut stream = bridge.accept().await;
    soon(read_request(&mut stream)).await;
    stream.write_all(response.as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn an_upgrade_that_is_none_is_told() {
    for (what, response) in [
        ("a page", http("200 OK", "", "<html>")),
        ("a portal", http("302 Found", "location: /sign-in\r\n", "")),
        ("another upgrade", upgraded("")),
        ("not HTTP", "220 mail.example ESMTP\r\n\r\n".to_owned()),
    ] {
        let bridge = Bridge::start().await;
        let mut caller = bridge.call_with_key(client::Config::default());
        let _stream = answer(&bridge, &response).await;
        let end = caller.ended().await;
        assert!(
            matches!(end, End::Failed(Failure::NotTheProtocol { .. })),
            "{what}: {end:?}"
        );
    }
}

/// An upgrade that answers another key than the client's.
fn upgraded(more: &str) -> String {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
         sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n{more}\r\n"
    )
}

#[tokio::test]
async fn a_connection_that_breaks_in_the_middle_of_an_upgrade_is_the_networks_fault() {
    let whole = upgraded("");
    for length in [0, 1, 30, whole.len() - 2] {
        for reset in [false, true] {
            let bridge = Bridge::start().await;
            let mut caller = bridge.call_with_key(client::Config::default());
            let stream = answer(&bridge, &whole[..length]).await;
            if reset {
                let socket = SockRef::from(&stream);
                socket.set_linger(Some(Duration::ZERO)).unwrap();
            }
            drop(stream);
            let end = caller.ended().await;
            assert!(
                matches!(end, End::Failed(Failure::Unreachable { .. })),
                "{length} bytes, reset: {reset}: {end:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_server_that_knows_no_subprotocols_is_spoken_to_plainly_at_once() {
    let bridge = Bridge::start().await;
    let mut caller = bridge.call_with_key(client::Config::default());
    let mut peer = bridge.upgrade(None).await;
    peer.say(json!({"type": "session.created", "session": {}}))
        .await;
    caller.live().await;
    bridge.assert_quiet();
}

#[tokio::test]
async fn nothing_at_the_address_and_no_such_name_are_told_apart() {
    let bridge = Bridge::start().await;
    let url = format!("ws://{}", bridge.address);
    drop(bridge);
    let key = || Credential::Key("key".into());
    let mut caller = dial(&url, key(), client::Config::default());
    let end = caller.ended().await;
    assert!(
        matches!(end, End::Failed(Failure::Unreachable { .. })),
        "{end:?}"
    );
    let nowhere = "ws://no-such-host.invalid";
    let mut caller = dial(nowhere, key(), client::Config::default());
    assert_eq!(caller.ended().await, End::Failed(Failure::HostUnknown));
}
