//! Everything that is looked through, as it was at the moment.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use aho_corasick::AhoCorasick;
use anyhow::{Context as _, Result, ensure};
use offhook_tests::program::Program;

use crate::forms::{Canary, Kind};

/// Any step of a scene, on a machine that does other things as well.
pub(crate) const STEP: Duration = Duration::from_secs(40);

/// What a test itself has put into an environment.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Exempt<'a> {
    Nothing,
    Variables(&'a [&'a str]),
}

/// Texts and bytes, each with its place.
#[derive(Default)]
pub(crate) struct Evidence {
    found: Vec<(String, Vec<u8>)>,
}

impl Evidence {
    pub(crate) fn add(&mut self, place: &str, bytes: impl Into<Vec<u8>>) {
        self.found.push((place.to_owned(), bytes.into()));
    }

    /// What a program has written so far.
    pub(crate) fn output(&mut self, name: &str, program: &Program) {
        self.add(&format!("stdout of {name}"), program.lines().join("\n"));
        self.add(&format!("stderr of {name}"), program.complaints());
    }

    /// The arguments and the environment of a running program.
    pub(crate) fn process(&mut self, name: &str, id: u32, exempt: Exempt<'_>) -> Result<()> {
        let read = |file: &str| {
            let bytes = fs::read(format!("/proc/{id}/{file}")).with_context(|| name.to_owned());
            bytes.and_then(|bytes| {
                ensure!(!bytes.is_empty(), "{name} has ended");
                Ok(bytes)
            })
        };
        let (argv, environ) = (read("cmdline")?, read("environ")?);
        let is_exempt = |variable: &[u8]| match exempt {
            Exempt::Nothing => false,
            Exempt::Variables(names) => names.iter().any(|name| {
                let rest = variable.strip_prefix(name.as_bytes());
                rest.is_some_and(|rest| rest.starts_with(b"="))
            }),
        };
        let variables = environ.split(|byte| *byte == 0);
        let others: Vec<&[u8]> = variables.filter(|it| !is_exempt(it)).collect();
        self.add(&format!("argv of {name}"), argv);
        self.add(&format!("environ of {name}"), others.join(&0));
        Ok(())
    }

    /// Every file in a folder, at any depth.
    pub(crate) fn folder(&mut self, name: &str, folder: &Path) -> Result<()> {
        let mut folders = vec![folder.to_owned()];
        while let Some(next) = folders.pop() {
            // What is temporary may go while it is looked at.
            let entries = match fs::read_dir(&next) {
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                entries => entries?,
            };
            for entry in entries {
                let entry = entry?;
                let (kind, path) = (entry.file_type()?, entry.path());
                let inside = path.strip_prefix(folder)?.display().to_string();
                self.add(&format!("a name in {name}"), inside.clone());
                if kind.is_dir() {
                    folders.push(path);
                } else if kind.is_file() {
                    match fs::read(&path) {
                        Err(error) if error.kind() == ErrorKind::NotFound => {}
                        bytes => self.add(&format!("{inside} in {name}"), bytes?),
                    }
                }
            }
        }
        Ok(())
    }

    /// How many bytes there are.
    pub(crate) fn len(&self) -> usize {
        self.found.iter().map(|(_, bytes)| bytes.len()).sum()
    }

    /// What was found of these, and where: never the secret itself.
    pub(crate) fn hits(&self, canaries: &[Canary]) -> Result<Vec<String>> {
        let forms: Vec<(Kind, &str, String)> = canaries
            .iter()
            .flat_map(|canary| {
                let forms = canary.forms().into_iter();
                forms.map(|(form, text)| (canary.kind, form, text))
            })
            .collect();
        let searched = AhoCorasick::new(forms.iter().map(|(_, _, text)| text))?;
        let mut hits: BTreeMap<String, u32> = BTreeMap::new();
        for (place, bytes) in &self.found {
            for hit in searched.find_overlapping_iter(bytes) {
                let (kind, form, _) = &forms[hit.pattern().as_usize()];
                *hits
                    .entry(format!("{kind:?} {form} in {place}"))
                    .or_default() += 1;
            }
        }
        let told = hits.into_iter();
        Ok(told
            .map(|(hit, times)| format!("{hit}, {times} times"))
            .collect())
    }

    /// Fails on one hit; what was looked for, and in how much.
    pub(crate) fn clear(&self, canaries: &[Canary]) -> Result<String> {
        let hits = self.hits(canaries)?;
        ensure!(hits.is_empty(), "secrets were left:\n{}", hits.join("\n"));
        let mut kinds: BTreeMap<Kind, u32> = BTreeMap::new();
        for canary in canaries {
            *kinds.entry(canary.kind).or_default() += 1;
        }
        Ok(format!(
            "{kinds:?} in {} bytes of {} texts and files",
            self.len(),
            self.found.len()
        ))
    }
}
