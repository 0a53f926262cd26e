//! The repository's text files, as the rules see them; or a small one made up to break a rule.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::Path;

/// Folders that hold nothing written by hand.
const SKIPPED: [&str; 8] = [
    ".git",
    "target",
    "node_modules",
    "dist",
    "gen",
    "test-results",
    "playwright-report",
    ".svelte-kit",
];

/// The endings of the files whose text is read.
const TEXTS: [&str; 11] = [
    "rs", "ts", "svelte", "js", "toml", "json", "md", "yml", "css", "html", "svg",
];

/// Every file of the repository.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    /// The text files, in the order of their paths.
    pub(crate) files: Vec<File>,
    /// The paths of all files and folders.
    pub(crate) paths: BTreeSet<String>,
}

/// One text file.
#[derive(Debug)]
pub(crate) struct File {
    /// Relative to the top folder, with `/` on every system.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// One place where a rule does not hold.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Breach(pub(crate) String);

impl fmt::Display for Breach {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Tree {
    /// Reads the repository this test was compiled in.
    pub(crate) fn read() -> Self {
        let top = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .expect("tests is not the top");
        let mut tree = Self::default();
        tree.walk(top, "");
        tree.files.sort_by(|a, b| a.path.cmp(&b.path));
        tree
    }

    /// A made-up tree.
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let mut tree = Self::default();
        for (path, text) in files {
            tree.paths.insert((*path).to_owned());
            tree.files.push(File {
                path: (*path).to_owned(),
                text: (*text).to_owned(),
            });
        }
        tree
    }

    /// The text of one file, if it is there.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files
            .iter()
            .find(|file| file.path == path)
            .map(|file| file.text.as_str())
    }

    /// The files in a folder, at any depth, with one of these endings.
    pub(crate) fn within<'a>(
        &'a self,
        folder: &'a str,
        endings: &'a [&str],
    ) -> impl Iterator<Item = &'a File> {
        self.files.iter().filter(move |file| {
            file.path.starts_with(folder) && endings.contains(&ending(&file.path))
        })
    }

    fn walk(&mut self, folder: &Path, prefix: &str) {
        for entry in fs::read_dir(folder).expect("the repository can be read") {
            let entry = entry.expect("the repository can be read");
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{prefix}{name}");
            // A file may go while we walk: an editor's or another test's.
            let Ok(kind) = entry.file_type() else {
                continue;
            };
            if kind.is_dir() {
                if !SKIPPED.contains(&name.as_str()) {
                    self.walk(&entry.path(), &format!("{path}/"));
                    self.paths.insert(path);
                }
            } else {
                if TEXTS.contains(&ending(&path))
                    && let Ok(text) = fs::read_to_string(entry.path())
                {
                    self.files.push(File {
                        path: path.clone(),
                        text,
                    });
                }
                self.paths.insert(path);
            }
        }
    }
}

impl File {
    /// The lines with their numbers, without those that are comments altogether.
    pub(crate) fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self
            .text
            .lines()
            .enumerate()
            .map(|(index, line)| (index + 1, line));
        lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    /// The file's own name.
    pub(crate) fn name(&self) -> &str {
        self.path
            .rsplit('/')
            .next()
            .expect("a split has a last part")
    }
}

fn ending(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(_, ending)| ending)
}
