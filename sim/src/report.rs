//! What is said about calls: progress, failures with their logs, counts, a histogram.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use crate::check::Violation;
use crate::run::Options;
use crate::scenario::Class;
use crate::stats::Stats;
use crate::time::{MS, PER_MS, S};

/// A call in which an invariant did not hold.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) number: u64,
    pub(crate) class: Class,
    /// None if it held the second time, which is a fault of the simulation's own.
    pub(crate) violation: Option<Violation>,
    pub(crate) log: Vec<String>,
}

/// Lines of a log that are shown if it is not wanted whole.
const LINES: usize = 200;

pub(crate) fn progress(
    stats: &Stats,
    calls: u64,
    failed: usize,
    elapsed: Duration,
    out: &mut dyn Write,
) -> io::Result<()> {
    let rate = stats.calls as f64 / elapsed.as_secs_f64().max(0.001);
    writeln!(
        out,
        "{} of {calls} calls, {rate:.0} a second, {failed} failed",
        stats.calls
    )?;
    out.flush()
}

pub(crate) fn failure(seed: u64, failure: &Failure, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "\n--- call {} of seed {seed}: {}",
        failure.number, failure.class
    )?;
    log(&failure.log, Some(LINES), out)?;
    verdict(seed, failure, out)?;
    writeln!(out, "---\n")?;
    out.flush()
}

/// What did not hold, and how to see it again.
pub(crate) fn verdict(seed: u64, failure: &Failure, out: &mut dyn Write) -> io::Result<()> {
    let number = failure.number;
    match &failure.violation {
        Some(violation) => writeln!(
            out,
            "FAILED call {number} ({}): {}: {}",
            failure.class, violation.invariant, violation.detail
        )?,
        None => writeln!(
            out,
            "FAILED call {number}, but not again: it is not the same twice"
        )?,
    }
    writeln!(
        out,
        "       again: cargo xtask sim --seed {seed} --call {number} --log"
    )
}

pub(crate) fn log(lines: &[String], most: Option<usize>, out: &mut dyn Write) -> io::Result<()> {
    let skipped = most.map_or(0, |most| lines.len().saturating_sub(most));
    if skipped > 0 {
        writeln!(
            out,
            "{:>14}  … {skipped} lines before; --log shows them",
            ""
        )?;
    }
    for line in &lines[skipped..] {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

pub(crate) fn totals(
    options: Options,
    stats: &Stats,
    failures: &[Failure],
    elapsed: Duration,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut outcomes: BTreeMap<&str, u64> = BTreeMap::new();
    for class in Class::ALL {
        let of_class: Vec<_> = stats
            .outcomes
            .iter()
            .filter(|((other, _), _)| other == class)
            .collect();
        let count: u64 = of_class.iter().map(|(_, count)| **count).sum();
        if count == 0 {
            continue;
        }
        let parts: Vec<String> = of_class
            .iter()
            .map(|((_, outcome), count)| format!("{outcome} {count}"))
            .collect();
        writeln!(out, "{class:<24}{count:>9}  {}", parts.join(", "))?;
        for ((_, outcome), count) in of_class {
            *outcomes.entry(outcome).or_default() += count;
        }
    }
    writeln!(out)?;
    for (outcome, count) in outcomes {
        writeln!(out, "{outcome:<24}{count:>9}")?;
    }
    summary(stats, out)?;
    let seconds = elapsed.as_secs_f64().max(0.001);
    writeln!(
        out,
        "\n{} calls of seed {} in {seconds:.1} s, {:.0} a second, {:.0} times real time",
        stats.calls,
        options.seed,
        stats.calls as f64 / seconds,
        stats.virtual_us as f64 / 1e6 / seconds
    )?;
    for failure in failures {
        verdict(options.seed, failure, out)?;
    }
    let failed = failures.len() as u64;
    let passed = stats.calls - failed;
    let word = if failed == 0 { "ok" } else { "FAILED" };
    // As cargo's own test runner says it, so that whoever counts tests counts calls.
    writeln!(
        out,
        "test result: {word}. {passed} passed; {failed} failed; 0 ignored"
    )?;
    out.flush()
}

pub(crate) fn summary(stats: &Stats, out: &mut dyn Write) -> io::Result<()> {
    let ms = |samples: u64| samples / PER_MS;
    writeln!(
        out,
        "\n{} s of calls, {} events\n\
         {} dials, {} connections, {} of them gone; {} resumed, {} new sessions, {} handed over\n\
         {} refreshes, {} failed ones; {} truncates; the upstream was held back in {} sessions\n\
         caller: {} s captured, {} gaps with {} ms lost, {} ms told to a second session again\n\
         agent: {} s heard, {} answers lost with their session\n\
         at most {} kB kept by a client, {} kB by a server; back {} ms after all was well, at most",
        stats.virtual_us / S,
        stats.steps,
        stats.dials,
        stats.connections,
        stats.drops,
        stats.resumed,
        stats.reseeded,
        stats.handed_over,
        stats.refreshes,
        stats.refresh_failures,
        stats.truncates,
        stats.back_pressure,
        ms(stats.input_samples) / 1000,
        stats.gaps,
        ms(stats.lost_samples),
        ms(stats.repeated_samples),
        ms(stats.output_samples) / 1000,
        stats.answers_lost,
        stats.most_kept_client / 1000,
        stats.most_kept_server / 1000,
        stats.longest_recovery / MS,
    )
}
