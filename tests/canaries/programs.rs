//! Full sign-ins, calls and failures of the real programs, which log all they can.

use std::fs;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use offhook_tests::browser::Browser;
use offhook_tests::bus::Bus;
use offhook_tests::clock::wait_until;
use offhook_tests::environment::Environment;
use offhook_tests::keyring::Keyring;
use offhook_tests::program::Program;
use offhook_tests::rogue::{Manners, Rogue};
use offhook_tests::scratch::Scratch;
use offhook_tests::softphone::{ACCESS_TOKEN, Bridge, Caller, data, is_activity};
use offhook_tests::terminal::{PASSPHRASE, Terminal, done, shown};

use crate::evidence::{Evidence, Exempt, STEP};
use crate::forms::{Canary, Kind};
use crate::wire::{Wire, assert_each};

/// What passes when somebody signs in and calls.
const OF_A_SIGN_IN: [Kind; 8] = [
    Kind::AccessToken,
    Kind::RefreshToken,
    Kind::IdToken,
    Kind::DeviceCode,
    Kind::AuthorisationCode,
    Kind::CodeVerifier,
    Kind::CallToken,
    Kind::Proof,
];

const PASSPHRASES: [&str; 2] = ["canary passphrase & more", "canary passphrase, wrong"];
const TOKENS: [&str; 2] = ["canary-token-b5e3d9+/17", "canary-token-wrong-0f9a"];
const TOKEN: &str = "OFFHOOK_ACCESS_TOKEN";
const KEY: &str = "OFFHOOK_API_KEY";
/// What a test gives a program in its environment is there; in its children's it need not be.
const GIVEN: Exempt<'_> = Exempt::Variables(&[PASSPHRASE, TOKEN, KEY, ACCESS_TOKEN]);

/// A bridge behind a wire, whose files and output are looked through.
struct Place {
    wire: Wire,
    bridge: Bridge,
    scratch: Scratch,
    words: Vec<String>,
    token: Option<&'static str>,
}

impl Place {
    /// Its own issuer without `token`, whose access token it is.
    fn start(token: Option<&'static str>) -> Result<Self> {
        let (wire, scratch) = (Wire::start()?, Scratch::new("place")?);
        scratch.folder("tmp")?;
        let mut words = vec!["--name".to_owned(), "Example".to_owned()];
        words.extend(["--public-url".to_owned(), wire.url()]);
        // Long enough for one to be replaced in the middle of a call.
        words.extend(["--token-ttl", "10"].map(str::to_owned));
        if token.is_none() {
            let state = scratch.path().join("issuer.json").display().to_string();
            let issuer = ["--local-issuer", "--local-issuer-state", &state];
            words.extend(issuer.map(str::to_owned));
        }
        let bridge = run(&words, &scratch, token)?;
        wire.aim(&bridge)?;
        Ok(Self {
            wire,
            bridge,
            scratch,
            words,
            token,
        })
    }

    /// Ends the bridge as a crash does, keeps what it has said, and starts it again.
    fn restart(&mut self, evidence: &mut Evidence) -> Result<()> {
        self.look(evidence)?;
        self.bridge.program.kill()?;
        self.bridge.program.exit(STEP)?;
        self.bridge = run(&self.words, &self.scratch, self.token)?;
        self.wire.aim(&self.bridge)
    }

    /// The same, and whoever was signed in is not known there any more.
    fn forget(&mut self, evidence: &mut Evidence) -> Result<()> {
        fs::remove_file(self.scratch.path().join("issuer.json"))?;
        self.restart(evidence)
    }

    fn look(&self, evidence: &mut Evidence) -> Result<()> {
        evidence.output("the bridge", &self.bridge.program);
        evidence.process("the bridge", self.bridge.program.id(), GIVEN)?;
        evidence.folder("the bridge's folder", self.scratch.path())
    }
}

fn run(words: &[String], scratch: &Scratch, token: Option<&str>) -> Result<Bridge> {
    let mut command = Bridge::command("127.0.0.1:0")?;
    command.args(words).env("RUST_LOG", "trace");
    command.env("TMPDIR", scratch.path().join("tmp"));
    command.envs(token.map(|token| (ACCESS_TOKEN, token)));
    Bridge::run(&mut command)
}

/// A user whose programs log all they can.
fn user(bus: &Environment) -> Result<Terminal> {
    Ok(Terminal::new(bus)?.with(&Environment::new().with("RUST_LOG", "trace")))
}

/// While a program runs.
fn look(name: &str, program: &Program, user: &Terminal, evidence: &mut Evidence) -> Result<()> {
    evidence.process(name, program.id(), GIVEN)?;
    evidence.folder("the user's folder", user.folder())
}

/// Waits for a program's end, which has to be this one.
fn end(name: &str, program: &mut Program, code: i32, evidence: &mut Evidence) -> Result<()> {
    let done = done(program)?;
    // The log may have what must not be told.
    ensure!(done.code == Some(code), "{name} ends with {:?}", done.code);
    ensure!(done.err.contains("TRACE"), "{name} does not log all it can");
    evidence.output(name, program);
    Ok(())
}

fn does(words: &[&str], code: i32, user: &Terminal, evidence: &mut Evidence) -> Result<()> {
    end(&words.join(" "), &mut user.start(words)?, code, evidence)
}

/// A call over sound files.
fn call(more: &[&str], user: &Terminal) -> Result<Caller> {
    let speech = data("speech.wav").display().to_string();
    let answer: PathBuf = user.folder().join("answer.wav");
    let answer = answer.display().to_string();
    user.call(&[&["--mic", &speech, "--speaker", &answer], more].concat())
}

fn calls(more: &[&str], code: i32, user: &Terminal, evidence: &mut Evidence) -> Result<()> {
    let name = format!("call {}", more.join(" "));
    end(&name, &mut call(more, user)?.program, code, evidence)
}

/// By the browser and by a code; a call whose token is replaced and whose bridge crashes; one that
/// is refused as nobody knows the user any more; and signing out.
pub(crate) async fn sign_ins_and_calls() -> Result<()> {
    let (mut place, keyring) = (Place::start(None)?, Keyring::start()?);
    let (user, browser) = (user(&keyring.environment())?, Browser::start().await?);
    let (url, mut evidence) = (place.wire.url(), Evidence::default());

    let mut login = user.start(&["login", &url])?;
    let address = user.opened()?;
    look("login", &login, &user, &mut evidence)?;
    browser.sign_in_at_bridge(&address, "ada", None).await?;
    end("login", &mut login, 0, &mut evidence)?;
    does(&["status"], 0, &user, &mut evidence)?;
    does(&["status", "--json"], 0, &user, &mut evidence)?;

    let mut caller = call(&["test", "--at", &url], &user)?;
    caller.event("the greeting", STEP, |event| is_activity(event, "speaking"))?;
    look("call", &caller.program, &user, &mut evidence)?;
    wait_until("a fresh token in the middle of the call", STEP, || {
        (place.wire.count(Kind::CallToken) > 1).then_some(())
    })?;
    place.restart(&mut evidence)?;
    caller.event("a new session", STEP, |event| event["event"] == "back")?;
    look("call", &caller.program, &user, &mut evidence)?;
    caller.program.interrupt()?;
    end("call", &mut caller.program, 0, &mut evidence)?;
    calls(&["nobody", "--at", &url], 1, &user, &mut evidence)?;
    does(&["logout"], 0, &user, &mut evidence)?;
    calls(&["test", "--at", &url], 1, &user, &mut evidence)?;

    let mut login = user.start(&["login", "--device"])?;
    let (code, address) = shown(&login)?;
    look("login --device", &login, &user, &mut evidence)?;
    browser
        .sign_in_at_bridge(&address, "grace", Some(&code))
        .await?;
    end("login --device", &mut login, 0, &mut evidence)?;
    place.forget(&mut evidence)?;
    calls(&["test", "--at", &url], 1, &user, &mut evidence)?;
    does(&["status"], 0, &user, &mut evidence)?;
    does(&["logout"], 0, &user, &mut evidence)?;

    place.look(&mut evidence)?;
    evidence.folder("the user's folder", user.folder())?;
    evidence.folder("the keyring's folder", keyring.folder())?;
    let canaries = place.wire.canaries();
    assert_each(&canaries, &OF_A_SIGN_IN);
    eprintln!("sign-ins and calls: {}", evidence.clear(&canaries)?);
    Ok(())
}

/// Passphrases, access tokens and API keys, right and wrong ones.
pub(crate) async fn typed() -> Result<()> {
    let (signed, keyed) = (Place::start(None)?, Place::start(Some(TOKENS[0]))?);
    let browser = Browser::start().await?;
    let given = |name, value: &str| Environment::new().with(name, value);
    let bus = Bus::without_services()?;
    let user = user(&bus.environment())?.with(&given(PASSPHRASE, PASSPHRASES[0]));
    let (url, mut evidence) = (signed.wire.url(), Evidence::default());

    let mut login = user.start(&["login", &url, "--keep-in", "file"])?;
    let address = user.opened()?;
    look("login", &login, &user, &mut evidence)?;
    browser.sign_in_at_bridge(&address, "ada", None).await?;
    end("login", &mut login, 0, &mut evidence)?;
    let short = ["test", "--at", &url, "--keep-in", "file", "--for", "1"];
    calls(&short, 0, &user, &mut evidence)?;

    let user = user.with(&given(PASSPHRASE, PASSPHRASES[1]));
    does(&["status", "--keep-in", "file"], 0, &user, &mut evidence)?;
    calls(&short, 1, &user, &mut evidence)?;

    let url = keyed.wire.url();
    let user = user.with(&given(PASSPHRASE, PASSPHRASES[0]));
    let login = ["login", &url, "--keep-in", "file"];
    let user = user.with(&given(TOKEN, TOKENS[1]));
    does(&login, 1, &user, &mut evidence)?;
    let user = user.with(&given(TOKEN, TOKENS[0]));
    does(&login, 0, &user, &mut evidence)?;
    let user = user.with(&Environment::new().without(TOKEN));
    let short = ["test", "--at", &url, "--keep-in", "file", "--for", "1"];
    calls(&short, 0, &user, &mut evidence)?;

    let direct = ["test", "--url", &url, "--direct", "--for", "1"];
    let user = user.with(&given(KEY, TOKENS[0]));
    calls(&direct, 0, &user, &mut evidence)?;
    let user = user.with(&given(KEY, TOKENS[1]));
    calls(&direct, 1, &user, &mut evidence)?;
    let rogue = Rogue::start(Manners::WrongKey)?;
    calls(
        &["--url", &rogue.url(), "--direct"],
        1,
        &user,
        &mut evidence,
    )?;
    does(
        &["logout", &url, "--keep-in", "file"],
        0,
        &user,
        &mut evidence,
    )?;

    for place in [&signed, &keyed] {
        place.look(&mut evidence)?;
    }
    evidence.folder("the user's folder", user.folder())?;
    let mut canaries = signed.wire.canaries();
    canaries.extend(keyed.wire.canaries());
    canaries.extend(PASSPHRASES.map(|it| Canary::new(Kind::Passphrase, it)));
    canaries.extend(TOKENS.map(|it| Canary::new(Kind::ApiKey, it)));
    assert_each(
        &canaries,
        &[Kind::AccessToken, Kind::RefreshToken, Kind::CallToken],
    );
    eprintln!("what is typed: {}", evidence.clear(&canaries)?);
    Ok(())
}
