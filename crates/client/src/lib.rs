//! The realtime client: drives [`offhook_proto::Client`] over a WebSocket.
//!
//! [`Call::start`] is all there is to it: a call goes up at once, says what happens through a
//! bounded queue of [`Event`]s, and takes what the caller does without ever blocking. Every
//! decision (what to do next, how long to wait, what an answer means) is the state machine's; this
//! crate does the I/O.

mod call;
mod clock;
mod connect;
mod dial;
mod endpoint;
mod limits;
mod mint;
mod network;
mod proxy;
mod socket;
mod tls;
mod token;
mod tunnel;
mod upgrade;

pub use call::{Call, Config, Event, SendError};
pub use clock::{Clock, ClockChange, ClockWatch};
pub use connect::Connector;
pub use endpoint::{Credential, Endpoint, EndpointError};
pub use limits::Limits;
pub use network::{NetworkChange, NetworkWatch};
pub use offhook_proto as proto;
pub use proxy::{Proxy, ProxyError};
pub use token::{Reuse, Token, Tokens};
