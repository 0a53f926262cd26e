//! Sentences for surfaces that are not the window, from the same locale files.

use serde::Serialize;
use serde_json::Value;

use crate::problem::Problem;

const ENGLISH: &str = include_str!("../../../ui/src/locales/en.json");

/// The texts of one language.
#[derive(Debug)]
pub struct Locale {
    texts: Value,
}

impl Locale {
    /// English, which is always there.
    #[must_use]
    pub fn english() -> Self {
        Self {
            texts: serde_json::from_str(ENGLISH).expect("the locale file is JSON; a test reads it"),
        }
    }

    /// The sentence for a problem: what happened, what it means, what to do.
    #[must_use]
    pub fn problem(&self, problem: &Problem) -> String {
        let fields = fields(problem);
        let code = fields["code"].as_str().unwrap_or_default();
        self.text(&["problem", code], &fields)
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
    fn a_text_that_is_missing_shows_its_name() {
        assert_eq!(
            Locale::english().text(&["no", "such"], &Value::Null),
            "no.such"
        );
    }
}
