//! Tests of `callback.rs`.

use assert_no_alloc::assert_no_alloc;

use super::*;

const RATE: u32 = 48_000;

/// Writes a constant, in which every fade shows.
fn feed(feed: &mut PlaybackFeed, samples: usize, value: f32) {
    feed.ring
        .push_entire_slice(&vec![value; samples])
        .expect("the ring has room");
}

fn play(callback: &mut PlaybackCallback, frames: usize) -> Vec<f32> {
    let mut buffer = vec![0.0_f32; frames];
    assert_no_alloc(|| callback.run(&mut buffer, 1, 0));
    buffer
}

fn largest_step(samples: &[f32]) -> f32 {
    samples
        .windows(2)
        .map(|pair| (pair[1] - pair[0]).abs())
        .fold(0.0, f32::max)
}

#[test]
fn capture_averages_any_number_of_channels() {
    for channels in 1..=8 {
        let (mut callback, mut tap) = capture(RATE);
        let frame: Vec<f32> = (0..channels).map(|channel| channel as f32 * 0.1).collect();
        let interleaved = frame.repeat(333);
        assert_no_alloc(|| callback.run(&interleaved, channels));
        let mean = (channels - 1) as f32 * 0.05;
        let mut mono = [0.0; 333];
        tap.ring
            .pop_entire_slice(&mut mono)
            .expect("as many as were captured");
        assert!(
            mono.iter().all(|sample| (sample - mean).abs() < 1e-6),
            "{channels} channels"
        );
        assert!(tap.ring.is_empty());
    }
}

#[test]
fn capture_counts_what_does_not_fit() {
    let (mut callback, tap) = capture(8_000);
    let second = vec![0_i16; 8_000];
    assert_no_alloc(|| {
        callback.run(&second, 1);
        callback.run(&second[..77], 1);
    });
    assert_eq!(tap.counts.lost.load(Ordering::Relaxed), 77);
    assert_eq!(tap.counts.calls.load(Ordering::Relaxed), 2);
}

#[test]
fn playback_copies_to_all_channels_in_buffers_of_any_size() {
    for channels in 1..=8 {
        let (mut callback, mut worker) = playback(RATE);
        let ramp: Vec<f32> = (0..2_000).map(|n| n as f32 / 4_000.0).collect();
        worker
            .ring
            .push_entire_slice(&ramp)
            .expect("the ring has room");
        let mut heard = Vec::new();
        for frames in [1, 7, 64, 255, 256, 257, 480, 680] {
            let mut buffer = vec![0.0_f32; frames * channels];
            assert_no_alloc(|| callback.run(&mut buffer, channels, 0));
            for frame in buffer.chunks_exact(channels) {
                assert!(frame.iter().all(|sample| *sample == frame[0]));
                heard.push(frame[0]);
            }
        }
        assert_eq!(heard, ramp);
    }
}

#[test]
fn what_was_played_comes_back_silence_included() {
    let (mut callback, mut worker) = playback(RATE);
    feed(&mut worker, 100, 0.5);
    let heard = play(&mut callback, 480);
    let mut reference = vec![0.0; 480];
    worker
        .played
        .pop_entire_slice(&mut reference)
        .expect("as many as were played");
    assert_eq!(reference, heard);
    assert_eq!(heard[99], 0.5);
    assert_eq!(heard[479], 0.0);
}

#[test]
fn a_flush_is_silence_after_4_ms_without_a_click() {
    for period in [48, 100, 480, 1_024] {
        let (mut callback, mut worker) = playback(RATE);
        feed(&mut worker, 9_600, 0.8);
        play(&mut callback, 480);
        worker.control.flush_to.store(9_600, Ordering::Release);
        let mut heard = vec![0.8];
        for _ in 0..10 {
            heard.extend(play(&mut callback, period));
        }
        assert!(
            heard[193..].iter().all(|sample| *sample == 0.0),
            "period {period}"
        );
        assert!(
            largest_step(&heard) < 0.01,
            "period {period}: {}",
            largest_step(&heard)
        );
        assert_eq!(worker.control.underruns.load(Ordering::Relaxed), 0);
        assert_eq!(worker.ring.slots(), worker.ring.buffer().capacity());
    }
}

#[test]
fn what_follows_a_flush_is_played_whole() {
    let (mut callback, mut worker) = playback(RATE);
    feed(&mut worker, 2_000, 0.8);
    play(&mut callback, 480);
    worker.control.flush_to.store(2_000, Ordering::Release);
    feed(&mut worker, 300, 0.25);
    play(&mut callback, 480);
    let heard = play(&mut callback, 480);
    assert!(heard[..300].iter().all(|sample| *sample == 0.25));
}

#[test]
fn running_dry_counts_once_and_does_not_click() {
    let (mut callback, mut worker) = playback(RATE);
    feed(&mut worker, 1_000, 0.8);
    let mut heard = vec![];
    for _ in 0..4 {
        heard.extend(play(&mut callback, 480));
    }
    feed(&mut worker, 1_000, 0.8);
    heard.extend(play(&mut callback, 480));
    assert_eq!(worker.control.underruns.load(Ordering::Relaxed), 1);
    assert!(largest_step(&heard) < 0.01, "{}", largest_step(&heard));
    assert_eq!(heard[heard.len() - 1], 0.8);
}

#[test]
fn running_dry_at_an_end_is_no_accident() {
    let (mut callback, mut worker) = playback(RATE);
    worker.control.ends_at.store(700, Ordering::Release);
    feed(&mut worker, 700, 0.1);
    play(&mut callback, 480);
    play(&mut callback, 480);
    play(&mut callback, 480);
    assert_eq!(worker.control.underruns.load(Ordering::Relaxed), 0);
}

#[test]
fn reports_say_what_each_call_did() {
    let (mut callback, mut worker) = playback(RATE);
    feed(&mut worker, 700, 0.1);
    play(&mut callback, 480);
    let mut buffer = [0.0_f32; 480];
    assert_no_alloc(|| callback.run(&mut buffer, 1, 960));
    let reports: Vec<Report> = std::iter::from_fn(|| worker.reports.pop().ok()).collect();
    assert_eq!(
        reports[1],
        Report {
            frame: 480,
            frames: 480,
            index: 480,
            played: 220,
            taken: 700,
            latency: 960
        }
    );
}

#[test]
fn a_worker_that_stalls_for_minutes_stops_nothing() {
    let (mut callback, _worker) = playback(RATE);
    let mut buffer = [0_i16; 960];
    assert_no_alloc(|| {
        for _ in 0..12_000 {
            callback.run(&mut buffer, 2, 0);
        }
    });
    assert_eq!(callback.frames, 12_000 * 480);
}

#[test]
fn samples_survive_every_format() {
    for value in [-1.0_f32, -0.5, 0.0, 0.25, 0.9] {
        assert_eq!(f32::from_f32(value), value);
        assert!((i16::from_f32(value).to_f32() - value).abs() < 1e-4);
        assert!((i32::from_f32(value).to_f32() - value).abs() < 1e-6);
        assert!((u8::from_f32(value).to_f32() - value).abs() < 1e-2);
    }
    assert_eq!(i16::from_f32(7.0), i16::MAX);
    assert_eq!(i16::from_f32(-7.0), i16::MIN);
}
