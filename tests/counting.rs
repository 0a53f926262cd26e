//! A caller who counts, in a process of its own: what it notes, and the account of all it said.

use std::fmt;
use std::ops::Range;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::clock::Stamp;
use crate::numbers::RATE;
use crate::program::{Program, workspace_program};

/// The environment variable that holds a bridge's access token.
pub const ACCESS_TOKEN: &str = "OFFHOOK_ACCESS_TOKEN";

/// Something that happened to the caller.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Note {
    /// When.
    pub at: Stamp,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum What {
    /// The call's state changed.
    State {
        /// What it is now.
        line: Line,
        /// Of a line that is away: which attempt is under way or comes next.
        attempt: Option<u32>,
        /// All of it.
        detail: String,
    },
    /// A line that was away is back.
    Back {
        /// How long it was away, in ms.
        away_ms: u64,
        /// Whether the session goes on.
        resumed: bool,
        /// Whether the rest of an answer will not come.
        answer_lost: bool,
    },
    /// Audio is lost for good, and the call says so.
    Lost {
        /// Whether it is the caller's.
        input: bool,
        /// Where it begins, in ms.
        from_ms: u64,
        /// Where it ends, in ms.
        to_ms: u64,
        /// Why.
        reason: String,
    },
    /// All that waited to be sent is on its way.
    CaughtUp {
        /// The most that waited, in ms.
        ms: u64,
    },
    /// An utterance became an item.
    Committed {
        /// The item,
        item: String,
        /// and the one before it.
        previous: Option<String>,
    },
    /// The first piece of an answer came.
    Answering {
        /// Its item.
        item: String,
    },
    /// An answer is complete.
    Answered(Answer),
    /// An answer will not come.
    Unanswered {
        /// What it would have answered, in samples.
        places: Range<u64>,
    },
    /// The server complains.
    Error {
        /// The code.
        code: String,
        /// The sentence.
        message: String,
    },
}

/// Where the line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// Not up yet.
    Dialling,
    /// Up.
    Live,
    /// Up, but nothing comes.
    Unstable,
    /// Away.
    Reconnecting,
    /// Up again, with something held to be sent first.
    CatchingUp,
    /// Over.
    Ended,
}

impl Line {
    /// Whether audio goes both ways.
    #[must_use]
    pub const fn is_up(self) -> bool {
        matches!(self, Self::Live | Self::CatchingUp)
    }
}

/// An answer that said an utterance back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Answer {
    /// Its item.
    pub item: String,
    /// Which part of all that was said, in samples.
    pub places: Range<u64>,
    /// What is wrong with it: a sample that is missing, repeated or elsewhere.
    pub flaw: Option<String>,
    /// When each piece of its audio came.
    pub pieces: Vec<Stamp>,
}

impl Answer {
    /// The longest time between two pieces.
    #[must_use]
    pub fn widest(&self) -> Duration {
        let gaps = self.pieces.windows(2).map(|pair| pair[1].since(pair[0]));
        gaps.max().unwrap_or_default()
    }
}

/// The caller's process.
#[derive(Debug)]
pub struct CountingCaller {
    /// The process.
    pub program: Program,
}

impl CountingCaller {
    /// The program, calling `url` and having `utterance` answered at a time.
    ///
    /// # Errors
    /// When it is not built.
    pub fn command(url: &str, utterance: Duration) -> Result<Command> {
        let mut command = workspace_program("counting-caller")?;
        command
            .arg(url)
            .arg(utterance.as_millis().to_string())
            .env_remove(ACCESS_TOKEN);
        Ok(command)
    }

    /// As [`Self::command`], but a caller who keeps `window` of what is said, and asks for answers
    /// only while the line is up: whatever of an utterance is lost, its end is not.
    ///
    /// # Errors
    /// When it is not built.
    pub fn patient(url: &str, utterance: Duration, window: Duration) -> Result<Command> {
        let mut command = Self::command(url, utterance)?;
        command.arg(window.as_millis().to_string());
        Ok(command)
    }

    /// Starts it; `command` may run the program in a place of its own.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(command: &mut Command) -> Result<Self> {
        Ok(Self {
            program: Program::start(command)?,
        })
    }

    /// Waits for a note, written already or to come.
    ///
    /// # Errors
    /// When the time is over, or the caller ends without it.
    pub fn note(
        &self,
        what: &str,
        limit: Duration,
        wanted: impl Fn(&Note) -> bool,
    ) -> Result<Note> {
        let line = self.program.line(what, limit, |line| {
            serde_json::from_str(line).is_ok_and(|note: Note| wanted(&note))
        });
        let line = line.with_context(|| self.story())?;
        Ok(serde_json::from_str(&line)?)
    }

    /// Waits until the line is up at some time after `moment`.
    ///
    /// # Errors
    /// As [`Self::note`].
    pub fn up_after(&self, moment: Stamp, limit: Duration) -> Result<Note> {
        self.note("a line that is up", limit, |note| {
            let up = matches!(&note.what, What::State { line, .. } if line.is_up());
            up && note.at > moment
        })
    }

    /// Waits for an answer that begins after `moment`.
    ///
    /// # Errors
    /// As [`Self::note`].
    pub fn answering_after(&self, moment: Stamp, limit: Duration) -> Result<Note> {
        self.note("an answer", limit, |note| {
            matches!(note.what, What::Answering { .. }) && note.at > moment
        })
    }

    /// Waits for the second answer that is complete after `moment`: what it answers was said after
    /// that.
    ///
    /// # Errors
    /// As [`Self::note`].
    pub fn answered_after(&self, moment: Stamp, limit: Duration) -> Result<()> {
        let mut after = moment;
        for _ in 0..2 {
            let answered = self.note("an answer to the end", limit, |note| {
                matches!(note.what, What::Answered(_)) && note.at > after
            });
            after = answered?.at;
        }
        Ok(())
    }

    /// Every note so far.
    ///
    /// # Errors
    /// When a line is not a note.
    pub fn notes(&self) -> Result<Vec<Note>> {
        let lines = self.program.lines();
        let notes = lines.iter();
        notes
            .map(|line| serde_json::from_str(line).with_context(|| line.clone()))
            .collect()
    }

    /// The account of everything said and answered so far.
    ///
    /// # Errors
    /// Where a sample is missing that is not accounted for, or came twice; where the call ended or
    /// the server complained.
    pub fn account(&self) -> Result<Account> {
        Account::of(&self.notes()?).with_context(|| self.story())
    }

    /// The same where every sample has to be back and the session to go on.
    ///
    /// # Errors
    /// As [`Self::account`], and where anything is reported as lost.
    pub fn whole_account(&self) -> Result<Account> {
        let account = self.account()?;
        let goes_on = account.backs.iter().all(|(resumed, _)| *resumed);
        ensure!(
            account.lost.is_zero() && account.unanswered == 0 && goes_on,
            "{account:#?}; {}",
            self.story()
        );
        Ok(account)
    }

    /// The last notes, for an error. Losses are told piece by piece; they are left out.
    fn story(&self) -> String {
        let lines = self.program.lines();
        let is_loss = |line: &str| {
            serde_json::from_str(line)
                .is_ok_and(|note: Note| matches!(note.what, What::Lost { .. }))
        };
        let last = lines.iter().rev().filter(|line| !is_loss(line));
        let mut last: Vec<&str> = last.map(String::as_str).take(30).collect();
        last.reverse();
        format!("the caller's last notes:\n{}", last.join("\n"))
    }
}

/// What became of all that was said.
#[derive(Debug, Default)]
pub struct Account {
    /// The answers, in order.
    pub answers: Vec<Answer>,
    /// How often the line was back, and how.
    pub backs: Vec<(bool, Duration)>,
    /// What was said and came back, sample by sample.
    pub proven: Duration,
    /// Of what the caller said: what is reported as lost.
    pub lost: Duration,
    /// Answers that are reported as lost.
    pub unanswered: u32,
    /// The most that waited to be sent.
    pub waited: Duration,
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} reconnects, {} ms lost, {:.2} s there and back sample by sample",
            self.backs.len(),
            self.lost.as_millis(),
            self.proven.as_secs_f32()
        )
    }
}

impl Account {
    fn of(notes: &[Note]) -> Result<Self> {
        let mut account = Self::default();
        let mut answered = 0;
        for note in notes {
            match &note.what {
                What::Answered(answer) => {
                    if let Some(flaw) = &answer.flaw {
                        bail!("the answer to {:?}: {flaw}", answer.places);
                    }
                    ensure!(
                        answer.places.start == answered,
                        "what is answered begins at {}, not at {answered}",
                        answer.places.start
                    );
                    answered = answer.places.end;
                    account.proven += time(answer.places.end - answer.places.start);
                    account.answers.push(answer.clone());
                }
                What::Unanswered { places } => {
                    answered = places.end;
                    account.unanswered += 1;
                }
                What::Lost {
                    input: true,
                    from_ms,
                    to_ms,
                    ..
                } => account.lost += Duration::from_millis(to_ms - from_ms),
                What::Back {
                    away_ms, resumed, ..
                } => {
                    let away = Duration::from_millis(*away_ms);
                    account.backs.push((*resumed, away));
                }
                What::CaughtUp { ms } => {
                    account.waited = account.waited.max(Duration::from_millis(*ms));
                }
                What::Error { code, message } => bail!("the server complains: {code}: {message}"),
                What::State { line, detail, .. } => {
                    ensure!(*line != Line::Ended, "the call is over: {detail}");
                }
                What::Lost { .. } | What::Committed { .. } | What::Answering { .. } => {}
            }
        }
        account.proven = account.proven.saturating_sub(account.lost);
        Ok(account)
    }
}

fn time(samples: u64) -> Duration {
    Duration::from_micros(samples * 1_000_000 / RATE)
}
