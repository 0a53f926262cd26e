//! Reading settings one by one: from the command line, else the environment, else the file.
//!
//! A setting is known because it was asked for, and what is wrong is collected, so that all of it
//! can be said at once.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum;
use serde::de::DeserializeOwned;
use toml::de::{DeTable, ValueDeserializer};

use super::document::Document;
use super::environment::Environment;
use super::value::{Given, Origin, Shape, one_of, written};
use crate::arguments::Flags;

/// Reads settings, and remembers which, and what was wrong with them.
pub(super) struct Reader<'a> {
    flags: &'a Flags,
    environment: &'a Environment,
    document: Option<&'a Document<'a>>,
    /// The settings that were asked for.
    pub(super) known: Vec<&'static str>,
    /// Those whose values are lists of tables, which are not among `known`.
    pub(super) lists: Vec<&'static str>,
    given: Vec<(&'static str, Given)>,
    problems: Vec<(Option<Range<usize>>, String)>,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(
        flags: &'a Flags,
        environment: &'a Environment,
        document: Option<&'a Document<'a>>,
    ) -> Self {
        Self {
            flags,
            environment,
            document,
            known: Vec::new(),
            lists: Vec::new(),
            given: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// A text, if there is one.
    pub(super) fn text(&mut self, setting: &'static str) -> Option<Given> {
        self.one(setting, Shape::Text)
    }

    /// A text that `read` makes something of, or says what it has to be.
    pub(super) fn parsed<T>(
        &mut self,
        setting: &'static str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let given = self.one(setting, Shape::Text)?;
        self.made(setting, &given, read)
    }

    /// Such texts, and none unless said otherwise.
    pub(super) fn list<T>(
        &mut self,
        setting: &'static str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        let given = self.find(setting, Shape::List);
        let given = given.unwrap_or_default();
        let made = given.iter().map(|given| self.made(setting, given, &read));
        made.collect::<Vec<_>>().into_iter().flatten().collect()
    }

    /// One of the values of `T`.
    pub(super) fn choice<T: ValueEnum>(&mut self, setting: &'static str, default: T) -> T {
        self.parsed(setting, one_of).unwrap_or(default)
    }

    /// A whole number.
    pub(super) fn number(&mut self, setting: &'static str, default: u32) -> u32 {
        let given = self.one(setting, Shape::Number);
        let read = |text: &str| {
            let number = text.trim().parse();
            number.map_err(|_| "it has to be a whole number, and not below 0".to_owned())
        };
        let number = given.and_then(|given| self.made(setting, &given, read));
        number.unwrap_or(default)
    }

    /// A time in whole seconds.
    pub(super) fn seconds(&mut self, setting: &'static str, default: Duration) -> Duration {
        let default = u32::try_from(default.as_secs()).unwrap_or(u32::MAX);
        Duration::from_secs(self.number(setting, default).into())
    }

    /// `true` or `false`.
    pub(super) fn switch(&mut self, setting: &'static str, default: bool) -> bool {
        let given = self.one(setting, Shape::Switch);
        let read = |text: &str| {
            let switch = text.trim().parse();
            switch.map_err(|_| "it has to be true or false".to_owned())
        };
        let switch = given.and_then(|given| self.made(setting, &given, read));
        switch.unwrap_or(default)
    }

    /// A path; one in the file is meant from where the file is.
    pub(super) fn path(&mut self, setting: &'static str) -> Option<PathBuf> {
        let given = self.text(setting)?;
        Some(match (&given.origin, self.document) {
            (Origin::Place(_), Some(document)) => document.folder().join(given.text),
            _ => PathBuf::from(given.text),
        })
    }

    /// What a file holds that a setting names.
    pub(super) fn contents(&mut self, setting: &'static str, path: &Path) -> Option<String> {
        match std::fs::read_to_string(path) {
            Ok(text) => Some(text),
            Err(error) => {
                let what = format!("{} cannot be read: {error}", path.display());
                self.wrong(setting, &what);
                None
            }
        }
    }

    /// Tables of the file, as `[[agents]]` begins each; none where there are none at all.
    pub(super) fn tables<T: DeserializeOwned>(
        &mut self,
        setting: &'static str,
        texts: impl Fn(&T) -> Vec<String>,
    ) -> Option<Vec<T>> {
        self.lists.push(setting);
        let value = self.document?.value(setting)?;
        let Some(tables) = value
            .get_ref()
            .as_array()
            .filter(|it| it.iter().all(|it| it.get_ref().is_table()))
        else {
            let what =
                format!("{setting} has to be tables, each of which begins with [[{setting}]]");
            self.problems.push((Some(value.span()), what));
            return None;
        };
        if tables.is_empty() {
            return None;
        }
        let mut read = Vec::new();
        for table in tables {
            match T::deserialize(ValueDeserializer::from(table.clone())) {
                Ok(one) => {
                    let origin = Origin::Place(table.span());
                    for text in texts(&one) {
                        let origin = origin.clone();
                        self.given.push((setting, Given { text, origin }));
                    }
                    read.push(one);
                }
                Err(error) => {
                    let span = error.span().unwrap_or_else(|| table.span());
                    let what = format!("{setting}: {}", unquoted(error.message()));
                    self.problems.push((Some(span), what));
                }
            }
        }
        Some(read)
    }

    /// Where a setting's value came from, or that one of its values which is `text`.
    pub(super) fn origin(&self, setting: &str, text: Option<&str>) -> Option<&Origin> {
        let of = |(name, _): &&(&str, Given)| *name == setting;
        let is_it = |(_, given): &&(&str, Given)| text.is_none_or(|text| given.text == text);
        let exact = self.given.iter().filter(of).find(is_it);
        let found = exact.or_else(|| self.given.iter().find(of));
        found.map(|(_, given)| &given.origin)
    }

    /// Something is wrong with the value of a setting.
    pub(super) fn wrong(&mut self, setting: &'static str, what: &str) {
        self.wrong_at(self.origin(setting, None).cloned(), setting, what);
    }

    /// Something is wrong with a value that came from there.
    pub(super) fn wrong_at(&mut self, origin: Option<Origin>, setting: &str, what: &str) {
        self.problems.push(match origin {
            Some(Origin::Place(span)) => (Some(span), format!("{setting}: {what}")),
            Some(Origin::Named(name)) => (None, format!("{name}: {what}")),
            None => (None, format!("{setting}: {what}")),
        });
    }

    pub(super) const fn is_wrong(&self) -> bool {
        !self.problems.is_empty()
    }

    /// Everything that was wrong, in the order of the file, and then the rest.
    pub(super) fn problems(mut self) -> Vec<String> {
        self.problems
            .sort_by_key(|(span, _)| span.as_ref().map_or(usize::MAX, |span| span.start));
        let document = self.document;
        let shown = self
            .problems
            .into_iter()
            .map(|(span, what)| match span.zip(document) {
                Some((span, document)) => document.show(&span, &what),
                None => what,
            });
        shown.collect()
    }

    pub(super) fn document(&self) -> Option<&'a DeTable<'a>> {
        self.document.map(Document::table)
    }

    pub(super) const fn environment(&self) -> &'a Environment {
        self.environment
    }

    /// Something in the file is wrong that is no setting's value.
    pub(super) fn wrong_in_file(&mut self, span: Range<usize>, what: String) {
        self.problems.push((Some(span), what));
    }

    /// Options of the command line that make a setting only together.
    pub(super) fn flag(&self, name: &str) -> Option<(&'a str, &'a str)> {
        let (option, values) = self.flags.get(name)?;
        Some((option, values.first()?))
    }

    /// Notes that a setting has its value from there, and not from where it was read.
    pub(super) fn replace(&mut self, setting: &'static str, origin: Origin) {
        self.given.retain(|(name, _)| *name != setting);
        let text = String::new();
        self.given.push((setting, Given { text, origin }));
    }

    fn made<T>(
        &mut self,
        setting: &'static str,
        given: &Given,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        match read(&given.text) {
            Ok(value) => Some(value),
            Err(what) => {
                let what = format!("\"{}\" is not right: {what}", given.text);
                self.wrong_at(Some(given.origin.clone()), setting, &what);
                None
            }
        }
    }

    fn one(&mut self, setting: &'static str, shape: Shape) -> Option<Given> {
        self.find(setting, shape)?.into_iter().next()
    }

    fn find(&mut self, setting: &'static str, shape: Shape) -> Option<Vec<Given>> {
        self.known.push(setting);
        let found = self.on_command_line(setting);
        let found = found.or_else(|| self.in_environment(setting, shape));
        let found = found.or_else(|| self.in_file(setting, shape))?;
        self.given
            .extend(found.iter().map(|given| (setting, given.clone())));
        Some(found)
    }

    fn on_command_line(&self, setting: &str) -> Option<Vec<Given>> {
        let (option, values) = self.flags.get(setting)?;
        let given = values.iter().map(|value| Given {
            text: value.clone(),
            origin: Origin::Named(option.to_owned()),
        });
        Some(given.collect())
    }

    fn in_environment(&mut self, setting: &'static str, shape: Shape) -> Option<Vec<Given>> {
        let (name, value) = self.environment.get(setting)?;
        let Some(value) = value else {
            self.wrong_at(
                Some(Origin::Named(name)),
                setting,
                "its value is not text (UTF-8)",
            );
            return Some(Vec::new());
        };
        let texts: Vec<&str> = match shape {
            Shape::List => value
                .split(',')
                .map(str::trim)
                .filter(|it| !it.is_empty())
                .collect(),
            Shape::Text | Shape::Number | Shape::Switch => vec![value],
        };
        let given = texts.into_iter().map(|text| Given {
            text: text.to_owned(),
            origin: Origin::Named(name.clone()),
        });
        Some(given.collect())
    }

    fn in_file(&mut self, setting: &'static str, shape: Shape) -> Option<Vec<Given>> {
        let value = self.document?.value(setting)?;
        let given = written(value, shape);
        if given.is_none() {
            let is = value.get_ref().type_str();
            let what = format!(
                "{setting} is of the type {is}, and has to be {}",
                shape.said()
            );
            self.problems.push((Some(value.span()), what));
        }
        given
    }
}

/// What a parser says of a value, without the value: it may be a secret in the wrong place. Names of
/// fields are kept.
fn unquoted(message: &str) -> String {
    for start in ["unknown variant `", "invalid value: ", "invalid type: "] {
        if let Some((_, rest)) = message.split_once(start) {
            let expected = rest.rsplit_once("expected ").map(|(_, expected)| expected);
            let kind = start.trim_end_matches([' ', ':', '`']);
            return match expected {
                Some(expected) => format!("{kind}, expected {expected}"),
                None => kind.to_owned(),
            };
        }
    }
    message.to_owned()
}

#[cfg(test)]
mod tests {
    use super::unquoted;

    #[test]
    fn what_was_written_is_not_repeated() {
        for (said, left) in [
            (
                "unknown variant `sk-1`, expected `bearer` or `api-key`",
                "unknown variant, expected `bearer` or `api-key`",
            ),
            (
                "invalid type: string \"sk-1\", expected a sequence",
                "invalid type, expected a sequence",
            ),
            (
                "unknown field `key`, expected `url`",
                "unknown field `key`, expected `url`",
            ),
            ("missing field `id`", "missing field `id`"),
        ] {
            assert_eq!(unquoted(said), left);
        }
    }
}
