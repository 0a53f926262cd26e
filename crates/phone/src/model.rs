//! What the softphone decides: inputs and the time in, effects and a snapshot out. No I/O.

mod book;
mod config;
mod conversation;
mod desk;
mod devices;
mod io;
mod live;
mod orders;
mod phase;
mod sound;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use offhook_audio as audio;
use offhook_client::proto::Time;

use crate::problem::Problem;
use crate::snapshot::{
    Call, DialStep, Directory, EndReason, Intent, Message, Recent, Snapshot, Stats, TranscriptEntry,
};
pub(crate) use book::SignInKind;
pub use book::{BUILT_IN, Book, Entry, Offer};
pub use config::{AgentEntry, Config};
use conversation::Conversation;
use desk::{Desk, News};
use devices::Pickers;
pub use io::{Effect, Input};
pub use orders::{Order, Report};
use phase::{Dialling, Phase, Summary};

/// Counters alone are no reason to redraw more often than this.
const STATS_EVERY: Duration = Duration::from_millis(500);

/// The softphone's state.
#[derive(Debug)]
pub struct Model {
    config: Config,
    desk: Desk,
    phase: Phase,
    conversation: Conversation,
    pickers: Pickers,
    muted: bool,
    notice: Option<Problem>,
    /// When the last input came.
    now: Time,
    published: Option<Snapshot>,
    stats_published_at: Time,
    effects: Vec<Effect>,
}

impl Model {
    /// A softphone at rest.
    #[must_use]
    pub fn new(mut config: Config) -> Self {
        let agents = std::mem::take(&mut config.agents);
        let book = std::mem::take(&mut config.book);
        Self {
            desk: Desk::new(agents, book, config.secrets.clone()),
            pickers: Pickers::new(config.microphone.clone(), config.speaker.clone()),
            phase: Phase::Ready,
            conversation: Conversation::default(),
            muted: false,
            notice: None,
            now: Time::ZERO,
            published: None,
            stats_published_at: Time::ZERO,
            effects: Vec::new(),
            config,
        }
    }

    /// Takes in what happened at `now`; says what to do, in order.
    pub fn handle(&mut self, now: Time, input: Input) -> Vec<Effect> {
        self.now = now;
        match input {
            Input::Tick => {}
            Input::Intent(intent) => self.intent(now, intent),
            Input::Client(event) => self.client(now, event),
            Input::AudioStarted => self.effects.push(Effect::SetMuted(self.muted)),
            Input::AudioRefused(error) => self.fail(now, Problem::from(error)),
            Input::Audio(event) => self.audio(now, event),
            Input::Devices(devices) => self.pickers.update(devices),
            Input::Account(report) => self.report(now, report),
            Input::AudioDropped(frames) => self.count(|stats| stats.frames_lost += frames),
        }
        self.desk.publish(now, &mut self.effects);
        self.publish(now);
        std::mem::take(&mut self.effects)
    }

    /// When to call with [`Input::Tick`], unless something happens before.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        match &self.phase {
            Phase::Live(live) => live.deadline(self.now),
            Phase::Ready | Phase::Dialling(_) | Phase::Ended(_) => None,
        }
    }

    /// The picture as it was when the last input came.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let call = match &self.phase {
            Phase::Ready => Call::Ready,
            Phase::Dialling(dialling) => Call::Dialling {
                agent: dialling.entry.agent.clone(),
                step: dialling.step,
                held_ms: millis(dialling.held),
            },
            Phase::Live(live) => Call::Live {
                agent: live.entry.agent.clone(),
                line: live.line(self.now),
                activity: live.activity(),
                stats: live.stats,
            },
            Phase::Ended(summary) => Call::Ended {
                agent: summary.entry.agent.clone(),
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
            call,
            muted: self.muted,
            microphone: self.pickers.microphone(),
            speaker: self.pickers.speaker(),
            notice: self.notice.clone(),
        }
    }

    /// Who can be called, where, and as whom, as it was when the last input came.
    #[must_use]
    pub fn directory(&self) -> Directory {
        self.desk.directory_at(self.now)
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
            Intent::RetryNow => {
                if matches!(&self.phase, Phase::Live(live) if live.is_away()) {
                    self.effects.push(Effect::RetryNow);
                }
            }
            Intent::Interrupt => {
                if let Phase::Live(live) = &mut self.phase {
                    live.interrupt(&mut self.effects);
                }
            }
            Intent::SendText { id, text } => {
                if let Phase::Live(live) = &mut self.phase {
                    let (conversation, effects) = (&mut self.conversation, &mut self.effects);
                    live.send_text(&id, text.trim(), conversation, effects);
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
            Intent::Account { intent } => self.desk.intent(intent, &mut self.effects),
        }
    }

    fn report(&mut self, now: Time, report: Report) {
        match self.desk.report(now, report, &mut self.effects) {
            News::None => {}
            News::Notice(problem) => self.notice = Some(problem),
            News::SignedIn => {
                if matches!(self.notice, Some(Problem::SignInNeeded { .. })) {
                    self.notice = None;
                }
                if matches!(&self.phase, Phase::Live(live) if live.is_away()) {
                    self.effects.push(Effect::RetryNow);
                }
            }
        }
    }

    fn call(&mut self, now: Time, agent: &str) {
        if self.in_call() {
            return;
        }
        let Some(entry) = self.desk.agent(agent) else {
            self.notice = Some(Problem::AgentUnknown {
                agent: agent.to_owned(),
            });
            return;
        };
        self.notice = None;
        self.conversation.clear(&mut self.effects);
        self.phase = Phase::Dialling(Dialling {
            entry: Arc::clone(&entry),
            profile: self.desk.chosen().to_owned(),
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

    fn fail(&mut self, now: Time, problem: Problem) {
        self.end(now, EndReason::Failed { problem });
    }

    /// The call is over, whoever ended it. The summary shows at once; the line says its farewell
    /// in the background.
    fn end(&mut self, now: Time, reason: EndReason) {
        let (entry, profile, duration, stats) = match &self.phase {
            Phase::Dialling(Dialling {
                entry,
                profile,
                stats,
                ..
            }) => (entry, profile, Duration::ZERO, *stats),
            Phase::Live(live) => (
                &live.entry,
                &live.profile,
                now - live.connected_at,
                live.stats,
            ),
            Phase::Ready | Phase::Ended(_) => return,
        };
        let entry = Arc::clone(entry);
        let call = Recent {
            profile: profile.clone(),
            agent: entry.agent.id.clone(),
            name: entry.agent.name.clone(),
            at_s: self.time_of_day(now).saturating_sub(seconds(duration)),
            duration_ms: millis(duration),
            failed: matches!(reason, EndReason::Failed { .. }),
        };
        self.desk.called(call, &mut self.effects);
        let broken_off = !matches!(reason, EndReason::HungUp | EndReason::FarEnd);
        self.conversation.finish(broken_off, &mut self.effects);
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

    /// In s since the Unix epoch.
    fn time_of_day(&self, now: Time) -> u32 {
        let since_start = seconds(now.since_start());
        self.config.started_at_s.saturating_add(since_start)
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

fn seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}

fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}
