//! What the system tells the program: to stop, and to look at its certificate.

use std::future::Future;
use std::io;

use offhook_bridge::Certificate;

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

/// Reads the certificate anew at each SIGHUP, until the program ends.
#[cfg(unix)]
pub(crate) fn reload(certificate: Certificate) -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut asked = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        while asked.recv().await.is_some() {
            certificate.reload().await;
        }
    });
    Ok(())
}

/// There is no such signal here: the files are looked at now and then.
#[cfg(windows)]
pub(crate) fn reload(_: Certificate) -> io::Result<()> {
    Ok(())
}
