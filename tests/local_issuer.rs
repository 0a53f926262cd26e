//! A bridge that is its own issuer, with a reuse interval for refresh tokens, and someone who signs in
//! there on another device.

use std::net::SocketAddr;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use tungstenite::http::header;
use url::{Url, form_urlencoded};

use crate::http::{self, Request};
use crate::scratch::Scratch;
use crate::softphone::Bridge;

/// What the bridge logs when a refresh token that comes again ends a sign-in.
const REUSED: &str = "a refresh token came again";

/// A running bridge whose users are kept in a file; stops when dropped.
#[derive(Debug)]
pub struct LocalIssuer {
    bridge: Bridge,
    url: String,
    scratch: Scratch,
}

impl LocalIssuer {
    /// Starts one.
    ///
    /// # Errors
    /// When the bridge is not built or does not start.
    pub fn start() -> Result<Self> {
        let scratch = Scratch::new("issuer")?;
        let bridge = Bridge::run(&mut command(&scratch)?)?;
        Ok(Self {
            url: bridge.url().to_owned(),
            bridge,
            scratch,
        })
    }

    /// Starts one that clients reach at `url`: something else is there, and leads to
    /// [`Self::address`].
    ///
    /// # Errors
    /// When the bridge is not built or does not start.
    pub fn behind(url: &str) -> Result<Self> {
        let scratch = Scratch::new("issuer")?;
        Ok(Self {
            bridge: bridge(url, &scratch)?,
            url: url.to_owned(),
            scratch,
        })
    }

    /// Ends the bridge as a crash does and starts it again, at another [`Self::address`].
    ///
    /// # Errors
    /// When it does not start.
    pub fn restart(&mut self) -> Result<()> {
        self.bridge.program.kill()?;
        self.bridge = bridge(&self.url, &self.scratch)?;
        Ok(())
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When it says nothing that can be connected to.
    pub fn address(&self) -> Result<SocketAddr> {
        let (_, address) = self.bridge.url().split_once("//").context("not a URL")?;
        Ok(address.parse()?)
    }

    /// Its issuer identifier, which is the audience of its access tokens as well.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Signs in as `name` at the address that a device shows, code included.
    ///
    /// # Errors
    /// When the issuer refuses.
    pub fn approve(&self, url: &str, name: &str) -> Result<()> {
        let page = http::get(url)?;
        let cookie = page.header("set-cookie").context("no cookie")?;
        let cookie = cookie.split(';').next().unwrap_or_default();
        let (_, rest) = page
            .body
            .split_once("name=\"ticket\" value=\"")
            .context("no form")?;
        let (ticket, _) = rest.split_once('"').context("no ticket")?;
        let url = Url::parse(url)?;
        let code = url.query_pairs().find(|(name, _)| name == "user_code");
        let (_, code) = code.context("no code")?;
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("ticket", ticket), ("user_code", &code), ("name", name)])
            .finish();
        let request = Request::post(format!("{}{}", self.url, url.path()))
            .header(header::COOKIE, cookie)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form)?;
        let answer = http::ask(request)?;
        ensure!(answer.status == 200, "the issuer says {}", answer.status);
        Ok(())
    }

    /// How many sign-ins it has ended because a refresh token came again.
    #[must_use]
    pub fn reuses(&self) -> usize {
        self.bridge.program.complaints().matches(REUSED).count()
    }
}

fn bridge(url: &str, scratch: &Scratch) -> Result<Bridge> {
    Bridge::run(command(scratch)?.args(["--public-url", url]))
}

fn command(scratch: &Scratch) -> Result<Command> {
    let mut command = Bridge::command("127.0.0.1:0")?;
    command
        .args(["--local-issuer", "--local-issuer-state"])
        .arg(scratch.path().join("state.json"));
    Ok(command)
}
