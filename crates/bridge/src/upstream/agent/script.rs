//! What an answer consists of: its sound, and its words at their places in it.

use super::prompts::{Prompt, Prompts, RATE};

/// The pause between the agent's words and the caller's, in samples: 200 ms.
const PAUSE: usize = RATE as usize / 5;
/// The most of a typed text that is quoted, in characters.
const QUOTED: usize = 500;

/// The caller's last message, until it is answered.
#[derive(Debug)]
pub(super) enum Message {
    Spoken(Vec<i16>),
    Typed(String),
}

/// An answer, ready to be given.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) samples: Vec<i16>,
    /// Pieces of the transcript with the sample each is said at, in order.
    words: Vec<(usize, String)>,
    next: usize,
}

impl Script {
    /// What to say to `message`; `first` if nobody has said anything yet.
    pub(super) fn answer(prompts: &Prompts, message: Option<Message>, first: bool) -> Self {
        match message {
            Some(Message::Spoken(audio)) => {
                let mut script = Self::prompt(&prompts.you_said);
                let seconds = audio.len() as f32 / RATE as f32;
                script.samples.resize(script.samples.len() + PAUSE, 0);
                script.word(&format!(" [{seconds:.1} s of your own words]"));
                script.samples.extend(audio);
                script
            }
            Some(Message::Typed(text)) => {
                let mut script = Self::prompt(&prompts.you_typed);
                let mut quoted: String = text.chars().take(QUOTED).collect();
                if quoted.len() < text.len() {
                    quoted.push('…');
                }
                script.word(&format!(" “{quoted}”"));
                script
            }
            None if first => Self::prompt(&prompts.greeting),
            None => Self::prompt(&prompts.nothing_heard),
        }
    }

    fn prompt(prompt: &Prompt) -> Self {
        let mut words = Vec::new();
        let (length, total) = (prompt.samples.len(), prompt.text.len().max(1));
        let mut said = 0;
        for word in prompt.text.split_inclusive(' ') {
            // Words take about as long as they are.
            words.push((length * said / total, word.to_owned()));
            said += word.len();
        }
        Self {
            samples: prompt.samples.clone(),
            words,
            next: 0,
        }
    }

    /// Adds to the transcript what is said after all samples so far.
    fn word(&mut self, text: &str) {
        self.words
            .push((self.samples.len().saturating_sub(1), text.to_owned()));
    }

    /// The next piece of the transcript, if it is said before `sample`.
    pub(super) fn next_word(&mut self, sample: usize) -> Option<&str> {
        let (at, word) = self.words.get(self.next)?;
        if *at >= sample {
            return None;
        }
        self.next += 1;
        Some(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(script: &mut Script, sample: usize) -> String {
        let mut text = String::new();
        while let Some(word) = script.next_word(sample) {
            text.push_str(word);
        }
        text
    }

    #[test]
    fn words_come_in_step_with_the_sound() {
        let prompts = Prompts::built_in().unwrap();
        let mut script = Script::answer(&prompts, None, true);
        let half = text(&mut script, prompts.greeting.samples.len() / 2);
        let whole = &prompts.greeting.text;
        assert!(half.len().abs_diff(whole.len() / 2) < 12, "{half}");
        assert_eq!(&(half + &text(&mut script, usize::MAX)), whole);
    }

    #[test]
    fn the_callers_words_are_untouched() {
        let prompts = Prompts::built_in().unwrap();
        let audio: Vec<i16> = (0..5000).collect();
        let message = Some(Message::Spoken(audio.clone()));
        let mut script = Script::answer(&prompts, message, false);
        assert!(script.samples.ends_with(&audio));
        let end = script.samples.len();
        assert_eq!(
            text(&mut script, end),
            "You said: [0.2 s of your own words]"
        );
    }

    #[test]
    fn a_long_text_is_quoted_in_part() {
        let prompts = Prompts::built_in().unwrap();
        let message = Some(Message::Typed("ä".repeat(5000)));
        let mut script = Script::answer(&prompts, message, false);
        let text = text(&mut script, usize::MAX);
        assert!(text.ends_with("ä…”") && text.chars().count() < 600);
    }
}
