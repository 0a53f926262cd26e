//! What the documents point at is there.

use crate::tree::{Breach, File, Tree};

/// The documents there must be.
const REQUIRED: [&str; 4] = [
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "README.md",
];

/// Every relative link and picture of the top-level documents and `docs/` leads to a file, and to a
/// heading of it if it names one.
pub(crate) fn links(tree: &Tree) -> Vec<Breach> {
    let absent = REQUIRED.iter().filter(|path| tree.text(path).is_none());
    let mut breaches: Vec<Breach> = absent
        .map(|path| Breach(format!("{path}: is not there: write it")))
        .collect();
    for file in tree.files.iter().filter(|file| is_document(&file.path)) {
        for (number, target) in targets(file) {
            let leads_out = target.contains("://") || target.starts_with("mailto:");
            let path = target.split(['#', '?']).next().unwrap_or_default();
            let resolved = if path.is_empty() {
                file.path.clone()
            } else {
                resolve(&file.path, path)
            };
            if leads_out || (tree.paths.contains(&resolved) && has_place(tree, &resolved, target)) {
                continue;
            }
            breaches.push(Breach(format!(
                "{}:{number}: links to {target}, which is not there: correct the link or add the \
                 file",
                file.path
            )));
        }
    }
    breaches
}

fn is_document(path: &str) -> bool {
    path.ends_with(".md") && (path.starts_with("docs/") || !path.contains('/'))
}

/// What a document links to, with line numbers; code blocks are not read.
fn targets(file: &File) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut in_code = false;
    for (index, line) in file.text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        } else if !in_code {
            for (open, close) in [("](", ')'), ("src=\"", '"'), ("href=\"", '"')] {
                let starts = line
                    .match_indices(open)
                    .map(|(at, _)| &line[at + open.len()..]);
                found.extend(
                    starts
                        .filter_map(|rest| rest.split(close).next())
                        .map(|to| (index + 1, to)),
                );
            }
        }
    }
    found
}

/// Whether the heading that a link to a document means, if it means one, is there.
fn has_place(tree: &Tree, document: &str, link: &str) -> bool {
    let (Some((_, place)), true) = (link.split_once('#'), document.ends_with(".md")) else {
        return true;
    };
    let lines = tree.text(document).unwrap_or_default().lines();
    let headings = lines.filter(|line| line.starts_with('#'));
    let headings = headings.filter_map(|line| line.trim_start_matches('#').strip_prefix(' '));
    headings.map(slug).any(|slug| slug == place)
}

/// What a heading is called in links.
fn slug(heading: &str) -> String {
    let letters = heading.to_lowercase();
    let kept = letters
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// The path a link means, seen from the document it is in.
fn resolve(document: &str, link: &str) -> String {
    let mut parts: Vec<&str> = document.split('/').collect();
    parts.pop();
    for part in link.trim_end_matches('/').split('/') {
        match part {
            "." | "" => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaches(path: &str, text: &str) -> Vec<String> {
        let mut files: Vec<(&str, &str)> = REQUIRED.map(|path| (path, "")).to_vec();
        files.retain(|(required, _)| *required != path);
        files.extend([(path, text), ("docs/images/ready.png", "")]);
        links(&Tree::of(&files))
            .into_iter()
            .map(|breach| breach.0)
            .collect()
    }

    #[test]
    fn dead_links_and_pictures_are_found_with_their_line() {
        let found = breaches(
            "README.md",
            "ok\n[a](docs/nowhere.md)\n<img src=\"gone.png\">\n",
        );
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            found[0].starts_with("README.md:2: links to docs/nowhere.md"),
            "{found:?}"
        );
    }

    #[test]
    fn links_are_seen_from_the_document_they_are_in() {
        let good = "![a](images/ready.png) [b](../README.md) [c](https://a.example/#d)\n";
        assert_eq!(breaches("docs/protocol.md", good), [""; 0]);
        assert_eq!(breaches("docs/protocol.md", "[b](README.md)\n").len(), 1);
    }

    #[test]
    fn links_to_headings_need_the_heading() {
        let text = "## What a `heading` says, here\n[a](#what-a-heading-says-here)\n[b](#gone)\n";
        let found = breaches("docs/protocol.md", text);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].starts_with("docs/protocol.md:3: links to #gone"),
            "{found:?}"
        );
        assert_eq!(breaches("docs/a.md", "[b](../README.md#gone)\n").len(), 1);
        assert_eq!(
            breaches("docs/a.md", "## B\n[b](../docs/a.md#b)\n"),
            [""; 0]
        );
    }

    #[test]
    fn code_is_not_read_as_links() {
        assert_eq!(
            breaches("README.md", "```\nlet x = a[0](b);\n```\n"),
            [""; 0]
        );
    }

    #[test]
    fn a_missing_document_is_found() {
        let found = links(&Tree::of(&[("README.md", "")]));
        assert_eq!(found.len(), REQUIRED.len() - 1);
    }
}
