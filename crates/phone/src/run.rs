//! The one loop: waits for whatever comes next, tells the model, does what it says.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use offhook_audio::{self as audio, DeviceWatch, Engine};
use offhook_client::proto::Time;
use offhook_client::proto::client::{self as session, State};
use offhook_client::{self as client, Connector};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use crate::accounts::{self, Accounts, AccountsConfig};
use crate::clock::{Clock, unix_s};
use crate::model::{Config, Effect, Input, Model, Report};
use crate::snapshot::{Intent, Message, Secrets};
use crate::subscribers::Subscribers;

/// Requests from the surfaces that may wait; a person makes a few a second.
const REQUESTS: usize = 64;
/// Sound events that may wait: about four seconds.
const AUDIO_EVENTS: usize = 256;
/// How long a call that was hung up has for its farewell.
const FAREWELL: Duration = Duration::from_secs(2);

/// The softphone does not run any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the softphone has stopped")]
pub struct Gone;

/// A softphone that runs. Cheap to clone; it stops when the last clone is dropped.
#[derive(Debug, Clone)]
pub struct Phone {
    requests: mpsc::Sender<Request>,
}

#[derive(Debug)]
enum Request {
    Intent(Intent),
    Subscribe(oneshot::Sender<mpsc::Receiver<Message>>),
    Stop(oneshot::Sender<()>),
}

impl Phone {
    /// Starts the softphone, without accounts. Must be called within a tokio runtime.
    #[must_use]
    pub fn start(config: Config, connector: Connector) -> Self {
        Self::run(Loop::new(config, connector, None))
    }

    /// Starts the softphone with the profiles that are remembered in a folder of the user's. Must be
    /// called within a tokio runtime.
    #[must_use]
    pub fn start_with(mut config: Config, connector: Connector, accounts: AccountsConfig) -> Self {
        let (book, problem) = accounts::read(&accounts.folder);
        config.book = book;
        config.secrets = Secrets::Opening;
        let (accounts, reports) = Accounts::start(accounts, connector.clone());
        let mut run = Loop::new(config, connector, Some((accounts, reports)));
        if let Some(problem) = problem {
            run.tell(Input::Account(Report::NotRemembered(problem)));
        }
        Self::run(run)
    }

    fn run(run: Loop) -> Self {
        let (requests, receiver) = mpsc::channel(REQUESTS);
        tokio::spawn(run.run(receiver));
        Self { requests }
    }

    /// Tells the softphone what the user wants. What comes of it shows in the messages.
    ///
    /// # Errors
    /// Where the softphone has stopped.
    pub async fn dispatch(&self, intent: Intent) -> Result<(), Gone> {
        self.request(Request::Intent(intent)).await
    }

    /// Everything as it is now, and from then on what changes.
    ///
    /// # Errors
    /// Where the softphone has stopped.
    pub async fn subscribe(&self) -> Result<mpsc::Receiver<Message>, Gone> {
        let (reply, messages) = oneshot::channel();
        self.request(Request::Subscribe(reply)).await?;
        messages.await.map_err(|_| Gone)
    }

    /// Hangs up, says goodbye on the wire, completes sound files; returns when all that is done.
    pub async fn stop(self) {
        let (reply, stopped) = oneshot::channel();
        if self.request(Request::Stop(reply)).await.is_ok() {
            // An error means that it has stopped already.
            let _ = stopped.await;
        }
    }

    async fn request(&self, request: Request) -> Result<(), Gone> {
        self.requests.send(request).await.map_err(|_| Gone)
    }
}

struct Loop {
    clock: Clock,
    model: Model,
    connector: Connector,
    accounts: Option<(Accounts, mpsc::Receiver<Report>)>,
    subscribers: Subscribers,
    call: Option<(client::Call, mpsc::Receiver<client::Event>)>,
    sound: Sound,
    /// Frames of the caller's that the call's queue had no room for, and nobody was told of.
    frames_dropped: u32,
    /// Calls that were hung up and say goodbye.
    farewells: JoinSet<()>,
}

/// The engine's life: opening devices takes a while and must not hold up the loop.
#[derive(Default)]
enum Sound {
    #[default]
    Off,
    Starting(JoinHandle<Result<Engine, audio::Error>>, SoundEvents),
    On(Engine, SoundEvents),
}

struct SoundEvents {
    events: mpsc::Receiver<audio::Event>,
    dropped: Arc<AtomicU32>,
}

impl Loop {
    fn new(
        mut config: Config,
        connector: Connector,
        accounts: Option<(Accounts, mpsc::Receiver<Report>)>,
    ) -> Self {
        config.started_at_s = unix_s();
        Self {
            clock: Clock::start(),
            model: Model::new(config),
            connector,
            accounts,
            subscribers: Subscribers::default(),
            call: None,
            sound: Sound::Off,
            frames_dropped: 0,
            farewells: JoinSet::new(),
        }
    }

    async fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        let (mut devices, _watch) = watch_devices();
        let mut stopped = None;
        loop {
            let input = tokio::select! {
                request = requests.recv() => match request {
                    Some(Request::Intent(intent)) => Input::Intent(intent),
                    Some(Request::Subscribe(reply)) => {
                        // Whoever asked may be gone already.
                        let _ = reply.send(self.subscribers.add(&self.model));
                        continue;
                    }
                    Some(Request::Stop(reply)) => {
                        stopped = Some(reply);
                        break;
                    }
                    None => break,
                },
                event = call_event(&mut self.call) => match event {
                    Some(event) => Input::Client(event),
                    None => {
                        self.call = None;
                        continue;
                    }
                },
                input = sound_input(&mut self.sound) => match input {
                    Some(input) => input,
                    None => continue,
                },
                Some(devices) = devices.recv() => Input::Devices(devices),
                Some(report) = reported(&mut self.accounts) => Input::Account(report),
                () = waiting(self.clock, self.model.deadline()) => Input::Tick,
                Some(_) = self.farewells.join_next() => continue,
            };
            self.tell(input);
        }
        self.tell(Input::Intent(Intent::HangUp));
        self.farewells.join_all().await;
        if let Some(reply) = stopped {
            let _ = reply.send(());
        }
    }

    fn tell(&mut self, input: Input) {
        let mut input = Some(input);
        while let Some(next) = input.take() {
            for effect in self.model.handle(self.clock.now(), next) {
                self.perform(effect);
            }
            if self.frames_dropped > 0 {
                input = Some(Input::AudioDropped(std::mem::take(
                    &mut self.frames_dropped,
                )));
            }
        }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Publish(message) => self.subscribers.publish(&message, &self.model),
            Effect::Account(order) => {
                if let Some((accounts, _)) = &self.accounts {
                    accounts.obey(order);
                }
            }
            Effect::Dial(entry) => {
                self.call = Some(client::Call::start(client::Config {
                    connector: self.connector.clone(),
                    endpoint: entry.endpoint.clone(),
                    agent: entry.agent.id.clone(),
                    session: session::Config::default(),
                }));
            }
            Effect::Send(event) => self.with_call("an event", |call| call.send(event)),
            Effect::SendAudio(samples) => {
                if let Some((call, _)) = &self.call
                    && call.audio(&samples) == Err(client::SendError::Full)
                {
                    self.frames_dropped += 1;
                }
            }
            Effect::Played {
                item_id,
                content_index,
                audio_end_ms,
            } => self.with_call("what was heard", |call| {
                call.played(&item_id, content_index, audio_end_ms)
            }),
            Effect::RetryNow => self.with_call("the wish to retry", client::Call::retry_now),
            Effect::HangUp => {
                if let Some((call, events)) = self.call.take() {
                    self.farewells.spawn(farewell(call, events));
                }
            }
            Effect::StartAudio(config) => self.sound = start_sound(config),
            Effect::StopAudio => self.stop_sound(),
            Effect::Play { item, pcm } => self.with_engine(|engine| engine.play(&item, pcm)),
            Effect::EndItem(item) => self.with_engine(|engine| engine.end_item(&item)),
            Effect::Flush => self.with_engine(Engine::flush),
            Effect::SetMuted(muted) => self.with_engine(|engine| engine.set_muted(muted)),
            Effect::UseMicrophone(microphone) => {
                self.with_engine(|engine| engine.use_microphone(microphone));
            }
            Effect::UseSpeaker(speaker) => self.with_engine(|engine| engine.use_speaker(speaker)),
        }
    }

    fn with_call(
        &self,
        what: &str,
        order: impl FnOnce(&client::Call) -> Result<(), client::SendError>,
    ) {
        // A call that has ended will say so.
        if let Some((call, _)) = &self.call
            && order(call) == Err(client::SendError::Full)
        {
            tracing::error!("the call's queue is full: {what} was dropped");
        }
    }

    fn with_engine(&self, order: impl FnOnce(&Engine)) {
        if let Sound::On(engine, _) = &self.sound {
            order(engine);
        }
    }

    /// Lets go of the devices; completing a sound file may take a moment, so on a thread.
    fn stop_sound(&mut self) {
        match std::mem::take(&mut self.sound) {
            Sound::Off => {}
            Sound::Starting(starting, _) => {
                self.farewells.spawn(async move {
                    let engine = starting.await;
                    let _ = tokio::task::spawn_blocking(move || drop(engine)).await;
                });
            }
            Sound::On(engine, _) => {
                self.farewells.spawn(async move {
                    let _ = tokio::task::spawn_blocking(move || drop(engine)).await;
                });
            }
        }
    }
}

/// Hangs up and waits for the call to have said goodbye.
async fn farewell(call: client::Call, mut events: mpsc::Receiver<client::Event>) {
    let ended = async {
        while let Some(event) = events.recv().await {
            if let client::Event::State {
                state: State::Ended(_),
                ..
            } = event
            {
                break;
            }
        }
    };
    // A call that has ended by itself has nothing left to say.
    if call.hang_up().is_ok() {
        let _ = timeout(FAREWELL, ended).await;
    }
}

async fn call_event(
    call: &mut Option<(client::Call, mpsc::Receiver<client::Event>)>,
) -> Option<client::Event> {
    match call {
        Some((_, events)) => events.recv().await,
        None => pending().await,
    }
}

async fn reported(accounts: &mut Option<(Accounts, mpsc::Receiver<Report>)>) -> Option<Report> {
    match accounts {
        Some((_, reports)) => reports.recv().await,
        None => pending().await,
    }
}

async fn waiting(clock: Clock, until: Option<Time>) {
    match until {
        Some(until) => clock.sleep_until(until).await,
        None => pending().await,
    }
}

fn start_sound(config: audio::Config) -> Sound {
    let (sender, events) = mpsc::channel(AUDIO_EVENTS);
    let dropped = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&dropped);
    let starting = tokio::task::spawn_blocking(move || {
        Engine::start(config, move |event| {
            if sender.try_send(event).is_err() {
                counter.fetch_add(1, Ordering::Relaxed);
            }
        })
    });
    Sound::Starting(starting, SoundEvents { events, dropped })
}

/// The next thing sound has to say.
async fn sound_input(sound: &mut Sound) -> Option<Input> {
    match sound {
        Sound::Off => pending().await,
        Sound::Starting(starting, _) => {
            let started = starting.await;
            let Sound::Starting(_, events) = std::mem::take(sound) else {
                return None;
            };
            match started {
                Ok(Ok(engine)) => {
                    *sound = Sound::On(engine, events);
                    Some(Input::AudioStarted)
                }
                Ok(Err(error)) => Some(Input::AudioRefused(error)),
                Err(panicked) => {
                    let detail = panicked.to_string();
                    Some(Input::AudioRefused(audio::Error::NoThread { detail }))
                }
            }
        }
        Sound::On(_, sound) => {
            let dropped = sound.dropped.swap(0, Ordering::Relaxed);
            if dropped > 0 {
                return Some(Input::AudioDropped(dropped));
            }
            match sound.events.recv().await {
                Some(event) => Some(Input::Audio(event)),
                // The engine has said its last word; only dropping it is left.
                None => pending().await,
            }
        }
    }
}

fn watch_devices() -> (mpsc::Receiver<audio::Devices>, DeviceWatch) {
    let (sender, devices) = mpsc::channel(8);
    let watch = audio::watch_devices(move |devices| {
        // The loop is behind: the next change, or the one after it, will get through.
        let _ = sender.try_send(devices);
    });
    (devices, watch)
}
