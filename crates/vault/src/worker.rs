//! The thread that does what blocks: one a vault, abandoned when it does not answer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use secrecy::SecretString;
use tokio::sync::oneshot;

use crate::error::VaultError;
use crate::folder::Folder;
use crate::memory::Memory;
use crate::place::Place;
use crate::probe::probe;
use crate::store::Store;
use crate::system::System;

/// How many calls may wait for a place that is slow.
const QUEUE: usize = 64;

/// How many threads may hang at a place that does not answer, before nobody waits for it any more.
pub(crate) const THREADS: usize = 8;

/// How to come to a place, again and again.
#[derive(Clone)]
pub(crate) enum Source {
    /// The keyring's entries of a service.
    System(String),
    /// The folder with the files, and what opens them.
    File(PathBuf, SecretString),
    /// The one memory that every worker of a vault uses.
    Memory(Memory),
    /// A place that a test made.
    #[cfg(test)]
    Test(Arc<dyn Fn() -> Box<dyn Store> + Send + Sync>),
}

impl From<Place> for Source {
    fn from(place: Place) -> Self {
        match place {
            Place::System { service } => Self::System(service),
            Place::File { folder, passphrase } => Self::File(folder, passphrase),
            Place::Memory => Self::Memory(Memory::default()),
        }
    }
}

impl Source {
    /// The place, once it has shown that it works.
    fn open(&self, abandoned: &Arc<AtomicBool>) -> Result<Box<dyn Store>, VaultError> {
        let mut store: Box<dyn Store> = match self {
            Self::System(service) => Box::new(System::new(service, Arc::clone(abandoned))),
            Self::File(folder, passphrase) => Box::new(Folder::open(folder, passphrase)?),
            Self::Memory(memory) => Box::new(memory.clone()),
            #[cfg(test)]
            Self::Test(open) => open(),
        };
        probe(store.as_mut())?;
        Ok(store)
    }
}

type Job = Box<dyn FnOnce(&mut State) + Send>;

/// A thread at work. It ends when this is dropped and all calls are done.
pub(crate) struct Worker {
    jobs: SyncSender<Job>,
    abandoned: Arc<AtomicBool>,
}

/// What a worker has.
struct State {
    source: Source,
    store: Option<Box<dyn Store>>,
    abandoned: Arc<AtomicBool>,
}

impl Worker {
    /// Starts one for a place, which is opened by the first call. Its thread holds a clone of
    /// `alive` until it ends.
    ///
    /// # Errors
    /// [`VaultError::Failed`] when the system has no thread to give.
    pub(crate) fn start(source: Source, alive: Arc<()>) -> Result<Self, VaultError> {
        let (jobs, queue) = sync_channel(QUEUE);
        let abandoned = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&abandoned);
        thread::Builder::new()
            .name("vault".to_owned())
            .spawn(move || {
                State::new(source, seen).work(&queue);
                drop(alive);
            })
            .map_err(|error| VaultError::Failed {
                detail: error.to_string(),
            })?;
        Ok(Self { jobs, abandoned })
    }

    /// Has something done with the place. The answer never comes if the worker is abandoned.
    ///
    /// # Errors
    /// [`VaultError::Failed`] when too many calls wait already.
    pub(crate) fn ask<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut dyn Store) -> Result<T, VaultError> + Send + 'static,
    ) -> Result<oneshot::Receiver<Result<T, VaultError>>, VaultError> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |state| {
            // Whoever asked may be gone.
            let _ = answer.send(state.act(act));
        });
        self.jobs.try_send(job).map_err(|_| VaultError::Failed {
            detail: "too many calls wait for it".to_owned(),
        })?;
        Ok(answered)
    }

    /// Gives up on it: what it has not begun is never done.
    pub(crate) fn abandon(&self) {
        self.abandoned.store(true, Ordering::SeqCst);
    }

    /// Whether somebody gave up on it.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::SeqCst)
    }
}

impl State {
    fn new(source: Source, abandoned: Arc<AtomicBool>) -> Self {
        Self {
            source,
            store: None,
            abandoned,
        }
    }

    fn work(mut self, queue: &Receiver<Job>) {
        while let Ok(job) = queue.recv() {
            if self.abandoned.load(Ordering::SeqCst) {
                return;
            }
            job(&mut self);
        }
    }

    fn act<T>(
        &mut self,
        act: impl FnOnce(&mut dyn Store) -> Result<T, VaultError>,
    ) -> Result<T, VaultError> {
        // What panicked is not used again: the place is opened anew by the next call.
        let store = self.store.take();
        let done = catch_unwind(AssertUnwindSafe(|| {
            let mut store = match store {
                Some(store) => store,
                None => self.source.open(&self.abandoned)?,
            };
            let result = act(store.as_mut());
            self.store = Some(store);
            result
        }));
        done.unwrap_or_else(|_| {
            Err(VaultError::Failed {
                detail: "an error in the program".to_owned(),
            })
        })
    }
}
