//! A caller who counts, a relay, and a bridge, each in a process or thread of its own.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use offhook_tests::clock::Stamp;
use offhook_tests::counting::CountingCaller;
use offhook_tests::offer::Offer;
use offhook_tests::relay::{Passed, Relay, Way};
use offhook_tests::softphone::Bridge;

/// Any step of a call.
pub(crate) const STEP: Duration = Duration::from_secs(30);

/// Where a bridge listens that nobody has to know beforehand.
pub(crate) const ANY_PORT: &str = "127.0.0.1:0";

/// A call that goes through the relay.
pub(crate) struct Line {
    pub(crate) caller: CountingCaller,
    pub(crate) relay: Relay,
    _offer: Option<Offer>,
    pub(crate) bridge: Bridge,
    pub(crate) ear: Arc<Ear>,
}

impl Line {
    /// A call to a bridge of its own, of which `utterance` at a time is answered.
    pub(crate) fn start(utterance: Duration) -> Result<Self> {
        Self::to(&mut Bridge::command(ANY_PORT)?, utterance)
    }

    /// The same to this bridge.
    pub(crate) fn to(bridge: &mut Command, utterance: Duration) -> Result<Self> {
        let bridge = Bridge::run(bridge)?;
        let target = address(&bridge)?;
        Self::through(bridge, None, target, |url| {
            CountingCaller::command(url, utterance)
        })
    }

    /// The same with a caller who keeps `window` and does not ask for answers while the line is away.
    pub(crate) fn patient(
        mut bridge: Command,
        utterance: Duration,
        window: Duration,
    ) -> Result<Self> {
        let bridge = Bridge::run(&mut bridge)?;
        let target = address(&bridge)?;
        Self::through(bridge, None, target, |url| {
            CountingCaller::patient(url, utterance, window)
        })
    }

    /// The same with audio as text: the binary protocol is not offered.
    pub(crate) fn without_binary(utterance: Duration) -> Result<Self> {
        let bridge = Bridge::run(&mut Bridge::command(ANY_PORT)?)?;
        let offer = Offer::without("offhook.v1.bin", address(&bridge)?)?;
        let target = offer.address();
        Self::through(bridge, Some(offer), target, |url| {
            CountingCaller::command(url, utterance)
        })
    }

    fn through(
        bridge: Bridge,
        offer: Option<Offer>,
        target: SocketAddr,
        caller: impl FnOnce(&str) -> Result<Command>,
    ) -> Result<Self> {
        let ear = Arc::new(Ear::default());
        let tap = Arc::clone(&ear);
        let relay = Relay::tapped(target, move |passed| tap.hear(passed))?;
        let url = format!("http://{}", relay.address());
        let caller = CountingCaller::start(&mut caller(&url)?)?;
        Ok(Self {
            caller,
            relay,
            _offer: offer,
            bridge,
            ear,
        })
    }

    /// Waits until the call has gone well for a while.
    pub(crate) fn settle(&self) -> Result<()> {
        let start = Stamp::now();
        self.caller.up_after(Stamp::BEGINNING, STEP)?;
        self.caller.answered_after(start, STEP)
    }

    /// Waits for the beginning of an answer: the agent speaks, and so does the caller.
    pub(crate) fn in_mid_answer(&self) -> Result<()> {
        self.caller.answering_after(Stamp::now(), STEP).map(drop)
    }

    /// Starts the bridge anew after it has ended, at the same address.
    pub(crate) fn restart(&mut self, more: &[&str]) -> Result<()> {
        let address = address(&self.bridge)?.to_string();
        self.bridge = Bridge::run(Bridge::command(&address)?.args(more))?;
        Ok(())
    }
}

fn address(bridge: &Bridge) -> Result<SocketAddr> {
    let address = bridge.url().strip_prefix("http://");
    Ok(address.context("a bridge's address is HTTP's")?.parse()?)
}

/// Hears when the caller's voice reaches the bridge.
#[derive(Default)]
pub(crate) struct Ear {
    heard: Mutex<Vec<Heard>>,
}

/// One direction of a connection.
#[derive(Default)]
struct Heard {
    pieces: u64,
    voice: Vec<Stamp>,
}

/// A piece of at least this size has audio in it: what a caller sends besides is small.
const VOICE: usize = 900;

impl Ear {
    fn hear(&self, passed: Passed<'_>) {
        if passed.way != Way::Up {
            return;
        }
        let mut heard = self.lock();
        if heard.len() <= passed.connection {
            heard.resize_with(passed.connection + 1, Heard::default);
        }
        let heard = &mut heard[passed.connection];
        // The first piece is a request, of whatever size.
        if heard.pieces > 0 && passed.bytes.len() >= VOICE {
            heard.voice.push(Stamp::now());
        }
        heard.pieces += 1;
    }

    /// When a voice was first heard over a connection that nothing was heard of before `moment`.
    pub(crate) fn anew_after(&self, moment: Stamp) -> Option<Stamp> {
        let heard = self.lock();
        let firsts = heard.iter().filter_map(|heard| heard.voice.first());
        firsts.copied().filter(|first| *first > moment).min()
    }

    /// The longest time between two pieces of voice since `moment`.
    pub(crate) fn widest_after(&self, moment: Stamp) -> Duration {
        let heard = self.lock();
        let mut stamps: Vec<Stamp> = heard.iter().flat_map(|heard| heard.voice.clone()).collect();
        stamps.retain(|stamp| *stamp > moment);
        stamps.sort_unstable();
        let gaps = stamps.windows(2).map(|pair| pair[1].since(pair[0]));
        gaps.max().unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Heard>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
