//! Metrics are named in four places, which have to agree: a real exposition, `docs/metrics.md`, the
//! alerts, and the dashboard.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::operator::{Operator, with_admin};
use crate::rig::Rig;

/// Every metric of a real bridge and its type.
async fn exposed() -> BTreeMap<String, String> {
    let rig = Rig::start(with_admin).await;
    let text = Operator::of(&rig).exposition().await;
    rig.stop().await;
    let types = text.lines().filter_map(|line| {
        let (name, kind) = line.strip_prefix("# TYPE ")?.split_once(' ')?;
        Some((name.to_owned(), kind.to_owned()))
    });
    let types: BTreeMap<_, _> = types.collect();
    assert!(types.len() > 25, "{text}");
    types
}

/// A file of the project.
fn file(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read_to_string(root.join(path)).unwrap()
}

/// The names in a text that look like metrics of ours.
fn named(text: &str) -> Vec<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words
        .filter(|word| word.starts_with("websocket_") || word.starts_with("offhook_"))
        .collect()
}

#[tokio::test]
async fn the_table_has_every_metric_and_no_other() {
    let table = file("docs/metrics.md");
    let rows = table.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.split('|');
        let name = cells.next()?.trim().trim_end_matches('`');
        Some((name.to_owned(), cells.next()?.trim().to_owned()))
    });
    let rows: BTreeMap<_, _> = rows.collect();
    assert_eq!(rows, exposed().await);
}

#[tokio::test]
async fn alerts_and_dashboard_ask_for_metrics_that_there_are() {
    let exposed = exposed().await;
    let is_there = |name: &str| {
        let parts = ["_bucket", "_sum", "_count"];
        let whole = parts.iter().find_map(|part| name.strip_suffix(part));
        exposed.contains_key(name)
            || whole.is_some_and(|whole| exposed.get(whole).is_some_and(|it| it == "histogram"))
    };
    for path in [
        "deploy/prometheus/alerts.yml",
        "deploy/grafana/offhook-bridge.json",
    ] {
        let text = file(path);
        let names = named(&text);
        assert!(names.len() > 10, "{path}: {names:?}");
        for name in names {
            assert!(is_there(name), "{path} asks for {name}");
        }
    }
}

#[test]
fn every_alert_says_what_it_is_and_what_to_do() {
    let text = file("deploy/prometheus/alerts.yml");
    let mut rules = text.split("- alert: ").skip(1).peekable();
    assert!(rules.peek().is_some());
    for rule in rules {
        for part in ["expr:", "severity:", "summary:", "action:"] {
            assert_eq!(rule.matches(part).count(), 1, "{part} of {rule}");
        }
    }
}

#[test]
fn every_panel_of_the_dashboard_asks_for_something() {
    let text = file("deploy/grafana/offhook-bridge.json");
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let drawn = panels.iter().filter(|panel| panel["type"] != "row");
    let mut ids = Vec::new();
    for panel in drawn {
        ids.push(panel["id"].as_u64().unwrap());
        assert!(panel["title"].is_string() && panel["description"].is_string());
        let targets = panel["targets"].as_array().unwrap();
        assert!(!targets.is_empty(), "{panel}");
        for target in targets {
            assert!(!named(target["expr"].as_str().unwrap()).is_empty());
        }
    }
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "two panels have one id");
}
