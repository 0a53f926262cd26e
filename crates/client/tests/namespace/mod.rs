//! Network namespaces, in which links can go up and down without harm.
#![allow(
    clippy::print_stderr,
    reason = "whoever looks has to see why a test is skipped"
)]

use std::process::Command;

/// Runs one of the ignored tests of this program where `ip` can do no harm.
pub(crate) fn in_a_namespace(test: &str) {
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

pub(crate) fn ip(arguments: &str) {
    let status = Command::new("ip")
        .args(arguments.split_whitespace())
        .status()
        .unwrap();
    assert!(status.success(), "ip {arguments}: {status}");
}

/// A namespace that was just made has a loopback that is down, and nothing else.
pub(crate) fn assert_ours() {
    let links = Command::new("ip")
        .args(["-brief", "link"])
        .output()
        .unwrap();
    let links = String::from_utf8(links.stdout).unwrap();
    let others = links.lines().filter(|link| link.contains("LOWER_UP"));
    assert_eq!(others.count(), 0, "these are somebody's links:\n{links}");
}

/// A cable between two ends of this machine, of which one has an address.
pub(crate) fn link() {
    ip("link add here type veth peer name there");
    ip("addr add 10.9.0.1/24 dev here");
}
