//! Calls across a network that goes away: a cable that is pulled, an address that changes, packets
//! that are lost or refused, between hosts that are network namespaces.
#![cfg(target_os = "linux")]
#![allow(
    clippy::print_stderr,
    reason = "the figures belong into the test's output"
)]

use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use offhook_tests::clock::{Stamp, lasts};
use offhook_tests::counting::{ACCESS_TOKEN, CountingCaller};
use offhook_tests::hosts::{FAR_ADDRESS, Filter, Hosts, missing};
use offhook_tests::softphone::{self, Bridge};
use offhook_tests::together::{Scene, play};

/// Any step of a call.
const STEP: Duration = Duration::from_secs(30);
/// What is said before it is answered.
const UTTERANCE: Duration = Duration::from_secs(3);
/// A cable that is plugged in is told of. Linux itself may keep that to itself for a second.
const AT_ONCE: Duration = Duration::from_millis(1500);
/// Nobody tells that packets are let through again: the next packet that is sent anyway does, and
/// TCP sends one that got lost after 1, 3 and 7 s.
const BY_ITSELF: Duration = Duration::from_secs(7);
const TOKEN: &str = "canary-0815";

/// What happens to the network, for how long, and how soon afterwards audio has to flow.
struct Fault {
    name: &'static str,
    breaks: fn(&Hosts) -> Result<()>,
    lasts: Duration,
    mends: fn(&Hosts) -> Result<()>,
    again: Duration,
}

const FAULTS: [Fault; 9] = [
    Fault {
        name: "cable pulled for 3 s",
        breaks: Hosts::unplug,
        lasts: Duration::from_secs(3),
        mends: Hosts::plug,
        again: AT_ONCE,
    },
    Fault {
        name: "cable pulled for 12 s",
        breaks: Hosts::unplug,
        lasts: Duration::from_secs(12),
        mends: Hosts::plug,
        again: AT_ONCE,
    },
    Fault {
        name: "cable pulled for 28 s",
        breaks: Hosts::unplug,
        lasts: Duration::from_secs(28),
        mends: Hosts::plug,
        again: AT_ONCE,
    },
    Fault {
        name: "another address",
        breaks: Hosts::move_near,
        lasts: Duration::ZERO,
        mends: |_| Ok(()),
        again: AT_ONCE,
    },
    Fault {
        name: "cable pulled for 5 s, and another address",
        breaks: Hosts::unplug,
        lasts: Duration::from_secs(5),
        mends: |hosts| {
            hosts.move_near()?;
            hosts.plug()
        },
        again: AT_ONCE,
    },
    Fault {
        name: "packets to the caller lost for 8 s",
        breaks: |hosts| hosts.near.filter(Filter::DropsIncoming),
        lasts: Duration::from_secs(8),
        mends: |hosts| hosts.near.unfilter(),
        again: BY_ITSELF,
    },
    Fault {
        name: "packets to the bridge lost for 8 s",
        breaks: |hosts| hosts.far.filter(Filter::DropsIncoming),
        lasts: Duration::from_secs(8),
        mends: |hosts| hosts.far.unfilter(),
        again: BY_ITSELF,
    },
    Fault {
        name: "packets lost both ways for 12 s",
        breaks: |hosts| {
            hosts.far.filter(Filter::DropsIncoming)?;
            hosts.far.filter(Filter::DropsOutgoing)
        },
        lasts: Duration::from_secs(12),
        mends: |hosts| hosts.far.unfilter(),
        again: BY_ITSELF,
    },
    Fault {
        name: "everything answered with a reset for 5 s",
        breaks: |hosts| hosts.far.filter(Filter::ResetsIncoming),
        lasts: Duration::from_secs(5),
        mends: |hosts| hosts.far.unfilter(),
        again: BY_ITSELF,
    },
];

#[test]
fn nothing_said_is_lost_to_a_network_that_goes_away() -> Result<()> {
    if let Some(reason) = missing() {
        eprintln!("skipped: {reason}");
        return Ok(());
    }
    let scenes = FAULTS.iter();
    play(
        scenes
            .map(|fault| Scene::new(fault.name, || through(fault)))
            .collect(),
    )
}

#[test]
fn hosts_are_gone_with_their_guard() -> Result<()> {
    if let Some(reason) = missing() {
        eprintln!("skipped: {reason}");
        return Ok(());
    }
    let there = || -> Result<String> {
        let output = Command::new("ip").args(["netns", "list"]).output()?;
        Ok(String::from_utf8(output.stdout)?)
    };
    let hosts = Hosts::new()?;
    let names = [&hosts.near, &hosts.far].map(|host| host.name().to_owned());
    let before = there()?;
    ensure!(names.iter().all(|name| before.contains(name)), "{before}");
    drop(hosts);
    let after = there()?;
    ensure!(!names.iter().any(|name| after.contains(name)), "{after}");
    Ok(())
}

/// Lets the network fail in the middle of an answer, and mends it.
fn through(fault: &Fault) -> Result<String> {
    let hosts = Hosts::new()?;
    let bridge = bridge(&hosts)?;
    let mut command = CountingCaller::command(bridge.url(), UTTERANCE)?;
    command.env(ACCESS_TOKEN, TOKEN);
    let caller = CountingCaller::start(&mut hosts.near.runs(&command))?;

    let start = Stamp::now();
    caller.answered_after(start, STEP)?;
    caller.answering_after(Stamp::now(), STEP)?;
    (fault.breaks)(&hosts)?;
    lasts(fault.lasts);
    let mended = Stamp::now();
    (fault.mends)(&hosts)?;
    let up = caller.up_after(mended, STEP)?;
    let again = up.at.since(mended);
    caller.answered_after(up.at, STEP)?;

    let account = caller.whole_account()?;
    ensure!(
        again <= fault.again,
        "audio flowed again only after {again:?}, not within {:?}",
        fault.again
    );
    Ok(format!(
        "audio again after {} ms; {account}",
        again.as_millis()
    ))
}

/// A bridge on the far host, which is for those who have the token.
fn bridge(hosts: &Hosts) -> Result<Bridge> {
    let mut command = Bridge::command(&format!("{FAR_ADDRESS}:0"))?;
    command.env(softphone::ACCESS_TOKEN, TOKEN);
    Bridge::run(&mut hosts.far.runs(&command))
}
