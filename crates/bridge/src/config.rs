//! What a bridge is told: where it listens, who may use it, how much it takes.

mod access;
mod agents;
mod callers;
mod limits;
mod proxies;
mod secret;
mod twilio;
mod upstream;

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use url::{Host, Url};

use crate::admin::AdminConfig;
use crate::{Error, TlsConfig};
pub(crate) use access::LOCAL_CLIENT;
pub use access::{Access, DEFAULT_SCOPE, IssuerConfig, LocalIssuerConfig};
pub use agents::Agent;
pub(crate) use callers::Standing;
pub use callers::{Caller, NotACaller};
pub use limits::Limit;
pub use proxies::{ForwardedBy, Network, NotANetwork};
pub use twilio::TwilioConfig;
pub(crate) use upstream::speaks_pcm;
pub use upstream::{UpstreamAuth, UpstreamConfig};

/// Where a bridge listens unless told otherwise.
pub const DEFAULT_ADDRESS: &str = "127.0.0.1:8084";
/// The lifetimes that tokens may be given by configuration, in s.
pub(crate) const TOKEN_TTL: RangeInclusive<u32> = 1..=120;
/// The longest a session is kept without a connection. What it says meanwhile has to be held.
const MAX_RESUME_WINDOW: Duration = Duration::from_secs(120);

/// How a bridge behaves.
#[derive(Debug, Clone)]
pub struct Config {
    /// The address and port to listen on; port 0 for any free one.
    pub listen: SocketAddr,
    /// Who may mint tokens.
    pub access: Access,
    /// What the bridge is called, for people.
    pub name: Option<String>,
    /// The agents that can be called; the first one, where a client names none.
    pub agents: Vec<Agent>,
    /// The address by which clients reach the bridge, where something is in front of it
    /// (`https://voice.example`). Proofs of keys then have to name it; otherwise, `Host`.
    pub public_url: Option<Url>,
    /// The certificate to end TLS with; what comes is not encrypted if none.
    pub tls: Option<TlsConfig>,
    /// Who may say for whom it asks: proxies in front of the bridge. From anybody else, what says so
    /// is ignored.
    pub trusted_proxies: Vec<Network>,
    /// How they say it.
    pub forwarded_by: ForwardedBy,
    /// Whether a proof of a client's key counts at the mint only if it is over a nonce of the
    /// bridge's (RFC 9449 section 9).
    pub require_nonce: bool,
    /// The origins whose pages may connect, exactly as a browser sends them
    /// (`https://phone.example`). Programs other than browsers send none and are not concerned.
    pub allowed_origins: Vec<String>,
    /// Ways to present a token that are taken besides the header and the subprotocol.
    pub allowed_auth: Vec<AuthMethod>,
    /// What becomes of a token that is used elsewhere than where it was minted.
    pub fingerprint: FingerprintPolicy,
    /// A file with the keys that tokens are signed with, a set of symmetric keys (RFC 7517): the first
    /// one signs, all of them are taken. Bridges that share it take each other's tokens. Without it, a
    /// random key that is gone with the bridge.
    pub token_keys: Option<PathBuf>,
    /// The lifetime of a token unless its mint asks for another one, in s; at most 120.
    pub token_ttl: u32,
    /// The shortest lifetime a mint may ask for, in s; not above `token_ttl`.
    pub min_token_ttl: u32,
    /// How long an `offhook.v1` connection is kept after its token expired, for a fresh one to come.
    pub token_grace: Duration,
    /// How many sessions there may be at a time, those that wait for their client included.
    pub max_sessions: u32,
    /// `offhook.v1`: how long a session is kept without a connection; at most 120 s.
    pub resume_window: Duration,
    /// Phone calls by Twilio, if there are any.
    pub twilio: Option<TwilioConfig>,
    /// How long clients of `offhook.v1` have to leave when the bridge stops; it does not wait where
    /// there are none, nor once they have left.
    pub drain: Duration,
    /// The time over which those sessions are told to come back, each at a moment of its own.
    pub return_spread: Duration,
    /// Metrics and control for the operator, on a listener of their own; none unless configured.
    pub admin: Option<AdminConfig>,
}

/// A way to present a token that is off unless allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum AuthMethod {
    /// `?token=` in the address, which proxies log: a token for a single use, of at most 60 s.
    Query,
    /// A cookie named `offhook_token`, for pages of an allowed origin.
    Cookie,
    /// `{"type":"auth","token":…}` as the first message after `?auth=message`, within 5 s.
    FirstMessage,
}

/// What becomes of a token that is used from another address, or by another program, than it was
/// minted by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum FingerprintPolicy {
    /// Nothing.
    Off,
    /// It is logged and counted, and the client asked for a fresh token.
    #[default]
    Signal,
    /// The connection is closed with 4412 unless a token minted where it is comes at once. In plain
    /// mode, which cannot be asked for one, it is refused.
    Enforce,
}

impl Config {
    /// A bridge on `listen` for whoever `access` says, with no browser pages allowed and 256
    /// sessions at a time.
    #[must_use]
    pub fn new(listen: SocketAddr, access: Access) -> Self {
        Self {
            listen,
            access,
            name: None,
            agents: vec![Agent::built_in()],
            public_url: None,
            tls: None,
            trusted_proxies: Vec::new(),
            forwarded_by: ForwardedBy::XForwardedFor,
            require_nonce: true,
            allowed_origins: Vec::new(),
            allowed_auth: Vec::new(),
            fingerprint: FingerprintPolicy::Signal,
            token_keys: None,
            token_ttl: 60,
            min_token_ttl: 10,
            token_grace: Duration::from_secs(25),
            max_sessions: 256,
            resume_window: Duration::from_secs(60),
            twilio: None,
            drain: Duration::from_secs(5),
            return_spread: Duration::from_secs(5),
            admin: None,
        }
    }

    /// The agent of this id, if there is one that this user may call; without an id, the first.
    pub(crate) fn agent(&self, id: Option<&str>, user: &Standing) -> Option<&Agent> {
        let mut agents = self.agents_for(user);
        agents.find(|agent| id.is_none_or(|id| agent.id == id))
    }

    /// The agents that this user may call.
    pub(crate) fn agents_for(&self, user: &Standing) -> impl Iterator<Item = &Agent> {
        let agents = self.agents.iter();
        agents.filter(|agent| user.is_among(&agent.callers))
    }

    /// Whether these rules can be served on `address`.
    pub(crate) fn check(&self, address: SocketAddr) -> Result<(), Error> {
        self.faults_on(address)
            .into_iter()
            .next()
            .map_or(Ok(()), Err)
    }

    /// Everything that keeps a bridge with these rules from serving, as far as that can be said
    /// without a look at the network or into files.
    #[must_use]
    pub fn faults(&self) -> Vec<Error> {
        self.faults_on(self.listen)
    }

    fn faults_on(&self, address: SocketAddr) -> Vec<Error> {
        let mut faults = Vec::new();
        let ttl = self.min_token_ttl..=*TOKEN_TTL.end();
        if !TOKEN_TTL.contains(&self.min_token_ttl) || !ttl.contains(&self.token_ttl) {
            faults.push(Error::TokenTtl {
                shortest: self.min_token_ttl,
                usual: self.token_ttl,
            });
        }
        if self.resume_window > MAX_RESUME_WINDOW {
            faults.push(Error::ResumeWindow {
                asked: self.resume_window,
            });
        }
        faults.extend(Limit::ALL.iter().filter_map(|limit| limit.fault(self)));
        faults.extend(agents::check(&self.agents).err());
        faults.extend(self.admin.as_ref().and_then(|admin| admin.check().err()));
        let is_reached = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host();
        if let Some(url) = self.public_url.as_ref().filter(|url| !is_reached(url)) {
            faults.push(Error::PublicUrl {
                address: url.to_string(),
            });
        }
        if let Some(twilio) = &self.twilio {
            let is_https = |url: &Url| url.scheme() == "https";
            let why = if self.public_url.as_ref().is_some_and(is_https) {
                twilio.fault(&self.agents)
            } else {
                Some("Twilio needs the bridge to have a public https:// address".to_owned())
            };
            faults.extend(why.map(|detail| Error::Twilio { detail }));
        }
        let unsent = self.allowed_origins.iter().filter(|it| !is_origin(it));
        faults.extend(unsent.map(|origin| Error::Origin {
            origin: origin.clone(),
        }));
        faults.extend(self.access.faults(address));
        let is_open = matches!(self.access, Access::Development | Access::Local(_));
        let is_away = |url: &Url| match url.host() {
            Some(Host::Domain(name)) => name != "localhost",
            Some(Host::Ipv4(address)) => !address.is_loopback(),
            Some(Host::Ipv6(address)) => !address.is_loopback(),
            None => false,
        };
        let is_public = self.public_url.as_ref().is_some_and(is_away);
        if is_open && (is_public || !self.trusted_proxies.is_empty()) {
            faults.push(Error::OpenBehindProxies);
        }
        faults
    }
}

/// Whether a browser would write an origin like this (RFC 6454 section 6.2).
fn is_origin(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| {
        let origin = url.origin();
        origin.is_tuple() && origin.ascii_serialization() == text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(listen: &str) -> Config {
        Config::new(listen.parse().unwrap(), Access::Development)
    }

    #[test]
    fn without_a_token_only_this_machine_is_served() {
        let check = |config: Config| config.check(config.listen);
        assert!(check(open(DEFAULT_ADDRESS)).is_ok());
        assert!(check(open("[::1]:0")).is_ok());
        assert!(matches!(
            check(open("0.0.0.0:8084")),
            Err(Error::OpenToTheNetwork { .. })
        ));
        let access = Access::Token("secret".into());
        assert!(check(Config::new("0.0.0.0:8084".parse().unwrap(), access)).is_ok());
    }

    #[test]
    fn issuers_are_asked_where_nobody_can_meddle() {
        let check = |access| {
            let config = Config::new("0.0.0.0:8084".parse().unwrap(), access);
            config.check(config.listen)
        };
        let issuer = |url: &str| IssuerConfig::new(url, "bridge", "offhook");
        let with = |url| check(Access::Issuers(vec![issuer(url)]));
        assert!(with("https://login.example").is_ok());
        assert!(with("http://127.0.0.1:9000").is_ok());
        let refused = with("http://login.example");
        assert!(matches!(refused, Err(Error::InsecureIssuer { .. })));
        let none = check(Access::Issuers(Vec::new()));
        assert!(matches!(none, Err(Error::NoIssuer)));
        let mut unreached = open(DEFAULT_ADDRESS);
        unreached.public_url = Some("wss://voice.example".parse().unwrap());
        let refused = unreached.check(unreached.listen);
        assert!(matches!(refused, Err(Error::PublicUrl { .. })));
        let local = check(Access::Local(LocalIssuerConfig::default()));
        assert!(matches!(local, Err(Error::LocalOnTheNetwork { .. })));
    }

    #[test]
    fn lifetimes_outside_of_what_makes_sense_are_refused() {
        for (shortest, usual, good) in [
            (10, 60, true),
            (1, 1, true),
            (120, 120, true),
            (10, 20, true),
            (0, 60, false),
            (61, 60, false),
            (10, 121, false),
            (121, 121, false),
        ] {
            let mut config = open(DEFAULT_ADDRESS);
            (config.min_token_ttl, config.token_ttl) = (shortest, usual);
            assert_eq!(
                config.check(config.listen).is_ok(),
                good,
                "{shortest} {usual}"
            );
        }
        let mut config = open(DEFAULT_ADDRESS);
        config.resume_window = Duration::from_secs(121);
        assert!(matches!(
            config.check(config.listen),
            Err(Error::ResumeWindow { .. })
        ));
    }

    #[test]
    fn everything_that_is_wrong_is_said() {
        let mut config = open("0.0.0.0:0");
        config.max_sessions = 0;
        config.drain = Duration::from_secs(301);
        config.token_grace = Duration::from_secs(301);
        config.return_spread = Duration::from_millis(300_001);
        config.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
        config.allowed_origins = vec![
            "https://phone.example/".into(),
            "phone.example".into(),
            "https://phone.example".into(),
        ];
        let faults: Vec<_> = config.faults().iter().map(ToString::to_string).collect();
        assert_eq!(faults.len(), 8, "{faults:#?}");
        let has = |part: &str| faults.iter().any(|fault| fault.contains(part));
        assert!(has(
            "the number of sessions cannot be 0: it is between 1 and 100000"
        ));
        assert!(has(
            "the time to leave cannot be 301: it is between 0 and 300"
        ));
        assert!(has("https://phone.example/ is not an origin"));
        assert!(has("without an access token"));
        assert!(has("behind proxies"));
    }
}
