//! The system's browser. What somebody gave this program as a secret in its environment is not for it,
//! nor for all that it starts.

use std::io;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

/// The variables with secrets, of the softphone and of the command line.
const SECRETS: [&str; 3] = [
    "OFFHOOK_PASSPHRASE",
    "OFFHOOK_ACCESS_TOKEN",
    "OFFHOOK_API_KEY",
];
/// A launcher that does not work says so at once; one that does may run for as long as the browser.
const AT_ONCE: Duration = Duration::from_millis(250);

/// Opens a page: by the first of the system's launchers that does not fail at once.
///
/// # Errors
/// When all of them do, or there is none.
pub(super) fn open_page(url: &str) -> io::Result<()> {
    let mut failure = io::Error::from(io::ErrorKind::NotFound);
    for mut launcher in open::commands(url) {
        match launch(&mut launcher, AT_ONCE) {
            Ok(()) => return Ok(()),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

fn launch(launcher: &mut Command, at_once: Duration) -> io::Result<()> {
    for name in SECRETS {
        launcher.env_remove(name);
    }
    launcher
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    // Ctrl-C in the terminal is not for the browser.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(launcher, 0);
    let mut child = launcher.spawn()?;
    let (ended, end) = channel();
    // Whoever started a process has to wait for its end.
    thread::spawn(move || ended.send(child.wait()));
    match end.recv_timeout(at_once) {
        // Windows's launcher says nothing by how it ends.
        Ok(Ok(status)) if cfg!(unix) && !status.success() => {
            Err(io::Error::other(format!("it ended with {status}")))
        }
        _ => Ok(()),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    /// However busy the machine is.
    const LONG: Duration = Duration::from_secs(30);

    #[test]
    fn a_launcher_gets_no_secret_and_its_failure_is_noticed() {
        let asks = |script: &str| {
            let mut shell = Command::new("sh");
            for name in SECRETS {
                shell.env(name, "secret");
            }
            shell.env("OTHER", "harmless").args(["-c", script]);
            launch(&mut shell, LONG)
        };
        asks("test \"$OTHER\" = harmless").unwrap();
        for name in SECRETS {
            asks(&format!("test -z \"${name}\"")).unwrap();
        }
        assert!(asks("exit 3").unwrap_err().to_string().contains('3'));
        assert!(launch(&mut Command::new("no-such-launcher"), LONG).is_err());
    }
}
