//! Offhook's window: subscribes, dispatches, and decides nothing.
#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

mod commands;
mod display;
mod start;

use std::process::ExitCode;

use tauri::{Manager, RunEvent, WebviewWindowBuilder};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, fmt};

use commands::Core;

fn main() -> ExitCode {
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,pulseaudio=off"));
    tracing_subscriber::registry()
        .with(filter)
        .with(filter_fn(offhook_phone::is_harmless))
        .with(fmt::layer().with_writer(std::io::stderr))
        .init();
    if let Err(error) = display::check().and_then(|()| run()) {
        tracing::error!("{error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Why the window cannot be shown.
#[derive(Debug, thiserror::Error)]
enum Error {
    /// The softphone itself does not start.
    #[error(transparent)]
    Start(#[from] start::Error),
    /// There is no screen.
    #[error("there is no display to show a window on; `offhook call` makes calls without one")]
    NoDisplay,
    /// The toolkit fails.
    #[error("the window cannot be shown: {0}")]
    Window(#[from] tauri::Error),
}

fn run() -> Result<(), Error> {
    let started = tauri::async_runtime::block_on(start::start())?;
    let app = tauri::Builder::default()
        .manage(Core::new(started.phone))
        .invoke_handler(tauri::generate_handler![
            commands::subscribe,
            commands::dispatch
        ])
        .setup(|app| {
            let config = app
                .config()
                .app
                .windows
                .first()
                .ok_or("no window is configured")?;
            WebviewWindowBuilder::from_config(app, config)?.build()?;
            Ok(())
        })
        .build(tauri::generate_context!())?;
    let mut embedded = Some(started.embedded);
    app.run(move |handle, event| {
        if let RunEvent::Exit = event {
            let core = handle.state::<Core>();
            tauri::async_runtime::block_on(async {
                core.stop().await;
                if let Some(embedded) = embedded.take() {
                    embedded.stop().await;
                }
            });
        }
    });
    Ok(())
}
