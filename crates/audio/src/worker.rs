//! The thread that steps the pipeline.

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::Duration,
};

use crate::{
    Event,
    callback::{CaptureTap, PlaybackFeed},
    clock::Clock,
    pipeline::Pipeline,
    priority,
};

/// What the worker is told, by the engine's owner and by the routing thread.
pub(crate) enum Order {
    Play {
        item: String,
        pcm: Vec<i16>,
    },
    EndItem {
        item: String,
    },
    Flush,
    SetMuted(bool),
    CaptureFrom(Option<CaptureTap>),
    PlayOn(Option<PlaybackFeed>),
    /// Something for the owner, from another thread.
    Tell(Event),
    Stop,
}

/// The time between two looks at the rings.
const PERIOD: Duration = Duration::from_millis(5);

/// Steps the pipeline until it is told to stop.
pub(crate) fn run(mut pipeline: Pipeline, orders: &Receiver<Order>, tell: &mut dyn FnMut(Event)) {
    priority::raise();
    let clock = Clock::start();
    let mut due = PERIOD;
    loop {
        match orders.recv_timeout(due.saturating_sub(clock.now())) {
            Ok(Order::Play { item, pcm }) => pipeline.play(item, &pcm),
            Ok(Order::EndItem { item }) => pipeline.end_item(&item),
            Ok(Order::Flush) => pipeline.flush(clock.now()),
            Ok(Order::SetMuted(muted)) => pipeline.set_muted(muted),
            Ok(Order::CaptureFrom(tap)) => pipeline.attach_microphone(tap),
            Ok(Order::PlayOn(feed)) => pipeline.attach_speaker(feed),
            Ok(Order::Tell(event)) => tell(event),
            Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {}
        }
        pipeline.step(clock.now(), tell);
        let now = clock.now();
        if now >= due {
            due = now + PERIOD;
        }
    }
}
