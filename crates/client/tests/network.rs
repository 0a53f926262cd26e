//! The watch on the network, in a network namespace whose links go up and down.
#![cfg(target_os = "linux")]
#![allow(
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test's helper may fail the test, or say why it is skipped"
)]

use std::process::Command;
use std::time::Duration;

use offhook_client::NetworkChange::{self, Changed, Down, Up};
use offhook_client::NetworkWatch;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

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

/// Runs one of the ignored tests below where `ip` can do no harm.
fn in_a_namespace(test: &str) {
    let may = Command::new("unshare")
        .args(["--net", "ip", "link"])
        .output();
    if !may.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no network namespace may be made here, or ip(8) is missing");
        return;
    }
    let status = Command::new("unshare")
        .arg("--net")
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .status()
        .unwrap();
    assert!(status.success(), "{status}");
}

fn ip(arguments: &str) {
    let status = Command::new("ip")
        .args(arguments.split_whitespace())
        .status()
        .unwrap();
    assert!(status.success(), "ip {arguments}: {status}");
}

/// A namespace that was just made has a loopback that is down, and nothing else.
fn assert_ours() {
    let links = Command::new("ip")
        .args(["-brief", "link"])
        .output()
        .unwrap();
    let links = String::from_utf8(links.stdout).unwrap();
    let others = links.lines().filter(|link| link.contains("LOWER_UP"));
    assert_eq!(others.count(), 0, "these are somebody's links:\n{links}");
}

/// A cable between two ends of this machine, of which one has an address.
fn link() {
    ip("link add here type veth peer name there");
    ip("addr add 10.9.0.1/24 dev here");
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
