//! Who may stand in front of a bridge.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

/// A range of addresses, as in `10.0.0.0/8` (CIDR, RFC 4632), or a single one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network(IpNet);

impl Network {
    /// Whether an address is in it. An IPv4 address is one however it is written (`::ffff:10.0.0.1`).
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self(address.to_canonical().into()));
        }
        let network: IpNet = text.parse().map_err(|_| NotANetwork::Unreadable)?;
        if network.trunc() == network {
            Ok(Self(network))
        } else {
            Err(NotANetwork::InsideOne {
                network: network.trunc().to_string(),
                address: network.addr(),
            })
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why a text is not a [`Network`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotANetwork {
    /// It is something else.
    #[error("it is neither an address nor a range of addresses like 10.0.0.0/8")]
    Unreadable,
    /// It has more bits than its prefix says, so that it is not clear what it means.
    #[error("it is an address inside of a range; the range is {network}, the address {address}")]
    InsideOne {
        /// The range.
        network: String,
        /// The address.
        address: IpAddr,
    },
}

/// How proxies say for whom they ask. A proxy that writes one of these hands on what a client put
/// into the other, so only one of them can be believed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ForwardedBy {
    /// `X-Forwarded-For`, `X-Forwarded-Proto` and `X-Forwarded-Host`, as most proxies do.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_and_hold_what_is_in_them() {
        let network = |text: &str| text.parse::<Network>();
        let contains =
            |text, address: &str| network(text).unwrap().contains(address.parse().unwrap());
        assert!(contains("10.0.0.0/8", "10.255.0.1"));
        assert!(contains("10.0.0.0/8", "::ffff:10.0.0.1"));
        assert!(!contains("10.0.0.0/8", "11.0.0.1"));
        assert!(contains("192.0.2.1", "192.0.2.1"));
        assert!(!contains("192.0.2.1", "192.0.2.2"));
        assert!(contains("2001:db8::/32", "2001:db8:1::1"));
        assert!(!contains("2001:db8::/32", "10.0.0.1"));
        assert!(contains("0.0.0.0/0", "8.8.8.8"));
        for text in [
            "",
            "10.0.0.0/33",
            "proxy.example",
            "10.0.0/8",
            "10.0.0.0/",
            "10.0.0.1 ",
        ] {
            assert_eq!(network(text), Err(NotANetwork::Unreadable), "{text}");
        }
        let inside = network("10.1.2.3/8").unwrap_err().to_string();
        assert!(inside.contains("10.0.0.0/8"), "{inside}");
    }
}
