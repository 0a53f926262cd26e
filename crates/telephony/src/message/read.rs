//! Reading what Twilio sends, part by part.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use secrecy::SecretString;
use serde::Deserialize;
use serde::de::{Deserializer, Visitor};

use super::{
    Event, MAX_MESSAGE, MAX_PARAMETERS, MAX_PAYLOAD, MAX_SID, Malformed, Media, Message, Start,
};

/// The longest name of a mark, of a parameter, and the longest value, in bytes.
const MAX_TEXT: usize = 1_024;

pub(super) fn message(text: &str) -> Result<Message, Malformed> {
    if text.len() > MAX_MESSAGE {
        return Err(Malformed::TooLong(text.len()));
    }
    let head: Head<'_> = serde_json::from_str(text).map_err(|_| Malformed::NotAnEvent)?;
    let event = match &*head.event {
        "connected" => Event::Connected,
        "start" => Event::Start(start(body(text, "start")?)?),
        "media" => Event::Media(media(body(text, "media")?)?),
        "dtmf" => Event::Dtmf(digit(body(text, "dtmf")?)?),
        "mark" => Event::Mark(mark(body(text, "mark")?)?),
        "stop" => Event::Stop,
        _ => Event::Unknown,
    };
    Ok(Message {
        stream_sid: head
            .stream_sid
            .map(|sid| self::sid(sid, "streamSid"))
            .transpose()?,
        sequence: head.sequence.map(|number| number.0),
        event,
    })
}

/// What all messages have. Other members are skipped, whatever they are.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow, default, rename = "streamSid")]
    stream_sid: Option<Cow<'a, str>>,
    #[serde(default, rename = "sequenceNumber")]
    sequence: Option<Number>,
}

/// The members that are named as their events.
#[derive(Deserialize)]
struct Bodies<'a> {
    #[serde(borrow, default)]
    start: Option<StartBody<'a>>,
    #[serde(borrow, default)]
    media: Option<MediaBody<'a>>,
    #[serde(borrow, default)]
    dtmf: Option<DtmfBody<'a>>,
    #[serde(borrow, default)]
    mark: Option<MarkBody<'a>>,
}

fn body<'a>(text: &'a str, event: &'static str) -> Result<Bodies<'a>, Malformed> {
    serde_json::from_str(text).map_err(|_| Malformed::Shape(event))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StartBody<'a> {
    #[serde(borrow, default)]
    stream_sid: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    call_sid: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    account_sid: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    media_format: Option<FormatBody<'a>>,
    #[serde(default)]
    custom_parameters: Option<BTreeMap<String, SecretString>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FormatBody<'a> {
    #[serde(borrow)]
    encoding: Cow<'a, str>,
    sample_rate: Number,
    channels: Number,
}

fn start(bodies: Bodies<'_>) -> Result<Start, Malformed> {
    let body = bodies.start.ok_or(Malformed::Missing("start"))?;
    if let Some(format) = body.media_format {
        let is_mulaw = matches!(&*format.encoding, "audio/x-mulaw" | "audio/mulaw");
        if !is_mulaw || format.sample_rate.0 != 8_000 || format.channels.0 != 1 {
            return Err(Malformed::Format);
        }
    }
    Ok(Start {
        stream_sid: needed(body.stream_sid, "start.streamSid")?,
        call_sid: needed(body.call_sid, "start.callSid")?,
        account_sid: body
            .account_sid
            .map(|sid| self::sid(sid, "start.accountSid"))
            .transpose()?,
        parameters: parameters(body.custom_parameters.unwrap_or_default())?,
    })
}

fn needed(value: Option<Cow<'_, str>>, name: &'static str) -> Result<String, Malformed> {
    match value {
        Some(value) if !value.is_empty() => sid(value, name),
        _ => Err(Malformed::Missing(name)),
    }
}

fn sid(value: Cow<'_, str>, name: &'static str) -> Result<String, Malformed> {
    bounded(value, MAX_SID, name)
}

fn bounded(value: Cow<'_, str>, most: usize, name: &'static str) -> Result<String, Malformed> {
    if value.len() > most {
        return Err(Malformed::TooLarge(name));
    }
    Ok(value.into_owned())
}

fn parameters(
    parameters: BTreeMap<String, SecretString>,
) -> Result<BTreeMap<String, SecretString>, Malformed> {
    // The values need no limit of their own: together they are in one message.
    let is_small = parameters.keys().all(|name| name.len() <= MAX_TEXT);
    if !is_small || parameters.len() > MAX_PARAMETERS {
        return Err(Malformed::TooLarge("start.customParameters"));
    }
    Ok(parameters)
}

#[derive(Deserialize)]
struct MediaBody<'a> {
    #[serde(borrow, default)]
    track: Option<Cow<'a, str>>,
    #[serde(default)]
    chunk: Option<Number>,
    #[serde(default)]
    timestamp: Option<Number>,
    #[serde(borrow, default)]
    payload: Option<Cow<'a, str>>,
}

fn media(bodies: Bodies<'_>) -> Result<Media, Malformed> {
    let body = bodies.media.ok_or(Malformed::Missing("media"))?;
    let payload = body.payload.ok_or(Malformed::Missing("media.payload"))?;
    if payload.len() > MAX_PAYLOAD.div_ceil(3) * 4 {
        return Err(Malformed::TooLarge("media.payload"));
    }
    let payload = BASE64_STANDARD
        .decode(&*payload)
        .map_err(|_| Malformed::NotBase64)?;
    if payload.len() > MAX_PAYLOAD {
        return Err(Malformed::TooLarge("media.payload"));
    }
    Ok(Media {
        is_inbound: body.track.is_none_or(|track| track == "inbound"),
        chunk: body.chunk.map(|number| number.0),
        timestamp: body.timestamp.map(|number| number.0),
        payload,
    })
}

#[derive(Deserialize)]
struct DtmfBody<'a> {
    #[serde(borrow, default)]
    digit: Option<Cow<'a, str>>,
}

fn digit(bodies: Bodies<'_>) -> Result<char, Malformed> {
    let body = bodies.dtmf.ok_or(Malformed::Missing("dtmf"))?;
    let digit = body.digit.ok_or(Malformed::Missing("dtmf.digit"))?;
    let mut letters = digit.chars();
    match (letters.next(), letters.next()) {
        (Some(digit @ ('0'..='9' | '*' | '#' | 'A'..='D')), None) => Ok(digit),
        _ => Err(Malformed::Digit),
    }
}

#[derive(Deserialize)]
struct MarkBody<'a> {
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
}

fn mark(bodies: Bodies<'_>) -> Result<String, Malformed> {
    let body = bodies.mark.ok_or(Malformed::Missing("mark"))?;
    let name = body.name.ok_or(Malformed::Missing("mark.name"))?;
    bounded(name, MAX_TEXT, "mark.name")
}

/// A whole number, as a string or as a number.
struct Number(u64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Digits)
    }
}

struct Digits;

impl Visitor<'_> for Digits {
    type Value = Number;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Number, E> {
        text.parse()
            .map(Number)
            .map_err(|_| E::custom("not a whole number"))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Number, E> {
        Ok(Number(number))
    }
}
