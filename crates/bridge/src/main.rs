//! `offhook-bridge`: a bridge as a program of its own.

mod arguments;
mod settings;
mod signals;

use std::io::IsTerminal as _;
use std::path::Path;
use std::process::ExitCode;
use std::{env, io};

use offhook_bridge::{Access, Bridge};
use tracing::{Level, Metadata, info, warn};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, fmt};

use arguments::{Flags, Order};
use settings::{Environment, Log, LogFormat, Problems, Settings};

/// What the program was told cannot be used; as the command line's own errors have it.
const MISCONFIGURED: u8 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    let environment = Environment::new(env::vars_os());
    let done = match arguments::read() {
        Order::Serve { file, flags } => {
            match Settings::load(&flags, &environment, file.as_deref()) {
                Ok(settings) => serve(settings).await,
                Err(problems) => Err(Failure::Settings(problems)),
            }
        }
        Order::CheckConfig { file } => check(&environment, &file),
    };
    let Err(failure) = done else {
        return ExitCode::SUCCESS;
    };
    #[expect(clippy::print_stderr, reason = "what a person has to see")]
    {
        match &failure {
            // Each says where it is.
            Failure::Settings(problems) => eprintln!("{problems}"),
            failure => eprintln!("offhook-bridge: {failure}"),
        }
    }
    match failure {
        Failure::Settings(_) => MISCONFIGURED.into(),
        _ => ExitCode::FAILURE,
    }
}

/// Says what a configuration comes to.
fn check(environment: &Environment, file: &Path) -> Result<(), Failure> {
    let settings = Settings::load(&Flags::default(), environment, Some(file));
    let settings = settings.map_err(Failure::Settings)?;
    #[expect(clippy::print_stdout, reason = "it is what was asked for")]
    {
        println!("{}: {settings}", file.display());
    }
    Ok(())
}

async fn serve(Settings { config, log }: Settings) -> Result<(), Failure> {
    start_log(&log);
    let access = config.access.clone();
    let bridge = Bridge::new(config)?;
    let listener = bridge.bind().await?;
    let address = listener.local_addr().map_err(Failure::Address)?;
    if let Some(address) = bridge.bind_admin().await? {
        info!(%address, "the admin API listens");
    }
    match access {
        Access::Development => warn!(
            "development mode: no access token is set, so anyone on this machine can call; set \
             OFFHOOK_BRIDGE_ACCESS_TOKEN to change that"
        ),
        Access::Local(_) => {
            warn!("the local issuer lets anyone on this machine sign in, by any name");
        }
        Access::Token(_) | Access::Issuers(_) => {}
    }
    let stop = signals::stop().map_err(Failure::Signal)?;
    let scheme = bridge.certificate().map_or("http", |_| "https");
    signals::reload(bridge.reloader()).map_err(Failure::Signal)?;
    #[expect(
        clippy::print_stdout,
        reason = "whoever started this waits for the line"
    )]
    {
        println!("listening on {scheme}://{address}");
    }
    bridge.serve(listener, stop).await?;
    info!("stopped");
    Ok(())
}

fn start_log(log: &Log) {
    let lines = fmt::layer().with_writer(io::stderr);
    let lines = match log.format {
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().boxed(),
    };
    tracing_subscriber::registry()
        .with(lines.with_filter(filter_fn(is_harmless)))
        .with(EnvFilter::new(&log.filter))
        .init();
}

/// Whether something may be logged, whatever the filter says: the WebSocket library shows whole
/// messages when it is asked for all it has, and there are tokens in some.
fn is_harmless(metadata: &Metadata<'_>) -> bool {
    !metadata.target().starts_with("tungstenite") || *metadata.level() <= Level::DEBUG
}

/// Why the program ends.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{0}")]
    Settings(Problems),
    #[error(transparent)]
    Bridge(#[from] offhook_bridge::Error),
    #[error("the address the bridge listens on cannot be read: {0}")]
    Address(io::Error),
    #[error("the system lets nobody stop this program cleanly: {0}")]
    Signal(io::Error),
}
