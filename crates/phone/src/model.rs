//! What the softphone decides: inputs and the time in, effects and a snapshot out. No I/O.

mod config;
mod conversation;
mod devices;
mod io;
mod live;
mod phase;

use std::time::Duration;

use offhook_audio as audio;
use offhook_client as client;
use offhook_client::proto::Time;
use offhook_client::proto::client::{End, State, Step};
use offhook_client::proto::wire::client::InputAudioBufferAppend;
use offhook_client::proto::wire::encode_pcm16;

use crate::failure::end_reason;
use crate::problem::Problem;
use crate::snapshot::{
    Call, DialStep, EndReason, Intent, Message, Meters, Snapshot, Stats, TranscriptEntry,
};
pub use config::{AgentEntry, Config};
use conversation::Conversation;
use devices::Pickers;
pub use io::{Effect, Input};
use live::Live;
use phase::{Dialling, Phase, Summary};

/// Counters alone are no reason to redraw more often than this.
const STATS_EVERY: Duration = Duration::from_millis(500);

/// The softphone's state.
#[derive(Debug)]
pub struct Model {
    config: Config,
    phase: Phase,
    conversation: Conversation,
    pickers: Pickers,
    muted: bool,
    notice: Option<Problem>,
    published: Option<Snapshot>,
    stats_published_at: Time,
    effects: Vec<Effect>,
}

impl Model {
    /// A softphone at rest.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            pickers: Pickers::new(config.microphone.clone(), config.speaker.clone()),
            phase: Phase::Ready,
            conversation: Conversation::default(),
            muted: false,
            notice: None,
            published: None,
            stats_published_at: Time::ZERO,
            effects: Vec::new(),
            config,
        }
    }

    /// Takes in what happened at `now`; says what to do, in order.
    pub fn handle(&mut self, now: Time, input: Input) -> Vec<Effect> {
        match input {
            Input::Intent(intent) => self.intent(now, intent),
            Input::Client(event) => self.client(now, event),
            Input::AudioStarted => self.effects.push(Effect::SetMuted(self.muted)),
            Input::AudioRefused(error) => self.fail(now, Problem::from(error)),
            Input::Audio(event) => self.audio(now, event),
            Input::Devices(devices) => self.pickers.update(devices),
            Input::AudioDropped(frames) => self.count(|stats| stats.frames_lost += frames),
        }
        self.publish(now);
        std::mem::take(&mut self.effects)
    }

    /// The picture as it is now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let agent = |entry: usize| self.config.agents[entry].agent.clone();
        let call = match &self.phase {
            Phase::Ready => Call::Ready,
            Phase::Dialling(dialling) => Call::Dialling {
                agent: agent(dialling.entry),
                step: dialling.step,
                held_ms: millis(dialling.held),
            },
            Phase::Live(live) => Call::Live {
                agent: agent(live.entry),
                line: live.line,
                activity: live.activity(),
                stats: live.stats,
            },
            Phase::Ended(summary) => Call::Ended {
                agent: agent(summary.entry),
                reason: summary.reason.clone(),
                duration_ms: millis(summary.duration),
                stats: summary.stats,
            },
        };
        Snapshot {
            revision: self
                .published
                .as_ref()
                .map_or(1, |published| published.revision),
            version: self.config.version.clone(),
            agents: self
                .config
                .agents
                .iter()
                .map(|entry| entry.agent.clone())
                .collect(),
            call,
            muted: self.muted,
            microphone: self.pickers.microphone(),
            speaker: self.pickers.speaker(),
            notice: self.notice.clone(),
        }
    }

    /// The conversation so far.
    pub fn transcript(&self) -> impl Iterator<Item = &TranscriptEntry> {
        self.conversation.entries()
    }

    fn intent(&mut self, now: Time, intent: Intent) {
        match intent {
            Intent::Call { agent } => self.call(now, &agent),
            Intent::HangUp => self.end(now, EndReason::HungUp),
            Intent::DismissSummary => {
                if matches!(self.phase, Phase::Ended(_)) {
                    self.phase = Phase::Ready;
                    self.conversation.clear(&mut self.effects);
                }
            }
            Intent::DismissNotice => self.notice = None,
            Intent::SetMuted { muted } => {
                self.muted = muted;
                if self.in_call() {
                    self.effects.push(Effect::SetMuted(muted));
                }
            }
            Intent::Interrupt => {
                if let Phase::Live(live) = &mut self.phase {
                    live.interrupt(&mut self.effects);
                }
            }
            Intent::SendText { id, text } => {
                if let Phase::Live(live) = &mut self.phase {
                    live.send_text(&id, text.trim(), &mut self.effects);
                }
            }
            Intent::ChooseMicrophone { choice } => {
                let microphone = self.pickers.choose_microphone(choice);
                if self.in_call() {
                    self.effects.push(Effect::UseMicrophone(microphone));
                }
            }
            Intent::ChooseSpeaker { choice } => {
                let speaker = self.pickers.choose_speaker(choice);
                if self.in_call() {
                    self.effects.push(Effect::UseSpeaker(speaker));
                }
            }
        }
    }

    fn call(&mut self, now: Time, agent: &str) {
        if self.in_call() {
            return;
        }
        let Some(entry) = self
            .config
            .agents
            .iter()
            .position(|entry| entry.agent.id == agent)
        else {
            self.notice = Some(Problem::AgentUnknown {
                agent: agent.to_owned(),
            });
            return;
        };
        self.notice = None;
        self.conversation.clear(&mut self.effects);
        self.phase = Phase::Dialling(Dialling {
            entry,
            clicked_at: now,
            step: DialStep::Authorising,
            held: Duration::ZERO,
            stats: Stats::default(),
        });
        // The microphone first: what is said from the click on is part of the call.
        self.effects.push(Effect::StartAudio(audio::Config {
            microphone: self.pickers.chosen_microphone(),
            speaker: self.pickers.chosen_speaker(),
            echo_cancellation: self.config.echo_cancellation,
        }));
        self.effects.push(Effect::Dial(entry));
    }

    fn client(&mut self, now: Time, event: client::Event) {
        match event {
            client::Event::State(State::Dialling(step)) => {
                if let Phase::Dialling(dialling) = &mut self.phase {
                    dialling.step = match step {
                        Step::Authorising => DialStep::Authorising,
                        Step::Connecting => DialStep::Connecting,
                        Step::Opening => DialStep::Opening,
                    };
                }
            }
            client::Event::State(State::Live {
                unstable,
                round_trip,
                ..
            }) => {
                if let Phase::Dialling(dialling) = &self.phase {
                    let live = Live::new(dialling, now, &mut self.effects);
                    self.phase = Phase::Live(Box::new(live));
                }
                if let Phase::Live(live) = &mut self.phase {
                    live.set_line(unstable, round_trip);
                }
            }
            client::Event::State(State::Ended(end)) => self.line_ended(now, end),
            client::Event::Held(held) => {
                if let Phase::Dialling(dialling) = &mut self.phase {
                    dialling.held = held;
                }
            }
            client::Event::AudioLost(lost) => {
                let frames = u32::try_from(lost.as_millis() / 20).unwrap_or(u32::MAX);
                self.count(|stats| stats.frames_lost += frames);
            }
            client::Event::Server(event) => {
                if let Phase::Live(live) = &mut self.phase {
                    live.server(now, *event, &mut self.conversation, &mut self.effects);
                }
            }
        }
    }

    fn line_ended(&mut self, now: Time, end: End) {
        let entry = match &self.phase {
            Phase::Dialling(dialling) => dialling.entry,
            Phase::Live(live) => live.entry,
            Phase::Ready | Phase::Ended(_) => return,
        };
        let AgentEntry { agent, endpoint } = &self.config.agents[entry];
        let reason = end_reason(end, endpoint, &agent.id);
        self.end(now, reason);
    }

    fn audio(&mut self, now: Time, event: audio::Event) {
        match event {
            audio::Event::Captured { samples } => self.captured(now, &samples),
            audio::Event::Meters {
                microphone_db,
                speaker_db,
            } => {
                let elapsed_ms = match &self.phase {
                    Phase::Live(live) => millis(now - live.connected_at),
                    _ => 0,
                };
                let meters = Meters {
                    elapsed_ms,
                    microphone_db,
                    speaker_db,
                };
                self.effects.push(Effect::Publish(Message::Meters(meters)));
            }
            audio::Event::Started { item } => {
                if let Phase::Live(live) = &mut self.phase {
                    live.started(now, &item);
                }
            }
            audio::Event::Finished { item } => {
                if let Phase::Live(live) = &mut self.phase {
                    live.finished(&item);
                }
            }
            audio::Event::Flushed { item, heard_ms, .. } => {
                if let Phase::Live(live) = &mut self.phase {
                    let heard = item.as_deref().map(|item| (item, heard_ms));
                    live.flushed(heard, &mut self.conversation, &mut self.effects);
                }
            }
            audio::Event::Underrun { total } => self.count(|stats| stats.underruns = total),
            audio::Event::Lost { frames } => {
                // The engine's own total; what the line lost is counted beside it.
                let before = self.pickers.engine_lost;
                self.pickers.engine_lost = frames;
                self.count(|stats| stats.frames_lost += frames.saturating_sub(before));
            }
            audio::Event::MicrophoneInUse { name } => {
                self.is_back(&name);
                self.pickers.microphone_in_use(name);
            }
            audio::Event::SpeakerInUse { name } => {
                self.is_back(&name);
                self.pickers.speaker_in_use(name);
            }
            audio::Event::MicrophoneGone { name } | audio::Event::SpeakerGone { name } => {
                self.notice = Some(Problem::DeviceGone { device: name });
            }
            audio::Event::MicrophoneFileEnded => {
                self.effects
                    .push(Effect::Publish(Message::MicrophoneFileEnded));
            }
            audio::Event::NotSwitched(error) => self.notice = Some(Problem::from(error)),
            audio::Event::Failed(error) => self.fail(now, Problem::from(error)),
        }
    }

    /// A device is in use: that it had gone is no news any more.
    fn is_back(&mut self, name: &str) {
        if matches!(&self.notice, Some(Problem::DeviceGone { device }) if device == name) {
            self.notice = None;
        }
    }

    /// 20 ms of the caller: to the line, whether it is up (sent) or not (held).
    fn captured(&mut self, now: Time, samples: &[i16]) {
        if !self.in_call() {
            return;
        }
        if let Phase::Live(live) = &mut self.phase {
            live.hear_caller(now, samples);
        }
        self.count(|stats| stats.frames_sent += 1);
        let audio = encode_pcm16(samples);
        let append = InputAudioBufferAppend {
            audio,
            ..InputAudioBufferAppend::default()
        };
        self.effects.push(Effect::Send(append.into()));
    }

    fn fail(&mut self, now: Time, problem: Problem) {
        self.end(now, EndReason::Failed { problem });
    }

    /// The call is over, whoever ended it. The summary shows at once; the line says its farewell
    /// in the background.
    fn end(&mut self, now: Time, reason: EndReason) {
        let (entry, duration, stats) = match &self.phase {
            Phase::Dialling(dialling) => (dialling.entry, Duration::ZERO, dialling.stats),
            Phase::Live(live) => (live.entry, now - live.connected_at, live.stats),
            Phase::Ready | Phase::Ended(_) => return,
        };
        self.conversation.finish(&mut self.effects);
        self.pickers.released();
        self.phase = Phase::Ended(Summary {
            entry,
            reason,
            duration,
            stats,
        });
        self.effects.push(Effect::HangUp);
        self.effects.push(Effect::StopAudio);
    }

    fn in_call(&self) -> bool {
        matches!(self.phase, Phase::Dialling(_) | Phase::Live(_))
    }

    fn count(&mut self, count: impl FnOnce(&mut Stats)) {
        match &mut self.phase {
            Phase::Dialling(dialling) => count(&mut dialling.stats),
            Phase::Live(live) => count(&mut live.stats),
            Phase::Ready | Phase::Ended(_) => {}
        }
    }

    /// Publishes the snapshot where it differs from the last one.
    fn publish(&mut self, now: Time) {
        let mut snapshot = self.snapshot();
        if self.published.as_ref() == Some(&snapshot) {
            return;
        }
        if let Some(published) = &self.published {
            let soon = now < self.stats_published_at + STATS_EVERY;
            if soon && published.clone().without_counters() == snapshot.clone().without_counters() {
                return;
            }
            snapshot.revision = published.revision + 1;
        }
        self.stats_published_at = now;
        self.published = Some(snapshot.clone());
        self.effects
            .push(Effect::Publish(Message::Snapshot(Box::new(snapshot))));
    }
}

fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}
