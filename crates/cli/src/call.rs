//! `offhook call`: one call from the terminal.

use std::future::pending;
use std::pin::pin;
use std::time::Duration;

use offhook_bridge::Embedded;
use offhook_phone::audio::Microphone;
use offhook_phone::{
    Agent, AgentEntry, Call, Config, Connector, Credential, EndReason, Endpoint, Intent, Message,
    Phone, Problem,
};
use secrecy::SecretString;
use tokio::sync::mpsc;

use crate::accounts::Desk;
use crate::args::CallArgs;
use crate::clock::Clock;
use crate::conductor::Conductor;
use crate::output::Output;

/// Why a call could not be made or ended badly.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Something a user can read about.
    #[error("{}", offhook_phone::english(.0))]
    Problem(Problem),
    /// What was asked for cannot be done as things are.
    #[error("{0}")]
    Unable(String),
    /// The system refused what every program needs.
    #[error("Offhook cannot start: {0}.")]
    Start(String),
}

pub(crate) fn run(args: CallArgs) -> Result<(), Error> {
    runtime()?.block_on(call(args))
}

pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Error> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Error::Start(error.to_string()))
}

async fn call(args: CallArgs) -> Result<(), Error> {
    let microphone = args.microphone();
    let microphone_is_file = matches!(microphone, Microphone::File(_));
    let config = |agents| Config {
        speaker: args.speaker(),
        // A file has no room around it that could echo.
        echo_cancellation: !args.no_echo_cancellation && !microphone_is_file,
        microphone,
        ..Config::new(env!("CARGO_PKG_VERSION"), agents)
    };
    let (phone, agent, embedded) = match &args.at {
        Some(at) => {
            let desk = Desk::open(config(Vec::new()), args.secrets).await?;
            let phone = desk.ready_to_call(at, &args.agent).await?;
            (phone, args.agent.clone(), None)
        }
        None => {
            let (entry, embedded) = entry(&args).await?;
            let agent = entry.agent.id.clone();
            let connector = Connector::new().map_err(|error| Error::Start(error.to_string()))?;
            (
                Phone::start(config(vec![entry]), connector),
                agent,
                embedded,
            )
        }
    };
    let conductor = Conductor::new(args.say, args.limit, microphone_is_file);
    let ended = talk(&phone, agent, conductor, Output::new(args.json)).await;
    phone.stop().await;
    if let Some(embedded) = embedded {
        embedded.stop().await;
    }
    match ended? {
        EndReason::HungUp | EndReason::FarEnd | EndReason::TakenOver => Ok(()),
        EndReason::Failed { problem } => Err(Error::Problem(problem)),
    }
}

/// Who is called: the agent inside this process, or one at a server.
async fn entry(args: &CallArgs) -> Result<(AgentEntry, Option<Embedded>), Error> {
    let Some(url) = &args.url else {
        if args.agent != offhook_bridge::AGENT {
            return Err(Error::Problem(Problem::AgentUnknown {
                agent: args.agent.clone(),
            }));
        }
        let start = |error: &dyn std::fmt::Display| Error::Start(error.to_string());
        let embedded = Embedded::start().await.map_err(|error| start(&error))?;
        let entry = AgentEntry::built_in(&args.agent, &embedded.url(), embedded.access_token())
            .map_err(|error| start(&error))?;
        return Ok((entry, Some(embedded)));
    };
    let credential = credential(args, url)?;
    let endpoint = Endpoint::new(url, credential).map_err(|error| {
        Error::Problem(Problem::BadAddress {
            address: url.clone(),
            detail: error.to_string(),
        })
    })?;
    let agent = Agent {
        id: args.agent.clone(),
        name: args.agent.clone(),
        description: None,
        language: None,
        color: None,
        favourite: false,
        built_in: false,
    };
    Ok((AgentEntry { agent, endpoint }, None))
}

fn credential(args: &CallArgs, url: &str) -> Result<Credential, Error> {
    if !args.direct {
        let access_token = secret("OFFHOOK_ACCESS_TOKEN");
        return Ok(Credential::Mint { access_token });
    }
    secret("OFFHOOK_API_KEY")
        .map(Credential::Key)
        .ok_or_else(|| {
            Error::Problem(Problem::NotAuthorised {
                host: url.to_owned(),
                detail: "--direct needs an API key in OFFHOOK_API_KEY".to_owned(),
            })
        })
}

/// A secret from the environment, which, unlike arguments, other users cannot read.
pub(crate) fn secret(name: &str) -> Option<SecretString> {
    std::env::var(name)
        .ok()
        .filter(|value| !value.is_empty())
        .map(SecretString::from)
}

/// Dials and follows the call to its end.
async fn talk(
    phone: &Phone,
    agent: String,
    mut conductor: Conductor,
    mut output: Output,
) -> Result<EndReason, Error> {
    let gone = |error: offhook_phone::Gone| Error::Start(error.to_string());
    let clock = Clock::start();
    let mut messages = phone.subscribe().await.map_err(gone)?;
    phone.dispatch(Intent::Call { agent }).await.map_err(gone)?;
    // One for all turns of the loop: an interrupt between two of its own would go unheard.
    let mut interrupts = pin!(interrupt());
    loop {
        let intent = tokio::select! {
            message = next(&mut messages) => {
                let message = message?;
                let now = clock.now();
                output.show(now, &message);
                conductor.hear(now, &message);
                if let Message::Snapshot(snapshot) = message
                    && let Call::Ended { reason, .. } = snapshot.call
                {
                    return Ok(reason);
                }
                conductor.act(now)
            }
            () = waiting(clock, conductor.deadline()) => conductor.act(clock.now()),
            () = &mut interrupts => {
                interrupts.set(interrupt());
                Some(Intent::HangUp)
            }
        };
        if let Some(intent) = intent {
            phone.dispatch(intent).await.map_err(gone)?;
        }
    }
}

/// Waits until the person, or the system that shuts down, asks for the end of the call.
pub(crate) async fn interrupt() {
    #[cfg(unix)]
    let terminated = async {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut signals) => signals.recv().await.unwrap_or(()),
            Err(_) => pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminated = pending::<()>();
    // Where the system has no such signals, nobody can send one.
    let interrupted = async {
        if tokio::signal::ctrl_c().await.is_err() {
            pending::<()>().await;
        }
    };
    tokio::select! {
        () = interrupted => {}
        () = terminated => {}
    }
}

async fn next(messages: &mut mpsc::Receiver<Message>) -> Result<Message, Error> {
    messages
        .recv()
        .await
        .ok_or_else(|| Error::Start(offhook_phone::Gone.to_string()))
}

async fn waiting(clock: Clock, until: Option<Duration>) {
    match until {
        Some(until) => clock.sleep_until(until).await,
        None => pending().await,
    }
}
