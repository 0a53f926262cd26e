//! Tells when this machine's network goes, comes back or becomes another one.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior, interval};

mod signal;
use signal::Signal;

/// How often to look where the system tells nothing by itself.
const POLL: Duration = Duration::from_secs(2);
/// How often to look although the system tells: no signal is trusted to be complete.
const REASSURE: Duration = Duration::from_secs(15);

/// What happened to the network. Hints, all of them: with the network down this machine still
/// reaches itself, and one that is up need not lead to the far end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NetworkChange {
    /// No interface but the loopback has an address any more.
    Down,
    /// There is a network again.
    Up,
    /// Still a network but not the same: another way out, or an address that is gone. Connections
    /// from before may be dead without knowing it.
    Changed,
}

/// Watches the network.
///
/// A change is told within milliseconds where the system signals changes (Linux: netlink; macOS and
/// Windows: the `if-watch` crate), within 2 s elsewhere.
pub struct NetworkWatch {
    signal: Option<Signal>,
    looks: Interval,
    network: Network,
    /// All addresses there ever were; a machine has a handful in a call.
    seen: BTreeSet<IpAddr>,
    look: Box<dyn FnMut() -> io::Result<Network> + Send>,
}

impl NetworkWatch {
    /// A watch that starts with the network as it is. Must be called within a tokio runtime.
    #[must_use]
    pub fn start() -> Self {
        let signal = Signal::subscribe()
            .inspect_err(|error| tracing::warn!(%error, "no signal of network changes: polling"));
        Self::looking(signal.ok(), Network::now)
    }

    fn looking(
        signal: Option<Signal>,
        mut look: impl FnMut() -> io::Result<Network> + Send + 'static,
    ) -> Self {
        // What cannot be seen counts as there: calls are tried rather than not.
        let network = look().unwrap_or_else(|_| Network::unknown());
        Self {
            looks: looks(if signal.is_some() { REASSURE } else { POLL }),
            signal,
            seen: network.addresses.clone(),
            network,
            look: Box::new(look),
        }
    }

    /// Waits for the next change. May be dropped and called again at any point without loss.
    pub async fn changed(&mut self) -> NetworkChange {
        loop {
            self.wait().await;
            let Ok(now) = (self.look)() else { continue };
            let change = compare(&self.network, &now);
            self.seen.extend(&now.addresses);
            self.network = now;
            if let Some(change) = change {
                tracing::info!(?change, "the network");
                return change;
            }
        }
    }

    /// Whether this machine had `address` and has it no more, as of the last change told. Addresses
    /// that were never watched, such as the loopback's, are not lost.
    #[must_use]
    pub fn has_lost(&self, address: IpAddr) -> bool {
        self.seen.contains(&address) && !self.network.addresses.contains(&address)
    }

    /// Waits for a reason to look.
    async fn wait(&mut self) {
        let Some(signal) = &mut self.signal else {
            self.looks.tick().await;
            return;
        };
        tokio::select! {
            signalled = signal.next() => if let Err(error) = signalled {
                tracing::warn!(%error, "no more signals of network changes: polling");
                self.signal = None;
                self.looks = looks(POLL);
            },
            _ = self.looks.tick() => {}
        }
    }
}

impl fmt::Debug for NetworkWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetworkWatch")
            .field("network", &self.network)
            .finish_non_exhaustive()
    }
}

fn looks(period: Duration) -> Interval {
    let mut looks = interval(period);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    looks
}

/// What of the network matters to a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Network {
    /// The addresses of interfaces that run, without loopback and link-local ones.
    addresses: BTreeSet<IpAddr>,
    /// The address that connections to the rest of the world come from; none without a route there.
    way_out_v4: Option<IpAddr>,
    way_out_v6: Option<IpAddr>,
}

impl Network {
    fn now() -> io::Result<Self> {
        let interfaces = if_addrs::get_if_addrs()?.into_iter();
        let usable = interfaces.filter(|interface| {
            interface.is_oper_up() && !interface.is_loopback() && !interface.is_link_local()
        });
        Ok(Self {
            addresses: usable.map(|interface| interface.ip()).collect(),
            way_out_v4: source(Ipv4Addr::UNSPECIFIED.into(), DOCUMENTATION_V4.into()),
            way_out_v6: source(Ipv6Addr::UNSPECIFIED.into(), DOCUMENTATION_V6.into()),
        })
    }

    /// One that is up, and nothing else known.
    fn unknown() -> Self {
        Self {
            addresses: BTreeSet::from([Ipv4Addr::UNSPECIFIED.into()]),
            way_out_v4: None,
            way_out_v6: None,
        }
    }

    fn is_down(&self) -> bool {
        self.addresses.is_empty()
    }
}

fn compare(before: &Network, now: &Network) -> Option<NetworkChange> {
    let same_way = before.way_out_v4 == now.way_out_v4 && before.way_out_v6 == now.way_out_v6;
    match (before.is_down(), now.is_down()) {
        (false, true) => Some(NetworkChange::Down),
        (true, false) => Some(NetworkChange::Up),
        (true, true) => None,
        // An address more harms nobody: containers and virtual machines come with their own.
        (false, false) => (!same_way || !now.addresses.is_superset(&before.addresses))
            .then_some(NetworkChange::Changed),
    }
}

/// Addresses that nobody has but every default route leads to (RFC 5737, RFC 3849).
const DOCUMENTATION_V4: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
const DOCUMENTATION_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);

/// Which address packets to `there` would come from. Connecting a UDP socket asks the routing
/// table and sends nothing.
fn source(any: IpAddr, there: IpAddr) -> Option<IpAddr> {
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).ok()?;
    socket.connect(SocketAddr::new(there, 9)).ok()?;
    let source = socket.local_addr().ok()?.ip();
    (!source.is_loopback() && !source.is_unspecified()).then_some(source)
}

#[cfg(test)]
mod tests {
    use super::*;
    use NetworkChange::{Changed, Down, Up};

    fn network(addresses: &[&str], way_out: Option<&str>) -> Network {
        let parse = |text: &&str| text.parse().expect("an address");
        Network {
            addresses: addresses.iter().map(parse).collect(),
            way_out_v4: way_out.as_ref().map(parse),
            way_out_v6: None,
        }
    }

    #[test]
    fn networks_are_compared_by_what_harms_a_connection() {
        let down = || network(&[], None);
        let home = || network(&["192.168.1.7"], Some("192.168.1.7"));
        let docked = || network(&["192.168.1.7", "172.17.0.1"], Some("192.168.1.7"));
        let office = || network(&["10.0.0.5"], Some("10.0.0.5"));
        let vpn = || network(&["192.168.1.7", "10.8.0.2"], Some("10.8.0.2"));
        let no_way_out = || network(&["192.168.1.7"], None);
        for (before, now, change) in [
            (home(), home(), None),
            (down(), down(), None),
            (home(), down(), Some(Down)),
            (down(), home(), Some(Up)),
            (home(), office(), Some(Changed)),
            (home(), vpn(), Some(Changed)),
            (home(), docked(), None),
            (docked(), home(), Some(Changed)),
            (home(), no_way_out(), Some(Changed)),
            (no_way_out(), home(), Some(Changed)),
        ] {
            assert_eq!(compare(&before, &now), change, "{before:?} to {now:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn addresses_that_are_gone_are_known() {
        const LOOKS: [&[&str]; 3] = [&["10.0.0.5", "10.8.0.2"], &[], &["192.168.1.7", "10.8.0.2"]];
        let mut looks = LOOKS.iter();
        let mut watch = NetworkWatch::looking(None, move || {
            let addresses = looks.next().ok_or_else(|| io::Error::other("no more"))?;
            Ok(network(addresses, None))
        });
        let lost = |watch: &NetworkWatch| {
            ["10.0.0.5", "10.8.0.2", "192.168.1.7", "127.0.0.1"]
                .map(|address| watch.has_lost(address.parse().expect("an address")))
        };
        assert_eq!(lost(&watch), [false; 4]);
        assert_eq!(watch.changed().await, Down);
        assert_eq!(lost(&watch), [true, true, false, false]);
        assert_eq!(watch.changed().await, Up);
        assert_eq!(lost(&watch), [true, false, false, false], "one came back");
    }

    #[tokio::test(start_paused = true)]
    async fn without_signals_the_network_is_polled_through_errors_and_cancelled_waits() {
        let mut count = 0;
        let look = move || {
            count += 1;
            match count {
                1..=3 => Ok(network(&["10.0.0.5"], None)),
                4 => Err(io::Error::other("out of files")),
                _ => Ok(network(&[], None)),
            }
        };
        let mut watch = NetworkWatch::looking(None, look);
        for _ in 0..1000 {
            let wait = tokio::time::timeout(Duration::from_millis(20), watch.changed());
            if let Ok(change) = wait.await {
                return assert_eq!(change, Down);
            }
        }
        panic!("20 s went by without a look");
    }
}
