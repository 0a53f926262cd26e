//! One phone call's leg: everything between Twilio's messages and the upstream's events.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::message::{Event, Message, Start};

mod caller;
mod io;
mod playout;

use caller::Caller;
use playout::Playout;

pub use io::{Audio, Codec, Config, Counts, Ended, Input, Output, Request, Upstream};

/// The leg of one call, over as many streams as it takes.
///
/// Whoever drives it tells it what happened, then does what [`Leg::poll`] says until that is
/// nothing. Times are durations since a start that the driver chose, and must not go backwards.
///
/// - **Up.** Audio goes to the upstream as [`Config::hears`] says, without gaps: what is missing by
///   its timestamps, or between two streams, is put in as silence, so that a turn can end.
/// - **Down.** Audio goes to Twilio at once, in frames of 20 ms, with marks named
///   `item:ms:generation`. It is kept until its mark comes back.
/// - **Interruption.** The caller speaks: Twilio's buffer is cleared, the response cancelled, and
///   each item truncated to the last mark that came back. Later marks are of an older generation
///   and mean nothing.
/// - **A stream breaks.** A new one of the same call takes its place, and is sent what the caller
///   has not heard. What the old one still says counts for nothing.
pub struct Leg {
    call_sid: String,
    window: Duration,
    stream: Option<Arc<str>>,
    /// Since when there is no stream.
    away_since: Option<Duration>,
    /// The last message's number.
    sequence: u64,
    caller: Caller,
    playout: Playout,
    /// A response is being made.
    is_responding: bool,
    /// What comes of the response was interrupted.
    is_hushed: bool,
    /// The conversation is over; until when the rest of it has to be heard.
    hear_by: Option<Duration>,
    is_over: bool,
    outputs: VecDeque<Output>,
    counts: Counts,
}

/// How much longer than it takes the end of a conversation may need to be heard.
const GRACE: Duration = Duration::from_secs(5);

impl Leg {
    /// The leg of the call with this name, which has no stream yet.
    #[must_use]
    pub fn new(now: Duration, call_sid: &str, config: &Config) -> Self {
        Self {
            call_sid: call_sid.to_owned(),
            window: config.window,
            stream: None,
            away_since: Some(now),
            sequence: 0,
            caller: Caller::new(config),
            playout: Playout::new(config),
            is_responding: false,
            is_hushed: false,
            hear_by: None,
            is_over: false,
            outputs: VecDeque::new(),
            counts: Counts::default(),
        }
    }

    /// Takes in what happened. After [`Output::Ended`], nothing does.
    pub fn handle(&mut self, now: Duration, input: Input<'_>) {
        if self.is_over {
            return;
        }
        match input {
            Input::Twilio(message) => self.hear_twilio(now, message),
            Input::Gone(stream) if self.is_current(stream) => self.detach(now),
            Input::Gone(_) => {}
            Input::Upstream(event) => self.hear_upstream(now, event),
            Input::Tick => {}
        }
        self.collect();
        self.end_if_due(now);
    }

    /// What is to be done next; none if there is nothing.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Input::Tick`] is due, if nothing happens before.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        match self.away_since {
            _ if self.is_over => None,
            Some(since) => Some(since.saturating_add(self.window)),
            None => self.hear_by,
        }
    }

    /// How much of the agent's audio is not known to have been heard. Whoever reads the upstream can
    /// stop for a while before it is [`Config::max_unheard`].
    #[must_use]
    pub fn unheard(&self) -> Duration {
        Duration::from_millis(self.playout.unheard_ms())
    }

    /// What was counted so far.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    fn hear_twilio(&mut self, now: Duration, message: &Message) {
        let sid = message.stream_sid.as_deref();
        match &message.event {
            Event::Connected | Event::Unknown => return,
            Event::Start(start) => {
                if !self.attach(now, start) {
                    self.counts.strays += 1;
                    return;
                }
            }
            _ if !sid.is_some_and(|sid| self.is_current(sid)) => {
                self.counts.strays += 1;
                return;
            }
            Event::Media(media) => {
                if media.is_inbound {
                    let outputs = &mut self.outputs;
                    self.caller.hear(now, media, &mut self.counts, |audio| {
                        outputs.push_back(Output::Audio(audio));
                    });
                }
            }
            Event::Dtmf(digit) => {
                self.counts.digits += 1;
                self.request(Request::Text(format!("DTMF: {digit}")));
            }
            Event::Mark(name) => self.playout.reached(name, &mut self.counts),
            Event::Stop => self.detach(now),
        }
        if let Some(sequence) = message.sequence {
            self.counts.disordered += u64::from(sequence <= self.sequence);
            self.sequence = self.sequence.max(sequence);
        }
    }

    fn hear_upstream(&mut self, now: Duration, event: Upstream<'_>) {
        match event {
            Upstream::ResponseStarted => {
                self.is_responding = true;
                self.is_hushed = false;
            }
            Upstream::Audio { audio, .. } if self.is_hushed => {
                self.counts.late_ms += audio.ms();
            }
            Upstream::Audio {
                item_id,
                content_index,
                audio,
            } => {
                self.is_responding = true;
                self.playout
                    .say(item_id, content_index, audio, &mut self.counts);
            }
            Upstream::ResponseDone => {
                self.is_responding = false;
                self.is_hushed = false;
                self.playout.end_answer(&mut self.counts);
            }
            Upstream::SpeechStarted => self.interrupt(),
            Upstream::End => {
                self.playout.end_answer(&mut self.counts);
                self.hear_by = Some(self.heard_at(now));
            }
        }
    }

    fn interrupt(&mut self) {
        if !self.is_responding && self.playout.is_empty() {
            return;
        }
        self.counts.interruptions += 1;
        let truncations = self.playout.interrupt();
        if self.is_responding {
            self.is_responding = false;
            self.is_hushed = true;
            self.request(Request::Cancel);
        }
        for truncation in truncations {
            self.request(truncation);
        }
    }

    /// Goes on with a new stream, if it is one of this call.
    fn attach(&mut self, now: Duration, start: &Start) -> bool {
        if start.call_sid != self.call_sid || self.is_current(&start.stream_sid) {
            return false;
        }
        self.stream = Some(start.stream_sid.as_str().into());
        self.away_since = None;
        self.sequence = 0;
        self.counts.streams += 1;
        self.caller.attach();
        self.playout.attach(&mut self.counts);
        self.hear_by = self.hear_by.map(|_| self.heard_at(now));
        true
    }

    fn detach(&mut self, now: Duration) {
        self.stream = None;
        self.away_since = Some(now);
        self.playout.detach();
    }

    /// Hands on what is to be sent to Twilio.
    fn collect(&mut self) {
        if let Some(stream) = &self.stream {
            let commands = self.playout.commands();
            self.outputs
                .extend(commands.map(|command| Output::Send(Arc::clone(stream), command)));
        }
    }

    fn end_if_due(&mut self, now: Duration) {
        let is_due = self.deadline().is_some_and(|deadline| now >= deadline);
        let is_heard = self.hear_by.is_some() && self.playout.is_empty();
        let ended = match self.away_since {
            _ if is_heard => Ended::Upstream,
            Some(_) if is_due => Ended::Away,
            None if is_due => Ended::Upstream,
            _ => return,
        };
        self.is_over = true;
        self.outputs.push_back(Output::Ended(ended));
    }

    /// When all that waits has been heard, at the latest.
    fn heard_at(&self, now: Duration) -> Duration {
        now.saturating_add(self.unheard()).saturating_add(GRACE)
    }

    fn is_current(&self, stream: &str) -> bool {
        self.stream.as_deref() == Some(stream)
    }

    fn request(&mut self, request: Request) {
        self.outputs.push_back(Output::Request(request));
    }
}

/// Without what is said on the call.
impl fmt::Debug for Leg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leg")
            .field("call_sid", &self.call_sid)
            .field("stream", &self.stream)
            .field("counts", &self.counts)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
