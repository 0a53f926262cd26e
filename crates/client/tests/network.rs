//! The watch on the network, in a network namespace whose links go up and down.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test's helper may fail the test")]

mod namespace;

use std::time::Duration;

use offhook_client::NetworkChange::{self, Changed, Down, Up};
use offhook_client::NetworkWatch;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use namespace::{assert_ours, in_a_namespace, ip, link};

/// Well under the 15 s between looks without a reason: what is told within it, the system
/// signalled. Linux itself may keep a carrier's return to itself for a second.
const AT_ONCE: Duration = Duration::from_secs(5);

#[test]
fn links_and_routes_that_come_and_go_are_told_at_once() {
    in_a_namespace("links_come_and_go");
}

#[test]
fn a_machine_without_a_network_still_calls_itself() {
    in_a_namespace("only_loopback");
}

async fn next(watch: &mut NetworkWatch) -> NetworkChange {
    timeout(AT_ONCE, watch.changed()).await.expect("at once")
}

#[tokio::test]
#[ignore = "run by another test, in a namespace"]
async fn links_come_and_go() {
    assert_ours();
    ip("link set lo up");
    link();
    let mut watch = NetworkWatch::start();

    ip("link set here up");
    ip("link set there up");
    assert_eq!(next(&mut watch).await, Up);

    // The cable is pulled: the address and its route stay.
    ip("link set there down");
    assert_eq!(next(&mut watch).await, Down);
    ip("link set there up");
    assert_eq!(next(&mut watch).await, Up);

    ip("route add default via 10.9.0.2");
    assert_eq!(next(&mut watch).await, Changed);
    ip("route del default");
    assert_eq!(next(&mut watch).await, Changed);

    // An address more changes nothing, the loss of the first does.
    ip("addr add 10.8.0.1/24 dev here");
    let nothing = timeout(Duration::from_millis(200), watch.changed()).await;
    assert!(nothing.is_err(), "{nothing:?}");
    ip("addr del 10.9.0.1/24 dev here");
    assert_eq!(next(&mut watch).await, Changed);

    ip("link set here down");
    assert_eq!(next(&mut watch).await, Down);
    ip("link set here up");
    assert_eq!(next(&mut watch).await, Up);
    ip("link del here");
    assert_eq!(next(&mut watch).await, Down);
}

#[tokio::test]
#[ignore = "run by another test, in a namespace"]
async fn only_loopback() {
    assert_ours();
    ip("link set lo up");
    link();
    let mut watch = NetworkWatch::start();
    ip("link set here up");
    ip("link set there up");
    assert_eq!(next(&mut watch).await, Up);
    ip("link del here");
    assert_eq!(next(&mut watch).await, Down);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    TcpStream::connect(listener.local_addr().unwrap())
        .await
        .expect("down is a hint");
}
