//! One refresh at a time on this machine: a lock file, which goes with the process that has it.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;
use std::time::Duration;

use crate::clock::pause;

/// How often the lock is looked at while somebody else has it.
const LOOK: Duration = Duration::from_millis(20);
/// How often it is looked at before the wait is over: longer than a refresh may take.
const LOOKS: u32 = 3_000;

/// Why the lock is not to be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LockError {
    /// Another process has had it for a minute.
    #[error("another Offhook on this computer has not finished renewing the sign-in for a minute")]
    Busy,
    /// The file cannot be used.
    #[error("the lock file {path} cannot be used: {source}")]
    File { path: String, source: io::Error },
}

/// The lock, until dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    /// The system unlocks it when it is closed, also where the process is killed.
    _file: File,
}

impl Lock {
    /// Waits for the lock at `path`, whose folder is made if there is none.
    ///
    /// # Errors
    /// Where the file cannot be used, or somebody else has it for a minute.
    pub(crate) async fn take(path: &Path) -> Result<Self, LockError> {
        let failed = |source| LockError::File {
            path: path.display().to_string(),
            source,
        };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let open = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(path);
        let file = open.map_err(failed)?;
        for _ in 0..LOOKS {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::WouldBlock) => pause(LOOK).await,
                Err(TryLockError::Error(source)) => return Err(failed(source)),
            }
        }
        Err(LockError::Busy)
    }
}

#[cfg(test)]
mod tests {
    use std::env;
    use std::process;

    use super::*;

    fn path(name: &str) -> std::path::PathBuf {
        env::temp_dir().join(format!("offhook-lock-{name}-{}", process::id()))
    }

    #[tokio::test(start_paused = true)]
    async fn one_has_it_and_the_other_waits_a_minute_at_most() {
        let folder = path("one");
        let file = folder.join("deep").join("a.lock");
        let first = Lock::take(&file).await.unwrap();
        let refused = Lock::take(&file).await.unwrap_err();
        assert!(matches!(refused, LockError::Busy));
        let waiting = tokio::spawn({
            let file = file.clone();
            async move { Lock::take(&file).await.map(drop) }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(first);
        waiting.await.unwrap().unwrap();
        fs::remove_dir_all(folder).unwrap();
    }

    #[tokio::test]
    async fn what_cannot_be_a_lock_is_named() {
        let file = path("file");
        fs::write(&file, "not a folder").unwrap();
        let error = Lock::take(&file.join("a.lock")).await.unwrap_err();
        assert!(error.to_string().contains("a.lock"), "{error}");
        fs::remove_file(file).unwrap();
    }
}
