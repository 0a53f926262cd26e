//! The realtime client: a call that outlives its connections.
//!
//! [`Call::start`] is all there is to it. The call dials at once, says what happens through a bounded
//! queue of [`Event`]s, and takes what the caller says and does without ever blocking:
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use offhook_client::proto::client::State;
//! use offhook_client::{Call, Config, Connector, Credential, Endpoint, Event};
//!
//! let credential = Credential::Mint { access_token: None };
//! let (call, mut events) = Call::start(Config {
//!     connector: Connector::new()?,
//!     endpoint: Endpoint::new("https://bridge.example", credential)?,
//!     agent: "sales".to_owned(),
//!     session: Default::default(),
//! });
//! call.audio(&[0; 480])?; // from the click on: nothing said is lost
//! while let Some(event) = events.recv().await {
//!     match event {
//!         Event::State { state: State::Ended(end), .. } => println!("{end:?}"),
//!         other => println!("{other:?}"),
//!     }
//! }
//! # Ok(()) }
//! ```
//!
//! Every decision (what to do next, how long to wait, what an answer means, what to send again) is
//! the state machine's, [`offhook_proto::Client`]; this crate does the I/O:
//!
//! - **One loop a call** (`driver`) polls the machine dry and waits for whatever comes first: a
//!   message, a deadline, the caller, an attempt's outcome, the network, the clock. Nothing in it
//!   waits for a write; only a caller who takes no events holds it up.
//! - **An attempt** (`attempt`) asks for a token, then connects: names, addresses, proxy, TLS, each
//!   with a [limit](Limits) (`connect`, `dial`, `tunnel`, `tls`), and upgrades (`upgrade`). Each
//!   has a [token](Tokens) of its own, bought for the session it resumes, which the upgrade's
//!   address then names. Dropping an attempt closes its socket.
//! - **Who is signed in** ([`SignIn`]) is asked for an access token at every attempt. Tokens that are
//!   bought with it are bound to the user's key, and shown with a proof of that ([`Prover`]).
//!   [`Connector::fetch`] sends other requests the way that tokens go.
//! - **Two connections may be up at once** (`lines`), while one takes over from the other. What the
//!   machine drops is dropped without a close frame, so that the far end keeps the session; what it
//!   closes has a second to answer, in the background, also after the call's end.
//! - **A fresh token** for a connection that is up is bought beside the loop and shown to the server
//!   in band. Tokens are held by `attempt` only, and appear in no log and no `Debug` output.
//! - **A server's address to come back to** is followed on its own host only, and never from an
//!   encrypted connection to one that is not.
//! - **Sleep** counts as time ([`Clock`]), and both it and a [change](NetworkWatch) of the network
//!   are told to the machine; the latter not where the far end is this machine. A connection from an
//!   address that this machine has lost is dropped first.

mod attempt;
mod call;
mod clock;
mod connect;
mod dial;
mod dpop;
mod driver;
mod endpoint;
mod errands;
mod http;
mod limits;
mod lines;
mod logs;
mod mint;
mod network;
mod origin;
mod proxy;
mod sign_in;
mod socket;
mod tls;
mod token;
mod tunnel;
mod upgrade;

pub use call::{Call, Config, Event, SendError};
pub use clock::{Clock, ClockChange, ClockWatch};
pub use connect::Connector;
pub use dpop::{KeyError, ProofKey, Prover};
pub use endpoint::{Credential, Endpoint, EndpointError};
pub use limits::Limits;
pub use logs::is_harmless;
pub use mint::{refusal, server_time};
pub use network::{NetworkChange, NetworkWatch};
pub use offhook_proto as proto;
pub use proxy::{Proxy, ProxyError};
pub use sign_in::{Access, Accessing, SignIn};
pub use token::{Reuse, Token, Tokens};
