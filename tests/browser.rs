//! A real browser, Chromium under chromedriver, in which people sign in at the provider of
//! [`crate::issuer`].

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use fantoccini::wd::Capabilities;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde::Deserialize;
use serde_json::json;

use crate::clock::Deadline;
use crate::environment::Environment;
use crate::http;
use crate::scratch::Scratch;
use crate::web_driver::WebDriver;

/// Any step a person waits for, on a machine that does other things as well.
const STEP: Duration = Duration::from_secs(40);

/// Names the browser to use.
const CHROMIUM: &str = "OFFHOOK_CHROMIUM";

/// The browsers that are looked for otherwise, the preferred one first.
const BROWSERS: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome-stable",
    "google-chrome",
];

/// Headless and alone: it stores nothing elsewhere, asks nothing, and knows no other host but this
/// one, so that nothing it does in the background leaves the machine.
const FLAGS: [&str; 14] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-extensions",
    "--disable-gpu",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    "--metrics-recording-only",
    "--no-first-run",
    "--no-proxy-server",
    "--password-store=basic",
];

/// The folder of the profile in its home; Chromium makes it.
const PROFILE: &str = "profile";

/// What the page at the moment is, or nothing while it is being loaded. Pages of the provider's say
/// that they are.
const LOOK: &str = "\
    if (document.readyState !== 'complete' || document.body === null) return null; \
    const { step } = document.documentElement.dataset; \
    return { url: location.href, text: document.body.innerText, step: step ?? null };";

/// A page as a person sees it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct Page {
    /// Where it is; the query may hold a code.
    pub url: String,
    /// Its text.
    pub text: String,
    /// Which step of a sign-in it is, by the provider's own words; nothing for other pages.
    step: Option<Step>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Step {
    /// Who is this?
    Login,
    /// May the program do that?
    Consent,
    /// Which code does the device show?
    Code,
    /// Is it this one?
    Question,
    /// The device may go on.
    Confirmed,
    /// It cannot be done.
    Problem,
}

/// What somebody answers at the provider.
#[derive(Debug, Clone, Copy)]
struct Person<'a> {
    login: &'a str,
    consents: bool,
    code: &'a str,
}

/// A running browser with a profile of its own; it ends when dropped. Fields are dropped in this
/// order.
#[derive(Debug)]
pub struct Browser {
    client: Client,
    session: String,
    driver: WebDriver,
    home: Scratch,
}

impl Browser {
    /// Starts one.
    ///
    /// # Errors
    /// When Chromium or chromedriver is missing or does not start.
    pub async fn start() -> Result<Self> {
        let home = Scratch::new("browser")?;
        let environment = Environment::new()
            .with("HOME", home.path())
            .with("LC_ALL", "C.UTF-8")
            .with("LANGUAGE", "en")
            .without("DISPLAY")
            .without("WAYLAND_DISPLAY")
            .without("XDG_CONFIG_HOME")
            .without("XDG_CACHE_HOME");
        let driver = WebDriver::for_chromium(&environment)?;
        let profile = format!("--user-data-dir={}", home.path().join(PROFILE).display());
        let flags: Vec<&str> = FLAGS.into_iter().chain([profile.as_str()]).collect();
        let options = json!({ "binary": chromium()?, "args": flags });
        let capabilities = Capabilities::from_iter([("goog:chromeOptions".to_owned(), options)]);
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&driver.url())
            .await
            .with_context(|| driver.complaints())?;
        let session = client.session_id().await?.context("no session")?;
        Ok(Self {
            client,
            session,
            driver,
            home,
        })
    }

    /// The driver's client, for what has no method here.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The folder of its profile, which no other browser has.
    #[must_use]
    pub fn profile(&self) -> PathBuf {
        self.home.path().join(PROFILE)
    }

    /// Opens an address and waits until its page is there.
    ///
    /// # Errors
    /// When there is none.
    pub async fn open(&self, url: &str) -> Result<Page> {
        // Neither the driver's words nor ours: the address may hold a secret.
        ensure!(
            self.client.goto(url).await.is_ok(),
            "the browser cannot open {}",
            place(url)
        );
        self.page(|_| true).await
    }

    /// Signs in at the provider as `login` and consents; the page that the provider leads to. Who
    /// has signed in before in this browser is not asked for the name again.
    ///
    /// # Errors
    /// When the provider refuses, or does not get to an end.
    pub async fn sign_in(&self, url: &str, login: &str) -> Result<Page> {
        let person = Person {
            login,
            consents: true,
            code: "",
        };
        self.go_through(url, person).await
    }

    /// Signs in at the provider as `login` and does not consent; the page that the provider leads
    /// to.
    ///
    /// # Errors
    /// When the provider does not get to an end.
    pub async fn deny(&self, url: &str, login: &str) -> Result<Page> {
        let person = Person {
            login,
            consents: false,
            code: "",
        };
        self.go_through(url, person).await
    }

    /// Opens the address that a device shows, types the code in unless it is part of the address,
    /// and signs in as `login`; the page that says that the device may go on.
    ///
    /// # Errors
    /// When the provider refuses the code, or does not get to an end.
    pub async fn device(&self, url: &str, code: &str, login: &str) -> Result<Page> {
        let person = Person {
            login,
            consents: true,
            code,
        };
        self.go_through(url, person).await
    }

    /// Does as [`Self::device`] does, but does not consent; the page that says so.
    ///
    /// # Errors
    /// When the provider does not get to an end.
    pub async fn deny_device(&self, url: &str, code: &str, login: &str) -> Result<Page> {
        let person = Person {
            login,
            consents: false,
            code,
        };
        self.go_through(url, person).await
    }

    /// Signs in by this name at a bridge that is its own issuer, typing the code that a device shows
    /// if there is one; the page that the bridge leads to.
    ///
    /// # Errors
    /// When the bridge refuses.
    pub async fn sign_in_at_bridge(
        &self,
        url: &str,
        name: &str,
        code: Option<&str>,
    ) -> Result<Page> {
        let is_form = |page: &Page| page.text.contains("Any name will do");
        let page = self.open(url).await?;
        ensure!(is_form(&page), "the bridge says: {}", page.text);
        if let Some(code) = code {
            self.fill("user_code", code).await?;
        }
        self.fill("name", name).await?;
        self.click("button[value=sign_in]").await?;
        self.page(|page| !is_form(page)).await
    }

    /// Shows pages as for a person who prefers them dark, or light.
    ///
    /// # Errors
    /// When the driver does not know how.
    pub fn prefer_dark(&self, dark: bool) -> Result<()> {
        let value = if dark { "dark" } else { "light" };
        let feature = json!({ "name": "prefers-color-scheme", "value": value });
        let order = json!({
            "cmd": "Emulation.setEmulatedMedia",
            "params": { "features": [feature] },
        });
        let url = format!(
            "{}/session/{}/goog/cdp/execute",
            self.driver.url(),
            self.session
        );
        let answer = http::post_json(&url, &order)?;
        ensure!(answer.status == 200, "{}", answer.body);
        Ok(())
    }

    /// Keeps a picture of the page among the artefacts: its path.
    ///
    /// # Errors
    /// When the picture cannot be taken or written.
    pub async fn photograph(&self, name: &str) -> Result<PathBuf> {
        let picture = self.client.screenshot().await?;
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/screenshots/browser");
        fs::create_dir_all(&folder)?;
        let path = folder.join(format!("{name}.png"));
        fs::write(&path, picture)?;
        Ok(path)
    }

    /// Does what each page asks for, until there is one that asks for nothing.
    async fn go_through(&self, url: &str, person: Person<'_>) -> Result<Page> {
        let mut page = self.open(url).await?;
        loop {
            let Some(step) = page.step else {
                return Ok(page);
            };
            match step {
                Step::Confirmed => return Ok(page),
                // What somebody denies on a device comes back to the provider.
                Step::Problem if !person.consents => return Ok(page),
                Step::Problem => bail!("the provider says: {}", page.text),
                Step::Login => {
                    self.fill("login", person.login).await?;
                    self.click("#sign-in").await?;
                }
                Step::Consent if person.consents => self.click("#allow").await?,
                Step::Consent => self.click("#deny").await?,
                Step::Code => {
                    self.fill("user_code", person.code).await?;
                    self.click("#continue").await?;
                }
                Step::Question => {
                    ensure!(
                        page.text.contains(person.code),
                        "the provider shows another code: {}",
                        page.text
                    );
                    self.click("#confirm").await?;
                }
            }
            page = self.page(|page| page.step != Some(step)).await?;
        }
    }

    /// Waits for a page for which `wanted` holds.
    async fn page(&self, wanted: impl Fn(&Page) -> bool) -> Result<Page> {
        let deadline = Deadline::after(STEP);
        loop {
            // A page that goes away meanwhile cannot be looked at: the next one can.
            let looked = self.client.execute(LOOK, Vec::new()).await;
            let page: Option<Page> = looked
                .ok()
                .and_then(|value| serde_json::from_value(value).ok())
                .flatten();
            match page {
                Some(page) if wanted(&page) => return Ok(page),
                page if deadline.left().is_zero() => {
                    self.photograph("failed").await?;
                    bail!("waited {STEP:?} in vain for another page than {page:?}");
                }
                _ => {}
            }
        }
    }

    async fn fill(&self, name: &str, text: &str) -> Result<()> {
        let selector = format!("input[name={name}]");
        let field = self.client.find(Locator::Css(&selector)).await?;
        field.send_keys(text).await?;
        Ok(())
    }

    async fn click(&self, selector: &str) -> Result<()> {
        let button = self.client.find(Locator::Css(selector)).await?;
        button
            .click()
            .await
            .with_context(|| format!("{selector} is clicked"))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver ends the browser with the session, and all its processes; without the driver it
        // would live on. A driver that is gone cannot be asked.
        let _ = http::delete(&format!("{}/session/{}", self.driver.url(), self.session));
    }
}

impl std::fmt::Debug for Page {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Page")
            .field("url", &place(&self.url))
            .field("text", &self.text)
            .field("step", &self.step)
            .finish()
    }
}

/// An address without its query and fragment, which may hold secrets.
fn place(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}

fn chromium() -> Result<PathBuf> {
    if let Some(path) = env::var_os(CHROMIUM) {
        return Ok(path.into());
    }
    let folders = env::var_os("PATH").context("there is no search path")?;
    let mut candidates = BROWSERS
        .iter()
        .flat_map(|name| env::split_paths(&folders).map(move |folder| folder.join(name)));
    candidates
        .find(|candidate| candidate.is_file())
        .with_context(|| format!("no browser found: install Chromium, or set {CHROMIUM}"))
}
