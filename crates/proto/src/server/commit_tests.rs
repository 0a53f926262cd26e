//! Positions of the upstream's become sequence numbers, never too early.

use super::*;
use crate::wire::ErrorDetail;
use crate::wire::client::{InputAudioBufferClear, InputAudioBufferCommit, ResponseCreate};
use crate::wire::server::{
    Error, InputAudioBufferCleared, InputAudioBufferCommitted, ResponseCreated, SessionUpdated,
    SpeechStarted, SpeechStopped,
};

/// 20 ms.
const FRAME: u64 = 20 * TICKS_PER_MS;

struct Speaking {
    commit: Commit,
    now: Time,
    seq: u64,
    news: News,
    /// How long it takes to give 20 ms of audio.
    pace: Duration,
}

impl Speaking {
    fn new() -> Self {
        Self {
            commit: Commit::new(Time::ZERO),
            now: Time::ZERO,
            seq: 0,
            news: News::Read,
            pace: Duration::from_millis(20),
        }
    }

    fn frames(&mut self, count: u64) {
        for _ in 0..count {
            self.now = self.now + self.pace;
            self.seq += 1;
            self.commit.audio(self.now, self.seq, FRAME, self.news);
        }
    }

    fn control(&mut self, event: impl Into<ClientEvent>) {
        self.seq += 1;
        self.commit
            .control(self.seq, Some("event_1"), &event.into());
    }

    fn upstream(&mut self, event: impl Into<ServerEvent>) -> u64 {
        self.commit.upstream(&event.into());
        self.commit.level()
    }

    fn stopped(&mut self, ms: u64, item: &str) -> u64 {
        self.upstream(SpeechStopped {
            audio_end_ms: ms,
            item_id: item.into(),
            ..SpeechStopped::default()
        })
    }

    fn committed(&mut self, item: &str) -> u64 {
        self.upstream(InputAudioBufferCommitted {
            item_id: item.into(),
            ..InputAudioBufferCommitted::default()
        })
    }
}

#[test]
fn the_end_of_speech_uses_up_the_audio_before_it() {
    let mut it = Speaking::new();
    it.frames(50);
    it.upstream(SpeechStarted::default());
    assert_eq!(
        it.stopped(399, "item_1"),
        19,
        "half of frame 20 is not used"
    );
    assert_eq!(it.committed("item_1"), 19, "the turn is known by its item");
    assert_eq!(it.stopped(400, "item_2"), 20);
    // Upstreams round up.
    assert_eq!(it.stopped(5_000, "item_3"), 50);
    assert_eq!(it.stopped(u64::MAX, "item_4"), 50);
    assert_eq!(it.stopped(1, "item_5"), 50, "nothing becomes unused");
}

#[test]
fn a_client_that_ends_its_turns_itself_is_answered_in_order() {
    let mut it = Speaking::new();
    it.news = News::None;
    it.frames(500);
    assert_eq!(
        it.commit.level(),
        0,
        "silence means nothing without detection"
    );
    it.control(InputAudioBufferCommit::default());
    it.frames(10);
    it.control(InputAudioBufferCommit::default());
    assert_eq!(it.committed("item_1"), 501);
    it.control(InputAudioBufferClear::default());
    assert_eq!(it.upstream(InputAudioBufferCleared::default()), 513);
    // The second commit was passed over with the clear.
    it.frames(10);
    assert_eq!(it.committed("item_3"), 513);
}

#[test]
fn a_refused_commit_uses_up_nothing() {
    let mut it = Speaking::new();
    it.frames(10);
    it.control(InputAudioBufferCommit::default());
    it.frames(10);
    let mut error = ErrorDetail::invalid_request("buffer_empty", "It is empty.");
    error.event_id = Some("event_1".into());
    let extra = crate::wire::Fields::new();
    assert_eq!(it.upstream(Error { error, extra }), 0);
    assert_eq!(it.committed("item_1"), 0);
}

#[test]
fn events_count_by_their_place_or_by_a_reply() {
    let mut it = Speaking::new();
    it.control(ResponseCreate::default());
    assert_eq!(
        it.upstream(SpeechStarted::default()),
        0,
        "this replies to nothing"
    );
    assert_eq!(it.upstream(SessionUpdated::default()), 1);
    it.frames(2);
    it.control(ResponseCreate::default());
    assert_eq!(
        it.upstream(ResponseCreated::default()),
        1,
        "the audio before it is not used"
    );
    assert_eq!(
        it.stopped(40, "item_1"),
        3,
        "right at the end: not known yet"
    );
    assert_eq!(it.upstream(ResponseCreated::default()), 4);
    it.control(ResponseCreate::default());
    it.frames(1);
    assert_eq!(it.stopped(60, "item_2"), 6, "passed by");
}

#[test]
fn a_loss_counts_as_used_once_everything_before_it_is() {
    let mut it = Speaking::new();
    it.commit.skipped(3);
    assert_eq!(it.commit.level(), 3);
    it.seq = 3;
    it.frames(1);
    it.commit.skipped(9);
    assert_eq!(it.commit.level(), 3);
    assert_eq!(it.stopped(20, "item_1"), 9);
}

#[test]
fn quiet_audio_is_used_after_two_seconds_and_speech_is_not() {
    let mut it = Speaking::new();
    it.frames(99);
    assert_eq!(it.commit.level(), 0);
    it.frames(101);
    assert_eq!(it.commit.level(), 100, "the last two seconds are not");
    it.upstream(SpeechStarted::default());
    it.frames(500);
    assert_eq!(it.commit.level(), 100);
    assert_eq!(it.stopped(10_000, "item_1"), 500);
    it.frames(99);
    assert_eq!(it.commit.level(), 500, "two seconds have to pass first");
    it.frames(1);
    assert_eq!(it.commit.level(), 700);
}

#[test]
fn backlog_is_not_quiet_because_it_came_fast() {
    let mut it = Speaking::new();
    it.pace = Duration::from_micros(2_500);
    // Eight seconds within one: the upstream has had no time to find speech in them.
    it.frames(400);
    assert_eq!(it.commit.level(), 0);
    it.frames(400);
    assert!(it.commit.level() <= 400, "{}", it.commit.level());
    // After a pause there was time enough for all of it.
    it.now = it.now + Duration::from_secs(20);
    it.pace = Duration::from_millis(20);
    it.frames(100);
    assert_eq!(it.commit.level(), 800);
}

#[test]
fn an_endless_speech_takes_no_endless_memory() {
    let mut it = Speaking::new();
    it.upstream(SpeechStarted::default());
    it.frames(20_000);
    for _ in 0..1000 {
        it.control(InputAudioBufferCommit::default());
    }
    assert!(it.commit.bytes() <= MARKS * size_of::<Mark>());
    assert_eq!(it.commit.asked.len(), ASKED);
    // Where its places are forgotten it errs to the safe side.
    assert_eq!(it.stopped(100_000, "item_1"), 0);
    assert_eq!(it.stopped(400_000, "item_1"), 20_000);
}

#[test]
fn what_the_upstream_says_unread_is_no_silence() {
    let mut speaking = Speaking::new();
    speaking.frames(200);
    let before = speaking.commit.level();
    assert_eq!(before, 100);
    speaking.news = News::Unread;
    speaking.frames(500);
    assert_eq!(speaking.commit.level(), before);
    // It is read again, and may still have to say it.
    speaking.news = News::Read;
    speaking.frames(49);
    assert!(
        speaking.commit.level() <= 200,
        "{}",
        speaking.commit.level()
    );
    speaking.frames(101);
    assert!(
        speaking.commit.level() >= 700,
        "{}",
        speaking.commit.level()
    );
}
