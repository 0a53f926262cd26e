//! The rigs for signing in: a real provider and a real browser, gone through by hand.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use offhook_tests::browser::{Browser, Page};
use offhook_tests::clock::wait_until;
use offhook_tests::http::{self, Answer};
use offhook_tests::issuer::{Issuer, Options};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use url::Url;

const PATIENCE: Duration = Duration::from_secs(40);

/// What a client makes up and keeps to itself; here it is the same each time.
const VERIFIER: &str = "a-verifier-that-is-long-enough-for-pkce-and-known-to-everyone";

const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// What a client shows a browser that comes back.
const WELCOME: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 41\r\n\
                       Connection: close\r\n\r\n<link rel=icon href='data:,'>Back at home";

/// Where a client waits for the browser to come back. Whoever comes is shown the same, until the
/// guard is dropped.
struct Callback {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    waiting: Option<JoinHandle<()>>,
}

impl Callback {
    fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let waiting = thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                // A browser connects in advance, and may say nothing.
                thread::spawn(move || {
                    let _ = stream.read(&mut [0; 16 << 10]);
                    let _ = stream.write_all(WELCOME.as_bytes());
                });
            }
        });
        Ok(Self {
            address,
            stop,
            waiting: Some(waiting),
        })
    }

    fn url(&self) -> String {
        format!("http://{}/callback", self.address)
    }
}

impl Drop for Callback {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts.
        drop(TcpStream::connect(self.address));
        if let Some(waiting) = self.waiting.take() {
            drop(waiting.join());
        }
    }
}

/// A provider whose tokens are not bound to keys: the proofs are the client's own tests' matter.
fn unbound() -> Options {
    Options {
        dpop: false,
        ..Options::default()
    }
}

/// A client that does by hand what a program does.
struct Desk {
    issuer: Issuer,
    browser: Browser,
    callback: Callback,
}

impl Desk {
    async fn with(options: &Options) -> Result<Self> {
        Ok(Self {
            issuer: Issuer::start(options)?,
            browser: Browser::start().await?,
            callback: Callback::start()?,
        })
    }

    /// Where the browser is sent.
    fn authorization(&self) -> Result<String> {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
        let scope = format!("openid offline_access {}", self.issuer.scope());
        let url = Url::parse_with_params(
            &format!("{}/auth", self.issuer.url()),
            [
                ("client_id", self.issuer.client_id()),
                ("redirect_uri", &self.callback.url()),
                ("response_type", "code"),
                ("scope", &scope),
                ("resource", self.issuer.resource()),
                ("prompt", "consent"),
                ("state", "a-state"),
                ("code_challenge", &challenge),
                ("code_challenge_method", "S256"),
            ],
        )?;
        Ok(url.into())
    }

    /// Signs in and hands the code in.
    async fn sign_in(&self) -> Result<Answer> {
        let page = self.browser.sign_in(&self.authorization()?, "ada").await?;
        assert_eq!(page.text, "Back at home");
        assert_eq!(query(&page, "state").as_deref(), Some("a-state"));
        let code = query(&page, "code").context("no code")?;
        let callback = self.callback.url();
        self.token(&[
            ("grant_type", "authorization_code"),
            ("redirect_uri", &callback),
            ("code_verifier", VERIFIER),
            ("code", &code),
        ])
    }

    fn refresh(&self, token: &str) -> Result<Answer> {
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", token)])
    }

    fn token(&self, fields: &[(&str, &str)]) -> Result<Answer> {
        let client = [("client_id", self.issuer.client_id())];
        let fields = [&client, fields].concat();
        http::post_form(&format!("{}/token", self.issuer.url()), &fields)
    }
}

/// A value of the query that a browser came back with.
fn query(page: &Page, name: &str) -> Option<String> {
    let url = Url::parse(&page.url).ok()?;
    let mut pairs = url.query_pairs();
    let (_, value) = pairs.find(|(key, _)| key == name)?;
    Some(value.into_owned())
}

fn text(answer: &Answer, name: &str) -> Result<String> {
    let value = answer.json()?[name].as_str().map(str::to_owned);
    value.with_context(|| format!("status {} without {name}", answer.status))
}

/// One part of a JWT: 0 is the header, 1 are the claims.
fn part(jwt: &str, index: usize) -> Result<Value> {
    let encoded = jwt.split('.').nth(index).context("not a JWT")?;
    Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(encoded)?)?)
}

/// The ids of the keys that the provider publishes.
fn published(issuer: &Issuer) -> Result<Vec<Value>> {
    let keys = http::get(&format!("{}/jwks", issuer.url()))?.json()?;
    let keys = keys["keys"].as_array().context("no keys")?;
    Ok(keys.iter().map(|key| key["kid"].clone()).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_signs_in_gets_tokens_for_the_resource_and_refreshes_them() -> Result<()> {
    let desk = Desk::with(&unbound()).await?;
    let first = desk.sign_in().await?;
    let access = text(&first, "access_token")?;
    assert_eq!(part(&access, 0)?["alg"], "ES256");
    assert_eq!(part(&access, 0)?["typ"], "at+jwt");
    let claims = part(&access, 1)?;
    assert_eq!(claims["iss"], desk.issuer.url());
    assert_eq!(claims["aud"], desk.issuer.resource());
    assert_eq!(claims["scope"], desk.issuer.scope());
    assert_eq!(claims["sub"], "ada");
    let identity = text(&first, "id_token")?;
    assert_eq!(part(&identity, 0)?["alg"], "RS256");

    let second = desk.refresh(&text(&first, "refresh_token")?)?;
    assert_eq!(second.status, 200);
    assert_ne!(
        text(&first, "refresh_token")?,
        text(&second, "refresh_token")?
    );
    let counts = desk.issuer.counts()?;
    assert_eq!(
        (counts.sign_ins, counts.refreshed(), counts.reuses),
        (1, 1, 0)
    );

    // The same browser knows who it is.
    desk.sign_in().await?;
    assert_eq!(desk.issuer.counts()?.sign_ins, 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_has_rotated_the_token_and_its_retry_revokes_the_grant() -> Result<()> {
    let desk = Desk::with(&unbound()).await?;
    let first = text(&desk.sign_in().await?, "refresh_token")?;
    desk.issuer.lose_answers(1)?;
    desk.refresh(&first).unwrap_err();
    let counts = desk.issuer.counts()?;
    assert_eq!((counts.lost, counts.refreshed(), counts.reuses), (1, 1, 0));

    let retried = desk.refresh(&first)?;
    assert_eq!(retried.status, 400);
    assert_eq!(text(&retried, "error")?, "invalid_grant");
    let counts = desk.issuer.counts()?;
    assert_eq!((counts.lost, counts.refreshed(), counts.reuses), (1, 1, 1));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_are_refused_held_and_revoked_on_demand() -> Result<()> {
    let desk = Desk::with(&unbound()).await?;
    let first = text(&desk.sign_in().await?, "refresh_token")?;

    desk.issuer.refuse(503, 1, Some(Duration::from_secs(7)))?;
    assert_eq!(desk.refresh(&first)?.status, 503);
    assert_eq!(desk.issuer.counts()?.refreshed(), 0, "nothing was done");

    desk.issuer.hold()?;
    let second = thread::scope(|scope| {
        let waiting = scope.spawn(|| desk.refresh(&first));
        wait_until("the answer to be held", PATIENCE, || {
            (desk.issuer.counts().ok()?.held == 1).then_some(())
        })?;
        assert!(!waiting.is_finished());
        desk.issuer.release()?;
        waiting
            .join()
            .map_err(|_| anyhow!("the request panicked"))?
    })?;
    let second = text(&second, "refresh_token")?;

    desk.issuer.revoke_all()?;
    assert_eq!(desk.refresh(&second)?.status, 400);

    let third = text(&desk.sign_in().await?, "refresh_token")?;
    let revocation = format!("{}/token/revocation", desk.issuer.url());
    let fields = [
        ("client_id", desk.issuer.client_id()),
        ("token", third.as_str()),
    ];
    assert_eq!(http::post_form(&revocation, &fields)?.status, 200);
    assert_eq!(desk.refresh(&third)?.status, 400);
    let counts = desk.issuer.counts()?;
    assert_eq!((counts.revocations, counts.revoked), (1, 1));
    assert_eq!((counts.refused, counts.reuses, counts.held), (1, 0, 0));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_keys_sign_what_old_grants_get() -> Result<()> {
    let desk = Desk::with(&unbound()).await?;
    let first = desk.sign_in().await?;
    let old = part(&text(&first, "access_token")?, 0)?["kid"].clone();

    let keys = desk.issuer.rotate_keys()?;
    let second = desk.refresh(&text(&first, "refresh_token")?)?;
    let new = part(&text(&second, "access_token")?, 0)?["kid"].clone();
    assert_eq!(new, keys[0].as_str());
    assert_ne!(new, old);
    let keys = published(&desk.issuer)?;
    assert!(keys.contains(&old) && keys.contains(&new), "{keys:?}");

    desk.issuer.retire_keys()?;
    let keys = published(&desk.issuer)?;
    assert!(!keys.contains(&old) && keys.contains(&new), "{keys:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_denies_comes_back_without_a_code() -> Result<()> {
    let desk = Desk::with(&unbound()).await?;
    let page = desk.browser.deny(&desk.authorization()?, "ada").await?;
    assert_eq!(query(&page, "error").as_deref(), Some("access_denied"));
    assert_eq!(query(&page, "code"), None);
    assert_eq!(desk.issuer.counts()?.sign_ins, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_gets_tokens_once_its_code_is_confirmed() -> Result<()> {
    let desk = Desk::with(&unbound()).await?;
    let ask = || {
        let scope = format!("openid offline_access {}", desk.issuer.scope());
        let fields = [
            ("client_id", desk.issuer.client_id()),
            ("scope", scope.as_str()),
            ("resource", desk.issuer.resource()),
            ("prompt", "consent"),
        ];
        http::post_form(&format!("{}/device/auth", desk.issuer.url()), &fields)
    };
    let poll = |device: &str| desk.token(&[("grant_type", DEVICE), ("device_code", device)]);

    let typed = ask()?;
    let device = text(&typed, "device_code")?;
    assert_eq!(text(&poll(&device)?, "error")?, "authorization_pending");
    let (url, code) = (
        text(&typed, "verification_uri")?,
        text(&typed, "user_code")?,
    );
    desk.browser.device(&url, &code, "ada").await?;
    let tokens = poll(&device)?;
    assert_eq!(
        part(&text(&tokens, "access_token")?, 1)?["aud"],
        desk.issuer.resource()
    );
    let refreshed = desk.refresh(&text(&tokens, "refresh_token")?)?;
    assert_eq!(refreshed.status, 200);

    let linked = ask()?;
    let (url, code) = (
        text(&linked, "verification_uri_complete")?,
        text(&linked, "user_code")?,
    );
    desk.browser.device(&url, &code, "ada").await?;
    assert_eq!(poll(&text(&linked, "device_code")?)?.status, 200);
    assert_eq!(desk.issuer.counts()?.sign_ins, 2);

    let url = text(&ask()?, "verification_uri")?;
    let error = desk.browser.device(&url, "WRONG", "ada").await.unwrap_err();
    assert!(error.to_string().contains("the provider says"), "{error}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_without_a_proof_are_refused_where_proofs_are_required() -> Result<()> {
    let announced = |issuer: &Issuer| {
        let url = format!("{}/.well-known/openid-configuration", issuer.url());
        let configuration = http::get(&url)?.json()?;
        let algorithms = &configuration["dpop_signing_alg_values_supported"];
        anyhow::Ok(algorithms.to_string().contains("ES256"))
    };
    let offered = Desk::with(&Options::default()).await?;
    assert!(announced(&offered.issuer)?);
    assert_eq!(offered.sign_in().await?.status, 200);

    let required = Desk::with(&Options {
        require_dpop: true,
        ..Options::default()
    })
    .await?;
    assert!(announced(&required.issuer)?);
    assert_eq!(required.sign_in().await?.status, 400);
    assert!(!announced(&Issuer::start(&unbound())?)?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_of_a_browser_that_was_dropped() -> Result<()> {
    let processes = |profile: &str| -> Vec<String> {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let lines = entries.flat_map(|entry| fs::read_to_string(entry.path().join("cmdline")));
        lines.filter(|line| line.contains(profile)).collect()
    };
    let browser = Browser::start().await?;
    let page = browser.open("data:text/html,<title>A</title>Here").await?;
    assert_eq!(page.text, "Here");
    let picture = fs::read(browser.photograph("here").await?)?;
    assert!(picture.starts_with(b"\x89PNG"));
    let profile = browser.profile().display().to_string();
    assert!(!processes(&profile).is_empty());
    drop(browser);
    wait_until("the browser to be gone", PATIENCE, || {
        processes(&profile).is_empty().then_some(())
    })?;
    assert!(!std::path::Path::new(&profile).exists());
    Ok(())
}
