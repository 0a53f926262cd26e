//! The rules of ARCHITECTURE.md as tests: each breach says which file, which rule, what to do.

#[path = "tidy/documents.rs"]
mod documents;
#[path = "tidy/graph.rs"]
mod graph;
#[path = "tidy/sources.rs"]
mod sources;
#[path = "tidy/tree.rs"]
mod tree;

use tree::{Breach, Tree};

#[test]
fn crates_depend_on_each_other_only_as_drawn() {
    hold(graph::edges);
}

#[test]
fn every_crate_lives_under_the_workspaces_lints() {
    hold(graph::lints);
}

#[test]
fn proto_does_without_the_standard_library() {
    hold(sources::proto_is_no_std);
}

#[test]
fn cpal_is_named_in_two_files() {
    hold(sources::cpal_in_two_files);
}

#[test]
fn tauri_is_imported_in_one_file_of_the_page() {
    hold(sources::tauri_in_one_file);
}

#[test]
fn every_module_says_in_its_first_line_what_it_is_for() {
    hold(sources::module_docs);
}

#[test]
fn files_stay_short_enough_to_read() {
    hold(sources::length);
}

#[test]
fn the_clock_is_read_in_clock_files_only() {
    hold(sources::clocks);
}

#[test]
fn no_file_knows_the_machine_it_was_written_on() {
    hold(sources::machine_paths);
}

#[test]
fn links_in_documents_lead_somewhere() {
    hold(documents::links);
}

fn hold(rule: fn(&Tree) -> Vec<Breach>) {
    let tree = Tree::read();
    assert!(
        tree.files.len() > 50,
        "the tree was not read: {} files",
        tree.files.len()
    );
    let breaches = rule(&tree);
    let list: String = breaches
        .iter()
        .map(|breach| format!("\n- {breach}"))
        .collect();
    assert!(breaches.is_empty(), "{} breaches:{list}", breaches.len());
}
