//! The agent's way: from the queue to the playback ring, and word of what was heard.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use crate::{
    Event, SAMPLE_RATE, callback::PlaybackFeed, engine::Load, queue::Queue, resample::Resampler,
    timeline::Timeline,
};

/// Keeps the speaker fed with no more than a small lead, so that a flush has little to undo.
pub(crate) struct Playout {
    queue: Queue,
    load: Arc<Load>,
    sink: Option<Sink>,
    /// Whether what is in the queue goes out. It waits for a prebuffer at first and after the
    /// ring ran dry.
    flowing: bool,
    /// Samples of the queue's stream that were heard.
    heard: u64,
    flush: Option<Flush>,
    /// Underruns of former speakers.
    underruns_before: u32,
    underruns: u32,
    block: [f32; BLOCK],
}

/// A speaker, with the resampler for its rate and the way back from its samples to the queue's.
struct Sink {
    feed: PlaybackFeed,
    resampler: Resampler,
    timeline: Timeline,
    /// Where the resampler last began anew, and where it did before: what was played before a
    /// flush is still being heard after it.
    anchor: Anchor,
    former_anchor: Anchor,
    /// Ring samples written.
    written: u64,
    /// Frames the device asks for at a time: the most lately seen.
    period: f64,
}

/// A ring index that corresponds to a position of the queue.
#[derive(Debug, Clone, Copy)]
struct Anchor {
    index: u64,
    position: u64,
}

/// A flush that the callback has not carried out yet.
struct Flush {
    /// Ring index to which the callback discards.
    to: u64,
    /// How many items it is about.
    items: usize,
    /// When it is answered all the same: the device does not call.
    deadline: Duration,
}

/// Samples taken off the queue at a time: 5 ms.
const BLOCK: usize = 120;
/// What an item needs before it starts, unless it is shorter: 40 ms.
const PREBUFFER: usize = 2 * 480;
/// What the ring holds beyond one device period, in seconds.
const LEAD: f64 = 0.030;
/// How long a device may take to carry out a flush.
const FLUSH_PATIENCE: Duration = Duration::from_millis(250);

impl Playout {
    pub(crate) fn new(load: Arc<Load>) -> Playout {
        Playout {
            queue: Queue::default(),
            load,
            sink: None,
            flowing: false,
            heard: 0,
            flush: None,
            underruns_before: 0,
            underruns: 0,
            block: [0.0; BLOCK],
        }
    }

    /// Plays on this speaker from now on; none makes the queue wait. What the former speaker had
    /// in its ring counts as heard.
    pub(crate) fn attach(&mut self, feed: Option<PlaybackFeed>) {
        self.heard = self.queue.position();
        self.underruns_before = self.underruns;
        self.flowing = false;
        let anchor = Anchor {
            index: 0,
            position: self.queue.position(),
        };
        self.sink = feed.map(|feed| Sink {
            resampler: Resampler::new(SAMPLE_RATE, feed.rate),
            timeline: Timeline::default(),
            anchor,
            former_anchor: anchor,
            written: 0,
            period: f64::from(feed.rate) / 100.0,
            feed,
        });
        if let Some(flush) = &mut self.flush {
            flush.deadline = Duration::ZERO;
        }
    }

    /// The speaker, for whoever wants what it played.
    pub(crate) fn feed(&mut self) -> Option<&mut PlaybackFeed> {
        self.sink.as_mut().map(|sink| &mut sink.feed)
    }

    /// Adds audio to an item.
    pub(crate) fn play(&mut self, item: String, pcm: &[i16]) {
        self.queue.add(item, pcm);
    }

    /// Ends an item.
    pub(crate) fn end_item(&mut self, item: &str) {
        self.queue.end(item);
    }

    /// Forgets all that is queued and makes the callback fall silent. A flush that waits for its
    /// answer takes this one in.
    pub(crate) fn flush(&mut self, now: Duration) {
        let dropped = self.queue.clear();
        self.load.queued.fetch_sub(dropped as u64, Ordering::AcqRel);
        self.flowing = false;
        let mut to = 0;
        if let Some(sink) = &mut self.sink {
            sink.begin_anew(self.queue.position());
            to = sink.written;
            sink.feed.control.ends_at.store(to, Ordering::Release);
            sink.feed.control.flush_to.store(to, Ordering::Release);
        }
        self.flush = Some(Flush {
            to,
            items: self.queue.len(),
            deadline: if self.sink.is_some() {
                now + FLUSH_PATIENCE
            } else {
                now
            },
        });
    }

    /// Reads the callback's reports, tells what they mean, and feeds the ring.
    pub(crate) fn step(&mut self, now: Duration, tell: &mut dyn FnMut(Event)) {
        self.read_reports(tell);
        if self
            .flush
            .as_ref()
            .is_some_and(|flush| now >= flush.deadline)
        {
            self.answer_flush(tell);
        }
        self.note_underruns(tell);
        self.feed_ring();
    }

    fn read_reports(&mut self, tell: &mut dyn FnMut(Event)) {
        while let Some(sink) = &mut self.sink
            && let Ok(report) = sink.feed.reports.pop()
        {
            sink.period = f64::from(report.frames).max(sink.period * 0.97);
            let index = sink.timeline.note(&report);
            self.heard = self
                .heard
                .max(sink.position_of(index).min(self.queue.position()));
            self.tell_progress(tell);
            if self
                .flush
                .as_ref()
                .is_some_and(|flush| report.taken >= flush.to)
            {
                self.answer_flush(tell);
            }
        }
    }

    /// Tells which items began to be heard and which were heard to their end.
    fn tell_progress(&mut self, tell: &mut dyn FnMut(Event)) {
        loop {
            let Some(item) = self.queue.front() else {
                return;
            };
            let heard = item.heard(self.heard);
            if heard > 0 && !item.started {
                item.started = true;
                tell(Event::Started {
                    item: item.id.clone(),
                });
            }
            if item.cut || !item.is_given() || heard < item.given {
                return;
            }
            if item.given > 0 {
                tell(Event::Finished {
                    item: item.id.clone(),
                });
            }
            if let Some(flush) = &mut self.flush {
                flush.items = flush.items.saturating_sub(1);
            }
            self.queue.pop_front();
        }
    }

    fn answer_flush(&mut self, tell: &mut dyn FnMut(Event)) {
        let Some(flush) = self.flush.take() else {
            return;
        };
        let mut answer = None;
        for _ in 0..flush.items {
            if let Some(item) = self.queue.front() {
                let heard = item.heard(self.heard);
                answer.get_or_insert((item.id.clone(), heard));
            }
            self.queue.pop_front();
        }
        let (item, heard_samples) = answer.map_or((None, 0), |(item, heard)| (Some(item), heard));
        tell(Event::Flushed {
            item,
            heard_samples,
            heard_ms: heard_samples * 1_000 / u64::from(SAMPLE_RATE),
        });
    }

    fn note_underruns(&mut self, tell: &mut dyn FnMut(Event)) {
        let Some(sink) = &self.sink else {
            return;
        };
        let total = self.underruns_before + sink.feed.control.underruns.load(Ordering::Relaxed);
        if total > self.underruns {
            self.underruns = total;
            self.flowing = false;
            tell(Event::Underrun { total });
        }
    }

    fn feed_ring(&mut self) {
        let Some(sink) = &mut self.sink else {
            return;
        };
        let lead = (LEAD * f64::from(sink.feed.rate) + sink.period) as usize;
        while sink.waiting() < lead {
            let (ready, all) = self.queue.ready(PREBUFFER);
            if ready == 0 && all {
                self.flowing = false;
            }
            self.flowing |= ready >= PREBUFFER || (all && ready > 0);
            if !self.flowing || (ready < BLOCK && !all) {
                return;
            }
            let taken = self.queue.take(&mut self.block);
            self.load.queued.fetch_sub(taken as u64, Ordering::AcqRel);
            let last = all && ready <= BLOCK;
            sink.write(&self.block, last);
            if last {
                let end = self.queue.position();
                while sink.position_of(sink.written) < end {
                    // Silence pushes the end out of the resampler.
                    self.queue.take(&mut self.block);
                    sink.write(&self.block, last);
                }
                self.flowing = false;
            }
        }
    }
}

impl Sink {
    /// Samples in the ring.
    fn waiting(&self) -> usize {
        self.feed.ring.buffer().capacity() - self.feed.ring.slots()
    }

    /// The queue's position of the sample at this ring index.
    fn position_of(&self, index: u64) -> u64 {
        let (anchor, limit) = if index > self.anchor.index {
            (self.anchor, u64::MAX)
        } else {
            (self.former_anchor, self.anchor.position)
        };
        let since = index.saturating_sub(anchor.index + self.resampler.delay() as u64);
        let samples = since * u64::from(SAMPLE_RATE) / u64::from(self.feed.rate);
        (anchor.position + samples).min(limit)
    }

    /// Forgets what is in the resampler; what is written next comes from this position.
    fn begin_anew(&mut self, position: u64) {
        self.resampler.reset();
        if self.written > self.anchor.index {
            self.former_anchor = self.anchor;
        }
        self.anchor = Anchor {
            index: self.written,
            position,
        };
    }

    /// Writes a block. After the `last` one it is no accident if the ring runs dry.
    fn write(&mut self, block: &[f32], last: bool) {
        let Sink {
            feed,
            resampler,
            written,
            ..
        } = self;
        resampler.push(block, |samples| {
            if last {
                feed.control
                    .ends_at
                    .store(*written + samples.len() as u64, Ordering::Release);
            }
            // Has room: the ring holds a second and the lead is some tens of milliseconds.
            let (pushed, _rest) = feed.ring.push_partial_slice(samples);
            *written += pushed.len() as u64;
        });
    }
}
