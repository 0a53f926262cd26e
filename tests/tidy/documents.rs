//! What the documents point at is there.

use crate::tree::{Breach, File, Tree};

/// The documents there must be.
const REQUIRED: [&str; 4] = [
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "README.md",
];

/// Every relative link and picture of the top-level documents and `docs/` leads to a file.
pub(crate) fn links(tree: &Tree) -> Vec<Breach> {
    let absent = REQUIRED.iter().filter(|path| tree.text(path).is_none());
    let mut breaches: Vec<Breach> = absent
        .map(|path| Breach(format!("{path}: is not there: write it")))
        .collect();
    for file in tree.files.iter().filter(|file| is_document(&file.path)) {
        for (number, target) in targets(file) {
            let leads_out = target.contains("://") || target.starts_with("mailto:");
            let path = target.split(['#', '?']).next().unwrap_or_default();
            if leads_out || path.is_empty() || tree.paths.contains(&resolve(&file.path, path)) {
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
        let good = "![a](images/ready.png) [b](../README.md#top) [c](https://a.example/) [d](#e)\n";
        assert_eq!(breaches("docs/protocol.md", good), [""; 0]);
        assert_eq!(breaches("docs/protocol.md", "[b](README.md)\n").len(), 1);
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
