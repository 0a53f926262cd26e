//! Calls on a machine whose network goes and comes back.

use std::time::Duration;

use offhook_client::Event;
use offhook_client::proto::client::{Cause, Doing, State};
use serde_json::json;

use crate::namespace::{assert_ours, in_a_namespace, ip, link};
use crate::peer::V1;
use crate::rig::Bridge;

#[test]
fn a_call_waits_for_the_network_and_comes_back_with_it() {
    in_a_namespace("network::the_network_goes_and_comes_back");
}

#[tokio::test]
#[ignore = "run by another test, in a namespace"]
async fn the_network_goes_and_comes_back() {
    assert_ours();
    ip("link set lo up");
    link();
    ip("link set here up");
    ip("link set there up");
    let bridge = Bridge::start_at("10.9.0.1:0").await;
    let mut caller = bridge.call();
    let mut peer = bridge.attempt(V1).await;
    peer.open(&mut caller).await;

    // The machine still reaches its own address: the line is asked, not dropped.
    ip("link set there down");
    assert_eq!(peer.control().await["type"], "offhook.ping");
    assert_eq!(peer.control().await["type"], "offhook.ping");
    peer.say(json!({"type": "offhook.pong", "t": 0, "server_time": 0}))
        .await;
    drop(peer);
    let asked = bridge.asked().await;
    asked
        .answer("503 Service Unavailable", "retry-after: 60\r\n", "")
        .await;
    let wait = caller
        .until(|event| match event {
            Event::State {
                at,
                state:
                    State::Reconnecting {
                        cause: Cause::NetworkDown,
                        doing: Doing::Offline { until },
                        ..
                    },
            } => Some(until - at),
            _ => None,
        })
        .await;
    assert!(wait > Duration::from_secs(50), "{wait:?}");

    ip("link set there up");
    let mut peer = bridge.attempt(V1).await;
    peer.resume(2, 0, 0).await;
    assert!(caller.back().await.resumed);
}
