//! A Twilio that plays what it is sent, over whole conversations: what the upstream is told was
//! heard is what was heard.

use std::collections::HashMap;

use super::*;

/// Plays as Twilio does: a frame every 20 ms; a mark comes back when it is reached, and all that
/// are queued when the queue is cleared.
#[derive(Default)]
struct Twilio {
    queue: VecDeque<Command>,
    /// Marks on their way back, and how many ticks that takes yet.
    returning: VecDeque<(u64, String)>,
    /// The last frame played of each item, counted from 1.
    played: HashMap<u8, u64>,
    /// Frames played that had been played before.
    repeated: u64,
}

impl Twilio {
    fn take(&mut self, command: Command, delay: u64) {
        if command == Command::Clear {
            for command in std::mem::take(&mut self.queue) {
                if let Command::Mark(name) = command {
                    self.returning.push_back((delay, name));
                }
            }
        } else {
            self.queue.push_back(command);
        }
    }

    fn play(&mut self, delay: u64) {
        self.reach(delay);
        if let Some(Command::Media(payload)) = self.queue.pop_front() {
            // `Talk` numbers frames.
            let frame = u64::from(payload[1]) + u64::from(payload[2]) * 256 + 1;
            let last = self.played.entry(payload[0]).or_default();
            if frame <= *last {
                self.repeated += 1;
            } else {
                assert_eq!(
                    frame,
                    *last + 1,
                    "a frame of item {} is missing",
                    payload[0]
                );
                *last = frame;
            }
        }
        self.reach(delay);
    }

    fn reach(&mut self, delay: u64) {
        while let Some(Command::Mark(name)) = self.queue.front() {
            self.returning.push_back((delay, name.clone()));
            self.queue.pop_front();
        }
    }
}

/// A conversation by chance.
struct Talk {
    call: Call,
    twilio: Twilio,
    streams: u64,
    delay: u64,
    item: u8,
    /// How much was said of the item, in bytes.
    said: usize,
    chance: u64,
    truncations: u64,
}

impl Talk {
    fn new(seed: u64, delay: u64) -> Self {
        Self {
            call: Call::new(&Config::default()),
            twilio: Twilio::default(),
            streams: 1,
            delay,
            item: 0,
            said: 0,
            chance: seed,
            truncations: 0,
        }
    }

    fn draw(&mut self, below: u64) -> u64 {
        self.chance = self
            .chance
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.chance >> 33) % below
    }

    /// 20 ms.
    fn tick(&mut self) {
        self.call.wait(20);
        match self.draw(100) {
            0..20 => self.say(),
            20..22 => self.done(),
            22 => self.interrupt(),
            23 => self.break_stream(),
            _ => {}
        }
        self.carry();
        self.twilio.play(self.delay);
        self.return_marks();
    }

    fn say(&mut self) {
        let size = self.draw(3_000) as usize;
        let codes: Vec<u8> = (self.said..self.said + size)
            .map(|n| self.code(n))
            .collect();
        self.said += size;
        self.call.handle(Input::Upstream(Upstream::Audio {
            item_id: &format!("item_{}", self.item),
            content_index: 0,
            audio: &Audio::Mulaw(codes),
        }));
    }

    /// Of each frame, the first bytes say which one it is.
    fn code(&self, n: usize) -> u8 {
        match n % 160 {
            0 => self.item,
            1 => (n / 160 % 256) as u8,
            2 => (n / 160 / 256) as u8,
            _ => mulaw::SILENCE,
        }
    }

    fn done(&mut self) {
        // A frame that ends within its number could not be told from others.
        if self.said % 160 > 2 {
            self.call.upstream(Upstream::ResponseDone);
            self.item += 1;
            self.said = 0;
        }
    }

    fn interrupt(&mut self) {
        self.call.upstream(Upstream::SpeechStarted);
        for request in self.call.requests() {
            if let Request::Truncate {
                item_id,
                audio_end_ms,
                ..
            } = request
            {
                let item: u8 = item_id["item_".len()..].parse().expect("we named it");
                self.check(item, audio_end_ms);
            }
        }
        self.call.upstream(Upstream::ResponseDone);
        self.item += 1;
        self.said = 0;
    }

    /// Not more than was played, and less by no more than a mark is for and takes to come back.
    fn check(&mut self, item: u8, audio_end_ms: u64) {
        let played = self.twilio.played.get(&item).copied().unwrap_or(0) * 20;
        assert!(
            audio_end_ms <= played,
            "{item}: {audio_end_ms} of {played} ms"
        );
        if self.streams == 1 {
            let behind = 100 + 20 * self.delay;
            assert!(
                audio_end_ms + behind >= played,
                "{item}: {audio_end_ms} of {played} ms"
            );
        }
        self.truncations += 1;
    }

    fn break_stream(&mut self) {
        self.streams += 1;
        self.twilio.queue.clear();
        self.twilio.returning.clear();
        self.call.sent.clear();
        self.call.start(&format!("MZ{}", self.streams), "CA1");
    }

    fn carry(&mut self) {
        let stream = format!("MZ{}", self.streams);
        for (to, command) in std::mem::take(&mut self.call.sent) {
            assert_eq!(to, stream);
            self.twilio.take(command, self.delay);
        }
    }

    fn return_marks(&mut self) {
        let stream = format!("MZ{}", self.streams);
        for _ in 0..self.twilio.returning.len() {
            match self.twilio.returning.pop_front() {
                Some((0, name)) => self.call.twilio(&stream, Event::Mark(name)),
                Some((ticks, name)) => self.twilio.returning.push_back((ticks - 1, name)),
                None => {}
            }
        }
    }
}

#[test]
fn what_was_heard_is_known() {
    let mut truncations = 0;
    for seed in 0..40 {
        let mut talk = Talk::new(seed, seed % 10);
        while talk.item < 200 {
            talk.tick();
        }
        let counts = talk.call.counts();
        assert_eq!((counts.marks_unknown, counts.dropped_ms), (0, 0), "{seed}");
        assert_eq!(counts.strays, 0, "{seed}");
        let most = (talk.streams - 1) * (5 + talk.delay);
        assert!(talk.twilio.repeated <= most, "{seed}");
        truncations += talk.truncations;
    }
    assert!(truncations > 1_000, "{truncations}");
}
