//! `offhook-bridge`: a bridge as a program of its own.

mod admin_arguments;

use std::future::Future;
use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use std::{env, fs, io};

use admin_arguments::{AdminArguments, NoAdminToken};
use clap::{Args, Parser, Subcommand};
use offhook_bridge::{
    Access, Agent, AuthMethod, Bridge, Config, DEFAULT_ADDRESS, DEFAULT_SCOPE, FingerprintPolicy,
    IssuerConfig, LocalIssuerConfig,
};
use secrecy::SecretString;
use tracing::{Level, Metadata, info, warn};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, fmt};
use url::Url;

/// Holds the access token, for whoever does not give a file.
const ACCESS_TOKEN: &str = "OFFHOOK_BRIDGE_ACCESS_TOKEN";

/// The server Offhook calls, with a built-in agent to try a call with.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve until stopped by Ctrl-C or SIGTERM.
    ///
    /// Without an access token, in OFFHOOK_BRIDGE_ACCESS_TOKEN or a file, the bridge is in
    /// development mode: anyone on this machine may call, and only loopback addresses work.
    Serve(Serve),
}

#[derive(Debug, Args)]
struct Serve {
    /// The address and port to listen on; port 0 takes any free one.
    #[arg(long, value_name = "ADDRESS", default_value = DEFAULT_ADDRESS)]
    listen: SocketAddr,
    /// A file that holds the access token and nothing else.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["issuer", "local_issuer"])]
    access_token_file: Option<PathBuf>,
    #[command(flatten)]
    issuers: IssuerArguments,
    /// A list of the agents to offer, in JSON; the built-in one if not given.
    #[arg(long, value_name = "FILE")]
    agents: Option<PathBuf>,
    /// What the bridge is called.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The address by which clients reach the bridge, if something is in front of it.
    #[arg(long, value_name = "URL")]
    public_url: Option<Url>,
    /// An origin whose pages may connect, as in https://phone.example; may be repeated.
    #[arg(long = "allow-origin", value_name = "ORIGIN")]
    allowed_origins: Vec<String>,
    /// Ways to present a token that are taken besides the header and the subprotocol.
    #[arg(
        long = "allow-auth",
        value_name = "WAYS",
        value_delimiter = ',',
        value_enum
    )]
    allowed_auth: Vec<AuthMethod>,
    /// What becomes of a token that is used elsewhere than where it was minted.
    #[arg(long, value_name = "POLICY", value_enum, default_value_t)]
    fingerprint: FingerprintPolicy,
    /// How long a token lives unless its mint asks for another time.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=120))]
    token_ttl: u32,
    /// The shortest life a mint may ask for; 10 s, or what --token-ttl says if that is less.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=120))]
    min_token_ttl: Option<u32>,
    /// How many sessions there may be at a time, those that wait for their client included.
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    max_sessions: u32,
    /// How long a session whose connection was cut waits for its client.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(0..=120))]
    resume_window: u64,
    /// How long clients have to leave when the bridge stops.
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(0..=300))]
    drain: u64,
    #[command(flatten)]
    admin: AdminArguments,
}

#[derive(Debug, Args)]
struct IssuerArguments {
    /// Take the access tokens of this issuer (OpenID Connect), at its address exactly as it names
    /// itself.
    #[arg(
        long,
        value_name = "URL",
        requires = "audience",
        requires = "client_id"
    )]
    issuer: Option<String>,
    /// What the issuer's access tokens have to be for ("aud").
    #[arg(long, value_name = "AUDIENCE", requires = "issuer")]
    audience: Option<String>,
    /// The client that softphones sign in as.
    #[arg(long, value_name = "ID", requires = "issuer")]
    client_id: Option<String>,
    /// The scope that access tokens have to have.
    #[arg(long, value_name = "SCOPE", default_value = DEFAULT_SCOPE)]
    scope: String,
    /// Where the issuer's keys are, if not where its metadata says.
    #[arg(long, value_name = "URL", requires = "issuer")]
    jwks_uri: Option<Url>,
    /// Be an issuer as well, that lets anyone on this machine sign in by any name; for development.
    #[arg(long, conflicts_with = "issuer")]
    local_issuer: bool,
    /// Where the local issuer keeps its key and who is signed in; in memory only if not given.
    #[arg(long, value_name = "FILE", requires = "local_issuer")]
    local_issuer_state: Option<PathBuf>,
}

impl IssuerArguments {
    /// Whose access tokens count, if an issuer is named.
    fn access(self) -> Option<Access> {
        if let (Some(issuer), Some(audience), Some(client_id)) =
            (self.issuer, self.audience, self.client_id)
        {
            return Some(Access::Issuers(vec![IssuerConfig {
                scope: self.scope,
                jwks_uri: self.jwks_uri,
                ..IssuerConfig::new(issuer, audience, client_id)
            }]));
        }
        self.local_issuer.then(|| {
            Access::Local(LocalIssuerConfig {
                state_file: self.local_issuer_state,
                ..LocalIssuerConfig::default()
            })
        })
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::registry()
        .with(filter)
        .with(filter_fn(is_harmless))
        .with(
            fmt::layer()
                .with_writer(io::stderr)
                .with_ansi(io::stderr().is_terminal()),
        )
        .init();
    let Command::Serve(arguments) = Arguments::parse().command;
    match serve(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "the one sentence a person has to see")]
            {
                eprintln!("offhook-bridge: {error}");
            }
            ExitCode::FAILURE
        }
    }
}

/// Whether something may be logged, whatever the filter says: the WebSocket library shows whole
/// messages when it is asked for all it has, and there are tokens in some.
fn is_harmless(metadata: &Metadata<'_>) -> bool {
    !metadata.target().starts_with("tungstenite") || *metadata.level() <= Level::DEBUG
}

async fn serve(arguments: Serve) -> Result<(), Failure> {
    let access = match arguments.issuers.access() {
        Some(_) if env::var_os(ACCESS_TOKEN).is_some() => return Err(Failure::TokenAndIssuer),
        Some(access) => access,
        None => access(arguments.access_token_file)?,
    };
    let agents = agents(arguments.agents)?;
    let development = matches!(access, Access::Development);
    let local = matches!(access, Access::Local(_));
    let bridge = Bridge::new(Config {
        name: arguments.name,
        agents,
        public_url: arguments.public_url,
        allowed_origins: arguments.allowed_origins,
        allowed_auth: arguments.allowed_auth,
        fingerprint: arguments.fingerprint,
        token_ttl: arguments.token_ttl,
        min_token_ttl: arguments
            .min_token_ttl
            .unwrap_or(arguments.token_ttl.min(10)),
        max_sessions: arguments.max_sessions,
        resume_window: Duration::from_secs(arguments.resume_window),
        drain: Duration::from_secs(arguments.drain),
        admin: arguments.admin.config()?,
        ..Config::new(arguments.listen, access)
    })?;
    let listener = bridge.bind().await?;
    let address = listener.local_addr().map_err(Failure::Address)?;
    if development {
        warn!(
            "development mode: no access token is set, so anyone on this machine can call; set \
             {ACCESS_TOKEN} to change that"
        );
    }
    if local {
        warn!("the local issuer lets anyone on this machine sign in, by any name");
    }
    if let Some(address) = bridge.bind_admin().await? {
        info!(%address, "the admin API listens");
    }
    let stop = stop_signal().map_err(Failure::Signal)?;
    #[expect(
        clippy::print_stdout,
        reason = "whoever started this waits for the line"
    )]
    {
        println!("listening on http://{address}");
    }
    bridge.serve(listener, stop).await?;
    info!("stopped");
    Ok(())
}

/// The agents of the file; the built-in one without.
fn agents(file: Option<PathBuf>) -> Result<Vec<Agent>, Failure> {
    let Some(path) = file else {
        return Ok(vec![Agent::built_in()]);
    };
    let text = fs::read_to_string(&path);
    let text = text.map_err(|source| Failure::AgentsFile { path, source })?;
    Ok(Agent::list(&text)?)
}

/// The access token from the file or the environment; development mode without one.
fn access(file: Option<PathBuf>) -> Result<Access, Failure> {
    let token = match file {
        Some(path) => {
            let text = fs::read_to_string(&path);
            text.map_err(|source| Failure::TokenFile { path, source })?
        }
        None => match env::var(ACCESS_TOKEN) {
            Ok(token) => token,
            Err(env::VarError::NotPresent) => return Ok(Access::Development),
            Err(env::VarError::NotUnicode(_)) => return Err(Failure::NoToken),
        },
    };
    let token = token.trim();
    if token.is_empty() {
        return Err(Failure::NoToken);
    }
    Ok(Access::Token(SecretString::from(token)))
}

/// Ready when the program is asked to stop.
#[cfg(unix)]
fn stop_signal() -> io::Result<impl Future<Output = ()> + Send> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
        }
    })
}

/// Ready when the program is asked to stop.
#[cfg(windows)]
fn stop_signal() -> io::Result<impl Future<Output = ()> + Send> {
    let mut interrupted = tokio::signal::windows::ctrl_c()?;
    Ok(async move {
        interrupted.recv().await;
    })
}

/// Why the program ends.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Bridge(#[from] offhook_bridge::Error),
    #[error("the access token cannot be read from {}: {source}", path.display())]
    TokenFile { path: PathBuf, source: io::Error },
    #[error("the list of agents cannot be read from {}: {source}", path.display())]
    AgentsFile { path: PathBuf, source: io::Error },
    #[error(
        "{ACCESS_TOKEN} holds an access token, and an issuer is named as well; only one of them can say who may call"
    )]
    TokenAndIssuer,
    #[error("the access token is empty or not text; leave it out for development mode")]
    NoToken,
    #[error(transparent)]
    Admin(#[from] NoAdminToken),
    #[error("the address the bridge listens on cannot be read: {0}")]
    Address(io::Error),
    #[error("the system lets nobody stop this program cleanly: {0}")]
    Signal(io::Error),
}
