//! Which of the samples that were queued a listener has heard.

use std::collections::VecDeque;

use crate::callback::Report;

/// Maps the device's frames to the playback ring's samples, from the callback's reports.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    /// Played, not yet known to be heard; in order.
    playing: VecDeque<Stretch>,
    /// Ring samples heard.
    heard: u64,
}

/// Ring samples that went to the device one after the other.
#[derive(Debug)]
struct Stretch {
    frame: u64,
    index: u64,
    length: u64,
}

impl Timeline {
    /// Takes note of one call of the callback; returns the index before which all that was played
    /// at all was at the listener's ear when that call began.
    pub(crate) fn note(&mut self, report: &Report) -> u64 {
        self.advance(report.frame.saturating_sub(u64::from(report.latency)));
        if report.played > 0 {
            let length = u64::from(report.played);
            match self.playing.back_mut() {
                Some(last)
                    if last.frame + last.length == report.frame
                        && last.index + last.length == report.index =>
                {
                    last.length += length;
                }
                _ => self.playing.push_back(Stretch {
                    frame: report.frame,
                    index: report.index,
                    length,
                }),
            }
        }
        self.heard
    }

    fn advance(&mut self, ear: u64) {
        while let Some(first) = self.playing.front() {
            let heard = ear.saturating_sub(first.frame).min(first.length);
            if heard > 0 {
                self.heard = self.heard.max(first.index + heard);
            }
            if heard < first.length {
                return;
            }
            self.playing.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(frame: u64, index: u64, played: u32, latency: u32) -> Report {
        Report {
            frame,
            frames: 480,
            index,
            played,
            taken: index + u64::from(played),
            latency,
        }
    }

    #[test]
    fn heard_is_what_was_played_less_the_latency() {
        let mut timeline = Timeline::default();
        assert_eq!(timeline.note(&report(0, 0, 480, 960)), 0);
        assert_eq!(timeline.note(&report(480, 480, 480, 960)), 0);
        assert_eq!(timeline.note(&report(960, 960, 480, 960)), 0);
        assert_eq!(timeline.note(&report(1440, 1440, 480, 960)), 480);
    }

    #[test]
    fn silence_between_samples_takes_its_time() {
        let mut timeline = Timeline::default();
        timeline.note(&report(0, 0, 100, 0));
        assert_eq!(timeline.note(&report(480, 100, 0, 0)), 100);
        timeline.note(&report(960, 100, 480, 0));
        assert_eq!(timeline.note(&report(1440, 580, 480, 240)), 340);
    }

    #[test]
    fn a_growing_latency_never_takes_back_what_was_heard() {
        let mut timeline = Timeline::default();
        timeline.note(&report(0, 0, 480, 0));
        assert_eq!(timeline.note(&report(480, 480, 480, 0)), 480);
        assert_eq!(timeline.note(&report(960, 960, 480, 900)), 480);
    }
}
