//! Many calls on all cores, with a report at the end.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use crate::call::{Finished, call};
use crate::clock::Stopwatch;
use crate::random::Random;
use crate::report::{self, Failure};
use crate::stats::Stats;

/// Which calls to run.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How many.
    pub calls: u64,
    /// Names them: the same seed, the same calls.
    pub seed: u64,
    /// On how many threads.
    pub threads: usize,
    /// Only this one of them.
    pub only: Option<u64>,
    /// With everything that happens in it.
    pub log: bool,
}

/// Calls that a thread takes at a time.
const BATCH: u64 = 50;
/// How often it is said how far it is.
const TELL_EVERY: Duration = Duration::from_secs(10);
/// Failures whose logs are shown at once; of more it is told where to find them.
const TOLD: usize = 3;

/// Runs them; says whether every invariant held in all of them.
///
/// # Errors
/// Where `out` cannot be written to.
pub fn run(options: Options, out: &mut dyn Write) -> io::Result<bool> {
    match options.only {
        Some(number) => one(options, number, out),
        None => many(options, out),
    }
}

fn one(options: Options, number: u64, out: &mut dyn Write) -> io::Result<bool> {
    let finished = call(seed_of(options.seed, number), true);
    writeln!(
        out,
        "call {number} of seed {}: {}",
        options.seed, finished.class
    )?;
    report::log(
        &finished.log,
        if options.log { None } else { Some(200) },
        out,
    )?;
    writeln!(out, "{}", finished.outcome)?;
    report::summary(&finished.stats, out)?;
    match finished.violation {
        None => Ok(true),
        Some(violation) => {
            writeln!(out, "FAILED {}: {}", violation.invariant, violation.detail)?;
            Ok(false)
        }
    }
}

fn many(options: Options, out: &mut dyn Write) -> io::Result<bool> {
    let next = AtomicU64::new(0);
    let watch = Stopwatch::start();
    let mut total = Stats::default();
    let mut failures: Vec<Failure> = Vec::new();
    let (sender, results) = mpsc::sync_channel::<(Stats, Vec<Failure>)>(options.threads * 4);
    thread::scope(|scope| {
        for _ in 0..options.threads.max(1) {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || work(options, next, &sender));
        }
        drop(sender);
        let mut told = Duration::ZERO;
        loop {
            let wait = (told + TELL_EVERY).saturating_sub(watch.elapsed());
            match results.recv_timeout(wait) {
                Ok((stats, failed)) => {
                    total.add(&stats);
                    for failure in failed {
                        if failures.len() < TOLD {
                            report::failure(options.seed, &failure, out)?;
                        } else {
                            report::verdict(options.seed, &failure, out)?;
                        }
                        failures.push(failure);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    told = watch.elapsed();
                    let failed = failures.len();
                    report::progress(&total, options.calls, failed, told, out)?;
                }
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
    })
    .and_then(|()| {
        failures.sort_by_key(|failure| failure.number);
        report::totals(options, &total, &failures, watch.elapsed(), out)
    })?;
    Ok(failures.is_empty())
}

fn work(options: Options, next: &AtomicU64, results: &mpsc::SyncSender<(Stats, Vec<Failure>)>) {
    loop {
        let first = next.fetch_add(BATCH, Ordering::Relaxed);
        if first >= options.calls {
            return;
        }
        let mut stats = Stats::default();
        let mut failures = Vec::new();
        for number in first..(first + BATCH).min(options.calls) {
            let seed = seed_of(options.seed, number);
            let finished = call(seed, false);
            stats.add(&finished.stats);
            if finished.violation.is_some() {
                failures.push(again(number, seed));
            }
        }
        if results.send((stats, failures)).is_err() {
            return;
        }
    }
}

/// The same call once more, with its log.
fn again(number: u64, seed: u64) -> Failure {
    let Finished {
        class,
        violation,
        log,
        ..
    } = call(seed, true);
    Failure {
        number,
        class,
        violation,
        log,
    }
}

/// The seed of one call among those that a seed names.
fn seed_of(seed: u64, number: u64) -> u64 {
    let mut random = Random::seeded(seed);
    random.bits() ^ Random::seeded(number).bits()
}
