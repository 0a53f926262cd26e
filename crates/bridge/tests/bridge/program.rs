//! The bridge as a program: its one line, its end, and what it keeps to itself.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, ChildStderr, Command, Output, Stdio};

use crate::rig::{Client, KEY};

fn program(arguments: &[&str], token: Option<&str>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_offhook-bridge"));
    command.arg("serve").args(arguments);
    command.env_remove("OFFHOOK_BRIDGE_ACCESS_TOKEN");
    if let Some(token) = token {
        command.env("OFFHOOK_BRIDGE_ACCESS_TOKEN", token);
    }
    command
}

fn refused(output: &Output) -> String {
    assert!(!output.status.success());
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn a_taken_address_is_one_clear_sentence() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = program(&["--listen", &address], None).output().unwrap();
    let said = refused(&output);
    assert!(said.contains(&format!("{address} is taken")), "{said}");
}

#[test]
fn without_a_token_it_stays_on_this_machine() {
    let output = program(&["--listen", "0.0.0.0:0"], None).output().unwrap();
    let said = refused(&output);
    assert!(said.contains("without an access token"), "{said}");
    let empty = program(&["--listen", "127.0.0.1:0"], Some(" "));
    assert!(refused(&{ empty }.output().unwrap()).contains("token is empty"));
}

/// A running program, ended if a test fails.
struct Running {
    child: Child,
    address: SocketAddr,
    log: ChildStderr,
}

impl Running {
    fn start(mut command: Command) -> Self {
        let piped = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").unwrap();
        Self {
            address: address.parse().unwrap(),
            log: child.stderr.take().unwrap(),
            child,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Already gone in a test that succeeds.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[cfg(unix)]
#[tokio::test]
async fn it_ends_cleanly_and_keeps_its_secrets() {
    let mut command = program(&["--listen", "127.0.0.1:0"], Some(KEY));
    command.env("RUST_LOG", "trace");
    let mut running = Running::start(command);
    let client = Client::new(running.address);
    let token = client.token().await;
    let offer = format!("realtime, openai-insecure-api-key.{token}");
    let mut call = client.call(&[("sec-websocket-protocol", &offer)]).await;
    assert_eq!(call.event().await["type"], "session.created");
    let id = running.child.id().to_string();
    let signalled = Command::new("kill").args(["-TERM", &id]).status().unwrap();
    assert!(signalled.success());
    assert_eq!(call.close().await.code, 1001);
    drop(call);
    assert!(running.child.wait().unwrap().success());
    let mut log = String::new();
    running.log.read_to_string(&mut log).unwrap();
    assert!(log.contains("accepted") && log.contains("stopped"), "{log}");
    for secret in [KEY, token.as_str()] {
        assert!(!log.contains(secret), "a secret is in the log");
    }
}
