//! What the system tells the program: to stop, and to look at its files.

use std::future::Future;
use std::io;

use offhook_bridge::Reloader;

/// Ready when the program is asked to stop.
#[cfg(unix)]
pub(crate) fn stop() -> io::Result<impl Future<Output = ()> + Send> {
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
pub(crate) fn stop() -> io::Result<impl Future<Output = ()> + Send> {
    let mut interrupted = tokio::signal::windows::ctrl_c()?;
    Ok(async move {
        interrupted.recv().await;
    })
}

/// Reads the files anew at each SIGHUP, until the program ends.
#[cfg(unix)]
pub(crate) fn reload(reloader: Reloader) -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut asked = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        while asked.recv().await.is_some() {
            reloader.reload().await;
        }
    });
    Ok(())
}

/// There is no such signal here: the certificate is looked at now and then.
#[cfg(windows)]
pub(crate) fn reload(_: Reloader) -> io::Result<()> {
    Ok(())
}
