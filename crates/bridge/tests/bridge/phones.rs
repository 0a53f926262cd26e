//! Phone calls, as Twilio makes them: signed webhooks, streams, marks and clears.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use offhook_bridge::TwilioConfig;
use offhook_telephony::{Downsampler, mulaw};
use reqwest::Response;
use ring::hmac::{HMAC_SHA1_FOR_LEGACY_USE_ONLY, Key, sign};
use serde_json::{Value, json};

use crate::rig::{Call, Client, Rig, in_time, recorded, speech};

const BASE: &str = "https://voice.example";
const AUTH_TOKEN: &str = "the-accounts-auth-token";
/// A frame of 20 ms, in samples at 8 kHz.
const FRAME: usize = 160;

/// A bridge that takes phone calls, and what Twilio knows of it.
struct Phones {
    rig: Rig,
    file: PathBuf,
}

impl Phones {
    async fn start(name: &str) -> Self {
        let name = format!("offhook-twilio-{}-{name}", std::process::id());
        let file = std::env::temp_dir().join(name);
        fs::write(&file, AUTH_TOKEN).unwrap();
        let twilio = TwilioConfig {
            auth_token_file: Some(file.clone()),
            ..TwilioConfig::default()
        };
        let rig = Rig::start(|config| {
            config.public_url = Some(BASE.parse().unwrap());
            config.twilio = Some(twilio);
        })
        .await;
        Self { rig, file }
    }

    fn client(&self) -> Client {
        self.rig.client()
    }

    /// Twilio asks what to do with a call, signed with this token.
    async fn ask(&self, call_sid: &str, auth_token: &str) -> Response {
        let form = [
            ("CallSid", call_sid),
            ("To", "+15550100"),
            ("From", "+15550199"),
        ];
        let signed = signature(auth_token, &format!("{BASE}/v1/twilio/voice"), &form);
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let post = self.client().post("/v1/twilio/voice").body(body);
        let post = post.header("content-type", "application/x-www-form-urlencoded");
        let signed = post.header("x-twilio-signature", signed);
        signed.send().await.unwrap()
    }

    /// The token in the answer's TwiML.
    async fn token(&self, call_sid: &str) -> String {
        let answer = self.ask(call_sid, AUTH_TOKEN).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/xml; charset=utf-8");
        let xml = answer.text().await.unwrap();
        let url = r#"<Stream url="wss://voice.example/v1/twilio">"#;
        let back = "<Redirect method=\"POST\">https://voice.example/v1/twilio/voice</Redirect>";
        assert!(xml.contains(url) && xml.contains(back), "{xml}");
        let start = r#"<Parameter name="token" value=""#;
        let (_, rest) = xml.split_once(start).unwrap();
        rest.split_once('"').unwrap().0.to_owned()
    }

    /// A stream that is connected and has not started.
    async fn stream(&self) -> Stream {
        let signed = signature(AUTH_TOKEN, "wss://voice.example/v1/twilio", &[]);
        let headers = [("x-twilio-signature", signed.as_str())];
        let call = self.client().socket("/v1/twilio", &headers).await;
        let sid = String::new();
        let mut stream = Stream { call, sid, sent: 0 };
        stream
            .say(&json!({ "event": "connected", "protocol": "Call", "version": "1.0.0" }))
            .await;
        stream
    }

    /// A stream of a call, started.
    async fn call(&self, call_sid: &str, stream_sid: &str) -> Stream {
        let token = self.token(call_sid).await;
        let mut stream = self.stream().await;
        stream.start(call_sid, stream_sid, &token).await;
        stream
    }

    async fn stop(self) {
        self.rig.stop().await;
        fs::remove_file(self.file).unwrap();
    }
}

/// What Twilio would sign a request with.
fn signature(auth_token: &str, url: &str, form: &[(&str, &str)]) -> String {
    let mut text = url.to_owned();
    for (name, value) in form.iter().collect::<BTreeSet<_>>() {
        text.push_str(name);
        text.push_str(value);
    }
    let key = Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, auth_token.as_bytes());
    BASE64_STANDARD.encode(sign(&key, text.as_bytes()))
}

/// One stream of a call, from Twilio's side.
struct Stream {
    call: Call,
    sid: String,
    /// Frames sent.
    sent: usize,
}

impl Stream {
    async fn say(&mut self, event: &Value) {
        self.call.send(event).await;
    }

    async fn start(&mut self, call_sid: &str, stream_sid: &str, token: &str) {
        stream_sid.clone_into(&mut self.sid);
        let start = json!({
            "accountSid": "AC1", "streamSid": stream_sid, "callSid": call_sid,
            "tracks": ["inbound"], "customParameters": { "token": token },
            "mediaFormat": { "encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1 },
        });
        self.say(
            &json!({ "event": "start", "sequenceNumber": "1", "streamSid": stream_sid,
            "start": start }),
        )
        .await;
    }

    /// Sends what the caller says.
    async fn speak(&mut self, codes: &[u8]) {
        for frame in codes.chunks(FRAME) {
            let media = json!({
                "track": "inbound", "chunk": (self.sent + 1).to_string(),
                "timestamp": (self.sent * 20).to_string(),
                "payload": BASE64_STANDARD.encode(frame),
            });
            let number = (self.sent + 2).to_string();
            self.sent += 1;
            let sid = self.sid.clone();
            self.say(
                &json!({ "event": "media", "sequenceNumber": number, "streamSid": sid,
                "media": media }),
            )
            .await;
        }
    }

    /// The next thing that Twilio is told.
    async fn told(&mut self) -> Value {
        let told = self.call.event().await;
        assert_eq!(told["streamSid"], self.sid.as_str(), "{told}");
        told
    }

    /// Says that everything up to a mark was played.
    async fn played(&mut self, mark: &Value) {
        let sid = self.sid.clone();
        let mark = mark["mark"].clone();
        self.say(&json!({ "event": "mark", "streamSid": sid, "mark": mark }))
            .await;
    }

    /// The agent's voice up to this many samples, played at once.
    async fn hear(&mut self, samples: usize) -> Vec<i16> {
        let mut heard = Vec::new();
        while heard.len() < samples {
            let told = self.told().await;
            match told["event"].as_str().unwrap() {
                "media" => heard.extend(voice(&told)),
                "mark" => self.played(&told).await,
                other => panic!("{other}"),
            }
        }
        heard
    }
}

fn voice(media: &Value) -> Vec<i16> {
    let payload = media["media"]["payload"].as_str().unwrap();
    let codes = BASE64_STANDARD.decode(payload).unwrap();
    codes.into_iter().map(mulaw::decode).collect()
}

/// A sentence as a telephone has it, in samples and as it is sent.
fn sentence() -> (Vec<i16>, Vec<u8>) {
    let mut narrow = Vec::new();
    Downsampler::default().process(&speech(), &mut narrow);
    let codes: Vec<u8> = narrow.iter().map(|sample| mulaw::encode(*sample)).collect();
    (
        codes.iter().map(|code| mulaw::decode(*code)).collect(),
        codes,
    )
}

/// How much of a second of `said`, from its first loud sample on, is in `heard` at the place that
/// its beginning is most like: 1 is all of it.
fn likeness(said: &[i16], heard: &[i16]) -> f64 {
    let is_loud = |sample: &i16| sample.unsigned_abs() > 1000;
    let from = said.iter().position(is_loud).unwrap();
    let (core, beginning) = (&said[from..][..8_000], &said[from..][..800]);
    let alike = |one: &[i16], other: &[i16]| {
        let dot = |one: &[i16], other: &[i16]| -> f64 {
            let both = one.iter().zip(other);
            both.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
        };
        dot(one, other) / (dot(one, one) * dot(other, other)).sqrt().max(1.0)
    };
    let places = heard.windows(core.len());
    let best = places.max_by(|one, other| {
        let one = alike(beginning, &one[..beginning.len()]);
        one.total_cmp(&alike(beginning, &other[..beginning.len()]))
    });
    best.map_or(0.0, |place| alike(core, place))
}

#[tokio::test]
async fn a_caller_is_greeted_heard_and_answered() {
    let phones = Phones::start("heard").await;
    let mut stream = phones.call("CA1", "MZ1").await;
    // Two seconds of greeting, of which everything is played.
    stream.hear(2 * 8_000).await;
    let (said, codes) = sentence();
    stream.speak(&codes).await;
    // The greeting may have been longer: then it is cut off.
    let mut heard = Vec::new();
    in_time(async {
        let mut looked_at = 0;
        loop {
            if heard.len() >= looked_at + 8_000 {
                looked_at = heard.len();
                if likeness(&said, &heard) > 0.9 {
                    break;
                }
            }
            let told = stream.told().await;
            match told["event"].as_str().unwrap() {
                "media" => heard.extend(voice(&told)),
                "mark" => stream.played(&told).await,
                "clear" => {
                    heard.clear();
                    looked_at = 0;
                }
                other => panic!("{other}"),
            }
        }
    })
    .await;
    phones.stop().await;
}

#[tokio::test]
async fn who_speaks_is_not_spoken_over() {
    let phones = Phones::start("clear").await;
    let mut stream = phones.call("CA1", "MZ1").await;
    // Nothing of the greeting is played when the caller begins to speak.
    while stream.told().await["event"] != "media" {}
    let (_, codes) = sentence();
    stream.speak(&codes).await;
    while stream.told().await["event"] != "clear" {}
    phones.stop().await;
}

#[tokio::test]
async fn a_stream_that_breaks_is_followed_by_another_with_what_was_not_heard() {
    let phones = Phones::start("again").await;
    let mut stream = phones.call("CA1", "MZ1").await;
    let mut first = Vec::new();
    while first.len() < 8_000 {
        let told = stream.told().await;
        if told["event"] == "media" {
            first.extend(voice(&told));
        }
    }
    // No mark came back: nothing is known to be heard.
    drop(stream);
    let mut stream = phones.call("CA1", "MZ2").await;
    let again = stream.hear(8_000).await;
    assert_eq!(again[..8_000], first[..8_000]);
    phones.stop().await;
}

#[tokio::test]
async fn a_key_is_answered() {
    let phones = Phones::start("key").await;
    let mut stream = phones.call("CA1", "MZ1").await;
    // All of the greeting: what comes after it is the answer.
    stream.hear(recorded("greeting").len() / 3).await;
    let sid = stream.sid.clone();
    let dtmf = json!({ "track": "inbound_track", "digit": "5" });
    stream
        .say(&json!({ "event": "dtmf", "sequenceNumber": "2", "streamSid": sid, "dtmf": dtmf }))
        .await;
    stream.hear(8_000).await;
    phones.stop().await;
}

#[tokio::test]
async fn only_twilio_gets_in_and_a_token_is_for_one_stream() {
    let phones = Phones::start("refused").await;
    let refused = phones.ask("CA1", "another-token").await;
    assert_eq!(refused.status(), 403);
    let client = phones.client();
    let unsigned = client.upgrade("/v1/twilio").send().await.unwrap();
    assert_eq!(unsigned.status(), 403);

    let token = phones.token("CA1").await;
    let mut stream = phones.stream().await;
    stream.start("CA2", "MZ1", &token).await;
    let close = stream.call.close().await;
    assert_eq!((close.code, &*close.reason), (1008, "stream.unknown"));
    // It was tried, and is worth nothing now.
    let mut stream = phones.stream().await;
    stream.start("CA1", "MZ1", &token).await;
    assert_eq!(stream.call.close().await.reason, "stream.unknown");

    let mut stream = phones.stream().await;
    stream.sid = "MZ1".to_owned();
    stream.speak(&[0xff; FRAME]).await;
    assert_eq!(stream.call.close().await.reason, "stream.not_started");
    let mut stream = phones.stream().await;
    stream.call.send_text("x".repeat(32 * 1024)).await;
    assert_eq!(stream.call.close().await.reason, "stream.too_big");
    phones.stop().await;
}

#[tokio::test]
async fn a_bridge_that_closes_leaves_the_call_to_the_next_one() {
    let phones = Phones::start("closes").await;
    let mut stream = phones.call("CA1", "MZ1").await;
    stream.hear(1_600).await;
    let (_, code) = tokio::join!(phones.stop(), async { stream.call.close().await.code });
    assert_eq!(code, 1012);
}
