//! What happened in a call, line by line, for people.

use std::mem;

use crate::time::{Us, spoken};

/// A call's events. Frames of audio, of which there are fifty a second, are counted and told
/// together.
#[derive(Debug, Default)]
pub(crate) struct Log {
    lines: Vec<String>,
    captured: u32,
    sent: u32,
    arrived: u32,
    upstream: u32,
    shown: u32,
    acks: u32,
}

/// A frame of audio on its way, or a heartbeat.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Frame {
    Captured,
    Sent,
    Upstream,
    Arrived,
    Shown,
    Ack,
}

impl Log {
    pub(crate) fn frame(&mut self, frame: Frame) {
        *match frame {
            Frame::Captured => &mut self.captured,
            Frame::Sent => &mut self.sent,
            Frame::Upstream => &mut self.upstream,
            Frame::Arrived => &mut self.arrived,
            Frame::Shown => &mut self.shown,
            Frame::Ack => &mut self.acks,
        } += 1;
    }

    pub(crate) fn line(&mut self, now: Us, line: &str) {
        self.flush();
        self.lines.push(format!("{:>14}  {line}", spoken(now)));
    }

    pub(crate) fn into_lines(mut self) -> Vec<String> {
        self.flush();
        self.lines
    }

    fn flush(&mut self) {
        let counts = [
            (mem::take(&mut self.captured), "captured"),
            (mem::take(&mut self.sent), "sent"),
            (mem::take(&mut self.upstream), "to the upstream"),
            (mem::take(&mut self.arrived), "of the agent's arrived"),
            (mem::take(&mut self.shown), "shown"),
            (mem::take(&mut self.acks), "acks"),
        ];
        let counts = counts.iter().filter(|(count, _)| *count > 0);
        let counts: Vec<_> = counts.map(|(n, what)| format!("{n} {what}")).collect();
        if !counts.is_empty() {
            self.lines
                .push(format!("{:>14}  … {}", "", counts.join(", ")));
        }
    }
}
