//! Two hosts on a network of their own: network namespaces, joined by a cable that can be pulled,
//! with a packet filter on either side.

use std::ffi::OsStr;
use std::process::{self, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result, ensure};
use nix::unistd::Uid;

/// The bridge's address.
pub const FAR_ADDRESS: &str = "10.77.0.1";
/// The caller's, and the one it can change to.
pub const NEAR_ADDRESSES: [&str; 2] = ["10.77.0.2", "10.77.0.3"];

/// The end of the cable at the caller's.
const NEAR: &str = "near";
/// The end of the cable at the bridge's.
const FAR: &str = "far";

/// The caller's host and the bridge's.
#[derive(Debug)]
pub struct Hosts {
    /// The caller's.
    pub near: Host,
    /// The bridge's.
    pub far: Host,
}

/// A host: a network namespace, gone when dropped.
#[derive(Debug)]
pub struct Host {
    name: String,
}

/// What a packet filter does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    /// What comes in is lost without a word.
    DropsIncoming,
    /// What goes out is lost without a word.
    DropsOutgoing,
    /// TCP that comes in is answered with a reset.
    ResetsIncoming,
}

/// Why hosts cannot be made here; none if they can.
#[must_use]
pub fn missing() -> Option<&'static str> {
    if !Uid::effective().is_root() {
        return Some("only root may make network namespaces");
    }
    let runs = |program: &str, argument: &str| {
        let mut command = Command::new(program);
        command.arg(argument).stdin(Stdio::null());
        command.output().is_ok_and(|output| output.status.success())
    };
    if !runs("ip", "-V") {
        return Some("there is no ip(8)");
    }
    if !runs("nft", "-v") {
        return Some("there is no nft(8)");
    }
    Host::new("probe")
        .is_err()
        .then_some("the system makes no network namespaces")
}

impl Hosts {
    /// Two hosts with the cable plugged in.
    ///
    /// # Errors
    /// When the system makes none: see [`missing`].
    pub fn new() -> Result<Self> {
        let (near, far) = (Host::new(NEAR)?, Host::new(FAR)?);
        run(
            "ip",
            ["link", "add", NEAR, "netns", &near.name, "type", "veth"]
                .into_iter()
                .chain(["peer", "name", FAR, "netns", &far.name]),
        )?;
        for (host, end, address) in [(&near, NEAR, NEAR_ADDRESSES[0]), (&far, FAR, FAR_ADDRESS)] {
            host.ip("link set lo up")?;
            host.ip(&format!("addr add {address}/24 dev {end}"))?;
            host.ip(&format!("link set {end} up"))?;
        }
        Ok(Self { near, far })
    }

    /// Pulls the cable out at the caller's.
    ///
    /// # Errors
    /// When `ip` refuses.
    pub fn unplug(&self) -> Result<()> {
        self.near.ip(&format!("link set {NEAR} down"))
    }

    /// Plugs it in again.
    ///
    /// # Errors
    /// When `ip` refuses.
    pub fn plug(&self) -> Result<()> {
        self.near.ip(&format!("link set {NEAR} up"))
    }

    /// Gives the caller's host its other address in place of the first.
    ///
    /// # Errors
    /// When `ip` refuses.
    pub fn move_near(&self) -> Result<()> {
        let [old, new] = NEAR_ADDRESSES;
        // Of another size, or it would be the first one's second and go with it.
        self.near.ip(&format!("addr add {new}/25 dev {NEAR}"))?;
        self.near.ip(&format!("addr del {old}/24 dev {NEAR}"))
    }
}

impl Host {
    fn new(what: &str) -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("offhook-{}-{number}-{what}", process::id());
        run("ip", ["netns", "add", &name])?;
        Ok(Self { name })
    }

    /// What the system knows it by.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `command`, on this host, with the same process id.
    #[must_use]
    pub fn runs(&self, command: &Command) -> Command {
        let mut here = Command::new("ip");
        here.args(["netns", "exec", &self.name])
            .arg(command.get_program())
            .args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => here.env(name, value),
                None => here.env_remove(name),
            };
        }
        here
    }

    /// Filters packets from now on.
    ///
    /// # Errors
    /// When `nft` refuses.
    pub fn filter(&self, filter: Filter) -> Result<()> {
        let (hook, rule) = match filter {
            Filter::DropsIncoming => ("input", "drop"),
            Filter::DropsOutgoing => ("output", "drop"),
            Filter::ResetsIncoming => ("input", "meta l4proto tcp reject with tcp reset"),
        };
        let table = format!(
            "table inet {hook}s {{ chain c {{ type filter hook {hook} priority 0; {rule}; }}; }}"
        );
        self.command("nft", &[&table])
    }

    /// Lets all packets through.
    ///
    /// # Errors
    /// When `nft` refuses.
    pub fn unfilter(&self) -> Result<()> {
        self.command("nft", &["flush", "ruleset"])
    }

    fn ip(&self, arguments: &str) -> Result<()> {
        let own = ["-netns", &self.name];
        run("ip", own.into_iter().chain(arguments.split_whitespace()))
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Result<()> {
        let own = ["netns", "exec", &self.name, program];
        run("ip", own.iter().chain(arguments))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // Fails only where somebody has removed it already. The cable goes with it.
        let _ = run("ip", ["netns", "del", &self.name]);
    }
}

fn run(program: &str, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<()> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    let output = command.output().with_context(|| program.to_owned())?;
    ensure!(
        output.status.success(),
        "{command:?}: {}, {}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}
