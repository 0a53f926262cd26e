//! A configuration file in TOML, and the places in it.

use std::fmt::Write as _;
use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What is in a file, with where it is.
#[derive(Debug)]
pub(super) struct Document<'a> {
    path: &'a Path,
    text: &'a str,
    table: DeTable<'a>,
}

impl<'a> Document<'a> {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// Everything that is not TOML in it, as a person should see it.
    pub(super) fn parse(path: &'a Path, text: &'a str) -> Result<Self, Vec<String>> {
        let (table, errors) = DeTable::parse_recoverable(text);
        let document = Self {
            path,
            text,
            table: table.into_inner(),
        };
        if errors.is_empty() {
            return Ok(document);
        }
        let shown = errors.iter().map(|error| {
            let span = error.span().unwrap_or_default();
            document.show(&span, &format!("this is not TOML: {}", error.message()))
        });
        Err(shown.collect())
    }

    /// A path that is written in the file, which is meant from where the file is.
    pub(super) fn folder(&self) -> &'a Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    /// What is outside of any section, and the sections.
    pub(super) const fn table(&self) -> &DeTable<'a> {
        &self.table
    }

    /// The value of a setting like `tokens.ttl`, or what one of a section is.
    pub(super) fn value(&self, setting: &str) -> Option<&Spanned<DeValue<'a>>> {
        let Some((section, key)) = setting.split_once('.') else {
            return self.table.get(setting);
        };
        self.table.get(section)?.get_ref().get(key)
    }

    /// What is wrong at a place, with its line.
    pub(super) fn show(&self, span: &Range<usize>, what: &str) -> String {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let number = before.matches('\n').count() + 1;
        let line = self.text.get(start..).unwrap_or_default();
        let line = line.lines().next().unwrap_or_default();
        let column = before.get(start..).unwrap_or_default().chars().count();
        let marked = self.text.get(span.clone()).unwrap_or_default();
        let marked = marked.lines().next().unwrap_or_default().chars().count();
        let shown = without_secrets(line);
        let column_shown = column.min(shown.chars().count());
        let room = shown.chars().count() - column_shown;
        let margin = " ".repeat(number.to_string().len());
        let mut text = format!("{}:{number}:{}: {what}\n", self.path.display(), column + 1);
        // Writing into a text cannot fail.
        let _ = write!(
            text,
            "  {number} | {}\n  {margin} | {}{}",
            shown.replace('\t', " "),
            " ".repeat(column_shown),
            "^".repeat(marked.min(room).max(1))
        );
        text
    }
}

/// Words in the names of what nobody should see.
const SECRETS: [&str; 7] = [
    "token",
    "secret",
    "pass",
    "key",
    "credential",
    "auth",
    "bearer",
];

/// A line of the file, up to the first thing in it whose name sounds like a secret's. It may be
/// printed into a log.
fn without_secrets(line: &str) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let mut at = 0;
    for word in line.split_inclusive(|c| !is_word(c)) {
        let name = word.trim_end_matches(|c| !is_word(c)).to_ascii_lowercase();
        let end = at + word.len();
        let has_value = line[end.min(line.len())..].chars().any(is_word) || word.len() > name.len();
        let sounds = SECRETS.iter().any(|secret| name.contains(secret));
        // Where a secret is may be seen.
        let is_path = ["_file", "_env"].iter().any(|end| name.ends_with(end));
        let is_path = is_path || ["tokens", "allowed_auth"].contains(&name.as_str());
        if sounds && !is_path && has_value && !line.trim_start().starts_with('[') {
            return format!("{}{} …", &line[..at], &line[at..at + name.len()]);
        }
        at = end;
    }
    line.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_shown_with_its_line() {
        let text = "[a]\nkö = 500 # five\n";
        let document = Document::parse(Path::new("b.toml"), text);
        assert!(document.is_err(), "bare keys are of ASCII");
        let text = "[a]\n\"kö\" = 500 # five\n";
        let document = Document::parse(Path::new("b.toml"), text).unwrap();
        let at = text.find("500").unwrap();
        assert_eq!(
            document.show(&(at..at + 3), "too much"),
            "b.toml:2:8: too much\n  2 | \"kö\" = 500 # five\n    |        ^^^"
        );
    }

    #[test]
    fn what_is_not_toml_is_all_shown() {
        let text = "[a]\nb = \nc = 1\nd == 2\n";
        let errors = Document::parse(Path::new("b.toml"), text).unwrap_err();
        let all = errors.join("\n");
        assert!(all.contains("b.toml:2:"), "{all}");
        assert!(all.contains("b.toml:4:"), "{all}");
    }

    #[test]
    fn what_sounds_like_a_secret_is_not_shown() {
        for (line, shown) in [
            ("token = \"abc\"", "token …"),
            ("token \"abc\"", "token …"),
            ("access = { token = \"abc\" }", "access = { token …"),
            ("  Api_Key=\"abc", "  Api_Key …"),
            ("key = \"sk-1\"", "key …"),
            ("authorization = \"Bearer 1\"", "authorization …"),
            ("key_env = \"OPENAI\"", "key_env = \"OPENAI\""),
            ("allowed_auth = [\"query\"]", "allowed_auth = [\"query\"]"),
            ("token_file = \"a/b\"", "token_file = \"a/b\""),
            ("ttl = 5", "ttl = 5"),
            ("[tokens]", "[tokens]"),
        ] {
            assert_eq!(without_secrets(line), shown);
        }
    }
}
