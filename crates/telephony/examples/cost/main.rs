//! What a phone call costs: the time that each part takes for 20 ms of it, and how many calls one
//! core carries if it does nothing else.
//!
//! `cargo run --release -p offhook-telephony --example cost`
#![allow(clippy::print_stdout, reason = "it is what this program is for")]

use std::hint::black_box;
use std::time::Duration;

use offhook_telephony::leg::{Audio, Codec, Config, Input, Leg, Output, Upstream};
use offhook_telephony::{Command, Downsampler, Message, Upsampler, mulaw};

mod clock;

/// Frames of 20 ms in a round.
const FRAMES: u64 = 100;
/// The fastest counts, as nothing but the machine makes a round slower. Many short ones find it
/// between two interruptions.
const ROUNDS: usize = 1_000;

fn main() {
    println!("for 20 ms, one direction:");
    let codes: Vec<u8> = (0..160).map(|n| (n * 37 % 256) as u8).collect();
    let (mut at_8k, mut at_24k) = (Vec::new(), Vec::new());
    mulaw::decode_to(&codes, &mut at_8k);
    Upsampler::new().process(&at_8k, &mut at_24k);

    let mut out = Vec::new();
    report("mu-law to linear", || {
        out.clear();
        mulaw::decode_to(black_box(&codes), &mut out);
    });
    let mut out = Vec::new();
    report("linear to mu-law", || {
        out.clear();
        mulaw::encode_to(black_box(&at_8k), &mut out);
    });
    let (mut up, mut out) = (Upsampler::new(), Vec::new());
    report("8 to 24 kHz", || {
        out.clear();
        up.process(black_box(&at_8k), &mut out);
    });
    let (mut down, mut out) = (Downsampler::new(), Vec::new());
    report("24 to 8 kHz", || {
        out.clear();
        down.process(black_box(&at_24k), &mut out);
    });

    println!("for 20 ms of a call, both directions, messages included:");
    for (name, hears, says) in [
        ("passed through", Codec::Mulaw, Audio::Mulaw(codes.clone())),
        ("converted", Codec::Pcm24k, Audio::Pcm24k(at_24k)),
    ] {
        let mut call = Call::new(hears, says, &codes);
        report(name, || call.go_on());
    }
}

/// Prints how long one run takes on average, and how many fit into 20 ms.
fn report(name: &str, mut run: impl FnMut()) {
    let round = |_| clock::time(|| (0..FRAMES).for_each(|_| run()));
    let fastest = (0..ROUNDS).map(round).min().expect("there are rounds");
    let nanos = fastest.as_nanos() as f64 / FRAMES as f64;
    println!(
        "  {name:<20} {nanos:>7.0} ns   {:>7.0} a core",
        20e6 / nanos
    );
}

/// A call in which both sides talk without end.
struct Call {
    leg: Leg,
    frame: u64,
    says: Audio,
    payload: String,
}

impl Call {
    fn new(hears: Codec, says: Audio, codes: &[u8]) -> Self {
        let config = Config {
            hears,
            ..Config::default()
        };
        let mut call = Self {
            leg: Leg::new(Duration::ZERO, "CA1", &config),
            frame: 0,
            says,
            payload: Command::Media(codes.to_vec()).to_json("MZ1"),
        };
        call.receive(r#"{"event":"start","start":{"streamSid":"MZ1","callSid":"CA1"}}"#);
        call
    }

    fn go_on(&mut self) {
        let now = Duration::from_millis(self.frame * 20);
        let place = format!(
            r#""sequenceNumber":"{}","media":{{"track":"inbound","chunk":"{}","timestamp":"{}","#,
            self.frame + 2,
            self.frame + 1,
            self.frame * 20
        );
        let text = self.payload.replace(r#""media":{"#, &place);
        self.frame += 1;
        self.receive(&text);
        let piece = Upstream::Audio {
            item_id: "item_CBcvKk4b2xSVGAqYIq0Dc",
            content_index: 0,
            audio: &self.says,
        };
        self.leg.handle(now, Input::Upstream(piece));
        self.send();
    }

    fn receive(&mut self, text: &str) {
        let message = Message::read(text).expect("it is a message");
        let now = Duration::from_millis(self.frame * 20);
        self.leg.handle(now, Input::Twilio(&message));
        self.send();
    }

    /// Twilio's side of it: marks come back at once.
    fn send(&mut self) {
        while let Some(output) = self.leg.poll() {
            match output {
                Output::Send(stream, Command::Mark(name)) => {
                    let mark = Command::Mark(name).to_json(&stream);
                    self.receive(&mark);
                }
                Output::Send(stream, command) => {
                    black_box(command.to_json(&stream));
                }
                other => {
                    black_box(other);
                }
            }
        }
    }
}
