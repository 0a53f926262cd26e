//! The handle a call holds on its sound.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use crate::{
    Config, Error, Event, MAX_QUEUED_SAMPLES, Microphone, Speaker,
    devices::Direction,
    pipeline::Pipeline,
    routing::Routing,
    worker::{self, Order},
};

/// How many orders may wait; the worker takes them within milliseconds.
const MAX_ORDERS: usize = 1024;

/// Sound that runs: captures, plays and tells of it by [`Event`]s, until it is dropped.
///
/// Dropping it stops its threads and completes the sound files.
#[derive(Debug)]
pub struct Engine {
    orders: SyncSender<Order>,
    load: Arc<Load>,
    microphone: Option<Routing>,
    speaker: Option<Routing>,
    /// Never sent on: its end says that the worker has ended. In a mutex to be shared, used once.
    ended: Mutex<Receiver<()>>,
}

/// How long the worker may take to end.
const ENDING: Duration = Duration::from_secs(1);

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
    /// Blocks, usually for some tens of milliseconds and for 20 s at the very most, if the sound
    /// system hangs. `on_event` is
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
        let (end, ended) = sync_channel(0);
        let load = Arc::new(Load::default());
        let worker_load = Arc::clone(&load);
        let mut on_event = on_event;
        thread::Builder::new()
            .name("audio-worker".to_owned())
            .spawn(move || {
                let pipeline = Pipeline::new(config.echo_cancellation, worker_load);
                worker::run(pipeline, &received, &mut on_event);
                drop(end);
            })
            .map_err(|error| Error::NoThread {
                detail: error.to_string(),
            })?;
        let mut engine = Engine {
            orders,
            load,
            microphone: None,
            speaker: None,
            ended: Mutex::new(ended),
        };
        let (microphone, microphone_runs) = Routing::start(
            Direction::Capture,
            config.microphone.into(),
            engine.orders.clone(),
        )?;
        engine.microphone = Some(microphone);
        let (speaker, speaker_runs) = Routing::start(
            Direction::Playback,
            config.speaker.into(),
            engine.orders.clone(),
        )?;
        engine.speaker = Some(speaker);
        microphone_runs.wait()?;
        speaker_runs.wait()?;
        Ok(engine)
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
        let order = Order::Play {
            item: item.to_owned(),
            pcm,
        };
        let accepted = fits && self.orders.try_send(order).is_ok();
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
        if let Some(routing) = &self.microphone {
            routing.choose(microphone.into());
        }
    }

    /// Plays on another device from now on, without a break in anything else. Answered by
    /// [`Event::SpeakerInUse`] or [`Event::NotSwitched`].
    pub fn use_speaker(&self, speaker: Speaker) {
        if let Some(routing) = &self.speaker {
            routing.choose(speaker.into());
        }
    }

    fn order(&self, order: Order) {
        // Fails only when the worker is gone, and then there is nothing left to order.
        let _ = self.orders.send(order);
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // The devices first: their ends belong to the worker.
        self.microphone = None;
        self.speaker = None;
        self.order(Order::Stop);
        // A receiver that drops the engine from inside an event would wait for itself, hence the
        // limit.
        let ended = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner);
        let _ = ended.recv_timeout(ENDING);
    }
}

#[cfg(test)]
#[path = "engine_tests.rs"]
mod tests;
