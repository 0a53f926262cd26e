//! Sentences for surfaces that are not the window, from the same locale files.

use offhook_signin::{Text, Texts};
use serde::Serialize;
use serde_json::{Value, json};

use crate::problem::Problem;
use crate::snapshot::{DropCause, Lost, Stats};

const ENGLISH: &str = include_str!("../../../ui/src/locales/en.json");
const GERMAN: &str = include_str!("../../../ui/src/locales/de.json");

/// The texts of one language.
#[derive(Debug)]
pub struct Locale {
    texts: Value,
}

impl Locale {
    /// English, which is always there.
    #[must_use]
    pub fn english() -> Self {
        Self::new(ENGLISH)
    }

    fn new(texts: &str) -> Self {
        Self {
            texts: serde_json::from_str(texts).expect("the locale file is JSON; a test reads it"),
        }
    }

    /// The sentence for a problem: what happened, what it means, what to do.
    #[must_use]
    pub fn problem(&self, problem: &Problem) -> String {
        let mut fields = fields(problem);
        if let Problem::GaveUp { cause, .. } = problem {
            fields["cause"] = self.cause(*cause).into();
        }
        let code = fields["code"].as_str().unwrap_or_default();
        self.text(&["problem", code], &fields)
    }

    /// Why a connection went, in a few words.
    #[must_use]
    pub fn cause(&self, cause: DropCause) -> String {
        let code = fields(&cause);
        let code = code.as_str().unwrap_or_default();
        self.text(&["line", "cause", code], &Value::Null)
    }

    /// That a connection is back, and what its loss cost.
    #[must_use]
    pub fn resumed(&self, lost: Lost) -> String {
        let whose = match lost {
            Lost {
                answer: true,
                caller_ms: 0,
                ..
            } => "answer",
            Lost { answer: true, .. } => "caller_answer",
            _ => whose(lost),
        };
        self.lost(&["line", "resumed", whose], lost)
    }

    /// How often a call's connection was lost, and what that cost.
    #[must_use]
    pub fn kept(&self, stats: &Stats) -> String {
        let drops = match stats.reconnects {
            0 => "zero",
            1 => "one",
            2 => "two",
            _ => "other",
        };
        let arguments = json!({ "count": stats.reconnects });
        let mut sentences = vec![self.text(&["kept", "drops", drops], &arguments)];
        let lost = Lost {
            caller_ms: stats.caller_lost_ms,
            agent_ms: stats.agent_lost_ms,
            answer: stats.answers_lost > 0,
        };
        let whose = whose(lost);
        if whose != "nothing" || !lost.answer {
            sentences.push(self.lost(&["kept", "lost", whose], lost));
        }
        if lost.answer {
            let count = match stats.answers_lost {
                1 => "one",
                _ => "other",
            };
            let arguments = json!({ "count": stats.answers_lost });
            sentences.push(self.text(&["kept", "answers", count], &arguments));
        }
        sentences.join(" ")
    }

    /// `340 ms`, and from one second on `1.2 s`.
    #[must_use]
    pub fn short_time(&self, ms: u32) -> String {
        let (unit, value) = if ms < 1000 {
            ("milliseconds", ms.to_string())
        } else {
            ("seconds", format!("{:.1}", f64::from(ms) / 1000.0))
        };
        self.text(&["unit", unit], &json!({ "value": value }))
    }

    /// The text at `path` with `{name}` replaced by the fields of `arguments`; the path itself
    /// where there is no such text.
    #[must_use]
    pub fn text(&self, path: &[&str], arguments: &Value) -> String {
        let found = path
            .iter()
            .try_fold(&self.texts, |texts, key| texts.get(key));
        let Some(text) = found.and_then(Value::as_str) else {
            return path.join(".");
        };
        let mut filled = text.to_owned();
        for (name, value) in arguments.as_object().into_iter().flatten() {
            let value = match value {
                Value::String(text) => text.clone(),
                Value::Null => String::new(),
                other => other.to_string(),
            };
            filled = filled.replace(&format!("{{{name}}}"), &value);
        }
        filled
    }

    fn lost(&self, path: &[&str], lost: Lost) -> String {
        let arguments = json!({
            "caller": self.short_time(lost.caller_ms),
            "agent": self.short_time(lost.agent_ms),
        });
        self.text(path, &arguments)
    }
}

/// Whose speech of known length is lost.
const fn whose(lost: Lost) -> &'static str {
    match (lost.caller_ms, lost.agent_ms) {
        (0, 0) => "nothing",
        (_, 0) => "caller",
        (0, _) => "agent",
        _ => "both",
    }
}

/// The texts of the page that the browser ends on, in the user's language as far as there is one.
pub(crate) fn landing(language: Option<&str>) -> Texts {
    let german = language.is_some_and(|language| language.starts_with("de"));
    let locale = Locale::new(if german { GERMAN } else { ENGLISH });
    let text = |outcome: &str| Text {
        title: locale.text(&["landing", outcome, "title"], &Value::Null),
        body: locale.text(&["landing", outcome, "body"], &Value::Null),
    };
    Texts {
        language: if german { "de" } else { "en" }.to_owned(),
        done: text("done"),
        denied: text("denied"),
        failed: text("failed"),
    }
}

/// The English sentence for a problem.
#[must_use]
pub fn english(problem: &Problem) -> String {
    Locale::english().problem(problem)
}

fn fields(of: &impl Serialize) -> Value {
    serde_json::to_value(of).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_reads_as_a_sentence_with_its_arguments() {
        let problem = Problem::HostUnknown {
            host: "bridge.example".to_owned(),
        };
        let text = english(&problem);
        assert!(text.contains("bridge.example"), "{text}");
        assert!(!text.contains('{'), "{text}");
        assert!(text.ends_with('.'), "{text}");
    }

    #[test]
    fn a_call_that_was_given_up_says_why_in_words() {
        let text = english(&Problem::GaveUp {
            seconds: 120,
            cause: DropCause::ServerUnstable,
        });
        assert!(
            text.starts_with(
                "The server keeps hanging up: the connection did not come back within 120 seconds"
            ),
            "{text}"
        );
    }

    #[test]
    fn what_was_lost_is_counted_as_people_do() {
        let kept = |reconnects, caller_lost_ms, agent_lost_ms| {
            Locale::english().kept(&Stats {
                reconnects,
                caller_lost_ms,
                agent_lost_ms,
                ..Stats::default()
            })
        };
        assert_eq!(
            kept(0, 0, 0),
            "The connection was never lost. No speech was lost."
        );
        assert_eq!(
            kept(1, 340, 0),
            "Connection lost once. 340 ms of your speech was lost."
        );
        assert_eq!(
            kept(2, 0, 1300),
            "Connection lost twice. 1.3 s of the agent's speech was lost."
        );
        assert_eq!(
            kept(5, 400, 1300),
            "Connection lost 5 times. 400 ms of your speech and 1.3 s of the agent's were lost."
        );
        let lost = Lost::default();
        assert_eq!(Locale::english().resumed(lost), "Back, nothing lost");
    }

    #[test]
    fn an_answer_that_broke_off_is_a_loss_though_nobody_knows_of_how_much() {
        let lost = |caller_ms| Lost {
            caller_ms,
            agent_ms: 0,
            answer: true,
        };
        let text = Locale::english();
        assert_eq!(text.resumed(lost(0)), "Back: the agent's answer broke off");
        assert_eq!(
            text.resumed(lost(340)),
            "Back: 340 ms of you was lost, the agent's answer broke off"
        );
        let kept = |caller_lost_ms, answers_lost| {
            text.kept(&Stats {
                reconnects: 1,
                caller_lost_ms,
                answers_lost,
                ..Stats::default()
            })
        };
        assert_eq!(
            kept(0, 1),
            "Connection lost once. An answer of the agent's broke off."
        );
        assert_eq!(
            kept(340, 2),
            "Connection lost once. 340 ms of your speech was lost. 2 answers of the agent's broke off."
        );
    }

    #[test]
    fn the_landing_page_speaks_the_users_language() {
        let english = landing(None);
        assert_eq!(english, Texts::default());
        let german = landing(Some("de-AT"));
        assert_eq!(german.language, "de");
        assert_ne!(german.done, english.done);
        assert!(!german.failed.body.contains("landing"), "{german:?}");
        assert_eq!(landing(Some("fr")), english);
    }

    #[test]
    fn a_text_that_is_missing_shows_its_name() {
        assert_eq!(
            Locale::english().text(&["no", "such"], &Value::Null),
            "no.such"
        );
    }
}
