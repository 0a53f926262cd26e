//! The bridge as a program: its one line, its end, and what it keeps to itself.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, ChildStderr, Command, Output, Stdio};

use reqwest::Method;
use serde_json::json;

use crate::line::Line;
use crate::operator::TOKEN;
use crate::prover::Prover;
use crate::rig::{Client, KEY, answer};

pub(crate) fn program(arguments: &[&str], token: Option<&str>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_offhook-bridge"));
    command.arg("serve").args(arguments);
    command.env_remove("OFFHOOK_BRIDGE_ACCESS_TOKEN");
    command.env_remove("OFFHOOK_BRIDGE_ADMIN_TOKEN");
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

#[test]
fn who_may_call_is_said_once_and_clearly() {
    let local = &["--listen", "127.0.0.1:0", "--local-issuer"][..];
    let both = program(local, Some(KEY)).output().unwrap();
    assert!(refused(&both).contains("only one of them"));
    let issuer = ["--issuer", "https://login.example"];
    for arguments in [&issuer[..], &[&issuer[..], local].concat()] {
        refused(&program(arguments, None).output().unwrap());
    }
    let insecure = [
        "--issuer",
        "http://login.example",
        "--audience",
        "a",
        "--client-id",
        "b",
    ];
    let output = program(&insecure, None).output().unwrap();
    assert!(refused(&output).contains("does not begin with https://"));
    let away = ["--listen", "0.0.0.0:0", "--local-issuer"];
    let output = program(&away, None).output().unwrap();
    assert!(refused(&output).contains("lets everybody sign in"));
}

#[test]
fn a_list_of_agents_is_read_or_its_fault_is_named() {
    let name = format!("offhook-agents-{}.json", std::process::id());
    let path = std::env::temp_dir().join(name);
    let arguments = [
        "--listen",
        "127.0.0.1:0",
        "--agents",
        path.to_str().unwrap(),
    ];
    let missing = refused(&program(&arguments, Some(KEY)).output().unwrap());
    assert!(missing.contains("cannot be read"), "{missing}");
    std::fs::write(
        &path,
        r#"[{"id":"a","name":"A","language":"en","color":"red"}]"#,
    )
    .unwrap();
    let bad = refused(&program(&arguments, Some(KEY)).output().unwrap());
    std::fs::remove_file(&path).unwrap();
    assert!(bad.contains("its color is not like"), "{bad}");
}

/// A running program, ended if a test fails.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) log: ChildStderr,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        let piped = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").unwrap();
        let (_, address) = address.split_once("://").unwrap();
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

#[test]
fn lifetimes_that_make_no_sense_are_refused() {
    for arguments in [
        &["--token-ttl", "0"][..],
        &["--token-ttl", "121"],
        &["--token-ttl", "20", "--min-token-ttl", "30"],
        &["--resume-window", "121"],
        &["--allow-auth", "query,password"],
    ] {
        let listen = ["--listen", "127.0.0.1:0"];
        let output = program(&[&listen[..], arguments].concat(), None).output();
        refused(&output.unwrap());
    }
}

#[tokio::test]
async fn what_signs_in_is_not_in_the_log() {
    let mut command = program(&["--listen", "127.0.0.1:0", "--local-issuer"], None);
    command.env("RUST_LOG", "trace");
    let mut running = Running::start(command);
    let client = Client::new(running.address);
    let owner = Prover::new(&client);
    let mut secrets = Vec::new();
    let mut tokens = owner.sign_in("anna").await;
    for _ in 0..2 {
        for name in ["access_token", "refresh_token", "id_token"] {
            secrets.extend(tokens[name].as_str().map(str::to_owned));
        }
        let refresh = tokens["refresh_token"].as_str().unwrap().to_owned();
        let access = tokens["access_token"].as_str().unwrap();
        let (status, minted) = answer(owner.mint(access).await).await;
        assert_eq!(status, 200);
        secrets.push(minted["value"].as_str().unwrap().to_owned());
        tokens = owner.refresh(&refresh).await.1;
    }
    assert_eq!(secrets.len(), 7);
    running.child.kill().unwrap();
    let mut log = String::new();
    running.log.read_to_string(&mut log).unwrap();
    assert!(log.contains("signed in"), "{log}");
    for secret in secrets {
        assert!(!log.contains(&secret), "a secret is in the log");
    }
}

#[tokio::test]
async fn the_operator_can_end_it_and_only_with_the_token() {
    let arguments = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
    let mut command = program(&arguments, Some(KEY));
    command.env("OFFHOOK_BRIDGE_ADMIN_TOKEN", format!("{TOKEN}\n"));
    let mut running = Running::start(command);
    let mut log = BufReader::new(&mut running.log).lines();
    let address = log.find_map(|line| {
        let line = line.unwrap();
        let (_, address) = line.split_once("the admin API listens address=")?;
        Some(address.parse().unwrap())
    });
    let admin = Client::new(address.unwrap());
    let drain = || admin.request(Method::POST, "/admin/v1/drain");
    assert_eq!(answer(drain()).await.0, 401);
    assert_eq!(answer(drain().bearer_auth(TOKEN)).await.0, 202);
    let log: Vec<_> = log.map(Result::unwrap).collect();
    assert!(running.child.wait().unwrap().success());
    assert!(log.iter().all(|line| !line.contains(TOKEN)), "{log:?}");
}

#[test]
fn the_admin_listener_is_not_open_to_the_network() {
    let away = ["--listen", "127.0.0.1:0", "--admin-listen", "0.0.0.0:0"];
    let said = refused(&program(&away, Some(KEY)).output().unwrap());
    assert!(said.contains("admin listener will not listen"), "{said}");
    let mut empty = program(&away, Some(KEY));
    let output = empty.env("OFFHOOK_BRIDGE_ADMIN_TOKEN", " ").output();
    assert!(refused(&output.unwrap()).contains("admin token is empty"));
    let missing = [&away[..], &["--admin-token-file", "/nowhere"]].concat();
    let said = refused(&program(&missing, Some(KEY)).output().unwrap());
    assert!(said.contains("/nowhere cannot be read"), "{said}");
}

#[cfg(unix)]
#[tokio::test]
async fn it_ends_cleanly_and_keeps_its_secrets() {
    let arguments = [
        "--listen",
        "127.0.0.1:0",
        "--token-ttl",
        "20",
        "--allow-auth",
        "query,first-message",
    ];
    let mut command = program(&arguments, Some(KEY));
    command.env("RUST_LOG", "trace");
    let mut running = Running::start(command);
    let client = Client::new(running.address);
    let mut tokens = vec![KEY.to_owned()];
    for _ in 0..4 {
        tokens.push(client.token().await);
    }
    // Every way a token can come.
    let offer = format!("realtime, openai-insecure-api-key.{}", tokens[1]);
    let mut plain = client.call(&[("sec-websocket-protocol", &offer)]).await;
    assert_eq!(plain.event().await["type"], "session.created");
    let mut query = client.call_at(&format!("?token={}", tokens[2]), &[]).await;
    assert_eq!(query.event().await["type"], "session.created");
    let mut later = client.call_at("?auth=message", &[]).await;
    later
        .send(&json!({ "type": "auth", "token": tokens[3] }))
        .await;
    assert_eq!(later.event().await["type"], "session.created");
    let mut line = Line::open_with(&client, "offhook.v1", &tokens[4], &[]).await;
    let fresh = client.token_for(&line.session).await;
    line.tell(&json!({ "type": "session.refresh", "token": fresh }))
        .await;
    let refreshed = line.until("session.refreshed").await;
    let next = refreshed["refresh_in_ms"].as_u64().unwrap();
    assert!((9_000..=16_000).contains(&next), "of 20 s: {refreshed}");
    tokens.push(fresh);

    let id = running.child.id().to_string();
    let signalled = Command::new("kill").args(["-TERM", &id]).status().unwrap();
    assert!(signalled.success());
    for call in [&mut plain, &mut query, &mut later] {
        assert_eq!(call.close().await.code, 1001);
    }
    line.until("offhook.go_away").await;
    line.tell(&json!({ "type": "offhook.bye", "reason": "done" }))
        .await;
    assert_eq!(line.call.close().await.code, 1000);
    drop((plain, query, later, line));
    let mut log = String::new();
    running.log.read_to_string(&mut log).unwrap();
    assert!(running.child.wait().unwrap().success());
    assert!(log.contains("accepted") && log.contains("stopped"), "{log}");
    for secret in tokens {
        assert!(!log.contains(&secret), "a secret is in the log");
    }
}
