//! Plays the microphone back through the speaker for ten seconds and prints what happens: the
//! quickest check of a computer's sound, and of its delay.
//!
//! `cargo run -p offhook-audio --example loopback [MICROPHONE] [SPEAKER]` takes ids or names of
//! devices, or WAV files.
#![allow(clippy::print_stdout, reason = "it is what this program is for")]

use std::{
    env,
    error::Error,
    path::PathBuf,
    sync::mpsc::{Receiver, sync_channel},
};

use offhook_audio::{Config, Engine, Event, Microphone, Speaker, devices};

/// Frames of 20 ms in ten seconds.
const FRAMES: usize = 500;

fn main() -> Result<(), Box<dyn Error>> {
    println!("{:#?}", devices()?);
    let mut names = env::args().skip(1);
    let microphone = names
        .next()
        .map_or(Microphone::Default, |name| match wav(&name) {
            Some(path) => Microphone::File(path),
            None => Microphone::Device(name),
        });
    let speaker = names
        .next()
        .map_or(Speaker::Default, |name| match wav(&name) {
            Some(path) => Speaker::File(path),
            None => Speaker::Device(name),
        });
    let (tell, events) = sync_channel(1_000);
    let config = Config {
        microphone,
        speaker,
        echo_cancellation: false,
    };
    let engine = Engine::start(config, move |event| {
        // What does not fit is not looked at any more.
        let _ = tell.try_send(event);
    })?;
    play_back(&engine, &events);
    Ok(())
}

fn wav(name: &str) -> Option<PathBuf> {
    name.ends_with(".wav").then(|| name.into())
}

/// Plays ten seconds of frames as one item, and flushes what is left.
fn play_back(engine: &Engine, events: &Receiver<Event>) {
    let mut frames = 0;
    for event in events {
        match event {
            Event::Captured { samples } => {
                frames += 1;
                if frames < FRAMES {
                    engine.play("loop", samples);
                } else if frames == FRAMES {
                    engine.flush();
                }
            }
            Event::Meters {
                microphone_db,
                speaker_db,
            } if frames % 25 == 0 => {
                println!("microphone {microphone_db:5.1} dB, speaker {speaker_db:5.1} dB");
            }
            Event::Meters { .. } => {}
            Event::Flushed { .. } | Event::Failed(_) => {
                println!("{event:?}");
                return;
            }
            other => println!("{other:?}"),
        }
    }
}
