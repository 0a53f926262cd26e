//! The real window under Xvfb, driven through WebKitWebDriver, in a call to the real agent over
//! real sound devices.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use fantoccini::wd::Capabilities;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use offhook_tests::display::Display;
use offhook_tests::environment::Environment;
use offhook_tests::keyring::Keyring;
use offhook_tests::local_issuer::LocalIssuer;
use offhook_tests::program::{Program, workspace_program};
use offhook_tests::pulse::Pulse;
use offhook_tests::softphone::data;
use offhook_tests::web_driver::WebDriver;
use serde_json::{Value, json};

/// Any step a user waits for, on a machine that does other things as well.
const STEP: Duration = Duration::from_secs(40);

/// Everything a window needs, and the window. Fields are dropped in this order.
struct Desk {
    client: Client,
    _driver: WebDriver,
    keyring: Keyring,
    pulse: Pulse,
    _display: Display,
}

impl Desk {
    async fn with_window() -> Result<Self> {
        let display = Display::start()?;
        let pulse = Pulse::start()?;
        let keyring = Keyring::start()?;
        // The sound server knows no bus; the keyring's comes after it.
        let environment = pulse
            .environment()
            .and(&keyring.environment())
            .and(&display.environment())
            .and(
                &Environment::new()
                    .with("LANGUAGE", "en")
                    .with("LC_ALL", "C.UTF-8"),
            )
            .without("WAYLAND_DISPLAY");
        let driver = WebDriver::start(&environment)?;
        let program = workspace_program("offhook-desktop")?;
        let binary = json!({ "binary": program.get_program().to_string_lossy() });
        let capabilities =
            Capabilities::from_iter([("webkitgtk:browserOptions".to_owned(), binary)]);
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&driver.url())
            .await
            .with_context(|| driver.complaints())?;
        Ok(Self {
            client,
            _driver: driver,
            keyring,
            pulse,
            _display: display,
        })
    }

    /// Waits until the screen shows `selector`.
    async fn see(&self, selector: &str) -> Result<fantoccini::elements::Element> {
        let locator = Locator::Css(selector);
        let found = self.client.wait().at_most(STEP).for_element(locator).await;
        if found.is_err() {
            self.photograph("failed").await?;
        }
        found.with_context(|| format!("{selector} is not on the screen"))
    }

    async fn click(&self, selector: &str) -> Result<()> {
        self.see(selector)
            .await?
            .click()
            .await
            .with_context(|| format!("{selector} is clicked"))
    }

    /// Waits until a script's value satisfies `wanted`.
    async fn until(&self, script: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        let deadline = offhook_tests::clock::Deadline::after(STEP);
        loop {
            let value = self.client.execute(script, Vec::new()).await?;
            if wanted(&value) {
                return Ok(value);
            }
            if deadline.left().is_zero() {
                self.photograph("failed").await?;
                anyhow::bail!("in vain: {script} is still {value}");
            }
        }
    }

    /// Keeps a picture of the screen among the artefacts.
    async fn photograph(&self, name: &str) -> Result<PathBuf> {
        // The picture is of the last frame drawn: let the current one be.
        let frames = "const done = arguments[0]; \
                      requestAnimationFrame(() => requestAnimationFrame(() => done(1)))";
        self.client.execute_async(frames, Vec::new()).await?;
        let picture = self.client.screenshot().await?;
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/screenshots/window");
        fs::create_dir_all(&folder)?;
        let path = folder.join(format!("{name}.png"));
        fs::write(&path, picture)?;
        Ok(path)
    }
}

const SAID: &str = "return [...document.querySelectorAll('[data-testid=entry]')]\
                    .map((entry) => `${entry.dataset.speaker}: ${entry.textContent}`).join('\\n')";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_from_the_first_click_to_the_last() -> Result<()> {
    let desk = Desk::with_window().await?;

    desk.see("[data-testid=state][data-state=ready]").await?;
    desk.photograph("1-ready").await?;
    desk.click("[data-testid=call]").await?;

    desk.see("[data-testid=state][data-state=live]").await?;
    let greeted = |said: &Value| {
        said.as_str()
            .is_some_and(|said| said.contains("say it back"))
    };
    desk.until(SAID, greeted).await?;
    desk.photograph("2-live").await?;

    // The agent is interrupted by the button, and says nothing more.
    desk.click("[data-testid=interrupt]").await?;
    let interrupted = |said: &Value| {
        said.as_str()
            .is_some_and(|said| said.contains("interrupted"))
    };
    desk.until(SAID, interrupted).await?;

    // The caller is heard, and stands in the transcript.
    desk.pulse.say(&data("utterance.wav"))?.finish(STEP)?;
    let answered = |said: &Value| said.as_str().is_some_and(|said| said.contains("You said"));
    desk.until(SAID, answered).await?;

    let muted = "return document.querySelector('[data-testid=mute]').getAttribute('aria-pressed')";
    desk.click("[data-testid=mute]").await?;
    desk.until(muted, |pressed| pressed == "true").await?;
    desk.photograph("3-muted").await?;
    desk.click("[data-testid=mute]").await?;
    desk.until(muted, |pressed| pressed == "false").await?;

    // A page that is loaded anew finds the call as it is.
    desk.client.refresh().await?;
    desk.see("[data-testid=state][data-state=live]").await?;
    desk.until(SAID, answered).await?;

    desk.client.set_window_size(900, 640).await?;
    desk.photograph("4-wide").await?;

    desk.click("[data-testid=end]").await?;
    desk.see("[data-testid=state][data-state=ended]").await?;
    desk.photograph("5-ended").await?;
    desk.client.clone().close().await?;
    Ok(())
}

impl Desk {
    async fn text(&self, selector: &str) -> Result<String> {
        Ok(self.see(selector).await?.text().await?)
    }

    async fn type_into(&self, selector: &str, text: &str) -> Result<()> {
        let field = self.see(selector).await?;
        field.clear().await?;
        field
            .send_keys(text)
            .await
            .with_context(|| format!("{selector} is typed into"))
    }
}

/// How many entries of Offhook's are in the keyring.
const ENTRIES: [&str; 4] = ["search", "--all", "service", "offhook"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_signs_in_with_a_code_calls_and_signs_out() -> Result<()> {
    let issuer = LocalIssuer::start()?;
    let desk = Desk::with_window().await?;

    // A place to call is added: everything but its address is found out.
    desk.click("[data-testid=switcher]").await?;
    desk.click("[data-testid=add-place]").await?;
    desk.type_into("[data-testid=url]", issuer.url()).await?;
    desk.click("[data-testid=submit]").await?;
    desk.see("[data-testid=account][data-account=signed_out]")
        .await?;
    desk.photograph("accounts-1-signed-out").await?;

    desk.click("[data-testid=sign-in-device]").await?;
    let code = desk.text("[data-testid=device-code]").await?;
    desk.photograph("accounts-2-code").await?;
    let code: String = code.split_whitespace().collect();
    let url = format!("{}/oauth/device?user_code={code}", issuer.url());
    issuer.approve(&url, "Ada Lovelace")?;

    desk.see("[data-testid=call]").await?;
    let shown = "return document.body.textContent";
    let signed_in = |text: &Value| text.as_str().is_some_and(|it| it.contains("Ada Lovelace"));
    desk.until(shown, signed_in).await?;
    desk.photograph("accounts-3-signed-in").await?;
    let kept = desk.keyring.tool(&ENTRIES, "")?;
    ensure!(
        kept.contains("service"),
        "nothing is in the keyring: {kept}"
    );

    desk.click("[data-testid=call]").await?;
    desk.see("[data-testid=state][data-state=live]").await?;
    let greeted = |said: &Value| said.as_str().is_some_and(|it| it.contains("say it back"));
    desk.until(SAID, greeted).await?;
    desk.click("[data-testid=end]").await?;
    desk.see("[data-testid=state][data-state=ended]").await?;

    desk.click("[data-testid=done]").await?;
    desk.click("[data-testid=switcher]").await?;
    desk.click("[data-testid=place-options]").await?;
    desk.photograph("accounts-4-places").await?;
    desk.click("[data-testid=sign-out]").await?;
    desk.until(
        "return document.querySelector('[data-testid=account]')?.dataset.account",
        |account| account == "signed_out",
    )
    .await?;
    let kept = desk.keyring.tool(&ENTRIES, "")?;
    ensure!(!kept.contains("grant"), "the keyring still has it: {kept}");
    desk.client.clone().close().await?;
    Ok(())
}

#[test]
fn without_a_display_the_window_says_so_and_ends() -> Result<()> {
    let mut command = workspace_program("offhook-desktop")?;
    command
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .env("RUST_LOG", "error");
    let mut program = Program::start(&mut command)?;
    ensure!(program.exit(STEP)?.code() == Some(1));
    ensure!(
        program.complaints().contains("offhook call"),
        "{}",
        program.complaints()
    );
    Ok(())
}
