//! One thread for each direction that opens its device, notices when that goes, falls back to the
//! default and returns.

use std::{
    path::PathBuf,
    sync::{
        Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use crate::{
    Error, Event, Microphone, Speaker,
    clock::Clock,
    devices::{Direction, System, Unreachable},
    route::{Opened, open_device, open_file},
    worker::Order,
};

/// Which device a direction is to use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Choice {
    Default,
    Device(String),
    File(PathBuf),
}

/// The handle on a direction's thread.
#[derive(Debug)]
pub(crate) struct Routing {
    requests: SyncSender<Request>,
    /// Never sent on: its end says that the thread has ended. In a mutex to be shared, used once.
    ended: Mutex<Receiver<()>>,
}

/// A device that is being opened.
pub(crate) struct Starting {
    ready: Receiver<Result<(), Error>>,
}

/// What a direction's thread is told.
pub(crate) enum Request {
    Use(Choice),
    /// The stream that was opened as number `generation` has ended by itself.
    Failed {
        generation: u32,
        error: Error,
    },
    Stop,
}

/// How long both devices together may take to run.
const STARTING: Duration = Duration::from_secs(8);
/// How long a device that was opened may take to call for the first time.
const FIRST_CALL: Duration = Duration::from_secs(5);
/// The time between two looks at whether a device that was opened calls.
const GLANCE: Duration = Duration::from_millis(5);
/// How often the system is asked about its devices.
const POLL: Duration = Duration::from_secs(1);
/// Polls without any device after which audio has failed.
const MAX_MISSING: u32 = 10;
/// How long a stream may take to end.
const ENDING: Duration = Duration::from_secs(2);
/// Requests that may wait.
const MAX_REQUESTS: usize = 32;

impl Routing {
    /// Begins to open a device; [`Starting::wait`] tells how that went.
    pub(crate) fn start(
        direction: Direction,
        choice: Choice,
        worker: SyncSender<Order>,
    ) -> Result<(Routing, Starting), Error> {
        let (requests, received) = sync_channel(MAX_REQUESTS);
        let (tell_ready, ready) = sync_channel(1);
        let (end, ended) = sync_channel(0);
        let side = Side {
            direction,
            choice,
            system: None,
            current: None,
            seen: false,
            ran: false,
            generation: 0,
            missing: 0,
            requests: requests.clone(),
            worker,
        };
        thread::Builder::new()
            .name("audio-routing".to_owned())
            .spawn(move || {
                side.run(&received, &tell_ready);
                drop(end);
            })
            .map_err(|error| Error::NoThread {
                detail: error.to_string(),
            })?;
        Ok((
            Routing {
                requests,
                ended: Mutex::new(ended),
            },
            Starting { ready },
        ))
    }

    /// Uses another device from now on.
    pub(crate) fn choose(&self, choice: Choice) {
        if self.requests.try_send(Request::Use(choice)).is_err() {
            tracing::warn!("a choice of device was dropped: the sound system does not answer");
        }
    }
}

impl Starting {
    /// Waits until the device runs.
    pub(crate) fn wait(&self) -> Result<(), Error> {
        self.ready.recv_timeout(STARTING).unwrap_or_else(|_| {
            Err(Error::DeviceUnusable {
                device: "the sound system".to_owned(),
                detail: format!("it did not answer within {} s", STARTING.as_secs()),
            })
        })
    }
}

impl Drop for Routing {
    fn drop(&mut self) {
        // Refused only by a thread that has ended or hangs inside the sound system.
        let _ = self.requests.try_send(Request::Stop);
        let ended = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner);
        let _ = ended.recv_timeout(ENDING);
    }
}

impl From<Microphone> for Choice {
    fn from(microphone: Microphone) -> Choice {
        match microphone {
            Microphone::Default => Choice::Default,
            Microphone::Device(id) => Choice::Device(id),
            Microphone::File(path) => Choice::File(path),
        }
    }
}

impl From<Speaker> for Choice {
    fn from(speaker: Speaker) -> Choice {
        match speaker {
            Speaker::Default => Choice::Default,
            Speaker::Device(id) => Choice::Device(id),
            Speaker::File(path) => Choice::File(path),
        }
    }
}

/// A direction, as its thread sees it.
struct Side {
    direction: Direction,
    choice: Choice,
    system: Option<System>,
    current: Option<Opened>,
    /// Whether the device in use was in the system's list once, so that its absence says something.
    seen: bool,
    /// Whether a device was ever in use.
    ran: bool,
    /// Counts the streams that were opened.
    generation: u32,
    /// Polls without any device.
    missing: u32,
    requests: SyncSender<Request>,
    worker: SyncSender<Order>,
}

impl Side {
    fn run(mut self, requests: &Receiver<Request>, ready: &SyncSender<Result<(), Error>>) {
        let started = self.begin(requests);
        let failed = started.is_err();
        if ready.send(started).is_err() || failed {
            return;
        }
        let clock = Clock::start();
        let mut due = POLL;
        loop {
            match requests.recv_timeout(due.saturating_sub(clock.now())) {
                Ok(Request::Use(choice)) => self.switch(choice),
                Ok(Request::Failed { generation, error }) => self.note_failure(generation, error),
                Ok(Request::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {
                    self.poll();
                    due = clock.now() + POLL;
                }
            }
        }
    }

    /// Opens the first device and waits until it calls.
    fn begin(&mut self, requests: &Receiver<Request>) -> Result<(), Error> {
        let opened = self.open(&self.choice.clone())?;
        let name = opened.name.clone();
        let calls = opened.calls.clone();
        self.adopt(opened);
        let clock = Clock::start();
        while !calls.any() {
            match requests.recv_timeout(GLANCE) {
                Ok(Request::Failed { error, .. }) => return Err(error),
                Ok(Request::Use(_) | Request::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) if clock.now() < FIRST_CALL => {}
                Err(RecvTimeoutError::Timeout) => {
                    let detail = format!("it gave no sound within {} s", FIRST_CALL.as_secs());
                    return Err(Error::DeviceUnusable {
                        device: name,
                        detail,
                    });
                }
            }
        }
        Ok(())
    }

    /// Goes over to another device, or stays where it is and says why.
    fn switch(&mut self, choice: Choice) {
        match self.open(&choice) {
            Ok(opened) => {
                self.choice = choice;
                self.adopt(opened);
            }
            Err(error) => self.tell(Event::NotSwitched(error)),
        }
    }

    fn note_failure(&mut self, generation: u32, error: Error) {
        if generation != self.generation || self.current.is_none() {
            return;
        }
        tracing::warn!(%error, "a stream ended by itself");
        if matches!(self.choice, Choice::File(_)) {
            self.current = None;
            self.tell(Event::Failed(error));
        } else {
            self.lose();
        }
    }

    /// Looks whether the device in use is still there and still the one to use.
    fn poll(&mut self) {
        if matches!(self.choice, Choice::File(_)) {
            return;
        }
        let Some(current) = &self.current else {
            self.recover();
            return;
        };
        let in_use = current.id.clone();
        let direction = self.direction;
        let choice = self.choice.clone();
        let Ok(system) = self.system() else {
            return;
        };
        let Ok(listed) = system.listed(direction) else {
            self.system = None;
            return;
        };
        let wanted = match &choice {
            Choice::Device(id) => system.device(direction, id).ok().map(|found| found.id),
            Choice::Default | Choice::File(_) => None,
        };
        let default = listed
            .iter()
            .find(|device| device.is_default)
            .map(|device| device.id.clone());
        let present =
            listed.iter().any(|device| device.id == in_use) || wanted.as_ref() == Some(&in_use);
        if self.seen && !present {
            self.lose();
            return;
        }
        self.seen |= present;
        if wanted.or(default).is_some_and(|best| best != in_use) {
            match self.open_best() {
                Ok(opened) => self.adopt(opened),
                Err(error) => tracing::debug!(%error, "the better device cannot be used"),
            }
        }
    }

    /// The device in use went.
    fn lose(&mut self) {
        let Some(lost) = self.current.take() else {
            return;
        };
        let name = lost.name.clone();
        lost.abandon();
        self.system = None;
        let (order, event) = match self.direction {
            Direction::Capture => (Order::CaptureFrom(None), Event::MicrophoneGone { name }),
            Direction::Playback => (Order::PlayOn(None), Event::SpeakerGone { name }),
        };
        self.send(order);
        self.tell(event);
        self.recover();
    }

    /// Opens whatever there is.
    fn recover(&mut self) {
        match self.open_best() {
            Ok(opened) => {
                self.missing = 0;
                self.adopt(opened);
            }
            Err(error) => {
                self.system = None;
                self.missing += 1;
                if self.missing == MAX_MISSING {
                    self.tell(Event::Failed(error));
                }
            }
        }
    }

    /// Opens what was chosen, or failing that the default.
    fn open_best(&mut self) -> Result<Opened, Error> {
        let choice = self.choice.clone();
        self.open(&choice).or_else(|_| self.open(&Choice::Default))
    }

    fn open(&mut self, choice: &Choice) -> Result<Opened, Error> {
        self.generation += 1;
        let generation = self.generation;
        let requests = self.requests.clone();
        let on_failure = move |error| {
            // A full queue of failures means that the thread knows.
            let _ = requests.try_send(Request::Failed { generation, error });
        };
        let direction = self.direction;
        let none = self.none();
        let found = match choice {
            Choice::File(path) => {
                return open_file(direction, path, self.worker.clone(), on_failure);
            }
            Choice::Device(id) => self.system()?.device(direction, id)?,
            Choice::Default => self.system()?.default_device(direction).ok_or(none)?,
        };
        open_device(direction, found, on_failure)
    }

    /// Hands a device that was opened to the worker; the one before it ends.
    fn adopt(&mut self, mut opened: Opened) {
        if let Some(end) = opened.end.take() {
            self.send(end);
        }
        let name = opened.name.clone();
        self.tell(match self.direction {
            Direction::Capture => Event::MicrophoneInUse { name },
            Direction::Playback => Event::SpeakerInUse { name },
        });
        self.current = Some(opened);
        self.ran = true;
        // One that was chosen was found in the list; a default need not be in it.
        self.seen = matches!(self.choice, Choice::Device(_));
    }

    fn system(&mut self) -> Result<&System, Error> {
        let system = match self.system.take() {
            Some(system) => system,
            None => System::connect().map_err(|why| match why {
                Unreachable::Denied => Error::MicrophoneDenied,
                Unreachable::Absent if self.ran => Error::SystemGone,
                Unreachable::Absent => self.none(),
            })?,
        };
        Ok(self.system.insert(system))
    }

    /// What it means that there is no device at all.
    fn none(&self) -> Error {
        match self.direction {
            Direction::Capture => Error::NoMicrophone,
            Direction::Playback => Error::NoSpeaker,
        }
    }

    fn tell(&self, event: Event) {
        self.send(Order::Tell(event));
    }

    fn send(&self, order: Order) {
        // Fails only when the engine is being dropped.
        let _ = self.worker.send(order);
    }
}
