//! Where a client is and what program it is: bound into its tokens, so that a token that turns up
//! elsewhere is noticed.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, header};
use serde::{Deserialize, Serialize};

/// The address of a TCP connection, put into its requests by whoever accepted it; of whom a trusted
/// proxy asks for, where one does (`forwarded.rs`).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// As much of an address as stays the same for one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    /// Any loopback address: which of the two families is tried first is up to the client.
    ThisMachine,
    /// An IPv4 address.
    V4([u8; 4]),
    /// The network of an IPv6 address: the rest changes by the day (RFC 8981).
    V6([u8; 8]),
}

impl From<IpAddr> for Place {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            address if address.is_loopback() => Self::ThisMachine,
            IpAddr::V4(address) => Self::V4(address.octets()),
            IpAddr::V6(address) => {
                let [a, b, c, d, e, f, g, h, ..] = address.octets();
                Self::V6([a, b, c, d, e, f, g, h])
            }
        }
    }
}

/// What is known of whoever sent a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sender {
    /// Where it is; none where the bridge is served by a program that does not say.
    pub(crate) place: Option<Place>,
    /// Its `User-Agent`, as it is; empty if there is none.
    program: Vec<u8>,
}

impl Sender {
    pub(crate) fn new(peer: Option<Peer>, headers: &HeaderMap) -> Self {
        let program = headers.get(header::USER_AGENT);
        Self {
            place: peer.map(|Peer(address)| address.ip().into()),
            program: program.map_or_else(Vec::new, |name| name.as_bytes().to_vec()),
        }
    }

    /// What a token has of this. `digest` is keyed, so that whoever reads the token learns nothing;
    /// `token` is the token's id, so that no two tokens show that they are of one client.
    pub(crate) fn fingerprint(&self, token: &str, digest: impl Fn(&[u8]) -> String) -> Fingerprint {
        let of = |what: &str, value: &[u8]| {
            let prefix = format!("{token}\n{what}\n");
            digest(&[prefix.as_bytes(), value].concat())
        };
        Fingerprint {
            place: self.place.map(|place| match place {
                Place::ThisMachine => of("here", &[]),
                Place::V4(address) => of("4", &address),
                Place::V6(network) => of("6", &network),
            }),
            program: of("program", &self.program),
        }
    }
}

/// A [`Sender`], without what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fingerprint {
    #[serde(rename = "ip", default, skip_serializing_if = "Option::is_none")]
    place: Option<String>,
    #[serde(rename = "ua")]
    program: String,
}

impl Fingerprint {
    /// How the one who uses a token differs from the one it was minted by; none if it does not.
    pub(crate) fn differs(&self, now: &Self) -> Option<Mismatch> {
        let mismatch = Mismatch {
            place: match (&self.place, &now.place) {
                (Some(before), Some(now)) => before != now,
                _ => false,
            },
            program: self.program != now.program,
        };
        (mismatch.place || mismatch.program).then_some(mismatch)
    }
}

/// How the user of a token differs from the one it was minted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mismatch {
    place: bool,
    program: bool,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.place, self.program) {
            (true, true) => "another address and another program",
            (true, false) => "another address",
            _ => "another program",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(address: &str) -> Place {
        address.parse::<IpAddr>().unwrap().into()
    }

    fn sender(address: &str, program: &str) -> Sender {
        let mut headers = HeaderMap::new();
        headers.insert(header::USER_AGENT, program.parse().unwrap());
        let address = SocketAddr::new(address.parse().unwrap(), 4000);
        Sender::new(Some(Peer(address)), &headers)
    }

    #[test]
    fn a_place_is_what_stays_the_same() {
        assert_eq!(place("127.0.0.1"), place("::1"));
        assert_eq!(place("192.0.2.1"), place("::ffff:192.0.2.1"));
        assert_eq!(place("2001:db8:1:2::3"), place("2001:db8:1:2:ffff::9"));
        assert_ne!(place("2001:db8:1:2::3"), place("2001:db8:1:3::3"));
        assert_ne!(place("192.0.2.1"), place("192.0.2.2"));
    }

    #[test]
    fn what_differs_is_said() {
        let of = |sender: &Sender| {
            let digest =
                |bytes: &[u8]| format!("{:x}", bytes.iter().map(|b| u64::from(*b)).sum::<u64>());
            sender.fingerprint("jti_1", digest)
        };
        let home = of(&sender("192.0.2.1", "phone"));
        let differs = |other: Sender| home.differs(&of(&other)).map(|it| it.to_string());
        assert_eq!(differs(sender("192.0.2.1", "phone")), None);
        assert_eq!(
            differs(sender("192.0.2.9", "phone")).as_deref(),
            Some("another address")
        );
        assert_eq!(
            differs(sender("192.0.2.1", "curl")).as_deref(),
            Some("another program")
        );
        assert_eq!(
            differs(sender("192.0.2.9", "curl")).as_deref(),
            Some("another address and another program")
        );
        // Where nobody says where requests come from, nothing is concluded from that.
        let mut unknown = sender("192.0.2.9", "phone");
        unknown.place = None;
        assert_eq!(differs(unknown), None);
    }
}
