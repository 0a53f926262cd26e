//! Secrets stay where they belong. Everything that went over the wire or was typed in full calls,
//! sign-ins and failures is looked for in logs, snapshots, arguments, environments and files. One
//! hit fails, and says of what kind it is and where, never what.
#![allow(
    clippy::print_stderr,
    reason = "the figures belong into the test's output"
)]

#[path = "canaries/direct.rs"]
mod direct;
#[path = "canaries/evidence.rs"]
mod evidence;
#[path = "canaries/forms.rs"]
mod forms;
#[path = "canaries/programs.rs"]
mod programs;
#[path = "canaries/wire.rs"]
mod wire;

use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::Result;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use offhook_tests::program::Program;
use offhook_tests::scratch::Scratch;

use evidence::{Evidence, Exempt};
use forms::{Canary, Kind};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_sign_ins_and_calls_is_left_anywhere() -> Result<()> {
    programs::sign_ins_and_calls().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_what_is_typed_is_left_anywhere() -> Result<()> {
    programs::typed().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_a_key_is_in_the_softphones_log_and_messages() -> Result<()> {
    direct::keys().await
}

/// What is planted is found, in every form and at every place: otherwise the rest proves nothing.
#[test]
fn what_is_planted_is_found() -> Result<()> {
    let secret = "planted+canary/4711 with spaces";
    let canaries = [Canary::new(Kind::Passphrase, secret)];
    let scratch = Scratch::new("planted")?;
    let mut command = Command::new("sh");
    command.env("PLANTED", secret);
    // It complains with the secret, and waits for a line.
    command.args(["-c", "echo \"token=$1\" >&2; echo; read line", "sh", secret]);
    let program = Program::start_with(&mut command, Stdio::piped())?;
    program.line("its first line", evidence::STEP, |_| true)?;

    let mut evidence = Evidence::default();
    evidence.process("argv and environ", program.id(), Exempt::Nothing)?;
    evidence.output("a log", &program);
    let encoded: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let forms = [
        ("plain", secret.to_owned()),
        ("base64", BASE64_STANDARD.encode(format!("x{secret}yz"))),
        ("url", "planted%2Bcanary%2F4711%20with%20spaces".to_owned()),
        ("form", "planted%2Bcanary%2F4711+with+spaces".to_owned()),
        ("bytes", format!("{:?}", secret.as_bytes())),
        ("hex", encoded),
    ];
    let deep = scratch.folder("deep")?;
    for (name, text) in &forms {
        let mut file = std::fs::File::create(deep.join(name))?;
        write!(file, "before {text} after")?;
    }
    evidence.folder("files", scratch.path())?;
    let hits = evidence.hits(&canaries)?;
    for place in ["argv", "environ", "stderr"] {
        assert!(hits.iter().any(|hit| hit.contains(place)), "{hits:?}");
    }
    for (name, _) in &forms {
        let path = format!("deep/{name}");
        assert!(hits.iter().any(|hit| hit.contains(&path)), "{hits:?}");
    }
    assert!(hits.iter().all(|hit| !hit.contains("4711")), "{hits:?}");

    // Only that variable, and only in the environment.
    let mut evidence = Evidence::default();
    evidence.process("the same", program.id(), Exempt::Variables(&["PLANTED"]))?;
    let hits = evidence.hits(&canaries)?;
    assert!(hits.iter().all(|hit| hit.contains("argv")), "{hits:?}");
    assert_eq!(hits.len(), 1);
    assert!(
        evidence
            .hits(&[Canary::new(Kind::ApiKey, "another, which is nowhere")])?
            .is_empty()
    );
    Ok(())
}
