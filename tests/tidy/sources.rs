//! What every source file keeps to: its head, its length, and what it may name.

use crate::tree::{Breach, File, Tree};

/// The longest a file may be, in lines.
const LONGEST: usize = 400;

/// The file that is generated and as long as it has to be.
const GENERATED: &str = "ui/src/bindings.ts";

/// What reads the clock or lets time pass. Written in two parts, so that this file may be read by
/// its own rule.
const CLOCKS: [&str; 3] = [
    concat!("Instant::", "now"),
    concat!("SystemTime::", "now"),
    concat!("sleep", "("),
];

/// Where only one machine keeps its things.
const PLACES: [&str; 5] = [
    concat!("/", "home/"),
    concat!("/", "root/"),
    concat!("/", "Users/"),
    concat!("/", "work/"),
    concat!(":\\", "Users"),
];

/// `crates/proto` is `no_std`: sans-I/O as a compile error.
pub(crate) fn proto_is_no_std(tree: &Tree) -> Vec<Breach> {
    let mut breaches = Vec::new();
    let root = "crates/proto/src/lib.rs";
    if !tree
        .text(root)
        .is_some_and(|text| text.lines().any(|line| line == "#![no_std]"))
    {
        breaches.push(Breach(format!(
            "{root}: has no line `#![no_std]`: put it back"
        )));
    }
    for file in tree.within("crates/proto/src/", &["rs"]) {
        let outside_tests = file
            .code()
            .take_while(|(_, line)| line.trim() != "#[cfg(test)]");
        for (number, line) in outside_tests.filter(|(_, line)| names(line, "std")) {
            breaches.push(Breach(format!(
                "{}:{number}: `{}` names the standard library: use core or alloc, or move what \
                 needs an operating system to crates/client",
                file.path,
                line.trim()
            )));
        }
    }
    breaches
}

/// `cpal` is named in two files: its next version renames calls.
pub(crate) fn cpal_in_two_files(tree: &Tree) -> Vec<Breach> {
    let named: Vec<&File> = tree
        .within("", &["rs"])
        .filter(|file| !file.path.starts_with("tests/"))
        .filter(|file| file.code().any(|(_, line)| names(line, "cpal")))
        .collect();
    let list = named
        .iter()
        .map(|file| file.path.as_str())
        .collect::<Vec<_>>()
        .join(", ");
    let outside = named
        .iter()
        .filter(|file| !file.path.starts_with("crates/audio/src/"));
    let mut breaches: Vec<Breach> = outside
        .map(|file| {
            Breach(format!(
                "{}: names cpal outside of crates/audio/src: use offhook-audio's own types",
                file.path
            ))
        })
        .collect();
    if named.len() != 2 {
        breaches.push(Breach(format!(
            "crates/audio/src: cpal is named in {} files ({list}), not in two: keep devices and \
             streams behind the crate's own types",
            named.len()
        )));
    }
    breaches
}

/// One file of the page imports Tauri; everything else runs in a plain browser.
pub(crate) fn tauri_in_one_file(tree: &Tree) -> Vec<Breach> {
    let importing: Vec<&str> = tree
        .within("ui/src/", &["ts", "svelte", "js"])
        .filter(|file| file.code().any(|(_, line)| line.contains("@tauri-apps/")))
        .map(|file| file.path.as_str())
        .collect();
    if importing.len() == 1 {
        return Vec::new();
    }
    vec![Breach(format!(
        "ui/src: Tauri is imported in {} files ({}), not in one: go through the Backend interface",
        importing.len(),
        importing.join(", ")
    ))]
}

/// Every Rust module opens with one `//!` sentence.
pub(crate) fn module_docs(tree: &Tree) -> Vec<Breach> {
    let bare = tree
        .within("", &["rs"])
        .filter(|file| !file.text.starts_with("//! "));
    bare.map(|file| {
        Breach(format!(
            "{}: does not open with `//! `: say in one sentence what the module is for",
            file.path
        ))
    })
    .collect()
}

/// No source file is longer than can be held in the head.
pub(crate) fn length(tree: &Tree) -> Vec<Breach> {
    let sources = tree.within("", &["rs", "ts", "svelte"]);
    sources
        .filter(|file| file.path != GENERATED)
        .map(|file| (file, file.text.lines().count()))
        .filter(|(_, lines)| *lines > LONGEST)
        .map(|(file, lines)| {
            Breach(format!(
                "{}: has {lines} lines, {LONGEST} are allowed: it holds more than one concept, \
                 give each a file",
                file.path
            ))
        })
        .collect()
}

/// Time is an argument: only a `clock.rs` reads the clock or lets time pass.
pub(crate) fn clocks(tree: &Tree) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for file in tree
        .within("", &["rs"])
        .filter(|file| file.name() != "clock.rs")
    {
        for (number, line) in file.code() {
            for clock in CLOCKS.iter().filter(|clock| line.contains(**clock)) {
                breaches.push(Breach(format!(
                    "{}:{number}: names `{clock}`: take the time as an argument, or wait for a \
                     condition; only a clock.rs reads the clock",
                    file.path
                )));
            }
        }
    }
    breaches
}

/// No file names a place that only its author's machine has.
pub(crate) fn machine_paths(tree: &Tree) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for file in &tree.files {
        for (index, line) in file.text.lines().enumerate() {
            for place in PLACES.iter().filter(|place| line.contains(**place)) {
                breaches.push(Breach(format!(
                    "{}:{}: names `{place}`, a place on one machine: make the path relative, or \
                     ask the environment for it",
                    file.path,
                    index + 1
                )));
            }
        }
    }
    breaches
}

/// Whether a line names a crate: `name::` or `use name` or `extern crate name`, as a whole word.
fn names(line: &str, name: &str) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(name).any(|(at, _)| {
        let (before, after) = (&line[..at], &line[at + name.len()..]);
        let whole = !before.ends_with(word) && !after.starts_with(word);
        let declared = before.ends_with("use ") || before.ends_with("extern crate ");
        whole && (after.starts_with("::") || declared)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(rule: fn(&Tree) -> Vec<Breach>, files: &[(&str, &str)]) -> usize {
        rule(&Tree::of(files)).len()
    }

    #[test]
    fn the_standard_library_is_found_in_proto_but_not_in_its_tests() {
        let root = "crates/proto/src/lib.rs";
        let rule = proto_is_no_std;
        assert_eq!(
            count(rule, &[(root, "#![no_std]\nuse alloc::vec::Vec;\n")]),
            0
        );
        assert_eq!(
            count(rule, &[(root, "use alloc::vec::Vec;\n")]),
            1,
            "no_std is gone"
        );
        assert_eq!(count(rule, &[(root, "#![no_std]\nuse std::fs;\n")]), 1);
        assert_eq!(count(rule, &[(root, "#![no_std]\nextern crate std;\n")]), 1);
        let tested = "#![no_std]\n// std::fs\n#[cfg(test)]\nmod tests { use std::fs; }\n";
        assert_eq!(count(rule, &[(root, tested)]), 0);
    }

    #[test]
    fn a_third_file_with_cpal_is_found_and_so_is_one_elsewhere() {
        let two = [
            ("crates/audio/src/a.rs", "use cpal::Stream;\n"),
            ("crates/audio/src/b.rs", "fn f() -> cpal::Device\n"),
            ("crates/audio/src/c.rs", "// cpal::Device\nfn mycpal::x()\n"),
        ];
        assert_eq!(count(cpal_in_two_files, &two), 0);
        let three = [two.as_slice(), &[("crates/audio/src/d.rs", "use cpal;\n")]].concat();
        assert_eq!(count(cpal_in_two_files, &three), 1);
        let elsewhere = [two[0], ("crates/phone/src/b.rs", "cpal::x()\n")];
        assert_eq!(count(cpal_in_two_files, &elsewhere), 1);
    }

    #[test]
    fn a_second_import_of_tauri_is_found_and_so_is_none() {
        let one = (
            "ui/src/a.ts",
            "import { invoke } from \"@tauri-apps/api/core\";\n",
        );
        assert_eq!(count(tauri_in_one_file, &[one]), 0);
        let second = ("ui/src/b.svelte", "import x from '@tauri-apps/plugin';\n");
        assert_eq!(count(tauri_in_one_file, &[one, second]), 1);
        assert_eq!(count(tauri_in_one_file, &[("ui/src/a.ts", "")]), 1);
    }

    #[test]
    fn a_module_without_a_first_sentence_is_found() {
        assert_eq!(count(module_docs, &[("a.rs", "//! Does it.\n")]), 0);
        assert_eq!(count(module_docs, &[("a.rs", "use x;\n//! Late.\n")]), 1);
        assert_eq!(count(module_docs, &[("a.rs", "")]), 1);
    }

    #[test]
    fn the_line_after_the_longest_is_one_too_many() {
        let (most, more) = ("x\n".repeat(LONGEST), "x\n".repeat(LONGEST + 1));
        assert_eq!(count(length, &[("a.rs", &most)]), 0);
        assert_eq!(
            count(
                length,
                &[("a.rs", &more), ("b.svelte", &more), ("c.ts", &more)]
            ),
            3
        );
        assert_eq!(count(length, &[(GENERATED, &more)]), 0);
    }

    #[test]
    fn each_way_to_read_the_clock_is_found_outside_of_clock_files() {
        for clock in CLOCKS {
            let line = format!("    let now = {clock}();\n");
            assert_eq!(count(clocks, &[("crates/x/src/a.rs", &line)]), 1, "{clock}");
            assert_eq!(
                count(clocks, &[("crates/x/src/clock.rs", &line)]),
                0,
                "{clock}"
            );
        }
        assert_eq!(
            count(clocks, &[("a.rs", "timer.sleep_until(moment).await;\n")]),
            0
        );
    }

    #[test]
    fn each_place_of_one_machine_is_found_in_any_text() {
        for place in PLACES {
            let line = format!("see {place}me/offhook\n");
            assert_eq!(count(machine_paths, &[("docs/a.md", &line)]), 1, "{place}");
        }
        assert_eq!(
            count(
                machine_paths,
                &[("a.rs", "at /usr/bin and /tmp/.X11-unix\n")]
            ),
            0
        );
    }
}
