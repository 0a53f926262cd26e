//! What an operator has said, from the command line, the environment and a file, as one whole.

mod document;
mod environment;
mod faults;
mod reader;
mod schema;
mod strays;
mod summary;
mod value;

use std::path::Path;
use std::{fmt, fs};

use offhook_bridge::Config;

use crate::arguments::Flags;
use document::Document;
pub(crate) use environment::Environment;
use reader::Reader;

/// Secrets that have a variable of their own, and that no file but their own may hold.
const ACCESS_TOKEN: &str = "access.token";
const ADMIN_TOKEN: &str = "admin.token";
const TWILIO_TOKEN: &str = "twilio.auth_token";
const SECRETS: [&str; 3] = [ACCESS_TOKEN, ADMIN_TOKEN, TWILIO_TOKEN];

/// How the program is to run.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) config: Config,
    pub(crate) log: Log,
}

/// What is logged, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Log {
    pub(crate) format: LogFormat,
    /// As `tracing_subscriber::EnvFilter` reads it, which has been tried.
    pub(crate) filter: String,
}

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogFormat {
    /// A line for people.
    Text,
    /// An object in JSON a line, for programs.
    Json,
}

/// Everything that is wrong with what was said.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Problems(Vec<String>);

impl Settings {
    /// Reads all there is to read: the files that settings name too. Nothing is written.
    ///
    /// # Errors
    /// Everything that is wrong, each with the place it comes from.
    pub(crate) fn load(
        flags: &Flags,
        environment: &Environment,
        file: Option<&Path>,
    ) -> Result<Self, Problems> {
        let Some(path) = file else {
            return Self::of(flags, environment, None);
        };
        let text = fs::read_to_string(path).map_err(|error| {
            let path = path.display();
            Problems(vec![format!(
                "the configuration {path} cannot be read: {error}"
            )])
        })?;
        let document = Document::parse(path, &text).map_err(Problems)?;
        Self::of(flags, environment, Some(&document))
    }

    fn of(
        flags: &Flags,
        environment: &Environment,
        document: Option<&Document<'_>>,
    ) -> Result<Self, Problems> {
        let mut reader = Reader::new(flags, environment, document);
        let settings = schema::read(&mut reader);
        strays::find(&mut reader);
        faults::find(&mut reader, &settings.config);
        if reader.is_wrong() {
            return Err(Problems(reader.problems()));
        }
        Ok(settings)
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

#[cfg(test)]
mod example_tests;
#[cfg(test)]
#[path = "settings/tests.rs"]
mod tests;
