//! Checking everything, stage by stage, with a summary that says where to look.

mod plan;
mod schedule;
mod stage;
mod summary;
mod tally;

use std::env;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::child::{Ending, Watch, yielding};
use crate::clock::{Stopwatch, spoken};
use crate::packages::Purpose;
use crate::{paths, say, setup};
use schedule::Turn;
use stage::Stage;
use summary::{Report, Verdict};
use tally::Tally;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Run only this stage, without those it builds on (may be given several times)
    #[arg(long, value_name = "STAGE")]
    only: Vec<String>,
    /// Name the stages and what each checks
    #[arg(long)]
    list: bool,
}

/// Runs every stage, or those that were asked for.
pub(crate) fn test(options: &Options) -> Result<ExitCode> {
    let stages = plan::stages()?;
    if options.list {
        for stage in &stages {
            say::line(&format!("{:<12} {}", stage.name, stage.checks));
        }
        return Ok(ExitCode::SUCCESS);
    }
    let stages = chosen(stages, &options.only)?;
    if stages.iter().any(|stage| stage.name == "setup") {
        setup::authorise(Purpose::Test)?;
    }

    let logs = paths::target().join("test-logs");
    fs::create_dir_all(&logs).context("the folder of the test logs cannot be made")?;
    let watch = Watch::begin()?;
    let total = Stopwatch::start();
    let reports = schedule::run(&stages, |stage, index, turn| {
        if watch.is_interrupted() {
            return None;
        }
        let title = format!("[{:>2}/{}] {}", index + 1, stages.len(), stage.name);
        let log = logs.join(format!("{:02}-{}.log", index + 1, stage.name));
        let report = match turn {
            Turn::Skip(need) => Report::ended(stage, Verdict::Skipped(need), &log),
            Turn::Run => {
                say::line(&format!("{title} …"));
                run(&watch, stage, &title, &log).unwrap_or_else(|error| {
                    say::error(&format!("{title}: {error:#}"));
                    Report::ended(stage, Verdict::Failed, &log)
                })
            }
        };
        say::line(&format!("{title} {}", report.line()));
        Some(report)
    });
    let code = summary::summarise(&reports, total.elapsed());
    if reports.len() < stages.len() {
        let left = stages.len() - reports.len();
        say::line(&format!("interrupted: {left} stages were not run"));
        return Ok(ExitCode::FAILURE);
    }
    Ok(code)
}

fn chosen(stages: Vec<Stage>, only: &[String]) -> Result<Vec<Stage>> {
    for name in only {
        if !stages.iter().any(|stage| stage.name == *name) {
            bail!("there is no stage {name}; `cargo xtask test --list` names them");
        }
    }
    let wanted = |stage: &Stage| only.is_empty() || only.contains(&stage.name);
    Ok(stages.into_iter().filter(wanted).collect())
}

/// Runs the commands of one stage until the first that fails. Where nobody watches, it says every
/// minute that it is alive, lest the machine be taken for dead.
fn run(watch: &Watch, stage: &Stage, title: &str, log: &Path) -> Result<Report> {
    let in_ci = env::var_os("CI").is_some();
    let stopwatch = Stopwatch::start();
    let mut file = File::create(log).with_context(|| paths::shown(log))?;
    let mut verdict = Verdict::Passed;
    for command in (stage.commands)() {
        let command = if stage.hungry {
            yielding(&command)
        } else {
            command
        };
        writeln!(file, "$ {}", shown(&command))?;
        let limit = stage.limit.saturating_sub(stopwatch.elapsed());
        let mut heartbeat = |_: Duration| {
            if in_ci {
                let so_far = spoken(stopwatch.elapsed());
                say::line(&format!("{title} still at it after {so_far}"));
            }
        };
        verdict = match watch.run(command, &file, limit, &mut heartbeat) {
            Ok(Ending::Exited(status)) if status.success() => Verdict::Passed,
            Ok(Ending::Exited(_)) => Verdict::Failed,
            Ok(Ending::OverTime) => {
                writeln!(file, "\nstopped: over its limit of {}", spoken(stage.limit))?;
                Verdict::OverTime
            }
            Ok(Ending::Interrupted) => Verdict::Interrupted,
            Err(error) => {
                writeln!(file, "\n{error:#}")?;
                Verdict::Failed
            }
        };
        if verdict != Verdict::Passed {
            break;
        }
    }
    let text = String::from_utf8_lossy(&fs::read(log)?).into_owned();
    let tally = stage.has_tests.then(|| Tally::of(&text));
    if verdict == Verdict::Passed && tally.is_some_and(|tally| tally.passed == 0) {
        writeln!(file, "\nfailed: this stage is made of tests, and none ran")?;
        verdict = Verdict::Failed;
    }
    Ok(Report {
        stage: stage.name.clone(),
        verdict,
        tally: tally.unwrap_or_default(),
        took: stopwatch.elapsed(),
        log: log.to_owned(),
    })
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_stage_is_an_error_rather_than_an_empty_run() {
        let error = chosen(
            vec![Stage::check("fmt", "", 0, Vec::new)],
            &["fnt".to_owned()],
        )
        .unwrap_err();
        assert!(error.to_string().contains("fnt"), "{error}");
    }
}
