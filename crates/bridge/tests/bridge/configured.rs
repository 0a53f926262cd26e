//! The program with a file of settings: what it says of one, and by what it ends.

use std::fs;
use std::io::Read as _;
use std::path::PathBuf;
use std::process::{Command, Output};

use crate::program::{Running, program};
use crate::rig::{Client, answer};

/// A file of settings, gone when dropped.
struct File(PathBuf);

impl File {
    fn new(name: &str, text: &str) -> Self {
        let name = format!("offhook-bridge-{name}-{}.toml", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::write(&path, text).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.0));
    }
}

fn check(file: &File) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_offhook-bridge"));
    command.args(["check-config", file.path()]);
    command.output().unwrap()
}

#[test]
fn a_good_file_is_told_in_one_line() {
    let file = File::new("good", "[tokens]\nttl = 20\n");
    let output = check(&file);
    assert_eq!(output.status.code(), Some(0));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.starts_with(file.path()) && said.ends_with("sessions\n"),
        "{said}"
    );
    assert_eq!(said.lines().count(), 1, "{said}");
}

#[test]
fn everything_that_is_wrong_is_shown_and_ends_the_program_with_2() {
    let file = File::new("wrong", "[tokens]\nttl = 500\ntll = 20\n");
    let mut serve = program(&["--config", file.path()], None);
    for output in [check(&file), serve.output().unwrap()] {
        assert_eq!(output.status.code(), Some(2));
        assert!(output.stdout.is_empty());
        let said = String::from_utf8(output.stderr).unwrap();
        for head in [":2:7: tokens.ttl:", ":3:1: there is no setting `tll`"] {
            assert!(said.contains(&format!("{}{head}", file.path())), "{said}");
        }
        assert!(said.contains("  2 | ttl = 500\n    |       ^^^"), "{said}");
    }
    let missing = program(&["--config", "/nowhere/bridge.toml"], None)
        .output()
        .unwrap();
    assert_eq!(missing.status.code(), Some(2));
    let usage = program(&["--no-such-option"], None).output().unwrap();
    assert_eq!(usage.status.code(), Some(2));
}

#[test]
fn an_address_that_is_taken_ends_the_program_with_1() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = program(&["--listen", &address], None).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
}

#[tokio::test]
async fn it_serves_by_its_file_and_logs_as_told() {
    let text =
        "[server]\nlisten = \"127.0.0.1:0\"\nname = \"From the file\"\n[log]\nformat = \"json\"\n";
    let file = File::new("served", text);
    let mut running = Running::start(program(&["--config", file.path()], None));
    let client = Client::new(running.address);
    let (status, offer) = answer(client.get("/.well-known/offhook")).await;
    assert_eq!((status, &offer["name"]), (200, &"From the file".into()));
    running.child.kill().unwrap();
    let mut log = String::new();
    running.log.read_to_string(&mut log).unwrap();
    let first: serde_json::Value = serde_json::from_str(log.lines().next().unwrap()).unwrap();
    assert_eq!(first["level"], "WARN", "{first}");
}
