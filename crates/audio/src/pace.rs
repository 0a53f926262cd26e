//! The clock of a sound file: asks for samples in real time, as a device would.

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::{Error, clock::Clock};

/// A thread that ticks until this is dropped.
pub(crate) struct Pace {
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Ticks per second: every 10 ms.
const TICKS_PER_SECOND: u64 = 100;
/// A tick.
const PERIOD: Duration = Duration::from_millis(10);
/// How late a tick may be to be made up for; the machine slept if it is later.
const SLACK: Duration = Duration::from_millis(200);

impl Pace {
    /// Calls `tick` every 10 ms with the frames to handle at `rate` Hz, for as long as it returns
    /// true. Deadlines do not drift.
    pub(crate) fn start(
        rate: u32,
        tick: impl FnMut(usize) -> bool + Send + 'static,
    ) -> Result<Pace, Error> {
        let (stop, stopped) = sync_channel(0);
        let thread = thread::Builder::new()
            .name("audio-file".to_owned())
            .spawn(move || run(rate, &stopped, tick))
            .map_err(|error| Error::NoThread {
                detail: error.to_string(),
            })?;
        Ok(Pace {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Pace {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // It ends within a tick; a panic in it was reported by the runtime.
            let _ = thread.join();
        }
    }
}

fn run(rate: u32, stopped: &Receiver<()>, mut tick: impl FnMut(usize) -> bool) {
    let clock = Clock::start();
    let mut deadline = PERIOD;
    let mut done = 0;
    for count in 1_u64.. {
        let due = count * u64::from(rate) / TICKS_PER_SECOND;
        if !tick((due - done) as usize) {
            return;
        }
        done = due;
        let now = clock.now();
        if now > deadline + SLACK {
            deadline = now;
        }
        match stopped.recv_timeout(deadline.saturating_sub(now)) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
        }
        deadline += PERIOD;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_add_up_to_the_rate_exactly() {
        let (done, ticks) = sync_channel(100);
        let pace = Pace::start(11_025, move |frames| done.try_send(frames).is_ok());
        let frames: usize = ticks.iter().take(20).sum();
        assert_eq!(frames, 2_205);
        drop(pace);
    }
}
