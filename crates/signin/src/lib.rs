//! Sign-in that survives: a user signs in once, and is not signed out by sleep, by a lost packet, or
//! by a token that was replaced at the wrong moment.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//! use offhook_client::{Connector, ProofKey};
//! use offhook_signin::{Client, Config, Keeper, Provider, Texts};
//! use offhook_vault::{Place, Vault};
//!
//! let client = Client {
//!     issuer: "https://login.example".to_owned(),
//!     client_id: "offhook".to_owned(),
//!     scopes: vec!["offline_access".to_owned(), "offhook.call".to_owned()],
//!     resource: Some("https://bridge.example".to_owned()),
//! };
//! let provider = Arc::new(Provider::new(Connector::new()?, client));
//! let keeper = Keeper::open(Config {
//!     name: "work".to_owned(),
//!     vault: Vault::open(Place::System { service: "offhook".to_owned() }).await?,
//!     locks: "locks".into(),
//!     issuer: provider.clone(),
//! })
//! .await?;
//! let key = Arc::new(ProofKey::generate()?);
//! let sign_in = provider.begin_browser(key, None, Texts::default()).await?;
//! println!("open {}", sign_in.url());
//! keeper.adopt(sign_in.finish().await?).await?;
//! let access = keeper.access(None).await?; // good now, and bound to the key
//! # drop(access);
//! # Ok(()) }
//! ```
//!
//! - [`Provider`] is an OpenID Connect provider: sign-in by the browser (`browser`, `loopback`,
//!   `pages`) or on another device (`device`), refresh, revocation. Its requests go the way that
//!   calls go (`http`), with a proof of the user's key where the provider binds tokens to keys
//!   (RFC 9449).
//! - [`Keeper`] keeps one user's [`Grant`] in the vault, and is the one place that uses the refresh
//!   token. It is what a call asks for access tokens ([`offhook_client::SignIn`]).
//!
//! `state`, `nonce` and `iss` are checked, and the ID token's signature, audience and times; by the
//! provider's clock where this machine's is wrong.

mod access;
mod browser;
mod clock;
mod device;
mod grant;
mod http;
mod issuer;
mod keeper;
mod lock;
mod loopback;
mod pages;
mod provider;
mod standing;

pub use access::AccessError;
pub use browser::{BrowserSignIn, SignInError};
pub use device::DeviceSignIn;
pub use grant::{Client, Grant, GrantError, Refreshed, User};
pub use issuer::{Issuer, IssuerError, Work};
pub use keeper::{Config, Keeper};
pub use pages::{Text, Texts};
pub use provider::Provider;
pub use standing::{Moment, Standing, Watch};
