//! Which crate may depend on which, and the lints they share.

use std::collections::{BTreeMap, BTreeSet};

use toml::Table;

use crate::tree::{Breach, Tree};

/// The arrows of ARCHITECTURE.md: exactly these, no more and no fewer.
const EDGES: [(&str, &[&str]); 13] = [
    ("offhook-proto", &[]),
    ("offhook-client", &["offhook-proto"]),
    ("offhook-audio", &[]),
    (
        "offhook-phone",
        &[
            "offhook-audio",
            "offhook-client",
            "offhook-signin",
            "offhook-vault",
        ],
    ),
    (
        "offhook-bridge",
        &["offhook-client", "offhook-proto", "offhook-telephony"],
    ),
    ("offhook-cli", &["offhook-bridge", "offhook-phone"]),
    ("offhook-desktop", &["offhook-bridge", "offhook-phone"]),
    (
        "offhook-bench",
        &["offhook-client", "offhook-proto", "offhook-tests"],
    ),
    ("offhook-fuzz", &["offhook-proto"]),
    ("offhook-signin", &["offhook-client", "offhook-vault"]),
    ("offhook-sim", &["offhook-proto"]),
    ("offhook-telephony", &[]),
    ("offhook-vault", &[]),
];

/// What nothing depends on: the programs, their tests, the simulation, and the tasks. Only the
/// benchmarks use the rigs of the tests.
const LEAVES: [&str; 7] = [
    "offhook-bench",
    "offhook-cli",
    "offhook-desktop",
    "offhook-fuzz",
    "offhook-sim",
    "offhook-tests",
    "xtask",
];

/// Crates depend on each other as drawn; tests may see everything but the tasks.
pub(crate) fn edges(tree: &Tree) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for (path, manifest) in manifests(tree) {
        let name = name(&manifest);
        let normal = internal(&manifest, &["dependencies", "build-dependencies"]);
        let dev = internal(&manifest, &["dev-dependencies"]);
        let drawn = EDGES
            .iter()
            .find(|(from, _)| *from == name)
            .map(|(_, to)| *to);
        for to in normal.union(&dev) {
            let allowed = match drawn {
                Some(drawn) => drawn.contains(&to.as_str()),
                None => name == "offhook-tests" && !LEAVES.contains(&to.as_str()),
            };
            if !allowed {
                breaches.push(Breach(format!(
                    "{path}: {name} depends on {to}, which ARCHITECTURE.md does not draw: move \
                     what is needed to a crate both may see, or change the drawing and EDGES in \
                     tests/tidy/graph.rs and say why in the commit"
                )));
            }
        }
        for to in drawn
            .unwrap_or_default()
            .iter()
            .filter(|to| !normal.contains(**to))
        {
            breaches.push(Breach(format!(
                "{path}: {name} does not depend on {to} any more, but ARCHITECTURE.md says so: \
                 take the arrow out there and in EDGES in tests/tidy/graph.rs"
            )));
        }
    }
    breaches
}

/// Every crate inherits the workspace's lints, and those forbid unsafe code.
pub(crate) fn lints(tree: &Tree) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for (path, manifest) in manifests(tree) {
        let inherits = manifest
            .get("lints")
            .and_then(|lints| lints.get("workspace"));
        if inherits.and_then(toml::Value::as_bool) != Some(true) {
            breaches.push(Breach(format!(
                "{path}: does not inherit the lints: add `[lints]` with `workspace = true`"
            )));
        }
    }
    let forbids = parsed(tree, "Cargo.toml").is_some_and(|root| {
        let lints = root
            .get("workspace")
            .and_then(|workspace| workspace.get("lints"));
        let level = lints.and_then(|lints| lints.get("rust")?.get("unsafe_code")?.as_str());
        level == Some("forbid")
    });
    if !forbids {
        breaches.push(Breach(
            "Cargo.toml: unsafe code is not forbidden: set `unsafe_code = \"forbid\"` under \
             [workspace.lints.rust]"
                .to_owned(),
        ));
    }
    breaches
}

/// The manifests of all packages, by path.
fn manifests(tree: &Tree) -> BTreeMap<&str, Table> {
    let paths = tree.files.iter().map(|file| file.path.as_str());
    paths
        .filter(|path| path.ends_with("/Cargo.toml"))
        .filter_map(|path| Some((path, parsed(tree, path)?)))
        .collect()
}

fn parsed(tree: &Tree, path: &str) -> Option<Table> {
    tree.text(path)
        .map(|text| text.parse().expect("cargo has read this manifest before"))
}

fn name(manifest: &Table) -> String {
    let name = manifest
        .get("package")
        .and_then(|package| package.get("name")?.as_str());
    name.expect("cargo has read this manifest before")
        .to_owned()
}

/// The crates of this workspace that a manifest names in these sections, also per target.
fn internal(manifest: &Table, sections: &[&str]) -> BTreeSet<String> {
    let targets = manifest.get("target").and_then(toml::Value::as_table);
    let per_target = targets
        .into_iter()
        .flat_map(Table::values)
        .filter_map(toml::Value::as_table);
    let mut found = BTreeSet::new();
    for table in per_target.chain([manifest]) {
        for section in sections {
            let Some(section) = table.get(*section).and_then(toml::Value::as_table) else {
                continue;
            };
            for (key, value) in section {
                let package = value
                    .get("package")
                    .and_then(toml::Value::as_str)
                    .unwrap_or(key);
                if package.starts_with("offhook-") || package == "xtask" {
                    found.insert(package.to_owned());
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaches(rule: fn(&Tree) -> Vec<Breach>, path: &str, manifest: &str) -> Vec<String> {
        let root = "[workspace.lints.rust]\nunsafe_code = \"forbid\"\n";
        let found = rule(&Tree::of(&[("Cargo.toml", root), (path, manifest)]));
        found.into_iter().map(|breach| breach.0).collect()
    }

    #[test]
    fn an_arrow_that_is_not_drawn_is_found_in_every_section() {
        for section in [
            "dependencies",
            "dev-dependencies",
            "target.'cfg(unix)'.dependencies",
        ] {
            let manifest = format!(
                "[package]\nname = \"offhook-audio\"\n[{section}]\noffhook-phone.workspace = true\n"
            );
            let found = breaches(edges, "crates/audio/Cargo.toml", &manifest);
            assert_eq!(found.len(), 1, "{section}: {found:?}");
            assert!(
                found[0].contains("offhook-audio depends on offhook-phone"),
                "{found:?}"
            );
        }
    }

    #[test]
    fn a_renamed_dependency_does_not_hide() {
        let manifest = "[package]\nname = \"offhook-proto\"\n[dependencies]\n\
                        phone = { package = \"offhook-phone\", path = \"../phone\" }\n";
        assert_eq!(
            breaches(edges, "crates/proto/Cargo.toml", manifest).len(),
            1
        );
    }

    #[test]
    fn a_drawn_arrow_nobody_follows_is_found() {
        let manifest = "[package]\nname = \"offhook-client\"\n";
        let found = breaches(edges, "crates/client/Cargo.toml", manifest);
        assert!(
            found[0].contains("does not depend on offhook-proto any more"),
            "{found:?}"
        );
    }

    #[test]
    fn nothing_depends_on_the_tests_or_the_programs() {
        let manifest = "[package]\nname = \"offhook-tests\"\n[dependencies]\n\
                        offhook-phone.workspace = true\noffhook-cli.workspace = true\n";
        let found = breaches(edges, "tests/Cargo.toml", manifest);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("offhook-cli"), "{found:?}");
        let manifest = "[package]\nname = \"offhook-tests\"\n[dependencies]\n\
                        offhook-bench.workspace = true\n";
        assert_eq!(breaches(edges, "tests/Cargo.toml", manifest).len(), 1);
    }

    #[test]
    fn missing_lints_are_found() {
        let bare = "[package]\nname = \"xtask\"\n";
        assert_eq!(breaches(lints, "xtask/Cargo.toml", bare).len(), 1);
        let inherited = format!("{bare}[lints]\nworkspace = true\n");
        assert_eq!(breaches(lints, "xtask/Cargo.toml", &inherited), [""; 0]);
        let allowing = Tree::of(&[(
            "Cargo.toml",
            "[workspace.lints.rust]\nunsafe_code = \"warn\"\n",
        )]);
        assert_eq!(lints(&allowing).len(), 1);
    }
}
